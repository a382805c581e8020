"""Objects as S3 describes them, without a byte of them being read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from readvault.aws import clients
from readvault.aws.failures import SourceMissing
from readvault.errors import InvalidError
from readvault.report import state_name

# Most bytes of the documents that pass between the parts.
_LONGEST = 8 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """What a HEAD tells of an object."""

    length: int
    etag: str
    version: str | None
    """Its version id, in a bucket that keeps versions."""
    checksum: str | None
    """SHA-256 of all of it as S3 has it (base64), where it does."""

    @property
    def name(self) -> str:
        """The state as one word, as listings and orders have it."""
        return state_name(self.length, None, self.etag)

    def is_called(self, version: str) -> bool:
        """Whether a text names this state."""
        return version.strip('"') in {self.name, self.etag, self.version}


def split(url: str) -> tuple[str, str]:
    """Bucket and key of a URL."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise InvalidError(f"{url} is no place in S3: it must be s3://BUCKET/KEY")
    return bucket, key


def plain_key(text: str) -> str:
    """The key that manifests, reports and notifications of S3 write as forms do; InvalidError for what is none."""
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidError(f"{text[:200]!r} is no key: its bytes are no UTF-8") from None


def look(url: str) -> Seen:
    """The state of an object; SourceMissing where there is none, or none that may be read."""
    bucket, key = split(url)
    s3 = clients.client("s3")
    try:
        found = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except s3.exceptions.ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:
            raise SourceMissing(f"{url}: there is no such object") from None
        if status == 403:
            raise SourceMissing(f"{url}: there is no such object, or this stack may not read it") from None
        raise
    version = found.get("VersionId")
    whole = found.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return Seen(
        length=found["ContentLength"],
        etag=found["ETag"].removeprefix("W/").strip('"'),
        version=None if version in (None, "null") else version,
        checksum=found.get("ChecksumSHA256") if whole else None,
    )


def in_full(url: str, version: str) -> str:
    """The state that a version means: where it is no whole name of one, the name of the object's state now, if that is
    meant by it or it is empty. So the same file is the same work, whoever announces it. SourceMissing as for `look`.
    """
    if ":" in version:
        return version
    seen = look(url)
    return seen.name if not version or seen.is_called(version) else version


def body(url: str) -> Any | None:
    """The content of an object, which reads as it comes; None where nothing is."""
    bucket, key = split(url)
    s3 = clients.client("s3")
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"]
    except s3.exceptions.ClientError as error:
        # Who may not list a bucket is told that what is missing is forbidden.
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (403, 404):
            return None
        raise


def document(url: str) -> dict[str, Any] | None:
    """The JSON object at a URL; None where nothing is."""
    content = body(url)
    if content is None:
        return None
    text = content.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise InvalidError(f"{url} is too long to be one of our documents")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidError(f"{url} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidError(f"{url} is no JSON object")
    return found


def write(url: str, value: Mapping[str, Any]) -> None:
    """Write a JSON object."""
    bucket, key = split(url)
    clients.client("s3").put_object(
        Bucket=bucket, Key=key, Body=json.dumps(value).encode(), ContentType="application/json"
    )

"""What arrives, as pieces of work: our own messages, lists of them, and S3's notifications.

Anybody who may send to the topic or the queue writes these, so nothing in them is believed: every field has its type,
its length and its alphabet, or the message is refused with the reason. Our message is

    {"source": "s3://BUCKET/KEY", "version": "...", "project": "...", "sample": "...", "tags": {...}, "options": {...}}

of which only the source must be there. Options are level, verify, index, name, and reference: a FASTA file that the
archive may lean on, in one of the source buckets. `version` names the state that is meant: LENGTH:ETAG (as listings
tell it), an ETag or a version id (also as `version_id`). What goes on to the queue has all of it, so that whoever reads
the queue asks nobody.
"""

import fnmatch
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from readvault import places
from readvault.aws import sources
from readvault.aws.failures import BadMessage
from readvault.errors import InvalidError
from readvault.pipeline.order import Options, check_key, identity_of, options_of
from readvault.report import state_name

# Bytes of one file's message: ten of them go into one request, which takes 256 KiB.
_LONGEST_MESSAGE = 16 << 10
# Bytes of a refused message that are kept for people.
_KEPT = 4 << 10
# Characters of an identity that are in the name of its executions: a name has at most 80.
_NAMED = 60
_LONGEST_KEY = 1024
_LONGEST_NAME = 256
_MOST_TAGS = 50
_MOST_AGAIN = 999
# Archives and what belongs to them: they are no sources.
_OURS = (".rv", ".rv.idx", ".rv.proof.json")
_FIELDS = {
    "source", "version", "version_id", "project", "sample", "tags", "options", "again", "identity", "execution",
}  # fmt: skip
_LEVELS = ("fast", "default", "max")
_VERIFICATIONS = ("digest", "sample", "full")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One source that is to be archived."""

    source: str
    version: str
    """The state that is meant; empty where the message names none."""
    options: Options
    again: int = 0
    """How often the same work was asked for again after it had failed."""

    @property
    def identity(self) -> str:
        """The same for the same work."""
        return identity_of(self.source, self.version, self.options)

    @property
    def execution(self) -> str:
        """The name of the state machine's run: the same for the same work, so it is done once."""
        name = f"rv-{self.identity[:_NAMED]}"
        return f"{name}-{self.again}" if self.again else name

    @property
    def group(self) -> str:
        """What the queue keeps in order: messages about one source."""
        return group_of(self.source)

    @property
    def deduplication(self) -> str:
        """What the queue knows the message by when it comes twice."""
        return f"{self.identity}-{self.again}" if self.again else self.identity

    def as_dict(self) -> dict[str, Any]:
        """The message as a JSON object."""
        told = {"source": self.source, "version": self.version, "options": self.options.as_dict()}
        return {**told, "again": self.again} if self.again else told

    def body(self) -> str:
        """The message as text."""
        return json.dumps(self.as_dict(), sort_keys=True)

    def once_more(self) -> "Wanted":
        """The same work, asked for again after it had failed."""
        return replace(self, again=self.again + 1)


@dataclass(frozen=True, slots=True)
class Refused:
    """A message, or a part of one, that stands for no work."""

    text: str
    why: str

    @property
    def group(self) -> str:
        """It keeps nothing else waiting."""
        return group_of(self.text)

    @property
    def deduplication(self) -> str:
        """The same for the same text."""
        return hashlib.sha256(self.text.encode(errors="replace")).hexdigest()

    def body(self) -> str:
        """What goes to the queue, where it fails until it is put aside with its reason."""
        return json.dumps(
            {"refused": self.why, "message": self.text.encode(errors="replace")[:_KEPT].decode(errors="replace")}
        )


def is_source(key: str, include: tuple[str, ...]) -> bool:
    """Whether a key of a listing is that of a source with such a name: no folder, nothing hidden, nothing of ours."""
    name = places.name_of(key)
    if key.endswith((*_OURS, "/")) or name.startswith("."):
        return False
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in include)


def run_of(execution: str) -> tuple[str, int]:
    """What the name of an execution says: the start of its work's identity, and how often that was asked for again."""
    start, _, again = execution.removeprefix("rv-").partition("-")
    return start, int(again) if again.isdecimal() else 0


def group_of(text: str) -> str:
    """The queue's group for a text."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def arrived(event: Mapping[str, Any], usual: Options, prefixes: tuple[str, ...] = ()) -> Iterator[Wanted | Refused]:
    """What a function was called with: by SNS, by S3 itself, by EventBridge, or with our own message.

    `usual` are the options of sources that ask for no others; `prefixes`, if any, are what their URLs start with.
    """
    records = event.get("Records")
    if isinstance(records, list) and any(isinstance(one, dict) and "Sns" in one for one in records):
        for record in records:
            yield from read(record["Sns"]["Message"], usual, prefixes)
        return
    yield from _each(event, usual, prefixes)


def read(text: str, usual: Options, prefixes: tuple[str, ...] = ()) -> Iterator[Wanted | Refused]:
    """The pieces of work in a message."""
    try:
        found = _parsed(text)
    except BadMessage as error:
        yield Refused(text, str(error))
        return
    yield from _each(found, usual, prefixes)


def queued(text: str, usual: Options, prefixes: tuple[str, ...] = ()) -> Wanted:
    """The one piece of work in a message of the queue; BadMessage where there is none."""
    found = _parsed(text)
    if isinstance(found, dict) and "refused" in found:
        raise BadMessage(f"refused when it arrived: {found['refused']}")
    return wanted_of(found, usual, prefixes)


def wanted_of(found: Any, usual: Options, prefixes: tuple[str, ...] = ()) -> Wanted:
    """The piece of work in a JSON object of ours; BadMessage for anything else."""
    if not isinstance(found, dict):
        raise BadMessage(f"a message is a JSON object, not {_kind(found)}")
    unknown = sorted(str(name)[:40] for name in set(found) - _FIELDS)
    if unknown:
        raise BadMessage(f"a message has no {', '.join(unknown[:5])} (it may have {', '.join(sorted(_FIELDS))})")
    if len(json.dumps(found)) > _LONGEST_MESSAGE:
        raise BadMessage(f"a message of one file has at most {_LONGEST_MESSAGE} bytes")
    source = _source(found.get("source"), prefixes)
    version = _text(found, "version") or _text(found, "version_id")
    again = found.get("again", 0)
    if type(again) is not int or not 0 <= again <= _MOST_AGAIN:
        raise BadMessage(f"`again` is a number up to {_MOST_AGAIN}")
    return Wanted(source, version, _options(found, usual, prefixes), again)


# --- Messages that hold others ---------------------------------------------------------------------------------------


def _parsed(text: Any) -> Any:
    if not isinstance(text, str):
        raise BadMessage(f"a message is a text, not {_kind(text)}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"the message is no JSON: {error}") from None


def _each(found: Any, usual: Options, prefixes: tuple[str, ...]) -> Iterator[Wanted | Refused]:
    if isinstance(found, list):
        for one in found:
            yield _one(one, usual, prefixes)
        return
    if isinstance(found, dict):
        if found.get("Event") == "s3:TestEvent":
            return
        notifications: Iterator[dict[str, Any]] | None = None
        if found.get("source") == "aws.s3" and "detail" in found:
            notifications = _of_event_bridge(found)
        elif isinstance(found.get("Records"), list):
            notifications = _of_s3(found["Records"])
        if notifications is not None:
            try:
                for one in notifications:
                    yield _one(one, usual, prefixes)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                yield Refused(_told(found), f"it looks like a notification of S3, and is none: {error!r}")
            return
    yield _one(found, usual, prefixes)


def _one(found: Any, usual: Options, prefixes: tuple[str, ...]) -> Wanted | Refused:
    try:
        return wanted_of(found, usual, prefixes)
    except BadMessage as error:
        return Refused(_told(found), str(error))


def _told(found: Any) -> str:
    try:
        return json.dumps(found)
    except (ValueError, TypeError, RecursionError):
        return repr(type(found))


def _of_s3(records: list[Any]) -> Iterator[dict[str, Any]]:
    """Notifications as S3 sends them to topics and functions. Keys are encoded as in forms."""
    for record in records:
        if not record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
            continue
        bucket, thing = record["s3"]["bucket"]["name"], record["s3"]["object"]
        yield from _notified(bucket, sources.plain_key(thing["key"]), thing.get("size"), thing.get("eTag"))


def _of_event_bridge(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Notifications as EventBridge passes them on. Keys stand there as they are."""
    if event["detail-type"] != "Object Created":
        return
    bucket, thing = event["detail"]["bucket"]["name"], event["detail"]["object"]
    yield from _notified(bucket, thing["key"], thing.get("size"), thing.get("etag"))


def _notified(bucket: str, key: str, size: Any, etag: Any) -> Iterator[dict[str, Any]]:
    # What we write ourselves, and what marks a folder, is nobody's finished file.
    if key.endswith((*_OURS, "/")):
        return
    known = type(size) is int and isinstance(etag, str) and etag != ""
    version = {"version": state_name(size, None, etag)} if known else {}
    yield {"source": f"s3://{bucket}/{key}", **version}


# --- Fields ----------------------------------------------------------------------------------------------------------


def _source(source: Any, prefixes: tuple[str, ...]) -> str:
    found = _object(source, "source", prefixes)
    if found.endswith(_OURS):
        raise BadMessage(f"{found} is an archive, or belongs to one")
    return found


def _object(url: Any, name: str, prefixes: tuple[str, ...]) -> str:
    """The URL of an object that the stack may read."""
    if not isinstance(url, str):
        raise BadMessage(f"`{name}` is a URL such as s3://BUCKET/KEY, not {_kind(url)}")
    bucket, _, key = _clean(url, name, _LONGEST_KEY + 100).removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or not key or key.endswith("/") or len(key.encode()) > _LONGEST_KEY:
        raise BadMessage(f"{url[:200]!r} names no object: a {name} is s3://BUCKET/KEY")
    if prefixes and not url.startswith(prefixes):
        raise BadMessage(f"{url} is in none of this stack's source buckets ({', '.join(prefixes)})")
    return url


def _options(found: dict[str, Any], usual: Options, prefixes: tuple[str, ...]) -> Options:
    given = found.get("options", {})
    if not isinstance(given, dict):
        raise BadMessage(f"`options` is a JSON object, not {_kind(given)}")
    asked = {**given, **{name: found[name] for name in ("project", "sample", "tags") if name in found}}
    asked = {name: value for name, value in asked.items() if value is not None}
    for name, allowed in (("level", _LEVELS), ("verify", _VERIFICATIONS)):
        if name in asked and asked[name] not in allowed:
            raise BadMessage(f"`{name}` is one of {', '.join(allowed)}")
    for name in ("project", "sample"):
        _text(asked, name)
    if not isinstance(asked.get("index", True), bool):
        raise BadMessage("`index` is true or false")
    if asked.get("reference") is not None:
        _object(asked["reference"], "reference", prefixes)
    _check_tags(asked.get("tags", {}))
    try:
        if asked.get("name") is not None:
            check_key(_clean(asked["name"], "name", _LONGEST_KEY))
        return options_of({**usual.as_dict(), **asked})
    except InvalidError as error:
        raise BadMessage(str(error)) from None


def _check_tags(tags: Any) -> None:
    if not isinstance(tags, dict) or len(tags) > _MOST_TAGS:
        raise BadMessage(f"`tags` is a JSON object of at most {_MOST_TAGS} texts")
    for key, value in tags.items():
        _clean(key, "tags", _LONGEST_NAME)
        _clean(value, "tags", _LONGEST_NAME)


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return "" if value is None else _clean(value, name, _LONGEST_NAME)


def _clean(text: Any, name: str, longest: int) -> str:
    """A text without what only breaks things."""
    if not isinstance(text, str):
        raise BadMessage(f"`{name}` is a text, not {_kind(text)}")
    if len(text) > longest:
        raise BadMessage(f"`{name}` has at most {longest} characters")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in text):
        raise BadMessage(f"`{name}` has control characters, or is no Unicode")
    return text


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return kinds.get(type(value), "a number")

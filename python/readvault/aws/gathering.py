"""What a bulk submission is asked to take, one source at a time: objects, prefixes, lists and manifests in S3 or here.

Each source knows its argument and its number there, so that a submission that was cut off goes on where it stopped:
prefixes from the key, lists and manifests from the line.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from readvault.aws import clients, inventory, sources
from readvault.aws.failures import SourceMissing
from readvault.aws.items import both
from readvault.aws.messages import is_source
from readvault.errors import InvalidError
from readvault.report import state_name

# What a list may say of a source besides its place; anything else is a tag.
_KNOWN = ("project", "sample")


@dataclass(frozen=True, slots=True)
class Found:
    """A source."""

    argument: int
    number: int
    """Its number among the argument's sources."""
    source: str
    version: str
    """The state that is meant; empty where nobody has looked."""
    size: int
    """0 where nobody has looked."""
    more: dict[str, Any]
    """Fields of its message: project, sample, tags, options."""

    @property
    def message(self) -> dict[str, Any]:
        """Its message."""
        return {"source": self.source, **({"version": self.version} if self.version else {}), **self.more}


@dataclass(frozen=True, slots=True)
class Argument:
    """What was asked for: a URL, lines of a list or manifest, or a report of S3 Inventory."""

    text: str
    lines: Iterable[str] | None = None
    manifest: bool = False


def is_prefix(argument: Argument) -> bool:
    """Whether an argument is a prefix by its looks: a bucket, or what ends with a slash."""
    rest = argument.text.removeprefix("s3://")
    return argument.lines is None and (rest.endswith("/") or "/" not in rest)


def found(
    arguments: list[Argument],
    more: dict[str, Any],
    include: tuple[str, ...],
    since: tuple[int, int, str] = (0, 0, ""),
) -> Iterator[Found]:
    """The sources of all arguments, from the place on that an earlier run came to."""
    first, number, last = since
    for position, argument in enumerate(arguments):
        if position < first:
            continue
        skipped, after = (number, last) if position == first else (0, "")
        for one, (source, version, size, told) in enumerate(_of(argument, include, skipped, after), skipped):
            yield Found(position, one, source, version, size, both(more, told))


def is_inventory(place: str) -> bool:
    """Whether a manifest is one of S3 Inventory by its name."""
    return place.startswith("s3://") and place.endswith(".json")


_One = tuple[str, str, int, dict[str, Any]]


def _of(argument: Argument, include: tuple[str, ...], skipped: int, after: str) -> Iterator[_One]:
    if argument.lines is not None:
        made = _manifest(argument) if argument.manifest else _listed(argument)
        yield from islice(made, skipped, None)
        return
    if argument.manifest:
        yield from islice(_reported(argument.text, include), skipped, None)
        return
    url = argument.text
    if not url.startswith("s3://"):
        raise InvalidError(
            f"{url}: the fleet reads from S3 alone: name s3://BUCKET/KEY, s3://BUCKET/PREFIX/, - or a manifest"
        )
    if is_prefix(argument):
        yield from _below(url, include, after)
        return
    try:
        seen = sources.look(url)
    except SourceMissing:
        # What names no object may be a prefix without its slash; a source that is not there is told by whoever sends.
        inside = _below(url + "/", include, after)
        first = next(inside, None)
        if first is None:
            if not skipped:
                yield url, "", 0, {}
            return
        yield first
        yield from inside
        return
    if not skipped:
        yield url, seen.name, seen.length, {}


def _below(url: str, include: tuple[str, ...], after: str) -> Iterator[_One]:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    start = {"StartAfter": after.removeprefix(f"s3://{bucket}/")} if after else {}
    for page in clients.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **start):
        for one in page.get("Contents", []):
            key = one["Key"]
            if is_source(key, include):
                version = state_name(one["Size"], None, one["ETag"].strip('"'))
                yield f"s3://{bucket}/{key}", version, one["Size"], {}


def _listed(argument: Argument) -> Iterator[_One]:
    """A URL a line, and after tabs what is known of it as KEY=VALUE, as `readvault submit -` takes it."""
    for line in argument.lines or ():
        text = line.rstrip("\r\n")
        if not text.strip() or text.startswith("#"):
            continue
        source, *pairs = text.split("\t")
        told: dict[str, Any] = {}
        tags: dict[str, str] = {}
        for pair in filter(None, pairs):
            key, equals, value = pair.partition("=")
            if not equals or not key:
                raise InvalidError(f"the list says {pair!r} of {source}: that is not KEY=VALUE")
            if key == "name":
                told["options"] = {"name": value}
            elif key in _KNOWN:
                told[key] = value
            else:
                tags[key] = value
        yield source, "", 0, {**told, **({"tags": tags} if tags else {})}


def _reported(place: str, include: tuple[str, ...]) -> Iterator[_One]:
    """What a report of S3 Inventory has of sources with such names."""
    for one in inventory.objects(place):
        if is_source(one.key, include):
            yield one.url, one.version, one.size, {}


def _manifest(argument: Argument) -> Iterator[_One]:
    """Rows of bucket, key as in forms, and perhaps a version id, as S3 Inventory and S3 Batch Operations have them."""
    for number, row in enumerate(csv.reader(argument.lines or ()), 1):
        if not row or row[0].lower() == "bucket":
            continue
        if len(row) < 2 or not row[0] or not row[1]:
            raise InvalidError(f"{argument.text}, line {number}: it is not BUCKET,KEY or BUCKET,KEY,VERSION")
        version = row[2].strip() if len(row) > 2 else ""
        yield f"s3://{row[0].strip()}/{sources.plain_key(row[1])}", "" if version == "null" else version, 0, {}

"""One item of a bulk run: which work it stands for.

A bulk run is an execution of the bulk machine with

    {"from": "listing", "bucket": "...", "prefix": "..."}        what is below a prefix
    {"from": "manifest", "bucket": "...", "key": "..."}          a JSON array of our messages (see `messages`)
    {"from": "csv", "bucket": "...", "key": "..."}               rows of bucket, key as in forms, maybe a version id

and beside these `concurrency` (files at a time), and if wanted `rate` (files an hour), `include` (patterns of names
that are taken of a listing; *.bam) and `more` (fields of every message: project, sample, tags, options).
"""

from collections.abc import Mapping
from typing import Any

from readvault.aws import sources
from readvault.aws.failures import BadMessage
from readvault.aws.messages import is_source
from readvault.errors import InvalidError
from readvault.report import state_name

LISTING = "listing"
MANIFEST = "manifest"
CSV = "csv"

USUAL_NAMES = ("*.bam",)


def message_of(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """Our message for an item; None where it is no source that was asked for. BadMessage where it is nothing at all."""
    item, bulk = event.get("item"), event.get("bulk")
    if not isinstance(item, dict) or not isinstance(bulk, dict):
        raise BadMessage("an item of a bulk run is a JSON object, and comes with what the run was told")
    kind, more = bulk.get("from"), bulk.get("more") or {}
    if not isinstance(more, dict):
        raise BadMessage("`more` is a JSON object with fields of messages")
    if kind == LISTING:
        found = _of_listing(item, bulk)
    elif kind == CSV:
        found = _of_row(item)
    else:
        found = item
    return None if found is None else both(more, found)


def both(more: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """What is said of all sources, with what is said of one."""
    inner: dict[str, Any] = {
        name: {**more.get(name, {}), **told[name]}
        for name in ("tags", "options")
        if name in told and isinstance(told[name], dict) and isinstance(more.get(name, {}), dict)
    }
    return {**more, **told, **inner}


def _of_listing(item: dict[str, Any], bulk: dict[str, Any]) -> dict[str, Any] | None:
    bucket, key, size = bulk.get("bucket"), item.get("Key"), item.get("Size")
    # Step Functions writes Etag, the API of S3 ETag.
    etag = item.get("Etag", item.get("ETag"))
    include = bulk.get("include") or USUAL_NAMES
    if not isinstance(key, str) or not isinstance(bucket, str) or not isinstance(include, list | tuple):
        raise BadMessage("an item of a listing has a Key, its run a `bucket`, and `include` is a list of patterns")
    if not is_source(key, tuple(map(str, include))):
        return None
    version = {}
    if isinstance(size, int) and isinstance(etag, str):
        version = {"version": state_name(size, None, etag.strip('"'))}
    return {"source": f"s3://{bucket}/{key}", **version}


def _of_row(item: dict[str, Any]) -> dict[str, Any] | None:
    bucket, key, version = (str(item.get(name) or "").strip() for name in ("bucket", "key", "version"))
    if bucket.lower() == "bucket":
        # The names of the columns.
        return None
    if not bucket or not key:
        raise BadMessage("a row of a manifest is bucket, key and perhaps a version id")
    named = version not in ("", "null")
    return {"source": f"s3://{bucket}/{_key(key)}", **({"version": version} if named else {})}


def _key(text: str) -> str:
    try:
        return sources.plain_key(text)
    except InvalidError as error:
        raise BadMessage(str(error)) from None

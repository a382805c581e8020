"""What S3 Inventory lists: a manifest.json, which names the CSV files that the objects are in, and their columns.

Keys are encoded as in forms. Where a report has lengths and ETags, the state of each source is known without a request.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from readvault.aws import sources
from readvault.aws.bodies import lines_of
from readvault.errors import InvalidError
from readvault.report import state_name


@dataclass(frozen=True, slots=True)
class Listed:
    """An object that stands in its bucket now."""

    key: str
    url: str
    version: str
    """Its state, as far as the report tells it: in full, its version id, or empty."""
    size: int
    """0 where the report does not tell it."""


def objects(place: str) -> Iterator[Listed]:
    """The objects of a report by its manifest.json in S3; InvalidError where that is none."""
    found = sources.document(place)
    if found is None:
        raise FileNotFoundError(f"{place}: there is no such object, or it may not be read")
    if found.get("fileFormat") != "CSV":
        raise InvalidError(
            f"{place}: this report's format is {found.get('fileFormat')!r}, and only CSV can be read: set the report's "
            f"output format to CSV, or give a manifest of bucket,key"
        )
    try:
        columns = [name.strip() for name in found["fileSchema"].split(",")]
        bucket = found["destinationBucket"].rsplit(":", 1)[-1]
        keys = [one["key"] for one in found["files"]]
        wanted = [columns.index(name) for name in ("Bucket", "Key")]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidError(f"{place} is no manifest of S3 Inventory: {error!r}") from None
    for key in keys:
        file = f"s3://{bucket}/{key}"
        with lines_of(file) as lines:
            for number, row in enumerate(csv.reader(lines), 1):
                if len(row) <= max(wanted):
                    raise InvalidError(f"{file}, line {number}: it has not the columns that {place} names")
                one = _listed(dict(zip(columns, row, strict=False)))
                if one is not None:
                    yield one


def _listed(row: dict[str, Any]) -> Listed | None:
    if row.get("IsLatest") == "false" or row.get("IsDeleteMarker") == "true":
        return None
    key = sources.plain_key(row["Key"])
    size, etag = row.get("Size", ""), row.get("ETag", "").strip('"')
    version = row.get("VersionId", "")
    if size.isdecimal() and etag:
        version = state_name(int(size), None, etag)
    return Listed(key, f"s3://{row['Bucket']}/{key}", version, int(size) if size.isdecimal() else 0)

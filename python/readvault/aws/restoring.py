"""Archives that lie deep, brought back for some days; and sources given back from those that can be read.

Bringing back is asked for and takes hours. Until an archive can be read, its entry and its index tell what is in it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from readvault import archive, objects
from readvault.aws import clients, sources
from readvault.catalog.model import Entry
from readvault.errors import DamagedError
from readvault.pipeline.restore import check_archive, reference_of

# What can be read at once, whatever it is called; all other classes are brought back first.
_COLD = ("GLACIER", "DEEP_ARCHIVE")
READY = "ready"
ASKED = "asked"
"""It is on its way."""
ARCHIVED = "archived"

TIERS = ("Bulk", "Standard", "Expedited")


@dataclass(frozen=True, slots=True)
class Archived:
    """How an archive lies."""

    entry: Entry
    state: str
    storage_class: str
    until: str
    """When S3 takes the copy away again that can be read; empty where it is none."""


def look(entry: Entry) -> Archived:
    """How an entry's archive lies now."""
    bucket, key = sources.split(entry.place)
    s3 = clients.client("s3")
    try:
        told = s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            raise FileNotFoundError(f"{entry.place}: the archive is not there") from None
        raise
    kind = str(told.get("StorageClass") or "STANDARD")
    words = str(told.get("Restore") or "")
    # Intelligent tiering has cold parts of its own, which this tells of.
    deep = kind in _COLD or bool(told.get("ArchiveStatus"))
    if not deep:
        return Archived(entry, READY, kind, "")
    if 'ongoing-request="true"' in words:
        return Archived(entry, ASKED, kind, "")
    if 'ongoing-request="false"' in words:
        return Archived(entry, READY, kind, words.partition('expiry-date="')[2].rstrip('"'))
    return Archived(entry, ARCHIVED, kind, "")


def ask(one: Archived, days: int, tier: str) -> Archived:
    """Ask for an archive that lies deep; asked for again, it comes once."""
    bucket, key = sources.split(one.entry.place)
    s3 = clients.client("s3")
    wanted: dict[str, object] = {"GlacierJobParameters": {"Tier": tier}}
    if one.storage_class in _COLD:
        wanted["Days"] = days
    try:
        s3.restore_object(Bucket=bucket, Key=key, RestoreRequest=wanted)
    except s3.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") != "RestoreAlreadyInProgress":
            raise
    return Archived(one.entry, ASKED, one.storage_class, "")


def give_back(
    entry: Entry,
    output: str,
    *,
    threads: int,
    force: bool,
    hear: Callable[[int, int | None], object] | None = None,
) -> None:
    """Write an entry's source; DamagedError, and nothing left, unless it is what the catalog says."""
    check_archive(entry)
    with reference_of(entry) as reference:
        report = archive.decompress(
            entry.place, output, threads=threads, force=force, reference=reference, progress=hear
        )
    made = report.fingerprint
    if (made.length, made.sha256, made.md5) != (entry.size, entry.sha256, entry.md5):
        objects.remove(output)
        raise DamagedError(
            f"{entry.place} holds another source than the catalog says: {made.sha256}, not {entry.sha256}"
        )


def target(entry: Entry, folder: str) -> str:
    """Where a source goes in a folder: its archive's key keeps those of one name apart."""
    path = Path(folder) / entry.key.removesuffix(".rv")
    path.parent.mkdir(parents=True, exist_ok=True)
    return str(path)

"""Archives that lie deep, brought back for some days; and where sources go that are given back.

Bringing back is asked for and takes hours. Until an archive can be read, its entry and its index tell what is in it.
"""

from dataclasses import dataclass
from pathlib import Path

from readvault.aws import clients, sources
from readvault.catalog.model import Entry

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


def target(entry: Entry, folder: str) -> str:
    """Where a source goes in a folder: its archive's key keeps those of one name apart."""
    path = Path(folder) / entry.key.removesuffix(".rv")
    path.parent.mkdir(parents=True, exist_ok=True)
    return str(path)

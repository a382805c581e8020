"""What a check of the catalog finds, in words: what it is, where, and what to do about it."""

from dataclasses import dataclass
from typing import Any

from readvault import places
from readvault.catalog.model import Entry

# Kinds of findings. With these an archive may be lost, or cannot be proved to be there.
_BAD = ("missing", "changed", "unreadable", "sidecar", "reference", "audit")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    kind: str
    place: str
    message: str
    uuid: str | None = None

    @property
    def is_bad(self) -> bool:
        """Whether something may be lost: what is only too much is not."""
        return self.kind in _BAD

    def as_dict(self) -> dict[str, Any]:
        """The finding as a JSON object."""
        return {"finding": self.kind, "place": self.place, "uuid": self.uuid, "message": self.message}


def missing(entry: Entry) -> Finding:
    """An archive is not there."""
    return Finding("missing", entry.place, f"the archive of {entry.name} is not there any more", entry.uuid)


def length(entry: Entry, length: int) -> Finding:
    """An archive has another length."""
    return changed(entry, f"it has {length:,} bytes, recorded were {entry.archive_size:,}")


def changed(entry: Entry, how: str) -> Finding:
    """What stands at an archive's place is something else."""
    return Finding("changed", entry.place, f"is not the archive of {entry.name} that was recorded: {how}", entry.uuid)


def no_sidecar(entry: Entry) -> Finding:
    """The indexes of an archive are not there."""
    place = places.join(entry.store, entry.sidecar or "")
    remedy = f"`readvault index {entry.place}` makes it again"
    return Finding("sidecar", place, f"the index of {entry.place} is not there any more: {remedy}", entry.uuid)


def no_reference(place: str, entry: Entry, number: int = 1) -> Finding:
    """The copy of a reference is not there that an archive, or a number of them, leans on."""
    others = f" and {number - 1:,} more" if number > 1 else ""
    message = f"the reference is gone that {entry.place}{others} cannot be decoded without: put the FASTA file back"
    return Finding("reference", place, message, entry.uuid)


def orphan(store: str, key: str) -> Finding:
    """Something in the store that no entry tells of."""
    place = places.join(store, key)
    if key.endswith(".rv"):
        return Finding("orphan", place, "no entry tells of this archive: `readvault catalog import` makes one")
    return Finding("orphan", place, "no entry tells of this file")


def left_over(place: str, seconds: float) -> Finding:
    """A temporary file that nobody writes to."""
    since = f"{seconds / 3600:,.0f} hours"
    return Finding("left-over", place, f"nobody has written to this temporary file for {since}: it may be deleted")


def unreadable(entry: Entry, error: Exception) -> Finding:
    """An archive of which it cannot be told."""
    return Finding("unreadable", entry.place, str(error), entry.uuid)

"""An entry of the catalog: what one archive is, where it stands, how it was checked, and what became of its source.

Times are ISO 8601 in UTC with seconds (`2026-11-29T13:00:00Z`), so that they sort as text. Lengths are bytes. Entries
are JSON objects wherever they leave the program; `ENTRY_VERSION` is raised when a field changes its meaning.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from readvault import places
from readvault.errors import DamagedError, UnsupportedError

ENTRY_VERSION = 1

# The tier of archives that no rule has moved yet.
HOT = "hot"


@dataclass(frozen=True, slots=True)
class Entry:
    """One archive."""

    uuid: str
    """The archive's UUID: the entry's name for programs."""
    name: str
    """Name of the source file, without folder."""
    kind: str
    """What the source is, such as `bam`."""
    size: int
    """Bytes of the source."""
    sha256: str
    """Digests of the source."""
    md5: str
    source: str
    """Where the source stood: an absolute path or a URL."""
    source_version: str
    """Which state of it went into the archive."""
    store: str
    """The folder or URL that keys are relative to."""
    key: str
    """The archive's place in the store."""
    sidecar: str | None
    """Key of the indexes made for it."""
    version: str | None
    """The store's own name for the archive's state: a version id or an ETag."""
    archive_size: int
    archive_sha256: str
    archive_digest: str
    """SHA-256 of the archive's trailer, which holds digests of all the rest."""
    ratio: float
    level: str | None
    records: int
    references: tuple[dict[str, Any], ...]
    """Sequences that the archive cannot be decoded without: name, length, MD5."""
    reference: str | None
    """Key of the FASTA file in the store that has them."""
    verified: str
    """How the published archive was verified: digest, sample or full; imported: digested and never decoded."""
    verified_full: str | None
    """When all of it was last decoded and compared."""
    created: str
    """When the entry was made."""
    seconds: float
    """What making it took, from the job's start to its record."""
    writer: str
    """The software that made the archive."""
    project: str = ""
    sample: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    """What is odd about the source, such as `truncated`; it is stored exactly as it is."""
    job: int | None = None
    tier: str = HOT
    """`hot`, or the name of the rule that has moved it."""
    tiered: str | None = None
    done: str | None = None
    """When all work that reads the archive was said to be over."""
    reclaimed: str | None = None
    """When the source was deleted."""

    @property
    def place(self) -> str:
        """The archive's path or URL."""
        return places.join(self.store, self.key)

    def as_dict(self) -> dict[str, Any]:
        """The entry as a JSON object."""
        # Not `asdict`, which takes ten times as long: catalogs of 100,000 entries are written out whole.
        found = {name: getattr(self, name) for name in self.__slots__}
        return {"entry_version": ENTRY_VERSION, **found, "tags": dict(self.tags)}


_NAMES = frozenset(Entry.__slots__)


def entry_of(found: Mapping[str, Any]) -> Entry:
    """The entry in a JSON object; UnsupportedError when a newer version wrote it, DamagedError when it is none."""
    version = found.get("entry_version")
    if version != ENTRY_VERSION:
        raise UnsupportedError(f"the entry has version {version!r}; this version of Readvault reads {ENTRY_VERSION}")
    values = {key: value for key, value in found.items() if key in _NAMES}
    for listed in ("references", "marks"):
        values[listed] = tuple(values.get(listed) or ())
    try:
        return Entry(**values)
    except TypeError as error:
        raise DamagedError(f"the entry lacks fields: {error}") from None


def now() -> str:
    """The time as entries have it."""
    return text_of(datetime.now(UTC))


def text_of(time: datetime) -> str:
    """A time as entries have it."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Conflict(Exception):  # noqa: N818 - what there is, not what went wrong
    """Another entry has this key or UUID."""


class Catalog(Protocol):
    """Where entries are kept: in a file (`readvault.catalog.sqlite`), or in a table (`readvault.catalog.dynamodb`)."""

    def put(self, entry: Entry) -> None:
        """Add an entry. The same entry again does nothing; Conflict where another one has its key or UUID."""

    def get(self, uuid: str) -> Entry | None:
        """The entry with this UUID."""

    def at(self, place: str) -> Entry | None:
        """The entry of the archive at a path or URL."""

    def find(
        self, conditions: "tuple[Condition, ...]" = (), *, limit: int | None = None, newest: bool = False
    ) -> Iterator[Entry]:
        """Entries that meet all conditions, oldest first. Of more than `limit` these are the oldest, or the newest."""

    def every(self, conditions: "tuple[Condition, ...]" = ()) -> Iterator[Entry]:
        """Entries that meet all conditions, in any order, and however many there are in constant memory."""

    def count(self, conditions: "tuple[Condition, ...]" = ()) -> tuple[int, int, int]:
        """How many entries meet all conditions, and the bytes of their sources and archives."""

    def change(self, uuid: str, **changes: Any) -> Entry:
        """Set fields of an entry and return it; KeyError where there is none, Conflict as for `put`."""

    def remove(self, uuid: str) -> None:
        """Take an entry out."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What entries are asked for: a field, an operator and a value of the field's type.

    The field is one of an entry's, `mark` or `tag.KEY`. Operators: `=` (a text may hold * and ?), `!=`, `<`, `<=`, `>`,
    `>=`. An empty value stands for none; of several values one must fit.
    """

    field: str
    operator: str
    value: str | int | float | tuple[str, ...] | None

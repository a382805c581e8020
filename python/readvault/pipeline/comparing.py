"""The catalog compared with what is in the store: what is missing, what is another file now, what no entry tells of.

The whole catalog is compared with one listing of the store, not with a question for each archive. What is listed goes
into a database of SQLite's that is gone afterwards: a store of any size is compared in constant memory. Chosen entries
are looked at one by one.
"""

import fnmatch
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol, TypeAlias

from readvault import objects, places
from readvault.catalog.model import Catalog, Condition, Entry, text_of
from readvault.errors import ReadvaultError
from readvault.objects import Listed
from readvault.pipeline import findings
from readvault.pipeline.findings import Finding

Hear: TypeAlias = Callable[[str, int, int | None], object]
"""Is told what is read, how far that is, and of how much."""

# Files that are being written, here and in core.
_TEMPORARY = ".*.tmp"
# Seconds after which one that nobody has written to is left over.
_OLD = 3600.0
# Rows that are read or written in one go.
_PAGE = 500
# Entries that are looked at together: a request takes tens of milliseconds, most of them waiting.
_TOGETHER = 32
# Seconds by which clocks may be apart, a store's or another machine's and ours.
_CLOCKS = 300.0
# What stands beside an archive and belongs to it.
_SIDECAR, _PROOF = ".idx", ".proof.json"
# What stands beside a reference and belongs to it.
_BESIDE_REFERENCE = (".fai", ".gzi")


class Held(Protocol):
    """A catalog and its store, as they are compared."""

    @property
    def catalog(self) -> Catalog:
        """The entries."""

    @property
    def store(self) -> str:
        """Folder or URL of the archives."""

    @property
    def own(self) -> tuple[str, ...]:
        """How the places of files start that are the catalog's own, where these are in the store."""

    def kept(self) -> Iterable[str]:
        """Keys of what belongs there though no entry tells of it: of archives that are being made, of references."""


@dataclass(slots=True)
class Checked:
    """What has been compared so far."""

    entries: int = 0
    archive_bytes: int = 0

    def counting(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries, each counted."""
        for entry in entries:
            self.entries += 1
            self.archive_bytes += entry.archive_size
            yield entry


def compare(
    held: Held,
    conditions: tuple[Condition, ...] = (),
    *,
    digest: bool = False,
    hear: Hear | None = None,
    checked: Checked | None = None,
) -> Iterator[Finding]:
    """Compare entries with the store, all of them unless conditions choose some.

    `digest` also reads every archive and compares its SHA-256.
    """
    checked = checked or Checked()
    if conditions:
        yield from _each(checked.counting(held.catalog.every(conditions)), set(), digest=digest, hear=hear)
    else:
        yield from _all(held, checked, digest=digest, hear=hear)


# --- Chosen entries --------------------------------------------------------------------------------------------------


def _each(entries: Iterable[Entry], references: set[str], *, digest: bool, hear: Hear | None) -> Iterator[Finding]:
    """Look at entries one by one. `references` are those that were looked at, and get more."""
    entries = iter(entries)
    with ThreadPoolExecutor(_TOGETHER) as pool:
        while window := list(islice(entries, _TOGETHER)):
            for entry, found in zip(window, pool.map(_looked_at, window), strict=True):
                there = not any(one.kind in ("missing", "unreadable") for one in found)
                if digest and there:
                    found = [one for one in found if one.kind != "changed"] + _digested(entry, hear)
                yield from found
                if entry.reference is None:
                    continue
                place = places.join(entry.store, entry.reference)
                if place not in references:
                    references.add(place)
                    yield from [] if _is_there(place) else [findings.no_reference(place, entry)]


def _looked_at(entry: Entry) -> list[Finding]:
    found = []
    try:
        state = objects.look(entry.place)
        if state.length != entry.archive_size:
            found.append(findings.length(entry, state.length))
        elif entry.version is not None and entry.version != (state.version or state.etag):
            found.append(
                findings.changed(entry, f"its state is {state.version or state.etag}, recorded was {entry.version}")
            )
        if entry.sidecar is not None and not _is_there(places.join(entry.store, entry.sidecar)):
            found.append(findings.no_sidecar(entry))
    except FileNotFoundError:
        found.append(findings.missing(entry))
    except (OSError, ReadvaultError) as error:
        found.append(findings.unreadable(entry, error))
    return found


def _digested(entry: Entry, hear: Hear | None) -> list[Finding]:
    """Read all of an archive. If it has the digest that it should have, it is good, whatever its state is called."""
    try:
        read = objects.digest(
            entry.place,
            progress=None if hear is None else lambda done, total: hear(entry.place, done, total),
        )
    except FileNotFoundError:
        return [findings.missing(entry)]
    except (OSError, ReadvaultError) as error:
        return [findings.unreadable(entry, error)]
    if read.length != entry.archive_size:
        return [findings.length(entry, read.length)]
    if read.sha256 != entry.archive_sha256:
        return [findings.changed(entry, f"its SHA-256 is {read.sha256}, recorded was {entry.archive_sha256}")]
    return []


def _is_there(place: str) -> bool:
    try:
        objects.look(place)
    except FileNotFoundError:
        return False
    return True


# --- All entries -----------------------------------------------------------------------------------------------------


def _all(held: Held, checked: Checked, *, digest: bool, hear: Hear | None) -> Iterator[Finding]:
    # Archives that were recorded from here on may have come when the listing had passed their place already.
    since = text_of(datetime.fromtimestamp(time.time() - _CLOCKS, UTC))
    # A name that is empty: a file of SQLite's own, which only this connection knows.
    with closing(sqlite3.connect("", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute(
            "CREATE TABLE listed (key TEXT PRIMARY KEY, length INTEGER, modified REAL, etag TEXT) WITHOUT ROWID"
        )
        connection.execute("CREATE TABLE known (key TEXT PRIMARY KEY) WITHOUT ROWID")
        yield from _listed(held, connection, hear)
        # Before the entries: work that is done meanwhile has one when they are read.
        _know(connection, held.kept())
        leaning: dict[str, tuple[Entry, int]] = {}
        elsewhere: set[str] = set()
        entries = checked.counting(held.catalog.every())
        while page := list(islice(entries, _PAGE)):
            here = [entry for entry in page if entry.store == held.store]
            _know(connection, (entry.key for entry in here))
            for entry in here:
                yield from _one(entry, connection, since, digest=digest, hear=hear)
                if entry.reference is not None:
                    first, number = leaning.get(entry.reference, (entry, 0))
                    leaning[entry.reference] = (first, number + 1)
            # Entries of a store that there was before.
            others = [entry for entry in page if entry.store != held.store]
            yield from _each(others, elsewhere, digest=digest, hear=hear)
        _know(connection, (key for reference in leaning for key in reference_and_beside(reference)))
        for key, (entry, number) in leaning.items():
            if not _is_listed(connection, key) and not _is_there(places.join(held.store, key)):
                yield findings.no_reference(places.join(held.store, key), entry, number)
        yield from _orphans(connection, held.store)


def reference_and_beside(key: str) -> tuple[str, ...]:
    """Keys of a reference, and of the indexes that programs put beside it."""
    return (key, *(key + end for end in _BESIDE_REFERENCE))


def _know(connection: sqlite3.Connection, keys: Iterable[str]) -> None:
    left = iter(keys)
    while page := [(key,) for key in islice(left, _PAGE)]:
        connection.execute("BEGIN")
        connection.executemany("INSERT OR IGNORE INTO known VALUES (?)", page)
        connection.execute("COMMIT")


def _listed(held: Held, connection: sqlite3.Connection, hear: Hear | None) -> Iterator[Finding]:
    """Put what is in the store into the table. Gives the left-overs, which are no part of it."""
    prefix = held.store.removeprefix("file://").rstrip("/") + "/"
    own = held.own
    listing, number = _listing(held.store, prefix), 0
    while page := list(islice(listing, _PAGE)):
        rows = []
        for one in page:
            if fnmatch.fnmatchcase(places.name_of(one.place), _TEMPORARY):
                yield from _left_over(one)
            elif not one.place.startswith(own):
                rows.append((one.place.removeprefix(prefix), one.length, one.modified_ns / 1e9, one.etag))
        connection.execute("BEGIN")
        connection.executemany("INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        number += len(page)
        if hear is not None:
            hear(f"{held.store}, {number:,} listed", 0, None)


def _listing(store: str, prefix: str) -> Iterator[Listed]:
    try:
        yield from objects.listing(prefix)
    except FileNotFoundError:
        raise FileNotFoundError(f"{store}: the store of the archives is not there: is its disk mounted?") from None


def _left_over(one: Listed) -> list[Finding]:
    age = time.time() - one.modified_ns / 1e9
    if age < _OLD:
        return []
    return [findings.left_over(one.place, age)]


def _one(
    entry: Entry, connection: sqlite3.Connection, since: str, *, digest: bool, hear: Hear | None
) -> Iterator[Finding]:
    """Compare an entry with what is listed at its key."""
    row = connection.execute("SELECT length, modified, etag FROM listed WHERE key = ?", (entry.key,)).fetchone()
    if row is None:
        yield from _looked_at(entry) if entry.created > since else [findings.missing(entry)]
        return
    length, modified, etag = row
    if digest:
        yield from _digested(entry, hear)
    elif length != entry.archive_size:
        yield findings.length(entry, length)
    elif _may_have_changed(entry, modified, etag):
        # The list does not tell all of a state.
        yield from (one for one in _looked_at(entry) if one.kind != "sidecar")
    if entry.sidecar is None or _is_listed(connection, entry.sidecar):
        return
    if entry.created <= since or not _is_there(places.join(entry.store, entry.sidecar)):
        yield findings.no_sidecar(entry)


def _may_have_changed(entry: Entry, modified: float, etag: str | None) -> bool:
    """Whether a list leaves it open that an object is the recorded one."""
    if etag is None or entry.version is None:
        return False
    if _bare(etag) == _bare(entry.version):
        return False
    # Buckets that keep versions have recorded a version's id, which lists do not tell; but they tell times.
    is_etag = entry.version.startswith(('"', "W/"))
    return is_etag or text_of(datetime.fromtimestamp(max(modified - _CLOCKS, 0.0), UTC)) > entry.created


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _is_listed(connection: sqlite3.Connection, key: str) -> bool:
    return connection.execute("SELECT 1 FROM listed WHERE key = ?", (key,)).fetchone() is not None


def _orphans(connection: sqlite3.Connection, store: str) -> Iterator[Finding]:
    """What is listed and known to nobody: it is neither kept nor an entry's archive, nor beside one."""
    owners = ["listed.key"]
    owners += [
        f"CASE WHEN listed.key LIKE '%{end}' THEN substr(listed.key, 1, length(listed.key) - {len(end)}) END"
        for end in (_SIDECAR, _PROOF)
    ]
    rows = connection.execute(
        f"SELECT key FROM listed WHERE NOT EXISTS (SELECT 1 FROM known WHERE key IN ({', '.join(owners)})) "  # noqa: S608
        "ORDER BY key"
    )
    for row in rows:
        yield findings.orphan(store, row[0])

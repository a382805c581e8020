"""The catalog compared with what is in the store: what is missing, what is another file now, what no entry tells of.

The whole catalog is compared with one listing of the store, not with a question for each archive. What is listed goes
into a temporary table of SQLite's: a store of any size is compared in constant memory. Chosen entries are looked
at one by one.
"""

import fnmatch
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import TypeAlias

from readvault import objects, places
from readvault.catalog.model import Condition, Entry, entry_of, text_of
from readvault.errors import DamagedError, ReadvaultError
from readvault.objects import Listed
from readvault.vault import findings
from readvault.vault.findings import Finding
from readvault.vault.home import Vault

Hear: TypeAlias = Callable[[str, int, int | None], object]
"""Is told what is read, how far that is, and of how much."""

# Files that are being written, here and in core.
_TEMPORARY = ".*.tmp"
# Seconds after which one that nobody has written to is left over.
_OLD = 3600.0
# Rows that are read or written in one go, so that no transaction stays open while a reader dawdles.
_PAGE = 500
# Entries that are looked at together: a request takes tens of milliseconds, most of them waiting.
_TOGETHER = 32
# Seconds by which a store's clock may be ahead of ours.
_CLOCKS = 300.0
# What stands beside an archive and belongs to it.
_SIDECAR, _PROOF = ".idx", ".proof.json"
# Jobs that may have put something into the store which no entry tells of yet.
_IN_WORK = "('queued', 'waiting', 'running')"


def compare(
    vault: Vault, conditions: tuple[Condition, ...] = (), *, digest: bool = False, hear: Hear | None = None
) -> Iterator[Finding]:
    """Compare entries with the store, all of them unless conditions choose some; then the audit log with itself.

    `digest` also reads every archive and compares its SHA-256.
    """
    if conditions:
        yield from _each(vault, vault.catalog.find(conditions), digest=digest, hear=hear)
    else:
        yield from _all(vault, digest=digest, hear=hear)
    try:
        vault.audit.check(vault.database.read())
    except DamagedError as error:
        yield Finding("audit", str(vault.audit.path), str(error))


# --- Chosen entries --------------------------------------------------------------------------------------------------


def _each(vault: Vault, entries: Iterable[Entry], *, digest: bool, hear: Hear | None) -> Iterator[Finding]:
    entries = iter(entries)
    references: set[str] = set()
    with ThreadPoolExecutor(_TOGETHER) as pool:
        while window := list(islice(entries, _TOGETHER)):
            for entry, found in zip(window, pool.map(_looked_at, window), strict=True):
                there = not any(one.kind in ("missing", "unreadable") for one in found)
                if digest and there:
                    found = [one for one in found if one.kind != "changed"] + _digested(entry, hear)
                yield from found
                if entry.reference is not None and entry.reference not in references:
                    references.add(entry.reference)
                    yield from _reference(entry)


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


def _reference(entry: Entry) -> list[Finding]:
    place = places.join(entry.store, entry.reference or "")
    return [] if _is_there(place) else [findings.no_reference(place, entry)]


def _is_there(place: str) -> bool:
    try:
        objects.look(place)
    except FileNotFoundError:
        return False
    return True


# --- All entries -----------------------------------------------------------------------------------------------------


def _all(vault: Vault, *, digest: bool, hear: Hear | None) -> Iterator[Finding]:
    connection = vault.database.read()
    # Entries that are made from here on may be of archives that the listing has passed already.
    last = connection.execute("SELECT coalesce(max(number), 0) FROM entries").fetchone()[0]
    connection.execute("DROP TABLE IF EXISTS temp.listed")
    connection.execute(
        "CREATE TEMP TABLE listed (key TEXT PRIMARY KEY, length INTEGER, modified REAL, etag TEXT) WITHOUT ROWID"
    )
    try:
        yield from _listed(vault, connection, hear)
        for entry, length, modified, etag in _compared(connection, vault.store, last):
            yield from _one(entry, length, modified, etag, connection, digest=digest, hear=hear)
        yield from _lost_references(connection, vault.store, last)
        yield from _orphans(connection, vault.store)
    finally:
        connection.execute("DROP TABLE IF EXISTS temp.listed")
    # Entries of a store that the vault had before.
    elsewhere = (Condition("store", "!=", vault.store),)
    yield from _each(vault, vault.catalog.find(elsewhere), digest=digest, hear=hear)


def _listed(vault: Vault, connection: sqlite3.Connection, hear: Hear | None) -> Iterator[Finding]:
    """Put what is in the store into the table. Gives the left-overs, which are no part of it."""
    prefix = vault.store.removeprefix("file://").rstrip("/") + "/"
    own = _own_files(vault)
    listing, number = _listing(vault.store, prefix), 0
    while page := list(islice(listing, _PAGE)):
        rows = []
        for one in page:
            if fnmatch.fnmatchcase(places.name_of(one.place), _TEMPORARY):
                yield from _left_over(one)
            elif not one.place.startswith(own):
                rows.append((one.place.removeprefix(prefix), one.length, one.modified_ns / 1e9, one.etag))
        connection.execute("BEGIN")
        connection.executemany("INSERT OR REPLACE INTO temp.listed VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        number += len(page)
        if hear is not None:
            hear(f"{vault.store}, {number:,} listed", 0, None)


def _listing(store: str, prefix: str) -> Iterator[Listed]:
    try:
        yield from objects.listing(prefix)
    except FileNotFoundError:
        raise FileNotFoundError(f"{store}: the vault's store is not there: is its disk mounted?") from None


def _own_files(vault: Vault) -> tuple[str, ...]:
    """How the places of a vault's own files start, which are in the store where that is around the vault's folder."""
    names = ["vault.toml", vault.database.path.name, vault.audit.path.name, vault.runners.name + "/"]
    return tuple(str(vault.folder / name) for name in [*names, vault.settings.announce_file or names[0]])


def _left_over(one: Listed) -> list[Finding]:
    age = time.time() - one.modified_ns / 1e9
    if age < _OLD:
        return []
    return [findings.left_over(one.place, age)]


def _compared(
    connection: sqlite3.Connection, store: str, last: int
) -> Iterator[tuple[Entry, int | None, float | None, str | None]]:
    """Entries, and what is listed at their keys."""
    number = 0
    while page := connection.execute(
        # +store: without the index of stores, which would mean sorting all of the entries for every page.
        "SELECT number, document, length, modified, etag FROM entries LEFT JOIN temp.listed AS listed "
        "ON listed.key = entries.key WHERE +store = ? AND number > ? AND number <= ? ORDER BY number LIMIT ?",
        (store, number, last, _PAGE),
    ).fetchall():
        for row in page:
            yield entry_of(json.loads(row["document"])), row["length"], row["modified"], row["etag"]
        number = page[-1]["number"]


def _one(
    entry: Entry,
    length: int | None,
    modified: float | None,
    etag: str | None,
    connection: sqlite3.Connection,
    *,
    digest: bool,
    hear: Hear | None,
) -> Iterator[Finding]:
    """Compare an entry with what is listed at its key."""
    if length is None:
        yield findings.missing(entry)
        return
    if digest:
        yield from _digested(entry, hear)
    elif length != entry.archive_size:
        yield findings.length(entry, length)
    elif _may_have_changed(entry, modified or 0.0, etag):
        # The list does not tell all of a state.
        yield from (one for one in _looked_at(entry) if one.kind != "sidecar")
    if entry.sidecar is not None and not _is_listed(connection, entry.sidecar):
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
    return connection.execute("SELECT 1 FROM temp.listed WHERE key = ?", (key,)).fetchone() is not None


def _lost_references(connection: sqlite3.Connection, store: str, last: int) -> Iterator[Finding]:
    """Copies of references that are gone, each once."""
    rows = connection.execute(
        "SELECT document, json_extract(document, '$.reference') AS reference, count(*) FROM entries "
        "WHERE store = ? AND number <= ? AND reference IS NOT NULL AND reference NOT IN (SELECT key FROM temp.listed) "
        "GROUP BY reference",
        (store, last),
    ).fetchall()
    for row in rows:
        entry = entry_of(json.loads(row["document"]))
        yield findings.no_reference(places.join(store, row["reference"]), entry, row[2])


def _orphans(connection: sqlite3.Connection, store: str) -> Iterator[Finding]:
    """What is listed and belongs to no entry, no job in work and no kept reference."""
    known = "SELECT 1 FROM entries WHERE store = :store AND key = "
    working = f"SELECT 1 FROM jobs WHERE state IN {_IN_WORK} AND key = "  # noqa: S608
    owners = ["listed.key", *(f"substr(listed.key, 1, length(listed.key) - {len(end)})" for end in (_SIDECAR, _PROOF))]
    tests = ["1", f"listed.key LIKE '%{_SIDECAR}'", f"listed.key LIKE '%{_PROOF}'"]
    owned = " OR ".join(
        f"({test} AND (EXISTS ({working}{owner}) OR EXISTS ({known}{owner})))"
        for test, owner in zip(tests, owners, strict=True)
    )
    reference = (
        "listed.key LIKE 'references/%' AND EXISTS (SELECT 1 FROM reference_files "
        "WHERE key IN (listed.key, substr(listed.key, 1, length(listed.key) - 4)))"
    )
    key = ""
    while page := connection.execute(
        f"SELECT key FROM temp.listed AS listed WHERE key > :key AND NOT ({owned} OR ({reference})) "  # noqa: S608
        f"ORDER BY key LIMIT {_PAGE}",
        {"store": store, "key": key},
    ).fetchall():
        for row in page:
            yield findings.orphan(store, row["key"])
        key = page[-1]["key"]

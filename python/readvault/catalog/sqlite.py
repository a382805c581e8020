"""The catalog in a vault's SQLite file. Columns are for finding; the JSON document is the entry."""

import json
import sqlite3
from array import array
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from readvault.catalog.database import Database
from readvault.catalog.model import Condition, Conflict, Entry, entry_of
from readvault.catalog.query import is_pattern

_COLUMNS = (
    "uuid", "store", "key", "name", "project", "sample", "source", "size", "archive_size", "created", "tier", "done",
    "reclaimed",
)  # fmt: skip
# Entries fetched at a time while many are read: a reader that dawdles holds no transaction open.
_PAGE = 500
# Their numbers are found so many at a time: 400 kB.
_NUMBERS = 50_000
# More than any catalog has, and no more than SQLite counts to.
_MOST = 1 << 62


class SqliteCatalog:
    """Entries in a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(self, entry: Entry) -> None:
        """Add an entry; see Catalog."""
        with self.database.write() as connection:
            insert(connection, entry)

    def get(self, uuid: str) -> Entry | None:
        """The entry with this UUID."""
        row = self.database.read().execute("SELECT document FROM entries WHERE uuid = ?", (uuid,)).fetchone()
        return None if row is None else entry_of(json.loads(row["document"]))

    def at(self, place: str) -> Entry | None:
        """The entry of the archive at a path or URL."""
        read = self.database.read()
        for slash in [number for number, character in enumerate(place) if character == "/"]:
            row = read.execute(
                "SELECT document FROM entries WHERE store = ? AND key = ?", (place[:slash], place[slash + 1 :])
            ).fetchone()
            if row is not None:
                return entry_of(json.loads(row["document"]))
        return None

    def find(
        self, conditions: tuple[Condition, ...] = (), *, limit: int | None = None, newest: bool = False
    ) -> Iterator[Entry]:
        """Entries that meet all conditions, oldest first; those that are added meanwhile may be among them.

        Of more than `limit` these are the oldest, or the newest.
        """
        where, values = _where(conditions)
        last, left = self._before(where, values, limit) if newest and limit else 0, limit
        read = self.database.read()
        while left is None or left > 0:
            most = _NUMBERS if left is None else min(_NUMBERS, left)
            # Numbers first: an index that helps with the conditions gives them in no order, so that every page would
            # mean sorting all there are. Only names and placeholders of this module are put into the text.
            found = array(
                "q",
                (
                    row[0]
                    for row in read.execute(
                        f"SELECT number FROM entries WHERE number > ? AND {where} ORDER BY number LIMIT ?",  # noqa: S608
                        (last, *values, most),
                    )
                ),
            )
            for start in range(0, len(found), _PAGE):
                yield from self._numbered(found[start : start + _PAGE])
            if len(found) < most:
                return
            last = found[-1]
            left = None if left is None else left - len(found)

    def every(self, conditions: tuple[Condition, ...] = ()) -> Iterator[Entry]:
        """Entries that meet all conditions, in any order; see Catalog."""
        return self.find(conditions)

    def _numbered(self, numbers: "array[int]") -> list[Entry]:
        marks = ", ".join("?" * len(numbers))
        rows = self.database.read().execute(
            f"SELECT document FROM entries WHERE number IN ({marks}) ORDER BY number",  # noqa: S608
            numbers,
        )
        return [entry_of(json.loads(row["document"])) for row in rows]

    def _before(self, where: str, values: list[Any], limit: int) -> int:
        """The number before that of the first of the newest `limit` entries."""
        row = (
            self.database.read()
            .execute(
                f"SELECT number FROM entries WHERE {where} ORDER BY number DESC LIMIT 1 OFFSET ?",  # noqa: S608
                (*values, min(limit, _MOST) - 1),
            )
            .fetchone()
        )
        return 0 if row is None else int(row["number"]) - 1

    def count(self, conditions: tuple[Condition, ...] = ()) -> tuple[int, int, int]:
        """How many entries meet all conditions, and the bytes of their sources and archives."""
        where, values = _where(conditions)
        row = (
            self.database.read()
            .execute(
                f"SELECT count(*), coalesce(sum(size), 0), coalesce(sum(archive_size), 0) FROM entries WHERE {where}",  # noqa: S608
                values,
            )
            .fetchone()
        )
        return tuple(row)

    def change(self, uuid: str, **changes: Any) -> Entry:
        """Set fields of an entry; see Catalog."""
        with self.database.write() as connection:
            return change(connection, uuid, **changes)

    def remove(self, uuid: str) -> None:
        """Take an entry out."""
        with self.database.write() as connection:
            connection.execute("DELETE FROM entries WHERE uuid = ?", (uuid,))


def insert(connection: sqlite3.Connection, entry: Entry) -> None:
    """Add an entry in a transaction that is open."""
    found = connection.execute(
        "SELECT uuid, store, key FROM entries WHERE uuid = ? OR (store = ? AND key = ?)",
        (entry.uuid, entry.store, entry.key),
    ).fetchone()
    if found is not None:
        if tuple(found) == (entry.uuid, entry.store, entry.key):
            return
        raise Conflict(f"{entry.place}: the catalog has another entry ({found['uuid']}) for this key or archive")
    names = ", ".join(_COLUMNS)
    marks = ", ".join("?" * (len(_COLUMNS) + 1))
    row = connection.execute(
        f"INSERT INTO entries ({names}, document) VALUES ({marks})",  # noqa: S608
        (*(getattr(entry, name) for name in _COLUMNS), _document(entry)),
    )
    _put_tags(connection, row.lastrowid, entry)


def change(connection: sqlite3.Connection, uuid: str, **changes: Any) -> Entry:
    """Set fields of an entry in a transaction that is open, and return it; KeyError where there is none."""
    row = connection.execute("SELECT number, document FROM entries WHERE uuid = ?", (uuid,)).fetchone()
    if row is None:
        raise KeyError(f"the catalog has no entry {uuid}")
    entry = replace(entry_of(json.loads(row["document"])), **changes)
    names = ", ".join(f"{name} = ?" for name in _COLUMNS)
    try:
        connection.execute(
            f"UPDATE entries SET {names}, document = ? WHERE number = ?",  # noqa: S608
            (*(getattr(entry, name) for name in _COLUMNS), _document(entry), row["number"]),
        )
    except sqlite3.IntegrityError:
        raise Conflict(f"{entry.place}: the catalog has another entry for this key or archive") from None
    connection.execute("DELETE FROM tags WHERE entry = ?", (row["number"],))
    _put_tags(connection, row["number"], entry)
    return entry


def _put_tags(connection: sqlite3.Connection, number: int | None, entry: Entry) -> None:
    connection.executemany(
        "INSERT INTO tags (entry, key, value) VALUES (?, ?, ?)",
        [(number, key, value) for key, value in entry.tags.items()],
    )


def _document(entry: Entry) -> str:
    return json.dumps(entry.as_dict(), ensure_ascii=False, separators=(",", ":"))


def _where(conditions: tuple[Condition, ...]) -> tuple[str, list[Any]]:
    """The conditions as SQL, with the values of its placeholders."""
    texts, values = ["1"], list[Any]()
    for condition in conditions:
        text, more = _compared(condition)
        texts.append(text)
        values += more
    return " AND ".join(texts), values


def _column(field: str) -> tuple[str, list[Any]]:
    if field in _COLUMNS:
        return field, []
    if field.startswith("tag."):
        return "(SELECT value FROM tags WHERE entry = number AND tags.key = ?)", [field.removeprefix("tag.")]
    return "json_extract(document, ?)", [f"$.{field}"]


def _compared(condition: Condition) -> tuple[str, list[Any]]:
    """A condition as SQL, and the values of its placeholders."""
    value, operator = condition.value, condition.operator
    if isinstance(value, tuple):
        several = [_compared(Condition(condition.field, operator, one)) for one in value]
        together = " OR ".join(text for text, _ in several) or "0"
        return f"({together})", [one for _, values in several for one in values]
    if condition.field == "mark":
        return _marked(operator, str(value))
    column, before = _column(condition.field)
    if value is None or value == "":
        # Where a field is empty it is not there: `done=` are those that are not done.
        wanted = "= ''" if operator == "=" else "<> ''"
        return f"coalesce({column}, '') {wanted}", before
    if isinstance(value, str) and operator in ("=", "!=") and is_pattern(value):
        matched = f"coalesce({column}, '') GLOB ?"
        return (matched if operator == "=" else f"NOT {matched}"), [*before, _glob(value)]
    if operator == "!=":
        return f"{column} IS NOT ?", [*before, value]
    return f"{column} {operator} ?", [*before, value]


def _marked(operator: str, mark: str) -> tuple[str, list[Any]]:
    """Whether an entry has a mark; whether it has none, where that is empty."""
    wanted, values = "", list[Any]()
    if mark:
        wanted = " WHERE value GLOB ?" if is_pattern(mark) else " WHERE value = ?"
        values = [_glob(mark) if is_pattern(mark) else mark]
    there = f"EXISTS (SELECT 1 FROM json_each(document, '$.marks'){wanted})"  # noqa: S608
    return (there if (operator == "=") == bool(mark) else f"NOT {there}"), values


def _glob(pattern: str) -> str:
    """A pattern in which * and ? alone have a meaning."""
    return pattern.replace("[", "[[]")

"""The catalog in a vault's SQLite file. Columns are for finding; the JSON document is the entry."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from readvault.catalog.database import Database
from readvault.catalog.model import Condition, Conflict, Entry, entry_of

_COLUMNS = (
    "uuid", "store", "key", "name", "project", "sample", "source", "size", "archive_size", "created", "tier", "done",
    "reclaimed",
)  # fmt: skip
# Entries fetched at a time while many are read: a reader that dawdles holds no transaction open.
_PAGE = 500


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
        return next(self.find((Condition("uuid", "=", uuid),)), None)

    def find(self, conditions: tuple[Condition, ...] = (), *, limit: int | None = None) -> Iterator[Entry]:
        """Entries that meet all conditions, oldest first; those that are added meanwhile may be among them."""
        where, values = _where(conditions)
        last, left = 0, limit
        while left is None or left > 0:
            page = _PAGE if left is None else min(_PAGE, left)
            rows = self.database.read().execute(
                # Only names and placeholders of this module are put into the text.
                f"SELECT number, document FROM entries WHERE number > ? AND {where} ORDER BY number LIMIT ?",  # noqa: S608
                (last, *values, page),
            )
            found = rows.fetchall()
            for row in found:
                yield entry_of(json.loads(row["document"]))
            if len(found) < page:
                return
            last = found[-1]["number"]
            left = None if left is None else left - len(found)

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
    connection.execute(
        f"UPDATE entries SET {names}, document = ? WHERE number = ?",  # noqa: S608
        (*(getattr(entry, name) for name in _COLUMNS), _document(entry), row["number"]),
    )
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
        column, before = _column(condition.field)
        text, more = _compared(column, condition)
        texts.append(text)
        values += [*before, *more]
    return " AND ".join(texts), values


def _column(field: str) -> tuple[str, list[Any]]:
    if field in _COLUMNS:
        return field, []
    if field.startswith("tag."):
        return "(SELECT value FROM tags WHERE entry = number AND tags.key = ?)", [field.removeprefix("tag.")]
    if field == "mark":
        return "(SELECT group_concat(value, ' ') FROM json_each(document, '$.marks'))", []
    return "json_extract(document, ?)", [f"$.{field}"]


def _compared(column: str, condition: Condition) -> tuple[str, list[Any]]:
    value, operator = condition.value, condition.operator
    if condition.field == "mark":
        there = f"instr(' ' || coalesce({column}, '') || ' ', ?) > 0"
        return (there if operator == "=" else f"NOT {there}"), [f" {value} "]
    if value is None or value == "":
        # Where a field is empty it is not there: `done=` are those that are not done.
        wanted = "= ''" if operator == "=" else "<> ''"
        return f"coalesce({column}, '') {wanted}", []
    if isinstance(value, str) and operator in ("=", "!=") and ("*" in value or "?" in value):
        matched = f"coalesce({column}, '') GLOB ?"
        return (matched if operator == "=" else f"NOT {matched}"), [value.replace("[", "[[]")]
    if operator == "!=":
        return f"{column} IS NOT ?", [value]
    return f"{column} {operator} ?", [value]

"""The catalog as a file for other programs: JSON, JSON Lines, CSV or Parquet, entry by entry in constant memory.

A document is the entry's JSON object and the archive's place. A CSV file has the same columns whatever the entries
hold: tags and references are JSON texts in it, so that a new tag changes no column.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from itertools import islice
from typing import Any

from readvault.catalog.model import Entry
from readvault.errors import InvalidError, UnsupportedError
from readvault.files import Writer

FORMATS = ("json", "jsonl", "csv", "parquet")
# Formats that are called otherwise too.
_ALSO = {"ndjson": "jsonl"}
# Entries of a Parquet row group, which is held in memory: some 2 MB.
_ROWS = 2000
# What spreadsheets take for the start of a formula (OWASP, CSV injection).
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_TIMES = ("verified_full", "created", "tiered", "done", "reclaimed")
_WHOLE = ("size", "archive_size", "records", "job")
_REAL = ("ratio", "seconds")

COLUMNS = (*(one.name for one in fields(Entry)), "place")


def document_of(entry: Entry) -> dict[str, Any]:
    """An entry as it leaves the program."""
    return {**entry.as_dict(), "place": entry.place}


def format_of(path: str) -> str:
    """The format that a file's name asks for; InvalidError where it asks for none."""
    suffix = path.rpartition(".")[2].lower()
    kind = _ALSO.get(suffix, suffix)
    if kind not in FORMATS:
        raise InvalidError(f"{path}: its name does not end with .{', .'.join(FORMATS)}; say the format with --format")
    return kind


def export(entries: Iterable[Entry], output: Writer, kind: str) -> int:
    """Write entries in a format; gives how many. Nothing of `output` but `write` is used."""
    writers: dict[str, Callable[[Iterator[Entry], Writer], int]] = {
        "json": _json,
        "jsonl": _lines,
        "csv": _csv,
        "parquet": _parquet,
    }
    return writers[kind](iter(entries), output)


def check(kind: str) -> None:
    """UnsupportedError where what a format needs is not installed."""
    if kind == "parquet":
        _pyarrow()


def _json(entries: Iterator[Entry], output: Writer) -> int:
    number = 0
    for entry in entries:
        output.write(((",\n" if number else "[\n") + _text(document_of(entry))).encode())
        number += 1
    output.write(b"\n]\n" if number else b"[]\n")
    return number


def _lines(entries: Iterator[Entry], output: Writer) -> int:
    number = 0
    for entry in entries:
        output.write((_text(document_of(entry)) + "\n").encode())
        number += 1
    return number


def _csv(entries: Iterator[Entry], output: Writer) -> int:
    page = io.StringIO()
    rows = csv.writer(page, lineterminator="\n")
    rows.writerow(COLUMNS)
    number = 0
    for entry in entries:
        document = document_of(entry)
        rows.writerow([_cell(document[name]) for name in COLUMNS])
        output.write(page.getvalue().encode())
        page.seek(0)
        page.truncate()
        number += 1
    output.write(page.getvalue().encode())
    return number


def _cell(value: Any) -> Any:
    """A value as CSV has it. A text that a spreadsheet would run gets a ' before it."""
    match value:
        case None:
            return ""
        case str():
            return "'" + value if value.startswith(_FORMULAS) else value
        case dict():
            return _text(value)
        case tuple() | list():
            return " ".join(value) if all(isinstance(one, str) for one in value) else _text(value)
        case _:
            return value


def _parquet(entries: Iterator[Entry], output: Writer) -> int:
    arrow = _pyarrow()
    import pyarrow.parquet

    schema = _schema(arrow)
    number = 0
    with pyarrow.parquet.ParquetWriter(_Sink(output), schema) as file:
        while rows := [_row(entry) for entry in islice(entries, _ROWS)]:
            file.write_table(arrow.Table.from_pylist(rows, schema))
            number += len(rows)
    return number


def _schema(arrow: Any) -> Any:
    """Columns with types of their own. Times are in UTC."""
    text = arrow.string()
    kinds = {
        **dict.fromkeys(COLUMNS, text),
        **dict.fromkeys(_TIMES, arrow.timestamp("ms", "UTC")),
        **dict.fromkeys(_WHOLE, arrow.int64()),
        **dict.fromkeys(_REAL, arrow.float64()),
        "references": arrow.list_(arrow.struct([("name", text), ("length", arrow.int64()), ("md5", text)])),
        "tags": arrow.map_(text, text),
        "marks": arrow.list_(text),
    }
    return arrow.schema(list(kinds.items()))


def _row(entry: Entry) -> dict[str, Any]:
    document = document_of(entry)
    for name in _TIMES:
        document[name] = None if document[name] is None else datetime.fromisoformat(document[name])
    document["tags"] = list(entry.tags.items())
    return {name: document[name] for name in COLUMNS}


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise UnsupportedError("Parquet files are written with pyarrow: pip install 'readvault[arrow]'") from None
    return pyarrow


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _Sink(io.RawIOBase):
    """A writer as pyarrow wants it: a file that knows where it is."""

    def __init__(self, output: Writer) -> None:
        super().__init__()
        self._output, self._position = output, 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any, /) -> int:
        with memoryview(data) as view:
            length = view.nbytes
            self._output.write(view.tobytes())
        self._position += length
        return length

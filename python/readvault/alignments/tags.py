"""The tags of a record: where each stands in its bytes, its value as Python has it, and as SAM writes it."""

import math
import sys
from array import array
from collections.abc import Iterator
from struct import Struct, error
from typing import NamedTuple, TypeAlias

from readvault.alignments.header import UNDECODABLE

TagValue: TypeAlias = "str | int | float | array[int] | array[float]"

_NUMBERS = {kind: Struct("<" + code) for kind, code in zip("cCsSiIfd", "bBhHiIfd", strict=True)}
_ELEMENTS = dict(zip("cCsSiIfdA", "bBhHiIfdB", strict=True))
_COUNT = Struct("<I")
# Bytes of a value by its type's number; 0 for those that tell their length themselves, and for what is no type.
_WIDTHS = [0] * 256
_WIDTHS[ord("A")] = 1
for _kind, _form in _NUMBERS.items():
    _WIDTHS[ord(_kind)] = _form.size
_TEXTS = b"ZH"


class Tag(NamedTuple):
    """A tag's name, its type's letter, and from where to where its value stands (of arrays with letter and count)."""

    name: bytes
    kind: str
    start: int
    end: int


def places(record: bytes, at: int, name: bytes | None = None) -> Iterator[Tag]:
    """The tags of `record` from `at` on, those of that name if it is given; ValueError where one cannot be read."""
    length = len(record)
    try:
        while at < length:
            kind = record[at + 2]
            start = at + 3
            end = start + _WIDTHS[kind]
            if end == start:
                end = _end(record, kind, start)
            if end > length:
                raise ValueError("it ends too early")
            own = record[at : at + 2]
            if name is None or name == own:
                yield Tag(own, chr(kind), start, end)
            at = end
    except (ValueError, IndexError, KeyError, error) as failure:
        raise ValueError(f"malformed record: no tag can be read at byte {at} of its {length}") from failure


def _end(record: bytes, kind: int, start: int) -> int:
    if kind in _TEXTS:
        return record.index(0, start) + 1
    if kind == ord("B"):
        width = array(_ELEMENTS[chr(record[start])]).itemsize
        return start + 5 + int(_COUNT.unpack_from(record, start + 1)[0]) * width
    raise ValueError(f"type {kind}")


def value(record: bytes, tag: Tag) -> TagValue:
    """The value of a tag: a number, a text, or an array of the numbers' own type."""
    _, kind, start, end = tag
    if kind == "Z" or kind == "H":
        return record[start : end - 1].decode(errors=UNDECODABLE)
    if kind == "A":
        return chr(record[start])
    if kind == "B":
        values = array(_ELEMENTS[chr(record[start])], record[start + 5 : end])
        if sys.byteorder == "big":
            values.byteswap()
        return values
    number: int | float = _NUMBERS[kind].unpack_from(record, start)[0]
    return number


def element_kind(record: bytes, tag: Tag) -> str:
    """A tag's type with, for arrays, that of the elements: `i`, `Z`, `Bc`."""
    return tag.kind + chr(record[tag.start]) if tag.kind == "B" else tag.kind


def text(record: bytes, tag: Tag) -> str:
    """A tag as SAM writes it: `NM:i:1`."""
    name = tag.name.decode("latin-1")
    found = value(record, tag)
    if isinstance(found, array):
        letter = chr(record[tag.start])
        return ":".join((name, "B", ",".join([letter, *map(_number, found)])))
    if isinstance(found, str):
        return f"{name}:{tag.kind}:{found}"
    return f"{name}:{tag.kind if tag.kind in 'fd' else 'i'}:{_number(found)}"


def _number(number: int | float) -> str:
    """As C's `%g` writes it, which gives a NaN its sign."""
    if isinstance(number, int):
        return str(number)
    sign = "-" if math.isnan(number) and math.copysign(1, number) < 0 else ""
    return f"{sign}{number:g}"

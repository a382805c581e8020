"""A BAM file's header: its text and its reference sequences.

The table of references decides what a record's reference number means; the text is kept as it is, and taken apart only
for `to_dict` and the mapping's methods.
"""

import struct
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pysam

# What stands for bytes that are not UTF-8 in names and texts, so that they can be told apart and written again.
UNDECODABLE = "surrogateescape"


class AlignmentHeader(Mapping[str, Any]):
    """Text and references of a header. As a mapping it is what `to_dict` gives."""

    def __init__(self, text: str, references: tuple[str, ...], lengths: tuple[int, ...]) -> None:
        self._text = text
        self._references = references
        self._lengths = lengths
        self._numbers: dict[str, int] = {}
        for number, name in enumerate(references):
            self._numbers.setdefault(name, number)

    @property
    def references(self) -> tuple[str, ...]:
        """Names of the reference sequences, in order."""
        return self._references

    @property
    def lengths(self) -> tuple[int, ...]:
        """Lengths of the reference sequences in bases, in the same order."""
        return self._lengths

    @property
    def nreferences(self) -> int:
        """Number of the reference sequences."""
        return len(self._references)

    def get_reference_name(self, tid: int) -> str | None:
        """The name of reference number `tid`; None for -1, ValueError for any other that there is not."""
        if tid == -1:
            return None
        if not self.is_valid_tid(tid):
            raise ValueError(f"reference_id {tid} out of range 0<=tid<{len(self._references)}")
        return self._references[tid]

    def get_reference_length(self, reference: str) -> int:
        """The length in bases of the reference of that name; KeyError if there is none."""
        number = self._numbers.get(reference)
        if number is None:
            raise KeyError(f"unknown reference {reference}")
        return self._lengths[number]

    def get_tid(self, reference: str) -> int:
        """The number of the reference of that name (the first, if several have it); -1 if there is none."""
        return self._numbers.get(reference, -1)

    def is_valid_tid(self, tid: int) -> bool:
        """Whether there is a reference of that number."""
        return 0 <= tid < len(self._references)

    def to_dict(self) -> dict[str, Any]:
        """Lines by type, in the order of the text: fields of `HD`, lists of fields, and of texts for `CO`.

        Lengths are numbers, all else is text. ValueError for a text that is not as SAM headers are.
        """
        lines: dict[str, Any] = {}
        for line in filter(None, self._text.split("\n")):
            if not line.startswith("@"):
                raise ValueError(f"header line without '@': {line!r}")
            kind, _, rest = line[1:].partition("\t")
            match kind:
                case "CO":
                    lines.setdefault(kind, []).append(rest)
                case "HD" if kind in lines:
                    raise ValueError("multiple 'HD' lines are not permitted")
                case "HD":
                    lines[kind] = _fields(rest)
                case _:
                    lines.setdefault(kind, []).append(_fields(rest))
        lines.setdefault("SQ", [])
        for reference in lines["SQ"]:
            if "LN" in reference:
                reference["LN"] = int(reference["LN"])
        return lines

    def to_bytes(self) -> bytes:
        """The header as it stands at the start of a BAM file."""
        text = self._text.encode(errors=UNDECODABLE)
        parts = [b"BAM\1", struct.pack("<i", len(text)), text, struct.pack("<i", len(self._references))]
        for reference, length in zip(self._references, self._lengths, strict=True):
            name = reference.encode(errors=UNDECODABLE) + b"\0"
            parts += struct.pack("<i", len(name)), name, struct.pack("<I", length)
        return b"".join(parts)

    @cached_property
    def _pysam(self) -> "pysam.AlignmentHeader":
        from readvault.alignments.stream import header

        return header(self._text)

    def to_pysam(self) -> "pysam.AlignmentHeader":
        """The same header as pysam's; ImportError where pysam is not installed."""
        return self._pysam

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({len(self._references)} references)>"

    def __getitem__(self, kind: str) -> Any:
        return self._lines[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    @cached_property
    def _lines(self) -> dict[str, Any]:
        return self.to_dict()


def _fields(text: str) -> dict[str, str]:
    """Fields of a line by their tags. A command line (`CL`) goes to the line's end, as tabs do stand in some."""
    fields: dict[str, str] = {}
    while text:
        if text.startswith("CL:"):
            fields["CL"] = text[3:]
            break
        field, _, text = text.partition("\t")
        tag, colon, value = field.partition(":")
        if not colon:
            raise ValueError("malformatted header: no ':' in field")
        fields[tag] = value
    return fields

"""What follows from a CIGAR: lengths, blocks, and which base of a read lies on which position of a reference.

A CIGAR is a tuple of (operation, length), operations by their numbers in BAM. Positions are 0-based, ends exclusive.
"""

import re
from array import array
from collections.abc import Iterable

Cigar = tuple[tuple[int, int], ...]

LETTERS = "MIDNSHP=XB??????"
MATCH, INSERTION, DELETION, SKIP, SOFT_CLIP, HARD_CLIP, PADDING, EQUAL, DIFFERENT = range(9)

# Operations that take bases of the read, positions of the reference, and both.
IN_READ = frozenset((MATCH, INSERTION, SOFT_CLIP, EQUAL, DIFFERENT))
ON_REFERENCE = frozenset((MATCH, DELETION, SKIP, EQUAL, DIFFERENT))
ALIGNED = IN_READ & ON_REFERENCE
# Operations that stand for no column of an alignment: hard clips, and what has no meaning.
_UNPAIRED = frozenset((HARD_CLIP, *range(9, 16)))
# Number of the operations that have a name.
_NAMED = 10

_MD = re.compile(r"(\d+)|\^([A-Za-z]+)|([A-Za-z])")


def length_of(cigar: Cigar, operations: Iterable[int]) -> int:
    """Sum of the lengths of those operations."""
    return sum([length for operation, length in cigar if operation in operations])


def aligned_start(cigar: Cigar) -> int:
    """Offset in the read of the first base that is not clipped."""
    start = 0
    for operation, length in cigar:
        if operation == SOFT_CLIP:
            start += length
        elif operation != HARD_CLIP:
            break
    return start


def aligned_end(cigar: Cigar, bases: int) -> int:
    """End in the read of the last base that is not clipped; `bases` is the read's length, 0 where it is not stored."""
    end = bases or length_of(cigar, IN_READ)
    for operation, length in reversed(cigar[1:]):
        if operation == SOFT_CLIP:
            end -= length
        elif operation != HARD_CLIP:
            break
    return end


def blocks(cigar: Cigar, position: int) -> list[tuple[int, int]]:
    """Stretches of the reference, (start, end), on which bases of the read lie without a gap."""
    found = []
    for operation, length in cigar:
        if operation in ALIGNED:
            found.append((position, position + length))
        if operation in ON_REFERENCE:
            position += length
    return found


def positions(cigar: Cigar, position: int, full_length: bool) -> list[int | None]:
    """The reference position of each base that has one; None for the others if `full_length`."""
    found: list[int | None] = []
    for operation, length in cigar:
        if operation in ALIGNED:
            found.extend(range(position, position + length))
        elif full_length and operation in IN_READ:
            found.extend([None] * length)
        if operation in ON_REFERENCE:
            position += length
    return found


def pairs(
    cigar: Cigar, position: int, matches_only: bool, sequence: str | None, with_cigar: bool
) -> list[tuple[int | str | None, ...]]:
    """Offset in the read and position on the reference of each base, None for what there is not.

    With `sequence`, the reference's bases under the alignment without its skips, each with its base; with `with_cigar`,
    each with its operation.
    """
    found: list[tuple[int | str | None, ...]] = []
    offset = at = 0
    for operation, length in cigar:
        in_read, on_reference = operation in IN_READ, operation in ON_REFERENCE
        has_base = on_reference and operation != SKIP
        if (in_read and on_reference) or not (matches_only or operation in _UNPAIRED):
            offsets = range(offset, offset + length) if in_read else [None] * length
            places = range(position, position + length) if on_reference else [None] * length
            columns: list[Iterable[int | str | None]] = [offsets, places]
            if sequence is not None:
                columns.append(sequence[at : at + length] if has_base else [None] * length)
            if with_cigar:
                columns.append([operation] * length)
            found.extend(zip(*columns, strict=True))
        offset += length if in_read else 0
        position += length if on_reference else 0
        at += length if has_base else 0
    return found


def reference_sequence(cigar: Cigar, bases: str, md: str) -> str:
    """The reference's bases under an alignment, without its skips, from the read's `bases` and the tag MD.

    Bases that differ from the read's are lower case. ValueError where MD and CIGAR do not fit.
    """
    aligned, offset = [], 0
    for operation, length in cigar:
        if operation in ALIGNED:
            aligned.append(bases[offset : offset + length])
        if operation in IN_READ:
            offset += length
    read = "".join(aligned)
    found, at = [], 0
    for same, deleted, different in _MD.findall(md):
        if same:
            found.append(read[at : at + int(same)])
            at += int(same)
        elif deleted:
            found.append(deleted)
        else:
            found.append(different.lower())
            at += 1
    sequence = "".join(found)
    if at != len(read) or len(sequence) != length_of(cigar, ON_REFERENCE - {SKIP}):
        raise ValueError(f"invalid MD tag: {md!r} does not fit the CIGAR {text(cigar)}")
    return sequence


def overlap(cigar: Cigar, position: int, start: int, end: int) -> int:
    """How many bases of the read lie on the reference from `start` to `end`."""
    return sum(max(0, min(last, end) - max(first, start)) for first, last in blocks(cigar, position))


def statistics(cigar: Cigar, differences: int) -> tuple["array[int]", "array[int]"]:
    """Bases and numbers of operations, by operation, and `differences` after the bases."""
    bases, numbers = array("I", [0] * (_NAMED + 1)), array("I", [0] * (_NAMED + 1))
    for operation, length in cigar:
        if operation < _NAMED:
            bases[operation] += length
            numbers[operation] += 1
    bases[_NAMED] = differences
    return bases, numbers


def text(cigar: Cigar) -> str:
    """As SAM writes it; empty where there are no operations."""
    return "".join([f"{length}{LETTERS[operation]}" for operation, length in cigar])


def bin_of(start: int, end: int) -> int:
    """The bin of an interval in the scheme of BAI, as a record holds it (SAM specification, section 5.3)."""
    last = end - 1
    shift, first = 14, 4681
    while shift < 29:
        if start >> shift == last >> shift:
            return (first + (start >> shift)) & 0xFFFF
        first = (first - 1) >> 3
        shift += 3
    return 0

"""Lists of intervals, as `-L` takes them: BED files and Picard's interval lists, compressed or not, anywhere."""

import io
import zlib
from collections.abc import Iterator

from readvault import _core, places
from readvault.cli.exits import UsageError

# Most bytes of a list, as it is stored and as it is read. Those of whole exomes have some ten megabytes.
MOST = 1 << 30

# How a compressed list starts.
_GZIP = b"\x1f\x8b"


def read(path: str) -> list[tuple[str, int, int]]:
    """The intervals of a list, 0-based and half-open.

    A Picard interval list has a SAM header, or is called so; its lines are name, start, end (1-based, both ends belong
    to it), strand and name. Lines of BED are name, start, end (0-based, half-open); of two columns, they are single
    positions, 1-based, as samtools has them.
    """
    lines = _lines(path)
    picard = places.name_of(path).removesuffix(".gz").endswith(".interval_list")
    found = []
    for number, line in enumerate(lines, 1):
        picard |= number == 1 and line.startswith("@")
        fields = line.split()
        if not fields or (line.startswith("@") if picard else _is_no_interval(line, fields)):
            continue
        try:
            found.append(_picard(fields) if picard else _bed(fields))
        except (IndexError, ValueError):
            kind = "interval list (name, start, end, strand, name)" if picard else "BED line (name, start, end)"
            raise UsageError(f"{path}: line {number} is no {kind}") from None
        if found[-1][1] < 0 or found[-1][2] < found[-1][1]:
            raise UsageError(f"{path}: line {number}: the interval ends before it starts, or starts too early")
    return found


def _is_no_interval(line: str, fields: list[str]) -> bool:
    return line.startswith("#") or fields[0] in ("track", "browser")


def _picard(fields: list[str]) -> tuple[str, int, int]:
    return fields[0], int(fields[1]) - 1, int(fields[2])


def _bed(fields: list[str]) -> tuple[str, int, int]:
    start = int(fields[1])
    return (fields[0], start, int(fields[2])) if len(fields) > 2 else (fields[0], start - 1, start)


def _lines(path: str) -> Iterator[str]:
    data = _core.read_small(path, most=MOST)
    if data.startswith(_GZIP):
        data = _inflate(path, data)
    return io.TextIOWrapper(io.BytesIO(data))


def _inflate(path: str, data: bytes) -> bytes:
    """What gzip members, or BGZF blocks, hold."""
    pieces, left = [], MOST
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            pieces.append(member.decompress(data, left + 1))
        except zlib.error as error:
            raise UsageError(f"{path}: is no gzip file: {error}") from None
        left -= len(pieces[-1])
        if left < 0:
            raise UsageError(f"{path}: is longer than {MOST >> 20} MiB")
        if not member.eof:
            raise UsageError(f"{path}: is cut short")
        data = member.unused_data
    return b"".join(pieces)

"""What the commands on records share: which records are asked for, and where their text or bytes go."""

import gzip
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from readvault import _core, places
from readvault.cli import inputs
from readvault.cli.exits import UsageError
from readvault.files import whole

# Names of flags, as samtools writes them, from the lowest bit up.
FLAGS = (
    "PAIRED",
    "PROPER_PAIR",
    "UNMAP",
    "MUNMAP",
    "REVERSE",
    "MREVERSE",
    "READ1",
    "READ2",
    "SECONDARY",
    "QCFAIL",
    "DUP",
    "SUPPLEMENTARY",
)

Archive = Annotated[str, typer.Argument(metavar="ARCHIVE", help="Archive, such as sample.bam.rv.")]
Regions = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[REGION]...",
        help="chr1, chr1:1000, chr1:1000-2000 (1-based, both ends included), * (records without a position), . (all).",
    ),
]
Bed = Annotated[str | None, typer.Option("--targets", "-L", metavar="BED", help="Only records that overlap these.")]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead of to standard output.")
]
MAPPING_QUALITY = "Only records with at least this mapping quality."


def flags(text: str) -> int:
    """The flags that `text` names: a number (decimal, 0x hexadecimal or 0 octal), or names with commas between."""
    try:
        number = int(text, 8) if text.startswith("0") and text.isdigit() else int(text, 0)
    except ValueError:
        number = 0
        for name in text.split(","):
            if name.upper() not in FLAGS:
                raise UsageError(f"{text!r} is no number and no row of flags ({', '.join(FLAGS)})") from None
            number |= 1 << FLAGS.index(name.upper())
    if not 0 <= number <= 0xFFFF:
        raise UsageError(f"flags are 16 bits; {text} is more")
    return number


def query(
    regions: list[str] | None = None,
    bed: str | None = None,
    *,
    required: str = "0",
    excluded: str = "0",
    mapping_quality: int = 0,
    read_groups: list[str] | None = None,
) -> _core.Query:
    """The records that a command line asks for."""
    return _core.Query(
        regions=regions or None,
        targets=None if bed is None else intervals(bed),
        required_flags=flags(required),
        excluded_flags=flags(excluded),
        least_mapping_quality=mapping_quality,
        read_groups=read_groups or None,
    )


def intervals(path: str) -> list[tuple[str, int, int]]:
    """The intervals (0-based, half-open) of a BED file, compressed or not.

    Lines of two columns are single positions, 1-based, as samtools has them.
    """
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    found = []
    with gzip.open(path, "rt") if packed else open(path) as lines:
        for number, line in enumerate(lines, 1):
            fields = line.split()
            if not fields or line.startswith("#") or fields[0] in ("track", "browser"):
                continue
            try:
                start = int(fields[1])
                found.append((fields[0], start, int(fields[2])) if len(fields) > 2 else (fields[0], start - 1, start))
            except (IndexError, ValueError):
                raise UsageError(f"{path}: line {number} is no BED line (name, start, end)") from None
            if found[-1][1] < 0 or found[-1][2] < found[-1][1]:
                raise UsageError(f"{path}: line {number}: the interval ends before it starts, or starts before 0")
    return found


def run(
    path: str,
    output: str | None,
    job: Callable[[_core.Archive], Iterable[bytes]],
    *,
    reference: str | None = None,
    force: bool = False,
) -> int:
    """Write what `job` makes of an archive to `output`, which appears whole or not at all, or to standard output."""
    if path == "-":
        raise UsageError("records are read in place: give a file (an archive from a pipe can be decompressed)")

    def write(path: str) -> dict[str, Any]:
        archive = _core.Archive(path, reference=reference)
        if output is None or output == "-":
            for piece in job(archive):
                write_all(piece)
        else:
            if places.exists(output) and places.exists(path) and Path(output).samefile(path):
                raise UsageError(f"{output} cannot be both archive and output")
            with whole(output, force=force) as file:
                for piece in job(archive):
                    file.write(piece)
        return {}

    return inputs.each([path], write, as_json=False, quiet=True)


def write_all(piece: bytes) -> None:
    """Write to standard output past its buffer: PYTHONUNBUFFERED removes that, and then a write may fall short."""
    left = memoryview(piece)
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]

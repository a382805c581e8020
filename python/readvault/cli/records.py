"""What the commands on records share: which records are asked for, and where their text or bytes go."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from readvault import _core, places
from readvault.cli import inputs, intervals
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

# What the commands read records from: an archive, or a BAM file that is in none.
Source = _core.Archive | _core.SourceReader

Archive = Annotated[str, typer.Argument(metavar="ARCHIVE", help="Archive, such as sample.bam.rv.")]
Readable = Annotated[
    str, typer.Argument(metavar="ARCHIVE", help="Archive, such as sample.bam.rv, or a BAM file that is in none.")
]
Regions = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[REGION]...",
        help="chr1, chr1:1000, chr1:1000-2000 (1-based, both ends included), * (records without a position), . (all).",
    ),
]
Bed = Annotated[
    str | None,
    typer.Option(
        "--targets", "-L", metavar="LIST", help="Only records that overlap these: a BED file or Picard interval list."
    ),
]
Index = Annotated[
    str | None,
    typer.Option(
        "--index", metavar="FILE", help="Index of a BAM file (BAI or CSI); else it is looked for beside the file."
    ),
]
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
        targets=None if bed is None else intervals.read(bed),
        required_flags=flags(required),
        excluded_flags=flags(excluded),
        least_mapping_quality=mapping_quality,
        read_groups=read_groups or None,
    )


def run(
    path: str,
    output: str | None,
    job: Callable[[_core.Archive], Iterable[bytes]],
    *,
    reference: str | None = None,
    force: bool = False,
) -> int:
    """Write what `job` makes of an archive to `output`, which appears whole or not at all, or to standard output."""

    def opened(path: str) -> Iterable[bytes]:
        return job(_core.Archive(path, reference=reference))

    return _run(path, output, opened, force=force)


def run_any(
    path: str,
    output: str | None,
    job: Callable[[Source], Iterable[bytes]],
    *,
    reference: str | None = None,
    index: str | None = None,
    force: bool = False,
) -> int:
    """The same of an archive or a BAM file."""

    def opened(path: str) -> Iterable[bytes]:
        return job(_core.open(path, reference=reference, index=index))

    return _run(path, output, opened, force=force)


def _run(path: str, output: str | None, job: Callable[[str], Iterable[bytes]], *, force: bool) -> int:
    if path == "-":
        raise UsageError("records are read in place: give a file (an archive from a pipe can be decompressed)")

    def write(path: str) -> dict[str, Any]:
        pieces = job(path)
        if output is None or output == "-":
            for piece in pieces:
                write_all(piece)
        else:
            if places.exists(output) and places.exists(path) and Path(output).samefile(path):
                raise UsageError(f"{output} cannot be both archive and output")
            with whole(output, force=force) as file:
                for piece in pieces:
                    file.write(piece)
        return {}

    return inputs.each([path], write, as_json=False, quiet=True)


def write_all(piece: bytes) -> None:
    """Write to standard output past its buffer: PYTHONUNBUFFERED removes that, and then a write may fall short."""
    left = memoryview(piece)
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]

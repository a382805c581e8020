"""`readvault coverage` and `depth`: how many bases lie on each position, and on whole references or regions."""

import json
from collections.abc import Iterable
from typing import Annotated

import typer

from readvault import _core
from readvault.cli import records
from readvault.cli.options import Reference, Threads

# Flags of records that count for no depth, as samtools leaves them out.
_LEFT_OUT = "UNMAP,SECONDARY,QCFAIL,DUP"

_COLUMNS = "#rname\tstartpos\tendpos\tnumreads\tcovbases\tcoverage\tmeandepth\tmeanbaseq\tmeanmapq\n"

Excluded = Annotated[
    str, typer.Option("--exclude-flags", "-G", metavar="FLAGS", help="Leave out records with any of these flags.")
]
MappingQuality = Annotated[
    int, typer.Option("--min-MQ", "-Q", min=0, max=255, metavar="N", help=records.MAPPING_QUALITY)
]


def coverage(
    path: records.Archive,
    regions: records.Regions = None,
    excluded: Excluded = _LEFT_OUT,
    mapping_quality: MappingQuality = 0,
    base_qualities: Annotated[
        bool,
        typer.Option(
            "--base-qualities/--no-base-qualities",
            help="Mean base qualities, for which most of the records is decoded.",
        ),
    ] = True,
    no_header: Annotated[bool, typer.Option("--no-header", "-H", help="No line with the columns' names.")] = False,
    threads: Threads = 0,
    reference: Reference = None,
) -> int:
    """Print depth and breadth of coverage of each reference, or of each region, as samtools coverage does."""
    query = records.query(regions, excluded=excluded, mapping_quality=mapping_quality)

    def job(archive: _core.Archive) -> Iterable[bytes]:
        rows = json.loads(archive.coverage(query, threads=threads, base_qualities=base_qualities))
        # Of a header without references samtools tells nothing, not even the columns.
        if rows and not no_header:
            yield _COLUMNS.encode()
        for row in rows:
            # A hostile header may have references without bases.
            covered = 100 * row["covered_bases"] / max(1, row["end"] - row["start"])
            quality = row["mean_base_quality"]
            fields = (
                row["reference"],
                row["start"] + 1,
                row["end"],
                row["records"],
                row["covered_bases"],
                f"{covered:g}",
                f"{row['mean_depth']:g}",
                "." if quality is None else f"{quality:.3g}",
                f"{row['mean_mapping_quality']:.3g}",
            )
            yield ("\t".join(map(str, fields)) + "\n").encode()

    return records.run(path, None, job, reference=reference)


def depth(
    path: records.Archive,
    regions: records.Regions = None,
    bed: records.Bed = None,
    all_positions: Annotated[
        bool, typer.Option("--all", "-a", help="All positions of the regions or references, as samtools depth -aa.")
    ] = False,
    excluded: Excluded = _LEFT_OUT,
    mapping_quality: MappingQuality = 0,
    output: records.Output = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
    threads: Threads = 0,
) -> int:
    """Print reference, position (1-based) and number of bases on it, as samtools depth does."""
    query = records.query(regions, bed, excluded=excluded, mapping_quality=mapping_quality)

    def job(archive: _core.Archive) -> Iterable[bytes]:
        return archive.depth_text(query, threads=threads, zeros=all_positions)

    return records.run(path, output, job, force=force)

"""`readvault view`: records of an archive or a BAM file as SAM or BAM, as `samtools view` prints them."""

from collections.abc import Iterable
from typing import Annotated

import typer

from readvault.cli import records
from readvault.cli.exits import UsageError
from readvault.cli.options import Reference, Threads
from readvault.cli.terminal import refuse_terminal


def view(
    path: records.Readable,
    regions: records.Regions = None,
    as_bam: Annotated[bool, typer.Option("--bam", "-b", help="Write BAM instead of SAM.")] = False,
    uncompressed: Annotated[bool, typer.Option("--uncompressed", "-u", help="Write BAM without compression.")] = False,
    count: Annotated[bool, typer.Option("--count", "-c", help="Only say how many records there are.")] = False,
    with_header: Annotated[bool, typer.Option("--with-header", "-h", help="Header before the records.")] = False,
    header_only: Annotated[bool, typer.Option("--header-only", "-H", help="Only the header.")] = False,
    bed: records.Bed = None,
    required: Annotated[str, typer.Option("--require-flags", "-f", metavar="FLAGS", help="All of these flags.")] = "0",
    excluded: Annotated[str, typer.Option("--exclude-flags", "-F", metavar="FLAGS", help="None of these flags.")] = "0",
    mapping_quality: Annotated[
        int, typer.Option("--min-MQ", "-q", min=0, max=255, metavar="N", help=records.MAPPING_QUALITY)
    ] = 0,
    read_groups: Annotated[
        list[str] | None,
        typer.Option("--read-group", "-r", metavar="ID", help="Only of this read group (may be repeated) or of none."),
    ] = None,
    output: records.Output = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
    threads: Threads = 0,
    reference: Reference = None,
    index: records.Index = None,
) -> int:
    """Print records, each once and in the order of the file; with regions, those that overlap any of them."""
    as_bam |= uncompressed
    if sum((as_bam, count, header_only)) > 1:
        raise UsageError("only one of -b (or -u), -c and -H can be had at a time")
    if as_bam and output is None:
        refuse_terminal("-o FILE")
    query = records.query(
        regions, bed, required=required, excluded=excluded, mapping_quality=mapping_quality, read_groups=read_groups
    )

    def job(archive: records.Source) -> Iterable[bytes]:
        if count:
            yield b"%d\n" % archive.count(query, threads=threads)
        elif as_bam:
            yield from archive.bam(query, threads=threads, compressed=not uncompressed)
        else:
            # Before anything is printed: a region that cannot be is an error, and no header stands before it.
            lines = archive.sam(query, threads=threads)
            if with_header or header_only:
                yield archive.header_text()
            if not header_only:
                yield from lines

    return records.run_any(path, output, job, reference=reference, index=index, force=force)

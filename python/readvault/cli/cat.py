"""`readvault cat`: bytes of a source, straight from its archive, to standard output."""

import re
from enum import Enum
from typing import Annotated, Any

import typer

from readvault import archive
from readvault.cli import inputs
from readvault.cli.exits import UsageError
from readvault.cli.options import Reference, Threads
from readvault.cli.records import write_all
from readvault.cli.terminal import refuse_terminal

# Bytes fetched and written at a time: some chunks' worth, so that memory stays small whatever the range.
_PIECE = 4 << 20

_RANGE = re.compile(r"(?P<first>[0-9]{1,19})-(?P<last>[0-9]{1,19})?|-(?P<suffix>[0-9]{1,19})", re.ASCII)


class View(Enum):
    """Which bytes."""

    EXACT = "exact"
    PLAIN = "plain"


def cat(
    path: Annotated[str, typer.Argument(metavar="ARCHIVE", help="Archive, such as sample.bam.rv.")],
    span: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="A-B",
            help="Bytes A up to but not including B, counted from 0; A- is from A to the end, -N the last N bytes.",
        ),
    ] = None,
    view: Annotated[
        View,
        typer.Option(
            "--view", help="exact: the source's bytes; plain: the same BAM in blocks that are not compressed."
        ),
    ] = View.EXACT,
    index: Annotated[
        bool,
        typer.Option(
            "--index", help="The view's BAI or CSI index instead, from the sidecar; ARCHIVE may be the sidecar itself."
        ),
    ] = False,
    threads: Threads = 0,
    reference: Reference = None,
) -> int:
    """Write the source's bytes, or a range of them, to standard output; or those of another view, or its index."""
    if path == "-":
        raise UsageError("cat needs a file to seek in: for standard input use `decompress - -o -`")
    if index and span is not None:
        raise UsageError("--range is for the bytes of a view, not for its index")
    parsed = None if span is None else _parse(span)
    refuse_terminal("a file, as in > sample.bam.bai" if index else "`decompress -o FILE`")

    def job(path: str) -> dict[str, Any]:
        if index:
            write_all(archive.read_index(path, view=view.value))
        elif parsed is None and view is View.EXACT:
            archive.decompress(path, "-", threads=threads, attachments=False, reference=reference)
        else:
            with archive.SourceFile(path, view=view.value, reference=reference, threads=threads) as source:
                _write(source, parsed or (0, None))
        return {}

    return inputs.each([path], job, as_json=False, quiet=True)


def _write(source: archive.SourceFile, span: tuple[int | None, int | None]) -> None:
    start, end = _within(span, source.length)
    while start < end:
        piece = source.read_at(start, min(_PIECE, end - start))
        if not piece:
            break
        write_all(piece)
        start += len(piece)


def _parse(span: str) -> tuple[int | None, int | None]:
    """(first, end) of `A-B` and `A-`, (None, N) of `-N`."""
    found = _RANGE.fullmatch(span)
    if found is None:
        raise UsageError(f"--range {span}: write A-B, A- or -N, in bytes counted from 0")
    if found["suffix"] is not None:
        return None, int(found["suffix"])
    first, last = int(found["first"]), None if found["last"] is None else int(found["last"])
    if last is not None and last < first:
        raise UsageError(f"--range {span}: the end comes before the start")
    return first, last


def _within(span: tuple[int | None, int | None], length: int) -> tuple[int, int]:
    """The range as offsets inside a source of `length` bytes. An end beyond the source is the source's end."""
    first, last = span
    if first is None:
        return max(length - (last or 0), 0), length
    if first > length:
        raise UsageError(f"--range starts at byte {first}, beyond the end of the source ({length} bytes)")
    return first, length if last is None else min(last, length)

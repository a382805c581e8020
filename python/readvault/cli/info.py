"""`readvault info`: what an archive says of itself."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from readvault import archive
from readvault.cli import inputs
from readvault.cli.exits import UsageError
from readvault.cli.facts import FRAMING, HOLDS, beside_streams, bits, facts, share
from readvault.cli.options import Archives, Force, Json
from readvault.cli.terminal import shown
from readvault.files import write_whole
from readvault.report import Info, as_dict, size

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Columns of a page that is not a terminal: wide enough that no line is folded.
_PAGE_WIDTH = 200


def info(
    archives: Archives,
    streams: Annotated[
        bool, typer.Option("--streams", help="Show every field and tag: bytes, bits per record and base, codecs.")
    ] = False,
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Write all of it as a page with pictures, for a browser."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> int:
    """Show what takes the space in archives, and what wrote their sources."""
    _refuse_nonsense(archives, html, force=force, as_json=as_json)
    reports: list[tuple[str, Info]] = []

    def job(path: str) -> dict[str, Any]:
        report = archive.info(path)
        if not as_json and html is None:
            if reports:
                sys.stdout.write("\n")
            _print(path, report, streams=streams)
        reports.append((path, report))
        return as_dict(report)

    code = inputs.each(archives, job, as_json=as_json, quiet=True)
    if html is not None and reports:
        from readvault.cli.page import page

        _write(page(reports), html)
    return code


def _refuse_nonsense(archives: list[str], html: str | None, *, force: bool, as_json: bool) -> None:
    if html is None:
        if force:
            raise UsageError("--force is for --html: nothing else is written")
        return
    if html == "-":
        if as_json:
            raise UsageError("--json and the page cannot both go to standard output: use --html FILE")
        return
    target = Path(html)
    if not target.exists():
        return
    if any(Path(path).exists() and target.samefile(path) for path in archives if path != "-"):
        raise UsageError(f"--html {html}: the page would replace the archive")
    if not force:
        raise FileExistsError(f"{html} exists already: use -f to replace it")


def _write(page: str, path: str) -> None:
    if path == "-":
        sys.stdout.buffer.write(page.encode())
        sys.stdout.buffer.flush()
    else:
        write_whole(page, path)


def _print(path: str, info: Info, *, streams: bool) -> None:
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PAGE_WIDTH
    console = Console(markup=False, highlight=False, emoji=False, width=width)
    _print_facts(console, path, info)
    console.print()
    if streams:
        _print_streams(console, info)
    else:
        _print_bundles(console, info)


def _print_facts(console: "Console", path: str, info: Info) -> None:
    table = _table()
    table.show_header = False
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in facts(path, info):
        table.add_row(name, shown(value))
    console.print(table)


def _print_bundles(console: "Console", info: Info) -> None:
    table = _table("bundle", "holds", numbers=("stored", "share", "bits/record", "bits/base"))
    for bundle in info.bundles:
        table.add_row(
            bundle.name,
            HOLDS.get(bundle.name, ""),
            size(bundle.stored),
            share(bundle.stored, info),
            bits(bundle.bits_per_record),
            bits(bundle.bits_per_base),
        )
    table.add_row(FRAMING, beside_streams(info), size(info.framing_bytes), share(info.framing_bytes, info))
    console.print(table)


def _print_streams(console: "Console", info: Info) -> None:
    table = _table("bundle", "stream", numbers=("stored", "share", "bits/record", "bits/base", "decoded"))
    table.add_column("codecs", overflow="fold")
    for stream in info.streams:
        table.add_row(
            stream.bundle,
            shown(stream.name),
            size(stream.stored),
            share(stream.stored, info),
            bits(stream.bits_per_record),
            bits(stream.bits_per_base),
            size(stream.decoded),
            shown(", ".join(stream.codecs)),
        )
    table.add_row(FRAMING, beside_streams(info), size(info.framing_bytes), share(info.framing_bytes, info))
    console.print(table)


def _table(*words: str, numbers: tuple[str, ...] = ()) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for word in words:
        table.add_column(word)
    for number in numbers:
        table.add_column(number, justify="right")
    return table

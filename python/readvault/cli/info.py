"""`readvault info`: what an archive says of itself."""

import sys
from typing import TYPE_CHECKING, Any

from readvault import archive
from readvault.cli import inputs
from readvault.cli.options import Archives, Json
from readvault.cli.terminal import count, ratio, shown, size
from readvault.report import Info, as_dict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Columns of a page that is not a terminal: wide enough that no line is folded.
_PAGE_WIDTH = 200


def info(archives: Archives, as_json: Json = False) -> int:
    """Show sizes, streams, encoders and attachments of archives."""
    first = True

    def job(path: str) -> dict[str, Any]:
        nonlocal first
        report = archive.info(path)
        if not as_json:
            if not first:
                sys.stdout.write("\n")
            first = False
            _print(path, report)
        return as_dict(report)

    return inputs.each(archives, job, as_json=as_json, quiet=True)


def _print(path: str, info: Info) -> None:
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PAGE_WIDTH
    console = Console(markup=False, highlight=False, emoji=False, width=width)
    _print_facts(console, path, info)
    console.print()
    _print_streams(console, info)


def _facts(path: str, info: Info) -> list[tuple[str, str]]:
    source, counts, cost = info.source, info.counts, info.exactness
    facts = [
        ("archive", f"{path}, {size(info.archive.length)}"),
        ("source", f"{source.name or '(no name)'}, {source.kind}, {size(source.fingerprint.length)}"),
        ("ratio", ratio(info.ratio)),
        ("source sha256", source.fingerprint.sha256),
        ("source md5", source.fingerprint.md5),
        ("records", f"{counts.records:,} ({counts.record_escapes:,} kept as they are)"),
        ("references", f"{counts.references:,}"),
        (
            "layout",
            f"{count(counts.groups, 'group')}, {count(counts.chunks, 'chunk')}, {count(counts.blocks, 'BGZF block')}",
        ),
        ("exactness", _exactness(info)),
    ]
    facts += [("encoder", f"{encoder.name}: {count(encoder.blocks, 'block')}") for encoder in cost.encoders]
    facts += [("attachment", f"{file.name}, {file.kind}, {size(file.length)}") for file in info.attachments]
    facts += [("warning", f"{file.name}: {file.stale}") for file in info.attachments if file.stale]
    facts += [
        ("written by", _writer(info)),
        ("uuid", info.archive.uuid),
        ("digest", info.archive.digest),
    ]
    return facts


def _writer(info: Info) -> str:
    level = f", level {info.archive.level}" if info.archive.level else ""
    return f"{info.archive.writer}{level}, format version {info.archive.format_version}"


def _exactness(info: Info) -> str:
    cost, length = info.exactness, info.archive.length
    share = f" ({cost.overhead_bytes / length:.2%} of the archive)" if length else ""
    kept = f", {size(cost.kept_source_bytes)} of the source kept as it is" if cost.kept_source_bytes else ""
    return f"{size(cost.overhead_bytes)}{share}{kept}"


def _print_facts(console: "Console", path: str, info: Info) -> None:
    table = _table()
    table.show_header = False
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in _facts(path, info):
        table.add_row(name, shown(value))
    console.print(table)


def _print_streams(console: "Console", info: Info) -> None:
    table = _table()
    table.add_column("bundle")
    table.add_column("stream")
    table.add_column("stored", justify="right")
    table.add_column("share", justify="right")
    table.add_column("decoded", justify="right")
    table.add_column("codecs", overflow="fold")
    length = info.archive.length or 1
    for stream in info.streams:
        codecs = ", ".join(stream.codecs)
        cells = (stream.bundle, stream.name, size(stream.stored), f"{stream.stored / length:.1%}", size(stream.decoded))
        table.add_row(*(shown(cell) for cell in (*cells, codecs)))
    table.add_row("", "framing", size(info.framing_bytes), f"{info.framing_bytes / length:.1%}", "", "")
    console.print(table)


def _table() -> "Table":
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))

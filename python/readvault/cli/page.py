"""The page of `info --html`: what takes the space in archives, in pictures and tables."""

from collections.abc import Sequence

from readvault.cli.document import cells, document, heads, text
from readvault.cli.facts import FRAMING, HOLDS, beside_streams, bits, facts, share
from readvault.cli.terminal import count, ratio
from readvault.report import Info, size

# Bars narrower than this share of the archive are left out of the stacked bar: they would be thinner than the gaps.
_THINNEST = 0.002
# Columns of the tables: their heads, and the classes that align them.
_SIZES = (("stored", "number"), ("share", "number"), ("bits/record", "number"), ("bits/base", "number"))
_OVERVIEW = (
    ("archive", "name"),
    ("what takes the space", "picture"),
    ("source", "number"),
    ("archive", "number"),
    ("ratio", "number"),
)
_BUNDLES = (("bundle", "name"), ("holds", "word"), *_SIZES)
_STREAMS = (("stream", "name"), ("", "picture"), *_SIZES, ("decoded", "number"), ("codecs", "word"))


def page(reports: Sequence[tuple[str, Info]]) -> str:
    """The page about archives: paths as the user gave them, and what the archives say."""
    title = _name(*reports[0]) if len(reports) == 1 else count(len(reports), "archive")
    overview = _overview(reports) if len(reports) > 1 else ""
    sections = "".join(_archive(number, path, info) for number, (path, info) in enumerate(reports, start=1))
    return document(title, overview + sections, command="info")


def _overview(reports: Sequence[tuple[str, Info]]) -> str:
    source = sum(info.source.fingerprint.length for _, info in reports)
    archive = sum(info.archive.length for _, info in reports)
    rows = "".join(
        f'<tr><th scope="row"><a href="#archive-{number}">{text(_name(path, info))}</a></th>'
        f'<td class="picture">{_stack(info)}</td>'
        + cells(size(info.source.fingerprint.length), size(info.archive.length), ratio(info.ratio))
        + "</tr>\n"
        for number, (path, info) in enumerate(reports, start=1)
    )
    return f"""<header>
<h1>{count(len(reports), "archive")}</h1>
<p class="lead">{text(_change(source, archive))}</p>
{_legend(reports)}
<div class="wide"><table class="overview">{heads(_OVERVIEW)}<tbody>
{rows}</tbody></table></div>
</header>
"""


def _archive(number: int, path: str, info: Info) -> str:
    told = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>\n" for name, value in facts(path, info))
    return f"""<article id="archive-{number}">
<h1>{text(_name(path, info))}</h1>
<p class="lead">{text(_change(info.source.fingerprint.length, info.archive.length))}, {text(_amounts(info))}</p>
<h2>What takes the space</h2>
{_stack(info)}
<div class="wide"><table class="bundles">{heads(_BUNDLES)}<tbody>
{_bundle_rows(info)}</tbody></table></div>
<h2>Every field and tag</h2>
<div class="wide"><table class="streams">{heads(_STREAMS)}<tbody>
{_stream_rows(info)}</tbody></table></div>
<h2>Facts</h2>
<dl>
{told}</dl>
</article>
"""


def _stack(info: Info) -> str:
    """One bar for the whole archive, a piece for each bundle."""
    length = info.archive.length or 1
    shares = [(name, stored) for name, _, stored in _parts(info)]
    pieces = "".join(
        f'<span class="{_colour(name)}" style="flex-grow:{stored}" '
        f'title="{text(name)}: {text(size(stored))}, {share(stored, info)}"></span>'
        for name, stored in shares
        if stored / length >= _THINNEST
    )
    label = ", ".join(f"{name} {share(stored, info)}" for name, stored in shares)
    return f'<div class="stack" role="img" aria-label="{text(label)}">{pieces}</div>'


def _legend(reports: Sequence[tuple[str, Info]]) -> str:
    names = dict.fromkeys(name for _, info in reports for name, _, _ in _parts(info))
    items = "".join(f"<li>{_swatch(name)}{text(name)}</li>" for name in sorted(names, key=_order))
    return f'<ul class="legend">{items}</ul>'


def _parts(info: Info) -> list[tuple[str, str, int]]:
    """All of the archive: names, what they hold, stored bytes. Bundles keep one order, so that bars can be compared."""
    bundles = sorted(info.bundles, key=lambda bundle: _order(bundle.name))
    parts = [(bundle.name, HOLDS.get(bundle.name, ""), bundle.stored) for bundle in bundles]
    return [*parts, (FRAMING, beside_streams(info), info.framing_bytes)]


def _bundle_rows(info: Info) -> str:
    rows = [
        (bundle.name, HOLDS.get(bundle.name, ""), bundle.stored, bundle.bits_per_record, bundle.bits_per_base)
        for bundle in info.bundles
    ]
    rows.append((FRAMING, beside_streams(info), info.framing_bytes, None, None))
    return "".join(
        f'<tr><th scope="row">{_swatch(name)}{text(name)}</th><td class="word">{text(holds)}</td>'
        + cells(size(stored), share(stored, info), bits(of_record), bits(of_base))
        + "</tr>\n"
        for name, holds, stored, of_record, of_base in rows
    )


def _stream_rows(info: Info) -> str:
    largest = max((stream.stored for stream in info.streams), default=0) or 1
    return "".join(
        f'<tr><th scope="row">{text(stream.name)}</th>'
        f'<td class="picture" title="{text(stream.bundle)}">'
        f'<span class="bar {_colour(stream.bundle)}" style="width:{stream.stored / largest:.2%}"></span></td>'
        + cells(
            size(stream.stored),
            share(stream.stored, info),
            bits(stream.bits_per_record),
            bits(stream.bits_per_base),
            size(stream.decoded),
        )
        + f'<td class="word">{text(", ".join(stream.codecs))}</td></tr>\n'
        for stream in info.streams
    )


def _swatch(name: str) -> str:
    return f'<span class="swatch {_colour(name)}"></span>'


def _colour(name: str) -> str:
    """The class that colours a bundle; what is no bundle of this version looks like framing."""
    return f"of-{name if name in HOLDS else FRAMING}"


def _order(name: str) -> int:
    return [*HOLDS, FRAMING].index(name) if name in HOLDS else len(HOLDS)


def _name(path: str, info: Info) -> str:
    return info.source.name or path


def _change(source: int, archive: int) -> str:
    return f"{size(source)} → {size(archive)} ({ratio(source / (archive or 1))})"


def _amounts(info: Info) -> str:
    return f"{count(info.counts.records, 'record')}, {count(info.bases, 'base')}"

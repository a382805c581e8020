"""The page of `vault report --html`: what a vault has saved, how fast it is and what failed, in charts and tables."""

from collections.abc import Iterable, Sequence

from readvault.cli import charts
from readvault.cli.charts import CHART_STYLE, Bar, Mark
from readvault.cli.document import cells, document, heads, text
from readvault.cli.terminal import count, ratio
from readvault.cli.vault_words import change, label, length, limits, seconds
from readvault.report import size
from readvault.vault.figures import Amount, Tally, VaultReport

# What the page has of long lists; the JSON has more.
_PROJECTS, _BARS = 100, 15
# Characters of a failure's message.
_MESSAGE = 400
_AMOUNTS = tuple((name, "number") for name in ("files", "source", "archive", "saved", "ratio"))
_STYLE = """
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 24px 0 8px; }
.tiles div { display: block; flex: 1 1 130px; padding: 12px 16px; border: 1px solid var(--line); border-radius: 8px; }
.tiles dt { font-size: 13px; }
.tiles dd { font-size: 22px; font-weight: 600; white-space: nowrap; }
.hint { color: var(--faint); font-size: 13px; margin: 0 0 8px; }
.beside { display: flex; flex-wrap: wrap; gap: 0 40px; }
.beside section { flex: 1 1 280px; min-width: 0; }
.long { overflow-wrap: anywhere; min-width: 220px; }
tbody th.long { white-space: normal; }
th, td { vertical-align: top; }
@media print { section { break-inside: avoid; } .chart { min-width: 0; } }
"""


def vault_page(report: VaultReport) -> str:
    """The page about a vault."""
    parts = [_head(report)]
    if report.archives.files:
        parts += [_savings(report), _projects(report), _ratios(report), _groups(report)]
    elif report.projects:
        parts.append(_projects(report))
    parts += [_throughput(report), _steps(report), _failures(report), _slowest(report), _facts(report)]
    body = f"<article>\n{''.join(parts)}</article>\n"
    return document(f"Vault {report.folder}", body, command="vault report", style=CHART_STYLE + _STYLE)


def _head(report: VaultReport) -> str:
    made, failed = report.archives, report.failures.total
    tiles = (
        ("saved", length(made.saved_bytes)),
        ("ratio", ratio(made.ratio) if made.files else "-"),
        ("archives", f"{made.files:,}"),
        ("sources deleted", size(report.reclaimed.source_bytes)),
        ("jobs failed", f"{failed:,}"),
    )
    told = "".join(f"<div><dt>{name}</dt><dd>{text(value)}</dd></div>" for name, value in tiles)
    only = f'<p class="lead">Only {text(limits(report))}</p>' if limits(report) else ""
    return f"""<h1>Vault {text(report.folder)}</h1>
<p class="lead">{text(change(made))}</p>
{only}<dl class="tiles">{told}</dl>
"""


def _savings(report: VaultReport) -> str:
    every, periods = report.savings.every, report.savings.periods
    if not periods:
        return ""
    unit, name = charts.scale_of(max(abs(one.saved_so_far) for one in periods))
    marks = [
        Mark(
            label(one.start, every),
            max(one.saved_so_far, 0) / unit,
            f"{label(one.start, every)}: {change(one.amount)}; {length(one.saved_so_far)} so far",
        )
        for one in periods
    ]
    told = f"Saved so far, from {marks[0].label} to {marks[-1].label}: {length(periods[-1].saved_so_far)} in all"
    return _section(
        "Saved over time", charts.area(marks, up=f"saved so far, {name}", across=f"{every} (UTC)", told=told)
    )


def _projects(report: VaultReport) -> str:
    shown = report.projects[:_PROJECTS]
    rows = "".join(
        f'<tr><th scope="row" class="long">{text(one.name or "(no project)")}</th>'
        + cells(*_amounts(one.amount), f"{one.failures:,}")
        + "</tr>\n"
        for one in shown
    )
    left = len(report.projects) - len(shown)
    more = f'<p class="hint">{count(left, "more project")} in the JSON.</p>' if left else ""
    with_archives = [one for one in shown[:_BARS] if one.amount.files]
    unit, name = charts.scale_of(max((one.amount.source_bytes for one in with_archives), default=0))
    bars = [
        Bar(
            one.name or "(no project)",
            (("kept", one.amount.archive_bytes / unit), ("saved", max(one.amount.saved_bytes, 0) / unit)),
            f"{size(one.amount.source_bytes)}, {ratio(one.amount.ratio)}",
            f"{one.name or '(no project)'}: {change(one.amount)}",
        )
        for one in with_archives
    ]
    legend = (
        '<ul class="legend"><li><span class="swatch of-kept"></span>archives</li>'
        '<li><span class="swatch of-saved"></span>saved</li></ul>'
    )
    told = "Archive bytes and saved bytes by project, the largest first: " + "; ".join(bar.tip for bar in bars[:3])
    chart = legend + charts.bars(bars, across=f"source bytes, {name}", told=told) if bars else ""
    columns = (("project", "name"), *_AMOUNTS, ("failures", "number"))
    return _section("By project", chart + _table(columns, rows) + more)


def _ratios(report: VaultReport) -> str:
    bins, median = report.ratios.bins, report.ratios.median or 0.0
    marks = [
        Mark(
            f"{one.start:.3g}" if one.end is not None else f"≥{one.start:.3g}",
            one.files,
            (f"{one.start:.4g} to {one.end:.4g}" if one.end is not None else f"{one.start:.4g} and more")
            + f": {count(one.files, 'archive')} of {size(one.source_bytes)}",
        )
        for one in bins
    ]
    told = f"How many archives have which ratio: half of them have {median:.1f} or more"
    chart = charts.columns(marks, up="archives", across="ratio (source bytes for each archive byte), from", told=told)
    return _section("Ratios", f'<p class="hint">Half of the archives have {median:.1f}x or more.</p>{chart}')


def _groups(report: VaultReport) -> str:
    tiers = "".join(
        f'<tr><th scope="row">{text(one.name)}</th>{cells(*_amounts(one.amount))}</tr>\n' for one in report.tiers
    )
    parts = [_section("Verified by", _tallies("how", "archives", report.verified))]
    if report.marks:
        parts.append(_section("Odd sources", _tallies("mark", "archives", report.marks)))
    beside = f'<div class="beside">{"".join(parts)}</div>\n'
    return _section("Tiers", _table((("tier", "name"), *_AMOUNTS), tiers)) + beside


def _throughput(report: VaultReport) -> str:
    every, rates = report.throughput.every, report.throughput.rates
    if not rates:
        return ""
    tips = [
        f"{label(one.start, every)}: {count(one.files, 'file')}, {size(one.source_bytes)} "
        f"in {seconds(one.busy_seconds)} of work, {one.mb_per_second:,.1f} MB/s, {one.files_per_hour:,.1f} files/hour"
        for one in rates
    ]
    across, parts = f"{every} (UTC)", []
    busy = sum(one.busy_seconds for one in rates) or 1.0
    for name, values, mean in (
        ("MB/s", [one.mb_per_second for one in rates], sum(one.source_bytes for one in rates) / 1e6 / busy),
        ("files/hour", [one.files_per_hour for one in rates], sum(one.files for one in rates) * 3600 / busy),
    ):
        marks = [Mark(label(one.start, every), value, tip) for one, value, tip in zip(rates, values, tips, strict=True)]
        told = f"{name} of source by {every}, from {marks[0].label} to {marks[-1].label}: {mean:,.1f} {name} overall"
        parts.append(charts.columns(marks, up=f"{name}; {mean:,.1f} overall", across=across, told=told))
    hint = '<p class="hint">While at least one job was on its way.</p>'
    return _section("Throughput", hint + "".join(parts))


def _steps(report: VaultReport) -> str:
    if not report.steps:
        return ""
    bars = [
        Bar(
            one.step,
            (("plain", one.mean_seconds),),
            f"{seconds(one.mean_seconds)}",
            f"{one.step}: {seconds(one.mean_seconds)} on average, half took {seconds(one.median_seconds)} or less, "
            f"the longest {seconds(one.longest_seconds)}",
            one.median_seconds,
        )
        for one in report.steps
    ]
    told = "Mean seconds of each step: " + ", ".join(f"{one.step} {seconds(one.mean_seconds)}" for one in report.steps)
    rows = "".join(
        f'<tr><th scope="row">{text(one.step)}</th>'
        + cells(
            f"{one.runs:,}",
            seconds(one.mean_seconds),
            seconds(one.median_seconds),
            seconds(one.longest_seconds),
            seconds(one.total_seconds),
        )
        + "</tr>\n"
        for one in report.steps
    )
    names = ("runs", "mean", "median", "longest", "total")
    table = _table((("step", "name"), *((name, "number") for name in names)), rows)
    return _section("Time by step", charts.bars(bars, across="mean (bar) and median (line), s", told=told) + table)


def _failures(report: VaultReport) -> str:
    found = report.failures
    if not found.total:
        return _section("Failures", '<p class="hint">No job has failed.</p>')
    rows = "".join(
        f'<tr><th scope="row" class="number">{one.job}</th><td class="number">{text(one.when or "")}</td>'
        f'<td class="long">{text(one.source)}</td><td>{text(one.kind)}</td>'
        f'<td class="long word">{text(_cut(one.message))}</td></tr>\n'
        for one in found.newest
    )
    columns = (("job", "number"), ("when", "number"), ("source", "name"), ("kind", "name"), ("message", "word"))
    hint = f'<p class="hint">{len(found.newest):,} of {found.total:,}, the newest first.</p>'
    return _section("Failures", _tallies("kind", "jobs", found.kinds)) + _section(
        "Newest failures", hint + _table(columns, rows)
    )


def _slowest(report: VaultReport) -> str:
    if not report.slowest:
        return ""
    rows = "".join(
        f'<tr><th scope="row" class="long">{text(one.source)}</th>'
        + cells(f"{one.job}", seconds(one.seconds), size(one.source_bytes), f"{one.mb_per_second:,.1f}", one.ended)
        + "</tr>\n"
        for one in report.slowest
    )
    names = ("job", "took", "size", "MB/s", "ended")
    return _section("What took longest", _table((("source", "name"), *((name, "number") for name in names)), rows))


def _facts(report: VaultReport) -> str:
    late = report.undelivered
    error = f": {late.error}" if late.error else ""
    told = (
        ("folder", report.folder),
        ("store", report.store),
        ("id", report.vault),
        ("generated", report.generated),
        ("jobs", ", ".join(f"{one.jobs:,} {one.state} ({size(one.source_bytes)})" for one in report.jobs)),
        ("deleted", f"{count(report.reclaimed.files, 'source')} of {size(report.reclaimed.source_bytes)}"),
        ("events", f"{late.events:,} not delivered{error}"),
    )
    return _section(
        "Facts", "<dl>" + "".join(f"<div><dt>{a}</dt><dd>{text(b)}</dd></div>\n" for a, b in told) + "</dl>"
    )


def _amounts(made: Amount) -> tuple[str, ...]:
    return (
        f"{made.files:,}",
        size(made.source_bytes),
        size(made.archive_bytes),
        length(made.saved_bytes),
        ratio(made.ratio) if made.files else "",
    )


def _tallies(name: str, counted: str, found: Iterable[Tally]) -> str:
    rows = "".join(f'<tr><th scope="row">{text(one.name)}</th>{cells(f"{one.count:,}")}</tr>\n' for one in found)
    return _table(((name, "name"), (counted, "number")), rows)


def _table(columns: Sequence[tuple[str, str]], rows: str) -> str:
    return f'<div class="wide"><table>{heads(columns)}<tbody>\n{rows}</tbody></table></div>\n'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>\n{content}</section>\n"


def _cut(message: str) -> str:
    return message if len(message) <= _MESSAGE else message[:_MESSAGE] + "…"

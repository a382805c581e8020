"""Charts as SVG inside a page, made by hand: no script draws them, so they print, and are there where nothing may run.

A chart is told in a sentence to whoever cannot see it, and each of its marks has its numbers as a tooltip. Colours are
those of the page, in its light and its dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from readvault.cli.document import text

CHART_STYLE = """
.chart { display: block; width: 100%; min-width: 860px; height: auto; margin: 0 0 8px; }
.chart text { fill: var(--faint); font-size: 12px; font-variant-numeric: tabular-nums; }
.chart .strong { fill: var(--ink); }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.chart .line { fill: none; stroke: var(--names); stroke-width: 2; stroke-linejoin: round; }
.chart .area { fill: var(--names); opacity: 0.22; }
.chart .dot, .chart .saved { fill: var(--names); }
.chart .kept { fill: var(--qualities); }
.chart .plain { fill: var(--qualities); }
.chart .median { stroke: var(--ink); stroke-width: 2; }
.chart .touch { fill: var(--ink); opacity: 0; }
.chart .touch:hover { opacity: 0.08; }
.of-kept { background: var(--qualities); }
.of-saved { background: var(--names); }
"""

# Sizes in units of the picture, which is as wide as a page's text: a unit is about a pixel.
_WIDTH, _HEIGHT = 1000, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 26, 46
# Labels below the axis that do not touch, and lines behind the marks.
_LABELS, _LINES = 10, 4
# Rows of bars: their height, the room for their names, how many characters fit there, and the room for their numbers.
_ROW, _NAMES, _FITS, _NOTES = 26, 210, 28, 190


@dataclass(frozen=True, slots=True)
class Mark:
    """A point or column: its label on the axis, its height, and what its tooltip tells."""

    label: str
    value: float
    tip: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a bar chart: its name, pieces from left to right (class, length), its numbers, its tooltip.

    `tick`: a length that is marked, such as a median.
    """

    name: str
    pieces: tuple[tuple[str, float], ...]
    note: str
    tip: str
    tick: float | None = None


def area(marks: Sequence[Mark], *, up: str, across: str, told: str) -> str:
    """A line over a filled area, for what only grows. `up` and `across` say what the axes are, with units."""
    top, parts = _frame(marks, up, across)
    slot = _slot(marks)
    points = [(_LEFT + (number + 0.5) * slot, _y(mark.value, top)) for number, mark in enumerate(marks)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ground = _y(0, top)
    parts.append(f'<polygon class="area" points="{points[0][0]:.1f},{ground} {line} {points[-1][0]:.1f},{ground}"/>')
    parts.append(f'<polyline class="line" points="{line}"/>')
    parts.append(f'<circle class="dot" cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="4"/>')
    return _picture(_HEIGHT, [*parts, *_touch(marks)], told)


def columns(marks: Sequence[Mark], *, up: str, across: str, told: str) -> str:
    """Columns beside each other."""
    top, parts = _frame(marks, up, across)
    slot = _slot(marks)
    # A few columns are not as wide as the page.
    width = min(slot * (0.92 if slot < 12 else 0.8), 64)
    for number, mark in enumerate(marks):
        if mark.value > 0:
            x, y = _LEFT + (number + 0.5) * slot - width / 2, _y(mark.value, top)
            # What is there can be seen.
            y = min(y, _y(0, top) - 1)
            parts.append(
                f'<rect class="plain" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_y(0, top) - y:.1f}"/>'
            )
    return _picture(_HEIGHT, [*parts, *_touch(marks)], told)


def bars(rows: Sequence[Bar], *, across: str, told: str) -> str:
    """Bars below each other, names to the left and numbers to the right."""
    step, unit = _step(max((sum(length for _, length in row.pieces) for row in rows), default=0.0))
    top = unit * step
    scale = (_WIDTH - _NAMES - _NOTES) / top
    height = _TOP + len(rows) * _ROW + 24
    parts = [f'<text x="{_NAMES}" y="14">{text(across)}</text>']
    for number in range(unit + 1):
        x = _NAMES + number * step * scale
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" y2="{height - 22}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle">{_number(number * step)}</text>')
    for number, row in enumerate(rows):
        y, x = _TOP + number * _ROW, float(_NAMES)
        name = row.name if len(row.name) <= _FITS else row.name[: _FITS - 1] + "…"
        parts.append(f"<g><title>{text(row.tip)}</title>")
        parts.append(f'<text class="strong" x="{_NAMES - 10}" y="{y + 15}" text-anchor="end">{text(name)}</text>')
        for kind, length in row.pieces:
            if length > 0:
                width = max(length * scale, 1)
                parts.append(f'<rect class="{kind}" x="{x:.1f}" y="{y + 2}" width="{width:.1f}" height="{_ROW - 8}"/>')
                x += width
        if row.tick is not None:
            tick = _NAMES + row.tick * scale
            parts.append(f'<line class="median" x1="{tick:.1f}" x2="{tick:.1f}" y1="{y}" y2="{y + _ROW - 4}"/>')
            x = max(x, tick)
        parts.append(f'<text x="{x + 8:.1f}" y="{y + 15}">{text(row.note)}</text>')
        parts.append(f'<rect class="touch" x="0" y="{y}" width="{_WIDTH}" height="{_ROW - 4}"/></g>')
    return _picture(height, parts, told)


def scale_of(length: float) -> tuple[float, str]:
    """The unit in which so many bytes are a number that fits an axis: its bytes, and its name."""
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if length >= 10**power:
            return 10.0**power, unit
    return 1.0, "B"


def _frame(marks: Sequence[Mark], up: str, across: str) -> tuple[float, list[str]]:
    """The axes with their labels, and the value at the top."""
    step, lines = _step(max((mark.value for mark in marks), default=0.0))
    top = step * lines
    parts = [
        f'<text x="{_LEFT}" y="14">{text(up)}</text>',
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 8}" text-anchor="end">{text(across)}</text>',
    ]
    for number in range(lines + 1):
        y = _y(number * step, top)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_number(number * step)}</text>')
    slot, every = _slot(marks), max(ceil(len(marks) / _LABELS), 1)
    for number in range(0, len(marks), every):
        x = _LEFT + (number + 0.5) * slot
        label = text(marks[number].label)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 17}" text-anchor="middle">{label}</text>')
    return top, parts


def _touch(marks: Sequence[Mark]) -> list[str]:
    """Strips as high as the chart, so that a tooltip needs no steady hand."""
    slot, height = _slot(marks), _HEIGHT - _TOP - _BOTTOM
    return [
        f'<rect class="touch" x="{_LEFT + number * slot:.1f}" y="{_TOP}" width="{slot:.1f}" height="{height}">'
        f"<title>{text(mark.tip)}</title></rect>"
        for number, mark in enumerate(marks)
    ]


def _slot(marks: Sequence[Mark]) -> float:
    return (_WIDTH - _LEFT - _RIGHT) / max(len(marks), 1)


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top


def _step(highest: float) -> tuple[float, int]:
    """A round step between lines, and how many of them it takes to reach the highest value."""
    if highest <= 0:
        return 1.0, 1
    power = 10.0 ** floor(log10(highest / _LINES))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power * _LINES >= highest)
    return step, max(ceil(highest / step), 1)


def _number(value: float) -> str:
    """A value of an axis, as short as it goes."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _picture(height: int, parts: Sequence[str], told: str) -> str:
    drawn = "\n".join(parts)
    return (
        f'<div class="wide"><svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{text(told)}">\n'
        f"{drawn}\n</svg></div>\n"
    )

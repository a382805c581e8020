"""Size against speed as a picture: one SVG file, drawn here because it needs no more than lines, dots and words."""

import math
from collections.abc import Callable, Sequence
from html import escape

from speed import Speed

WIDTH, HEIGHT, MARGIN = 460, 340, 54
GAP = 30
COLOURS = {"readvault": "#0b6e4f", "CRAM 3.1": "#c05621", "BAM": "#555555"}


def svg(rows: Sequence[Speed]) -> str:
    """Two panels a file: how much smaller than BAM, against the speed of compressing with proof, and of decoding."""
    files = list(dict.fromkeys(row.file for row in rows))
    panels: list[tuple[str, Callable[[Speed], float | None]]] = [
        ("compress and prove the content", lambda row: row.compress),
        ("decode to records", lambda row: row.decode),
    ]
    width, height = 2 * WIDTH + GAP, len(files) * (HEIGHT + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, file in enumerate(files):
        mine = [row for row in rows if row.file == file]
        for column, (title, speed) in enumerate(panels):
            x, y = column * (WIDTH + GAP), number * (HEIGHT + GAP)
            parts.append(f'<g transform="translate({x} {y})">{_panel(mine, f"{file}: {title}", speed)}</g>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _panel(rows: Sequence[Speed], title: str, speed: Callable[[Speed], float | None]) -> str:
    points = [(row, value) for row in rows if (value := speed(row))]
    lowest = 10 ** math.floor(math.log10(min(value for _, value in points)))
    highest = 10 ** math.ceil(math.log10(max(value for _, value in points)))
    most = math.ceil(max(row.ratio for row, _ in points))

    def across(value: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * math.log(value / lowest) / math.log(highest / lowest)

    def up(ratio: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * ratio / most

    parts = [f'<text x="{MARGIN}" y="24" font-weight="bold">{escape(title)}</text>']
    for value in _ticks(lowest, highest):
        x = across(value)
        parts.append(f'<line x1="{x:.1f}" y1="{up(0)}" x2="{x:.1f}" y2="{up(most)}" stroke="#e2e2e2"/>')
        parts.append(f'<text x="{x:.1f}" y="{up(0) + 16:.1f}" text-anchor="middle">{value:g}</text>')
    for ratio in range(most + 1):
        y = up(ratio)
        parts.append(f'<line x1="{across(lowest)}" y1="{y:.1f}" x2="{across(highest)}" y2="{y:.1f}" stroke="#e2e2e2"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{ratio}</text>')
    parts.append(
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">MB of BAM per CPU second (one thread)</text>'
        f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 {HEIGHT / 2})">'
        "times smaller than BAM</text>"
    )
    for tool, colour in COLOURS.items():
        mine = sorted(((across(value), up(row.ratio), row) for row, value in points if row.tool == tool))
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in mine)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-opacity="0.4"/>')
        for x, y, row in mine:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            name = tool if tool == "BAM" else f"{tool} {row.profile}"
            parts.append(f'<text x="{x + 7:.1f}" y="{y - 6:.1f}" fill="{colour}">{escape(name)}</text>')
    return "".join(parts)


def _ticks(lowest: float, highest: float) -> list[float]:
    ticks, decade = [], lowest
    while decade < highest:
        ticks += [decade * step for step in (1, 2, 5)]
        decade *= 10
    return [*ticks, highest]

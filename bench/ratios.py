"""Size and speed of Readvault and its rivals on a list of files: CSV, a table, and a table for the README."""

import csv
import math
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import Cost
from tools import Outcome, Tool, tools

COLUMNS = [
    "file",
    "bam_bytes",
    "tool",
    "profile",
    "threads",
    "bytes",
    "ratio",
    "compress_wall_s",
    "compress_cpu_s",
    "compress_peak_bytes",
    "decompress_wall_s",
    "decompress_cpu_s",
    "decompress_peak_bytes",
    "version",
    "note",
]
# The rival that the aims are stated against.
RIVAL = ("CRAM 3.1", "archive")
OURS = ("readvault", "default")


@dataclass(frozen=True)
class Row:
    """A tool's outcome on a file."""

    file: str
    source: int
    tool: Tool
    threads: int
    outcome: Outcome

    def values(self) -> list[str]:
        """The row of the CSV, in the order of COLUMNS."""
        outcome = self.outcome
        refused = outcome.compress.refused or (outcome.decompress and outcome.decompress.refused)
        note = f"refused: {refused}" if refused else outcome.note
        done = outcome.size > 0
        return [
            self.file,
            str(self.source),
            self.tool.name,
            self.tool.profile,
            str(self.threads),
            str(outcome.size) if done else "",
            f"{self.source / outcome.size:.4f}" if done else "",
            *(_cost(outcome.compress) if done else ["", "", ""]),
            *_cost(outcome.decompress),
            self.tool.version,
            note,
        ]


def _cost(cost: Cost | None) -> list[str]:
    if cost is None or cost.status != 0:
        return ["", "", ""]
    return [f"{cost.wall:.3f}", f"{cost.cpu:.3f}", str(cost.peak)]


def measure(files: Sequence[Path], out: Path, threads: int) -> list[Row]:
    """Measures every tool on every file; each row is written as soon as it is known."""
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    with out.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(COLUMNS)
        for path in files:
            for tool in tools():
                with tempfile.TemporaryDirectory(prefix="bench-", dir=out.parent) as folder:
                    outcome = tool.run(path, Path(folder), threads)
                row = Row(path.name, path.stat().st_size, tool, threads, outcome)
                rows.append(row)
                writer.writerow(row.values())
                target.flush()
                print(_line(row), file=sys.stderr, flush=True)
    return rows


def _line(row: Row) -> str:
    values = dict(zip(COLUMNS, row.values(), strict=True))
    megabytes = row.source / 1e6
    speeds = [
        f"{megabytes / float(values[column]):7.2f}" if values[column] and float(values[column]) else "      -"
        for column in ("compress_cpu_s", "decompress_cpu_s")
    ]
    size = values["bytes"] or "-"
    return f"{row.file[:44]:44} {row.tool.name:9} {row.tool.profile:8} {size:>12} {' '.join(speeds)} {values['note']}"


def sizes(rows: Iterable[Row]) -> dict[str, dict[tuple[str, str], int]]:
    """Bytes by file and tool, without those that refused."""
    found: dict[str, dict[tuple[str, str], int]] = {}
    for row in rows:
        if row.outcome.size:
            found.setdefault(row.file, {})[row.tool.name, row.tool.profile] = row.outcome.size
    return found


def geometric_mean(values: Sequence[float]) -> float:
    """The mean that ratios need; nan for none."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def speed(rows: Iterable[Row], who: tuple[str, str], decompress: bool) -> float:
    """MB of BAM per CPU second over all files of a tool."""
    size = seconds = 0.0
    for row in rows:
        cost = row.outcome.decompress if decompress else row.outcome.compress
        if (row.tool.name, row.tool.profile) == who and row.outcome.size and cost is not None and cost.status == 0:
            size += row.source / 1e6
            seconds += cost.cpu
    return size / seconds if seconds else math.nan


def summary(rows: Sequence[Row]) -> str:
    """A Markdown table of the ratios per file, with geometric means and speeds below."""
    known = sizes(rows)
    kinds = list(dict.fromkeys((row.tool.name, row.tool.profile) for row in rows))
    sources = {row.file: row.source for row in rows}
    lines = [
        "| File | BAM bytes | " + " | ".join(f"{name} {profile}" for name, profile in kinds) + " | ours / archive |"
    ]
    lines.append("|---|---:|" + "---:|" * (len(kinds) + 1))
    against = []
    for file, source in sources.items():
        by_kind = known.get(file, {})
        cells = [f"{source / by_kind[kind]:.2f}" if kind in by_kind else "refused" for kind in kinds]
        both = OURS in by_kind and RIVAL in by_kind
        if both:
            against.append(by_kind[OURS] / by_kind[RIVAL])
        share = f"{against[-1]:.3f}" if both else "-"
        lines.append(f"| {file} | {source:,} | {' | '.join(cells)} | {share} |")
    means = [
        geometric_mean([sources[file] / by_kind[kind] for file, by_kind in known.items() if kind in by_kind])
        for kind in kinds
    ]
    cells = [f"**{mean:.2f}**" for mean in means]
    lines.append(f"| **geometric mean** | | {' | '.join(cells)} | **{geometric_mean(against):.3f}** |")
    for label, back in (("compress", False), ("decompress", True)):
        speeds = [speed(rows, kind, back) for kind in kinds]
        shown = ["-" if math.isnan(value) else f"{value:.1f}" for value in speeds]
        lines.append(f"| {label}, MB of BAM per CPU second | | {' | '.join(shown)} | |")
    versions = ", ".join(dict.fromkeys(f"{row.tool.name.split()[0]}: {row.tool.version}" for row in rows))
    lines += ["", f"BAM size divided by the tool's size (more is better). {versions}. Threads: {rows[0].threads}."]
    return "\n".join(lines) + "\n"

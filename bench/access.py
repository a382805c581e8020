"""Reading in place: regions, counts, statistics, scans and whole files, against samtools and pysam on BAM and CRAM.

Each figure is of a process of its own; regions are asked of a file that is open already. Rows say whether the page
cache had the file ("warm": it was read once before) or not ("cold": the cache was told to drop it, for regions before
each). What was read by system calls is counted (`rchar`), whether the page cache had it or not. `peak_bytes` has about
80 MB of Python and its modules; this process does no work itself, because children inherit its peak.
"""

import csv
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import pysam
import reading
import readvault
from measure import command, function
from readvault.archive import Level
from tools import RIVAL_VERSION
from tools import readvault as command_line

CRAMS = {
    "CRAM 3.1 archive": "cram,version=3.1,archive=1,embed_ref=2",
    "CRAM 3.1 default": "cram,version=3.1,embed_ref=2",
    "CRAM 3.1 small": "cram,version=3.1,small=1,embed_ref=2",
}
LEVELS: dict[str, Level] = {"readvault default": "default", "readvault fast": "fast"}


@dataclass(frozen=True)
class Access:
    """One kind of reading by one tool."""

    file: str
    what: str
    tool: str
    cache: str
    seconds: float
    read_bytes: int
    file_bytes: int
    peak_bytes: int


def measure(files: Sequence[Path], out: Path, threads: int) -> list[Access]:
    """Measures every kind of reading of every file."""
    rows: list[Access] = []
    with out.open("w", newline="") as target:
        writer = csv.DictWriter(target, [field.name for field in fields(Access)])
        writer.writeheader()
        for path in files:
            with tempfile.TemporaryDirectory(prefix="bench-", dir=out.parent) as folder:
                for row in _Run(path, Path(folder), threads).rows():
                    rows.append(row)
                    writer.writerow(asdict(row))
                    target.flush()
    return rows


class _Run:
    """The measurements of one file, by each tool's copy of it."""

    def __init__(self, path: Path, folder: Path, threads: int) -> None:
        self.path, self.folder, self.threads = path, folder, threads
        self.told = folder / "told"
        bam = folder / path.name
        self.files = {"BAM": bam, **{name: folder / f"{name.replace(' ', '-')}.cram" for name in CRAMS}}
        self.files |= {name: folder / f"{name.replace(' ', '-')}.rv" for name in LEVELS}
        # samtools idxstats goes through a file that has no index.
        self.bare = folder / "bare.bam"
        self._child(lambda: shutil.copyfile(path, bam))
        os.link(bam, self.bare)
        self._child(lambda: pysam.index("-@", "2", str(bam)))
        self._child(lambda: self.told.write_text(json.dumps(reading.regions_of(bam))))
        self.regions: list[reading.Region] = [
            (name, start, end) for name, start, end in json.loads(self.told.read_text())
        ]
        for name, options in CRAMS.items():
            target = str(self.files[name])
            words = ["-@", "2", "--no-PG", "-O", options, "-o", target, str(bam)]
            self._child(lambda words=words: pysam.view(*words, catch_stdout=False))
            self._child(lambda target=target: pysam.index(target))
        for name, level in LEVELS.items():
            target = str(self.files[name])
            self._child(lambda target=target, level=level: readvault.compress(bam, target, level=level))

    def _child(self, work: Callable[[], object]) -> int:
        """Runs work in a child, and gives its peak memory."""
        cost = function(work)
        if cost.refused:
            raise SystemExit(f"bench: {cost.refused}")
        return cost.peak

    def _row(self, what: str, tool: str, work: Callable[[Path], float], *, cold: bool = False) -> Access:
        """A row of what work tells of the seconds that it took."""
        file = self.files[tool]

        def child() -> None:
            before = reading.read_bytes()
            seconds = work(file)
            self._tell(seconds, reading.read_bytes() - before)

        if cold:
            reading.forget(file)
        else:
            self._child(lambda: reading.warm(file))
        peak = self._child(child)
        seconds, read = self.told.read_text().split()
        return self._told(what, tool, float(seconds), int(read), peak, cold=cold)

    def _told(self, what: str, tool: str, seconds: float, read: int, peak: int, *, cold: bool) -> Access:
        cache = "cold" if cold else "warm"
        length = self.files[tool].stat().st_size
        print(f"{what:36} {tool:18} {cache} {seconds:9.4f} s {read / 1e6:9.2f} MB {peak / 1e6:6.0f} MB", flush=True)
        return Access(self.path.name, what, tool, cache, seconds, read, length, peak)

    def rows(self) -> Iterator[Access]:
        """All of them, regions first."""
        yield from self._of_regions()
        yield from self._of_command_lines()
        yield from self._of_statistics()
        yield from self._of_tables()
        yield from self._of_seeks()
        yield from self._of_conversions()

    def _of_regions(self) -> Iterator[Access]:
        for name in self.files:
            fetch, count = (
                (reading.our_records, reading.our_count) if name in LEVELS else (reading.records, reading.count)
            )
            for cold in (False, True):
                work = partial(fetch, regions=self.regions, cold=cold)
                yield self._row("region of 1 kb, records, median", name, work, cold=cold)
            if name in LEVELS or name == "BAM":
                yield self._row("region of 1 kb, count, median", name, partial(count, regions=self.regions))

    def _of_command_lines(self) -> Iterator[Access]:
        """A region by commands that start anew, the cache cold."""
        name, start, end = self.regions[0]
        call = "import sys, pysam; pysam.view(*sys.argv[1:], catch_stdout=False)"
        for tool, file in self.files.items():
            words = [*command_line(), "view"] if tool in LEVELS else [sys.executable, "-c", call]
            reading.forget(file)
            cost = command([*words, "-o", "/dev/null", file, f"{name}:{start + 1}-{end}"])
            if cost.refused:
                raise SystemExit(f"bench: {tool}: {cost.refused}")
            yield self._told("region of 1 kb, command line", tool, cost.wall, 0, cost.peak, cold=True)

    def _of_statistics(self) -> Iterator[Access]:
        for what, (theirs, ours) in reading.statistics_of(self.bare, self.threads).items():
            for name in LEVELS:
                yield self._row(what, name, ours)
                if what != "coverage":
                    yield self._row(what, name, ours, cold=True)
            yield self._row(what, "BAM", theirs)

    def _of_conversions(self) -> Iterator[Access]:
        for what, (theirs, ours) in reading.conversions(self.threads).items():
            for name in self.files:
                yield self._row(what, name, ours if name in LEVELS else theirs)

    def _of_tables(self) -> Iterator[Access]:
        what = "four columns of every record"
        for name in LEVELS:
            yield self._row(what, name, partial(reading.table, threads=self.threads))
        yield self._row(what, "BAM", reading.iterate)

    def _of_seeks(self) -> Iterator[Access]:
        """Random reads of a view, in the place of `read_bytes` what resident memory grew by."""
        for view in reading.VIEWS:
            for name in LEVELS:
                file = self.files[name]
                peak = self._child(lambda file=file, view=view: self._tell(*reading.seek(file, view)))
                seconds, growth = self.told.read_text().split()
                what = f"{reading.SEEKS} reads of the {view} view, growth"
                yield self._told(what, name, float(seconds), int(growth), peak, cold=False)

    def _tell(self, seconds: float, count: int) -> None:
        self.told.write_text(f"{seconds} {count}")


def summary(rows: Sequence[Access]) -> str:
    """A Markdown table: one line for each kind of reading and tool."""
    lines = [
        "| File | what | tool | cache | ms | MB read | % of file | peak MB |",
        "|---|---|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.file} | {row.what} | {row.tool} | {row.cache} | {1000 * row.seconds:,.1f} "
        f"| {row.read_bytes / 1e6:,.2f} | {100 * row.read_bytes / row.file_bytes:.1f} | {row.peak_bytes / 1e6:.0f} |"
        for row in rows
    ]
    asked = f"MB read of regions: of all {reading.REGIONS} of them; of the command line: not told."
    return "\n".join(lines) + f"\n\n{asked} {RIVAL_VERSION}.\n"

"""Reading in place: regions, counts, statistics and scans of whole files, against samtools and pysam on BAM and CRAM.

Each figure is of a forked child; regions are asked of a file that is open already. What it read by system calls is
counted (`rchar`), whether the page cache had it or not. Caches are warm: every file is read once before.
"""

import csv
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pysam
import readvault
from measure import function
from readvault import _core
from readvault.archive import Level

# Regions asked of each file, and their length in bases.
REGIONS = 60
LENGTH = 1000

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
    seconds: float
    read_bytes: int
    peak_bytes: int


def measure(files: Sequence[Path], out: Path, threads: int) -> list[Access]:
    """Measures every kind of reading of every file."""
    rows: list[Access] = []
    for path in files:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=out.parent) as folder:
            rows += _all(path, Path(folder), threads)
    with out.open("w", newline="") as target:
        writer = csv.DictWriter(target, [field.name for field in fields(Access)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    return rows


def _all(path: Path, folder: Path, threads: int) -> list[Access]:
    bam = folder / path.name
    shutil.copyfile(path, bam)
    pysam.index("-@", "2", str(bam))
    files = {"BAM": bam}
    for name, options in CRAMS.items():
        files[name] = folder / f"{name.replace(' ', '-')}.cram"
        pysam.view("-@", "2", "--no-PG", "-O", options, "-o", str(files[name]), str(bam), catch_stdout=False)
        pysam.index(str(files[name]))
    for name, level in LEVELS.items():
        files[name] = folder / f"{name.replace(' ', '-')}.rv"
        readvault.compress(bam, files[name], level=level)
    regions = _regions(bam)
    rows: list[Access] = []

    def row(what: str, tool: str, work: Callable[[], float]) -> None:
        told = folder / "told"

        def child() -> None:
            before = _read_bytes()
            seconds = work()
            told.write_text(f"{seconds} {_read_bytes() - before}")

        cost = function(child)
        if cost.refused:
            raise SystemExit(f"bench: {what}, {tool}: {cost.refused}")
        seconds, read = told.read_text().split()
        rows.append(Access(path.name, what, tool, float(seconds), int(read), cost.peak))
        print(f"{what:40} {tool:20} {float(seconds):9.4f} s {int(read) / 1e6:9.2f} MB", flush=True)

    for name, file in files.items():
        # In a child: what a process held once counts for all that it starts.
        function(file.read_bytes)
        ours = name in LEVELS
        fetch, count = (_ours, _our_count) if ours else (_theirs, _their_count)
        row("region of 1 kb, records, median", name, lambda fetch=fetch, file=file: fetch(file, regions))
        if ours or name == "BAM":
            row("region of 1 kb, count, median", name, lambda count=count, file=file: count(file, regions))
    whole = {
        "flagstat": (pysam.flagstat, lambda archive, query: archive.flag_statistics(query, threads=threads)),
        "idxstats without index": (None, lambda archive, _: archive.index_statistics(threads=threads)),
        "depth": (
            pysam.depth,
            lambda archive, _: _drain(archive.depth_text(_core.Query(excluded_flags=0x704), threads=threads)),
        ),
        "coverage without base qualities": (
            None,
            lambda archive, _: archive.coverage(
                _core.Query(excluded_flags=0x704), threads=threads, base_qualities=False
            ),
        ),
        "coverage": (
            pysam.coverage,
            lambda archive, _: archive.coverage(_core.Query(excluded_flags=0x704), threads=threads),
        ),
        "SAM text": (pysam.view, lambda archive, query: _drain(archive.sam(query, threads=threads))),
        "uncompressed BAM": (
            None,
            lambda archive, query: _drain(archive.bam(query, threads=threads, compressed=False)),
        ),
    }
    for what, (theirs, work) in whole.items():
        for name in LEVELS:
            row(what, name, lambda work=work, name=name: _timed(lambda: work(_opened(files[name]), _core.Query())))
        for name in ("BAM", *CRAMS):
            whole_bam = what in ("SAM text", "uncompressed BAM")
            if whole_bam or (theirs is not None and name == "BAM"):
                row(what, name, _samtools(theirs or pysam.view, what, files[name], threads))
    return rows


def _samtools(command: Callable[..., object], what: str, file: Path, threads: int) -> Callable[[], float]:
    words = [] if what == "coverage" else ["-@", str(threads - 1)]
    words += ["-u"] if what == "uncompressed BAM" else []
    told = what == "flagstat"
    words += [] if told else ["-o", "/dev/null"]
    return lambda: _timed(lambda: command(*words, str(file), catch_stdout=told))


def _opened(file: Path) -> _core.Archive:
    return _core.Archive(str(file))


def _drain(pieces: _core.Pieces) -> int:
    return sum(map(len, pieces))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _regions(bam: Path) -> list[tuple[str, int, int]]:
    """Where records are: names and intervals, 0-based and half-open."""
    chance = random.Random(1)
    with pysam.AlignmentFile(str(bam)) as file:
        spans = []
        for name in file.references:
            first = next(file.fetch(name), None)
            if first is not None:
                last = max(read.reference_start for read in _last(file, name))
                spans.append((name, first.reference_start, last))
    found = []
    for _ in range(REGIONS):
        name, first, last = chance.choices(spans, [last - first + 1 for _, first, last in spans])[0]
        start = chance.randint(first, last)
        found.append((name, start, start + LENGTH))
    return found


def _last(file: pysam.AlignmentFile, name: str) -> list[pysam.AlignedSegment]:
    """Records near the end of those on a reference."""
    step, end = 1 << 10, file.get_reference_length(name)
    start = end
    while start > 0:
        start = max(0, end - step)
        if found := list(file.fetch(name, start, end)):
            return found
        step *= 4
    return []


def _ours(file: Path, regions: list[tuple[str, int, int]]) -> float:
    archive = _opened(file)
    return _median(regions, lambda region: sum(len(ends) for _, ends in archive.records(_query(region))))


def _our_count(file: Path, regions: list[tuple[str, int, int]]) -> float:
    archive = _opened(file)
    return _median(regions, lambda region: archive.count(_query(region)))


def _query(region: tuple[str, int, int]) -> _core.Query:
    return _core.Query(intervals=[region])


def _theirs(file: Path, regions: list[tuple[str, int, int]]) -> float:
    with pysam.AlignmentFile(str(file)) as opened:
        return _median(regions, lambda region: sum(1 for _ in opened.fetch(*region)))


def _their_count(file: Path, regions: list[tuple[str, int, int]]) -> float:
    with pysam.AlignmentFile(str(file)) as opened:
        return _median(regions, lambda region: opened.count(*region))


def _median(regions: list[tuple[str, int, int]], work: Callable[[tuple[str, int, int]], int]) -> float:
    return statistics.median(_timed(lambda region=region: work(region)) for region in regions)


def _read_bytes() -> int:
    with open(f"/proc/{os.getpid()}/io") as counters:
        return int(next(line.split()[1] for line in counters if line.startswith("rchar")))


def summary(rows: Sequence[Access]) -> str:
    """A Markdown table: one line for each kind of reading and tool."""
    lines = ["| File | what | tool | ms | MB read | peak MB |", "|---|---|---|---:|---:|---:|"]
    lines += [
        f"| {row.file} | {row.what} | {row.tool} | {1000 * row.seconds:,.1f} | {row.read_bytes / 1e6:,.2f} | "
        f"{row.peak_bytes / 1e6:.0f} |"
        for row in rows
    ]
    return "\n".join(lines) + f"\n\nMB read of regions: all {REGIONS} of them. samtools {pysam.__samtools_version__}.\n"

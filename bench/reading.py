"""What `access` measures: one way of reading by one tool for each function, which gives the seconds that it took."""

import os
import random
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import pysam
import readvault
from readvault import _core, frames
from readvault.archive import View
from tools import readvault as command_line

# Regions asked of each file, and their length in bases.
REGIONS = 200
LENGTH = 1000

# Random reads of each view, and their length in bytes.
SEEKS = 1000
SEEK_LENGTH = 64 << 10
VIEWS: tuple[View, ...] = ("plain", "exact")

# What samtools depth leaves out unless told otherwise.
EXCLUDED = 0x704

# 0-based and half-open.
Region = tuple[str, int, int]

# Reads a file, and tells the seconds that it took.
Work = Callable[[Path], float]


def forget(file: Path) -> None:
    """Tells the page cache to drop a file."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def warm(file: Path) -> None:
    """Gets a file into the page cache."""
    with file.open("rb", buffering=0) as opened:
        while opened.read(1 << 20):
            pass


def statistics_of(bare: Path, threads: int) -> dict[str, tuple[Work, Work]]:
    """Counts over whole files: by samtools on the BAM, and by readvault. `bare`: the BAM without its index."""
    helpers = str(threads - 1)

    def samtools(run: Callable[..., object], *words: str) -> Work:
        return lambda file: timed(lambda: run(*words, str(file), catch_stdout="-o" not in words))

    def ours(run: Callable[[_core.Archive, _core.Query], object]) -> Work:
        return lambda file: timed(lambda: run(_opened(file), _core.Query(excluded_flags=EXCLUDED)))

    def coverage(base_qualities: bool) -> Work:
        return ours(lambda archive, query: archive.coverage(query, threads=threads, base_qualities=base_qualities))

    depth = samtools(pysam.depth, "-@", helpers, "-o", "/dev/null")
    their_coverage = samtools(pysam.coverage, "-o", "/dev/null")
    return {
        "flagstat": (
            samtools(pysam.flagstat, "-@", helpers),
            ours(lambda archive, _: archive.flag_statistics(_core.Query(), threads=threads)),
        ),
        "idxstats without an index": (
            lambda _: samtools(pysam.idxstats, "-@", helpers)(bare),
            ours(lambda archive, _: archive.index_statistics(threads=threads)),
        ),
        "depth": (depth, ours(lambda archive, query: _drain(archive.depth_text(query, threads=threads)))),
        "coverage without base qualities": (their_coverage, coverage(base_qualities=False)),
        "coverage": (their_coverage, coverage(base_qualities=True)),
    }


def conversions(threads: int) -> dict[str, tuple[Work, Work]]:
    """Whole files into SAM, and into uncompressed BAM: by samtools, and by readvault or from its plain view."""

    def view(option: str) -> Work:
        words = [option, "-@", str(threads - 1), "-o", "/dev/null"]
        return lambda file: timed(lambda: pysam.view(*words, str(file), catch_stdout=False))

    def sam(file: Path) -> float:
        return timed(lambda: _drain(_opened(file).sam(_core.Query(), threads=threads)))

    def plain(file: Path) -> float:
        """samtools reads the plain view from a pipe."""
        cat = [*command_line(), "cat", "--view", "plain", "--threads", str(threads), str(file)]
        start = time.perf_counter()
        with subprocess.Popen(cat, stdout=subprocess.PIPE) as feeding:
            assert feeding.stdout is not None
            os.dup2(feeding.stdout.fileno(), 0)
            pysam.view("-u", "-o", "/dev/null", "-", catch_stdout=False)
        if feeding.returncode:
            raise SystemExit(f"cat ended with {feeding.returncode}")
        return time.perf_counter() - start

    return {"SAM text": (view("-h"), sam), "uncompressed BAM": (view("-u"), plain)}


def table(file: Path, threads: int) -> float:
    """Reference, position, mapping quality and flag of every record, in Polars."""
    import_module("polars")
    columns = ["reference", "position", "mapping_quality", "flag"]
    return timed(lambda: frames.scan(file, columns, threads=threads).to_polars().height)


def iterate(file: Path) -> float:
    """The same of a BAM file, by pysam's records."""

    def work() -> None:
        with pysam.AlignmentFile(str(file)) as opened:
            for record in opened.fetch(until_eof=True):
                _ = record.reference_id, record.reference_start, record.mapping_quality, record.flag

    return timed(work)


def seek(file: Path, view: View) -> tuple[float, int]:
    """Seconds of the median read, and how much more memory was resident in the last tenth of them than in the second.

    Chunks come and go, so both are means.
    """
    chance = random.Random(2)
    taken: list[float] = []
    resident: list[int] = []
    with readvault.open(file, view=view) as source:
        length = source.seek(0, os.SEEK_END)
        for _ in range(SEEKS):
            source.seek(chance.randrange(max(1, length - SEEK_LENGTH)))
            taken.append(timed(lambda: source.read(SEEK_LENGTH)))
            resident.append(_resident())
    tenth = SEEKS // 10
    growth = statistics.mean(resident[-tenth:]) - statistics.mean(resident[tenth : 2 * tenth])
    return statistics.median(taken), round(growth)


def _resident() -> int:
    with open("/proc/self/statm") as counters:
        return int(counters.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _opened(file: Path) -> _core.Archive:
    return _core.Archive(str(file))


def _drain(pieces: _core.Pieces) -> int:
    return sum(map(len, pieces))


def timed(work: Callable[[], object]) -> float:
    """Seconds that work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def regions_of(bam: Path) -> list[Region]:
    """Where records are: names and intervals, 0-based and half-open."""
    chance = random.Random(1)
    with pysam.AlignmentFile(str(bam)) as file:
        spans = []
        for name in file.references:
            first = next(file.fetch(name), None)
            if first is not None:
                spans.append((name, first.reference_start, _last(file, name)))
    found = []
    for _ in range(REGIONS):
        name, first, last = chance.choices(spans, [last - first + 1 for _, first, last in spans])[0]
        start = chance.randint(first, last)
        found.append((name, start, start + LENGTH))
    return found


def _last(file: pysam.AlignmentFile, name: str) -> int:
    """A position near the last record on a reference that has some: none starts a thousand bases behind it."""
    low, high = 0, file.get_reference_length(name)
    while high - low > LENGTH:
        middle = (low + high) // 2
        if next(file.fetch(name, middle, file.get_reference_length(name)), None) is None:
            high = middle
        else:
            low = middle
    return low


def our_records(file: Path, regions: list[Region], *, cold: bool = False) -> float:
    """The median time of a region's records."""
    archive = _opened(file)
    return _median(file, regions, lambda region: sum(len(ends) for _, ends in archive.records(_query(region))), cold)


def our_count(file: Path, regions: list[Region], *, cold: bool = False) -> float:
    """The median time of the number of a region's records."""
    archive = _opened(file)
    return _median(file, regions, lambda region: archive.count(_query(region)), cold)


def _query(region: Region) -> _core.Query:
    return _core.Query(intervals=[region])


def records(file: Path, regions: list[Region], *, cold: bool = False) -> float:
    """As `our_records`, by pysam."""
    with pysam.AlignmentFile(str(file)) as opened:
        return _median(file, regions, lambda region: sum(1 for _ in opened.fetch(*region)), cold)


def count(file: Path, regions: list[Region], *, cold: bool = False) -> float:
    """As `our_count`, by pysam."""
    with pysam.AlignmentFile(str(file)) as opened:
        return _median(file, regions, lambda region: opened.count(*region), cold)


def _median(file: Path, regions: list[Region], work: Callable[[Region], int], cold: bool) -> float:
    taken = []
    for region in regions:
        if cold:
            forget(file)
        taken.append(timed(partial(work, region)))
    return statistics.median(taken)


def read_bytes() -> int:
    """Bytes that this process has read by system calls."""
    with open(f"/proc/{os.getpid()}/io") as counters:
        return int(next(line.split()[1] for line in counters if line.startswith("rchar")))

"""The tools that are compared: Readvault, CRAM in four profiles, BAM at zlib's highest level.

A tool compresses a BAM file and gives a BAM file back. The rivals are the samtools that the newest pysam brings.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pysam
from measure import Cost, command, function

RIVAL_VERSION = f"samtools {pysam.__samtools_version__}"
# CRAM without a reference file has two ways; every profile gets the better one for the file.
WAYS = {"embed_ref=2": "embed_ref=2", "no_ref": "no_ref=1"}


@dataclass(frozen=True)
class Outcome:
    """One way of compressing one file, and of getting it back."""

    profile: str
    size: int
    compress: Cost
    decompress: Cost | None
    note: str = ""


@dataclass(frozen=True)
class Tool:
    """A tool and the profiles it is measured with."""

    name: str
    version: str
    profile: str
    run: Callable[[Path, Path, int], Outcome]


def readvault() -> list[str]:
    """The installed command line."""
    beside = Path(sys.executable).parent / "readvault"
    found = str(beside) if beside.exists() else shutil.which("readvault")
    if found is None:
        sys.exit("bench: no readvault beside this Python: ./run bench installs it")
    return [found]


def tools() -> list[Tool]:
    """All tools, ours first."""
    from readvault import __version__

    cram = [
        ("3.0", "default", "version=3.0"),
        ("3.1", "default", "version=3.1"),
        ("3.1", "small", "version=3.1,small=1"),
        ("3.1", "archive", "version=3.1,archive=1"),
    ]
    rivals = [Tool(f"CRAM {version}", RIVAL_VERSION, profile, _cram(options)) for version, profile, options in cram]
    ours = [Tool("readvault", __version__, level, _readvault(level)) for level in ("fast", "default", "max")]
    return [*ours, *rivals, Tool("BAM", RIVAL_VERSION, "level 9", _bam)]


def _readvault(level: str) -> Callable[[Path, Path, int], Outcome]:
    def run(source: Path, folder: Path, threads: int) -> Outcome:
        archive, back = folder / "source.rv", folder / "back.bam"
        options = ["--quiet", "--force", "--threads", str(threads)]
        packed = command([*readvault(), "compress", "--level", level, *options, "-o", archive, source])
        if packed.status != 0:
            return Outcome(level, 0, packed, None)
        unpacked = command([*readvault(), "decompress", "--no-attachments", *options, "-o", back, archive])
        same = unpacked.status == 0 and _same(source, back)
        back.unlink(missing_ok=True)
        note = "identical, byte for byte" if same else "NOT IDENTICAL"
        return Outcome(level, archive.stat().st_size, packed, unpacked, note)

    return run


def _cram(options: str) -> Callable[[Path, Path, int], Outcome]:
    def run(source: Path, folder: Path, threads: int) -> Outcome:
        outcomes = []
        for way, option in WAYS.items():
            target = folder / "source.cram"
            packed = _view(source, target, f"cram,{options},{option}", threads)
            size = target.stat().st_size if packed.status == 0 else 0
            unpacked = _view(target, folder / "back.bam", "bam", threads) if size else None
            outcomes.append(Outcome(way, size, packed, unpacked, way))
            target.unlink(missing_ok=True)
        good = [outcome for outcome in outcomes if outcome.size]
        return min(good, key=lambda outcome: outcome.size) if good else outcomes[0]

    return run


def _bam(source: Path, folder: Path, threads: int) -> Outcome:
    target = folder / "level9.bam"
    packed = _view(source, target, "bam,level=9", threads)
    return Outcome("level 9", target.stat().st_size if packed.status == 0 else 0, packed, None)


def _view(source: Path, target: Path, output: str, threads: int) -> Cost:
    """One run of `samtools view`, whose -@ counts the threads beside the first one."""
    words = ["--no-PG", "-@", str(threads - 1), "-O", output, "-o", str(target), str(source)]
    return function(lambda: pysam.view(*words, catch_stdout=False))


def _same(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        while True:
            pieces = first.read(1 << 20), second.read(1 << 20)
            if pieces[0] != pieces[1]:
                return False
            if not pieces[0]:
                return True

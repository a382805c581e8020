"""Speed of every level against CRAM and BAM, in figures that are never mixed.

MB of BAM per CPU second of one thread, each from a forked child measured as the kernel saw it: neither side pays
for the start of Python:

- *compress*: all of it but the re-deflation, so the proof of the content is in it. For CRAM, which proves nothing, its
  encode and its decode together.
- *deflate*: the one pass that proves how the source's BGZF blocks were deflated. CRAM has none.
- *decode*: to records that nobody prints, without re-deflation; for CRAM and BAM to uncompressed BAM that goes nowhere.
- *core*: positions, flags, CIGARs and mapping qualities alone.
- *restore*: the source's very bytes. CRAM cannot.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pysam
import readvault
from measure import Cost, function
from readvault.archive import Level
from readvault.report import as_dict
from sources import example
from tools import RIVAL_VERSION, WAYS

LEVELS: tuple[Level, ...] = ("fast", "default", "max")
PROFILES = {"normal": "version=3.1", "small": "version=3.1,small=1", "archive": "version=3.1,archive=1"}


@dataclass(frozen=True)
class Speed:
    """A tool's size and speeds on a file; speeds are None where the tool does not do this."""

    file: str
    bam_bytes: int
    tool: str
    profile: str
    bytes: int
    compress: float | None
    deflate: float | None
    decode: float | None
    core: float | None
    restore: float | None
    compress_peak_bytes: int
    decode_peak_bytes: int
    note: str

    @property
    def ratio(self) -> float:
        """How many times smaller than the BAM file."""
        return self.bam_bytes / self.bytes


def measure(files: Sequence[Path], out: Path) -> list[Speed]:
    """Measures every tool on every file; each row is written as soon as it is known."""
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    with out.open("w", newline="") as target:
        names = [field.name for field in fields(Speed)]
        writer = csv.DictWriter(target, [*names, "ratio"])
        writer.writeheader()
        for path in files:
            with tempfile.TemporaryDirectory(prefix="bench-", dir=out.parent) as folder:
                for row in _all(path, Path(folder)):
                    rows.append(row)
                    values = {
                        name: f"{value:.3f}" if isinstance(value, float) else value
                        for name, value in asdict(row).items()
                    }
                    writer.writerow({**values, "ratio": f"{row.ratio:.4f}"})
                    target.flush()
                    print(_line(row), file=sys.stderr, flush=True)
    return rows


def _line(row: Speed) -> str:
    speeds = " ".join(f"{name} {_shown(getattr(row, name)):>6}" for name in SPEEDS)
    return f"{row.file[:40]:40} {row.tool} {row.profile:8} {row.ratio:6.3f} {speeds} {row.note}"


def _all(path: Path, folder: Path) -> Iterator[Speed]:
    for level in LEVELS:
        yield _readvault(path, folder, level)
    for profile, options in PROFILES.items():
        row = _cram(path, folder, profile, options)
        if row is not None:
            yield row
    yield _bam(path)


def _readvault(path: Path, folder: Path, level: Level) -> Speed:
    archive, back, told = folder / "source.rv", folder / "back.bam", folder / "report.json"
    megabytes = path.stat().st_size / 1e6

    def pack() -> None:
        report = readvault.compress(path, archive, threads=1, force=True, level=level)
        told.write_text(json.dumps(as_dict(report)))

    packed = function(pack)
    if packed.refused:
        sys.exit(f"bench: {path}: {packed.refused}")
    deflate = float(json.loads(told.read_text())["cpu_seconds"]["deflate"])
    decoded = function(lambda: readvault.verify(archive, content_only=True, threads=1))
    restored = function(lambda: readvault.decompress(archive, back, force=True, attachments=False, threads=1))
    same = restored.status == 0 and subprocess.run(["cmp", "-s", path, back], check=False).returncode == 0
    scan = example("readvault-core", "scan")
    core = subprocess.run([scan, archive], check=True, capture_output=True, text=True)
    return Speed(
        file=path.name,
        bam_bytes=path.stat().st_size,
        tool="readvault",
        profile=level,
        bytes=archive.stat().st_size,
        compress=megabytes / (packed.cpu - deflate),
        deflate=megabytes / deflate if deflate > 0 else None,
        decode=megabytes / decoded.cpu,
        core=megabytes / float(json.loads(core.stdout)["cpu_seconds"]),
        restore=megabytes / restored.cpu,
        compress_peak_bytes=packed.peak,
        decode_peak_bytes=decoded.peak,
        note="identical, byte for byte" if same else "NOT IDENTICAL",
    )


def _cram(path: Path, folder: Path, profile: str, options: str) -> Speed | None:
    """The better of CRAM's ways to do without a reference; None where it refuses the file."""
    megabytes = path.stat().st_size / 1e6
    rows = []
    for way, option in WAYS.items():
        target = folder / "source.cram"
        encode = ["--no-PG", "-O", f"cram,{options},{option}", "-o", str(target), str(path)]
        packed = function(lambda words=encode: pysam.view(*words, catch_stdout=False))
        if packed.status != 0:
            continue
        decoded = _to_nowhere(target)
        rows.append(
            Speed(
                file=path.name,
                bam_bytes=path.stat().st_size,
                tool="CRAM 3.1",
                profile=profile,
                bytes=target.stat().st_size,
                compress=megabytes / (packed.cpu + decoded.cpu),
                deflate=None,
                decode=megabytes / decoded.cpu,
                core=None,
                restore=None,
                compress_peak_bytes=packed.peak,
                decode_peak_bytes=decoded.peak,
                note=way,
            )
        )
    return min(rows, key=lambda row: row.bytes, default=None)


def _bam(path: Path) -> Speed:
    decoded = _to_nowhere(path)
    return Speed(
        file=path.name,
        bam_bytes=path.stat().st_size,
        tool="BAM",
        profile="as it is",
        bytes=path.stat().st_size,
        compress=None,
        deflate=None,
        decode=path.stat().st_size / 1e6 / decoded.cpu,
        core=None,
        restore=None,
        compress_peak_bytes=0,
        decode_peak_bytes=decoded.peak,
        note="",
    )


def _to_nowhere(path: Path) -> Cost:
    words = ["--no-PG", "-u", "-o", "/dev/null", str(path)]
    return function(lambda: pysam.view(*words, catch_stdout=False))


SPEEDS = ("compress", "deflate", "decode", "core", "restore")


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def summary(rows: Sequence[Speed]) -> str:
    """A Markdown table for each file."""
    lines = []
    for file in dict.fromkeys(row.file for row in rows):
        mine = [row for row in rows if row.file == file]
        lines += [
            f"**{file}**, {mine[0].bam_bytes:,} bytes",
            "",
            "| tool | times smaller | compress | prove deflation | decode | core fields | restore | peak MB |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for row in mine:
            speeds = " | ".join(_shown(getattr(row, name)) for name in SPEEDS)
            peak = max(row.compress_peak_bytes, row.decode_peak_bytes) / 1e6
            lines.append(f"| {row.tool} {row.profile} | {row.ratio:.2f} | {speeds} | {peak:.0f} |")
        lines.append("")
    lines.append(
        f"MB of BAM per CPU second of one thread. CRAM: {RIVAL_VERSION}; its `compress` is encode and decode together."
    )
    return "\n".join(lines) + "\n"

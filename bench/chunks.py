"""What small chunks cost: the records of a file as one chunk, and as a key chunk followed by small ones.

Small chunks have 2,500 records (of long reads, 300,000 bases), key chunks eight times as many. The coding is that of
archives, without their framing, which is added per chunk as measured in archives. The last row of a file is the
archive as `readvault compress` makes it, whose chunks grow with depth: all its bytes against one chunk's.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measure import command
from sources import generator
from tools import readvault

COLUMNS = ["file", "part", "key_records", "chunk_records", "one_chunk_bytes", "chunked_bytes", "chunks", "cost"]
# Bytes of a chunk's frame, head and directory entry, which one chunk has once; measured on archives of short reads.
FRAMING = 260
DEPTHS = (30, 100, 200)
RECORDS = 100_000


def generated(work: Path) -> list[Path]:
    """NovaSeq-like files at several depths."""
    files = []
    for depth in DEPTHS:
        path = work / f"novaseq-{depth}x.bam"
        if not path.exists():
            words = ["novaseq", "--records", str(RECORDS), "--depth", str(depth), "--seed", "3", "-o", path]
            subprocess.run([generator(), *words], check=True)
        files.append(path)
    return files


def measure(files: Sequence[Path], out: Path) -> str:
    """Measures the files, writes the CSV, and gives a table."""
    given = {**os.environ, "READVAULT_CHUNKS_OF": ":".join(str(path.resolve()) for path in files)}
    words = ["cargo", "test", "--release", "-p", "readvault-core", "--lib", "small_chunks_cost_little"]
    done = subprocess.run(
        [*words, "--", "--ignored", "--nocapture"], check=False, env=given, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        sys.exit("bench: measuring failed")
    rows = []
    for line in done.stdout.splitlines():
        name, *values = line.rpartition("chunks,")[2].split(",")
        if len(values) == len(COLUMNS) - 2 and "chunks," in line:
            rows.append([name, *values, f"{_cost(values):.4f}"])
    ones = {row[0]: int(row[4]) for row in rows if row[1] == "all"}
    for path in files:
        rows.append(_archive(path, ones[path.name]))
    rows.sort(key=lambda row: row[0])
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    lines = ["| File | Part | One chunk | Chunks | Bytes | Cost |", "|---|---|---:|---:|---:|---:|"]
    lines += [f"| {r[0]} | {r[1]} | {int(r[4]):,} | {r[6]} | {int(r[5]):,} | {float(r[7]):.2%} |" for r in rows]
    lines += ["", f"Cost in the rows of all parts includes {FRAMING} bytes of framing for each chunk beyond the first."]
    return "\n".join(lines) + "\n"


def _cost(values: Sequence[str]) -> float:
    part, one, several, chunks = values[0], int(values[3]), int(values[4]), int(values[5])
    framing = FRAMING * (chunks - 1) if part == "all" else 0
    return (several + framing) / max(one, 1) - 1


def _archive(path: Path, one: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.rv"
        command([*readvault(), "compress", "--quiet", "-o", archive, path])
        told = subprocess.run([*readvault(), "info", "--json", archive], check=True, capture_output=True, text=True)
        chunks = json.loads(told.stdout)["counts"]["chunks"]
        size = archive.stat().st_size
    return [path.name, "archive", "", "", str(one), str(size), str(chunks), f"{size / one - 1:.4f}"]

"""What small chunks cost: the records of a file as one chunk, and as a key chunk followed by chunks of 2,500 records.

The coding is that of archives, without their framing, which is added per chunk as measured in archives.
"""

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sources import generator

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

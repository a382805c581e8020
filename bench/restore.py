"""Exact restore against bare re-deflation: how close decompression comes to the floor of byte-exactness.

Whoever gives a BAM file back bit for bit must run its DEFLATE encoder once over the content. The `redeflate` example
does that and nothing else; both are measured here in one run on one thread.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measure import command
from sources import example
from tools import readvault

# Runs of each; the fastest counts, as both only ever get slower by what else the machine does.
REPEATS = 3


def restore(files: Sequence[Path], folder: Path) -> str:
    """A Markdown table of the speeds and their ratio."""
    redeflate = example("readvault-generate", "redeflate")
    lines = [
        "| File | encoder | bare re-deflation, MB of BAM per CPU s | exact restore, MB of BAM per CPU s | ratio |",
        "|---|---|---:|---:|---:|",
    ]
    for path in files:
        size = path.stat().st_size / 1e6
        with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as work:
            archive, back = Path(work) / "source.rv", Path(work) / "back.bam"
            options = ["--quiet", "--force"]
            packed = command([*readvault(), "compress", *options, "-o", archive, path])
            if packed.refused:
                lines.append(f"| {path.name} | | | refused: {packed.refused} | |")
                continue
            bare, exact, encoder = float("inf"), float("inf"), ""
            for _ in range(REPEATS):
                done = subprocess.run([redeflate, path], check=True, capture_output=True, text=True)
                told = json.loads(done.stdout)
                encoder = f"{told['encoder']} ({told['identical']} of {told['blocks']} blocks)"
                bare = min(bare, told["cpu_seconds"])
                unpack = ["decompress", "--no-attachments", *options, "--threads", "1"]
                cost = command([*readvault(), *unpack, "-o", back, archive])
                if cost.refused:
                    raise SystemExit(f"bench: {path}: {cost.refused}")
                exact = min(exact, cost.cpu)
        ratio = bare / exact
        lines.append(f"| {path.name} | {encoder} | {size / bare:.2f} | {size / exact:.2f} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"

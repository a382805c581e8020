"""One thread against two, the pipe against the file, and peak memory."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from measure import Cost, command
from tools import readvault


def threads(files: Sequence[Path], folder: Path, counts: Sequence[int]) -> str:
    """A Markdown table of wall and CPU seconds and peak memory."""
    lines = [
        "| File | what | threads | wall s | CPU s | MB of BAM per wall s | peak MB | speed-up |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for path in files:
        size = path.stat().st_size / 1e6
        with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as work:
            archive, back = Path(work) / "source.rv", Path(work) / "back.bam"
            base: dict[str, float] = {}
            for count in counts:
                options = ["--quiet", "--force", "--threads", str(count)]
                pack = [*readvault(), "compress", *options]
                unpack = [*readvault(), "decompress", *options]
                from_pipe = ["sh", "-c", 'source=$1; shift; cat "$source" | "$@"', "sh", path]
                to_pipe = ["sh", "-c", '"$@" | cat >/dev/null', "sh"]
                costs: dict[str, Cost] = {
                    "compress": command([*pack, "-o", archive, path]),
                    "compress from a pipe": command([*from_pipe, *pack, "--name", path.name, "-o", archive, "-"]),
                    "decompress": command([*unpack, "-o", back, archive]),
                    "decompress to a pipe": command([*to_pipe, *unpack, "-o", "-", archive]),
                }
                for what, cost in costs.items():
                    if cost.refused:
                        lines.append(f"| {path.name} | {what} | {count} | {cost.refused} | | | | |")
                        continue
                    first = base.setdefault(what, cost.wall)
                    lines.append(
                        f"| {path.name} | {what} | {count} | {cost.wall:.2f} | {cost.cpu:.2f} | "
                        f"{size / cost.wall:.2f} | {cost.peak / 1e6:.0f} | {first / cost.wall:.2f} |"
                    )
    return "\n".join(lines) + "\n"

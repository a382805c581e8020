"""Which real files the interop tests go through: READVAULT_CORPUS names their folder, whose folders are kinds of files.

Two of each kind are enough for a run in minutes; READVAULT_CORPUS_WHOLE=1 takes all of them, however large.
"""

import os
from collections.abc import Callable
from pathlib import Path

GIVEN = os.environ.get("READVAULT_CORPUS")
WHOLE = bool(os.environ.get("READVAULT_CORPUS_WHOLE"))
# Bytes of the largest file, of each kind the largest of them, unless all are asked for.
LARGEST = 1_500_000
PER_KIND = 2


def files(meets: Callable[[Path], bool] = lambda _: True) -> list[Path]:
    """Files that meet a condition, but for the kind of strange ones ("edge"); none where no folder is given."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(Path(GIVEN or "/nowhere").glob("*/*.bam")):
        fits = WHOLE or path.stat().st_size <= LARGEST
        if fits and path.parent.name != "edge" and meets(path):
            kinds.setdefault(path.parent.name, []).append(path)
    ordered = [sorted(paths, key=lambda path: -path.stat().st_size) for paths in kinds.values()]
    return [path for paths in ordered for path in (paths if WHOLE else paths[:PER_KIND])]


def strange_files() -> list[Path]:
    """Those of the kind "edge"."""
    return sorted(Path(GIVEN or "/nowhere").glob("edge/**/*.bam"))

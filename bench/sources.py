"""The files that are measured: generated ones, given ones, and those of a corpus."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Folders of a corpus whose files are odd or repeat each other: they say nothing about size.
NOT_TYPICAL = {"edge", "bgzf_writers_dev"}


def generator(example: str | None = None) -> Path:
    """The generator of realistic files (or one of its examples), built if need be."""
    given = os.environ.get("READVAULT_GENERATE")
    if given and example is None:
        return Path(given)
    if shutil.which("cargo") is None:
        sys.exit("bench: no cargo to build readvault-generate with")
    what = [] if example is None else ["--example", example]
    build = ["cargo", "build", "-q", "--release", "--locked", "-p", "readvault-generate", *what]
    subprocess.run(build, cwd=ROOT, check=True)
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    return folder / "readvault-generate" if example is None else folder / "examples" / example


def generated(profile: str, size: str, folder: Path, *options: str) -> Path:
    """A generated file of this kind and size, made unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "-".join([f"synthetic-{profile}", size, *(option.strip("-") for option in options)])
    path = path.with_name(path.name + ".bam")
    if not path.exists():
        unfinished = path.with_suffix(".part")
        command = [generator(), profile, "--size", size, *options, "-o", unfinished]
        subprocess.run(command, check=True)
        unfinished.rename(path)
    return path


def of_corpus(folder: Path) -> list[Path]:
    """The typical BAM files of a corpus."""
    if not folder.is_dir():
        sys.exit(f"bench: no such folder: {folder}")
    paths = sorted(folder.rglob("*.bam"))
    return [path for path in paths if not NOT_TYPICAL & set(path.relative_to(folder).parts)]

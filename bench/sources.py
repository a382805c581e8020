"""The files that are measured: generated ones, given ones, and those of a corpus."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Folders of a corpus whose files are odd or repeat each other: they say nothing about size.
NOT_TYPICAL = {"edge", "bgzf_writers_dev"}


def built(package: str, program: str) -> Path:
    """A program of one of the workspace's packages, built if need be."""
    return _built(["-p", package], program)


def generator() -> Path:
    """The generator of realistic files, built if need be."""
    given = os.environ.get("READVAULT_GENERATE")
    return Path(given) if given else built("readvault-generate", "readvault-generate")


def example(package: str, name: str, *options: str) -> Path:
    """An example program of one of the workspace's packages, built if need be."""
    return _built(["-p", package, "--example", name, *options], f"examples/{name}")


def _built(what: list[str], program: str) -> Path:
    if shutil.which("cargo") is None:
        sys.exit("bench: no cargo to build with")
    subprocess.run(["cargo", "build", "-q", "--release", "--locked", *what], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / program


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

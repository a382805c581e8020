"""Runs the command line as a user would, in a folder of its own."""

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Completed = subprocess.CompletedProcess[bytes]
# Seconds after which a command counts as hung.
PATIENCE = 120


@pytest.fixture
def command() -> list[str]:
    """What stands before the arguments."""
    return [sys.executable, "-m", "readvault"]


@pytest.fixture
def rv(command: list[str], tmp_path: Path) -> Callable[..., Completed]:
    """Runs `readvault` in a folder of its own: rv("compress", path)."""

    def run(*arguments: object, before: tuple[str, ...] = ()) -> Completed:
        given = [os.fsencode(str(argument)) for argument in arguments]
        return subprocess.run(
            [*before, *command, *given],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=tmp_path,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture
def packed(rv: Callable[..., Completed], sample: Path) -> Path:
    """The archive of the sample, whose index is attached."""
    index = b"BAI\1" + struct.pack("<III", 1, 0, 0)
    sample.with_name("sample.bam.bai").write_bytes(index)
    done = rv("compress", sample)
    assert done.returncode == 0, done.stderr.decode()
    return sample.with_name("sample.bam.rv")

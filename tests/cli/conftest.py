"""Runs the command line as a user would: as another process, with nothing shared but its streams and files."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Completed = subprocess.CompletedProcess[bytes]
# Seconds after which a command counts as hung. The files here take one or two.
PATIENCE = 120


@pytest.fixture
def command() -> list[str]:
    """What stands before the arguments."""
    return [sys.executable, "-m", "readvault"]


@pytest.fixture
def rv(command: list[str], tmp_path: Path) -> Callable[..., Completed]:
    """Runs `readvault` in a folder of its own: rv("compress", path, stdin=b"...")."""

    def run(*arguments: object, stdin: bytes | None = None, env: dict[str, str] | None = None) -> Completed:
        given = [os.fsencode(str(argument)) for argument in arguments]
        return subprocess.run(
            [*command, *given],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            cwd=tmp_path,
            timeout=PATIENCE,
            env={**os.environ, **(env or {})},
            check=False,
        )

    return run


@pytest.fixture
def packed(rv: Callable[..., Completed], sample: Path) -> Path:
    """The archive of the sample, proof included."""
    done = rv("compress", "--proof", sample)
    assert done.returncode == 0, done.stderr.decode()
    return sample.with_name("sample.bam.rv")

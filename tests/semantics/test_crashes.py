"""A crash leaves the old file or the new one, never half; a full disk and a changing source leave nothing."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bam import long_bam
from tests.semantics.reseal import digest, entries

Rv = Callable[..., Any]
# Moments at which a run is killed, for each verb.
KILLS = 20


def left_over(folder: Path, known: set[str]) -> set[str]:
    """What stands in the folder besides what is known, and what a crash may leave: hidden temporary files."""
    found = entries(folder) - known
    return {name for name in found if not (name.startswith(".") and name.endswith(".tmp"))}


def killed_runs(command: list[str], arguments: list[str], folder: Path) -> list[float]:
    """How long a whole run takes, then the moments to kill one, spread over it."""
    begun = time.monotonic()
    subprocess.run([*command, *arguments], cwd=folder, check=True, capture_output=True)
    whole = time.monotonic() - begun
    chance = random.Random(5)
    return [whole * chance.uniform(0.1, 1.02) for _ in range(KILLS)]


@pytest.mark.parametrize("verb", ["compress", "decompress"])
def test_a_killed_run_leaves_a_whole_output_or_none(command: list[str], rv: Rv, tmp_path: Path, verb: str) -> None:
    source, archive, restored = tmp_path / "a.bam", tmp_path / "a.bam.rv", tmp_path / "restored"
    source.write_bytes(long_bam(2))
    truth = digest(source)
    assert rv("compress", source).returncode == 0
    known = {"a.bam", "a.bam.rv"}
    if verb == "compress":
        output = tmp_path / "again.rv"
        arguments = ["compress", "-q", "-f", "-o", str(output), str(source)]
    else:
        output = restored
        arguments = ["decompress", "-q", "-f", "-o", str(output), str(archive)]
    for moment in killed_runs(command, arguments, tmp_path):
        output.unlink(missing_ok=True)
        process = subprocess.Popen([*command, *arguments], cwd=tmp_path, stderr=subprocess.DEVNULL)
        time.sleep(moment)
        process.kill()
        process.wait()
        assert left_over(tmp_path, known) <= {output.name}
        assert digest(source) == truth
        if output.exists():
            if verb == "compress":
                assert rv("verify", output, "--against", source).returncode == 0
            else:
                assert digest(output) == truth
        for rest in tmp_path.glob(".*.tmp"):
            rest.unlink()


def test_a_killed_replacement_leaves_the_old_file_or_the_new_one(command: list[str], rv: Rv, tmp_path: Path) -> None:
    source, archive = tmp_path / "a.bam", tmp_path / "a.bam.rv"
    source.write_bytes(long_bam(2))
    arguments = ["compress", "-q", "-f", str(source)]
    moments = killed_runs(command, arguments, tmp_path)
    for moment in moments[:8]:
        archive.write_bytes(b"old")
        process = subprocess.Popen([*command, *arguments], cwd=tmp_path, stderr=subprocess.DEVNULL)
        time.sleep(moment)
        process.kill()
        process.wait()
        assert archive.read_bytes() == b"old" or rv("verify", archive, "--against", source).returncode == 0


# As on a full disk: no file may grow beyond so many blocks of 1024 bytes, and the signal for it is not deadly.
def limited(blocks: int) -> tuple[str, ...]:
    return ("bash", "-c", f'trap "" XFSZ; ulimit -f {blocks}; exec "$0" "$@"')


def test_a_full_disk_is_told_and_leaves_nothing(rv: Rv, tmp_path: Path) -> None:
    source, archive = tmp_path / "a.bam", tmp_path / "kept.rv"
    source.write_bytes(long_bam(2))
    assert rv("compress", "-o", archive, source).returncode == 0
    for blocks in (0, archive.stat().st_size // 2048):
        done = rv("compress", source, before=limited(blocks))
        assert done.returncode == 1
        assert b"a.bam.rv" in done.stderr
        assert b"Traceback" not in done.stderr
        done = rv("decompress", "-o", "restored", archive, before=limited(blocks))
        assert done.returncode == 1
        assert entries(tmp_path) == {"a.bam", "kept.rv"}
    assert rv("verify", archive, "--against", source).returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_pipe_is_told(command: list[str], rv: Rv, sample: Path, packed: Path) -> None:
    source, archive = str(sample), str(packed)
    for arguments in (["compress", "-o", "-", source], ["decompress", "-o", "-", archive], ["cat", archive]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*command, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 1, arguments
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("change", ["grow", "shrink", "touch"])
def test_a_source_that_changes_is_refused(command: list[str], tmp_path: Path, change: str) -> None:
    source = tmp_path / "a.bam"
    source.write_bytes(long_bam(3))
    process = subprocess.Popen([*command, "compress", "-@", "1", source], cwd=tmp_path, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*.tmp")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert process.poll() is None, "too fast to be caught at work"
    if change == "grow":
        with source.open("ab") as out:
            out.write(b"more")
    elif change == "shrink":
        os.truncate(source, 1000)
    else:
        os.utime(source, ns=(1, 1))
    _, told = process.communicate(timeout=600)
    assert process.returncode == 1
    assert b"changed while it was read" in told
    assert entries(tmp_path) == {"a.bam"}


def test_an_interrupted_pipe_lacks_the_trailer(command: list[str], rv: Rv, tmp_path: Path) -> None:
    source, cut = tmp_path / "a.bam", tmp_path / "cut.rv"
    source.write_bytes(long_bam(3))
    with cut.open("wb") as out:
        process = subprocess.Popen(
            [*command, "compress", "-q", "-@", "1", "-o", "-", source], stdout=out, stderr=subprocess.DEVNULL
        )
        while not cut.stat().st_size and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        process.wait()
    assert process.returncode == 130
    assert rv("verify", cut).returncode == 4
    assert not rv("cat", cut).stdout

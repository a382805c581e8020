"""Watching: a file is submitted once, when it is finished, and not before."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from readvault.pipeline.order import Options
from readvault.vault.home import Vault
from readvault.vault.watch import Watch, is_written


def watch(vault: Vault, folder: Path, **more: Any) -> Watch:
    settings: dict[str, Any] = {"include": ["*.bam"], "quiet": 0.5, "marker": None, **more}
    return Watch(vault.queue, [str(folder)], Options(), **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to watch."""
    path = tmp_path / "incoming"
    path.mkdir()
    return path


def test_a_file_is_submitted_when_it_has_been_quiet_and_once(vault: Vault, folder: Path) -> None:
    seen = watch(vault, folder)
    (folder / "a.bam").write_bytes(b"begun")
    assert seen.look() == (0, 1)
    (folder / "a.bam").write_bytes(b"begun and changed")
    assert seen.look() == (0, 1)
    time.sleep(0.6)
    assert seen.look() == (1, 0)
    assert seen.look() == (0, 0)
    # Another watcher, after a restart, knows no more than the queue does.
    assert watch(vault, folder).look() == (0, 0)
    assert vault.queue.counts()["queued"][0] == 1


def test_an_old_file_is_not_waited_for(vault: Vault, folder: Path) -> None:
    (folder / "a.bam").write_bytes(b"old")
    os.utime(folder / "a.bam", (1, 1))
    assert watch(vault, folder, quiet=3600).look() == (1, 0)


def test_a_file_that_is_still_open_for_writing_is_not_finished_however_quiet_it_is(vault: Vault, folder: Path) -> None:
    path = folder / "a.bam"
    seen = watch(vault, folder, quiet=0.0)
    with open(path, "wb") as file:
        file.write(b"begun")
        file.flush()
        os.utime(path, (1, 1))
        if not is_written(str(path)):
            pytest.skip("this file system has no leases")
        assert seen.look() == (0, 1)
    os.utime(path, (1, 1))
    assert seen.look() == (1, 0)


def test_a_marker_says_that_a_file_is_finished(vault: Vault, folder: Path) -> None:
    seen = watch(vault, folder, marker=".done")
    (folder / "a.bam").write_bytes(b"whole")
    (folder / "b.bam").write_bytes(b"not yet")
    os.utime(folder / "b.bam", (1, 1))
    (folder / "a.bam.done").touch()
    assert seen.look() == (1, 1)
    (folder / "b.bam.done").touch()
    assert seen.look() == (1, 0)


def test_a_file_that_is_finished_again_is_another_job(vault: Vault, folder: Path) -> None:
    seen = watch(vault, folder)
    for content in (b"first", b"second"):
        (folder / "a.bam").write_bytes(content)
        os.utime(folder / "a.bam", (len(content), len(content)))
        assert seen.look() == (1, 0)

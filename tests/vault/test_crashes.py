"""Runners that are killed, stores that fail, disks that are full: in the end every job is done exactly once, and the
store has what the catalog tells of and nothing else. `./run bench vault` does the same at length."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from readvault.pipeline.order import Options
from readvault.vault import home
from readvault.vault.home import Vault
from readvault.vault.submit import requests

from tests.servers import faults, s3_server
from tests.stores.conftest import environment_of
from tests.vault import chaos

# What a store can do to a request without changing what it says; and what only a digest finds out.
FAULTS = {"reset": 0.03, "slow_down": 0.04, "internal": 0.03, "lost": 0.02, "truncate": 0.03, "flip": 0.01}


def submit(vault: Vault, sources: list[Path]) -> None:
    new, _ = vault.queue.submit(requests([str(source) for source in sources], Options()))
    assert new == len(sources)


def forget(vault: Vault) -> None:
    """Make the catalog what it was when the one job was planned and its runner died; the store stays as it is."""
    with vault.database.write() as connection:
        connection.execute("DELETE FROM entries")
        connection.execute("DELETE FROM events")
        connection.execute(
            "UPDATE jobs SET state = 'queued', deaths = 1, entry = NULL, ended = NULL, "
            "results = json_object('plan', json_extract(results, '$.plan'))"
        )
    (vault.folder / "events.jsonl").unlink()


def test_killed_runners_lose_nothing_and_do_nothing_twice(vault: Vault, sources: Callable[[int], list[Path]]) -> None:
    made = sources(40)
    submit(vault, made)
    told = chaos.run(vault.folder, kills=20, runners=2, seed=1)
    assert told.kills == 20
    chaos.check(vault.folder, made)


def test_a_store_that_fails_at_random_and_killed_runners_lose_nothing(
    tmp_path: Path, sources: Callable[[int], list[Path]]
) -> None:
    made = sources(12)
    with s3_server() as s3, faults(s3.url, seed=3, faults=FAULTS) as proxy:
        through = {**s3.environment(url=proxy.url), "READVAULT_TIMEOUT": "5"}
        for _ in environment_of(through):
            with home.create(f"s3://{s3.bucket}/vault", folder=str(tmp_path / "home")) as vault:
                submit(vault, made)
            told = chaos.run(tmp_path / "home", kills=4, runners=2, seed=2, longest=3)
        assert sum(proxy.stats()["faults"].values()) > 0, (proxy.stats(), told.said)
        for _ in environment_of(s3.environment()):
            # What failed for good, because a store failed too often, is tried again by hand; nothing of it is left
            # meanwhile.
            with Vault(tmp_path / "home") as vault:
                vault.queue.retry(None)
            chaos.run(tmp_path / "home", kills=0, runners=1, seed=2)
            chaos.check(tmp_path / "home", made)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3M", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if made.returncode != 0:
        pytest.skip("no file system of a few megabytes can be made here: that takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_jobs_wait_while_the_disk_is_full_and_are_done_when_there_is_room(
    small_disk: Path, sources: Callable[[int], list[Path]]
) -> None:
    made = sources(6)
    with home.create(str(small_disk / "vault")) as vault:
        submit(vault, made)
        ballast = small_disk / "ballast"
        descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
        with suppress(OSError):
            while os.write(descriptor, b"\0" * 4096):
                pass
        os.close(descriptor)
        freed = threading.Timer(6.0, ballast.unlink)
        freed.start()
        begun = time.monotonic()
        try:
            chaos.run(vault.folder, kills=3, runners=1, seed=4, longest=2.5)
        finally:
            freed.join()
        assert time.monotonic() - begun > 6
        assert all(job.attempts == 0 for job in vault.queue.jobs("done")), "no room is not held against a job"
    chaos.check(small_disk / "vault", made)


def test_a_runner_that_is_killed_between_publishing_and_recording_finds_what_it_published(
    vault: Vault, sources: Callable[[int], list[Path]]
) -> None:
    made = sources(1)
    submit(vault, made)
    chaos.run(vault.folder, kills=0, runners=1, seed=0)
    (entry,) = vault.catalog.find()
    forget(vault)
    chaos.run(vault.folder, kills=0, runners=1, seed=0)
    (again,) = vault.catalog.find()
    assert again.uuid == entry.uuid, "the archive was not made again"
    assert again.verified == "full", "but it was decoded in full, since nobody vouches for it"
    chaos.check(vault.folder, made)


def test_what_a_killed_step_left_beside_an_archive_is_cleared_away(
    vault: Vault, sources: Callable[[int], list[Path]]
) -> None:
    made = sources(1)
    submit(vault, made)
    chaos.run(vault.folder, kills=0, runners=1, seed=0)
    forget(vault)
    archives = vault.folder / "archives"
    for left in (".0000.bam.rv.AbC123.tmp", ".0000.bam.rv.idx.AbC123.tmp"):
        (archives / left).write_bytes(b"half")
    (archives / ".other.bam.rv.AbC123.tmp").write_bytes(b"another job's")
    chaos.run(vault.folder, kills=0, runners=1, seed=0)
    assert (archives / ".other.bam.rv.AbC123.tmp").exists()
    (archives / ".other.bam.rv.AbC123.tmp").unlink()
    chaos.check(vault.folder, made)


def test_what_reads_back_wrong_is_made_again(vault: Vault, sources: Callable[[int], list[Path]]) -> None:
    """As when the disk damages an archive between publishing and verifying."""
    made = sources(1)
    submit(vault, made)
    chaos.run(vault.folder, kills=0, runners=1, seed=0)
    (entry,) = vault.catalog.find()
    forget(vault)
    Path(entry.place).unlink()
    over = threading.Event()

    def damage() -> None:
        while not over.is_set():
            job = vault.queue.get(1)
            if job is not None and "compress" in job.results:
                data = bytearray(Path(entry.place).read_bytes())
                data[len(data) // 2] ^= 1
                Path(entry.place).write_bytes(data)
                return
            time.sleep(0.001)

    thread = threading.Thread(target=damage)
    thread.start()
    try:
        chaos.run(vault.folder, kills=0, runners=1, seed=0)
    finally:
        over.set()
        thread.join()
    outcomes = [(step["step"], step["outcome"]) for step in vault.queue.steps(1)]
    chaos.check(vault.folder, made)
    if ("verify", "again") in outcomes:
        assert outcomes.count(("compress", "ok")) >= 2

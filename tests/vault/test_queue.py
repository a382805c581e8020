"""The queue: order, deduplication, rates, and what becomes of jobs whose runner dies."""

import sqlite3
import time

import pytest
from readvault.errors import DamagedError, InvalidError, StoreError
from readvault.pipeline.failures import ChangedError, ClashError
from readvault.vault.home import Vault
from readvault.vault.jobs import LostError, Request, StepReport

from tests.vault.conftest import requested


def taken(vault: Vault, runner: str = "one") -> list[str]:
    """The sources of all jobs that can be taken now, in order."""
    found = []
    while (job := vault.queue.claim(runner)) is not None:
        found.append(job.source)
    return found


def test_jobs_are_taken_first_in_first_out_within_a_priority(vault: Vault) -> None:
    vault.queue.submit([requested("/a"), requested("/b")])
    vault.queue.submit([requested("/c"), requested("/d")], priority=5)
    vault.queue.submit([requested("/e")], priority=-1)
    assert taken(vault) == ["/c", "/d", "/a", "/b", "/e"]


def test_the_same_work_is_queued_once(vault: Vault) -> None:
    assert vault.queue.submit([requested("/a"), requested("/a"), requested("/b")]) == (2, 1)
    assert vault.queue.submit([requested("/a")]) == (0, 1)
    # Another state of the source, and other options, are other work.
    assert vault.queue.submit([Request("/a", "2:2", 1, requested("/a").options)]) == (1, 0)
    assert vault.queue.submit([requested("/a", level="max")]) == (1, 0)
    assert taken(vault) == ["/a", "/b", "/a", "/a"]
    assert vault.queue.submit([requested("/a")]) == (0, 1)


def test_a_rate_spreads_the_starts(vault: Vault) -> None:
    vault.queue.submit([requested(f"/{number}") for number in range(4)], every=0.4)
    assert taken(vault) == ["/0"]
    time.sleep(0.5)
    assert taken(vault) == ["/1"]
    assert vault.queue.counts()["waiting"][0] == 2


def test_counts_are_those_of_the_jobs(vault: Vault) -> None:
    vault.queue.submit([Request(f"/{number}", "1:1", 10 + number, requested("/").options) for number in range(5)])
    job = vault.queue.claim("one")
    assert job is not None
    vault.queue.claim("one")
    vault.queue.fail(job, InvalidError("no"), StepReport("plan", time.time()), release=True)
    found = {
        row["state"]: (row["jobs"], row["bytes"])
        for row in vault.database.read().execute(
            "SELECT state, count(*) AS jobs, sum(size) AS bytes FROM jobs GROUP BY state"
        )
    }
    assert {state: pair for state, pair in vault.queue.counts().items() if pair[0]} == found


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (FileNotFoundError("gone"), "failed"),
        (PermissionError("no"), "failed"),
        (ChangedError("changed"), "failed"),
        (ClashError("clash"), "failed"),
        (DamagedError("bad"), "failed"),
        (TypeError("a bug"), "failed"),
        (StoreError("busy"), "waiting"),
        (ConnectionError("reset"), "waiting"),
        (MemoryError("none left"), "waiting"),
        (sqlite3.OperationalError("database is locked"), "waiting"),
        (OSError(28, "No space left on device"), "waiting"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_what_may_pass_is_tried_again_and_what_lasts_fails(vault: Vault, error: Exception, state: str) -> None:
    vault.queue.submit([requested("/a")])
    job = vault.queue.claim("one")
    assert job is not None
    vault.queue.fail(job, error, StepReport("compress", time.time()), release=True)
    found = vault.queue.get(job.id)
    assert found is not None
    assert found.state == state
    assert str(error) in (found.error or "")
    assert vault.queue.steps(job.id)[0]["outcome"] == ("failed" if state == "failed" else "again")


def test_attempts_are_counted_and_come_to_an_end(vault: Vault) -> None:
    vault.queue.submit([requested("/a")])
    for attempt in range(1, vault.settings.attempts + 1):
        with vault.database.write() as connection:
            connection.execute("UPDATE jobs SET not_before = 0 WHERE state = 'waiting'")
        job = vault.queue.claim("one")
        assert job is not None
        assert job.attempts == attempt - 1
        vault.queue.fail(job, StoreError("busy"), StepReport("compress", time.time()), release=False)
    found = vault.queue.get(1)
    assert found is not None
    assert found.state == "failed"
    assert vault.queue.retry([1]) == 1
    assert taken(vault) == ["/a"]


def test_no_room_is_not_held_against_a_job(vault: Vault) -> None:
    vault.queue.submit([requested("/a")])
    for _ in range(vault.settings.attempts * 2):
        with vault.database.write() as connection:
            connection.execute("UPDATE jobs SET not_before = 0 WHERE state = 'waiting'")
        job = vault.queue.claim("one")
        assert job is not None
        vault.queue.fail(job, OSError(28, "No space left"), StepReport("compress", time.time()), release=False)
    assert vault.queue.counts()["waiting"][0] == 1


def test_the_jobs_of_a_dead_runner_are_taken_up_once_and_the_dead_can_do_nothing_more(vault: Vault) -> None:
    vault.queue.submit([requested("/a"), requested("/b")])
    lost = vault.queue.claim("dead")
    assert lost is not None
    with vault.database.write() as connection:
        assert vault.queue.take_from(connection, "dead") == 1
    assert taken(vault, "alive") == ["/a", "/b"]
    with pytest.raises(LostError):
        vault.queue.finish(lost, StepReport("plan", time.time()), {}, "compress")
    with pytest.raises(LostError):
        vault.queue.put_back(lost)


def test_a_job_that_kills_its_runners_fails_in_the_end(vault: Vault) -> None:
    vault.queue.submit([requested("/a")])
    for _ in range(100):
        with vault.database.write() as connection:
            connection.execute("UPDATE jobs SET not_before = 0 WHERE state = 'waiting'")
        if vault.queue.claim("dead") is None:
            break
        with vault.database.write() as connection:
            vault.queue.take_from(connection, "dead")
    found = vault.queue.get(1)
    assert found is not None
    assert (found.state, found.error_kind) == ("failed", "RunnerDied")


def test_a_key_belongs_to_one_job(vault: Vault) -> None:
    vault.queue.submit([requested("/x/a"), requested("/y/a")])
    first, second = vault.queue.claim("one"), vault.queue.claim("one")
    assert first is not None
    assert second is not None
    vault.queue.reserve(first, "a.rv")
    vault.queue.reserve(first, "a.rv")
    with pytest.raises(ClashError, match=r"job 1 .*/x/a"):
        vault.queue.reserve(second, "a.rv")


def test_a_hundred_thousand_jobs_are_queued_and_taken_quickly(vault: Vault) -> None:
    """Not a benchmark: it would take minutes if a step looked at all jobs."""
    vault.queue.submit(requested(f"/{number}") for number in range(100_000))
    begun = time.monotonic()
    for _ in range(100):
        assert vault.queue.claim("one") is not None
    assert vault.queue.counts()["queued"][0] == 99_900
    assert time.monotonic() - begun < 30

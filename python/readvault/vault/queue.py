"""The queue: jobs in the vault's SQLite file, taken in order of priority, then of submission, by any number of runners.

A job is waiting (for its time), queued, running, failed or done. All that a step changes is one transaction, so that
whoever looks, and whoever takes over after a crash, finds each step done or not begun.
"""

import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from readvault.catalog import sqlite
from readvault.catalog.database import Database
from readvault.catalog.model import Entry
from readvault.pipeline.failures import ClashError, Failing, failing, wait_before
from readvault.vault.jobs import Job, LostError, Request, StepReport, job_of
from readvault.vault.outbox import Outbox

# Jobs put in by one transaction: a crash loses no more, and they are put in a hundred times faster than one by one.
_BATCH = 1000
# How often the runner of a job may die before the job is held to be what kills it.
_DEATHS = 25
# Seconds before a job that found no room, or a closed store, tries again; its worker rests as long.
OUTSIDE = 5.0
# Longest message that is kept of a failure.
_MESSAGE = 4000


class Queue:
    """Jobs in a database."""

    def __init__(self, database: Database, outbox: Outbox, attempts: int) -> None:
        self.database = database
        self._outbox = outbox
        self._attempts = attempts
        self._dice = random.Random()  # noqa: S311 - spreads waits, guards nothing

    def submit(
        self,
        requests: Iterable[Request],
        *,
        priority: int = 0,
        every: float = 0.0,
        hear: Callable[[int, int], None] | None = None,
    ) -> tuple[int, int]:
        """Put in what is not there yet; gives how many were new, and how many known. `every`: seconds between their
        starts.
        """
        new = known = 0
        first = time.time()
        batch: list[Request] = []

        def put() -> None:
            nonlocal new, known
            with self.database.write() as connection:
                before = new
                for request in batch:
                    due = first + new * every if every else None
                    new += self._put(connection, request, priority, due)
                known += len(batch) - (new - before)
            batch.clear()
            if hear is not None:
                hear(new, known)

        for request in requests:
            batch.append(request)
            if len(batch) == _BATCH:
                put()
        if batch:
            put()
        return new, known

    def _put(self, connection: sqlite3.Connection, request: Request, priority: int, due: float | None) -> int:
        now = time.time()
        state = "failed" if request.failure else "waiting" if due is not None and due > now else "queued"
        row = connection.execute(
            "INSERT INTO jobs (identity, state, priority, source, version, size, options, submitted, not_before, "
            "ended, error_kind, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (identity) DO NOTHING",
            (
                request.identity,
                state,
                priority,
                request.source,
                request.version,
                request.size,
                json.dumps(request.options.as_dict()),
                now,
                due if state == "waiting" else None,
                now if request.failure else None,
                "FileNotFoundError" if request.failure else None,
                request.failure,
            ),
        )
        if row.rowcount and request.failure and row.lastrowid:
            self._outbox.failed(connection, row.lastrowid, request.source, "FileNotFoundError", request.failure, 0)
        return max(row.rowcount, 0)

    def claim(self, runner: str) -> Job | None:
        """The next job, now this runner's; None where none is due."""
        now = time.time()
        if not self._any_due(now):
            return None
        with self.database.write() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'queued', not_before = NULL WHERE state = 'waiting' AND not_before <= ?",
                (now,),
            )
            row = connection.execute(
                "UPDATE jobs SET state = 'running', runner = ?, step = 'plan', started = coalesce(started, ?), "
                "error = NULL, error_kind = NULL WHERE id = "
                "(SELECT id FROM jobs WHERE state = 'queued' ORDER BY priority DESC, "
                "id LIMIT 1) RETURNING *",
                (runner, now),
            ).fetchone()
        return None if row is None else job_of(row)

    def _any_due(self, now: float) -> bool:
        found = self.database.read().execute(
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'queued') "
            "OR EXISTS (SELECT 1 FROM jobs WHERE state = 'waiting' AND not_before <= ?)",
            (now,),
        )
        return bool(found.fetchone()[0])

    def reserve(self, job: Job, key: str) -> None:
        """Make a key this job's; ClashError if another job or entry has it."""
        with self.database.write() as connection:
            self._keep(connection, job)
            other = connection.execute(
                "SELECT id, source FROM jobs WHERE key = ? AND id <> ?", (key, job.id)
            ).fetchone()
            if other is not None:
                raise ClashError(
                    f"name clash: {key} is the archive of job {other['id']} ({other['source']}); submit with "
                    f"--name KEY or another --project"
                )
            connection.execute("UPDATE jobs SET key = ? WHERE id = ?", (key, job.id))

    def finish(self, job: Job, report: StepReport, result: Mapping[str, Any], following: str) -> None:
        """Note that a step is done, and what it gave."""
        with self.database.write() as connection:
            self._keep(connection, job)
            self._note(connection, job, report)
            job.results[report.step] = dict(result)
            connection.execute(
                "UPDATE jobs SET results = ?, step = ? WHERE id = ?", (json.dumps(job.results), following, job.id)
            )

    def forget(self, job: Job, *steps: str) -> None:
        """Note that steps are to be done again."""
        with self.database.write() as connection:
            self._keep(connection, job)
            for step in steps:
                job.results.pop(step, None)
            connection.execute("UPDATE jobs SET results = ? WHERE id = ?", (json.dumps(job.results), job.id))

    def record(self, job: Job, entry: Entry, report: StepReport) -> None:
        """End a job: its entry, its line in the audit log and its event, in one transaction."""
        with self.database.write() as connection:
            self._keep(connection, job)
            sqlite.insert(connection, entry)
            self._outbox.recorded(connection, entry)
            self._note(connection, job, report)
            connection.execute(
                "UPDATE jobs SET state = 'done', step = NULL, runner = NULL, ended = ?, entry = ?, "
                # What the steps gave is in the entry now.
                "results = json_object('plan', json_extract(results, '$.plan')) WHERE id = ?",
                (time.time(), entry.uuid, job.id),
            )

    def goes_on(self, job: Job, error: BaseException) -> bool:
        """Whether a job that failed so will be tried again."""
        how = failing(error)
        return how is Failing.OUTSIDE or (how is Failing.PASSING and job.attempts + 1 < self._attempts)

    def fail(self, job: Job, error: BaseException, report: StepReport, *, release: bool) -> None:
        """Note that a step failed: the job is tried again later, or has failed. `release` gives its key up if it has
        failed.
        """
        outside, again = failing(error) is Failing.OUTSIDE, self.goes_on(job, error)
        attempts = job.attempts + (not outside)
        message = f"{error}"[:_MESSAGE] or type(error).__name__
        kind = type(error).__name__
        with self.database.write() as connection:
            self._keep(connection, job)
            self._note(connection, job, replace(report, outcome="again" if again else "failed", message=message))
            if again:
                wait = OUTSIDE if outside else wait_before(attempts + 1, self._dice.random())
                self._wait(connection, job.id, attempts, wait, kind, message)
                return
            if release:
                connection.execute("UPDATE jobs SET key = NULL, results = '{}' WHERE id = ?", (job.id,))
            connection.execute(
                "UPDATE jobs SET state = 'failed', runner = NULL, ended = ?, attempts = ?, error_kind = ?, error = "
                "? WHERE id = ?",
                (time.time(), attempts, kind, message, job.id),
            )
            self._outbox.failed(connection, job.id, job.source, kind, message, attempts)

    def put_back(self, job: Job) -> None:
        """Give a job back that was stopped and has not failed."""
        with self.database.write() as connection:
            self._keep(connection, job)
            connection.execute("UPDATE jobs SET state = 'queued', runner = NULL WHERE id = ?", (job.id,))

    def take_from(self, connection: sqlite3.Connection, runner: str) -> int:
        """Free the jobs of a runner that has died, in a transaction that is open; gives how many."""
        rows = connection.execute("SELECT * FROM jobs WHERE state = 'running' AND runner = ?", (runner,)).fetchall()
        for row in rows:
            job, deaths = job_of(row), row["deaths"] + 1
            connection.execute("UPDATE jobs SET deaths = ? WHERE id = ?", (deaths, job.id))
            if deaths >= _DEATHS:
                message = (
                    f"the runner died {deaths} times while it was at this job (step {job.step}): is there "
                    f"enough memory?"
                )
                connection.execute(
                    "UPDATE jobs SET state = 'failed', runner = NULL, ended = ?, error_kind = 'RunnerDied', error "
                    "= ? WHERE id = ?",
                    (time.time(), message, job.id),
                )
                self._outbox.failed(connection, job.id, job.source, "RunnerDied", message, deaths)
            elif deaths == 1:
                connection.execute("UPDATE jobs SET state = 'queued', runner = NULL WHERE id = ?", (job.id,))
            else:
                # Later, so that one job which kills runners does not keep all others from being done.
                wait = wait_before(min(deaths, 6), self._dice.random())
                self._wait(connection, job.id, job.attempts, wait, "RunnerDied", "its runner died")
        return len(rows)

    def retry(self, ids: Iterable[int] | None) -> int:
        """Queue failed jobs again, all of them where `ids` is None; gives how many."""
        texts = [(number,) for number in ids] if ids is not None else None
        with self.database.write() as connection:
            change = (
                "UPDATE jobs SET state = 'queued', attempts = 0, deaths = 0, ended = NULL, error = NULL, "
                "error_kind = NULL WHERE state = 'failed'"
            )
            if texts is None:
                return connection.execute(change).rowcount
            return sum(connection.execute(f"{change} AND id = ?", text).rowcount for text in texts)

    def refresh(self, job: Job, version: str, size: int) -> None:
        """Let a job be of the state that its source is in now: one that was missing when it was submitted."""
        with self.database.write() as connection:
            self._keep(connection, job)
            connection.execute("UPDATE jobs SET version = ?, size = ? WHERE id = ?", (version, size, job.id))

    def get(self, number: int) -> Job | None:
        """A job."""
        row = self.database.read().execute("SELECT * FROM jobs WHERE id = ?", (number,)).fetchone()
        return None if row is None else job_of(row)

    def jobs(self, state: str, *, limit: int = -1) -> Iterator[Job]:
        """Jobs in a state, by number; done ones newest first."""
        order = "ended DESC" if state == "done" else "id"
        rows = self.database.read().execute(
            f"SELECT * FROM jobs WHERE state = ? ORDER BY {order} LIMIT ?",  # noqa: S608 - one of two words
            (state, limit),
        )
        for row in rows:
            yield job_of(row)

    def steps(self, number: int) -> list[dict[str, Any]]:
        """All runs of a job's steps, in order."""
        rows = self.database.read().execute("SELECT * FROM steps WHERE job = ? ORDER BY rowid", (number,))
        return [dict(row) for row in rows]

    def counts(self) -> dict[str, tuple[int, int]]:
        """For each state, how many jobs and how many bytes of sources."""
        rows = self.database.read().execute("SELECT state, jobs, bytes FROM job_counts")
        return {row["state"]: (row["jobs"], row["bytes"]) for row in rows}

    def next_due(self) -> float | None:
        """When the first waiting job is due."""
        found: float | None = (
            self.database.read().execute("SELECT min(not_before) FROM jobs WHERE state = 'waiting'").fetchone()[0]
        )
        return found

    def _wait(
        self, connection: sqlite3.Connection, number: int, attempts: int, wait: float, kind: str, message: str
    ) -> None:
        connection.execute(
            "UPDATE jobs SET state = 'waiting', runner = NULL, not_before = ?, attempts = ?, error_kind = ?, error = ? "
            "WHERE id = ?",
            (time.time() + wait, attempts, kind, message, number),
        )

    def _note(self, connection: sqlite3.Connection, job: Job, report: StepReport) -> None:
        connection.execute(
            "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job.id,
                report.step,
                job.attempts + job.deaths + 1,
                report.started,
                time.time(),
                report.outcome,
                report.bytes,
                report.message,
            ),
        )

    def _keep(self, connection: sqlite3.Connection, job: Job) -> None:
        """LostError unless the job is still its runner's: it was taken from one that was thought dead."""
        row = connection.execute("SELECT state, runner FROM jobs WHERE id = ?", (job.id,)).fetchone()
        if row is None or row["state"] != "running" or row["runner"] != job.runner:
            raise LostError(f"job {job.id} was taken over by another runner")

"""How fast a vault works, from its jobs and their steps: files and bytes over time, seconds by step, the longest."""

import heapq
import math
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

from readvault.catalog.database import Database
from readvault.catalog.model import text_of
from readvault.pipeline.job import STEPS
from readvault.vault.figures import Rate, Slow, Step, Throughput
from readvault.vault.limits import Limits
from readvault.vault.periods import Periods

# Jobs fetched at a time.
_PAGE = 2000
_SLOWEST = 20
# The step of the outbox, which comes after those of a job.
_STEPS = (*STEPS, "announce")


def of_jobs(database: Database, limits: Limits) -> tuple[Throughput, tuple[Slow, ...]]:
    """Files and bytes over time, and the jobs that took longest, the longest first."""
    where, values = limits.of_jobs()
    first, last = (
        database.read()
        .execute(
            f"SELECT min(coalesce(started, ended)), max(ended) FROM jobs WHERE state = 'done' AND {where}",  # noqa: S608
            values,
        )
        .fetchone()
    )
    if last is None:
        return Throughput("hour", ()), ()
    work = _Work(Periods(first, last, finest="hour"))
    slowest: list[tuple[float, int, sqlite3.Row]] = []
    for row in _done(database, limits):
        seconds = max(row["ended"] - row["started"], 0.0)
        work.add(row["ended"] - seconds, row["ended"], row["size"])
        # The number is there so that rows are never compared.
        one = (seconds, -row["id"], row)
        if len(slowest) < _SLOWEST:
            heapq.heappush(slowest, one)
        else:
            heapq.heappushpop(slowest, one)
    return work.throughput(), tuple(_slow(seconds, row) for seconds, _, row in sorted(slowest, reverse=True))


class _Work:
    """What was done when. Jobs come by the time of their end, the last first.

    So what the jobs seen so far cover of the time before the end of the next one is one stretch: from their earliest
    start on.
    """

    def __init__(self, periods: Periods) -> None:
        self._periods = periods
        self._files = [0] * len(periods)
        self._bytes = [0.0] * len(periods)
        self._busy = [0.0] * len(periods)
        self._covered = math.inf

    def add(self, started: float, ended: float, size: int) -> None:
        """Count a job."""
        self._files[self._periods.at(ended)] += 1
        if ended <= started:
            self._bytes[self._periods.at(ended)] += size
            return
        for number, seconds in self._periods.pieces(started, ended):
            self._bytes[number] += size * seconds / (ended - started)
        if started < self._covered:
            for number, seconds in self._periods.pieces(started, min(ended, self._covered)):
                self._busy[number] += seconds
            self._covered = started

    def throughput(self) -> Throughput:
        """All of it, by period."""
        rates = (
            Rate(
                self._periods.start(number),
                files,
                round(length),
                busy,
                _over(files * 3600, busy),
                _over(length / 1e6, busy),
            )
            for number, (files, length, busy) in enumerate(zip(self._files, self._bytes, self._busy, strict=True))
        )
        return Throughput(self._periods.every, tuple(rates))


def _over(amount: float, seconds: float) -> float:
    return amount / seconds if seconds > 0 else 0.0


def _done(database: Database, limits: Limits) -> Iterator[sqlite3.Row]:
    """Jobs that are done, by the time of their end, the last first."""
    where, values = limits.of_jobs()
    ended, number = math.inf, 0
    while True:
        rows = (
            database.read()
            .execute(
                f"SELECT id, source, coalesce(started, ended) AS started, ended, size FROM jobs "  # noqa: S608
                f"WHERE state = 'done' AND (ended, id) < (?, ?) AND {where} ORDER BY ended DESC, id DESC LIMIT ?",
                (ended, number, *values, _PAGE),
            )
            .fetchall()
        )
        yield from rows
        if len(rows) < _PAGE:
            return
        ended, number = rows[-1]["ended"], rows[-1]["id"]


def _slow(seconds: float, row: sqlite3.Row) -> Slow:
    return Slow(
        job=row["id"],
        source=row["source"],
        seconds=round(seconds, 3),
        source_bytes=row["size"],
        mb_per_second=_over(row["size"] / 1e6, seconds),
        ended=text_of(datetime.fromtimestamp(row["ended"], UTC)),
    )


def of_steps(database: Database, limits: Limits) -> tuple[Step, ...]:
    """What each step took, in the order of steps.

    SQLite groups runs by their seconds to two digits, some hundred groups for a step however many runs there are; the
    median is found among these.
    """
    jobs, values = limits.of_jobs()
    where = f"AND job IN (SELECT id FROM jobs WHERE {jobs})" if limits else ""  # noqa: S608
    rows = database.read().execute(
        f"SELECT step, CAST(printf('%.1e', ended - started) AS REAL) AS about, count(*) AS runs, sum(bytes) AS bytes, "  # noqa: S608
        f"sum(ended - started) AS total, max(ended - started) AS longest "
        f"FROM steps WHERE outcome <> 'skipped' {where} GROUP BY step, about ORDER BY step, about",
        values,
    )
    found: dict[str, list[sqlite3.Row]] = {}
    for row in rows:
        found.setdefault(row["step"], []).append(row)
    ordered = sorted(found, key=lambda step: (_STEPS.index(step) if step in _STEPS else len(_STEPS), step))
    return tuple(_step(step, found[step]) for step in ordered)


def _step(name: str, groups: list[sqlite3.Row]) -> Step:
    runs, total = sum(row["runs"] for row in groups), sum(row["total"] for row in groups)
    seen, median = 0, 0.0
    for row in groups:
        seen += row["runs"]
        if 2 * seen >= runs:
            median = row["about"]
            break
    return Step(
        step=name,
        runs=runs,
        bytes=sum(row["bytes"] for row in groups),
        mean_seconds=total / runs,
        median_seconds=median,
        longest_seconds=max(row["longest"] for row in groups),
        total_seconds=total,
    )

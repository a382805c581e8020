"""What a vault's report says, collected in one pass over the entries and one over the jobs that are done.

Rows are read in pages, so that no transaction stays open, and summed as they pass by: memory is the same for a thousand
entries and for a million.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from readvault import __version__
from readvault.catalog.model import now, text_of
from readvault.vault import speed
from readvault.vault.figures import (
    REPORT_VERSION,
    Amount,
    Failure,
    Failures,
    Group,
    JobState,
    Period,
    Project,
    Reclaimed,
    Sample,
    Savings,
    Tally,
    Undelivered,
    VaultReport,
    amount,
)
from readvault.vault.home import Vault
from readvault.vault.limits import Limits
from readvault.vault.periods import Periods
from readvault.vault.ratios import Spread

# Entries fetched at a time.
_PAGE = 2000
# Projects, tiers and marks that are told apart; what comes after so many is summed under one name.
_NAMES = 5000
_OTHERS = "(others)"
# Failures that are told one by one, and their kinds.
_NEWEST = 100
# Archives that are told one by one: as many rows as MultiQC's tables take.
SAMPLES = 10_000


def collect(vault: Vault, *, project: str | None = None, since: datetime | None = None) -> VaultReport:
    """The report of a vault, of one project where that is said, and of what was archived and ended since a time."""
    limits = Limits(project, since)
    held = _Held()
    for row in _entries(vault, limits):
        held.add(row)
    failures, by_project = _failures(vault, limits)
    throughput, slowest = speed.of_jobs(vault.database, limits)
    return VaultReport(
        report_version=REPORT_VERSION,
        generated=now(),
        writer=f"readvault {__version__}",
        folder=str(vault.folder),
        store=vault.store,
        vault=vault.settings.id,
        project=project,
        since=None if since is None else text_of(since),
        archives=held.total,
        reclaimed=Reclaimed(held.reclaimed[0], held.reclaimed[1]),
        tiers=held.tiers.groups(),
        verified=held.verified.tallies(),
        marks=held.marks.tallies(),
        jobs=_jobs(vault, limits),
        savings=held.savings(),
        projects=_projects(held.projects, by_project),
        ratios=held.spread.ratios(),
        throughput=throughput,
        steps=speed.of_steps(vault.database, limits),
        failures=failures,
        slowest=slowest,
        undelivered=_undelivered(vault),
        samples=_samples(vault, limits),
    )


class _Sums:
    """Files and bytes by name, of a bounded number of names."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}

    def add(self, name: str, before: int = 0, after: int = 0) -> None:
        found = self._sums.get(name)
        if found is None:
            found = self._sums.setdefault(name if len(self._sums) < _NAMES else _OTHERS, [0, 0, 0])
        found[0] += 1
        found[1] += before
        found[2] += after

    def items(self) -> Iterator[tuple[str, Amount]]:
        """Names and amounts, the most source bytes first."""
        for name, sums in sorted(self._sums.items(), key=lambda item: (-item[1][1], -item[1][0], item[0])):
            yield name, amount(*sums)

    def groups(self) -> tuple[Group, ...]:
        return tuple(Group(name, held) for name, held in self.items())

    def tallies(self) -> tuple[Tally, ...]:
        ordered = sorted(self._sums.items(), key=lambda item: (-item[1][0], item[0]))
        return tuple(Tally(name, sums[0]) for name, sums in ordered)


class _Held:
    """Sums of the entries that have passed by."""

    def __init__(self) -> None:
        self.projects, self.tiers, self.verified, self.marks = _Sums(), _Sums(), _Sums(), _Sums()
        self.spread = Spread()
        self.reclaimed = [0, 0]
        self._sums = [0, 0, 0]
        # By day, as text; there are never many days.
        self._days: dict[str, list[int]] = {}

    def add(self, row: sqlite3.Row) -> None:
        """Count an entry."""
        before, after = row["size"], row["archive_size"]
        for sums in (self._sums, self._days.setdefault(row["created"][:10], [0, 0, 0])):
            sums[0] += 1
            sums[1] += before
            sums[2] += after
        self.projects.add(row["project"], before, after)
        self.tiers.add(row["tier"], before, after)
        self.verified.add(row["verified"])
        self.spread.add(before, after)
        if row["reclaimed"]:
            self.reclaimed[0] += 1
            self.reclaimed[1] += before
        if row["marks"] not in (None, "[]"):
            for mark in json.loads(row["marks"]):
                self.marks.add(mark)

    @property
    def total(self) -> Amount:
        """All of them."""
        return amount(*self._sums)

    def savings(self) -> Savings:
        """The days, joined to as many periods as a chart can show; periods without archives are among them."""
        days = {began: sums for day, sums in self._days.items() if (began := _seconds(day)) is not None}
        if not days:
            return Savings("day", ())
        periods = Periods(min(days), max(days), finest="day")
        sums = [[0, 0, 0] for _ in range(len(periods))]
        for day, found in days.items():
            into = sums[periods.at(day)]
            into[:] = [one + other for one, other in zip(into, found, strict=True)]
        told, saved = list[Period](), 0
        for number, found in enumerate(sums):
            made = amount(*found)
            saved += made.saved_bytes
            told.append(Period(periods.start(number), made, saved))
        return Savings(periods.every, tuple(told))


def _seconds(day: str) -> float | None:
    """When a day began; None for what is no day."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return None
    return datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp()


def _entries(vault: Vault, limits: Limits) -> Iterator[sqlite3.Row]:
    """What the report counts of each entry."""
    where, values = limits.of_entries()
    last = 0
    while True:
        rows = (
            vault.database.read()
            .execute(
                # Only names and placeholders of our own are put into the text.
                f"SELECT number, project, size, archive_size, created, tier, reclaimed, "  # noqa: S608
                f"coalesce(json_extract(document, '$.verified'), '') AS verified, "
                f"json_extract(document, '$.marks') AS marks "
                f"FROM entries WHERE number > ? AND {where} ORDER BY number LIMIT ?",
                (last, *values, _PAGE),
            )
            .fetchall()
        )
        yield from rows
        if len(rows) < _PAGE:
            return
        last = rows[-1]["number"]


def _samples(vault: Vault, limits: Limits) -> tuple[Sample, ...]:
    where, values = limits.of_entries()
    rows = vault.database.read().execute(
        f"SELECT sample, name, project, size, archive_size, created, json_extract(document, '$.seconds') AS seconds, "  # noqa: S608
        f"coalesce(json_extract(document, '$.verified'), '') AS verified "
        f"FROM entries WHERE {where} ORDER BY number DESC LIMIT ?",
        (*values, SAMPLES),
    )
    return tuple(
        Sample(
            sample=row["sample"],
            name=row["name"],
            project=row["project"],
            source_bytes=row["size"],
            archive_bytes=row["archive_size"],
            ratio=row["size"] / row["archive_size"] if row["archive_size"] else 0.0,
            seconds=row["seconds"] or 0.0,
            verified=row["verified"],
            created=row["created"],
        )
        for row in rows
    )


def _projects(held: _Sums, failures: Mapping[str, int]) -> tuple[Project, ...]:
    """All projects that have archives or failures."""
    left = dict(failures)
    told = [Project(name, made, left.pop(name, 0)) for name, made in held.items()]
    return (*told, *(Project(name, amount(0, 0, 0), count) for name, count in left.items()))


def _jobs(vault: Vault, limits: Limits) -> tuple[JobState, ...]:
    """Jobs by state. All of a vault's are counted already; those of a part of it have to be looked at."""
    counts = dict.fromkeys(vault.queue.counts(), (0, 0)) if limits else vault.queue.counts()
    if limits:
        where, values = limits.of_jobs()
        rows = vault.database.read().execute(
            f"SELECT state, count(*), sum(size) FROM jobs WHERE {where} GROUP BY state",  # noqa: S608
            values,
        )
        counts |= {row[0]: (row[1], row[2]) for row in rows}
    return tuple(JobState(state, jobs, length) for state, (jobs, length) in counts.items())


def _failures(vault: Vault, limits: Limits) -> tuple[Failures, dict[str, int]]:
    """The failures, and how many each project has."""
    where, values = limits.of_jobs()
    read = vault.database.read()
    failed = f"FROM jobs WHERE state = 'failed' AND {where}"

    def counted(name: str) -> list[Any]:
        return read.execute(
            f"SELECT coalesce({name}, ''), count(*) {failed} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
            (*values, _NAMES),
        ).fetchall()

    newest = read.execute(
        f"SELECT id, source, json_extract(options, '$.project') AS project, error_kind, error, ended {failed} "
        f"ORDER BY ended DESC, id DESC LIMIT ?",
        (*values, _NEWEST),
    )
    told = tuple(
        Failure(
            job=row["id"],
            source=row["source"],
            project=row["project"] or "",
            kind=row["error_kind"] or "",
            message=row["error"] or "",
            when=None if row["ended"] is None else text_of(datetime.fromtimestamp(row["ended"], UTC)),
        )
        for row in newest
    )
    total = read.execute(f"SELECT count(*) {failed}", values).fetchone()[0]
    kinds = tuple(Tally(row[0], row[1]) for row in counted("error_kind")[:_NEWEST])
    by_project = {row[0]: row[1] for row in counted("json_extract(options, '$.project')")}
    return Failures(total, kinds, told), by_project


def _undelivered(vault: Vault) -> Undelivered:
    error = (
        vault.database.read()
        .execute("SELECT error FROM events WHERE pending AND error IS NOT NULL ORDER BY number DESC LIMIT 1")
        .fetchone()
    )
    return Undelivered(vault.outbox.pending(), None if error is None else error[0])

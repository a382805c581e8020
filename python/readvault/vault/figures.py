"""The figures of a vault's report, as frozen dataclasses: the JSON, the page and MultiQC's table are made of these.

Times are ISO 8601 in UTC, as in entries. Lengths are bytes; a MB is a million of them.
"""

from dataclasses import asdict, dataclass
from typing import Any

REPORT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Amount:
    """Files and what became of their bytes."""

    files: int
    source_bytes: int
    archive_bytes: int
    saved_bytes: int
    ratio: float
    """Source bytes for each archive byte; 0 where there are none."""


def amount(files: int, before: int, after: int) -> Amount:
    """The amount of so many files, source bytes and archive bytes."""
    return Amount(files, before, after, before - after, before / after if after else 0.0)


@dataclass(frozen=True, slots=True)
class Group:
    """Archives that have something in common, such as their tier."""

    name: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something is there."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Project:
    """The archives of a project, and how many of its jobs have failed. The name is empty for what has no project."""

    name: str
    amount: Amount
    failures: int


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """Sources that were deleted."""

    files: int
    source_bytes: int


@dataclass(frozen=True, slots=True)
class JobState:
    """Jobs in one state."""

    state: str
    jobs: int
    source_bytes: int


@dataclass(frozen=True, slots=True)
class Period:
    """What was archived in a stretch of time; `saved_so_far` counts what came before it too."""

    start: str
    amount: Amount
    saved_so_far: int


@dataclass(frozen=True, slots=True)
class Savings:
    """Savings over time; `every` is day, week, month or year."""

    every: str
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Bin:
    """Archives with a ratio from `start` up to `end`; the last bin may have no end."""

    start: float
    end: float | None
    files: int
    source_bytes: int


@dataclass(frozen=True, slots=True)
class Ratios:
    """How ratios are spread. The median is right to 0.05."""

    median: float | None
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast it went in a stretch of time. A job counts where it ended; its bytes are spread over its time.

    `busy_seconds` is how long at least one job was on its way: rates are of that time.
    """

    start: str
    files: int
    source_bytes: int
    busy_seconds: float
    files_per_hour: float
    mb_per_second: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast it went over time; `every` is hour, day, week, month or year."""

    every: str
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What all runs of a step took; those that had nothing to do are left out. The median is right to two digits."""

    step: str
    runs: int
    bytes: int
    mean_seconds: float
    median_seconds: float
    longest_seconds: float
    total_seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that has failed."""

    job: int
    source: str
    project: str
    kind: str
    message: str
    when: str | None


@dataclass(frozen=True, slots=True)
class Failures:
    """All failures counted by kind, and the newest of them."""

    total: int
    kinds: tuple[Tally, ...]
    newest: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Slow:
    """A job that took long, from its first start to its end."""

    job: int
    source: str
    seconds: float
    source_bytes: int
    mb_per_second: float
    ended: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One archive, as a row of a table."""

    sample: str
    """Empty where no sample was named."""
    name: str
    project: str
    source_bytes: int
    archive_bytes: int
    ratio: float
    seconds: float
    verified: str
    created: str


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Events that wait for delivery, whatever the report is limited to."""

    events: int
    error: str | None


@dataclass(frozen=True, slots=True)
class VaultReport:
    """All of a report. Lists are bounded: a million files give a report no larger than ten thousand do."""

    report_version: int
    generated: str
    writer: str
    """The software that made the report."""
    folder: str
    store: str
    vault: str
    """The vault's id."""
    project: str | None
    """The project that the report is limited to."""
    since: str | None
    """Since when archives and jobs are counted."""
    archives: Amount
    reclaimed: Reclaimed
    tiers: tuple[Group, ...]
    verified: tuple[Tally, ...]
    marks: tuple[Tally, ...]
    jobs: tuple[JobState, ...]
    savings: Savings
    projects: tuple[Project, ...]
    """Those with the most source bytes first."""
    ratios: Ratios
    throughput: Throughput
    steps: tuple[Step, ...]
    failures: Failures
    slowest: tuple[Slow, ...]
    undelivered: Undelivered
    samples: tuple[Sample, ...]
    """The newest archives, newest first."""

    def as_dict(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return asdict(self)

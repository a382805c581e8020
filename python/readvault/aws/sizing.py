"""How many machines a fleet needs, for how long, and what that costs. Arithmetic and nothing else.

What is measured comes in as numbers, and so do prices: they are yours to look up, for your region and month. Limits are
AWS's usual ones (Service Quotas has your account's); what is compared with them is the mean over the whole time.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from readvault.errors import InvalidError

# Level default on synthetic-novaseq-100M.bam of bench/results/speed.md: content coded and proved at 5.5 MB/s, how it
# was deflated proved at 12.1 MB/s, one after the other: 3.8 MB of BAM a second of one processor. 4.5 times smaller.
MB_PER_SECOND = 3.8
RATIO = 4.5
# Seconds that a file waits for its container, its requests and its record, while its processors are taken. Not
# measured: no account was there.
OVERHEAD = 20.0
VCPUS = 8

# What ends so much later than asked for ends in time: no speed is known better.
NEAR = 1.01

_TB = 10**12
_MB = 10**6


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done, and by what time."""

    files: int
    size: int
    """Bytes of a file."""
    hours: float
    mb_per_second: float = MB_PER_SECOND
    """MB of BAM that a processor compresses and proves in a second."""
    ratio: float = RATIO
    vcpus: int = VCPUS
    """Processors of a job, which has a machine of its own."""
    overhead: float = OVERHEAD
    """Seconds of a file besides its bytes."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What things cost, in any currency; what is not given is not counted."""

    vcpu_hour: float | None = None
    source_month: float | None = None
    """Of a TB of BAM where it is now."""
    archive_month: float | None = None
    """Of a TB of archives where they end up."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One of AWS's limits beside what the work needs of it."""

    name: str
    needed: float
    allowed: float
    unit: str
    remedy: str

    @property
    def fits(self) -> bool:
        """Whether the work stays below."""
        return self.needed <= self.allowed


@dataclass(frozen=True, slots=True)
class Plan:
    """What the work comes to."""

    work: Work
    file_seconds: float
    """Of one file on one machine."""
    instances: int
    """Machines at a time."""
    hours: float
    """What they take together; more than was asked for where a single file takes longer."""
    files_per_hour: float
    vcpus: int
    """Processors at a time: the stack's MaxVcpus."""
    vcpu_hours: float
    source_bytes: int
    archive_bytes: int
    compute: float | None
    """Cost of the machines."""
    compute_per_tb: float | None
    """The same for a TB of BAM."""
    before_month: float | None
    after_month: float | None
    saved_month: float | None
    pays_after_months: float | None
    """When what is saved has paid for the machines."""
    limits: tuple[Limit, ...]

    def as_dict(self) -> dict[str, Any]:
        """The plan as a JSON object."""
        return {**asdict(self), "limits": [{**asdict(one), "fits": one.fits} for one in self.limits]}


def plan(work: Work, prices: Prices | None = None) -> Plan:
    """What work needs; InvalidError where it is none."""
    _check(work)
    costs = prices or Prices()
    file_seconds = work.size / (work.mb_per_second * _MB * work.vcpus) + work.overhead
    # A machine does whole files: as many as fit into the time, and one where none does.
    each = max(1, math.floor(work.hours * 3600 / file_seconds * NEAR))
    instances = math.ceil(work.files / each)
    hours = math.ceil(work.files / instances) * file_seconds / 3600
    vcpu_hours = work.files * file_seconds / 3600 * work.vcpus
    source = work.files * work.size
    archive = round(source / work.ratio)
    compute = _times(vcpu_hours, costs.vcpu_hour)
    before, after = _times(source / _TB, costs.source_month), _times(archive / _TB, costs.archive_month)
    saved = None if before is None or after is None else before - after
    return Plan(
        work=work,
        file_seconds=file_seconds,
        instances=instances,
        hours=hours,
        files_per_hour=work.files / hours,
        vcpus=instances * work.vcpus,
        vcpu_hours=vcpu_hours,
        source_bytes=source,
        archive_bytes=archive,
        compute=compute,
        compute_per_tb=None if compute is None else compute / (source / _TB),
        before_month=before,
        after_month=after,
        saved_month=saved,
        pays_after_months=None if compute is None or saved is None or saved <= 0 else compute / saved,
        limits=tuple(_limits(work.files / (hours * 3600), instances)),
    )


def _check(work: Work) -> None:
    for name in ("files", "size", "hours", "mb_per_second", "ratio", "vcpus"):
        value = getattr(work, name)
        if not (math.isfinite(value) and value > 0):
            raise InvalidError(f"{name} is {value}: a plan needs more than none of it")
    if not (math.isfinite(work.overhead) and work.overhead >= 0):
        raise InvalidError(f"overhead is {work.overhead}: it is some seconds, or 0")


def _times(amount: float, price: float | None) -> float | None:
    return None if price is None else amount * price


def _limits(rate: float, instances: int) -> Iterator[Limit]:
    """Limits beside a rate of files a second, and files at a time."""
    yield Limit("SQS FIFO, messages one by one", rate, 300, "/s", "send ten at a time, as `readvault aws submit` does")
    yield Limit("SQS FIFO, ten in a request", rate, 3000, "/s", "the stack's queue has high throughput on: 10 times it")
    # 3 states to call functions, 1 to wait for the job, 1 to choose, 1 to announce.
    yield Limit("Step Functions, new executions", rate, 150, "/s", "ask for more in Service Quotas")
    yield Limit("Step Functions, state transitions", 7 * rate, 800, "/s", "ask for more in Service Quotas")
    yield Limit("Step Functions, open executions", instances, 1_000_000, "", "submit with --rate")
    yield Limit("Batch, jobs submitted", rate, 50, "/s", "ask for more in Service Quotas")
    # Two transactions a file (ordered, recorded) with two or three items, twice as dear as plain writes.
    yield Limit("DynamoDB, writes to the table", 10 * rate, 4000, "/s", "give the table warm throughput")
    # The index by state has one partition for RECORDED.
    yield Limit("DynamoDB, writes to one state", 3 * rate, 1000, "/s", "submit with --rate")
    yield Limit("S3, writes below one prefix", 5 * rate, 3500, "/s", "S3 splits busy prefixes by itself, in time")

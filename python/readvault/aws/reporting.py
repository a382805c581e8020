"""What a stack's archives save and cost, by project. Prices are the reader's: what he does not give is not counted."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from readvault.catalog.model import HOT, Entry

_TB = 10**12
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a month, for a TB; and of an hour, for a processor."""

    source_month: float | None = None
    """Where the sources are, or were."""
    hot_month: float | None = None
    cold_month: float | None = None
    """Of archives that have moved to a colder class."""
    vcpu_hour: float | None = None
    vcpus: int = 8
    """Processors of a job."""


@dataclass(slots=True)
class Share:
    """What one project has."""

    project: str
    files: int = 0
    source_bytes: int = 0
    archive_bytes: int = 0
    cold_bytes: int = 0
    """Of the archives: in a colder class."""
    seconds: float = 0.0
    """Of its jobs, from start to record."""
    before_month: float | None = None
    after_month: float | None = None
    saved_month: float | None = None
    compute: float | None = None

    @property
    def ratio(self) -> float:
        """How many times smaller."""
        return self.source_bytes / self.archive_bytes if self.archive_bytes else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The share as a JSON object."""
        saved = self.source_bytes - self.archive_bytes
        return {**asdict(self), "saved_bytes": saved, "ratio": round(self.ratio, 4)}


@dataclass(frozen=True, slots=True)
class Report:
    """All projects, and them together."""

    projects: tuple[Share, ...]
    total: Share

    def as_dict(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {"projects": [one.as_dict() for one in self.projects], "total": self.total.as_dict()}


def report(entries: Iterable[Entry], prices: Prices) -> Report:
    """The report of some entries, the largest project first."""
    shares: dict[str, Share] = {}
    total = Share("")
    for entry in entries:
        for share in (shares.setdefault(entry.project, Share(entry.project)), total):
            share.files += 1
            share.source_bytes += entry.size
            share.archive_bytes += entry.archive_size
            share.cold_bytes += entry.archive_size if entry.tier != HOT else 0
            share.seconds += entry.seconds
    for share in (*shares.values(), total):
        _price(share, prices)
    return Report(tuple(sorted(shares.values(), key=lambda one: (-one.source_bytes, one.project))), total)


def _price(share: Share, prices: Prices) -> None:
    if prices.vcpu_hour is not None:
        share.compute = share.seconds / _HOUR * prices.vcpus * prices.vcpu_hour
    if prices.source_month is None:
        return
    # One price of storage is the price of all of it, until others are given.
    hot = prices.source_month if prices.hot_month is None else prices.hot_month
    cold = hot if prices.cold_month is None else prices.cold_month
    share.before_month = share.source_bytes / _TB * prices.source_month
    share.after_month = (share.archive_bytes - share.cold_bytes) / _TB * hot + share.cold_bytes / _TB * cold
    share.saved_month = share.before_month - share.after_month

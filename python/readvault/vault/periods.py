"""Time cut into hours, days, weeks, months or years of UTC: the shortest that are few enough for a chart."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from readvault.catalog.model import text_of

# Points that a chart a thousand pixels wide can show, and a reader can tell apart.
_MOST = 120
_KINDS = ("hour", "day", "week", "month", "year")


class Periods:
    """The periods from the one with `first` to the one with `last`, in seconds since 1970.

    At most 120: where even years would be more, the first one takes what was before it.
    """

    def __init__(self, first: float, last: float, *, finest: str) -> None:
        self.every, self._borders = _chosen(first, max(first, last), _KINDS[_KINDS.index(finest) :])

    def __len__(self) -> int:
        return len(self._borders) - 1

    def at(self, time: float) -> int:
        """The number of the period that has a time."""
        return min(max(bisect_right(self._borders, time) - 1, 0), len(self) - 1)

    def start(self, number: int) -> str:
        """When a period starts."""
        return text_of(datetime.fromtimestamp(self._borders[number], UTC))

    def pieces(self, start: float, end: float) -> Iterator[tuple[int, float]]:
        """The periods that a stretch of time meets, and how many seconds of it each has."""
        first, last = self.at(start), self.at(end)
        for number in range(first, last + 1):
            left = start if number == first else self._borders[number]
            right = end if number == last else self._borders[number + 1]
            yield number, right - left


def _chosen(first: float, last: float, kinds: tuple[str, ...]) -> tuple[str, list[float]]:
    start, end = datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)
    for kind in kinds:
        borders = [_floor(start, kind)]
        while borders[-1] <= end and len(borders) <= _MOST:
            borders.append(_next(borders[-1], kind))
        if borders[-1] > end:
            return kind, [border.timestamp() for border in borders]
    years = range(end.year - _MOST + 1, end.year + 2)
    return kinds[-1], [datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in years]


def _floor(time: datetime, kind: str) -> datetime:
    hour = time.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    match kind:
        case "hour":
            return hour
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case _:
            return day.replace(month=1, day=1)


def _next(start: datetime, kind: str) -> datetime:
    match kind:
        case "hour":
            return start + timedelta(hours=1)
        case "day":
            return start + timedelta(days=1)
        case "week":
            return start + timedelta(weeks=1)
        case "month":
            return _floor(start + timedelta(days=31), "month")
        case _:
            return start.replace(year=start.year + 1)

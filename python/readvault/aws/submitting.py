"""Old files into the fleet: one message each, as the topic's function would send it, ten in a request.

What is sent twice is done once, so whoever was cut off may simply begin anew. That he need not, a file remembers how
far it came: the argument, how many of its sources, and the last of them.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from readvault.aws import clients, messages, sources
from readvault.aws.failures import BadMessage, SourceMissing, TryAgain
from readvault.aws.gathering import Found
from readvault.aws.messages import Wanted
from readvault.aws.stack import Deployed
from readvault.errors import InvalidError

# Messages in one request: SQS takes no more.
_TOGETHER = 10
# Sources that are looked at together: a request takes tens of milliseconds, most of them waiting.
_LOOKING = 16
# Sources that are taken at a time; what is remembered is never further behind than that.
_WINDOW = 100
# How often a message that the queue did not take is sent again, after waits that double from this.
_TRIES = 6
_FIRST_WAIT = 0.5
# A request with fewer messages goes out where ten would come in larger bursts than this, in seconds.
_BURST = 10.0


@dataclass(slots=True)
class Counts:
    """What has become of the sources so far."""

    sent: int = 0
    refused: int = 0
    missing: int = 0
    bytes: int = 0
    """Of those sent whose length is known."""

    def as_dict(self) -> dict[str, int]:
        """The counts as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a submission came."""

    argument: int = 0
    number: int = 0
    """Sources of that argument that are done with."""
    last: str = ""


class Memory:
    """A file that says how far a submission came; without a path it forgets."""

    def __init__(self, path: str | None, about: Any) -> None:
        self._path = None if path is None else Path(path)
        self._about = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        self.place = Place()
        self.before = 0
        if self._path is not None and self._path.exists():
            self._read(self._path)

    def _read(self, path: Path) -> None:
        try:
            found = json.loads(path.read_text())
            about, place, sent = found["about"], Place(**found["place"]), int(found["sent"])
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidError(f"{path} is no file of `readvault aws submit --resume`: {error!r}") from None
        if about != self._about:
            raise InvalidError(
                f"{path} remembers another submission (other arguments, options or stack): name another file, or "
                f"remove it to begin anew"
            )
        self.place, self.before = place, sent

    def keep(self, place: Place, sent: int) -> None:
        """Remember a place."""
        if self._path is None:
            return
        told = {"about": self._about, "place": asdict(place), "sent": self.before + sent}
        beside = self._path.with_name(self._path.name + ".new")
        beside.write_text(json.dumps(told) + "\n")
        beside.replace(self._path)


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submission is told."""

    stack: Deployed
    every: float = 0.0
    """Seconds between two files."""
    dry_run: bool = False
    complain: Callable[[str, str], object] = lambda source, why: None
    hear: Callable[[Counts], object] = lambda counts: None
    sleep: Callable[[float], object] = time.sleep


def submit(found: Iterable[Found], told: Submission, memory: Memory) -> Counts:
    """Send a message for each source, in turn."""
    counts = Counts()
    started = time.monotonic()
    together = _TOGETHER if told.every * _TOGETHER <= _BURST else max(1, int(_BURST / told.every))
    left = iter(found)
    with ThreadPoolExecutor(_LOOKING) as pool:
        while window := list(islice(left, together if told.every else _WINDOW)):
            pieces = list(pool.map(lambda one: _piece(one, told.stack), window))
            for start in range(0, len(window), together):
                some = list(zip(window, pieces, strict=True))[start : start + together]
                _send_some(some, told, counts, started)
                last = some[-1][0]
                if not told.dry_run:
                    memory.keep(Place(last.argument, last.number + 1, last.source), counts.sent)
                told.hear(counts)
    return counts


def _send_some(
    some: list[tuple[Found, Wanted | BadMessage | SourceMissing]], told: Submission, counts: Counts, started: float
) -> None:
    good: list[Wanted] = []
    for one, piece in some:
        if isinstance(piece, Wanted):
            good.append(piece)
            counts.bytes += one.size
        else:
            counts.missing += isinstance(piece, SourceMissing)
            counts.refused += isinstance(piece, BadMessage)
            told.complain(one.source, str(piece))
    if good and not told.dry_run:
        if told.every:
            told.sleep(max(0.0, started + counts.sent * told.every - time.monotonic()))
        send(told.stack.output("WorkQueue"), good, told.sleep)
    counts.sent += len(good)


def send(queue: str, wanted: list[Wanted], sleep: Callable[[float], object] = time.sleep) -> None:
    """Put up to ten messages into the queue; TryAgain where it does not take them."""
    left = [
        {
            "Id": str(number),
            "MessageBody": one.body(),
            "MessageGroupId": one.group,
            "MessageDeduplicationId": one.deduplication,
        }
        for number, one in enumerate(wanted)
    ]
    for attempt in range(_TRIES):
        answer = clients.client("sqs").send_message_batch(QueueUrl=queue, Entries=left)
        failed = {one["Id"]: one for one in answer.get("Failed", [])}
        if not failed:
            return
        for one in failed.values():
            if one.get("SenderFault"):
                raise InvalidError(f"{queue} refuses a message: {one.get('Code')}: {one.get('Message')}")
        left = [one for one in left if one["Id"] in failed]
        sleep(_FIRST_WAIT * 2**attempt)
    raise TryAgain(f"{queue} did not take {len(left)} messages: {next(iter(failed.values()))}")


def _piece(one: Found, stack: Deployed) -> Wanted | BadMessage | SourceMissing:
    """The message for a source, in the state that it is in now where none is named in full."""
    try:
        wanted = messages.wanted_of(one.message, stack.usual, stack.sources)
        return replace(wanted, version=sources.in_full(wanted.source, wanted.version))
    except (BadMessage, SourceMissing) as error:
        return error

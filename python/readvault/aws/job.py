"""The job in a container: `python -m readvault.aws.job ORDER_URL` compresses one source, from the store to the store.

All that it needs is in the work order; the steps are those of every job (`readvault.pipeline`). How far it is and what
came of it stands beside the order: NAME.journal.json, NAME.result.json, or NAME.failed.json with the reason. It can be
cut off at any point and started again: an archive appears whole or not at all, the next attempt goes on with the first
step that is not noted, and an archive that was published and not noted is adopted.

Exit codes: 0, done; 75 (EX_TEMPFAIL of sysexits.h), to be tried again: the store was busy, or the machine is taken away
(SIGTERM); 1, failed for good; 2, no order was named.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from types import FrameType

from readvault import files, objects
from readvault.aws import references
from readvault.aws.journal import StoreJournal, read
from readvault.aws.log import say
from readvault.aws.recording import beside_order
from readvault.pipeline import job as pipeline
from readvault.pipeline import steps
from readvault.pipeline.failures import (
    ChangedError,
    ClashError,
    Failing,
    MismatchError,
    MissingError,
    failing,
    is_bug,
)
from readvault.pipeline.order import WorkOrder, order_of

OK = 0
FAILED = 1
USAGE = 2
AGAIN = 75

# Seconds between two lines that say how far a job is.
_INTERVAL = 5.0
# Most calls that are told of where a bug was met: the last ones.
_TRACED = 12
# What failures are called in the catalog, where that is not the name of their class.
_KINDS: dict[type[BaseException], str] = {
    ChangedError: "SourceChanged",
    ClashError: "NameClash",
    MismatchError: "ChecksumMismatch",
    MissingError: "SourceMissing",
}


class Stopped(BaseException):
    """The machine is taken away."""


def main(arguments: list[str]) -> int:
    """Do the job that an order at a URL tells of; gives the exit code."""
    if len(arguments) != 1 or not arguments[0].endswith(".json"):
        say("error", "usage: python -m readvault.aws.job ORDER_URL (which ends with .json)")
        return USAGE
    signal.signal(signal.SIGTERM, _stop)
    place = arguments[0]
    order: WorkOrder | None = None
    try:
        order = order_of(read(place))
        _run(order, place)
    except Stopped:
        say("warning", "told to stop: another attempt goes on", order=place)
        return AGAIN
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # Also the panic of a bug in core, which derives from BaseException.
        return _failed(place, order, error)
    return OK


def _run(order: WorkOrder, place: str) -> None:
    attempt = int(os.environ.get("AWS_BATCH_JOB_ATTEMPT") or 1)
    say("info", "started", source=order.source, size=order.source_size, archive=order.target, attempt=attempt)
    if attempt > 1 and _stands(order, beside_order(place, "result")):
        say("info", "an earlier attempt had done all of it", source=order.source)
        return
    journal = StoreJournal(order, place, attempt)
    work = pipeline.Work(
        threads=_threads(),
        hear=_Hearing(order.source),
        again=attempt > 1,
        dice=random.Random(),  # noqa: S311 - chooses samples
        discard=_discard,
    )
    pipeline.run(lambda: _planned(order), journal, work, started=journal.started)


def _planned(order: WorkOrder) -> WorkOrder:
    """The order as this machine does it: its reference is at hand."""
    try:
        return references.at_hand(order)
    except FileNotFoundError as error:
        raise MissingError(str(error)) from None


def _threads() -> int:
    """Threads to work with: those of the environment, since a container sees all cores of its machine; else all."""
    return int(os.environ.get("READVAULT_THREADS") or 0)


def _discard(order: WorkOrder) -> None:
    """Take away what is not what was made, so that it is made anew."""
    try:
        steps.discard(order)
    except OSError as error:
        # A fleet's jobs may delete nothing: the next attempt finds it, and reads all of it.
        say("warning", f"what does not match could not be removed: {error}", archive=order.target)


def _stands(order: WorkOrder, target: str) -> bool:
    """Whether an earlier attempt has left a result, and its archive stands as it was verified."""
    try:
        verified = read(target)["verify"]
        state = objects.look(order.target)
    except (FileNotFoundError, PermissionError, KeyError):
        return False
    return (state.length, state.version or state.etag) == (verified["length"], verified["version"])


def _failed(place: str, order: WorkOrder | None, error: BaseException) -> int:
    """Write down why; gives the exit code. Whether another attempt helps is for the steps' own rules to say."""
    lasting = failing(error) is Failing.LASTING
    kind = _KINDS.get(type(error), type(error).__name__)
    more = {"trace": traceback.format_exception(error)[-_TRACED:]} if is_bug(error) else {}
    say("error", str(error), kind=kind, order=place, again=not lasting, **more)
    told = {
        "kind": kind,
        "message": str(error) or kind,
        "attempt": int(os.environ.get("AWS_BATCH_JOB_ATTEMPT") or 1),
        # An order that is written anew has another time: a reason that stands from before is not taken for its own.
        "order": None if order is None else order.created,
    }
    try:
        files.write_whole(json.dumps(told), beside_order(place, "failed"))
    except Stopped:
        return AGAIN
    except Exception as again:
        say("error", f"the reason could not be written down: {again}", order=place)
    return FAILED if lasting else AGAIN


class _Hearing:
    """Says every few seconds how far a job is."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._last = time.monotonic()

    def __call__(self, step: str, done: int, total: int | None) -> None:
        current = time.monotonic()
        if current - self._last >= _INTERVAL:
            self._last = current
            say("info", "working", step=step, done=done, total=total, source=self._source)


def _stop(number: int, frame: FrameType | None) -> None:
    # Once is enough: what is cleaned up now is not to be cut off too.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

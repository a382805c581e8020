"""The job in a container: `python -m readvault.aws.job ORDER_URL` compresses one source, from the store to the store.

All that it needs is in the work order; the steps are those of every job (`readvault.pipeline`). What came of it stands
beside the order: NAME.result.json, or NAME.failed.json with the reason. It can be cut off at any point and started
again: an archive appears whole or not at all, and one that an earlier attempt has published is adopted.

Exit codes: 0, done; 75 (EX_TEMPFAIL of sysexits.h), to be tried again: the store was busy, or the machine is taken away
(SIGTERM); 1, failed for good; 2, no order was named.
"""

import json
import os
import random
import signal
import sys
import time
from types import FrameType
from typing import Any

from readvault import _core, files, objects
from readvault.aws import references
from readvault.aws.log import say
from readvault.errors import InvalidError
from readvault.pipeline import steps
from readvault.pipeline.failures import ChangedError, ClashError, Failing, MismatchError, failing
from readvault.pipeline.order import WorkOrder, order_of

OK = 0
FAILED = 1
USAGE = 2
AGAIN = 75

# Seconds between two lines that say how far a job is.
_INTERVAL = 5.0
# Most bytes of an order or result.
_LONGEST = 8 << 20
# What failures are called in the catalog, where that is not the name of their class.
_KINDS: dict[type[BaseException], str] = {
    ChangedError: "SourceChanged",
    ClashError: "NameClash",
    MismatchError: "ChecksumMismatch",
}


class Stopped(BaseException):
    """The machine is taken away."""


class SourceMissing(FileNotFoundError):  # noqa: N818 - a name that users read
    """There is nothing at the source any more, or nothing at its reference."""


def main(arguments: list[str]) -> int:
    """Do the job that an order at a URL tells of; gives the exit code."""
    if len(arguments) != 1 or not arguments[0].endswith(".json"):
        say("error", "usage: python -m readvault.aws.job ORDER_URL (which ends with .json)")
        return USAGE
    signal.signal(signal.SIGTERM, _stop)
    place = arguments[0]
    order: WorkOrder | None = None
    try:
        order = order_of(_read(place))
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
    target = _beside(place, "result")
    started = time.time()
    say("info", "started", source=order.source, size=order.source_size, archive=order.target, attempt=attempt)
    if attempt > 1 and _stands(order, target):
        say("info", "an earlier attempt had done all of it", source=order.source)
        return
    try:
        steps.check_source(order)
        order = references.at_hand(order)
    except FileNotFoundError as error:
        raise SourceMissing(str(error)) from None
    made = steps.compress(order, _threads(), _Hearing("compress", order.source))
    indexed = steps.index(order, made, _threads(), _Hearing("index", order.source))
    verified = _verified(order, made)
    ended = time.time()
    result = {
        "compress": made,
        "index": indexed,
        "verify": verified,
        "reference": order.reference,
        "started": started,
        "ended": ended,
        "attempt": attempt,
    }
    files.write_whole(json.dumps(result), target)
    report = made["report"]
    say(
        "info",
        "done",
        source=order.source,
        archive=order.target,
        ratio=report["ratio"],
        adopted=made["adopted"],
        verified=verified["how"],
        index=indexed["why"] or "made",
        seconds=round(ended - started, 3),
        transfers=json.loads(_core.transfer_totals()),
    )


def _threads() -> int:
    """Threads to work with: those of the environment, since a container sees all cores of its machine; else all."""
    return int(os.environ.get("READVAULT_THREADS") or 0)


def _verified(order: WorkOrder, made: dict[str, Any]) -> dict[str, Any]:
    """What reading the archive back gave. One that is not what was made goes away, so that it is made anew."""
    dice = random.Random()  # noqa: S311 - samples, no secrets
    try:
        return steps.verify(order, made, _threads(), _Hearing("verify", order.source), dice=dice)
    except MismatchError:
        try:
            steps.discard(order)
        except OSError as error:
            # A fleet's jobs may delete nothing: the next attempt finds it, and reads all of it.
            say("warning", f"what does not match could not be removed: {error}", archive=order.target)
        raise


def _stands(order: WorkOrder, target: str) -> bool:
    """Whether an earlier attempt has left a result, and its archive stands as it was verified."""
    try:
        verified = _read(target)["verify"]
        state = objects.look(order.target)
    except (FileNotFoundError, PermissionError, KeyError):
        return False
    return (state.length, state.version or state.etag) == (verified["length"], verified["version"])


def _failed(place: str, order: WorkOrder | None, error: BaseException) -> int:
    """Write down why; gives the exit code. Whether another attempt helps is for the steps' own rules to say."""
    lasting = failing(error) is Failing.LASTING
    kind = _KINDS.get(type(error), type(error).__name__)
    say("error", str(error), kind=kind, order=place, again=not lasting)
    told = {
        "kind": kind,
        "message": str(error) or kind,
        "attempt": int(os.environ.get("AWS_BATCH_JOB_ATTEMPT") or 1),
        # An order that is written anew has another time: a reason that stands from before is not taken for its own.
        "order": None if order is None else order.created,
    }
    try:
        files.write_whole(json.dumps(told), _beside(place, "failed"))
    except Stopped:
        return AGAIN
    except Exception as again:
        say("error", f"the reason could not be written down: {again}", order=place)
    return FAILED if lasting else AGAIN


def _read(place: str) -> dict[str, Any]:
    try:
        found = json.loads(_core.read_small(place, most=_LONGEST))
    except ValueError as error:
        raise InvalidError(f"{place} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidError(f"{place} is no JSON object")
    return found


def _beside(place: str, kind: str) -> str:
    return f"{place.removesuffix('.json')}.{kind}.json"


class _Hearing:
    """Says every few seconds how far a step is."""

    def __init__(self, step: str, source: str) -> None:
        self._step, self._source = step, source
        self._last = time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        current = time.monotonic()
        if current - self._last >= _INTERVAL:
            self._last = current
            say("info", "working", step=self._step, done=done, total=total, source=self._source)


def _stop(number: int, frame: FrameType | None) -> None:
    # Once is enough: what is cleaned up now is not to be cut off too.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

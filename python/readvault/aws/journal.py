"""A job's journal in the store, beside its order: what the steps gave, each noted before the next begins.

The next attempt goes on from there. Without it nothing would be lost but time: an archive that was published and not
noted is found standing, decoded in full, and taken.
"""

import json
import time
from typing import Any

from readvault import _core, files
from readvault.aws.log import say
from readvault.aws.recording import beside_order
from readvault.catalog.model import Entry
from readvault.errors import InvalidError
from readvault.pipeline.order import WorkOrder

# Most bytes of an order, a journal or a result.
_LONGEST = 8 << 20


class StoreJournal:
    """The journal of one job, whose order is at `place`."""

    def __init__(self, order: WorkOrder, place: str, attempt: int) -> None:
        self._order, self._place, self._attempt = order, place, attempt
        self._results: dict[str, dict[str, Any]] = {}
        spent = self._read() if attempt > 1 else 0.0
        self.started = time.time() - spent
        """When the job would have begun, if this attempt had done all that counts."""

    def _read(self) -> float:
        """Take what an earlier attempt at the same order has noted; gives the seconds that it took."""
        try:
            found = read(beside_order(self._place, "journal"))
            if found["order"] != self._order.created:
                return 0.0
            spent, self._results = float(found["seconds"]), dict(found["results"])
            # Where the reference is, each machine finds for itself.
            self._results.pop("plan", None)
        except (FileNotFoundError, InvalidError, KeyError, TypeError, ValueError):
            return 0.0
        say("info", "an earlier attempt had come so far", steps=list(self._results), source=self._order.source)
        return spent

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """What the steps that are done gave."""
        return self._results

    def finish(self, step: str, started: float, result: dict[str, Any], *, read: int, message: str) -> None:
        """Note that a step is done."""
        self._results[step] = result
        # The order is noted already, and after the last step there is the result.
        if step in ("compress", "index"):
            self._write()

    def forget(self, *names: str) -> None:
        """Note that steps are to be done again."""
        for name in names:
            self._results.pop(name, None)
        self._write()

    def _write(self) -> None:
        told = {"order": self._order.created, "seconds": time.time() - self.started, "results": self._results}
        try:
            files.write_whole(json.dumps(told), beside_order(self._place, "journal"))
        except Exception as error:
            # The work itself is not worse for it.
            say("warning", f"the journal could not be written: {error}", order=self._place)

    def record(self, entry: Entry, started: float) -> None:
        """Write down what came of the job: whoever records it has nothing else."""
        results, ended = self._results, time.time()
        names = ("compress", "index", "verify")
        told = {**{name: results[name] for name in names}, "started": self.started, "ended": ended}
        # Under which key the store has it, the job alone knows.
        told["reference"] = results["plan"]["reference"]
        files.write_whole(json.dumps({**told, "attempt": self._attempt}), beside_order(self._place, "result"))
        say(
            "info",
            "done",
            source=entry.source,
            archive=entry.place,
            ratio=entry.ratio,
            adopted=results["compress"]["adopted"],
            verified=entry.verified,
            index=results["index"]["why"] or "made",
            seconds=round(ended - self.started, 3),
            transfers=json.loads(_core.transfer_totals()),
        )


def read(place: str) -> dict[str, Any]:
    """A JSON object of the store."""
    try:
        found = json.loads(_core.read_small(place, most=_LONGEST))
    except ValueError as error:
        raise InvalidError(f"{place} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidError(f"{place} is no JSON object")
    return found

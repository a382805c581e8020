"""One job, from where it stands to its end: each step after the other, what each gave noted in a journal before the
next begins.

After a crash the job goes on with the first step that the journal does not have.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from readvault.catalog.model import Entry
from readvault.pipeline import steps
from readvault.pipeline.entries import entry_for
from readvault.pipeline.failures import MismatchError
from readvault.pipeline.order import WorkOrder, order_of

STEPS = ("plan", "compress", "index", "verify", "record")


class Journal(Protocol):
    """Where a job's progress is noted, by whoever runs it."""

    @property
    def results(self) -> Mapping[str, dict[str, Any]]:
        """What the steps that are done gave."""

    def finish(self, step: str, started: float, result: dict[str, Any], *, read: int, message: str) -> None:
        """Note that a step is done. `read`: bytes that it read."""

    def forget(self, *names: str) -> None:
        """Note that steps are to be done again."""

    def record(self, entry: Entry, started: float) -> None:
        """Note the entry, and that the job is done."""


@dataclass(frozen=True, slots=True)
class Work:
    """How a job is done here."""

    threads: int
    hear: Callable[[str, int, int | None], object]
    """Is told the step, and how far it is; an exception that it raises stops the job."""
    again: bool
    """Whether an earlier attempt may have left something."""
    dice: random.Random
    discard: Callable[[WorkOrder], object] = steps.discard
    """Takes away what is in the store and is not what was made."""


def run(plan: Callable[[], WorkOrder], journal: Journal, work: Work, *, started: float) -> Entry:
    """Do what is left of a job; gives its entry. `plan` makes the work order, if that is not noted already.

    `started`: when the job's first attempt began, in seconds since 1970. What a step raises comes out, with the journal
    at the step before.
    """
    if "plan" not in journal.results:
        began = time.time()
        order = plan()
        journal.finish("plan", began, order.as_dict(), read=0, message="")
    order = order_of(journal.results["plan"])
    if work.again:
        steps.clear_remains(order)

    def hear(step: str) -> Callable[[int, int | None], object]:
        return lambda done, total: work.hear(step, done, total)

    def step(name: str, do: Callable[[], dict[str, Any]], read: int, message: Callable[[dict[str, Any]], str]) -> None:
        if name in journal.results:
            return
        began = time.time()
        work.hear(name, 0, None)
        result = do()
        journal.finish(name, began, result, read=read, message=message(result))

    if "compress" not in journal.results:
        steps.check_source(order)
    step(
        "compress",
        lambda: steps.compress(order, work.threads, hear("compress")),
        order.source_size,
        lambda made: "found what an earlier attempt had published" if made["adopted"] else "",
    )
    made = journal.results["compress"]
    step(
        "index",
        lambda: steps.index(order, made, work.threads, hear("index")),
        made["report"]["archive"]["length"],
        lambda indexed: indexed["why"] or "",
    )
    try:
        step(
            "verify",
            lambda: steps.verify(order, made, work.threads, hear("verify"), dice=work.dice),
            made["report"]["archive"]["length"],
            lambda verified: str(verified["how"]),
        )
    except MismatchError:
        # What is in the store is not what was made: it goes, and the next attempt makes it anew.
        work.discard(order)
        journal.forget("compress", "index")
        raise
    began = time.time()
    entry = entry_for(order, journal.results, started, began)
    journal.record(entry, began)
    return entry

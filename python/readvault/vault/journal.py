"""A job's journal in the queue: what the pipeline's steps gave, each noted before the next begins."""

import time
from collections.abc import Callable
from typing import Any

from readvault.catalog.model import Entry
from readvault.pipeline.job import STEPS
from readvault.vault.jobs import Job, StepReport
from readvault.vault.queue import Queue


class QueueJournal:
    """The journal of one job. `settled` does a thing until it succeeds, or raises when that is not to be waited for."""

    def __init__(self, queue: Queue, job: Job, settled: Callable[[Callable[[], object]], object]) -> None:
        self._queue, self._job, self._settled = queue, job, settled
        self.step, self.since = STEPS[0], time.time()

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """What the steps that are done gave."""
        return self._job.results

    def began(self, step: str) -> None:
        """A step is at work; it is the one that fails, if something does."""
        if step != self.step:
            self.step, self.since = step, time.time()

    def finish(self, step: str, started: float, result: dict[str, Any], *, read: int, message: str) -> None:
        """Note that a step is done."""
        skipped = step == "index" and result["sidecar"] is None
        report = StepReport(step, started, "skipped" if skipped else "ok", read, message)
        following = STEPS[STEPS.index(step) + 1]
        self._settled(lambda: self._queue.finish(self._job, report, result, following))
        self.began(following)

    def forget(self, *names: str) -> None:
        """Note that steps are to be done again."""
        self._settled(lambda: self._queue.forget(self._job, *names))

    def record(self, entry: Entry, started: float) -> None:
        """Note the entry, and that the job is done."""
        self._settled(lambda: self._queue.record(self._job, entry, StepReport("record", started)))

    def failed(self) -> StepReport:
        """The step that was at work."""
        return StepReport(self.step, self.since)

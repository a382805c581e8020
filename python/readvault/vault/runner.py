"""A runner: threads that take jobs from the queue and do them, until they are told to stop or the queue is empty.

Any number of runners may work at one vault; `alive` tells them who has died, and they take up what that one was at.
"""

import random
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from readvault import config, objects
from readvault.catalog.model import Entry, now
from readvault.errors import InvalidError
from readvault.pipeline import job as pipeline
from readvault.pipeline import steps
from readvault.pipeline.failures import Failing, failing, is_bug
from readvault.pipeline.order import WorkOrder, key_for, order_of
from readvault.vault import references
from readvault.vault.alive import Life
from readvault.vault.home import Vault
from readvault.vault.jobs import Job, LostError
from readvault.vault.journal import QueueJournal
from readvault.vault.queue import OUTSIDE
from readvault.vault.submit import MISSING

# Seconds between looks at an empty queue, between looks for dead runners, and between tries of what cannot be written.
_POLL = 0.5
_REAP = 3.0
_AGAIN = 1.0


class Stopping(BaseException):
    """The runner was told to stop: comes out of the step at work."""


class Listener(Protocol):
    """Hears what a runner does. Called from its threads."""

    def began(self, worker: int, job: Job) -> None:
        """A job was taken."""

    def moved(self, worker: int, job: Job, step: str, done: int, total: int | None) -> None:
        """A step got on."""

    def ended(self, worker: int, job: Job, entry: Entry | None, error: BaseException | None, *, again: bool) -> None:
        """A job is done (an entry), has failed, will be tried again, or was put back (neither)."""

    def told(self, text: str) -> None:
        """Something that the user should know of."""


class Runner:
    """One runner of a vault. `threads` is for each worker."""

    def __init__(self, vault: Vault, *, workers: int, threads: int, until_empty: bool, listener: Listener) -> None:
        if workers < 1:
            raise InvalidError(f"{workers} workers would do nothing")
        self.vault = vault
        self._life = Life(vault, workers)
        self._workers, self._threads, self._until_empty = workers, threads, until_empty
        self._listener = listener
        self._stop = threading.Event()
        self._over = threading.Event()
        self._counting, self._living = threading.Lock(), 0
        self._doing: dict[int, dict[str, Any]] = {}
        self._reaping = threading.Lock()
        self._reaped = 0.0
        self._broken: BaseException | None = None

    def stop(self) -> None:
        """Let the workers put back what they are at, and end."""
        self._stop.set()

    def run(self) -> None:
        """Work. Returns when the queue is empty (`until_empty`) or after `stop`.

        An exception in the thread that calls, such as KeyboardInterrupt, stops too, and comes out when all have
        stopped.
        """
        # What is checked is read from the store, not from a cache that has what was written.
        config.configure(cache="")
        with self._life.alive(self._settled):
            workers = [self._thread(self._work, number) for number in range(self._workers)]
            threads = [*workers, self._thread(self._announce, workers)]
            self._living = len(threads)
            for thread in threads:
                thread.start()
            # Not `join`: in Python 3.11 a thread whose join a signal breaks off counts as ended while it still works.
            try:
                while not self._over.wait(_POLL):
                    self._life.beat(list(self._doing.values()))
            finally:
                self._stop.set()
                self._over.wait()
        if self._broken is not None:
            raise self._broken

    def _thread(self, target: Callable[..., None], *arguments: Any) -> threading.Thread:
        def guarded() -> None:
            try:
                target(*arguments)
            except Stopping:
                pass
            except BaseException as error:  # A bug, or a catalog that is gone: all stop, and `run` raises it.
                self._broken = self._broken or error
                self._stop.set()
            finally:
                with self._counting:
                    self._living -= 1
                    if self._living == 0:
                        self._over.set()

        return threading.Thread(target=guarded)

    # --- Working -----------------------------------------------------------------------------------------------------

    def _work(self, worker: int) -> None:
        while not self._stop.is_set():
            self._reap_sometimes()
            job: Job | None = self._settled(lambda: self.vault.queue.claim(self._life.id))
            if job is not None:
                if self._do(worker, job) is Failing.OUTSIDE:
                    # The next job would find the same.
                    self._stop.wait(OUTSIDE)
            elif self._until_empty and self._is_empty():
                return
            else:
                self._stop.wait(_POLL)

    def _reap_sometimes(self) -> None:
        if time.monotonic() - self._reaped < _REAP or not self._reaping.acquire(blocking=False):
            return
        try:
            for text in self._settled(self._life.reap):
                self._listener.told(text)
            self._reaped = time.monotonic()
        finally:
            self._reaping.release()

    def _is_empty(self) -> bool:
        counts = self.vault.queue.counts()
        return not any(counts[state][0] for state in ("queued", "waiting", "running"))

    def _settled(self, action: Callable[[], Any]) -> Any:
        """Do something to the catalog, again and again while it is busy or the disk is full; Stopping after `stop`."""
        said = False
        while True:
            try:
                return action()
            except (sqlite3.OperationalError, OSError) as error:
                if isinstance(error, OSError) and failing(error) is not Failing.OUTSIDE:
                    raise
                if not said:
                    self._listener.told(f"the catalog cannot be written ({error}); trying again until it can")
                    said = True
                if self._stop.wait(_AGAIN):
                    raise Stopping from None

    def _do(self, worker: int, job: Job) -> Failing | None:
        """Do a job; gives how it failed, if it did."""
        self._listener.began(worker, job)
        queue = self.vault.queue
        journal = QueueJournal(queue, job, self._settled)
        entry: Entry | None = None
        failure: BaseException | None = None

        def hear(step: str, done: int, total: int | None) -> None:
            journal.began(step)
            self._doing[worker] = {"job": job.id, "source": job.source, "step": step, "done": done, "total": total}
            self._listener.moved(worker, job, step, done, total)
            if self._stop.is_set():
                raise Stopping

        work = pipeline.Work(
            threads=self._threads,
            hear=hear,
            again=bool(job.attempts or job.deaths or job.results),
            dice=random.Random(),  # noqa: S311 - chooses samples
        )
        try:
            entry = pipeline.run(lambda: self._plan(job), journal, work, started=job.started or time.time())
        except (Stopping, KeyboardInterrupt):
            self._settled(lambda: queue.put_back(job))
        except LostError as error:
            self._listener.told(str(error))
        except BaseException as error:  # Also the panic of a bug in core, which derives from BaseException.
            failure = error
            self._fail(job, journal, error)
        finally:
            self._doing.pop(worker, None)
        again = failure is not None and queue.goes_on(job, failure)
        self._listener.ended(worker, job, entry, failure, again=again)
        return None if failure is None else failing(failure)

    def _fail(self, job: Job, journal: QueueJournal, error: BaseException) -> None:
        if is_bug(error):
            self._listener.told(f"job {job.id}: a bug of Readvault's:\n{''.join(traceback.format_exception(error))}")
        release = not self.vault.queue.goes_on(job, error) and self._discard(job)
        try:
            self._settled(lambda: self.vault.queue.fail(job, error, journal.failed(), release=release))
        except LostError as lost:
            self._listener.told(str(lost))

    def _discard(self, job: Job) -> bool:
        """Take back what a job that has failed has published; whether nothing of it is left."""
        if "compress" not in job.results:
            return True
        try:
            steps.discard(order_of(job.results["plan"]))
        except Exception as error:
            self._listener.told(f"job {job.id}: what it published could not be removed: {error}")
            return False
        return True

    def _plan(self, job: Job) -> WorkOrder:
        version, size = job.version, job.size
        if version == MISSING:
            state = objects.look(job.source)
            version, size = state.name, state.length
            self.vault.queue.refresh(job, version, size)
        order = WorkOrder(
            job=job.id,
            source=job.source,
            source_version=version,
            source_size=size,
            store=self.vault.store,
            key=key_for(self.vault.settings.key, job.source, job.options),
            options=job.options,
            reference=None,
            created=now(),
        )
        steps.check_source(order)
        self.vault.queue.reserve(job, order.key)
        steps.check_free(order)
        fasta = job.options.reference
        return order if fasta is None else replace(order, reference=references.keep(self.vault, fasta))

    # --- Announcing --------------------------------------------------------------------------------------------------

    def _announce(self, workers: list[threading.Thread]) -> None:
        """Deliver events while the workers work, and after them what is due; what fails then is left to others."""
        said = False
        while True:
            over = not any(worker.is_alive() for worker in workers)
            arrived, missed = self._settled(self.vault.outbox.deliver)
            if missed and not said:
                self._listener.told(
                    "an announcement did not arrive; it is kept, and tried again (vault status tells why)"
                )
                said = True
            if arrived and not missed:
                continue
            if over:
                return
            time.sleep(_POLL / 10) if self._stop.is_set() else self._stop.wait(_POLL)

"""A runner: threads that take jobs from the queue and do them, until they are told to stop or the queue is empty.

Any number of runners may work at one vault. Each holds a lock on a file of its own, which the kernel lets go when the
runner dies however it dies; the others then free its jobs. So nobody guesses from clocks who is alive.
"""

import fcntl
import json
import os
import platform
import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from readvault import config, objects
from readvault.catalog.model import Entry, now
from readvault.errors import InvalidError
from readvault.pipeline import job as pipeline
from readvault.pipeline import steps
from readvault.pipeline.failures import Failing, failing
from readvault.pipeline.order import WorkOrder, key_for, order_of
from readvault.vault import references
from readvault.vault.home import Vault
from readvault.vault.queue import Job, LostError, StepReport
from readvault.vault.submit import MISSING

# Seconds between looks at an empty queue, and for dead runners.
_POLL = 0.5
_REAP = 3.0
# Seconds between two notes of what a runner is at.
_BEAT = 2.0
# A runner of another machine is held dead only when it has also said nothing for so many seconds: locks of some network
# file systems are seen by one machine alone.
_SILENCE = 600.0


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
        self.id = str(uuid.uuid4())
        self._workers, self._threads, self._until_empty = workers, threads, until_empty
        self._listener = listener
        self._stop = threading.Event()
        self._doing: dict[int, dict[str, Any]] = {}
        self._reaping = threading.Lock()
        self._reaped = 0.0
        self._broken: BaseException | None = None

    def stop(self) -> None:
        """Let the workers put back what they are at, and end."""
        self._stop.set()

    def run(self) -> None:
        """Work. Returns when the queue is empty (`until_empty`) or after `stop`; KeyboardInterrupt stops too, and comes
        out.
        """
        # What is checked is read from the store, not from a cache that has what was written.
        config.configure(cache="")
        with self._alive():
            threads = [
                threading.Thread(target=self._guarded, args=(self._work, number), name=f"worker {number}")
                for number in range(self._workers)
            ]
            announcer = threading.Thread(target=self._guarded, args=(self._announce, threads), name="announcer")
            for thread in (*threads, announcer):
                thread.start()
            try:
                while any(thread.is_alive() for thread in (*threads, announcer)):
                    self._beat()
                    announcer.join(_BEAT) if not any(one.is_alive() for one in threads) else self._stop.wait(_BEAT / 4)
            except BaseException:
                self._stop.set()
                raise
            finally:
                for thread in (*threads, announcer):
                    thread.join()
        if self._broken is not None:
            raise self._broken

    # --- Being alive -------------------------------------------------------------------------------------------------

    def _alive(self) -> "_Alive":
        return _Alive(self)

    def _beat(self) -> None:
        """Note what the workers are at, now and then."""
        current = time.time()
        if current - self._seen < _BEAT:
            return
        self._seen = current
        try:
            with self.vault.database.write() as connection:
                connection.execute(
                    "UPDATE runners SET seen = ?, doing = ? WHERE id = ?",
                    (current, json.dumps(list(self._doing.values())), self.id),
                )
        except sqlite3.OperationalError:
            pass  # The next one may succeed; nothing hangs on this.

    _seen = 0.0

    def reap(self) -> None:
        """Free the jobs of runners that have died."""
        for row in self.vault.database.read().execute("SELECT * FROM runners WHERE id <> ?", (self.id,)).fetchall():
            if row["host"] != platform.node() and time.time() - row["seen"] < _SILENCE:
                continue
            if _is_dead(_lock_of(self.vault, row["id"])):
                with self.vault.database.write() as connection:
                    freed = self.vault.queue.take_from(connection, row["id"])
                    connection.execute("DELETE FROM runners WHERE id = ?", (row["id"],))
                _lock_of(self.vault, row["id"]).unlink(missing_ok=True)
                if freed:
                    self._listener.told(
                        f"runner {row['pid']} on {row['host']} died; {freed} of its jobs will be taken up"
                    )

    # --- Working -----------------------------------------------------------------------------------------------------

    def _guarded(self, target: Callable[..., None], *arguments: Any) -> None:
        try:
            target(*arguments)
        except BaseException as error:  # A bug, or a catalog that is gone: all stop, and `run` raises it.
            self._broken = self._broken or error
            self._stop.set()

    def _work(self, worker: int) -> None:
        while not self._stop.is_set():
            self._reap_sometimes()
            job = self._settled(lambda: self.vault.queue.claim(self.id))
            if job is not None:
                self._do(worker, job)
            elif self._until_empty and self._is_empty():
                return
            else:
                self._stop.wait(_POLL)

    def _reap_sometimes(self) -> None:
        if time.monotonic() - self._reaped < _REAP or not self._reaping.acquire(blocking=False):
            return
        try:
            self._settled(self.reap)
            self._reaped = time.monotonic()
        finally:
            self._reaping.release()

    def _is_empty(self) -> bool:
        counts = self.vault.queue.counts()
        return not any(counts[state][0] for state in ("queued", "waiting", "running"))

    def _settled(self, action: Callable[[], Any]) -> Any:
        """Do something to the catalog, again and again while it is busy or the disk is full; None after `stop`."""
        said = False
        while True:
            try:
                return action()
            except (sqlite3.OperationalError, OSError) as error:
                if isinstance(error, OSError) and failing(error) is not Failing.FULL:
                    raise
                if not said:
                    self._listener.told(f"the catalog cannot be written ({error}); trying again until it can")
                    said = True
                if self._stop.wait(1.0):
                    return None

    def _do(self, worker: int, job: Job) -> None:
        self._listener.began(worker, job)
        journal = _Journal(self, job)
        entry, failure, again = None, None, False

        def hear(step: str, done: int, total: int | None) -> None:
            journal.step = step
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
        began = time.time()
        try:
            entry = pipeline.run(lambda: self._plan(job), journal, work, started=job.started or began)
        except Stopping:
            self._settled(lambda: self.vault.queue.put_back(job))
        except LostError as error:
            self._listener.told(str(error))
        except Exception as error:
            failure, again = error, self.vault.queue.goes_on(job, error)
            self._fail(job, journal, error, began)
        finally:
            self._doing.pop(worker, None)
        self._listener.ended(worker, job, entry, failure, again=again)

    def _fail(self, job: Job, journal: "_Journal", error: Exception, began: float) -> None:
        release = False
        if not self.vault.queue.goes_on(job, error):
            release = self._discard(job)
        report = StepReport(journal.step, journal.since or began)
        try:
            self._settled(lambda: self.vault.queue.fail(job, error, report, release=release))
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
        if job.version == MISSING:
            state = objects.look(job.source)
            self.vault.queue.refresh(job, state.name, state.length)
            version, size = state.name, state.length
        else:
            version, size = job.version, job.size
        key = key_for(self.vault.settings.key, job.source, job.options)
        order = WorkOrder(
            job=job.id,
            source=job.source,
            source_version=version,
            source_size=size,
            store=self.vault.store,
            key=key,
            options=job.options,
            reference=None,
            created=now(),
        )
        steps.check_source(order)
        self.vault.queue.reserve(job, key)
        steps.check_free(order)
        if job.options.reference is None:
            return order
        return WorkOrder(
            **{
                **{name: getattr(order, name) for name in WorkOrder.__slots__},
                "reference": references.keep(self.vault, job.options.reference),
            }
        )

    # --- Announcing --------------------------------------------------------------------------------------------------

    def _announce(self, workers: list[threading.Thread]) -> None:
        """Deliver events while the workers work, and after them what is still due; what fails then is left to the next
        runner.
        """
        said = False
        while True:
            over = not any(worker.is_alive() for worker in workers)
            arrived, missed = self._settled(self.vault.outbox.deliver) or (0, 0)
            if missed and not said:
                self._listener.told(
                    "an announcement did not arrive; it is kept and tried again (`readvault vault status`)"
                )
                said = True
            if arrived and not missed:
                continue
            if over:
                return
            self._stop.wait(_POLL) if not self._stop.is_set() else time.sleep(0.05)


class _Alive:
    """While this block is open, other runners can tell that this one lives."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._descriptor = -1

    def __enter__(self) -> None:
        runner = self._runner
        path = _lock_of(runner.vault, runner.id)
        path.parent.mkdir(exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        runner._settled(self._register)

    def _register(self) -> None:
        runner = self._runner
        with runner.vault.database.write() as connection:
            connection.execute(
                "INSERT INTO runners (id, host, pid, started, seen, workers) VALUES (?, ?, ?, ?, ?, ?)",
                (runner.id, platform.node(), os.getpid(), time.time(), time.time(), runner._workers),
            )

    def __exit__(self, *_: object) -> None:
        runner = self._runner
        try:
            with runner.vault.database.write() as connection:
                runner.vault.queue.take_from(connection, runner.id)
                connection.execute("DELETE FROM runners WHERE id = ?", (runner.id,))
            _lock_of(runner.vault, runner.id).unlink(missing_ok=True)
        except (sqlite3.Error, OSError):
            pass  # The next runner finds the lock free.
        finally:
            os.close(self._descriptor)


class _Journal:
    """A job's journal in the queue."""

    def __init__(self, runner: Runner, job: Job) -> None:
        self._runner, self._job = runner, job
        self.step, self.since = "plan", 0.0

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        return self._job.results

    def finish(self, step: str, started: float, result: dict[str, Any], *, read: int, message: str) -> None:
        following = pipeline.STEPS[pipeline.STEPS.index(step) + 1]
        report = StepReport(step, started, "skipped" if step == "index" and message else "ok", read, message)
        self._settled(lambda: self._runner.vault.queue.finish(self._job, report, result, following))
        self.step, self.since = following, time.time()

    def forget(self, *names: str) -> None:
        self._settled(lambda: self._runner.vault.queue.forget(self._job, *names))

    def record(self, entry: Entry, started: float) -> None:
        self.step = "record"
        self._settled(lambda: self._runner.vault.queue.record(self._job, entry, StepReport("record", started)))

    def _settled(self, action: Callable[[], Any]) -> None:
        done = []
        self._runner._settled(lambda: done.append(action()))
        if not done:
            raise Stopping


def is_alive(vault: Vault, runner: str) -> bool:
    """Whether a runner, by its id, lives."""
    return not _is_dead(_lock_of(vault, runner))


def _lock_of(vault: Vault, runner: str) -> Path:
    return vault.runners / f"{runner}.lock"


def _is_dead(lock: Path) -> bool:
    """Whether nobody holds a runner's lock."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True

"""Who is alive: each runner holds a lock on a file of its own, which the kernel lets go when the runner dies, however
it dies. So nobody guesses from clocks who is alive, and the jobs of the dead are taken up at once.
"""

import fcntl
import json
import os
import platform
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from readvault.vault.home import Vault

# Seconds between two notes of what a runner is at.
_BEAT = 2.0
# A runner of another machine is held dead only when it has also said nothing for so many seconds: locks of some network
# file systems are seen by one machine alone.
_SILENCE = 600.0


class Life:
    """A runner's entry among those that are alive."""

    def __init__(self, vault: Vault, workers: int) -> None:
        self.id = str(uuid.uuid4())
        self._vault, self._workers = vault, workers
        self._noted = 0.0

    @contextmanager
    def alive(self, settled: Callable[[Callable[[], object]], object]) -> Iterator[None]:
        """While this block is open, others can tell that this runner lives. `settled` does a thing until it works."""
        path = _lock_of(self._vault, self.id)
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            settled(self._enter)
            try:
                yield
            finally:
                # Where this fails the next runner finds the lock free.
                with suppress(sqlite3.Error, OSError):
                    _bury(self._vault, self.id)
        finally:
            os.close(descriptor)

    def _enter(self) -> None:
        now = time.time()
        with self._vault.database.write() as connection:
            connection.execute(
                "INSERT INTO runners (id, host, pid, started, seen, workers) VALUES (?, ?, ?, ?, ?, ?)",
                (self.id, platform.node(), os.getpid(), now, now, self._workers),
            )

    def beat(self, doing: list[dict[str, Any]]) -> None:
        """Note what the runner is at, now and then. Nothing hangs on this: where it fails, the next one may succeed."""
        now = time.time()
        if now - self._noted < _BEAT:
            return
        self._noted = now
        with suppress(sqlite3.OperationalError), self._vault.database.write() as connection:
            connection.execute("UPDATE runners SET seen = ?, doing = ? WHERE id = ?", (now, json.dumps(doing), self.id))

    def reap(self) -> list[str]:
        """Free the jobs of runners that have died; gives a word on each."""
        told = []
        rows = self._vault.database.read().execute("SELECT * FROM runners WHERE id <> ?", (self.id,)).fetchall()
        for row in rows:
            if row["host"] != platform.node() and time.time() - row["seen"] < _SILENCE:
                continue
            if is_alive(self._vault, row["id"]):
                continue
            freed = _bury(self._vault, row["id"])
            if freed:
                told.append(f"runner {row['pid']} on {row['host']} died; {freed} of its jobs will be taken up")
        return told


def _bury(vault: Vault, runner: str) -> int:
    """Free a runner's jobs and forget it; gives how many jobs it was at."""
    with vault.database.write() as connection:
        freed = vault.queue.take_from(connection, runner)
        connection.execute("DELETE FROM runners WHERE id = ?", (runner,))
    _lock_of(vault, runner).unlink(missing_ok=True)
    return freed


def is_alive(vault: Vault, runner: str) -> bool:
    """Whether a runner, by its id, lives."""
    try:
        descriptor = os.open(_lock_of(vault, runner), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_of(vault: Vault, runner: str) -> Path:
    return vault.runners / f"{runner}.lock"

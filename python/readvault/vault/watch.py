"""Watching folders and prefixes for finished files.

A file is finished when a file with its name and a marker's suffix is beside it, where a marker is asked for. Otherwise
when it has not changed for a quiet time and, on this machine's file systems, nobody has it open for writing: the kernel
is asked for a read lease, which it gives only then. Folders are read again and again instead of being notified of: that
works on network file systems too, and misses nothing while no watcher runs.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator

from readvault import places
from readvault.errors import InvalidError
from readvault.pipeline.order import Options
from readvault.vault.jobs import Request
from readvault.vault.queue import Queue
from readvault.vault.submit import requests


class Watch:
    """Submits the finished files of some places, once each."""

    def __init__(
        self,
        queue: Queue,
        watched: Iterable[str],
        options: Options,
        *,
        include: Iterable[str],
        quiet: float,
        marker: str | None,
        priority: int = 0,
        every: float = 0.0,
    ) -> None:
        self._queue = queue
        self._watched, self._options, self._include = tuple(watched), options, tuple(include)
        self._quiet, self._marker, self._priority, self._every = quiet, marker, priority, every
        # What was submitted, so that the queue is not asked about every file at every look.
        self._known: set[tuple[str, str]] = set()
        self.trouble: list[str] = []
        """What could not be looked at the last time."""
        # When each unfinished file was first seen in the state that it is in.
        self._since: dict[str, tuple[str, float]] = {}

    def look(self) -> tuple[int, int]:
        """Look once; gives how many jobs are new, and how many files are not finished."""
        self._unfinished = 0
        self.trouble.clear()
        new, _ = self._queue.submit(self._finished(), priority=self._priority, every=self._every)
        return new, self._unfinished

    _unfinished = 0

    def run(self, interval: float, told: Callable[[int, int], None], stopped: Callable[[float], bool]) -> None:
        """Look every `interval` seconds until `stopped`, which waits so long at most, says so."""
        while True:
            told(*self.look())
            if stopped(interval):
                return

    def _finished(self) -> Iterator[Request]:
        seen: dict[str, tuple[str, float]] = {}
        include = self._include
        markers: set[str] = set()
        if self._marker is not None:
            # Markers are listed with the files, so that none is asked for.
            patterns = tuple(pattern + self._marker for pattern in include)
            markers = {request.source for request in self._each(patterns)}
        for request in self._each(include):
            pair = (request.source, request.version)
            if pair in self._known or request.failure is not None:
                continue
            if self._marker is not None:
                ready = request.source + self._marker in markers
            else:
                ready = self._is_quiet(request, seen)
            if ready:
                seen.pop(request.source, None)
                self._known.add(pair)
                yield request
            else:
                self._unfinished += 1
        self._since = seen

    def _is_quiet(self, request: Request, seen: dict[str, tuple[str, float]]) -> bool:
        """Whether a file has not changed for long enough. An object is whole when it can be seen."""
        if places.is_url(request.source):
            return True
        now = time.monotonic()
        version, since = self._since.get(request.source, ("", now))
        if version != request.version:
            # The file's own time counts, so that a watcher which starts late does not wait for old files.
            age = time.time() - int(request.version.rpartition(":")[2]) / 1e9
            since = now - min(max(age, 0.0), self._quiet)
        seen[request.source] = (request.version, since)
        return now - since >= self._quiet and not is_written(request.source)

    def _each(self, include: Iterable[str]) -> Iterator[Request]:
        for place in self._watched:
            try:
                yield from requests([place], self._options, include=include)
            except (OSError, InvalidError) as error:
                # A folder that goes away while it is read, a store that is busy: the next look may find all well.
                self.trouble.append(str(error))


def is_written(path: str) -> bool:
    """Whether a process has a file of this machine open for writing; False where that cannot be told."""
    if places.is_url(path):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False  # Another user's file, or a file system without leases.
    finally:
        os.close(descriptor)
    return False

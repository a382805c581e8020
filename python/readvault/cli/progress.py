"""How far a verb is: a bar on a terminal, a plain line every five seconds elsewhere, nothing with `--quiet`."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from readvault.cli.terminal import say, shown
from readvault.report import size

# Seconds between two plain lines: often enough to see life in a log, seldom enough not to fill it.
_PLAIN_INTERVAL = 5.0

Update = Callable[[int, int | None], None]


@contextmanager
def progress(verb: str, name: str, *, quiet: bool) -> Iterator[Update | None]:
    """A callback for a verb at work on `name`."""
    label = f"{verb} {name}"
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(label) as update:
            yield update
    else:
        yield _plain(label)


def _plain(label: str) -> Update:
    last = time.monotonic()

    def update(done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PLAIN_INTERVAL:
            last = now
            share = f" of {size(total)} ({done / total:.0%})" if total else ""
            say(f"{label}: {size(done)}{share}")

    return update


@contextmanager
def _bar(label: str) -> Iterator[Update]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    # markup=False: a file name such as [red] is text.
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(shown(label), total=None)

        def update(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield update

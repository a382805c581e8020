"""`readvault vault run`: does the queue's jobs, with a live table on a terminal and plain lines elsewhere."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from readvault.catalog.model import Entry
from readvault.cli import exits
from readvault.cli.options import Json, Quiet
from readvault.cli.terminal import count, message_of, ratio, say, shown
from readvault.cli.vault import VaultFolder, opened
from readvault.places import name_of
from readvault.report import size
from readvault.vault.home import Vault
from readvault.vault.jobs import Job
from readvault.vault.runner import Runner

# Cores that one worker uses well: more for one file gain less than another file beside it.
_CORES_A_WORKER = 4
# Seconds between two plain lines, and between two pictures of the table.
_PLAIN = 5.0
_LIVE = 0.5


def run(
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=1, metavar="N", help="Files at a time [one for 4 cores].")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", "-@", min=1, metavar="N", help="Threads for each file [what is there].")
    ] = None,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End when no job is queued, waiting or running.")
    ] = False,
    vault_folder: VaultFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Do the vault's jobs. Several may run at a time; each can be stopped or killed at any point, and others take over.

    With --until-empty it ends with 3 if jobs have failed meanwhile, with 1 if all have.
    """
    cores = len(os.sched_getaffinity(0))
    workers = workers or max(1, cores // _CORES_A_WORKER)
    with opened(vault_folder) as vault:
        heard = Heard(vault, quiet=quiet, live=not quiet and not as_json and sys.stderr.isatty(), as_json=as_json)
        runner = Runner(
            vault, workers=workers, threads=threads or max(1, cores // workers), until_empty=until_empty, listener=heard
        )
        with heard.shown():
            runner.run()
    return exits.code_of_all([exits.OK] * heard.done + [exits.FAILED] * heard.failed)


@dataclass
class _At:
    """What a worker is at."""

    job: Job
    step: str = "plan"
    done: int = 0
    total: int | None = None


@dataclass
class Heard:
    """What a runner has done so far, and how it is shown."""

    vault: Vault
    quiet: bool
    live: bool
    as_json: bool
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    failed: int = 0
    source_bytes: int = 0
    archive_bytes: int = 0
    at: dict[int, _At] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _before: list[str] = field(default_factory=list)

    def began(self, worker: int, job: Job) -> None:
        """A job was taken."""
        with self._lock:
            self.at[worker] = _At(job)

    def moved(self, worker: int, job: Job, step: str, done: int, total: int | None) -> None:
        """A step got on."""
        at = self.at.get(worker)
        if at is not None:
            at.step, at.done, at.total = step, done, total

    def ended(self, worker: int, job: Job, entry: Entry | None, error: BaseException | None, *, again: bool) -> None:
        """A job is done, has failed, will be tried again, or was put back."""
        with self._lock:
            self.at.pop(worker, None)
            if entry is not None:
                self.done += 1
                self.source_bytes += entry.size
                self.archive_bytes += entry.archive_size
            elif error is not None and not again:
                self.failed += 1
        if self.as_json:
            self._write(job, entry, error, again)
        elif entry is not None and not self.quiet and not self.live:
            marks = f", {', '.join(entry.marks)}" if entry.marks else ""
            self._say(
                f"job {job.id}: {job.source}: {size(entry.size)} -> {size(entry.archive_size)} ({ratio(entry.ratio)}), "
                f"{entry.seconds:.1f} s, {entry.key}{marks}"
            )
        if error is not None:
            self._say(f"job {job.id}: {'will be tried again' if again else 'failed'}: {message_of(error, job.source)}")

    def told(self, text: str) -> None:
        """Something that the user should know of."""
        self._say(f"readvault: {text}")

    def _write(self, job: Job, entry: Entry | None, error: BaseException | None, again: bool) -> None:
        told: dict[str, Any] = {
            "job": job.id,
            "source": job.source,
            "entry": None if entry is None else entry.as_dict(),
        }
        if error is not None:
            told["error"] = {"kind": type(error).__name__, "message": message_of(error), "again": again}
        with self._lock:
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()

    def _say(self, text: str) -> None:
        with self._lock:
            if self.live:
                self._before.append(text)
            else:
                say(text)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows how far it all is, until the block ends."""
        over = threading.Event()
        target = self._table if self.live else self._lines
        thread = threading.Thread(target=target, args=(over,), daemon=True)
        if not self.quiet:
            thread.start()
        try:
            yield
        finally:
            over.set()
            if not self.quiet:
                thread.join()
                say(self.summary())

    def summary(self) -> str:
        """One line about all of it."""
        seconds = max(time.monotonic() - self.started, 1e-3)
        told = [count(self.done, "file")]
        if self.archive_bytes:
            saved = self.source_bytes - self.archive_bytes
            told.append(
                f"{size(self.source_bytes)} -> {size(self.archive_bytes)} "
                f"({ratio(self.source_bytes / self.archive_bytes)}), "
                f"saved {size(max(saved, 0))}"
            )
        told.append(f"{self._moved() / 1e6 / seconds:,.1f} MB/s, {self.done / seconds * 3600:,.0f} files/h")
        if self.failed:
            told.append(f"{self.failed:,} failed (readvault vault failed)")
        return f"readvault: {', '.join(told)}"

    def _moved(self) -> int:
        """Bytes of sources that were read: those of files that are done, and of the others what has been of them."""
        return self.source_bytes + sum(_read(at) for at in list(self.at.values()))

    def _left(self) -> tuple[int, int]:
        """Jobs and bytes that are not done: those of this moment's queue."""
        counts = self.vault.queue.counts()
        return (
            sum(counts[state][0] for state in ("queued", "waiting", "running")),
            sum(counts[state][1] for state in ("queued", "waiting", "running")),
        )

    def _ahead(self) -> str:
        """What is left, and when that may be done."""
        files, length = self._left()
        if not files:
            return ""
        seconds, moved = time.monotonic() - self.started, self._moved()
        length -= moved - self.source_bytes
        rest = f"; {count(files, 'file')}, {size(length)} left"
        if moved and seconds > 1:
            rest += f", {_time(length / (moved / seconds))}"
        return rest

    def _lines(self, over: threading.Event) -> None:
        while not over.wait(_PLAIN):
            at = ", ".join(f"job {one.job.id} {one.step}{_part(one)}" for one in list(self.at.values()))
            if at:
                self._say(f"{self.summary()}{self._ahead()}; {at}")

    def _table(self, over: threading.Event) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, markup=False, highlight=False)
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                ending = over.wait(_LIVE)
                with self._lock:
                    before, self._before = self._before, []
                for text in before:
                    live.console.print(shown(text))
                if ending:
                    return
                live.update(self._picture(), refresh=True)

    def _picture(self) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table(
            caption=Text(shown(self.summary() + self._ahead())), caption_justify="left", box=None, pad_edge=False
        )
        for head in ("job", "file", "size", "step", "", ""):
            table.add_column(head, no_wrap=True, overflow="ellipsis")
        for worker in sorted(self.at):
            at = self.at.get(worker)
            if at is None:
                continue
            bar = ProgressBar(total=at.total or 1, completed=at.done if at.total else 0, width=24)
            table.add_row(
                str(at.job.id),
                Text(shown(name_of(at.job.source))),
                size(at.job.size),
                at.step,
                bar,
                Text(_part(at).strip()),
            )
        return table


def _read(at: _At) -> int:
    """How much of its source a worker has read."""
    return min(at.done, at.job.size) if at.step == "compress" else at.job.size if at.step != "plan" else 0


def _part(at: _At) -> str:
    return f" {min(at.done / at.total, 1):.0%}" if at.total else ""


def _time(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"

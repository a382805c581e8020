"""Runs one piece of work in a process of its own and measures it as the kernel saw it.

CPU seconds and peak memory come from `wait4`, so they are those of the work alone, whatever else the machine does.
Work is either a command, or a Python function in a forked child (for rivals that come as Python modules: their import
is done before the fork and costs them nothing).
"""

import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Bytes of a complaint that are kept.
COMPLAINT = 2000


@dataclass(frozen=True)
class Cost:
    """What a piece of work took."""

    wall: float
    cpu: float
    peak: int
    status: int
    complaint: str

    @property
    def refused(self) -> str | None:
        """Why there is no result; None when there is one."""
        if self.status == 0:
            return None
        lines = [line for line in self.complaint.splitlines() if line.strip()]
        # htslib's own words come before those of the wrapper around it.
        errors = [line for line in lines if line.startswith("[E::")] or lines[-1:]
        return (errors[0] if errors else f"status {self.status}")[:300]


def command(words: Sequence[str | Path], stdin: Path | None = None, stdout: Path | None = None) -> Cost:
    """Runs a command, with its streams from and to files."""

    def work() -> None:
        if stdin is not None:
            os.dup2(os.open(stdin, os.O_RDONLY), 0)
        if stdout is not None:
            os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 1)
        os.execvp(os.fspath(words[0]), [os.fspath(word) for word in words])

    return function(work)


def function(work: Callable[[], object]) -> Cost:
    """Runs a function in a forked child. What it prints to standard error is kept for the report."""
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read)
            os.dup2(write, 2)
            work()
            status = 0
        except BaseException:
            os.write(2, traceback.format_exc()[-COMPLAINT:].encode())
        finally:
            os._exit(status)
    os.close(write)
    said = b""
    while piece := os.read(read, 65536):
        said = (said + piece)[-COMPLAINT:]
    os.close(read)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - start
    # Linux counts the peak in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak=usage.ru_maxrss * unit,
        status=os.waitstatus_to_exitcode(status),
        complaint=said.decode(errors="replace"),
    )

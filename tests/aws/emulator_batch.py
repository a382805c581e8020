"""Batch: jobs are processes of `python -m readvault.aws.job`, the image's entry point, whatever the image is called.

Real are the parameters, the environment, attempts, the rules of EvaluateOnExit, time-outs, termination (SIGTERM, then
SIGKILL), exit codes and logs. There are no machines: so many jobs run at once as `SLOTS` says, with all cores each.
For tests, the next jobs can be taken away as Spot does it (without its warning), or held when their work is done.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from moto.batch.models import Job

from tests.aws.emulator_ground import environment, instead

ENTRY_POINT = (sys.executable, "-m", "readvault.aws.job")
# Jobs that run at once.
SLOTS = threading.BoundedSemaphore(2)
# Seconds between SIGTERM and SIGKILL: half a minute on AWS, less here.
_GRACE = 10
# Batch tells of at most so many.
_MOST_ATTEMPTS = 10

_EXITED = "Essential container in task exited"
_RECLAIMED = "Host EC2 (instance i-0123456789abcdef0) terminated."
_TIMED_OUT = "Job attempt duration exceeded timeout"


@dataclass
class Plan:
    """What is to happen to the next jobs."""

    reclaim: int = 0
    """So many first attempts are killed as soon as they have said something."""
    hold: int = 0
    """So many jobs count as running after they are done, until they are let go."""
    store: str | None = None
    """Where jobs find S3, if not where everybody does."""
    held: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, what: str) -> bool:
        """Whether this is to happen now; it counts."""
        with self.lock:
            left: int = getattr(self, what)
            setattr(self, what, max(0, left - 1))
            return left > 0


PLAN = Plan()
_running: set[int] = set()


@dataclass(frozen=True)
class Ended:
    """How an attempt has ended."""

    code: int
    """As Docker tells it: 128 and the signal's number, for what was killed."""
    reason: str
    lines: list[str]


def tried_again(rules: list[dict[str, str]], ended: Ended) -> bool:
    """Whether there is another attempt: what no rule matches is tried again."""
    for rule in rules:
        told = {"onExitCode": str(ended.code), "onStatusReason": ended.reason, "onReason": ""}
        asked = {name: rule[name] for name in told if name in rule}
        if all(fnmatchcase(told[name], pattern) for name, pattern in asked.items()):
            return rule["action"].upper() == "RETRY"
    return True


@instead(Job, "run")
def run(self: Any) -> None:
    """The thread of a job, in place of moto's containers."""
    try:
        self.status = "RUNNABLE"
        with SLOTS:
            if not self.stop:
                _attempts(self)
            else:
                self._mark_stopped(success=False)
    except Exception as error:
        logging.exception("job %s", self.job_name)
        self.job_stopped_reason = f"the emulator failed: {error!r}"
        self._mark_stopped(success=False)


def _attempts(job: Any) -> None:
    strategy = job.job_definition.retry_strategy or {}
    most = min(int(strategy.get("attempts", 1)), _MOST_ATTEMPTS)
    known = {one["name"]: one["value"] for one in job._get_container_property("environment", [])}
    options = job.job_definition.container_properties.get("logConfiguration", {}).get("options", {})
    job._log_group = options.get("awslogs-group", job._log_group)
    job.log_stream_name = job._stream_name
    job._log_backend.ensure_log_group(job._log_group)
    job._log_backend.ensure_log_stream(job._log_group, job._stream_name)
    for number in range(1, most + 1):
        job.status, job.job_started_at = "RUNNING", datetime.now()
        job._start_attempt()
        ended = _attempt(job, {**known, "AWS_BATCH_JOB_ATTEMPT": str(number), "AWS_BATCH_JQ_NAME": job.job_queue.name})
        job.exit_code = ended.code
        job.attempts[-1]["container"]["exitCode"] = ended.code
        job.attempts[-1]["statusReason"] = ended.reason
        _log(job, ended.lines)
        if ended.code == 0:
            if PLAN.takes("hold"):
                _held()
            job._mark_stopped(success=True)
            return
        if job.stop or not tried_again(strategy.get("evaluateOnExit", []), ended):
            break
    job.job_stopped_reason = job.job_stopped_reason or ended.reason
    job._mark_stopped(success=False)


def _attempt(job: Any, known: dict[str, str]) -> Ended:
    """One process, from its start to its end."""
    command = [*ENTRY_POINT, *job._add_parameters_to_command(job._get_container_property("command", []))]
    reclaimed = known["AWS_BATCH_JOB_ATTEMPT"] == "1" and PLAN.takes("reclaim")
    lines: list[str] = []
    reason = _EXITED
    with (
        tempfile.TemporaryDirectory(prefix="job-") as folder,
        subprocess.Popen(
            command,
            cwd=folder,
            env={**known, **environment(PLAN.store), "TMPDIR": folder, "READVAULT_SCRATCH": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        _running.add(process.pid)
        hearing = threading.Thread(target=lambda: lines.extend(_text(one) for one in process.stdout or ()), daemon=True)
        hearing.start()
        started, most = time.monotonic(), job._get_attempt_duration()
        while process.poll() is None:
            if reclaimed and lines:
                reason = _RECLAIMED
                os.killpg(process.pid, signal.SIGKILL)
                break
            if job.stop or (most and time.monotonic() - started > most):
                reason = job.job_stopped_reason if job.stop else _TIMED_OUT
                _stop(process)
                break
            time.sleep(0.02)
        code = process.wait()
        hearing.join()
        _running.discard(process.pid)
    return Ended(code if code >= 0 else 128 - code, reason, lines)


def _stop(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
        return
    os.killpg(process.pid, signal.SIGKILL)


def _held() -> None:
    with PLAN.lock:
        PLAN.held += 1
    PLAN.let_go.wait()
    with PLAN.lock:
        PLAN.held -= 1


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\n")


def _log(job: Any, lines: list[str]) -> None:
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": one or " "} for one in lines or [" "]]
    job._log_backend.put_log_events(job._log_group, job._stream_name, events)


def close() -> None:
    """End all jobs."""
    PLAN.let_go.set()
    for one in list(_running):
        with contextlib.suppress(OSError):
            os.killpg(one, signal.SIGKILL)

"""The fleet: many small files at once through the whole stack, as an emulation of AWS runs it, and what a file takes
there; and how long the stack's functions take to begin.

Every archive is decoded and compared with its source, and nothing may be done twice. What is real in the emulation, and
what is not, is in tests/aws/emulator.py.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import table
from sources import ROOT

sys.path.insert(0, str(ROOT))
from readvault.aws.package import function_zip
from readvault.aws.template_functions import FUNCTIONS

from tests.aws.fleet import Fleet, stack
from tests.bam import bam

PROJECT = "bench"
# Records of a file: some 10 kB each.
SMALL = 200
# Files that one message announces.
_TOGETHER = 100
# Times that a function's code is loaded.
_LOADED = 20
# Seconds between two looks at the catalog, which take from those who do the work.
_PAUSE = 5
# Seconds a file after which it counts as lost.
_PATIENCE = 5

# What the states of an execution wait for, besides their own work.
_WAITS = {
    "Order": "most of it waits for the function's one process",
    "Compress": "most of it waits for one of two places",
    "Record": "with the wait for the function's one process",
}

# What a function loads, in the order in which it does; none of it may have loaded boto3 before it is asked for.
_LOADING = """
import json, sys, time
times = [time.perf_counter()]
import readvault.aws.handlers as handlers
times.append(time.perf_counter())
assert handlers.__file__.startswith(sys.argv[1]), handlers.__file__
assert not {"boto3", "botocore", "readvault._core"} & set(sys.modules)
from readvault.aws import clients
for service in ("dynamodb", "s3"):
    clients.client(service)
    times.append(time.perf_counter())
print(json.dumps([after - before for before, after in zip(times, times[1:])]))
"""


@dataclass(frozen=True)
class Measured:
    """One thing that was measured some times."""

    what: str
    count: int
    a_file: float
    """How often for each file."""
    seconds: float
    """In all; of what ran at the same time, the sum."""
    ms_median: float
    ms_max: float
    note: str = ""


def measure_all(out: Path, *, files: int) -> list[Measured]:
    """Everything."""
    rows: list[Measured] = []

    def add(some: Iterable[Measured]) -> None:
        for row in some:
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
            table.write(rows, out)

    add(starts())
    with stack() as fleet:
        add(together(fleet, files))
    return rows


# --- Cold starts -----------------------------------------------------------------------------------------------------


def starts() -> Iterator[Measured]:
    """What a function loads before its first call, in a new interpreter each time, from the zip that is deployed."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(BytesIO(function_zip())).extractall(folder)
        environment |= {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", _LOADING, folder]
        told = [
            json.loads(subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=True).stdout)
            for _ in range(_LOADED)
        ]
    handlers, first, second = zip(*told, strict=True)
    yield _row("import readvault.aws.handlers", 0, handlers, "each time from source, as the zip has it; without boto3")
    yield _row("boto3 and the first client", 0, first, "of DynamoDB")
    yield _row("the second client", 0, second, "of S3")


# --- Many files ------------------------------------------------------------------------------------------------------


def together(fleet: Fleet, files: int) -> Iterator[Measured]:
    """So many files that are announced at once, until all are in the catalog; and once more, when they are."""
    contents = {fleet.put(f"bench/{number:05}.bam", bam(SMALL, seed=number)): number for number in range(files)}
    seconds = _announced(fleet, list(contents), files)
    check(fleet, contents)
    whole = sum(one.size for one in fleet.entries(PROJECT))
    note = f"{3600 * files / seconds:,.0f} files an hour; {whole / 1e6:.1f} MB of BAM"
    yield Measured("all files", files, 1, seconds, 1000 * seconds / files, 0, note)
    yield from _functions(fleet, files)
    yield from _runs(fleet, files)
    yield from _jobs(fleet, files)
    yield _again(fleet, contents)


def _again(fleet: Fleet, contents: dict[str, int]) -> Measured:
    """All of them once more, past what the queue itself knows: nothing may come of it."""
    machine = fleet.client("stepfunctions")
    before = list(_executions(fleet))
    work = [machine.describe_execution(executionArn=one)["input"] for one in before]
    started = time.monotonic()
    fleet.send("WorkQueue", *work, group="again")
    fleet.until(lambda: fleet.waiting("WorkQueue") == 0, patience=60 + _PATIENCE * len(work))
    seconds = time.monotonic() - started
    if list(_executions(fleet)) != before:
        raise SystemExit("what was done began again")
    check(fleet, contents)
    note = "into the work queue; no execution, job, archive or event came of it"
    return Measured("all files once more", len(work), 1, seconds, 1000 * seconds / len(work), 0, note)


def _announced(fleet: Fleet, sources: list[str], files: int) -> float:
    """Announce files; gives the seconds until all are recorded."""
    started = time.monotonic()
    messages: list[dict[str, Any]] = [{"source": source, "project": PROJECT} for source in sources]
    for start in range(0, files, _TOGETHER):
        fleet.announce(messages[start : start + _TOGETHER])
    fleet.until(lambda: fleet.done(PROJECT) == files, patience=60 + _PATIENCE * files, pause=_PAUSE)
    return time.monotonic() - started


def check(fleet: Fleet, contents: dict[str, int]) -> None:
    """Every source has one entry, one archive that gives it back, and was announced once to each who listens."""
    entries = fleet.entries(PROJECT)
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for entry in entries:
            content = bam(SMALL, seed=contents[entry.source])
            found = (entry.size, entry.records, fleet.give_back(entry, Path(folder)))
            if found != (len(content), SMALL, content):
                wrong.append(entry.place)
    versions = fleet.versions(f"archives/{PROJECT}/")
    heard = {queue: Counter(_about(fleet, queue, len(contents))) for queue in ("NextQueue", fleet.heard)}
    faults = {
        "wrong": wrong,
        "missing": set(contents) - {entry.source for entry in entries},
        "entries": len(entries) - len({entry.uuid for entry in entries}) or len(entries) - len(contents),
        "written again": [key for key, count in versions.items() if count > 1],
        "announced again or not": [queue for queue, counts in heard.items() if counts != Counter(list(contents))],
    }
    if any(faults.values()):
        raise SystemExit(f"not as it must be: {faults}")


def _about(fleet: Fleet, queue: str, least: int) -> list[str]:
    """The sources that a queue has heard of, once they are so many."""
    return fleet.until(
        lambda: len(found := [json.loads(one)["source"] for one in fleet.taken(queue)]) >= least and found
    )


# --- What a file takes -----------------------------------------------------------------------------------------------


def _functions(fleet: Fleet, files: int) -> Iterator[Measured]:
    """The calls of each function, as its log tells them."""
    logs = fleet.client("logs")
    for name, function in FUNCTIONS.items():
        group = f"/aws/lambda/{fleet.stack}-{function.handler.replace('_', '-')}"
        took, loading = [], []
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                if '"platform.report"' not in event["message"]:
                    continue
                metrics = json.loads(event["message"])["record"]["metrics"]
                took.append(metrics["durationMs"] / 1000)
                loading += [metrics["initDurationMs"] / 1000] if "initDurationMs" in metrics else []
        if took:
            note = f"the process began in {1000 * max(loading):,.0f} ms" if loading else ""
            yield _row(f"calls of {name}", files, took, note)


def _executions(fleet: Fleet) -> Iterator[str]:
    machine = fleet.client("stepfunctions")
    for page in machine.get_paginator("list_executions").paginate(stateMachineArn=fleet.outputs["PipelineMachine"]):
        yield from (one["executionArn"] for one in page["executions"])


def _runs(fleet: Fleet, files: int) -> Iterator[Measured]:
    """The states of each execution, and how long each was in them."""
    history = fleet.client("stepfunctions").get_paginator("get_execution_history")
    took: dict[str, list[float]] = {}
    whole = []
    for arn in _executions(fleet):
        events = [event for page in history.paginate(executionArn=arn) for event in page["events"]]
        whole.append((events[-1]["timestamp"] - events[0]["timestamp"]).total_seconds())
        entered: dict[str, datetime] = {}
        for event in events:
            for kind, name in ((one, event[one].get("name")) for one in event if one.startswith("state")):
                if kind == "stateEnteredEventDetails":
                    entered[name] = event["timestamp"]
                    took.setdefault(name, [])
                elif name in entered:
                    took[name].append((event["timestamp"] - entered[name]).total_seconds())
    states = sum(len(some) for some in took.values())
    yield _row("executions", files, whole, f"{states / files:g} states each; AWS counts start and end besides")
    for name, some in took.items():
        yield _row(f"state {name}", files, some, _WAITS.get(name, ""))


def _jobs(fleet: Fleet, files: int) -> Iterator[Measured]:
    """Batch's jobs: how long they waited for one of the two places, ran, and were at the steps themselves."""
    batch = fleet.client("batch")
    pages = batch.get_paginator("list_jobs").paginate(jobQueue=fleet.outputs["JobQueue"], jobStatus="SUCCEEDED")
    numbers = [one["jobId"] for page in pages for one in page["jobSummaryList"]]
    jobs: list[dict[str, Any]] = []
    for start in range(0, len(numbers), 100):
        jobs += batch.describe_jobs(jobs=numbers[start : start + 100])["jobs"]
    attempts = sum(len(one["attempts"]) for one in jobs)
    yield _row("jobs, waiting", files, [(one["startedAt"] - one["createdAt"]) / 1000 for one in jobs])
    ran = [(one["stoppedAt"] - one["startedAt"]) / 1000 for one in jobs]
    yield _row("jobs, running", files, ran, f"two at a time; {attempts / len(jobs):g} attempts each")
    place = f"s3://{fleet.outputs['StoreBucket']}/work"
    steps = [json.loads(fleet.get(f"{place}/{one['id']['S']}.result.json")) for one in fleet.items()]
    took = [one["ended"] - one["started"] for one in steps]
    yield _row("jobs, at their steps", files, took, "the rest is a process that begins and ends")


def _row(what: str, files: int, seconds: Iterable[float], note: str = "") -> Measured:
    took = list(seconds)
    many = len(took) / files if files else 0
    return Measured(what, len(took), many, sum(took), 1000 * statistics.median(took), 1000 * max(took), note)


# --- The page --------------------------------------------------------------------------------------------------------

_ABOUT = """\
# The fleet, emulated

`./run bench fleet`: {files:,} small files ({records} records each) announced at once to a stack that runs in an
emulation of AWS ([emulator.py](../../tests/aws/emulator.py)) on {cores} processors, where queues, functions, state
machine, table, store and two jobs at a time share the machine. **It shows that the stack is right under load, and what
our own code costs. It shows nothing of AWS's speed**: there, functions and machines of Batch run beside each other,
and a machine takes minutes to come.

Checked at the end, or the benchmark fails: every file has one entry with its length and number of records, every
archive gives its source back byte for byte, each was written once, the topic and the next workflow's queue heard of
each once; and when all of them are put into the work queue once more, nothing begins.

- {seconds:,.0f} seconds for {files:,} files, {hour:,.0f} an hour. Jobs run for {busy:.0%} of the time of the two places
  that they have; of a job's {job:,.0f} ms (median), {steps:,.0f} are its steps, the others its process's start and end.
- A file takes {states:g} states of the state machine, and {calls:.2f} calls of functions; {shared:.2f} of these are its
  share of calls for several files. They take {called:,.0f} ms together (medians: Order {order:,.0f},
  Record {record:,.0f}, NextStep {following:,.0f}).
- Loading the functions' code takes {start:,.0f} ms (median of {loaded}; at most {longest:,.0f}; the bar is 400), and
  boto3 with its first client {boto:,.0f} ms more: it is the larger part of a cold start, and no function that does
  anything can do without.

| what | number | a file | seconds in all | ms, median | ms, most | |
|---|---:|---:|---:|---:|---:|---|
"""


def summary(rows: list[Measured]) -> str:
    """What was measured, and what it says."""
    by = {row.what: row for row in rows}
    whole = by["all files"]
    calls = {row.what.removeprefix("calls of "): row for row in rows if row.what.startswith("calls of ")}
    shared = sum(calls[name].a_file for name in ("AnnouncedFunction", "DispatchFunction"))
    states = [row for row in rows if row.what.startswith("state ")]
    text = _ABOUT.format(
        files=whole.count,
        records=SMALL,
        cores=os.cpu_count(),
        seconds=whole.seconds,
        hour=3600 * whole.count / whole.seconds,
        busy=by["jobs, running"].seconds / whole.seconds / 2,
        job=by["jobs, running"].ms_median,
        steps=by["jobs, at their steps"].ms_median,
        states=sum(row.a_file for row in states),
        calls=sum(row.a_file for row in calls.values()),
        shared=shared,
        called=1000 * sum(row.seconds for row in calls.values()) / whole.count,
        order=calls["OrderFunction"].ms_median,
        record=calls["RecordFunction"].ms_median,
        following=calls["NextStepFunction"].ms_median,
        start=by["import readvault.aws.handlers"].ms_median,
        longest=by["import readvault.aws.handlers"].ms_max,
        loaded=_LOADED,
        boto=by["boto3 and the first client"].ms_median,
    )
    for row in rows:
        a_file = f"{row.a_file:.3g}" if row.a_file else ""
        most = f"{row.ms_max:,.1f}" if row.ms_max else ""
        took = f"{row.seconds:,.1f} | {row.ms_median:,.1f} | {most}"
        text += f"| {row.what} | {row.count:,} | {a_file} | {took} | {row.note} |\n"
    return text

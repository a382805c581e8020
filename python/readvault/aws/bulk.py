"""Bulk runs: old files by the hundred thousand, which the stack lists, starts and paces by itself.

Where `submitting` sends messages as fast as it is told to, this hands over what is to be taken, once: a prefix, which
the bulk machine lists, or a manifest that is written for it from whatever else was named. The machine that runs this
may then be switched off.
"""

import json
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from readvault.aws import clients, items, messages, sources
from readvault.aws.failures import BadMessage
from readvault.aws.gathering import Found
from readvault.aws.stack import Deployed
from readvault.aws.submitting import Counts
from readvault.aws.template_store import BULK
from readvault.errors import InvalidError

# Bytes of a manifest that are held before it goes to a file.
_HELD = 8 << 20
# Runs that are told, and for how long one is that has failed.
_TOLD = 5
_LATELY = timedelta(days=1)
_COUNTS = ("total", "pending", "running", "succeeded", "failed")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run goes."""

    concurrency: int
    """Files at a time."""
    rate: float | None
    """Files an hour, at most; None for as fast as they end."""

    def as_dict(self) -> dict[str, Any]:
        """The pace as a part of a run's input."""
        return {"concurrency": self.concurrency, **({} if self.rate is None else {"rate": self.rate})}


@dataclass(frozen=True, slots=True)
class Run:
    """How far a bulk run is."""

    name: str
    started: str
    status: str
    """As Step Functions has it: RUNNING, FAILED ..."""
    why: str
    """Why it has failed, if it has: not one of its files, but all of it."""
    counts: dict[str, int]
    """Of its items, as Step Functions has them; zeros where it has not begun to read them."""

    def as_dict(self) -> dict[str, Any]:
        """The run as a JSON object."""
        return asdict(self)


def start_listing(stack: Deployed, url: str, more: dict[str, Any], include: tuple[str, ...], pace: Pace) -> str:
    """Start a run of all that is below a prefix; gives its name."""
    bucket, prefix = sources.split(url)
    _check(f"s3://{bucket}/{prefix}", more, stack)
    return _start(
        stack,
        {"from": items.LISTING, "bucket": bucket, "prefix": prefix, "include": list(include), "more": more},
        pace,
    )


def start_manifest(
    stack: Deployed, found: Iterable[Found], pace: Pace, complain: Callable[[str, str], object]
) -> tuple[str | None, Counts]:
    """Write a manifest of sources and start a run of it; gives its name, None where there was nothing to write."""
    written = Counts()
    bucket, key = stack.output("StoreBucket"), f"{BULK}/{uuid.uuid4()}.json"
    with tempfile.SpooledTemporaryFile(_HELD) as file:
        file.write(b"[")
        for message in _good(found, stack, written, complain):
            file.write((b",\n" if written.sent else b"\n") + json.dumps(message).encode())
            written.sent += 1
        file.write(b"\n]\n")
        if not written.sent:
            return None, written
        file.seek(0)
        clients.client("s3").upload_fileobj(file, bucket, key)
    return _start(stack, {"from": items.MANIFEST, "bucket": bucket, "key": key}, pace), written


def _good(
    found: Iterable[Found], stack: Deployed, written: Counts, complain: Callable[[str, str], object]
) -> Iterator[dict[str, Any]]:
    for one in found:
        try:
            messages.wanted_of(one.message, stack.usual, stack.sources)
        except BadMessage as error:
            written.refused += 1
            complain(one.source, str(error))
            continue
        written.bytes += one.size
        yield one.message


def _check(prefix: str, more: dict[str, Any], stack: Deployed) -> None:
    """InvalidError, before anything is started, where every message of a run would be refused."""
    if not prefix.startswith(stack.sources):
        raise InvalidError(f"{prefix} is in none of this stack's source buckets ({', '.join(stack.sources)})")
    try:
        messages.wanted_of({"source": f"{prefix}x.bam", **more}, stack.usual, stack.sources)
    except BadMessage as error:
        raise InvalidError(str(error)) from None


def _start(stack: Deployed, told: dict[str, Any], pace: Pace) -> str:
    name = f"bulk-{uuid.uuid4()}"
    clients.client("stepfunctions").start_execution(
        stateMachineArn=stack.output("BulkMachine"), name=name, input=json.dumps({**told, **pace.as_dict()})
    )
    return name


def runs(stack: Deployed) -> tuple[Run, ...]:
    """The runs that go on, and those that have failed in the last day, the latest of each first."""
    machine, arn = clients.client("stepfunctions"), stack.output("BulkMachine")
    ask = {"stateMachineArn": arn, "maxResults": _TOLD}
    found = machine.list_executions(**ask, statusFilter="RUNNING")["executions"]
    failed = machine.list_executions(**ask, statusFilter="FAILED")["executions"]
    lately = datetime.now(UTC) - _LATELY
    return tuple(_run(machine, one) for one in [*found, *(one for one in failed if one["stopDate"] > lately)])


def _run(machine: Any, execution: dict[str, Any]) -> Run:
    counts = dict.fromkeys(_COUNTS, 0)
    for one in machine.list_map_runs(executionArn=execution["executionArn"]).get("mapRuns", []):
        told = machine.describe_map_run(mapRunArn=one["mapRunArn"])["itemCounts"]
        counts = {name: told[name] for name in _COUNTS}
    why = ""
    if execution["status"] != "RUNNING":
        told = machine.describe_execution(executionArn=execution["executionArn"])
        why = f"{told.get('error', '')}: {told.get('cause', '')}"
    started = execution["startDate"].isoformat(timespec="seconds")
    return Run(execution["name"], started, execution["status"], why, counts)

"""What a stack is at: its queues, executions, jobs and entries, counted.

Counting costs requests, and of a large catalog money: entries are read from their index, half a unit for each 4 KB. So
what grows for ever is counted up to a bound, or seldom.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import Any

from readvault.aws import bulk, clients
from readvault.aws.stack import Deployed
from readvault.catalog.dynamodb import FAILED, ORDERED, RECORDED, packed, text_in

# Most executions and jobs of a state that are counted one by one.
_MOST = 5_000
# Failures that are told.
_TOLD = 5

QUEUES = ("Work", "Next", "Done")
DEAD = ("WorkDead", "NextDead", "DoneDead", "FinishedDead")
EXECUTIONS = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
JOBS = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")


@dataclass(frozen=True, slots=True)
class Entries:
    """What the catalog has."""

    ordered: int
    recorded: int
    failed: int
    source_bytes: int
    archive_bytes: int

    @property
    def saved_bytes(self) -> int:
        """What the archives of recorded sources save."""
        return self.source_bytes - self.archive_bytes


@dataclass(frozen=True, slots=True)
class Status:
    """What a stack is at."""

    stack: str
    state: str
    queues: dict[str, dict[str, int]]
    """Messages that wait, and those that somebody is at."""
    dead: dict[str, int]
    executions: dict[str, int]
    jobs: dict[str, int]
    bulk: tuple[bulk.Run, ...]
    """Bulk runs that go on, or have failed lately."""
    entries: Entries
    failures: tuple[dict[str, str], ...]
    """The latest."""
    bounded: int = _MOST
    """Counts of executions and jobs end there."""

    def as_dict(self) -> dict[str, Any]:
        """The status as a JSON object."""
        told = asdict(self)
        told["entries"]["saved_bytes"] = self.entries.saved_bytes
        return told


def status(stack: Deployed, entries: Entries | None = None) -> Status:
    """Look at everything; `entries` are those of an earlier look that is late enough."""
    with ThreadPoolExecutor(8) as pool:
        queues = {name: pool.submit(_depth, stack.output(f"{name}Queue")) for name in (*QUEUES, *DEAD)}
        runs = {state: pool.submit(_executions, stack.output("PipelineMachine"), state) for state in EXECUTIONS}
        jobs = {state: pool.submit(_jobs, stack.output("JobQueue"), state) for state in JOBS}
        failures = pool.submit(_failures, stack)
        bulk_runs = pool.submit(bulk.runs, stack)
        held = entries or counted(stack)
        depths = {name: future.result() for name, future in queues.items()}
        return Status(
            stack=stack.name,
            state=stack.state,
            queues={name: depths[name] for name in QUEUES},
            dead={name: sum(depths[name].values()) for name in DEAD},
            executions={name: future.result() for name, future in runs.items()},
            jobs={name: future.result() for name, future in jobs.items()},
            bulk=bulk_runs.result(),
            entries=held,
            failures=failures.result(),
        )


def given_up(stack: Deployed) -> dict[str, int]:
    """Messages in the dead queues."""
    return {name: sum(_depth(stack.output(f"{name}Queue")).values()) for name in DEAD}


def counted(stack: Deployed) -> Entries:
    """Count the catalog's entries by state."""
    recorded = before = after = 0
    for page in _pages(stack, RECORDED, {"ProjectionExpression": "#size, archive_size"}, {"#size": "size"}):
        for item in page["Items"]:
            recorded += 1
            before += int(text_in(item, "size") or 0)
            after += int(text_in(item, "archive_size") or 0)
    ordered, failed = (
        sum(page["Count"] for page in _pages(stack, state, {"Select": "COUNT"}, {})) for state in (ORDERED, FAILED)
    )
    return Entries(ordered, recorded, failed, before, after)


def _pages(stack: Deployed, state: str, more: dict[str, Any], names: dict[str, str]) -> Iterator[dict[str, Any]]:
    pages: Iterable[dict[str, Any]] = (
        clients.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=stack.output("CatalogTable"),
            IndexName="by-state",
            KeyConditionExpression="#state = :state",
            ExpressionAttributeNames={"#state": "state", **names},
            ExpressionAttributeValues=packed({":state": state}),
            ScanIndexForward=False,
            **more,
        )
    )
    yield from pages


def _depth(queue: str) -> dict[str, int]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = clients.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return {"waiting": int(found[names[0]]), "taken": int(found[names[1]])}


def _executions(machine: str, state: str) -> int:
    pages = (
        clients.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(stateMachineArn=machine, statusFilter=state, PaginationConfig={"MaxItems": _MOST, "PageSize": 1000})
    )
    return sum(len(page["executions"]) for page in pages)


def _jobs(queue: str, state: str) -> int:
    pages = (
        clients.client("batch")
        .get_paginator("list_jobs")
        .paginate(jobQueue=queue, jobStatus=state, PaginationConfig={"MaxItems": _MOST})
    )
    return sum(len(page["jobSummaryList"]) for page in pages)


def _failures(stack: Deployed) -> tuple[dict[str, str], ...]:
    pages = _pages(stack, FAILED, {"Limit": _TOLD}, {})
    items = chain.from_iterable(page["Items"] for page in pages)
    names = ("id", "source", "error_kind", "error", "updated")
    return tuple({name: text_in(item, name) for name in names} for item in islice(items, _TOLD))

"""What failed, once more: entries of the catalog back into the work queue, and messages out of the dead queues.

A failed file gets a new execution, whose name counts the attempts: asked for twice, it is done once. So does a file
whose execution ended and could not say so; an archive that only nobody was told of is announced from here. A message of
a dead queue goes where it came from; what a function or topic put there is unwrapped first, for it is no message of a
queue.
"""

import fnmatch
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from readvault.aws import clients, messages, table
from readvault.aws.failures import BadMessage
from readvault.aws.messages import Wanted
from readvault.aws.stack import Deployed
from readvault.aws.submitting import send
from readvault.aws.template_machine import ANNOUNCING
from readvault.catalog.dynamodb import FAILED, ORDERED, text_in

_TOGETHER = 10
# Dead queues, and where their messages belong. What could not be announced is announced again.
BACK = {"WorkDead": "WorkQueue", "NextDead": "NextQueue", "DoneDead": "DoneQueue", "FinishedDead": "FinishedTopic"}
# Whose messages are just as their queue had them: AWS can move these itself.
_PLAIN = ("WorkDead", "DoneDead")
# Answers that say that there is no such operation here.
_UNKNOWN = {"NotImplemented", "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", "UnknownOperation"}
# Seconds that a message stays out of sight while it is moved.
_MOVING = 60


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that has failed."""

    identity: str
    wanted: Wanted
    kind: str
    error: str
    updated: str
    event: str | None = None
    """What nobody was told, if only that is missing."""


def failed(stack: Deployed, words: tuple[str, ...] = (), kinds: tuple[str, ...] = ()) -> Iterator[Failed]:
    """The failed files that words (identities, the starts of such, sources, patterns of sources) and kinds of failures
    name; all of them without any.
    """
    for item in stack.catalog.in_state(FAILED):
        if not kinds or text_in(item, "error_kind") in kinds:
            yield from _failed(stack, item, words)


def stuck(stack: Deployed, words: tuple[str, ...] = ()) -> Iterator[Failed]:
    """Files whose last execution has ended, or is not there, without a word in the catalog: somebody has stopped it, or
    what it failed with could not be noted. And archives that are recorded, and could not be announced.
    """
    machine = stack.output("PipelineMachine").replace(":stateMachine:", ":execution:", 1)
    ended = _ended(stack)
    for item in stack.catalog.in_state(FAILED):
        start, again = messages.run_of(text_in(item, "execution"))
        run = ended.pop(start, None)
        if run is not None and run.again > again:
            yield from (_stuck(one, run.state, run.again) for one in _failed(stack, item, words))
    for item in stack.catalog.in_state(ORDERED):
        start, again = messages.run_of(text_in(item, "execution"))
        run = ended.pop(start, None)
        state = _state(f"{machine}:{text_in(item, 'execution')}")
        if state not in ("RUNNING", "PENDING_REDRIVE"):
            last = again if run is None else max(again, run.again)
            yield from (_stuck(one, state, last) for one in _failed(stack, item, words))
    for run in ended.values():
        yield from _unheard_of(stack, run, words)


def _stuck(one: Failed, state: str, again: int) -> Failed:
    """`again`: of the last execution, so that the next has another name."""
    return replace(one, kind="Stuck", error=state, wanted=replace(one.wanted, again=again))


@dataclass(frozen=True, slots=True)
class _Run:
    """An execution that has ended and did not do its work."""

    arn: str
    again: int
    state: str
    stopped: str


def _ended(stack: Deployed) -> dict[str, _Run]:
    """The last such execution of each file, by the start of its identity."""
    found: dict[str, _Run] = {}
    pages = clients.client("stepfunctions").get_paginator("list_executions")
    for state in ("FAILED", "TIMED_OUT", "ABORTED"):
        for page in pages.paginate(stateMachineArn=stack.output("PipelineMachine"), statusFilter=state):
            for told in page["executions"]:
                start, again = messages.run_of(told["name"])
                if start not in found or found[start].again < again:
                    found[start] = _Run(told["executionArn"], again, state, told["stopDate"].isoformat())
    return found


def _unheard_of(stack: Deployed, run: _Run, words: tuple[str, ...]) -> Iterator[Failed]:
    """The file of an execution, if the catalog has nothing of it, or nobody has heard of its archive."""
    told = clients.client("stepfunctions").describe_execution(executionArn=run.arn)
    try:
        wanted = messages.wanted_of(json.loads(told["input"]), stack.usual)
    except (BadMessage, ValueError):
        return
    identity = wanted.identity
    if words and not any(_means(word, identity, wanted.source) for word in words):
        return
    item = stack.catalog.item(identity)
    if item is None:
        yield Failed(identity, wanted, "Stuck", f"{run.state}, and the catalog has nothing of it", run.stopped)
    elif text_in(item, "execution") == told["name"] and not text_in(item, "announced"):
        event = _unannounced(run.arn)
        if event is not None:
            yield Failed(identity, wanted, "Stuck", f"{run.state}, and nobody was told", run.stopped, event)


def _unannounced(execution: str) -> str | None:
    """The event that an execution was to announce, and that neither it nor what came after a failure announced."""
    pages = clients.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution)
    found: str | None = None
    for event in (event for page in pages for event in page["events"]):
        entered = event.get("stateEnteredEventDetails", {})
        if entered.get("name") == ANNOUNCING:
            found = str(json.loads(entered["input"])["recorded"]["Payload"]["event"])
        elif event["type"] == "TaskSucceeded":
            found = None
    return found


def _state(execution: str) -> str:
    machine = clients.client("stepfunctions")
    try:
        return str(machine.describe_execution(executionArn=execution)["status"])
    except machine.exceptions.ExecutionDoesNotExist:
        return "there is no execution"


def _failed(stack: Deployed, item: dict[str, Any], words: tuple[str, ...]) -> Iterator[Failed]:
    identity, source = text_in(item, "id"), text_in(item, "source")
    if words and not any(_means(word, identity, source) for word in words):
        return
    try:
        # What the work was when it was ordered, whatever the stack takes now.
        wanted = messages.wanted_of(json.loads(text_in(item, "work")), stack.usual)
    except (BadMessage, ValueError):
        return
    yield Failed(identity, wanted, text_in(item, "error_kind"), text_in(item, "error"), text_in(item, "updated"))


def _means(word: str, identity: str, source: str) -> bool:
    is_start = len(word) >= 8 and set(word) <= set("0123456789abcdef")
    return (is_start and identity.startswith(word)) or source == word or fnmatch.fnmatchcase(source, word)


def again(stack: Deployed, wanted: Iterator[Failed], hear: Callable[[Failed], object]) -> int:
    """Queue failed files again, and announce what nobody was told; gives how many."""
    sent = 0
    while some := list(islice(wanted, _TOGETHER)):
        if work := [one.wanted.once_more() for one in some if one.event is None]:
            send(stack.output("WorkQueue"), work)
        for one in some:
            if one.event is not None:
                _announce(stack, one.identity, one.event)
        for one in some:
            hear(one)
        sent += len(some)
    return sent


def _announce(stack: Deployed, identity: str, event: str) -> None:
    kind = {"type": {"DataType": "String", "StringValue": str(json.loads(event)["type"])}}
    clients.client("sns").publish(TopicArn=stack.output("ArchivedTopic"), Message=event, MessageAttributes=kind)
    table.announced(stack.catalog, identity)


def move_back(stack: Deployed, name: str) -> tuple[int, bool]:
    """Move the messages of a dead queue back. Gives how many there were, and whether AWS goes on moving them itself."""
    dead = stack.output(f"{name}Queue")
    if name in _PLAIN:
        there = _task(dead)
        if there is not None:
            return there, True
    moved = 0
    sqs = clients.client("sqs")
    while found := _taken(dead):
        for one in found:
            _deliver(stack.output(BACK[name]), one)
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=one["ReceiptHandle"])
            moved += 1
    return moved, False


def _task(dead: str) -> int | None:
    """Let AWS move them; None where it cannot."""
    sqs = clients.client("sqs")
    told = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn", "ApproximateNumberOfMessages"])
    number = int(told["Attributes"]["ApproximateNumberOfMessages"])
    if number == 0:
        return 0
    try:
        sqs.start_message_move_task(SourceArn=told["Attributes"]["QueueArn"])
    except sqs.exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        # Where it will not or cannot, we can: whoever takes a message moves it, and nobody else has it meanwhile.
        if code in _UNKNOWN or status >= 500:
            return None
        raise
    return number


def _taken(queue: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        clients.client("sqs")
        .receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=_TOGETHER,
            VisibilityTimeout=_MOVING,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["MessageGroupId"],
        )
        .get("Messages", [])
    )
    return found


def _deliver(to: str, message: dict[str, Any]) -> None:
    for body in unwrapped(message["Body"]):
        if to.startswith("arn:"):
            clients.client("sns").publish(TopicArn=to, Message=body)
            continue
        more: dict[str, str] = {}
        if to.endswith(".fifo"):
            group = message.get("Attributes", {}).get("MessageGroupId", "") or messages.group_of(body)
            # Its own identity may be known to the queue still, which would then take it and forget it.
            known = hashlib.sha256(f"{message['MessageId']}{body}".encode()).hexdigest()
            more = {"MessageGroupId": group, "MessageDeduplicationId": known}
        clients.client("sqs").send_message(QueueUrl=to, MessageBody=body, **more)


def unwrapped(body: str) -> list[str]:
    """The messages in a body: those that SNS handed to a function or a queue, or the body as it is."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return [body]
    if not isinstance(found, dict):
        return [body]
    if found.get("Type") == "Notification" and isinstance(found.get("Message"), str):
        return [found["Message"]]
    records = found.get("Records")
    if isinstance(records, list) and records and all(isinstance(one, dict) and "Sns" in one for one in records):
        return [str(one["Sns"]["Message"]) for one in records]
    return [body]

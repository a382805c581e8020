"""What the stack's functions run: an event in, one call, an answer out. The numbers are the steps of docs and template.

Each can be called any number of times with the same event and does its work once: names are made from what is to be
done, and all writes have conditions. What fails for good raises an error of `failures`, by whose name the state machine
and people know it; what passes by itself raises `TryAgain`.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import wraps
from itertools import islice
from typing import Any, TypeAlias

from readvault.aws import (
    announcing,
    batches,
    clients,
    environment,
    items,
    messages,
    pace,
    recording,
    sources,
    table,
    tiers,
)
from readvault.aws.announcing import Announcer
from readvault.aws.failures import BadMessage, SourceChanged, SourceMissing, TryAgain
from readvault.aws.log import say
from readvault.aws.messages import Refused, Wanted
from readvault.catalog.model import Condition, now
from readvault.catalog.query import is_uuid
from readvault.pipeline import events
from readvault.pipeline.order import WorkOrder, key_for

Event: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[Event, Any], dict[str, Any]]

# Messages in one request to a queue: SQS takes no more.
_TOGETHER = 10
# Sources that are looked at together.
_LOOKING = 16
# What the input of a run has of its message.
_INPUT = ("source", "version", "options", "again")


def handling(do: Handler) -> Handler:
    """A handler that says what went wrong, and tells what passes by itself from what does not."""

    @wraps(do)
    def handle(event: Event, context: Any = None) -> dict[str, Any]:
        try:
            return do(event, context)
        except Exception as error:
            told = clients.translated(error)
            say("error", str(error), kind=type(told).__name__, handler=do.__name__, **_about(event))
            raise told from error

    return handle


@handling
def announced(event: Event, context: Any) -> dict[str, Any]:
    """1 -> 2: what has finished goes to the queue, one message a file.

    What cannot be read goes there too: it fails there, and is put aside with its reason.
    """
    found = messages.arrived(event, environment.options(), environment.sources())
    with ThreadPoolExecutor(_LOOKING) as pool:
        pieces = {one.deduplication: one for one in pool.map(_known, found)}
    _send(pieces.values())
    wanted = sum(isinstance(one, Wanted) for one in pieces.values())
    return {"sent": wanted, "refused": len(pieces) - wanted}


@handling
def dispatch(event: Event, context: Any) -> dict[str, Any]:
    """3 -> 4: a run of the state machine for each message of the queue."""
    return batches.each(event, _start)


@handling
def bulk(event: Event, context: Any) -> dict[str, Any]:
    """An item of a bulk run -> 4: the run of the state machine that it stands for, and when it begins. What is no
    source, and what is recorded already, is skipped.
    """
    message = items.message_of(event)
    if message is None:
        return {"skip": True}
    wanted = _pinned(messages.wanted_of(message, environment.options(), environment.sources()))
    catalog = clients.catalog()
    if table.is_recorded(catalog, wanted.identity):
        return {"skip": True}
    run = event["bulk"].get("run")
    begin = pace.seconds_until_turn(
        catalog, run.get("name") if isinstance(run, dict) else None, event["bulk"].get("rate")
    )
    say("info", "taken", source=wanted.source, identity=wanted.identity, seconds=begin)
    return {"skip": False, "begin": begin, "run": _run(wanted)}


@handling
def order(event: Event, context: Any) -> dict[str, Any]:
    """5: look at the source, claim the archive's place, and write the work order."""
    wanted = _wanted(event)
    seen = sources.look(wanted.source)
    if wanted.version and not seen.is_called(wanted.version):
        raise SourceChanged(
            f"{wanted.source} is not in the state that was announced ({wanted.version}, now {seen.name}): announce it "
            f"again"
        )
    if wanted.options.reference is not None:
        # Told before a machine is started for it.
        sources.look(wanted.options.reference)
    made = WorkOrder(
        job=0,
        source=wanted.source,
        source_version=seen.name,
        source_size=seen.length,
        store=environment.needed(environment.STORE),
        key=key_for(environment.key_pattern(), wanted.source, wanted.options),
        options=wanted.options,
        reference=None,
        created=now(),
    )
    before = table.claim(clients.catalog(), wanted, made, _execution(event, wanted))
    if before is not None:
        say("info", "the work was done before", entry=before.uuid, **_about(event))
        return {**_given(event), "done": True, "identity": wanted.identity, "uuid": before.uuid}
    place = recording.place_of_order(wanted.identity)
    sources.write(place, made.as_dict())
    bucket, key = sources.split(place)
    say("info", "ordered", archive=made.target, **_about(event))
    return {
        **_given(event),
        "done": False,
        "identity": wanted.identity,
        "bucket": bucket,
        "key": key,
        "order": place,
    }


@handling
def record(event: Event, context: Any) -> dict[str, Any]:
    """8 -> 9: compare the archive with what the job says, and put it into the catalog. Gives the event to announce."""
    identity = _identity(event)
    entry = recording.compared(identity)
    stands = table.record(clients.catalog(), identity, entry, str(event.get("execution", "")))
    say("info", "recorded", archive=stands.place, entry=stands.uuid, **_about(event))
    return {
        **_given(event),
        "done": True,
        "identity": identity,
        "uuid": stands.uuid,
        "type": events.RECORDED,
        "event": json.dumps(announcing.of_entry(events.RECORDED, stands, environment.needed(environment.VAULT))),
    }


@handling
def fail(event: Event, context: Any) -> dict[str, Any]:
    """After an error: the reason goes into the catalog, and is announced.

    Work that is recorded has not failed: it was not announced, and that is done here.
    """
    wanted = _wanted(event.get("input", event))
    failure = recording.failure_of(wanted.identity, event)
    stands = table.fail(clients.catalog(), wanted, failure, _execution(event, wanted))
    if stands is not None:
        _announcer().tell(events.RECORDED, stands)
        say("warning", "recorded, and announced late", entry=stands.uuid, error=failure.message, **_about(event))
        return {"state": "RECORDED", "identity": wanted.identity, "uuid": stands.uuid}
    announcing.publish(
        environment.needed(environment.TOPIC),
        events.of_failure(
            0,
            wanted.source,
            failure.kind,
            failure.message,
            environment.needed(environment.VAULT),
            announcing.NO_AUDIT,
            attempt=wanted.again,
            work=wanted.identity,
        ),
    )
    say("error", failure.message, kind=failure.kind, **_about(event))
    return {"state": "FAILED", "identity": wanted.identity, "kind": failure.kind, "message": failure.message}


@handling
def next_step(event: Event, context: Any) -> dict[str, Any]:
    """11: archives that are announced go to the next workflow's queue."""
    sent = 0
    for record_ in event["Records"]:
        text = record_["Sns"]["Message"]
        kind = _event_in(text).get("type")
        if kind == events.RECORDED:
            queue = environment.needed(environment.NEXT)
            clients.client("sqs").send_message(QueueUrl=queue, MessageBody=text)
            sent += 1
        elif kind not in events.KINDS:
            say("error", "this is none of our events, and goes nowhere", body=str(text))
    return {"sent": sent}


@handling
def downstream(event: Event, context: Any) -> dict[str, Any]:
    """12: whoever reads archives says that an archive is not needed any more, and others hear it."""
    return batches.each(event, _done)


@handling
def tier(event: Event, context: Any) -> dict[str, Any]:
    """12: archives whose time has come are tagged for the bucket's lifecycle, and announced."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    moved, more = tiers.move_due(clients.catalog(), _announcer(), environment.tier_after_days(), left)
    say("info", "tiers looked at", moved=moved, more=more)
    return {"moved": moved, "more": more}


# --- Announced and dispatch ------------------------------------------------------------------------------------------


def _pinned(one: Wanted) -> Wanted:
    """The same with the state that its source is in now, where the message names none in full."""
    try:
        return replace(one, version=sources.in_full(one.source, one.version))
    except SourceMissing as error:
        # Its run says so once more, and the catalog with it.
        say("warning", str(error), source=one.source)
        return one


def _known(one: Wanted | Refused) -> Wanted | Refused:
    return one if isinstance(one, Refused) else _pinned(one)


def _send(pieces: Iterable[Wanted | Refused]) -> None:
    sqs, queue = clients.client("sqs"), environment.needed(environment.QUEUE)
    left = iter(pieces)
    while some := list(islice(left, _TOGETHER)):
        answer = sqs.send_message_batch(
            QueueUrl=queue,
            Entries=[
                {
                    "Id": str(number),
                    "MessageBody": one.body(),
                    "MessageGroupId": one.group,
                    "MessageDeduplicationId": one.deduplication,
                }
                for number, one in enumerate(some)
            ],
        )
        for number, one in enumerate(some):
            if isinstance(one, Wanted):
                say("info", "queued", source=one.source, identity=one.identity)
            else:
                say("error", one.why, kind=BadMessage.__name__, body=one.text, item=number)
        if answer.get("Failed"):
            raise TryAgain(f"{queue} did not take {len(answer['Failed'])} messages: {answer['Failed'][0]}")


def _start(body: str) -> None:
    wanted = messages.queued(body, environment.options(), environment.sources())
    machine = clients.client("stepfunctions")
    try:
        machine.start_execution(
            stateMachineArn=environment.needed(environment.MACHINE),
            name=wanted.execution,
            input=json.dumps(_run(wanted), sort_keys=True),
        )
    except machine.exceptions.ExecutionAlreadyExists:
        say("info", "was started before", source=wanted.source, execution=wanted.execution)
        return
    say("info", "started", source=wanted.source, execution=wanted.execution)


def _run(wanted: Wanted) -> dict[str, Any]:
    """The input of a run of the state machine."""
    return {**wanted.as_dict(), "identity": wanted.identity, "execution": wanted.execution}


# --- What the state machine passes -----------------------------------------------------------------------------------


def _wanted(event: Event) -> Wanted:
    """The work of a run; its input is our own message."""
    known = {name: event[name] for name in _INPUT if name in event}
    wanted = messages.wanted_of(known, environment.options(), environment.sources())
    if event.get("identity", wanted.identity) != wanted.identity:
        raise BadMessage(f"{wanted.source}: the run's identity is not that of its work: it was started by hand")
    return wanted


def _given(event: Event) -> dict[str, Any]:
    """The run's input, for the states to come: whichever of them fails, all that `fail` needs is there."""
    return {name: event[name] for name in (*_INPUT, "identity", "execution") if name in event}


def _identity(event: Event) -> str:
    identity = event.get("identity")
    if not isinstance(identity, str) or len(identity) != 64 or not set(identity) <= set("0123456789abcdef"):
        raise BadMessage(f"{str(identity)[:100]!r} is no identity of work")
    return identity


def _execution(event: Event, wanted: Wanted) -> str:
    return str(event.get("execution") or wanted.execution)


def _about(event: Event) -> dict[str, Any]:
    told = {**event["input"], **event} if isinstance(event.get("input"), dict) else event
    return {name: told[name] for name in ("source", "identity", "execution") if name in told}


# --- Events ----------------------------------------------------------------------------------------------------------


def _announcer() -> Announcer:
    return Announcer(environment.needed(environment.TOPIC), environment.needed(environment.VAULT))


def _event_in(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _done(body: str) -> None:
    uuid = _uuid_in(body)
    catalog = clients.catalog()
    try:
        entry = catalog.change_if(uuid, Condition("done", "=", None), done=now())
    except KeyError:
        raise BadMessage(f"the catalog has no entry {uuid}") from None
    if entry is not None:
        say("info", "done with", entry=uuid, archive=entry.place)
        _announcer().tell(events.DONE, entry)


def _uuid_in(body: str) -> str:
    """The UUID that a message names: by itself, as a JSON text, in one of our events, or wrapped by SNS."""
    if is_uuid(body.strip()):
        return body.strip()
    try:
        found = json.loads(body)
        if isinstance(found, dict) and isinstance(found.get("Message"), str):
            return _uuid_in(found["Message"])
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"a message is an entry's UUID or one of our events: {error}") from None
    if isinstance(found, dict):
        entry = found.get("entry", found.get("uuid"))
        found = entry.get("uuid") if isinstance(entry, dict) else entry
    if not isinstance(found, str) or not is_uuid(found):
        raise BadMessage("a message is an entry's UUID or one of our events")
    return found

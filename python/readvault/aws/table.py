"""The states of work in the catalog's table: ordered, recorded, failed.

All writes have conditions, so that whatever comes twice, late or out of order changes nothing that is done:

- ordered: nobody has the work yet, or the same work was ordered or has failed before (a repetition, a redrive);
- recorded: the work is ordered or failed, and the archive's place and UUID are this work's;
- failed: anything but recorded.
"""

from dataclasses import dataclass
from typing import Any

from readvault import places
from readvault.aws.failures import NameClash, NotOrdered
from readvault.aws.messages import Wanted
from readvault.catalog.dynamodb import (
    FAILED,
    ORDERED,
    RECORDED,
    DynamoCatalog,
    entry_in,
    item_of,
    key_claim,
    packed,
    refused,
    text_in,
    uuid_claim,
)
from readvault.catalog.model import Entry, now
from readvault.pipeline.order import WorkOrder

_UNDONE = "#state IN (:ordered, :failed)"
_STATES = packed({":ordered": ORDERED, ":failed": FAILED})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why work has failed for good."""

    kind: str
    message: str


def is_recorded(catalog: DynamoCatalog, identity: str) -> bool:
    """Whether work is done."""
    item = catalog.item(identity)
    return item is not None and text_in(item, "state") == RECORDED


def claim(catalog: DynamoCatalog, wanted: Wanted, order: WorkOrder, execution: str) -> Entry | None:
    """Order work, and claim the archive's place for it. Gives the entry, if the work is done already.

    NameClash where the place is another work's.
    """
    identity = wanted.identity
    item = packed(
        {
            "id": identity,
            "state": ORDERED,
            "name": places.name_of(order.source),
            "project": order.options.project,
            "sample": order.options.sample,
            "source": order.source,
            "store": order.store,
            "key": order.key,
            "size": order.source_size,
            "work": wanted.body(),
            "updated": now(),
            "execution": execution,
        }
    )
    try:
        catalog.client.transact_write_items(
            TransactItems=[
                catalog.putting(item, f"attribute_not_exists(id) OR {_UNDONE}", _STATES),
                catalog.claiming(key_claim(order.target), identity),
            ]
        )
    except catalog.client.exceptions.TransactionCanceledException as error:
        is_done, is_taken = (*refused(error), False, False)[:2]
        there = catalog.item(identity) if is_done else None
        if there is not None:
            return entry_in(there)
        if is_taken:
            other = catalog.item(key_claim(order.target)) or {}
            raise NameClash(
                f"{order.target} is the archive of other work ({text_in(other, 'owner') or 'now gone'}): name another "
                f"key, project or sample"
            ) from None
        raise
    return None


def record(catalog: DynamoCatalog, identity: str, entry: Entry, execution: str) -> Entry:
    """Note that the archive is there; gives the entry that stands, which a repetition does not change."""
    item = item_of(identity, entry) | packed({"execution": execution})
    try:
        catalog.client.transact_write_items(
            TransactItems=[
                catalog.putting(item, _UNDONE, _STATES),
                catalog.claiming(key_claim(entry.place), identity),
                catalog.claiming(uuid_claim(entry.uuid), identity),
            ]
        )
    except catalog.client.exceptions.TransactionCanceledException as error:
        if not any(refused(error)):
            raise
        there = catalog.item(identity)
        before = None if there is None else entry_in(there)
        if before is not None and (before.uuid, before.archive_sha256) == (entry.uuid, entry.archive_sha256):
            return before
        if before is not None or any(refused(error)[1:]):
            raise NameClash(f"{entry.place}: the catalog has another entry for this archive or its work") from None
        raise NotOrdered(f"{entry.place}: the catalog has no order {identity}: was it removed?") from None
    return entry


def fail(catalog: DynamoCatalog, wanted: Wanted, failure: Failure, execution: str) -> Entry | None:
    """Note that work has failed, and give its key free. Gives the entry, if its archive is recorded all the same."""
    identity = wanted.identity
    there = catalog.item(identity)
    values: dict[str, Any] = {
        "state": FAILED,
        "source": wanted.source,
        "name": places.name_of(wanted.source),
        "project": wanted.options.project,
        "sample": wanted.options.sample,
        "work": wanted.body(),
        "error_kind": failure.kind,
        "error": failure.message,
        "updated": now(),
        "execution": execution,
    }
    given = packed(values)
    try:
        catalog.client.update_item(
            TableName=catalog.table,
            Key=packed({"id": identity}),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in given),
            ConditionExpression="attribute_not_exists(id) OR #state <> :recorded",
            ExpressionAttributeNames={f"#{name}": name for name in given},
            ExpressionAttributeValues={
                **{f":{name}": value for name, value in given.items()},
                **packed({":recorded": RECORDED}),
            },
        )
    except catalog.client.exceptions.ConditionalCheckFailedException:
        found = catalog.item(identity)
        return None if found is None else entry_in(found)
    if there is not None and "key" in there:
        catalog.release(key_claim(places.join(text_in(there, "store"), text_in(there, "key"))), identity)
    return None


def announced(catalog: DynamoCatalog, identity: str) -> None:
    """Note that an archive was announced after its execution could not do it."""
    catalog.client.update_item(
        TableName=catalog.table,
        Key=packed({"id": identity}),
        UpdateExpression="SET announced = :now",
        ConditionExpression="attribute_exists(id)",
        ExpressionAttributeValues=packed({":now": now()}),
    )

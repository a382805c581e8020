"""The catalog in a DynamoDB table. Attributes are for finding; the JSON document is the entry.

An item is a piece of work, by its identity: it is there from the moment that the work is ordered, and has a document
once its archive is recorded. Two smaller items say who has what: `key#PLACE` for the place of an archive, `uuid#UUID`
for an archive. They are written in the same transaction as the item, so neither is ever given twice, and an entry is
found by either at once, where an index would only follow. An index has the items alone that have its attribute: what is
hot has one that says what it waits for, so that those who move archives never read what has moved.

The client is passed in: nothing here knows how requests are signed or sent.
"""

import heapq
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from readvault.catalog.model import HOT, Condition, Conflict, Entry, entry_of, now
from readvault.catalog.query import is_pattern, meets

ORDERED = "ORDERED"
RECORDED = "RECORDED"
FAILED = "FAILED"

# Indexes that give entries of one value of a field, the oldest first.
_INDEXES = {"project": "by-project", "sample": "by-sample"}
_BY_STATE = "by-state"
_BY_WAITING = "by-waiting"
# What entries wait for that are hot: to be moved, or to be done or old enough for that.
_DONE = "done"
_UNDONE = HOT
# How often a change is tried that others come before.
_TRIES = 8

Item = dict[str, dict[str, str]]


class DynamoCatalog:
    """Entries in a table; `client` is a DynamoDB client."""

    def __init__(self, client: Any, table: str) -> None:
        self.client = client
        self.table = table

    # --- Single entries ----------------------------------------------------------------------------------------------

    def put(self, entry: Entry) -> None:
        """Add an entry; see Catalog."""
        try:
            self.client.transact_write_items(
                TransactItems=[
                    self.putting(item_of(entry.uuid, entry), "attribute_not_exists(id)"),
                    self.claiming(key_claim(entry.place), entry.uuid),
                    self.claiming(uuid_claim(entry.uuid), entry.uuid),
                ]
            )
        except self.client.exceptions.TransactionCanceledException as error:
            if not any(refused(error)):
                raise
            there = self.get(entry.uuid) or self.at(entry.place)
            if there is None or (there.uuid, there.place) != (entry.uuid, entry.place):
                told = f" ({there.uuid})" if there else ""
                raise Conflict(f"{entry.place}: the catalog has another entry{told} for this key or archive") from None

    def get(self, uuid: str) -> Entry | None:
        """The entry with this UUID."""
        item = self._owner(uuid_claim(uuid))
        return None if item is None else entry_in(item)

    def at(self, place: str) -> Entry | None:
        """The entry of the archive at a path or URL."""
        item = self._owner(key_claim(place))
        return None if item is None else entry_in(item)

    def change(self, uuid: str, **changes: Any) -> Entry:
        """Set fields of an entry; see Catalog. What others change meanwhile is kept: it is changed after theirs."""
        return self._change(uuid, (), changes)[0]

    def change_if(self, uuid: str, condition: Condition, **changes: Any) -> Entry | None:
        """Set fields of an entry that meets a condition, and return it; None where it does not meet it. Where the
        changes end that, one of all who try it at once makes them.
        """
        entry, made = self._change(uuid, (condition,), changes)
        return entry if made else None

    def _change(self, uuid: str, conditions: tuple[Condition, ...], changes: Mapping[str, Any]) -> tuple[Entry, bool]:
        """The entry as it is then, and whether it met the conditions and was changed, if need be."""
        for _ in range(_TRIES):
            item = self._owner(uuid_claim(uuid))
            entry = None if item is None else entry_in(item)
            if item is None or entry is None:
                raise KeyError(f"the catalog has no entry {uuid}")
            if not _meets(entry, conditions):
                return entry, False
            changed = replace(entry, **changes)
            if changed == entry or self._changed(item, entry, changed):
                return changed, True
        raise Conflict(f"the entry {uuid} is being changed by others all the time: try again")

    def remove(self, uuid: str) -> None:
        """Take an entry out."""
        item = self._owner(uuid_claim(uuid))
        entry = None if item is None else entry_in(item)
        if item is None or entry is None:
            return
        owner = item["id"]["S"]
        names = (owner, uuid_claim(uuid), key_claim(entry.place))
        self.client.transact_write_items(
            TransactItems=[{"Delete": {"TableName": self.table, "Key": packed({"id": name})}} for name in names]
        )

    def item(self, name: str) -> Item | None:
        """The item of this name, as it is now."""
        found: Item | None = self.client.get_item(
            TableName=self.table, Key=packed({"id": name}), ConsistentRead=True
        ).get("Item")
        return found

    def _owner(self, claim: str) -> Item | None:
        """The item that a claim belongs to."""
        found = self.item(claim)
        return None if found is None else self.item(found["owner"]["S"])

    def _changed(self, item: Item, before: Entry, after: Entry) -> bool:
        """Write an entry anew; False where somebody else did."""
        owner = item["id"]["S"]
        values = item_of(owner, after)
        del values["id"]
        gone = [name for name in item if name in _OF_ENTRIES and name not in values]
        update = {
            "TableName": self.table,
            "Key": packed({"id": owner}),
            "UpdateExpression": "SET "
            + ", ".join(f"#{name} = :{name}" for name in values)
            + (" REMOVE " + ", ".join(f"#{name}" for name in gone) if gone else ""),
            "ConditionExpression": "#document = :before",
            "ExpressionAttributeNames": {f"#{name}": name for name in (*values, *gone)},
            "ExpressionAttributeValues": {
                **{f":{name}": value for name, value in values.items()},
                ":before": item["document"],
            },
        }
        errors = self.client.exceptions
        try:
            if after.place == before.place:
                self.client.update_item(**update)
            else:
                claim = self.claiming(key_claim(after.place), owner)
                left = {"TableName": self.table, "Key": packed({"id": key_claim(before.place)})}
                self.client.transact_write_items(TransactItems=[{"Update": update}, claim, {"Delete": left}])
        except errors.ConditionalCheckFailedException:
            return False
        except errors.TransactionCanceledException as error:
            if any(refused(error)[1:]):
                raise Conflict(f"{after.place}: the catalog has another entry for this key or archive") from None
            return False
        return True

    # --- Writing -----------------------------------------------------------------------------------------------------

    def putting(self, item: Item, condition: str, values: Item | None = None) -> dict[str, Any]:
        """A part of a transaction that writes an item under a condition; `#state` in it is the item's state."""
        names = {"ExpressionAttributeNames": {"#state": "state"}} if "#state" in condition else {}
        given = {"ExpressionAttributeValues": values} if values else {}
        return {"Put": {"TableName": self.table, "Item": item, "ConditionExpression": condition, **names, **given}}

    def claiming(self, claim: str, owner: str) -> dict[str, Any]:
        """A part of a transaction that fails where somebody else has the claim, and has not given it up."""
        return {
            "Put": {
                "TableName": self.table,
                "Item": packed({"id": claim, "owner": owner}),
                "ConditionExpression": "attribute_not_exists(id) OR #owner = :owner OR attribute_exists(#released)",
                "ExpressionAttributeNames": {"#owner": "owner", "#released": "released"},
                "ExpressionAttributeValues": packed({":owner": owner}),
            }
        }

    def release(self, claim: str, owner: str) -> None:
        """Give up a claim, if it is this owner's."""
        with suppress(self.client.exceptions.ConditionalCheckFailedException):
            self.client.update_item(
                TableName=self.table,
                Key=packed({"id": claim}),
                UpdateExpression="SET #released = :now",
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner", "#released": "released"},
                ExpressionAttributeValues=packed({":owner": owner, ":now": now()}),
            )

    # --- Many entries ------------------------------------------------------------------------------------------------

    def find(
        self, conditions: tuple[Condition, ...] = (), *, limit: int | None = None, newest: bool = False
    ) -> Iterator[Entry]:
        """Entries that meet all conditions, oldest first by their time. Of more than `limit` these are the oldest, or
        the newest.

        One UUID, project or sample among the conditions is asked for through an index; without any the whole table is
        read, and what is found is held until its order is known.
        """
        if limit == 0:
            return iter(())
        for condition in conditions:
            if condition.field == "uuid" and _is_exact(condition):
                one = self.get(str(condition.value))
                return iter([one] if one is not None and _meets(one, conditions) else [])
        for condition in conditions:
            if condition.field in _INDEXES and _is_exact(condition):
                return self._of_index(condition, conditions, limit, newest=newest)
        found = self.every(conditions)
        if limit is None:
            return iter(sorted(found, key=_age))
        if newest:
            return iter(heapq.nlargest(limit, found, key=_age)[::-1])
        return iter(heapq.nsmallest(limit, found, key=_age))

    def every(self, conditions: tuple[Condition, ...] = ()) -> Iterator[Entry]:
        """Entries that meet all conditions, in any order; see Catalog."""
        if any(condition.field in ("uuid", *_INDEXES) and _is_exact(condition) for condition in conditions):
            return self.find(conditions)
        return (entry for entry in self._scanned() if _meets(entry, conditions))

    def count(self, conditions: tuple[Condition, ...] = ()) -> tuple[int, int, int]:
        """How many entries meet all conditions, and the bytes of their sources and archives."""
        number = before = after = 0
        for entry in self.every(conditions):
            number, before, after = number + 1, before + entry.size, after + entry.archive_size
        return number, before, after

    def store(self) -> str | None:
        """The store of the archives, as the entry that was changed last has it."""
        for item in self.in_state(RECORDED):
            entry = entry_in(item)
            return None if entry is None else entry.store
        return None

    def in_state(self, state: str) -> Iterator[Item]:
        """Items in a state, those first that were changed last."""
        return self._asked(_BY_STATE, "state", state, backwards=True)

    def due(self, until: str | None) -> Iterator[Entry]:
        """Entries that are hot and done, and then those that are hot and were made until a time. The index follows the
        table: one that was moved a moment ago may still be among them.
        """
        done = self._asked(_BY_WAITING, "waiting", _DONE)
        old = [] if until is None else self._asked(_BY_WAITING, "waiting", _UNDONE, until=until)
        return (entry for item in chain(done, old) if (entry := entry_in(item)) is not None)

    def _of_index(
        self, one: Condition, conditions: tuple[Condition, ...], limit: int | None, *, newest: bool
    ) -> Iterator[Entry]:
        backwards = newest and limit is not None
        items = self._asked(_INDEXES[one.field], one.field, str(one.value), backwards=backwards)
        entries = (entry for item in items if (entry := entry_in(item)) is not None)
        wanted = islice((entry for entry in entries if _meets(entry, conditions)), limit)
        return reversed(list(wanted)) if backwards else wanted

    def _asked(
        self, index: str, field: str, value: str, *, until: str | None = None, backwards: bool = False
    ) -> Iterator[Item]:
        """The items that an index has for one value of its field; of one that is ordered by `created`, those until a
        time.
        """
        names, values, condition = {"#field": field}, {":value": value}, "#field = :value"
        if until is not None:
            names["#created"], values[":until"] = "created", until
            condition += " AND #created <= :until"
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=packed(values),
            ScanIndexForward=not backwards,
        )
        for page in pages:
            yield from page["Items"]

    def _scanned(self) -> Iterator[Entry]:
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.table,
            FilterExpression="attribute_exists(#document)",
            ProjectionExpression="#document",
            ExpressionAttributeNames={"#document": "document"},
        )
        for page in pages:
            for item in page["Items"]:
                yield entry_of(json.loads(item["document"]["S"]))


# --- Items -----------------------------------------------------------------------------------------------------------

_COPIED = (
    "uuid", "project", "sample", "name", "source", "store", "key", "size", "archive_size", "ratio", "created", "tier",
    "done",
)  # fmt: skip
# What an item has of its entry, and what it has of a failure that is over.
_OF_ENTRIES = frozenset({*_COPIED, "state", "waiting", "checksum", "document", "updated", "error_kind", "error"})


def item_of(name: str, entry: Entry) -> Item:
    """The item of a recorded archive."""
    return packed(
        {
            "id": name,
            "state": RECORDED,
            **{field: getattr(entry, field) for field in _COPIED},
            "waiting": None if entry.tier != HOT else _UNDONE if entry.done is None else _DONE,
            "checksum": entry.archive_sha256,
            "document": json.dumps(entry.as_dict(), ensure_ascii=False, separators=(",", ":")),
            "updated": now(),
        }
    )


def entry_in(item: Item) -> Entry | None:
    """The entry of an item, if its archive is recorded."""
    document = item.get("document")
    return None if document is None else entry_of(json.loads(document["S"]))


def packed(values: Mapping[str, Any]) -> Item:
    """Values as items have them. What is empty is left out: indexes take no empty keys."""
    return {name: _packed(value) for name, value in values.items() if value is not None and value != ""}


def _packed(value: str | float) -> dict[str, str]:
    if isinstance(value, str):
        return {"S": value}
    # A number is a text of digits on the wire: no float passes through a decimal.
    return {"N": repr(value)} if math.isfinite(value) else {"S": repr(value)}


def text_in(item: Item, name: str) -> str:
    """A text or number of an item as a text; empty where it has none."""
    return next(iter(item.get(name, {"S": ""}).values()))


def key_claim(place: str) -> str:
    """The name of the item that says whose a place is."""
    return f"key#{place}"


def uuid_claim(uuid: str) -> str:
    """The name of the item that says whose an archive is."""
    return f"uuid#{uuid}"


def refused(error: Any) -> list[bool]:
    """Which parts of a transaction that came to nothing had a condition that did not hold."""
    reasons = error.response.get("CancellationReasons", [])
    return [reason.get("Code") == "ConditionalCheckFailed" for reason in reasons]


def _is_exact(condition: Condition) -> bool:
    value = condition.value
    return condition.operator == "=" and isinstance(value, str) and value != "" and not is_pattern(value)


def _meets(entry: Entry, conditions: tuple[Condition, ...]) -> bool:
    return all(meets(entry, condition) for condition in conditions)


def _age(entry: Entry) -> tuple[str, str]:
    return entry.created, entry.uuid

"""What a fleet announces: the events of a vault (spec/event.schema.json), to the topic ArchivedTopic."""

import json
from typing import Any

from readvault.aws import clients
from readvault.catalog.model import Entry
from readvault.pipeline import events

# A fleet keeps no audit log of its own, the account has CloudTrail: this is the head of one that is empty.
NO_AUDIT = "0" * 64


def of_entry(kind: str, entry: Entry, vault: str) -> dict[str, Any]:
    """An event about an entry."""
    return events.of_entry(kind, entry, vault, NO_AUDIT)


def publish(topic: str, event: dict[str, Any]) -> None:
    """Announce an event. Whoever listens can choose by its type without reading it."""
    clients.client("sns").publish(
        TopicArn=topic,
        Message=json.dumps(event),
        MessageAttributes={"type": {"DataType": "String", "StringValue": event["type"]}},
    )

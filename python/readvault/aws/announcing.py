"""What a fleet announces: the events of a vault (spec/event.schema.json), to the topic ArchivedTopic."""

import json
from dataclasses import dataclass
from typing import Any

from readvault.aws import clients
from readvault.catalog.model import Entry
from readvault.pipeline import events

# A fleet keeps no audit log of its own, the account has CloudTrail: this is the head of one that is empty.
NO_AUDIT = "0" * 64


@dataclass(frozen=True, slots=True)
class Announcer:
    """Who tells of changes: whoever made one in the table, right after it.

    Nothing holds both together. Who is cut off in between tells nobody, and is not asked again, because the change is
    made: the entry says it all the same. Therefore the fleet itself waits for none of these events.
    """

    topic: str
    vault: str
    """What its events call the fleet."""

    def tell(self, kind: str, entry: Entry) -> None:
        """Announce what has become of an entry."""
        publish(self.topic, of_entry(kind, entry, self.vault))


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

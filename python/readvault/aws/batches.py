"""Batches of a queue: each message by itself, and only those that failed come back.

Where the queue keeps an order, it is kept here too: after a message that failed, the later ones of its group are not
begun but returned with it, and other groups go on.
"""

from collections.abc import Callable, Mapping
from typing import Any

from readvault.aws.log import say


def each(event: Mapping[str, Any], do: Callable[[str], object]) -> dict[str, Any]:
    """Do something with the body of every message; gives the answer that says which are to come back."""
    failed: list[dict[str, str]] = []
    waiting: set[str] = set()
    for record in event["Records"]:
        name = record["messageId"]
        group = record.get("attributes", {}).get("MessageGroupId")
        if group is not None and group in waiting:
            failed.append({"itemIdentifier": name})
            continue
        try:
            do(record["body"])
        except Exception as error:
            say(
                "error",
                str(error),
                kind=type(error).__name__,
                item=name,
                received=record.get("attributes", {}).get("ApproximateReceiveCount"),
                body=str(record["body"]),
            )
            failed.append({"itemIdentifier": name})
            if group is not None:
                waiting.add(group)
    return {"batchItemFailures": failed}

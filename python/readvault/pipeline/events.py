"""What is announced: JSON objects whose form is spec/event.schema.json. Each may arrive more than once, with the same
id.
"""

import uuid
from typing import Any

from readvault.catalog.model import Entry, now

EVENT_VERSION = 1

RECORDED = "archive.recorded"
FAILED = "job.failed"
DONE = "archive.done"
TIERED = "archive.tiered"
RECLAIMED = "source.reclaimed"
KINDS = (RECORDED, FAILED, DONE, TIERED, RECLAIMED)

# Names of events are made from what happened, so that an event that is made twice is the same one.
_NAMESPACE = uuid.UUID("6f2b0a5e-2c0c-4f0c-9d0e-0b8f5a3c7d11")


def of_entry(kind: str, entry: Entry, vault: str, audit_head: str) -> dict[str, Any]:
    """An event about an entry."""
    return _event(kind, vault, f"{entry.uuid}:{entry.tier if kind == TIERED else ''}", audit_head) | {
        "entry": entry.as_dict(),
        "archive": entry.place,
        "source": entry.source,
    }


def of_failure(
    job: int, source: str, kind: str, message: str, vault: str, audit_head: str, *, attempt: int, work: str = ""
) -> dict[str, Any]:
    """An event about a job that has failed for good. `work`: what tells it from others where jobs have no numbers."""
    return _event(FAILED, vault, f"{work or job}:{attempt}", audit_head) | {
        "job": job,
        "source": source,
        "error": {"kind": kind, "message": message},
    }


def _event(kind: str, vault: str, about: str, audit_head: str) -> dict[str, Any]:
    return {
        "event_version": EVENT_VERSION,
        "id": str(uuid.uuid5(_NAMESPACE, f"{vault}:{kind}:{about}")),
        "type": kind,
        "time": now(),
        "vault": vault,
        "audit_head": audit_head,
    }

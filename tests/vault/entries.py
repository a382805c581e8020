"""Entries for tests that need no archive."""

import hashlib
import uuid
from typing import Any

from readvault.catalog.model import Entry


def entry(number: int = 0, **changes: Any) -> Entry:
    """An entry as job number `number` would have made it."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    values: dict[str, Any] = {
        "uuid": str(uuid.UUID(int=number + 1)),
        "name": f"{number}.bam",
        "kind": "bam",
        "size": 1000 + number,
        "sha256": digest,
        "md5": digest[:32],
        "source": f"/data/{number}.bam",
        "source_version": f"{1000 + number}:1",
        "store": "/vault/archives",
        "key": f"{number}.bam.rv",
        "sidecar": None,
        "version": None,
        "archive_size": 250,
        "archive_sha256": digest,
        "archive_digest": digest,
        "ratio": (1000 + number) / 250,
        "level": "default",
        "records": 10,
        "references": (),
        "reference": None,
        "verified": "digest",
        "verified_full": None,
        "created": "2026-11-29T12:00:00Z",
        "seconds": 1.5,
        "writer": "readvault 0.1.0",
    }
    return Entry(**{**values, **changes})

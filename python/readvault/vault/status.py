"""What a vault is doing, as one JSON object. Jobs are counted by triggers, so a long queue costs nothing here."""

import json
import time
from typing import Any

from readvault.vault.alive import is_alive
from readvault.vault.home import Vault

# Failures that a status shows; `vault failed` lists all.
_SHOWN = 5
_HOUR = 3600.0


def of(vault: Vault) -> dict[str, Any]:
    """The status of a vault."""
    archives, before, after = vault.catalog.count()
    read = vault.database.read()
    last = read.execute(
        "SELECT count(*), coalesce(sum(size), 0), coalesce(avg(ended - started), 0), min(started) FROM jobs "
        "WHERE state = 'done' AND ended > ?",
        (time.time() - _HOUR,),
    ).fetchone()
    span = max(min(_HOUR, time.time() - (last[3] or 0)), 1e-3)
    error = read.execute("SELECT error FROM events WHERE pending AND error IS NOT NULL LIMIT 1").fetchone()
    return {
        "folder": str(vault.folder),
        "store": vault.store,
        "archives": {
            "count": archives,
            "source_bytes": before,
            "archive_bytes": after,
            "ratio": before / after if after else 0.0,
        },
        "jobs": {state: {"count": number, "bytes": length} for state, (number, length) in vault.queue.counts().items()},
        "last_hour": {
            "files": last[0],
            "source_bytes": last[1],
            "mb_per_second": last[1] / 1e6 / span,
            "seconds_a_file": last[2],
        },
        "runners": [
            {
                "id": row["id"],
                "host": row["host"],
                "pid": row["pid"],
                "workers": row["workers"],
                "alive": is_alive(vault, row["id"]),
                "doing": json.loads(row["doing"]),
            }
            for row in read.execute("SELECT * FROM runners ORDER BY started")
        ],
        "events": {"pending": vault.outbox.pending(), "error": None if error is None else error[0]},
        "failures": [
            {"job": job.id, "source": job.source, "kind": job.error_kind, "error": job.error}
            for job in vault.queue.jobs("failed", limit=_SHOWN)
        ],
    }

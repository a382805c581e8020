"""The outbox: events are written in the transaction of what they tell, and delivered afterwards until every notifier
has them.

So an event is never lost, and never told of what did not happen; it may arrive twice.
"""

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from readvault.catalog.database import Database
from readvault.catalog.model import Entry
from readvault.pipeline import events
from readvault.pipeline.failures import wait_before
from readvault.pipeline.notify import Notifier
from readvault.vault.audit import Audit, head

# Events looked at in one go.
_PAGE = 200
# Seconds after which deliveries are noted: more events would arrive twice after a crash.
_NOTED = 1.0
# Longest message that is kept of a failure.
_MESSAGE = 1000


class Outbox:
    """Events in a database."""

    def __init__(self, database: Database, audit: Audit, vault: str, notifiers: Sequence[Notifier], lock: Path) -> None:
        self.database = database
        self._audit = audit
        self._vault = vault
        self._notifiers = notifiers
        self._lock = lock

    def recorded(self, connection: sqlite3.Connection, entry: Entry) -> None:
        """A job has given an entry."""
        self.tell(
            connection, events.RECORDED, entry, "record", sha256=entry.sha256, archive_digest=entry.archive_digest
        )

    def tell(self, connection: sqlite3.Connection, kind: str, entry: Entry, action: str, **detail: Any) -> None:
        """Write down, in a transaction that is open, what was done to an entry: in the audit log, and as an event."""
        hashed = self._audit.append(connection, action, entry.uuid, archive=entry.place, source=entry.source, **detail)
        self._put(connection, events.of_entry(kind, entry, self._vault, hashed))

    def failed(
        self, connection: sqlite3.Connection, job: int, source: str, kind: str, message: str, attempt: int
    ) -> None:
        """A job has failed for good."""
        _, hashed, _ = head(connection)
        self._put(connection, events.of_failure(job, source, kind, message, self._vault, hashed, attempt=attempt))

    def _put(self, connection: sqlite3.Connection, event: dict[str, Any]) -> None:
        connection.execute(
            "INSERT INTO events (id, body, created, pending) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            (event["id"], json.dumps(event, ensure_ascii=False), time.time(), bool(self._notifiers)),
        )

    def pending(self) -> int:
        """How many events are not delivered."""
        found: int = self.database.read().execute("SELECT count(*) FROM events WHERE pending").fetchone()[0]
        return found

    def due(self) -> bool:
        """Whether an event is to be delivered now."""
        found = self.database.read().execute(
            "SELECT EXISTS (SELECT 1 FROM events WHERE pending AND not_before <= ?)", (time.time(),)
        )
        return bool(found.fetchone()[0])

    def deliver(self) -> tuple[int, int]:
        """Deliver what is due, in order; gives how many arrived everywhere and how many did not. One process at a time
        does it.
        """
        if not self.due():
            return 0, 0
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0, 0
            return self._deliver()
        finally:
            os.close(descriptor)

    def _deliver(self) -> tuple[int, int]:
        rows = self.database.read().execute(
            "SELECT * FROM events WHERE pending AND not_before <= ? ORDER BY number LIMIT ?", (time.time(), _PAGE)
        )
        arrived = missed = 0
        # What one notifier did not take is not offered to it again in this round: it is probably down.
        down: set[str] = set()
        sent: list[tuple[sqlite3.Row, float, list[str], str | None]] = []
        since = time.monotonic()
        for row in rows.fetchall():
            started = time.time()
            delivered, error = self._send(row, down)
            sent.append((row, started, delivered, error))
            arrived, missed = arrived + (error is None), missed + (error is not None)
            if time.monotonic() - since > _NOTED:
                self._note(sent)
                since = time.monotonic()
        self._note(sent)
        return arrived, missed

    def _send(self, row: sqlite3.Row, down: set[str]) -> tuple[list[str], str | None]:
        event, delivered, error = json.loads(row["body"]), json.loads(row["delivered"]), None
        for notifier in self._notifiers:
            if notifier.name in delivered:
                continue
            if notifier.name in down:
                error = error or "it waits for the events before it"
                continue
            try:
                notifier.send(event)
                delivered.append(notifier.name)
            except Exception as failure:  # Whatever it is, the event has not arrived.
                down.add(notifier.name)
                error = f"{failure}"[:_MESSAGE]
        return delivered, error

    def _note(self, sent: list[tuple[sqlite3.Row, float, list[str], str | None]]) -> None:
        with self.database.write() as connection:
            for row, started, delivered, error in sent:
                attempts = row["attempts"] + 1
                due = time.time() + wait_before(attempts + 1, 0.0) if error else 0.0
                connection.execute(
                    "UPDATE events SET delivered = ?, attempts = ?, not_before = ?, error = ?, pending = ? WHERE "
                    "number = ?",
                    (json.dumps(delivered), attempts, due, error, error is not None, row["number"]),
                )
                job = json.loads(row["body"]).get("entry", {}).get("job")
                if job is not None and error is None:
                    connection.execute(
                        "INSERT INTO steps VALUES (?, 'announce', ?, ?, ?, 'ok', 0, '')",
                        (job, attempts, started, time.time()),
                    )
        sent.clear()

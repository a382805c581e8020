"""What is known of one archive: the entry that a word means, and everything that has happened to it."""

import json
import os
from dataclasses import dataclass
from typing import Any, Protocol

from readvault import places
from readvault.catalog.model import Catalog, Condition, Entry
from readvault.catalog.query import is_uuid, named
from readvault.vault.home import Vault


@dataclass(frozen=True, slots=True)
class History:
    """What has happened to an archive."""

    steps: tuple[dict[str, Any], ...]
    """Runs of the steps of its job."""
    events: tuple[dict[str, Any], ...]
    """What was announced of it: type, time, whether it was delivered, and what went wrong last."""
    audit: tuple[dict[str, Any], ...]
    """Lines of the audit log about it, as they stand there: `catalog check` tells whether the log is whole."""

    def as_dict(self) -> dict[str, Any]:
        """The history as a JSON object."""
        return {"steps": list(self.steps), "events": list(self.events), "audit": list(self.audit)}


class Holding(Protocol):
    """What has a catalog: a vault, or a table that is read like one."""

    @property
    def catalog(self) -> Catalog:
        """Its entries."""

    @property
    def store(self) -> str:
        """Folder or URL of its archives."""


def meant(vault: Holding, word: str, limit: int) -> list[Entry]:
    """The entries that a word means, at most `limit`: a UUID, the place or key of an archive, a source, or a name."""
    names = named([word])
    if is_uuid(word):
        found = vault.catalog.get(word)
        return [] if found is None else [found]
    place = word if places.is_url(word) else os.path.abspath(word)  # noqa: PTH100 - links stay what they are
    for candidate in (place, os.path.realpath(place), places.join(vault.store, word)):
        there = vault.catalog.at(candidate)
        if there is not None:
            return [there]
    sources = (Condition("source", "=", (place,)),)
    for conditions in (names, sources):
        entries = list(vault.catalog.find(conditions, limit=limit, newest=True))
        if entries:
            return entries
    return []


def of(vault: Vault, entry: Entry) -> History:
    """What has happened to an entry's archive."""
    steps = [] if entry.job is None else vault.queue.steps(entry.job)
    return History(tuple(steps), tuple(_events(vault, entry)), tuple(_audit(vault, entry)))


def _events(vault: Vault, entry: Entry) -> list[dict[str, Any]]:
    rows = vault.database.read().execute(
        # A search for the text reads all events, but parses none of them.
        "SELECT body, delivered, pending, error FROM events WHERE instr(body, ?) > 0 ORDER BY number",
        (entry.uuid,),
    )
    told = []
    for row in rows.fetchall():
        body = json.loads(row["body"])
        if body.get("entry", {}).get("uuid") == entry.uuid:
            told.append(
                {
                    "id": body["id"],
                    "type": body["type"],
                    "time": body["time"],
                    "delivered": json.loads(row["delivered"]),
                    "pending": bool(row["pending"]),
                    "error": row["error"],
                }
            )
    return told


def _audit(vault: Vault, entry: Entry) -> list[dict[str, Any]]:
    """Lines about an entry. They are not checked: of a log that is damaged they are shown all the same."""
    told, sought = [], entry.uuid.encode()
    try:
        file = open(vault.audit.path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        return []
    with file:
        for text in file:
            if sought not in text:
                continue
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and line.get("subject") == entry.uuid:
                told.append(line)
    return told

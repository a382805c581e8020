"""Tiers: archives that nothing reads any more go where keeping them costs less. Their sidecars stay where they are, so
that a region's offsets are known before anything is brought back.

It is no step of a job: what comes after compressing still reads the file. An archive moves when all work on it was said
to be over, or at an age, as the first rule says whose pattern its project matches.
"""

import fnmatch
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime

from readvault import objects
from readvault.catalog import sqlite
from readvault.catalog.model import HOT, Condition, Entry, now
from readvault.errors import StoreError
from readvault.pipeline import events
from readvault.vault.home import Vault
from readvault.vault.settings import TierRule

# Seconds that a rule's program may take for one archive.
_PATIENCE = 3600.0


def mark_done(vault: Vault, entry: Entry) -> Entry:
    """Note that all work that reads an archive is over. Said twice, it counts once."""
    if entry.done is not None:
        return entry
    with vault.database.write() as connection:
        changed = sqlite.change(connection, entry.uuid, done=now())
        vault.outbox.tell(connection, events.DONE, changed, "done")
    return changed


def due(vault: Vault, conditions: tuple[Condition, ...]) -> Iterator[tuple[Entry, TierRule]]:
    """The archives whose rule says that they are to move now."""
    for entry in vault.catalog.find((*conditions, Condition("tier", "=", HOT))):
        rule = _rule_for(vault.settings.tiers, entry)
        if rule is not None and _is_due(rule, entry):
            yield entry, rule


def move(vault: Vault, entry: Entry, rule: TierRule) -> Entry:
    """Move an archive as a rule says. Cut off and done again, it comes to the same."""
    if rule.tags:
        objects.tag(entry.place, dict(rule.tags))
    if rule.storage_class is not None:
        objects.set_storage_class(entry.place, rule.storage_class)
    if rule.command:
        _run(rule.command, entry.place)
    with vault.database.write() as connection:
        changed = sqlite.change(connection, entry.uuid, tier=rule.name, tiered=now(), version=_version_now(entry))
        vault.outbox.tell(
            connection,
            events.TIERED,
            changed,
            "tier",
            rule=rule.name,
            storage_class=rule.storage_class,
            tags=dict(rule.tags),
        )
    return changed


def _rule_for(rules: tuple[TierRule, ...], entry: Entry) -> TierRule | None:
    return next((rule for rule in rules if fnmatch.fnmatchcase(entry.project, rule.project)), None)


def _is_due(rule: TierRule, entry: Entry) -> bool:
    if rule.done and entry.done is not None:
        return True
    return rule.after is not None and time.time() - seconds_of(entry.created) >= rule.after


def _version_now(entry: Entry) -> str | None:
    """The store's name for the archive now: another storage class can be another version."""
    state = objects.look(entry.place)
    return state.version or state.etag


def _run(command: tuple[str, ...], place: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the user's own program, as a list of arguments
            [*command, place],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreError(f"{command[0]} took more than {_PATIENCE:.0f} s for {place}") from None
    if done.returncode != 0:
        raise StoreError(
            f"{command[0]} ended with {done.returncode} for {place}: {done.stderr.decode(errors='replace').strip()}"
        )


def seconds_of(time_text: str) -> float:
    """Seconds since 1970 of a time as entries have it."""
    return datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp()

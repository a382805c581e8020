"""Deleting sources, each only when nothing is lost by it.

Before a source goes: its archive was decoded in full and compared not long ago (or is now), and is still the file that
it was; the reference that it leans on is in the store; all bytes of the source are read once more and are those of the
entry. What is then deleted is exactly the state of the source that was read. The audit log has a line before, and one
after.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from readvault import config, objects, places
from readvault.catalog import sqlite
from readvault.catalog.model import Condition, Entry, now
from readvault.errors import DamagedError, InvalidError
from readvault.pipeline import events
from readvault.pipeline.failures import ChangedError
from readvault.pipeline.restore import check_archive
from readvault.vault.home import Vault
from readvault.vault.restoring import verify_again
from readvault.vault.tiering import seconds_of

Hear = Callable[[int, int | None], object]


def candidates(vault: Vault, conditions: tuple[Condition, ...]) -> Iterator[Entry]:
    """Entries whose source was not deleted yet."""
    wanted = (Condition("reclaimed", "=", None), Condition("source", "!=", ""))
    return vault.catalog.find((*conditions, *wanted))


def reclaim(vault: Vault, entry: Entry, *, within: float, threads: int, hear: Hear | None = None) -> Entry:
    """Delete an entry's source.

    Raises, and deletes nothing, unless all is as it must be; see above. `within`: seconds.
    """
    if not places.is_url(entry.source) and Path(entry.source).is_symlink():
        raise InvalidError(f"{entry.source} is a symbolic link: deleting it would free nothing")
    # What is checked is read from where it is, not from a cache.
    config.configure(cache="")
    try:
        objects.look(entry.source)
    except FileNotFoundError:
        return _note_gone(vault, entry)
    entry = _check_kept(vault, entry, within, threads, hear)
    source = objects.digest(entry.source, progress=hear)
    if (source.length, source.sha256, source.md5) != (entry.size, entry.sha256, entry.md5):
        raise ChangedError(f"{entry.source} is not what was archived any more; it was kept")
    with vault.database.write() as connection:
        vault.audit.append(connection, "reclaim begins", entry.uuid, source=entry.source, state=source.state.text)
    objects.remove(entry.source, source.state)
    with vault.database.write() as connection:
        changed = sqlite.change(connection, entry.uuid, reclaimed=now())
        vault.outbox.tell(
            connection,
            events.RECLAIMED,
            changed,
            "reclaim",
            sha256=source.sha256,
            length=source.length,
            state=source.state.text,
            verified_full=entry.verified_full,
        )
    return changed


def _check_kept(vault: Vault, entry: Entry, within: float, threads: int, hear: Hear | None) -> Entry:
    """Check all that would be left; gives the entry, with the time of its full verification."""
    check_archive(entry)
    if entry.references and entry.reference is None:
        raise InvalidError(f"{entry.place} leans on a reference that is not in the vault's store; the source was kept")
    if entry.reference is not None:
        objects.look(places.join(entry.store, entry.reference))
    recent = entry.verified_full is not None and time.time() - seconds_of(entry.verified_full) <= within
    if not recent:
        return verify_again(vault, entry, threads=threads, hear=hear)
    # Not decoded again: but it must be, byte for byte, the file that was.
    found = objects.digest(entry.place, progress=hear)
    if (found.length, found.sha256) != (entry.archive_size, entry.archive_sha256):
        raise DamagedError(f"{entry.place} is not the file that was verified; the source was kept")
    return entry


def _note_gone(vault: Vault, entry: Entry) -> Entry:
    """Someone else deleted it, or a crash kept us from noting that we had."""
    with vault.database.write() as connection:
        changed = sqlite.change(connection, entry.uuid, reclaimed=now())
        vault.audit.append(connection, "source was gone", entry.uuid, source=entry.source)
    return changed

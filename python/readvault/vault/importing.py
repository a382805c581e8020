"""Archives that were made without the vault, taken into it: entry, audit log and event in one transaction."""

import sqlite3

from readvault import places
from readvault.catalog.model import Entry
from readvault.catalog.sqlite import SqliteCatalog, insert
from readvault.pipeline import events, importing
from readvault.pipeline.failures import ClashError
from readvault.pipeline.importing import Hear, Imported, Wanted
from readvault.vault import references
from readvault.vault.home import Vault


def take(vault: Vault, place: str, wanted: Wanted, hear: Hear | None = None) -> Imported:
    """Give an archive an entry, unless it has one; see `pipeline.importing.take`."""
    return importing.take(_Into(vault), place, wanted, hear)


class _Into:
    """A vault, as it takes archives in."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    @property
    def catalog(self) -> SqliteCatalog:
        return self._vault.catalog

    @property
    def store(self) -> str:
        return self._vault.store

    @property
    def pattern(self) -> str:
        return self._vault.settings.key

    def check_free(self, key: str) -> None:
        read = self._vault.database.read()
        row = read.execute("SELECT uuid FROM entries WHERE store = ? AND key = ?", (self.store, key)).fetchone()
        if row is not None:
            raise ClashError(f"name clash: {places.join(self.store, key)} is the archive of the entry {row['uuid']}")
        _check_jobs(read, key)

    def keep(self, fasta: str) -> str:
        return references.keep(self._vault, fasta)

    def record(self, entry: Entry, place: str) -> bool:
        vault = self._vault
        with vault.database.write() as connection:
            if connection.execute("SELECT 1 FROM entries WHERE uuid = ?", (entry.uuid,)).fetchone() is not None:
                return False
            _check_jobs(connection, entry.key)
            insert(connection, entry)
            vault.outbox.tell(
                connection,
                events.RECORDED,
                entry,
                "import",
                found=place,
                sha256=entry.sha256,
                archive_digest=entry.archive_digest,
                verified=entry.verified,
            )
        return True


def _check_jobs(connection: sqlite3.Connection, key: str) -> None:
    row = connection.execute("SELECT id FROM jobs WHERE key = ? AND state NOT IN ('done', 'failed')", (key,)).fetchone()
    if row is not None:
        raise ClashError(f"name clash: {key} will be the archive of job {row['id']}, which is not done")

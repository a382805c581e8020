"""Archives that were made without the fleet, taken into its table with the claims that the fleet itself makes.

The entry's item is named after its archive, because what work it would have been is not known any more. It has the
place of the archive: a file whose archive would come to stand there is a name clash afterwards, and is not done again.
"""

from functools import cache

from readvault import places
from readvault.aws import environment
from readvault.aws.vault import TableVault
from readvault.catalog.dynamodb import DynamoCatalog, entry_in, key_claim, text_in
from readvault.catalog.model import Conflict, Entry
from readvault.pipeline import events, importing, references
from readvault.pipeline.failures import ClashError
from readvault.pipeline.importing import Hear, Imported, Wanted


def take(table: TableVault, place: str, wanted: Wanted, hear: Hear | None = None) -> Imported:
    """Give an archive an entry, unless it has one; see `pipeline.importing.take`."""
    table.check_store()
    return importing.take(_Into(table), place, wanted, hear)


# One digest of a reference is enough for all archives that lean on it.
_kept = cache(references.keep)


class _Into:
    """A table, as it takes archives in."""

    def __init__(self, table: TableVault) -> None:
        self._table = table

    @property
    def catalog(self) -> DynamoCatalog:
        return self._table.catalog

    @property
    def store(self) -> str:
        return self._table.store

    @property
    def pattern(self) -> str:
        stack = self._table.stack
        return environment.PATTERN if stack is None else stack.parameters["KeyPattern"]

    def check_free(self, key: str) -> None:
        place = places.join(self.store, key)
        claim = self.catalog.item(key_claim(place))
        if claim is None or "released" in claim:
            return
        owner = text_in(claim, "owner")
        there = self.catalog.item(owner)
        entry = None if there is None else entry_in(there)
        if entry is not None:
            raise ClashError(f"name clash: {place} is the archive of the entry {entry.uuid}")
        raise ClashError(f"name clash: {place} will be the archive of work that is not done ({owner})")

    def keep(self, fasta: str) -> str:
        return _kept(self.store, fasta)[0]

    def record(self, entry: Entry, place: str) -> bool:
        try:
            self.catalog.put(entry)
        except Conflict:
            if self.catalog.get(entry.uuid) is not None:
                return False
            self.check_free(entry.key)
            raise
        stack = self._table.stack
        if stack is not None:
            stack.announcer.tell(events.RECORDED, entry)
        return True

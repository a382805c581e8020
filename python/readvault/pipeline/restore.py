"""What giving a source back takes, wherever that is done: the archive as the catalog knows it, and its reference."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from readvault import objects, places
from readvault.catalog.model import Entry, join
from readvault.errors import DamagedError


def check_archive(entry: Entry) -> None:
    """DamagedError unless the archive is there with the length that the catalog says."""
    state = objects.look(entry.place)
    if state.length != entry.archive_size:
        raise DamagedError(f"{entry.place} has {state.length:,} bytes; the catalog says {entry.archive_size:,}")


@contextmanager
def reference_of(entry: Entry) -> Iterator[str | None]:
    """A file of this machine with the reference sequences that an archive leans on; None where it leans on none."""
    if entry.reference is None:
        yield None
        return
    place = join(entry.store, entry.reference)
    if not places.is_url(place):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="readvault-") as folder:
        copy = str(Path(folder) / "reference.fa")
        objects.copy(place, copy)
        yield copy

"""What giving a source back takes, wherever that is done: the archive as the catalog knows it, and its reference."""

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from readvault import archive, objects, places
from readvault.catalog.model import Entry
from readvault.errors import DamagedError
from readvault.report import Fingerprint

Hear: TypeAlias = Callable[[int, int | None], object]


def give_back(entry: Entry, output: str, *, threads: int, force: bool, hear: Hear | None = None) -> None:
    """Write the source of an entry to `output`; DamagedError, and nothing left, unless it is what the catalog says."""
    check_archive(entry)
    with reference_of(entry) as reference:
        report = archive.decompress(
            entry.place, output, threads=threads, force=force, reference=reference, progress=hear
        )
    try:
        check_source_of(entry, report.fingerprint)
    except DamagedError:
        objects.remove(output)
        raise


def check_source_of(entry: Entry, found: Fingerprint) -> None:
    """DamagedError unless what an archive was decoded to is the source that the catalog says."""
    if (found.length, found.sha256, found.md5) != (entry.size, entry.sha256, entry.md5):
        raise DamagedError(
            f"{entry.place} holds another source than the catalog says: {found.sha256}, not {entry.sha256}"
        )


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
    place = places.join(entry.store, entry.reference)
    if not places.is_url(place):
        yield place
        return
    with _copying:
        copy = _copy_of(place)
    yield copy.path


class _Copy:
    """A reference's copy on this machine, until nobody has it any more."""

    def __init__(self, place: str) -> None:
        folder = tempfile.mkdtemp(prefix="readvault-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.path = str(Path(folder) / "reference.fa")
        objects.copy(place, self.path)


# Archives that are given back together lean on one reference, as a rule, and that of a human genome is 3 GB.
_copy_of = lru_cache(maxsize=1)(_Copy)
_copying = threading.Lock()

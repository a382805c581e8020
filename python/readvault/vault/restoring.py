"""Giving sources back from a vault, several at a time, each compared with what the catalog says of it."""

from collections.abc import Callable
from dataclasses import dataclass

from readvault import archive, objects
from readvault.catalog.model import Entry, now
from readvault.errors import DamagedError
from readvault.pipeline.restore import check_archive, reference_of
from readvault.report import VerifyReport
from readvault.vault.home import Vault


@dataclass(frozen=True, slots=True)
class Restored:
    """A source that was given back."""

    entry: Entry
    path: str


def restore(
    vault: Vault,
    entry: Entry,
    output: str,
    *,
    threads: int,
    force: bool,
    hear: Callable[[int, int | None], object] | None = None,
) -> Restored:
    """Write the source of an entry to `output`; DamagedError, and nothing written, unless it is what the
    catalog says.
    """
    check_archive(entry)
    with reference_of(entry) as reference:
        report = archive.decompress(
            entry.place, output, threads=threads, force=force, reference=reference, progress=hear
        )
    found = report.fingerprint
    if (found.length, found.sha256, found.md5) != (entry.size, entry.sha256, entry.md5):
        objects.remove(output)
        raise DamagedError(
            f"{entry.place} holds another source than the catalog says: {found.sha256}, not {entry.sha256}"
        )
    with vault.database.write() as connection:
        vault.audit.append(connection, "restore", entry.uuid, archive=entry.place, output=output)
    return Restored(entry, output)


def verify_again(
    vault: Vault, entry: Entry, *, threads: int, hear: Callable[[int, int | None], object] | None = None
) -> Entry:
    """Decode an archive in full and compare it with the catalog; the entry then says when.

    DamagedError if it differs.
    """
    with reference_of(entry) as reference:
        found: VerifyReport = archive.verify(entry.place, threads=threads, reference=reference, progress=hear)
    told = found.source.fingerprint
    if (told.length, told.sha256, told.md5) != (entry.size, entry.sha256, entry.md5):
        raise DamagedError(
            f"{entry.place} holds another source than the catalog says: {told.sha256}, not {entry.sha256}"
        )
    if found.archive.sha256 != entry.archive_sha256:
        raise DamagedError(f"{entry.place} is another file than the catalog says: {found.archive.sha256}")
    return vault.catalog.change(entry.uuid, verified_full=now())

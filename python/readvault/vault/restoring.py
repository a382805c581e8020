"""Giving sources back from a vault, and decoding archives anew, each compared with what the catalog says of it."""

from readvault import archive
from readvault.catalog.model import Entry, now
from readvault.errors import DamagedError
from readvault.pipeline.restore import Hear, check_source_of, give_back, reference_of
from readvault.report import VerifyReport
from readvault.vault.home import Vault


def restore(vault: Vault, entry: Entry, output: str, *, threads: int, force: bool, hear: Hear | None = None) -> None:
    """Write the source of an entry to `output`, as `give_back` does, and say so in the audit log."""
    give_back(entry, output, threads=threads, force=force, hear=hear)
    with vault.database.write() as connection:
        vault.audit.append(connection, "restore", entry.uuid, archive=entry.place, output=output)


def verify_again(vault: Vault, entry: Entry, *, threads: int, hear: Hear | None = None) -> Entry:
    """Decode an archive in full and compare it with the catalog; the entry then says when.

    DamagedError if it differs.
    """
    with reference_of(entry) as reference:
        found: VerifyReport = archive.verify(entry.place, threads=threads, reference=reference, progress=hear)
    check_source_of(entry, found.source.fingerprint)
    if found.archive.sha256 != entry.archive_sha256:
        raise DamagedError(f"{entry.place} is another file than the catalog says: {found.archive.sha256}")
    return vault.catalog.change(entry.uuid, verified_full=now())

"""Reference files that archives lean on, kept in the vault's store under their digest: what an archive cannot be
decoded without must not depend on a file that may be gone.
"""

from contextlib import suppress
from pathlib import Path

from readvault import objects, places
from readvault.errors import InvalidError
from readvault.vault.home import Vault


def keep(vault: Vault, fasta: str) -> str:
    """Put a FASTA file (a path) into the store, unless it is there; gives its key."""
    state = objects.look(fasta)
    row = (
        vault.database.read()
        .execute("SELECT key FROM reference_files WHERE place = ? AND version = ?", (fasta, state.name))
        .fetchone()
    )
    if row is not None:
        return str(row["key"])
    digest = objects.digest(fasta)
    key = f"references/{digest.sha256}.fa"
    target = places.join(vault.store, key)
    try:
        found = objects.look(target)
    except FileNotFoundError:
        _copy(fasta, target)
        found = objects.look(target)
    if found.length != digest.length:
        raise InvalidError(f"{target} is not the reference that its name says: remove it")
    with vault.database.write() as connection:
        connection.execute(
            "INSERT INTO reference_files VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (fasta, state.name, digest.sha256, key),
        )
    return key


def _copy(fasta: str, target: str) -> None:
    if not places.is_url(target):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
    # Where another runner was quicker, it is there.
    with suppress(FileExistsError):
        objects.copy(fasta, target)

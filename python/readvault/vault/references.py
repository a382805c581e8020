"""References that a vault's archives lean on. Which file is which copy is noted: digesting one takes a while."""

from readvault import objects
from readvault.pipeline import references
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
    key, sha256 = references.keep(vault.store, fasta)
    with vault.database.write() as connection:
        connection.execute(
            "INSERT INTO reference_files VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (fasta, state.name, sha256, key),
        )
    return key

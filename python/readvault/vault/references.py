"""Reference files that archives lean on, kept in the vault's store; each is digested once."""

from readvault import objects
from readvault.pipeline.references import stored
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
    key = stored(fasta, digest.length, digest.sha256, vault.store)
    with vault.database.write() as connection:
        connection.execute(
            "INSERT INTO reference_files VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (fasta, state.name, digest.sha256, key),
        )
    return key

"""References that archives lean on, kept in the store under their digest: what an archive cannot be decoded without
must not depend on a file that may be gone.
"""

from contextlib import suppress
from pathlib import Path

from readvault import objects, places
from readvault.errors import InvalidError


def keep(store: str, fasta: str) -> tuple[str, str]:
    """Put a FASTA file (a path) into a store, unless it is there; gives its key and its SHA-256."""
    digest = objects.digest(fasta)
    key = f"references/{digest.sha256}.fa"
    target = places.join(store, key)
    try:
        found = objects.look(target)
    except FileNotFoundError:
        _copy(fasta, target)
        found = objects.look(target)
    if found.length != digest.length:
        raise InvalidError(f"{target} is not the reference that its name says: remove it")
    return key, digest.sha256


def _copy(fasta: str, target: str) -> None:
    if not places.is_url(target):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
    # Where another process was quicker, it is there.
    with suppress(FileExistsError):
        objects.copy(fasta, target)

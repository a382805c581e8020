"""The reference that a job's archive may lean on: from S3 to a file of the machine, once for all its jobs, and into the
store for good before the archive is.

Core reads references from files alone, here and there in them. One of a human genome is 3 GB: on the machine's disk,
not in the memory that the jobs have for their work. Machines come and go, so nothing there is ever cleared.
"""

import fcntl
import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from readvault import files, objects
from readvault.aws.log import say
from readvault.errors import StoreError
from readvault.pipeline.order import WorkOrder
from readvault.pipeline.references import stored

# Folder that jobs of a machine share; else the one for temporary files.
SCRATCH = "READVAULT_SCRATCH"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A reference on this machine."""

    path: str
    length: int
    sha256: str


def at_hand(order: WorkOrder) -> WorkOrder:
    """The order with its reference as a file of this machine, and its key in the store. FileNotFoundError where there
    is none at its URL.
    """
    url = order.options.reference
    if url is None:
        return order
    found = _fetched(url)
    key = stored(found.path, found.length, found.sha256, order.store)
    return replace(order, options=replace(order.options, reference=found.path), reference=key)


def _fetched(url: str) -> Fetched:
    folder = Path(os.environ.get(SCRATCH) or tempfile.gettempdir()) / "references"
    folder.mkdir(parents=True, exist_ok=True)
    state = objects.look(url)
    name = hashlib.sha256(f"{url} {state.name}".encode()).hexdigest()[:32]
    path, digest = str(folder / f"{name}.fa"), folder / f"{name}.sha256"
    # Jobs that begin together on a machine wait for the one that fetches; its end, whatever it is, lets them go on.
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not digest.exists():
            for left in files.remains(path):
                # Of a job that was killed at it: whoever has the lock is the only one who writes here.
                left.unlink(missing_ok=True)
            copied = objects.copy(url, path, force=True)
            if copied.state.name != state.name:
                raise StoreError(f"{url} was replaced while it was fetched")
            # With its index it need not be read as a whole to find its sequences.
            with suppress(FileNotFoundError):
                objects.copy(f"{url}.fai", f"{path}.fai", force=True)
            files.write_whole(copied.sha256, str(digest))
            say("info", "fetched the reference", reference=url, size=copied.length)
        return Fetched(path, state.length, digest.read_text())

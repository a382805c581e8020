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
from dataclasses import replace
from pathlib import Path

from readvault import files, objects
from readvault.aws.log import say
from readvault.errors import StoreError
from readvault.pipeline import references
from readvault.pipeline.order import WorkOrder

# Folder that jobs of a machine share; else the one for temporary files.
SCRATCH = "READVAULT_SCRATCH"


def at_hand(order: WorkOrder) -> WorkOrder:
    """The order with its reference as a file of this machine, and its key in the store. FileNotFoundError where there
    is none at its URL.
    """
    url = order.options.reference
    if url is None:
        return order
    folder = Path(os.environ.get(SCRATCH) or tempfile.gettempdir()) / "references"
    folder.mkdir(parents=True, exist_ok=True)
    state = objects.look(url)
    name = hashlib.sha256(f"{url} {state.name} {order.store}".encode()).hexdigest()[:32]
    path, note = str(folder / f"{name}.fa"), folder / f"{name}.key"
    # Jobs that begin together on a machine wait for the one that fetches; its end, whatever it is, lets them go on.
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            _fetch(url, state.name, path)
            key, _ = references.keep(order.store, path)
            files.write_whole(key, str(note))
        return replace(order, options=replace(order.options, reference=path), reference=note.read_text())


def _fetch(url: str, state: str, path: str) -> None:
    for left in files.remains(path):
        # Of a job that was killed at it: whoever has the lock is the only one who writes here.
        left.unlink(missing_ok=True)
    copied = objects.copy(url, path, force=True)
    if copied.state.name != state:
        raise StoreError(f"{url} was replaced while it was fetched")
    # With its index it need not be read as a whole to find its sequences.
    with suppress(FileNotFoundError):
        objects.copy(f"{url}.fai", f"{path}.fai", force=True)
    say("info", "fetched the reference", reference=url, size=copied.length)

"""The steps themselves. Each can be run again after it was cut off at any point, and comes to the same end.

What a step gives is a JSON object, which the next ones take; nothing else passes between them, so they may run in
different processes. `Hear` is told how far a step is; an exception that it raises stops the step.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from readvault import _core, archive, files, objects, places
from readvault.catalog.model import now
from readvault.errors import (
    DamagedError,
    InvalidError,
    ReadvaultError,
    StoreError,
    TruncatedError,
    UnsupportedError,
)
from readvault.pipeline.failures import ChangedError, ClashError, ClosedError, MismatchError, MissingError
from readvault.pipeline.order import WorkOrder
from readvault.report import CompressReport, State, as_dict, state_name

Hear: TypeAlias = Callable[[int, int | None], object]
Given: TypeAlias = dict[str, Any]
Result = TypeVar("Result")

# What `--verify sample` decodes once more: so many stretches of so many bytes, at random.
_SAMPLES = 16
_SAMPLE = 1 << 20
# How often an archive that seems damaged is read before its store is blamed.
_LOOKS = 3
# The empty block that ends a BGZF file (SAM specification, section 4.1.2): a file without it was cut off, or never
# finished.
LAST_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def check_source(order: WorkOrder) -> State:
    """The source's state; MissingError or ChangedError unless it is the one that was submitted."""
    try:
        state = objects.look(order.source)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingError(f"{order.source}: there is no such source any more") from None
    if state.name != order.source_version:
        raise ChangedError(
            f"{order.source} has changed since it was submitted ({order.source_version}, now {state.name}): submit "
            f"it again"
        )
    return state


def check_free(order: WorkOrder) -> None:
    """ClashError if something stands where the archive is to be, before this job has put anything there."""
    try:
        objects.look(order.target)
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise ClosedError(f"the store cannot be read: {error}") from None
    raise ClashError(
        f"name clash: {order.target} exists and is not this job's; submit with --name KEY or another --project, or "
        f"`readvault catalog import` it"
    )


def clear_remains(order: WorkOrder) -> None:
    """Remove the unfinished files that a killed attempt left beside the archive's place."""
    for left in (order.target, archive.default_sidecar(order.target)):
        for path in [] if places.is_url(left) else files.remains(left):
            path.unlink(missing_ok=True)


def compress(order: WorkOrder, threads: int, hear: Hear | None) -> Given:
    """Make the archive and publish it; where an earlier attempt has published it already, that one is taken."""
    try:
        if not places.is_url(order.target):
            Path(order.target).parent.mkdir(parents=True, exist_ok=True)
        report = archive.compress(
            order.source,
            order.target,
            threads=threads,
            level=order.options.level,
            reference=order.options.reference,
            progress=hear,
        )
    except FileExistsError:
        return _adopt(order, threads, hear)
    except (OSError, ReadvaultError) as error:
        # Whatever came of it: a source that is another one now cannot be meant.
        check_source(order)
        if isinstance(error, PermissionError):
            # The source can be read, so it is the store that cannot be written.
            raise ClosedError(f"the store cannot be written: {error}") from None
        raise
    try:
        _check_read(order, report)
    except ChangedError:
        discard(order)
        raise
    return {
        "adopted": False,
        "report": as_dict(report),
        "marks": _marks(order, report.source.kind),
    }


def _check_read(order: WorkOrder, report: CompressReport) -> None:
    """ChangedError if what was read is not what was submitted: it may have changed just before it was opened."""
    if places.is_url(order.source):
        check_source(order)
        return
    read = state_name(report.source.fingerprint.length, report.source.mtime_ns, None)
    if read != order.source_version:
        raise ChangedError(f"{order.source} changed before it was read ({order.source_version}, then {read})")


def _adopt(order: WorkOrder, threads: int, hear: Hear | None) -> Given:
    """Take the archive that an earlier attempt published before it could say so, if it is of the same source."""
    try:
        found = _surely(
            order,
            lambda: archive.verify(order.target, reference=order.options.reference, threads=threads, progress=hear),
        )
    except (DamagedError, UnsupportedError, InvalidError) as error:
        raise ClashError(f"name clash: {order.target} exists and is no archive of this source: {error}") from None
    source = objects.digest(order.source)
    check_source(order)
    told = found.source.fingerprint
    if (told.length, told.sha256, told.md5) != (source.length, source.sha256, source.md5):
        raise ClashError(f"name clash: {order.target} exists and is the archive of another source")
    info = as_dict(archive.info(order.target))
    info["archive"]["sha256"] = found.archive.sha256
    return {"adopted": True, "report": info, "marks": _marks(order, found.source.kind)}


def _marks(order: WorkOrder, kind: str) -> list[str]:
    """What is odd about the source."""
    if kind != "bam":
        return ["not-bam"] if places.name_of(order.source).lower().endswith(".bam") else []
    length = len(LAST_BLOCK)
    try:
        whole = order.source_size >= length and _source_bytes(order, order.source_size - length, length) == LAST_BLOCK
    except TruncatedError:
        # An object without its last block is not even opened.
        whole = False
    return [] if whole else ["truncated"]


def index(order: WorkOrder, made: Given, threads: int, hear: Hear | None) -> Given:
    """Make the sidecar with indexes, unless the source brought its own or cannot have one. Gives the reason why not."""
    report = made["report"]
    if not order.options.index:
        return {"sidecar": None, "why": "not asked for"}
    if any(one["stale"] is None for one in report["attachments"]):
        return {"sidecar": None, "why": "the source brought its own"}
    if report["source"]["kind"] != "bam":
        return {"sidecar": None, "why": f"a source of kind {report['source']['kind']} has none"}
    if report["counts"]["records"] == 0:
        return {"sidecar": None, "why": "there are no records"}
    try:
        done = _surely(
            order,
            lambda: archive.index(
                order.target, force=True, threads=threads, reference=order.options.reference, progress=hear
            ),
        )
    except (InvalidError, DamagedError) as error:
        # Not sorted, or the source itself is damaged. What an earlier attempt may have left is of no use then.
        objects.remove(archive.default_sidecar(order.target))
        return {"sidecar": None, "why": str(error)}
    return {"sidecar": archive.default_sidecar(order.key), "length": done.sidecar.length, "why": None}


def _surely(order: WorkOrder, read: Callable[[], Result]) -> Result:
    """What reading the archive gives.

    DamagedError only when it is damaged in the same words twice: a network that flips bits raises StoreError instead.
    """
    told = ""
    for _ in range(_LOOKS):
        try:
            return read()
        except DamagedError as error:
            if str(error) == told:
                raise
            told = str(error)
    raise StoreError(f"{order.target} reads back damaged in one place after the other: {told}")


def verify(order: WorkOrder, made: Given, threads: int, hear: Hear | None, *, dice: random.Random) -> Given:
    """Read the published archive back from the store, digest it, and compare with what compressing reported.

    By `order.options.verify`, samples or all of it are also decoded once more and compared with the source.
    MismatchError when anything differs.
    """
    told = made["report"]["archive"]
    try:
        found = objects.digest(order.target, progress=hear)
    except FileNotFoundError as error:
        raise MismatchError(f"what was published is not there any more: {error}") from None
    if (found.length, found.sha256) != (told["length"], told["sha256"]):
        raise MismatchError(
            f"{order.target} reads back as {found.length} bytes with SHA-256 {found.sha256}; written were "
            f"{told['length']} with {told['sha256']}"
        )
    how = "full" if made["adopted"] else order.options.verify
    is_readable = made["report"]["source"]["kind"] == "bam" and "truncated" not in made["marks"]
    if how == "sample" and places.is_url(order.source) and not is_readable:
        how = "full"  # Of other objects no stretches are read.
    if how == "full" and not made["adopted"]:
        again = archive.verify(order.target, reference=order.options.reference, threads=threads, progress=hear)
        if as_dict(again.source.fingerprint) != made["report"]["source"]["fingerprint"]:
            raise MismatchError(f"{order.target} does not decode to the source that was compressed")
    elif how == "sample":
        _compare_samples(order, dice)
    return {
        "how": how,
        "sha256": found.sha256,
        "length": found.length,
        "version": found.state.version or found.state.etag,
        "full": now() if how == "full" else None,
    }


def _compare_samples(order: WorkOrder, dice: random.Random) -> None:
    with archive.open(order.target, reference=order.options.reference) as view:
        length = view.seek(0, 2)
        for _ in range(_SAMPLES if length else 0):
            start = dice.randrange(max(1, length - _SAMPLE))
            view.seek(start)
            decoded = view.read(_SAMPLE)
            if decoded != _source_bytes(order, start, len(decoded)):
                check_source(order)
                raise MismatchError(f"{order.target} does not decode to the source's bytes at offset {start}")


def _source_bytes(order: WorkOrder, start: int, length: int) -> bytes:
    if places.is_url(order.source):
        return _core.open(order.source).read_at(start, length)
    with open(order.source, "rb") as file:
        file.seek(start)
        return file.read(length)


def discard(order: WorkOrder) -> None:
    """Remove what this job has published, which no entry tells of."""
    for place in (archive.default_sidecar(order.target), order.target):
        objects.remove(place)

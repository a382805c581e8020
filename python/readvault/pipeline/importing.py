"""Archives that were made elsewhere get entries: each is read, verified, and told of as if a job had made it.

Those in the catalog's store stay where they are; others are copied into it if that is asked for. What was found is
never moved, changed or deleted.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from readvault import archive, objects, places
from readvault.archive import default_sidecar
from readvault.catalog.model import Catalog, Entry, now
from readvault.errors import DamagedError, InvalidError, ReadvaultError
from readvault.pipeline import steps
from readvault.pipeline.failures import ChangedError, ClashError
from readvault.pipeline.order import Options, check_key, key_for
from readvault.report import Info, State, as_dict

Hear: TypeAlias = Callable[[int, int | None], object]

# How the names of archives end; beside them are sidecars and proofs.
_ARCHIVE = ".rv"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How archives are to be imported."""

    project: str = ""
    sample: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    copy: bool = False
    """Copy those that are not in the store into it."""
    verify: Literal["full", "digest"] = "full"
    """Decode all of each archive and compare it with its fingerprint, or only digest its bytes."""
    reference: str | None = None
    """FASTA file that archives lean on; a copy of it is kept in the store."""
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an archive: its entry, and whether the catalog had it before."""

    entry: Entry
    known: bool


class Into(Protocol):
    """A catalog and its store, as they take archives in."""

    @property
    def catalog(self) -> Catalog:
        """The entries."""

    @property
    def store(self) -> str:
        """Folder or URL of the archives."""

    @property
    def pattern(self) -> str:
        """What keys of archives are made of."""

    def check_free(self, key: str) -> None:
        """ClashError if an entry or work that is not done has the key."""

    def keep(self, fasta: str) -> str:
        """Put a reference (a path) into the store, unless it is there; gives its key."""

    def record(self, entry: Entry, place: str) -> bool:
        """Put an entry into the catalog and tell of it; False where the catalog has it already. ClashError as above."""


def archives(place: str) -> Iterator[str]:
    """The archives at a place: itself, or those in a folder and below it, or those whose URLs go on from a prefix."""
    if places.is_url(place):
        if not place.endswith("/"):
            try:
                objects.look(place)
            except FileNotFoundError as error:
                below = _below(place + "/")
                first = next(below, None)
                if first is None:
                    raise FileNotFoundError(f"{error}; nor is anything below it") from None
                yield from chain([first], below)
            else:
                yield place
            return
        yield from _below(place)
    elif Path(place).is_dir():
        yield from _below(str(Path(place).absolute()))
    else:
        yield place


def _below(place: str) -> Iterator[str]:
    for one in objects.listing(place):
        name = places.name_of(one.place)
        if name.endswith(_ARCHIVE) and not name.startswith("."):
            yield one.place


def take(into: Into, place: str, wanted: Wanted, hear: Hear | None = None) -> Imported:
    """Give an archive an entry, unless it has one.

    ClashError when its key is taken; InvalidError when it is not in the store and not to be copied; what
    `readvault.verify` raises when it is damaged.
    """
    began = time.time()
    _check_text(place)
    info = archive.info(place)
    if info.sidecar is not None:
        raise InvalidError(f"{place} is a sidecar: import the archive that it belongs to")
    known = into.catalog.get(info.archive.uuid)
    if known is not None:
        return Imported(known, known=True)
    key = _key_within(into, place)
    if key is None:
        key = _key_of_copy(into, place, info, wanted)
        into.check_free(key)
        _copy(place, places.join(into.store, key), info)
    else:
        into.check_free(key)
    target = places.join(into.store, key)
    leans_on = as_dict(info)["leans_on"]
    sha256, state = _verified(target, info, wanted, hear)
    sidecar = _sidecar(place, target, info)
    entry = Entry(
        uuid=info.archive.uuid,
        name=_source_name(place, info),
        kind=info.source.kind,
        size=info.source.fingerprint.length,
        sha256=info.source.fingerprint.sha256,
        md5=info.source.fingerprint.md5,
        source="",
        source_version="",
        store=into.store,
        key=key,
        sidecar=default_sidecar(key) if sidecar else None,
        version=state.version or state.etag,
        archive_size=state.length,
        archive_sha256=sha256,
        archive_digest=info.archive.digest,
        ratio=info.ratio,
        level=info.archive.level,
        records=info.counts.records,
        references=tuple(leans_on),
        reference=into.keep(wanted.reference) if leans_on and wanted.reference else None,
        verified="full" if wanted.verify == "full" else "imported",
        verified_full=now() if wanted.verify == "full" else None,
        created=now(),
        seconds=round(time.time() - began, 3),
        writer=info.archive.writer,
        project=wanted.project,
        sample=wanted.sample,
        tags=dict(wanted.tags),
        marks=tuple(_marks(target, info, wanted)),
    )
    if into.record(entry, place):
        return Imported(entry, known=False)
    # Another process was quicker.
    return Imported(into.catalog.get(entry.uuid) or entry, known=True)


# --- Where it is to stand --------------------------------------------------------------------------------------------


def _key_within(into: Into, place: str) -> str | None:
    """The key of a place in the store; None for one that is elsewhere."""
    prefix = into.store.rstrip("/") + "/"
    if places.is_url(place):
        return check_key(place.removeprefix(prefix)) if place.startswith(prefix) else None
    path = Path(place).absolute()
    # A link in the store is in the store, wherever it leads; the folders that lead to it may be links too.
    for candidate in (path, path.parent.resolve() / path.name):
        if str(candidate).startswith(prefix):
            return check_key(str(candidate).removeprefix(prefix))
    return None


def _check_text(place: str) -> None:
    try:
        place.encode()
    except UnicodeEncodeError:
        raise InvalidError(f"{place!r}: its name is not UTF-8, which the catalog needs: rename it") from None


def _key_of_copy(into: Into, place: str, info: Info, wanted: Wanted) -> str:
    if not wanted.copy:
        raise InvalidError(f"{place} is not in the store ({into.store}): --copy puts a copy there")
    whole = place if places.is_url(place) else str(Path(place).absolute())
    beside = places.beside(whole, _source_name(place, info))
    return key_for(into.pattern, beside, Options(project=wanted.project, sample=wanted.sample))


def _copy(place: str, target: str, info: Info) -> None:
    """Copy an archive into the store, whole or not at all. A copy that an earlier attempt has made will do."""
    if not places.is_url(target):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
    try:
        objects.copy(place, target)
    except FileExistsError:
        if not _is_same(target, info):
            raise ClashError(f"name clash: {target} exists and is another file") from None


def _is_same(place: str, info: Info) -> bool:
    """Whether an archive, or the sidecar of one, is of this archive."""
    try:
        found = archive.info(place).archive
    except (ReadvaultError, FileNotFoundError):
        return False
    return (found.uuid, found.digest) == (info.archive.uuid, info.archive.digest)


# --- What it is ------------------------------------------------------------------------------------------------------


def _verified(target: str, info: Info, wanted: Wanted, hear: Hear | None) -> tuple[str, State]:
    """Verify an archive where it is to stay; gives the SHA-256 of its bytes and the state that has them."""
    if wanted.verify == "digest":
        read = objects.digest(target, progress=hear)
        sha256, state = read.sha256, read.state
    else:
        state = objects.look(target)
        found = archive.verify(target, reference=wanted.reference, threads=wanted.threads, progress=hear)
        if found.archive.sha256 is None or objects.look(target).name != state.name:
            raise ChangedError(f"{target} changed while it was verified: import it again")
        sha256 = found.archive.sha256
    if state.length != info.archive.length:
        raise DamagedError(f"{target} has {state.length:,} bytes; the archive has {info.archive.length:,}")
    return sha256, state


def _sidecar(place: str, target: str, info: Info) -> bool:
    """Whether there are indexes for an archive beside it; those of one that was copied are copied too."""
    found, wanted = default_sidecar(place), default_sidecar(target)
    if not places.is_url(found) and Path(found).is_file() and _is_same(found, info):
        try:
            if not _is_same(wanted, info):
                objects.copy(found, wanted)
        except FileExistsError:
            raise ClashError(f"name clash: {wanted} exists and is no sidecar of {target}") from None
    return _is_same(wanted, info)


def _source_name(place: str, info: Info) -> str:
    return info.source.name or places.name_of(place).removesuffix(_ARCHIVE)


def _marks(target: str, info: Info, wanted: Wanted) -> Iterable[str]:
    """What is odd about the source, as far as its archive can be asked."""
    if info.source.kind != "bam":
        return ["not-bam"] if _source_name(target, info).lower().endswith(".bam") else []
    if as_dict(info)["leans_on"] and wanted.reference is None and wanted.verify != "full":
        return []
    length = info.source.fingerprint.length
    reader: Any
    with archive.open(target, reference=wanted.reference, buffering=0) as reader:
        end = reader.read_at(max(0, length - len(steps.LAST_BLOCK)), len(steps.LAST_BLOCK))
    return [] if end == steps.LAST_BLOCK else ["truncated"]

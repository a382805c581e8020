"""Files and objects as things: looked at, listed, digested, tagged and removed, each only in the state that was looked
at.

Places are paths of this machine and URLs of stores alike. A missing one raises FileNotFoundError, a forbidden one
PermissionError; what a store cannot do raises UnsupportedError.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from readvault import _core


@dataclass(frozen=True, slots=True)
class State:
    """What tells one state of a file or object from another."""

    length: int
    """Bytes."""
    modified_ns: int
    """Time of the last change, in nanoseconds since 1970."""
    etag: str | None
    version: str | None
    """Version id, in buckets that keep versions."""
    storage_class: str | None
    text: str
    """All of it as JSON, as `remove` takes it."""

    @property
    def name(self) -> str:
        """The state as one word, the same for the same state."""
        return name_of_state(self.length, self.modified_ns, self.etag)


def name_of_state(length: int, modified_ns: int, etag: str | None) -> str:
    """How a state is called. Version ids are not part of it: listings do not tell them."""
    return f"{length}:{modified_ns}" if etag is None else f"{length}:{etag.removeprefix('W/').strip(chr(34))}"


@dataclass(frozen=True, slots=True)
class Digest:
    """What the bytes of a place are."""

    length: int
    sha256: str
    md5: str
    state: State


@dataclass(frozen=True, slots=True)
class Listed:
    """A place that a listing names."""

    place: str
    length: int
    modified_ns: int
    etag: str | None

    @property
    def state_name(self) -> str:
        """As State.name."""
        return name_of_state(self.length, self.modified_ns, self.etag)


def look(place: str) -> State:
    """The state of a file or object now."""
    return _state(_core.look(place))


def listing(place: str) -> Iterator[Listed]:
    """All files below a folder, or objects below a URL, in constant memory."""
    for batch in _core.listing(place):
        for one in batch:
            yield Listed(*one)


def digest(place: str, *, progress: Callable[[int, int | None], object] | None = None) -> Digest:
    """Read all bytes of a file or object, in one state, and digest them."""
    found = json.loads(_core.digest(place, progress=progress))
    return Digest(found["length"], found["sha256"], found["md5"], _state_of(found["state"]))


def copy(place: str, target: str, *, force: bool = False) -> Digest:
    """Copy the bytes of a file or object, in one state; the copy appears whole or not at all. Gives what was copied."""
    found = json.loads(_core.copy(place, target, force=force))
    return Digest(found["length"], found["sha256"], found["md5"], _state_of(found["state"]))


def remove(place: str, state: State | None = None) -> bool:
    """Delete what is at a place, if it is still in this state (StoreError otherwise); False where nothing is."""
    return _core.remove(place, None if state is None else state.text)


def tag(place: str, tags: Mapping[str, str]) -> None:
    """Add tags to an object, or set them anew."""
    _core.tag(place, dict(tags))


def set_storage_class(place: str, name: str) -> None:
    """Move an object to another storage class."""
    _core.storage_class(place, name)


def _state(text: str) -> State:
    return _state_of(json.loads(text))


def _state_of(found: dict[str, Any]) -> State:
    return State(
        found["length"],
        found["modified_ns"],
        found["etag"],
        found["version"],
        found["storage_class"],
        json.dumps(found),
    )

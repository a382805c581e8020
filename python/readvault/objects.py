"""Files and objects as things: looked at, listed, digested, tagged and removed, each only in the state that was looked
at.

Places are paths of this machine and URLs of stores alike. A missing one raises FileNotFoundError, a forbidden one
PermissionError; what a store cannot do raises UnsupportedError.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from readvault import _core
from readvault.report import DigestReport, State, parse, state_name


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
        return state_name(self.length, self.modified_ns, self.etag)


def look(place: str) -> State:
    """The state of a file or object now."""
    return parse(State, _core.look(place))


def listing(place: str) -> Iterator[Listed]:
    """All files below a folder, or objects below a URL, in constant memory."""
    for batch in _core.listing(place):
        for one in batch:
            yield Listed(*one)


def digest(place: str, *, progress: Callable[[int, int | None], object] | None = None) -> DigestReport:
    """Read all bytes of a file or object, in one state, and digest them."""
    return parse(DigestReport, _core.digest(place, progress=progress))


def copy(place: str, target: str, *, force: bool = False) -> DigestReport:
    """Copy the bytes of a file or object, in one state; the copy appears whole or not at all. Gives what was copied."""
    return parse(DigestReport, _core.copy(place, target, force=force))


def remove(place: str, state: State | None = None) -> bool:
    """Delete what is at a place, if it is still in this state (StoreError otherwise); False where nothing is."""
    return _core.remove(place, None if state is None else state.text)


def tag(place: str, tags: Mapping[str, str]) -> None:
    """Add tags to an object, or set them anew."""
    _core.tag(place, dict(tags))


def set_storage_class(place: str, name: str) -> None:
    """Move an object to another storage class."""
    _core.storage_class(place, name)

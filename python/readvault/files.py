"""Files, and objects of stores, that appear whole or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from zlib import crc32

from readvault import _core
from readvault.places import is_url

# Most characters of a name that the names of temporary files show.
_LONGEST_SHOWN = 40


class Writer(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> int:
        """Write all of `data`."""


@contextmanager
def whole(path: str, *, force: bool = True) -> Iterator[Writer]:
    """A file to write: it appears at `path` when the block ends well, made durable; a crash leaves what was there.

    Without `force` an existing file is refused with FileExistsError, at the start and again at the end. Devices
    (`/dev/null`) and pipes are never replaced, forced or not: they are written to.
    """
    if is_url(path):
        with _object(path, force=force) as writer:
            yield writer
        return
    target = Path(path)
    if target.is_char_device() or target.is_fifo():
        with open(target, "wb") as device:
            yield device
        return
    refusal = f"{path} exists; -f replaces it"
    if not force and os.path.lexists(target):
        raise FileExistsError(refusal)
    temporary = target.with_name(f".{_shown(target.name)}.{os.getpid()}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force:
            temporary.replace(target)
        else:
            try:
                os.link(temporary, target)
            except FileExistsError as error:
                raise FileExistsError(refusal) from error
            temporary.unlink()
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remains(path: str) -> list[Path]:
    """Temporary files of an output at `path`, in its folder: of a process that was killed, or of one still at work.

    Of a URL there are none: what was begun in a store is not among its objects.
    """
    if is_url(path):
        return []
    target = Path(path)
    # Core writes six letters and digits, `whole` the number of its process.
    mine = re.compile(rf"\.{re.escape(_shown(target.name))}\.(?:[A-Za-z0-9]{{6}}|[0-9]+)\.tmp")
    try:
        names = [name for name in os.listdir(target.parent) if mine.fullmatch(_text(name))]  # noqa: PTH208
    except FileNotFoundError:
        return []
    return sorted(target.with_name(name) for name in names)


def _shown(name: str) -> str:
    """What the name of a temporary file shows of the name of what it is made for: the same as core's."""
    text = _text(name)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 9]}~{crc32(os.fsencode(name)):08x}"


def _text(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")


@contextmanager
def _object(url: str, *, force: bool) -> Iterator[Writer]:
    target = _core.Target(url, force=force)
    try:
        yield target
        target.publish()
    finally:
        target.close()


def write_whole(text: str, path: str) -> None:
    """Write `text` to `path` so that a crash leaves the old file or the new one, never half of one."""
    with whole(path) as file:
        file.write(text.encode())

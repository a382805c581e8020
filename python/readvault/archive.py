"""The verbs as Python functions, and `open` for random access to the bytes of a source inside its archive.

Paths are strings or path-like objects; `"-"` is standard input or output, as on the command line (a file of that
name is `"./-"`). `threads=0` means all that the process may use. `progress` is called a few times a second, from
the calling thread, with the number of bytes done and the total (None for pipes); an exception that it raises stops
the verb and comes out of the call, as does Ctrl-C. Nothing half-written is left then.
"""

import io
import os
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Literal, TypeAlias

from readvault import _core
from readvault.errors import InvalidError
from readvault.report import CompressReport, DecompressReport, Estimate, IndexingReport, Info, VerifyReport, parse

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

StrPath: TypeAlias = str | os.PathLike[str]
Level: TypeAlias = Literal["fast", "default", "max"]
View: TypeAlias = Literal["exact", "plain"]
Progress: TypeAlias = Callable[[int, int | None], object]

# Bytes asked of core at a time by readall: large enough that the calls cost nothing, small enough to stay unnoticed.
_PIECE = 1 << 20
# Bytes that `open` buffers unless told otherwise: one BGZF block, the least that core re-creates.
_BUFFER = 1 << 16


def compress(
    source: StrPath,
    archive: StrPath | None = None,
    *,
    threads: int = 0,
    force: bool = False,
    name: str | None = None,
    level: Level = "default",
    reference: StrPath | None = None,
    reference_folders: bool = False,
    progress: Progress | None = None,
) -> CompressReport:
    """Compress `source` into `archive` (by default the source's path with `.rv` added), and prove every byte first.

    `force` replaces an existing archive. `name` is recorded for a source that comes from standard input. `level` says
    how much work to do: "fast", "default" or "max". With `reference`, a FASTA file, or `reference_folders` (those that
    `REF_CACHE` and `REF_PATH` name) the archive leans on reference sequences: it is smaller, and cannot be decoded
    without them.
    """
    target = default_archive(source) if archive is None else archive
    text = _core.compress(
        _path(source),
        _path(target),
        threads=threads,
        force=force,
        name=name,
        level=level,
        reference=reference,
        reference_folders=reference_folders,
        progress=progress,
    )
    return parse(CompressReport, text)


def estimate(source: StrPath, *, level: Level = "default", progress: Progress | None = None) -> Estimate:
    """Predict the archive's size at a level from samples of `source`, which must be a file."""
    return parse(Estimate, _core.estimate(_path(source), level=level, progress=progress))


def decompress(
    archive: StrPath,
    output: StrPath | None = None,
    *,
    threads: int = 0,
    force: bool = False,
    attachments: bool = True,
    reference: StrPath | None = None,
    progress: Progress | None = None,
) -> DecompressReport:
    """Give the source in `archive` back, by default under its recorded name in the archive's folder.

    `force` replaces existing outputs; `attachments` also restores the files that travelled with the source.
    `reference` is a FASTA file with the sequences that the archive leans on, if it does; `REF_CACHE` and `REF_PATH` are
    searched too.
    """
    text = _core.decompress(
        _path(archive),
        None if output is None else _path(output),
        stdout=output is not None and _path(output) is None,
        threads=threads,
        force=force,
        attachments=attachments,
        reference=reference,
        progress=progress,
    )
    return parse(DecompressReport, text)


def verify(
    archive: StrPath,
    *,
    against: StrPath | None = None,
    reference: StrPath | None = None,
    threads: int = 0,
    content_only: bool = False,
    progress: Progress | None = None,
) -> VerifyReport:
    """Decode all of `archive` and compare it with its recorded fingerprint and, if given, with the file `against`.

    `reference`: as for `decompress`. `content_only` stops at the content of the blocks: every record is decoded and
    its checksums compared, but no DEFLATE bytes are made, which takes most of the time, and so there is no
    fingerprint to compare; `InvalidError` when `against` is given too.
    """
    compared = None if against is None else os.fspath(against)
    text = _core.verify(
        _path(archive),
        against=compared,
        reference=reference,
        threads=threads,
        content_only=content_only,
        progress=progress,
    )
    return parse(VerifyReport, text)


def quickcheck(archive: StrPath) -> None:
    """Check the structure of `archive`: header, trailer, directory, lengths. Returns nothing when it is good."""
    _core.quickcheck(_path(archive))


def info(archive: StrPath) -> Info:
    """Read what `archive` says of itself. Its sidecar says the same where the archive is out of reach."""
    return parse(Info, _core.info(_path(archive)))


def index(
    archive: StrPath,
    output: StrPath | None = None,
    *,
    views: Collection[View] = ("exact", "plain"),
    csi: bool = False,
    threads: int = 0,
    force: bool = False,
    reference: StrPath | None = None,
    progress: Progress | None = None,
) -> IndexingReport:
    """Make an index for each of `views` and write them into a sidecar, by default `archive` with `.idx` added.

    They are BAI indexes, or CSI ones where a reference is longer than 2^29 positions or `csi` asks for it, and serve
    readers of a view as an index of the BAM file does; `read_index` gives their bytes. A source that is not sorted by
    position raises `InvalidError`. `reference`: as for `decompress`. `progress` counts bytes of uncompressed BAM.
    """
    for view in views:
        check_view(view)
    text = _core.index(
        archive,
        output,
        exact="exact" in views,
        plain="plain" in views,
        csi=csi,
        threads=threads,
        force=force,
        reference=reference,
        progress=progress,
    )
    return parse(IndexingReport, text)


def read_index(path: StrPath, *, view: View = "exact") -> bytes:
    """The bytes of the BAI or CSI index of a view, to be written beside the view's bytes for other tools.

    `path` is a sidecar, or an archive with one beside it. For the exact view, the index that came with the
    source will do.
    """
    check_view(view)
    return _core.read_index(path, plain=view == "plain")


def open(  # noqa: A001 - as gzip.open
    archive: StrPath,
    *,
    view: View = "exact",
    buffering: int = -1,
    reference: StrPath | None = None,
    threads: int = 1,
) -> "io.BufferedReader | SourceFile":
    """Open `archive` for reading its source's bytes, as the builtin `open` in mode `rb` would open the source itself.

    A source that is in no archive, a BAM, CRAM or other gzip file or object of a store, is read as it is: of an object
    many parts are fetched at a time. TruncatedError when a BGZF file lacks the block that ends it.

    `view="plain"` gives the same BAM in BGZF blocks that are not compressed: nothing needs to be deflated for it, so it
    is faster where the very bytes of the source do not matter. The result is buffered and may be shared between
    threads. `buffering=0` gives the unbuffered `SourceFile`. `reference`: as for `decompress`. `threads` decode
    ahead of a reader that goes on where it stopped.
    """
    raw = SourceFile(archive, view=view, reference=reference, threads=threads)
    if buffering == 0:
        return raw
    return io.BufferedReader(raw, _BUFFER if buffering < 0 else buffering)


def default_archive(source: StrPath) -> str:
    """Where `compress` puts the archive of `source` unless told otherwise."""
    path = os.fspath(source)
    return path if path == "-" else path + ".rv"


def check_view(view: View) -> None:
    """ValueError unless there is such a view."""
    if view not in ("exact", "plain"):
        raise ValueError(f'view must be "exact" or "plain", not {view!r}')


def default_sidecar(archive: StrPath) -> str:
    """Where `index` puts the sidecar of `archive` unless told otherwise."""
    return os.fspath(archive) + ".idx"


class SourceFile(io.RawIOBase):
    """The bytes of a source, from its archive or as it is, or of another view: readable and seekable on demand."""

    def __init__(
        self, archive: StrPath, *, view: View = "exact", reference: StrPath | None = None, threads: int = 1
    ) -> None:
        super().__init__()
        check_view(view)
        opened = _core.open(os.fspath(archive), reference=reference, threads=threads)
        self._archive: _core.Archive | _core.SourceReader | None = opened
        if view == "exact":
            self._read, self._length = opened.read_at, opened.source_length
        elif isinstance(opened, _core.Archive):
            self._read, self._length = opened.read_plain_at, opened.plain_length
        else:
            raise InvalidError(f"{os.fspath(archive)}: is no archive, and so has no plain view")
        self._position = 0
        self._lock = threading.Lock()

    @property
    def source_name(self) -> str:
        """Recorded name of the source."""
        return self._open().source_name

    @property
    def source_length(self) -> int:
        """Length of the source in bytes."""
        return self._open().source_length

    @property
    def length(self) -> int:
        """Length of the view in bytes."""
        self._open()
        return self._length

    def readable(self) -> bool:
        """True while open."""
        self._open()
        return True

    def seekable(self) -> bool:
        """True while open."""
        self._open()
        return True

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on, `length` of them (fewer only at the end); the position stays where it is."""
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        return self._read(min(offset, self.length), length)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill `buffer` from the position on and move it; returns the number of bytes, 0 at the end."""
        with memoryview(buffer) as view, view.cast("B") as target, self._lock:
            data = self.read_at(self._position, len(target))
            target[: len(data)] = data
            self._position += len(data)
            return len(data)

    def readall(self) -> bytes:
        """All bytes from the position to the end."""
        pieces = []
        while piece := self.read(_PIECE):
            pieces.append(piece)
        return b"".join(pieces)

    def tell(self) -> int:
        """The position in bytes."""
        self._open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move the position, as any file does; beyond the end is allowed and reads nothing."""
        length = self.length
        with self._lock:
            match whence:
                case os.SEEK_SET:
                    position = offset
                case os.SEEK_CUR:
                    position = self._position + offset
                case os.SEEK_END:
                    position = length + offset
                case _:
                    raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
            if position < 0:
                raise ValueError(f"negative seek position {position}")
            self._position = position
            return position

    def close(self) -> None:
        """Let the archive go; reading afterwards raises ValueError."""
        self._archive = None
        # It holds the archive too.
        self.__dict__.pop("_read", None)
        super().close()

    def _open(self) -> _core.Archive | _core.SourceReader:
        archive = self._archive
        if archive is None:
            raise ValueError("I/O operation on closed file")
        return archive


def _path(path: StrPath) -> str | None:
    text = os.fspath(path)
    return None if text == "-" else text

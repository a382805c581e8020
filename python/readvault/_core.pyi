from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from typing import Final, final

__all__ = [
    "Archive",
    "Batches",
    "Frames",
    "Pieces",
    "Pipe",
    "Query",
    "SourceReader",
    "Target",
    "__version__",
    "compress",
    "configure_transfers",
    "decompress",
    "estimate",
    "index",
    "info",
    "open",
    "quickcheck",
    "read_index",
    "read_small",
    "transfer_totals",
    "verify",
]

__version__: Final[str]

def compress(
    source: str | PathLike[str] | None,
    archive: str | PathLike[str] | None,
    *,
    threads: int = 0,
    force: bool = False,
    name: str | None = None,
    level: str = "default",
    reference: str | PathLike[str] | None = None,
    reference_folders: bool = False,
    progress: Callable[[int, int | None], object] | None = None,
) -> str: ...
def estimate(
    source: str | PathLike[str] | None,
    *,
    level: str = "default",
    progress: Callable[[int, int | None], object] | None = None,
) -> str: ...
def decompress(
    archive: str | PathLike[str] | None,
    output: str | PathLike[str] | None,
    *,
    stdout: bool = False,
    threads: int = 0,
    force: bool = False,
    attachments: bool = True,
    reference: str | PathLike[str] | None = None,
    progress: Callable[[int, int | None], object] | None = None,
) -> str: ...
def verify(
    archive: str | PathLike[str] | None,
    *,
    against: str | PathLike[str] | None = None,
    reference: str | PathLike[str] | None = None,
    threads: int = 0,
    content_only: bool = False,
    progress: Callable[[int, int | None], object] | None = None,
) -> str: ...
def index(
    archive: str | PathLike[str],
    output: str | PathLike[str] | None = None,
    *,
    exact: bool = True,
    plain: bool = True,
    csi: bool = False,
    threads: int = 0,
    force: bool = False,
    reference: str | PathLike[str] | None = None,
    progress: Callable[[int, int | None], object] | None = None,
) -> str: ...
def read_index(path: str | PathLike[str], *, plain: bool = False) -> bytes: ...
def quickcheck(archive: str | PathLike[str] | None) -> None: ...
def info(archive: str | PathLike[str] | None) -> str: ...
def configure_transfers(
    *,
    connections: int,
    min_part: int,
    max_part: int,
    retries: int,
    memory: int,
    timeout: float,
    cache: str | PathLike[str] | None,
    cache_size: int,
    anonymous: bool,
    requester_pays: bool,
    tags: Sequence[tuple[str, str]],
    storage_class: str | None,
) -> None: ...
def transfer_totals() -> str: ...

@final
class Target:
    def __new__(cls, path: str | PathLike[str], *, force: bool = False) -> Target: ...
    def write(self, data: bytes, /) -> int: ...
    def publish(self) -> None: ...
    def close(self) -> None: ...

def open(  # noqa: A001
    path: str | PathLike[str],
    *,
    reference: str | PathLike[str] | None = None,
    threads: int = 1,
    index: str | PathLike[str] | None = None,
) -> Archive | SourceReader: ...
def read_small(path: str | PathLike[str], *, most: int) -> bytes: ...

@final
class SourceReader:
    @property
    def source_length(self) -> int: ...
    @property
    def source_name(self) -> str: ...
    def read_at(self, offset: int, length: int) -> bytes: ...
    def header_text(self) -> bytes: ...
    def references(self) -> list[tuple[str, int]]: ...
    def records(self, query: Query, *, threads: int = 1) -> Batches: ...
    def sam(self, query: Query, *, threads: int = 1) -> Pieces: ...
    def bam(self, query: Query, *, threads: int = 1, compressed: bool = True) -> Pieces: ...
    def bam_pipe(self, query: Query, *, threads: int = 1) -> Pipe: ...
    def count(self, query: Query, *, threads: int = 1) -> int: ...
    def has_index(self) -> bool: ...
    def flag_statistics(self, query: Query, *, threads: int = 1) -> str: ...
    def index_statistics(self, *, threads: int = 1) -> str: ...

@final
class Archive:
    def __new__(
        cls, path: str | PathLike[str], *, reference: str | PathLike[str] | None = None, threads: int = 1
    ) -> Archive: ...
    @property
    def source_length(self) -> int: ...
    @property
    def source_name(self) -> str: ...
    def read_at(self, offset: int, length: int) -> bytes: ...
    @property
    def plain_length(self) -> int: ...
    def read_plain_at(self, offset: int, length: int) -> bytes: ...
    def header_text(self) -> bytes: ...
    def references(self) -> list[tuple[str, int]]: ...
    def records(self, query: Query, *, threads: int = 1) -> Batches: ...
    def sam(self, query: Query, *, threads: int = 1) -> Pieces: ...
    def bam(self, query: Query, *, threads: int = 1, compressed: bool = True) -> Pieces: ...
    def bam_pipe(self, query: Query, *, threads: int = 1) -> Pipe: ...
    def frames(self, query: Query, columns: Sequence[str], *, threads: int = 1) -> Frames: ...
    def count(self, query: Query, *, threads: int = 1) -> int: ...
    def flag_statistics(self, query: Query, *, threads: int = 1) -> str: ...
    def index_statistics(self, *, threads: int = 1) -> str: ...
    def coverage(self, query: Query, *, threads: int = 1, base_qualities: bool = True) -> str: ...
    def depth_text(self, query: Query, *, threads: int = 1, zeros: bool = False) -> Pieces: ...

@final
class Query:
    def __new__(
        cls,
        *,
        regions: Sequence[str] | None = None,
        intervals: Sequence[tuple[str, int, int]] | None = None,
        targets: Sequence[tuple[str, int, int]] | None = None,
        required_flags: int = 0,
        excluded_flags: int = 0,
        least_mapping_quality: int = 0,
        read_groups: Sequence[str] | None = None,
    ) -> Query: ...

@final
class Pieces(Iterator[bytes]):
    def __iter__(self) -> Pieces: ...
    def __next__(self) -> bytes: ...

@final
class Pipe:
    def fileno(self) -> int: ...
    def close(self) -> None: ...
    def join(self) -> None: ...

@final
class Batches(Iterator[tuple[bytes, list[int]]]):
    def __iter__(self) -> Batches: ...
    def __next__(self) -> tuple[bytes, list[int]]: ...

@final
class Frames:
    @property
    def columns(self) -> list[str]: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

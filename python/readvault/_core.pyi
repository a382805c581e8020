from collections.abc import Callable
from os import PathLike
from typing import Final, final

__all__ = ["Archive", "__version__", "compress", "decompress", "estimate", "info", "quickcheck", "verify"]

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
def quickcheck(archive: str | PathLike[str] | None) -> None: ...
def info(archive: str | PathLike[str] | None) -> str: ...

@final
class Archive:
    def __new__(cls, path: str | PathLike[str], *, reference: str | PathLike[str] | None = None) -> Archive: ...
    @property
    def source_length(self) -> int: ...
    @property
    def source_name(self) -> str: ...
    def read_at(self, offset: int, length: int) -> bytes: ...

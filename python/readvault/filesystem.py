"""Sources inside their archives as files of fsspec: what takes its URLs reads them as the files they were.

    with fsspec.open("readvault:///path/sample.bam.rv") as source:
        source.read(100)

Paths are those of archives, or URLs of archives in object stores (`readvault://s3://bucket/sample.bam.rv`), and nothing
can be written.
"""

import errno
import os
from datetime import UTC, datetime
from typing import Any, NoReturn

try:
    from fsspec import AbstractFileSystem
    from fsspec.implementations.local import make_path_posix
except ModuleNotFoundError as error:
    if error.name != "fsspec":
        raise
    raise ModuleNotFoundError(
        "fsspec is not installed, which this needs: pip install 'readvault[fsspec]'", name="fsspec"
    ) from None

from readvault import archive, places
from readvault.archive import StrPath, View
from readvault.errors import ReadvaultError

# How names of archives end.
_SUFFIX = ".rv"


class ReadvaultFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Archives of local folders and of object stores, each as the file that went into it. Stores are not listed.

    `view`: "exact" for the source's own bytes, or "plain" for the same records in BGZF blocks that are not compressed,
    which takes less work to read. `reference`: as for `decompress`.
    """

    protocol = "readvault"
    root_marker = "/"

    def __init__(self, view: View = "exact", reference: StrPath | None = None, **options: Any) -> None:
        super().__init__(**options)
        archive.check_view(view)
        self.view: View = view
        self.reference = reference

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = os.fspath(path)
        text = text.removeprefix(f"{cls.protocol}://").rstrip("/")
        return text if places.is_url(text) else make_path_posix(text or "/")

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """The archives and folders in a folder; of an archive, itself."""
        path = self._strip_protocol(path)
        if not os.path.isdir(path):  # noqa: PTH112 - paths of fsspec are strings
            found = [self.info(path)]
        else:
            with os.scandir(path) as entries:
                names = sorted(entry.path for entry in entries if entry.is_dir() or entry.name.endswith(_SUFFIX))
            found = [self._listed(name) for name in names]
        return found if detail else [entry["name"] for entry in found]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Length of the view of an archive's source, and what else is known of it."""
        path = self._strip_protocol(path)
        if places.is_url(path):
            with archive.SourceFile(path, reference=self.reference, view=self.view) as source:
                return {"name": path, "size": source.length, "type": "file", "source_name": source.source_name}
        status = os.stat(path)  # noqa: PTH116
        about = {"name": path, "size": 0, "type": "directory", "mtime": status.st_mtime}
        if os.path.isdir(path):  # noqa: PTH112
            return about
        with archive.SourceFile(path, reference=self.reference, view=self.view) as source:
            size, name = source.length, source.source_name
        return about | {"size": size, "type": "file", "source_name": name, "archive_size": status.st_size}

    def _listed(self, path: str) -> dict[str, Any]:
        """As `info`; what is no whole archive is listed without a size, so that it hides nothing else."""
        try:
            return self.info(path)
        except (ReadvaultError, OSError):
            return {"name": path, "size": None, "type": "file"}

    def modified(self, path: str) -> datetime:
        """When the archive was written; of one in a store that is not told."""
        if places.is_url(self._strip_protocol(path)):
            raise NotImplementedError("when an object of a store was written is not told here")
        return datetime.fromtimestamp(self.info(path)["mtime"], UTC)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Any = None,
        **_: Any,
    ) -> Any:
        if mode != "rb":
            _refuse()
        buffering = block_size if block_size is not None and block_size > 1 else -1
        return archive.open(path, buffering=buffering, reference=self.reference, view=self.view)

    def _rm(self, path: str) -> None:
        _refuse()

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Refused."""
        _refuse()

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Refused."""
        _refuse()

    def rmdir(self, path: str) -> None:
        """Refused."""
        _refuse()

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Refused: a copy would be an archive."""
        _refuse()

    def put_file(self, lpath: Any, rpath: str, *_: Any, **__: Any) -> None:
        """Refused."""
        _refuse()

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Refused."""
        _refuse()

    def touch(self, path: str, truncate: bool = True, **_: Any) -> None:
        """Refused."""
        _refuse()


def _refuse() -> NoReturn:
    raise OSError(errno.EROFS, "archives are read only here; readvault.compress writes them")

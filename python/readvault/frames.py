"""Records of an archive as a table, for whatever reads Arrow: Polars, DuckDB, pandas, pyarrow.

    frames = readvault.frames.scan("sample.bam.rv", ["reference", "position", "NM"], "chr1:1,000,000-2,000,000")
    frames.to_polars()

A table is streamed, one batch for each chunk of the archive that has records which are asked for, and each reader
starts a pass of its own. Positions are 0-based and `end` is exclusive, so that `end - position` is a length; regions
are written as samtools writes them (1-based, both ends belong to them).
"""

import os
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from readvault import _core
from readvault.archive import StrPath

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

# Columns that are no tags. The first group is told by core fields: where nothing else is asked for, a small part of the
# archive is read.
CORE_COLUMNS = ("reference", "position", "end", "mapping_quality", "flag", "mate_reference", "cigar")
COLUMNS = (
    *CORE_COLUMNS,
    "mate_position",
    "template_length",
    "name",
    "sequence",
    "qualities",
    "read_group",
)
# What a table has unless told otherwise: where and how records are aligned.
DEFAULT_COLUMNS = ("reference", "position", "end", "mapping_quality", "flag", "cigar")


def scan(
    path: StrPath,
    columns: Sequence[str] | None = None,
    regions: str | Sequence[str] | None = None,
    *,
    required_flags: int = 0,
    excluded_flags: int = 0,
    least_mapping_quality: int = 0,
    threads: int = 0,
    reference: StrPath | None = None,
) -> "Frames":
    """The records of the archive at `path` as a table; nothing is decoded before it is read.

    `columns` are names of `COLUMNS`, and tags by their two letters ("NM") or with a type ("XX:i" for whole numbers,
    ":f", ":Z" for text, ":Bi" and ":Bf" for arrays). A tag that the SAM specification knows has the type that it gives
    there; the type of another follows from the first records unless it is said, and where they have no such tag that is
    an `InvalidError`. `regions`, flags and mapping quality say which records are asked for: all that meet each
    condition. `threads=0` means all that the process may use. `reference`: as for `decompress`.
    """
    query = _core.Query(
        regions=[regions] if isinstance(regions, str) else regions,
        required_flags=required_flags,
        excluded_flags=excluded_flags,
        least_mapping_quality=least_mapping_quality,
    )
    wanted = DEFAULT_COLUMNS if columns is None else [columns] if isinstance(columns, str) else columns
    archive = _core.Archive(os.fspath(path), reference=reference)
    return Frames(archive.frames(query, list(wanted), threads=threads), os.fspath(path))


class Frames:
    """A table of records. It may be read any number of times; each reader starts a pass of its own."""

    def __init__(self, frames: _core.Frames, path: str) -> None:
        self._frames = frames
        self._path = path

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return self._frames.columns

    def __arrow_c_schema__(self) -> object:
        return self._frames.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frames.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> "pyarrow.Table":
        """All of it as a `pyarrow.Table`. `pyarrow.RecordBatchReader.from_stream` reads it batch by batch instead."""
        return _library("pyarrow", "arrow").table(self)

    def to_polars(self) -> "polars.DataFrame":
        """All of it as a `polars.DataFrame`; references are categorical."""
        frame: polars.DataFrame = _library("polars", "polars").DataFrame(self)
        return frame

    def to_pandas(self) -> "pandas.DataFrame":
        """All of it as a `pandas.DataFrame`; references are categorical, whole numbers are pandas' nullable ones."""
        pandas = _library("pandas", "pandas")
        arrow = _library("pyarrow", "pandas")
        kinds = {
            arrow.uint8(): pandas.UInt8Dtype(),
            arrow.uint16(): pandas.UInt16Dtype(),
            arrow.int32(): pandas.Int32Dtype(),
            arrow.int64(): pandas.Int64Dtype(),
        }
        return self.to_arrow().to_pandas(types_mapper=kinds.get)

    def __repr__(self) -> str:
        return f"<readvault.frames.Frames of {self._path}: {', '.join(self.columns)}>"


def _library(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ModuleNotFoundError(
            f"{name} is not installed, which this needs: pip install 'readvault[{extra}]'", name=name
        ) from None

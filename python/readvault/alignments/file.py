"""An archive, or a BAM file that is in none, as a file of alignments: its header, its records, and those of regions.

An archive needs no index, so every way of reading works on every archive; a BAM file needs one for regions. Records
come in the order of the source.
"""

import json
import os
from collections.abc import Callable, Iterator
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from readvault import _core
from readvault.alignments.header import AlignmentHeader
from readvault.alignments.segment import AlignedSegment

if TYPE_CHECKING:
    import pysam

StrPath = str | os.PathLike[str]

# Beyond every position that a BAM file can hold.
_FAR = 1 << 40
# Flags of the records that `count` leaves out for the callback "all": unmapped, secondary, failed, duplicate.
_NOT_COUNTED = 0x704


class IndexStats(NamedTuple):
    """Numbers of records that lie on a reference."""

    contig: str
    mapped: int
    unmapped: int
    total: int


class AlignmentFile:
    """An archive of a BAM file, or a BAM file, opened for its records. Any number of iterators may be used at once.

    `reference` is a FASTA file with the sequences that the archive leans on, if it does; with `threads` above 1, so
    many decode ahead of each iterator. `index` is where a BAM file's index is (BAI or CSI), if not beside it under a
    usual name. InvalidError (a ValueError) when the source is no BAM file, and from reading regions when there is no
    index or it is another file's.
    """

    def __init__(
        self, path: StrPath, *, reference: StrPath | None = None, threads: int = 1, index: StrPath | None = None
    ) -> None:
        self._archive: _core.Archive | _core.SourceReader | None = None
        self._path = os.fspath(path)
        self._threads = threads
        archive = _core.open(self._path, reference=reference, index=index)
        references = archive.references()
        self._header = AlignmentHeader(
            archive.header_text().decode(errors="surrogateescape"),
            tuple(name for name, _ in references),
            tuple(length for _, length in references),
        )
        self._archive = archive
        self._own: Iterator[AlignedSegment] | None = None
        self._statistics: list[IndexStats] | None = None

    # Records.

    def fetch(
        self,
        contig: str | None = None,
        start: int | None = None,
        stop: int | None = None,
        region: str | None = None,
        tid: int | None = None,
        until_eof: bool = False,
        multiple_iterators: bool = True,
        reference: str | None = None,
        end: int | None = None,
    ) -> Iterator[AlignedSegment]:
        """Records that overlap a region, in the order of the source; all records where there is none.

        `start` and `stop` are 0-based and half-open, from the reference's first to its last position unless they are
        given; `region` is text as samtools takes it (`chr1:10,001-20,000`, 1-based, both ends belong to it) and goes
        before the others. The contig `"*"` has the records without a reference, `"."` is all. `tid` is a contig's
        number, `reference` and `end` are other names of `contig` and `stop`. `until_eof` and `multiple_iterators` are
        there for pysam's sake: both are always so. ValueError for contigs that there are not and for intervals that
        cannot be.
        """
        return self._iterate(self._query(contig, start, stop, region, tid, reference, end))

    def head(self, n: int) -> Iterator[AlignedSegment]:
        """The first `n` records."""
        return islice(self.fetch(), n)

    def count(
        self,
        contig: str | None = None,
        start: int | None = None,
        stop: int | None = None,
        region: str | None = None,
        until_eof: bool = False,
        read_callback: str | Callable[[AlignedSegment], object] = "nofilter",
        reference: str | None = None,
        end: int | None = None,
    ) -> int:
        """How many records `fetch` would give.

        `read_callback="all"` leaves out unmapped, secondary and duplicate records and those that failed quality
        control; a function is asked for each record. `until_eof` is always so.
        """
        excluded = _NOT_COUNTED if read_callback == "all" else 0
        query = self._query(contig, start, stop, region, None, reference, end, excluded)
        if callable(read_callback):
            return sum(1 for record in self._iterate(query) if read_callback(record))
        if read_callback not in ("all", "nofilter"):
            raise ValueError(f"read_callback must be 'all', 'nofilter' or a function, not {read_callback!r}")
        return self._open().count(query, threads=self._threads)

    def pysam_file(
        self,
        contig: str | None = None,
        start: int | None = None,
        stop: int | None = None,
        region: str | None = None,
        tid: int | None = None,
        reference: str | None = None,
        end: int | None = None,
    ) -> "pysam.AlignmentFile":
        """The same records as an open pysam.AlignmentFile, which reads them from a pipe: once, from first to last.

        Failures come out of its iteration or of its `close`. ImportError where pysam is not installed.
        """
        from readvault.alignments import stream

        query = self._query(contig, start, stop, region, tid, reference, end)
        return stream.file(self._open().bam_pipe(query, threads=self._threads))

    def __iter__(self) -> Iterator[AlignedSegment]:
        """All records that have not been gone through: as pysam's, the file has one place of its own, see `reset`."""
        self._open()
        if self._own is None:
            self._own = self.fetch()
        return self._own

    def __next__(self) -> AlignedSegment:
        return next(iter(self))

    def reset(self) -> None:
        """Start the file's own iteration at the first record again."""
        self._open()
        self._own = None

    def _query(
        self,
        contig: str | None,
        start: int | None,
        stop: int | None,
        region: str | None,
        tid: int | None,
        reference: str | None,
        end: int | None,
        excluded_flags: int = 0,
    ) -> _core.Query:
        self._open()
        if None not in (stop, end):
            raise ValueError("stop and end should not both be specified")
        if sum(name is not None for name in (contig, reference, tid)) > 1:
            raise ValueError("only one of contig, reference and tid should be specified")
        stop = end if stop is None else stop
        contig = reference if contig is None else contig
        if tid is not None:
            if not self.is_valid_tid(tid):
                raise ValueError(f"invalid tid {tid}")
            contig = self.references[tid]
        if region is not None:
            return _core.Query(regions=[region], excluded_flags=excluded_flags)
        if contig is None:
            if start is not None or stop is not None:
                raise ValueError("start and stop need a contig")
            return _core.Query(excluded_flags=excluded_flags)
        if self.get_tid(contig) < 0:
            if contig in ("*", "."):
                return _core.Query(regions=[contig], excluded_flags=excluded_flags)
            raise ValueError(f"invalid contig `{contig}`")
        first, last = start or 0, _FAR if stop is None else min(stop, _FAR)
        if first < 0:
            raise ValueError(f"start out of range ({first})")
        if first > last:
            raise ValueError(f"invalid coordinates: start ({first}) > stop ({last})")
        return _core.Query(intervals=[(contig, first, last)], excluded_flags=excluded_flags)

    def _iterate(self, query: _core.Query) -> Iterator[AlignedSegment]:
        return self._records(self._open().records(query, threads=self._threads))

    def _records(self, batches: _core.Batches) -> Iterator[AlignedSegment]:
        header = self._header
        for records, ends in batches:
            at = 0
            for end in ends:
                if self._archive is None:
                    self._open()
                yield AlignedSegment(records[at:end], header)
                at = end

    # Header.

    @property
    def header(self) -> AlignmentHeader:
        """The header."""
        self._open()
        return self._header

    @property
    def text(self) -> str:
        """The header's text."""
        return str(self.header)

    @property
    def references(self) -> tuple[str, ...]:
        """Names of the reference sequences, in order."""
        return self.header.references

    @property
    def lengths(self) -> tuple[int, ...]:
        """Lengths of the reference sequences in bases, in the same order."""
        return self.header.lengths

    @property
    def nreferences(self) -> int:
        """Number of the reference sequences."""
        return self.header.nreferences

    def get_reference_name(self, tid: int) -> str | None:
        """The name of reference number `tid`; None for -1, ValueError for any other that there is not."""
        return self.header.get_reference_name(tid)

    def get_reference_length(self, reference: str) -> int:
        """The length in bases of the reference of that name; KeyError if there is none."""
        return self.header.get_reference_length(reference)

    def get_tid(self, reference: str) -> int:
        """The number of the reference of that name; -1 if there is none."""
        return self.header.get_tid(reference)

    def is_valid_tid(self, tid: int) -> bool:
        """Whether there is a reference of that number."""
        return self.header.is_valid_tid(tid)

    # Counts, which an index would hold. They are counted when they are first asked for.

    def has_index(self) -> bool:
        """Whether regions can be read: always of an archive, of a BAM file if it has an index."""
        archive = self._open()
        return isinstance(archive, _core.Archive) or archive.has_index()

    def check_index(self) -> bool:
        """Whether regions can be read: as `has_index`, but ValueError if not."""
        if not self.has_index():
            raise ValueError(f"{self._path}: has no index")
        return True

    def get_index_statistics(self) -> list[IndexStats]:
        """Numbers of records on each reference, in order."""
        return self._counts()[:-1]

    @property
    def mapped(self) -> int:
        """Number of the mapped records on all references."""
        return sum(counts.mapped for counts in self.get_index_statistics())

    @property
    def unmapped(self) -> int:
        """Number of the unmapped records, with a reference or without."""
        return sum(counts.unmapped for counts in self.get_index_statistics()) + self.nocoordinate

    @property
    def nocoordinate(self) -> int:
        """Number of the records without a reference."""
        return self._counts()[-1].total

    def _counts(self) -> list[IndexStats]:
        """Numbers of records on each reference, and last of those on none."""
        archive = self._open()
        if self._statistics is None:
            counted = json.loads(archive.index_statistics(threads=self._threads))
            self._statistics = [
                IndexStats(on["reference"], on["mapped"], on["unmapped"], on["mapped"] + on["unmapped"])
                for on in counted
            ]
        return self._statistics

    # The file itself.

    @property
    def filename(self) -> bytes:
        """The path as it was given."""
        return os.fsencode(self._path)

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._archive is None

    @property
    def is_open(self) -> bool:
        """Whether `close` has not been called."""
        return self._archive is not None

    def close(self) -> None:
        """Let the archive go; any use afterwards, of iterators too, raises ValueError. Records stay as they are."""
        self._archive = None
        self._own = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._path!r}{', closed' if self.closed else ''})>"

    def _open(self) -> _core.Archive | _core.SourceReader:
        archive = self._archive
        if archive is None:
            raise ValueError("I/O operation on closed file")
        return archive

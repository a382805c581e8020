"""Archives' records as pysam's own objects, for all that needs htslib: pileups, writing, changing.

No file is written for that: a thread puts an uncompressed BAM file into a pipe, whose other end pysam has opened. Where
the thread fails, what it leaves in the pipe is no BAM file, so that no reader takes it for a shorter one; the failure
itself comes out of the next call. The thread needs the interpreter to go on, which pysam's pileups hold while they
read: they get a file in memory that is complete before.
"""

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

try:
    import pysam
except ImportError as failure:
    raise ImportError("pysam is not installed: run `pip install pysam`") from failure

if TYPE_CHECKING:
    from readvault.alignments.segment import AlignedSegment

# Fields of a SAM line before its tags.
_FIELDS = 11
# What a failed writer leaves: no BGZF block starts like this.
_FAILED = b"readvault: the archive could not be read to its end"


class PysamFile(pysam.AlignmentFile):
    """A pysam.AlignmentFile at the end of a pipe. What the writer raises comes out of iteration, or else of `close`."""

    _writer: "_Writer | None" = None

    def __next__(self) -> pysam.AlignedSegment:
        try:
            return super().__next__()
        except OSError:
            if self._writer is not None and self._writer.failure is not None:
                self.close()
            raise

    def pileup(self, *arguments: Any, **options: Any) -> NoReturn:
        """Never: a pileup would wait for the writer, which would wait for it."""
        raise NotImplementedError("pileups need records in memory: use pysam_file(..., in_memory=True)")

    def close(self) -> None:
        """Close the pipe and wait for its writer, which stops at the next record that it cannot write."""
        writer, self._writer = self._writer, None
        try:
            super().close()
        finally:
            # Where the writer failed, htslib only says that closing did.
            if writer is not None:
                writer.thread.join()
                writer.raise_failure()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Writer:
    """The thread that writes pieces of a BAM file into a pipe, and what stopped it. It knows nothing of the reader."""

    def __init__(self, pieces: Iterator[bytes], end: int) -> None:
        self._pieces = pieces
        self._end = end
        self.failure: BaseException | None = None
        # A daemon: a file that is never closed must not keep the interpreter from ending.
        self.thread = threading.Thread(target=self._run, name="readvault-pysam", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with open(self._end, "wb", buffering=0) as pipe:
            try:
                for piece in self._pieces:
                    _write(pipe.fileno(), piece)
            except BrokenPipeError:
                pass  # The reader has had enough.
            except BaseException as failure:
                self.failure = failure
                with contextlib.suppress(BrokenPipeError):
                    _write(pipe.fileno(), _FAILED)

    def raise_failure(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure


def _write(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def file(pieces: Iterator[bytes]) -> PysamFile:
    """The BAM file in `pieces` as pysam opens it."""
    read_end, write_end = os.pipe()
    writer = _Writer(pieces, write_end)
    try:
        opened = PysamFile(read_end, "rb", check_sq=False)
    except (OSError, ValueError):
        os.close(read_end)
        writer.thread.join()
        writer.raise_failure()
        raise
    os.close(read_end)
    opened._writer = writer
    return opened


class MemoryFile(pysam.AlignmentFile):
    """A pysam.AlignmentFile in memory. Its memory is let go with it: some of pysam's iterators open it again."""


def file_in_memory(pieces: Iterator[bytes]) -> MemoryFile:
    """The BAM file in `pieces` as pysam opens it, all of it in memory first."""
    descriptor = os.memfd_create("readvault")
    try:
        for piece in pieces:
            _write(descriptor, piece)
        # By its name, as pysam takes what it gets as a descriptor for a stream.
        opened = MemoryFile(f"/proc/self/fd/{descriptor}", "rb", check_sq=False)
    except BaseException:
        os.close(descriptor)
        raise
    weakref.finalize(opened, os.close, descriptor)
    return opened


def header(text: str) -> pysam.AlignmentHeader:
    """A header as pysam's."""
    return pysam.AlignmentHeader.from_text(text)


def segment(record: "AlignedSegment", header: pysam.AlignmentHeader) -> pysam.AlignedSegment:
    """A record as pysam's. Tags keep their types, which SAM's text would not tell."""
    line = "\t".join(record.to_string().split("\t")[:_FIELDS])
    made = pysam.AlignedSegment.fromstring(line, header)
    # Reading a line, htslib corrects flags that contradict other fields, and computes the bin.
    made.flag = record.flag
    made.bin = record.bin
    # An array tells the type of its elements itself.
    made.set_tags([tag[:2] if tag[2] == "B" else tag for tag in record.get_tags(with_value_type=True)])
    return made

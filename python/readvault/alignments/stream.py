"""Archives' records as pysam's own objects, for all that needs htslib: pileups, writing, changing.

No file is written for that: core writes an uncompressed BAM file into a pipe, whose other end pysam has opened. Where
that fails, what is left in the pipe is no BAM file, so that no reader takes it for a shorter one; the failure itself
comes out of the next call.
"""

from types import TracebackType
from typing import TYPE_CHECKING

from readvault import _core

try:
    import pysam
except ImportError as failure:
    raise ImportError("pysam is not installed: run `pip install pysam`") from failure

if TYPE_CHECKING:
    from readvault.alignments.segment import AlignedSegment

# Fields of a SAM line before its tags.
_FIELDS = 11


class PysamFile(pysam.AlignmentFile):
    """A pysam.AlignmentFile at the end of a pipe. What the writer raises comes out of iteration, or else of `close`."""

    _pipe: _core.Pipe | None = None

    def __next__(self) -> pysam.AlignedSegment:
        try:
            return super().__next__()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the pipe and wait for its writer, which stops at the next piece that it cannot write."""
        pipe, self._pipe = self._pipe, None
        try:
            super().close()
        finally:
            # Where the writer failed, htslib only says that closing did.
            if pipe is not None:
                pipe.join()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def file(pipe: _core.Pipe) -> PysamFile:
    """The BAM file that comes out of `pipe` as pysam opens it."""
    try:
        # pysam makes a descriptor of its own.
        opened = PysamFile(pipe.fileno(), "rb", check_sq=False)
    except (OSError, ValueError):
        pipe.close()
        pipe.join()
        raise
    pipe.close()
    opened._pipe = pipe
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

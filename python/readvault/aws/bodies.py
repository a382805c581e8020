"""Objects of S3 as files of lines, read as they come, and packed ones unpacked."""

import gzip
import io
from typing import Any, TextIO

from readvault.aws import sources


def lines_of(place: str) -> TextIO:
    """The lines of a manifest on this machine or in S3, which may be compressed with gzip."""
    if place.startswith("s3://"):
        raw = sources.body(place)
        if raw is None:
            raise FileNotFoundError(f"{place}: there is no such object, or it may not be read")
        # The reader of lines wants a file that knows how to fill a buffer.
        binary: Any = io.BufferedReader(_Body(raw), 1 << 20)
    else:
        binary = open(place, "rb")  # noqa: SIM115 - whoever reads the lines closes it
    packed = gzip.GzipFile(fileobj=binary) if place.endswith(".gz") else binary
    return io.TextIOWrapper(packed, encoding="utf-8", newline="")


class _Body(io.RawIOBase):
    """An answer of S3 as a file."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self._body = body

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, or as much of it as comes."""
        content = self._body.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

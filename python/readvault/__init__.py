"""Readvault keeps BAM files small and gives them back bit for bit.

    import readvault

    report = readvault.compress("sample.bam")           # writes and proves sample.bam.rv
    readvault.decompress("sample.bam.rv")               # the same bytes again
    with readvault.open("sample.bam.rv") as source:     # or just some of them
        source.seek(1_000_000)
        source.read(100)
    with readvault.AlignmentFile("sample.bam.rv") as alignments:    # or its records, as pysam would read them
        for record in alignments.fetch("chr1", 10_000, 20_000):
            print(record.query_name, record.cigarstring)

Names are loaded when they are first used, so that `import readvault` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "alignments": ("AlignedSegment", "AlignmentFile"),
    "archive": (
        "SourceFile",
        "compress",
        "decompress",
        "estimate",
        "index",
        "info",
        "open",
        "quickcheck",
        "read_index",
        "verify",
    ),
    "config": ("configure",),
    "errors": ("DamagedError", "InvalidError", "ReadvaultError", "StoreError", "TruncatedError", "UnsupportedError"),
}
# Parts that are used by their own names.
_PARTS = ("frames",)
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AlignedSegment",
    "AlignmentFile",
    "DamagedError",
    "InvalidError",
    "ReadvaultError",
    "SourceFile",
    "StoreError",
    "TruncatedError",
    "UnsupportedError",
    "__version__",
    "compress",
    "configure",
    "decompress",
    "estimate",
    "frames",
    "index",
    "info",
    "open",
    "quickcheck",
    "read_index",
    "verify",
]

if TYPE_CHECKING:
    from readvault import frames
    from readvault.alignments import AlignedSegment, AlignmentFile
    from readvault.archive import (
        SourceFile,
        compress,
        decompress,
        estimate,
        index,
        info,
        open,  # noqa: A004
        quickcheck,
        read_index,
        verify,
    )
    from readvault.config import configure
    from readvault.errors import (
        DamagedError,
        InvalidError,
        ReadvaultError,
        StoreError,
        TruncatedError,
        UnsupportedError,
    )


def __getattr__(name: str) -> object:
    if name in _PARTS:
        return import_module(f"readvault.{name}")
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'readvault' has no attribute {name!r}")
    value = getattr(import_module(f"readvault.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

"""`readvault flagstat` and `idxstats`: counts of records, in the words of samtools."""

import json
import struct
import sys
from collections.abc import Iterable

from readvault.cli import records
from readvault.cli.options import Json, Threads

# What each line counts, its words, and of what it is a share.
_LINES = (
    ("total", "in total (QC-passed reads + QC-failed reads)", None),
    ("primary", "primary", None),
    ("secondary", "secondary", None),
    ("supplementary", "supplementary", None),
    ("duplicates", "duplicates", None),
    ("primary_duplicates", "primary duplicates", None),
    ("mapped", "mapped", "total"),
    ("primary_mapped", "primary mapped", "primary"),
    ("paired", "paired in sequencing", None),
    ("read1", "read1", None),
    ("read2", "read2", None),
    ("properly_paired", "properly paired", "paired"),
    ("with_itself_and_mate_mapped", "with itself and mate mapped", None),
    ("singletons", "singletons", "paired"),
    ("mate_on_different_reference", "with mate mapped to a different chr", None),
    ("mate_on_different_reference_mapq5", "with mate mapped to a different chr (mapQ>=5)", None),
)


def flagstat(
    path: records.Readable,
    regions: records.Regions = None,
    threads: Threads = 0,
    as_json: Json = False,
    index: records.Index = None,
) -> int:
    """Count records by their flags, as samtools flagstat does, from the small part of the archive that tells flags."""
    query = records.query(regions)

    def job(archive: records.Source) -> Iterable[bytes]:
        text = archive.flag_statistics(query, threads=threads)
        if as_json:
            yield json.dumps({"input": path, **json.loads(text)}).encode() + b"\n"
            return
        counts = json.loads(text)
        passed, failed = counts["passed"], counts["failed"]
        for key, words, whole in _LINES:
            line = f"{passed[key]} + {failed[key]} {words}"
            if whole is not None:
                line += f" ({_share(passed[key], passed[whole])} : {_share(failed[key], failed[whole])})"
            yield f"{line}\n".encode()

    return records.run_any(path, None, job, index=index)


def _share(part: int, whole: int) -> str:
    """Per cent as samtools rounds them: its quotient has single precision (19,992 of 21,760 are 91.87%)."""
    return f"{100 * _single(_single(part) / _single(whole)):.2f}%" if whole else "N/A"


def _single(number: float) -> float:
    single: float = struct.unpack("f", struct.pack("f", number))[0]
    return single


def idxstats(path: records.Readable, threads: Threads = 0, index: records.Index = None) -> int:
    """Count mapped and unmapped records on each reference sequence: name, length, mapped, unmapped."""

    def job(archive: records.Source) -> Iterable[bytes]:
        for row in json.loads(archive.index_statistics(threads=threads)):
            line = f"{row['reference']}\t{row['length']}\t{row['mapped']}\t{row['unmapped']}\n"
            yield line.encode(sys.getfilesystemencoding(), "surrogateescape")

    return records.run_any(path, None, job, index=index)

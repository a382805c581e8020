"""Archives as alignment files: records, headers and regions under the names that pysam gives them.

    with readvault.AlignmentFile("sample.bam.rv") as alignments:
        for record in alignments.fetch("chr1", 10_000, 20_000):
            print(record.query_name, record.reference_start, record.cigarstring)

Names and meanings are pysam's so that scripts written for it read archives by a change of one line. Records are
read-only, and decode a field when it is asked for. What needs htslib itself goes through `AlignmentFile.pysam_file`.
"""

from readvault.alignments.file import AlignmentFile, IndexStats
from readvault.alignments.header import AlignmentHeader
from readvault.alignments.segment import AlignedSegment

__all__ = ["AlignedSegment", "AlignmentFile", "AlignmentHeader", "IndexStats"]

"""References for files that come without theirs: what the MD tags of their reads say, N where no read lies."""

from pathlib import Path

import pysam

# Bases of a line of FASTA.
WIDTH = 60


def told_by_reads(source: Path, fasta: Path) -> None:
    """Writes `fasta` with the sequences that reads of the BAM file `source` are aligned to; every read must have MD."""
    sequences: dict[str, bytearray] = {}
    with pysam.AlignmentFile(str(source), "rb") as reads:
        for read in reads:
            if read.is_unmapped or read.reference_name is None:
                continue
            name = read.reference_name
            if name not in sequences:
                sequences[name] = bytearray(b"N" * reads.get_reference_length(name))
            sequence = sequences[name]
            for _, place, base in read.get_aligned_pairs(matches_only=False, with_seq=True):
                if place is not None and base is not None:
                    sequence[place] = ord(base.upper())
    with fasta.open("wb") as out:
        for name, sequence in sequences.items():
            out.write(b">" + name.encode() + b"\n")
            for start in range(0, len(sequence), WIDTH):
                out.write(sequence[start : start + WIDTH] + b"\n")

"""Archives that lean on reference sequences: `--reference` on every command that makes or reads them."""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from tests.conftest import Completed

LENGTH = 60_000


@pytest.fixture
def reads(tmp_path: Path) -> tuple[Path, Path]:
    """A BAM file of reads that agree with a reference, and the reference's FASTA file."""
    dice = random.Random(5)
    bases = "".join(dice.choice("ACGT") for _ in range(LENGTH))
    fasta = tmp_path / "reference.fa"
    fasta.write_text(f">c1\n{bases}\n")
    source = tmp_path / "reads.bam"
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c1", "LN": LENGTH}]}
    with pysam.AlignmentFile(str(source), "wb", header=header) as out:
        for number, start in enumerate(range(0, LENGTH - 150, 120)):
            read = pysam.AlignedSegment(out.header)
            read.query_name = f"read:{number}"
            read.query_sequence = bases[start : start + 150]
            read.reference_id = 0
            read.reference_start = start
            read.mapping_quality = 60
            read.cigarstring = "150M"
            read.query_qualities = pysam.qualitystring_to_array("I" * 150)
            out.write(read)
    return source, fasta


def test_a_reference_makes_the_archive_smaller_and_is_asked_for(
    rv: Callable[..., Completed], reads: tuple[Path, Path]
) -> None:
    source, fasta = reads
    alone, leaning = source.with_name("alone.rv"), source.with_name("leaning.rv")
    assert rv("compress", "-o", alone, source).returncode == 0
    assert rv("compress", "--reference", fasta, "-o", leaning, source).returncode == 0
    assert leaning.stat().st_size * 2 < alone.stat().st_size
    back = source.with_name("back.bam")
    refused = rv("decompress", "-o", back, leaning, env={"REF_CACHE": "/nowhere/%s"})
    assert refused.returncode != 0
    assert b"c1" in refused.stderr
    assert b"-T" in refused.stderr
    assert not back.exists()
    assert rv("decompress", "-T", fasta, "-o", back, leaning).returncode == 0
    assert back.read_bytes() == source.read_bytes()
    assert rv("verify", "-T", fasta, leaning).returncode == 0
    told = json.loads(rv("info", "--json", leaning).stdout)
    assert told["counts"]["records"] > 0
    bases = "".join(fasta.read_text().split("\n")[1:]).encode()
    digest = hashlib.md5(bases, usedforsecurity=False).hexdigest()
    assert told["leans_on"] == [{"name": "c1", "length": LENGTH, "md5": digest}]
    assert b"1 reference sequence: c1" in rv("info", leaning).stdout
    assert json.loads(rv("info", "--json", alone).stdout)["leans_on"] == []
    assert b"leans on" not in rv("info", alone).stdout


def test_a_reference_that_does_not_fit_is_refused_before_anything_is_written(
    rv: Callable[..., Completed], reads: tuple[Path, Path]
) -> None:
    source, fasta = reads
    wrong = fasta.with_name("wrong.fa")
    wrong.write_text(fasta.read_text()[:-10] + "\n")
    archive = source.with_name("never.rv")
    refused = rv("compress", "-T", wrong, "-o", archive, source)
    assert refused.returncode != 0
    assert b"c1" in refused.stderr
    assert not archive.exists()

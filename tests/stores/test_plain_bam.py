"""A BAM file in a store is read in place: of regions, no more is fetched than the index names."""

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pysam
import pytest
import readvault
from readvault import AlignmentFile, _core

from tests.stores.conftest import Store


@dataclass(frozen=True)
class File:
    """A BAM file of some megabytes, its indexes, and itself on this machine."""

    path: Path
    data: bytes
    bai: bytes
    csi: bytes


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> File:
    path = tmp_path_factory.mktemp("plain") / "x.bam"
    chance = random.Random(3)
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": f"chr{n}", "LN": 3_000_000} for n in (1, 2)]}
    )
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for reference in (0, 1):
            for number in range(30_000):
                record = pysam.AlignedSegment(header)
                record.query_name = f"r{chance.randrange(1 << 40)}"
                record.reference_id, record.reference_start = reference, number * 90
                record.query_sequence = "".join(chance.choices("ACGT", k=100))
                record.query_qualities = pysam.qualitystring_to_array("".join(chance.choices("#5AFI", k=100)))
                record.cigartuples, record.mapping_quality = [(0, 100)], 60
                out.write(record)
    indexes = []
    for options in ([], ["-c"]):
        pysam.index(*options, str(path))
        index = Path(f"{path}.{'csi' if options else 'bai'}")
        indexes.append(index.read_bytes())
    return File(path, path.read_bytes(), *indexes)


def fetched() -> int:
    """Bytes that came from stores so far."""
    total: int = json.loads(_core.transfer_totals())["fetched_bytes"]
    return total


def lines(file: File, *regions: str) -> bytes:
    return str(pysam.view("-M", str(file.path), *regions)).encode()


def test_regions_are_read_with_the_index_beside_it(store: Store, file: File) -> None:
    url = store.put("plain/x.bam", file.data)
    store.put("plain/x.bam.csi", file.csi)
    opened = _core.open(url)
    for regions in (["chr1:1000000-1000100"], ["chr2:5-1000", "chr1:2000000-2001000"], ["chr2"]):
        query = _core.Query(regions=regions)
        assert b"".join(opened.sam(query, threads=2)) == lines(file, *regions)
    assert opened.count(_core.Query(), threads=2) == 60_000
    with AlignmentFile(url) as alignments:
        assert alignments.count("chr1", 0, 90_000) == 1000


def test_a_region_takes_the_bytes_that_the_index_names(store: Store, file: File) -> None:
    url = store.put("few/x.bam", file.data)
    store.put("few/x.bam.bai", file.bai)
    if store.kind == "folder":
        pytest.skip("nothing is transferred")
    assert len(file.data) > 5_000_000
    before = fetched()
    opened = _core.open(url)
    assert b"".join(opened.sam(_core.Query(regions=["chr1:1500000-1500100"]))) == lines(file, "chr1:1500000-1500100")
    # The header's 64 KiB, the index, and some blocks.
    first = fetched() - before
    assert first < 64_000 + len(file.bai) + 300_000, first
    before = fetched()
    intervals = [("chr2", start, start + 50) for start in range(100_000, 2_600_000, 500_000)]
    found = opened.count(_core.Query(targets=intervals))
    expected = sum(lines(file, f"{name}:{start + 1}-{end}").count(b"\n") for name, start, end in intervals)
    assert found == expected
    assert fetched() - before < 5 * 250_000


def test_the_command_line_takes_an_index_and_a_list_from_anywhere(store: Store, file: File) -> None:
    url = store.put("line/plain.bam", file.data)
    index = store.put("line/an index", file.bai) if store.kind not in ("azurite", "http") else None
    index = index or store.put("line/index", file.bai)
    bed = store.put("line/x.bed", b"chr1\t1000\t2000\nchr2\t500000\t500010\n")
    told = subprocess.run(
        [sys.executable, "-m", "readvault", "view", "--index", index, "-L", bed, url], capture_output=True, check=True
    )
    assert told.stdout == lines(file, "chr1:1001-2000", "chr2:500001-500010")


def test_without_an_index_regions_of_an_object_are_refused(store: Store, file: File) -> None:
    url = store.put("bare/x.bam", file.data)
    opened = _core.open(url)
    assert isinstance(opened, _core.SourceReader) and not opened.has_index()
    with pytest.raises(readvault.InvalidError, match="no index beside it"):
        opened.count(_core.Query(regions=["chr1:5-6"]))
    targets = _core.Query(targets=[("chr1", 5, 6)])
    if store.kind == "folder":
        assert opened.count(targets) == 1
    else:
        with pytest.raises(readvault.InvalidError, match="no index beside it"):
            opened.count(targets)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        _core.open(url, index=store.url("bare/nowhere")).count(_core.Query())

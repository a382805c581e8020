"""Indexes made for the views of an archive, in the hands of htslib (in pysam): every query must give what it gives of
the source with samtools' own index."""

import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest
import readvault
from readvault.archive import View

from tests import corpus
from tests.conftest import Completed

REGIONS = 200
VIEWS: tuple[View, ...] = ("exact", "plain")


def is_sorted(path: Path) -> bool:
    """Whether its header says that it has an index's order."""
    with pysam.AlignmentFile(str(path), "rb", check_sq=False) as bam:
        return bool(bam.header.to_dict().get("HD", {}).get("SO") == "coordinate")


def records(bam: pysam.AlignmentFile, *region: object) -> list[str]:
    return [record.to_string() for record in bam.fetch(*region)]  # type: ignore[arg-type]


def answers(path: Path, regions: list[tuple[str, int, int]]) -> list[object]:
    """What an indexed BAM file answers: counts, each reference, records without a place, regions."""
    told: list[object] = [pysam.idxstats(str(path))]
    with pysam.AlignmentFile(str(path), "rb", check_sq=False) as bam:
        told += [records(bam, name) for name in bam.references[:100]]
        told.append(records(bam, "*"))
        told += [records(bam, *region) for region in regions]
    return told


def regions_of(path: Path) -> list[tuple[str, int, int]]:
    """Regions of every size, most of them where records are."""
    with pysam.AlignmentFile(str(path), "rb", check_sq=False) as bam:
        places = [(r.reference_name, r.reference_start) for r in bam.fetch(until_eof=True) if r.reference_id >= 0]
        lengths = dict(zip(bam.references, bam.lengths, strict=True))
    chance = random.Random(7)
    regions = []
    for _ in range(REGIONS if lengths else 0):
        name, start = chance.choice(places) if places else (chance.choice(list(lengths)), 0)
        assert name is not None
        if chance.random() < 0.3:
            name = chance.choice(list(lengths))
            start = chance.randrange(max(lengths[name], 1))
        start = max(0, min(start + chance.randint(-3000, 3000), lengths[name] - 1))
        regions.append((name, start, start + 1 + int(10 ** chance.uniform(0, 6))))
    return regions


def compare(source: Path, folder: Path, *, csi: bool = False, level: str = "default") -> None:
    local = folder / "source.bam"
    shutil.copyfile(source, local)
    archive = folder / "source.bam.rv"
    readvault.compress(local, archive, level=level, force=True)  # type: ignore[arg-type]
    regions = regions_of(local)
    pysam.index(*(["-c"] if csi else []), str(local))
    expected = answers(local, regions)
    report = readvault.index(archive, csi=csi, force=True)
    assert [one.kind for one in report.sidecar.indexes] == 2 * ["csi" if csi else "bai"]
    for view in VIEWS:
        copy = folder / f"{view}.bam"
        with readvault.open(archive, view=view) as opened:
            copy.write_bytes(opened.read())
        index = copy.with_name(copy.name + (".csi" if csi else ".bai"))
        index.write_bytes(readvault.read_index(archive, view=view))
        found = answers(copy, regions)
        assert [a == b for a, b in zip(found, expected, strict=True)] == [True] * len(expected), view


def generated(generator: Path, path: Path, *arguments: object) -> Path:
    subprocess.run([generator, *map(str, arguments), "--seed", "5", "-o", path], check=True)
    return path


@pytest.mark.parametrize("csi", [False, True])
@pytest.mark.parametrize(
    ("arguments", "level"),
    [
        (("novaseq", "--records", 90_000), "default"),
        # Blocks that end anywhere, so that most chunks start inside one.
        (("hiseq", "--records", 60_000, "--cut", "htsjdk"), "fast"),
    ],
)
def test_queries_of_both_views_are_those_of_the_source(
    arguments: tuple[object, ...], level: str, csi: bool, generator: Path, tmp_path: Path
) -> None:
    compare(generated(generator, tmp_path / "made.bam", *arguments), tmp_path, csi=csi, level=level)


def made(path: Path, lengths: list[int], reads: list[tuple[int, int, str]], padding: int = 0) -> Path:
    """A sorted BAM file of reads: reference (-1 is none), position, CIGAR (empty: unmapped)."""
    names = [{"SN": f"c{number}", "LN": length} for number, length in enumerate(lengths)]
    header = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": names})
    chance = random.Random(3)
    with pysam.AlignmentFile(str(path), "wb", header=header) as bam:
        for number, (reference, position, cigar) in enumerate(reads):
            record = pysam.AlignedSegment(header)
            record.query_name = f"r{number}"
            record.reference_id, record.reference_start = reference, position
            record.flag = 0 if cigar else 4
            record.cigarstring = cigar or None
            bases = record.infer_query_length() or 40
            record.query_sequence = "".join(chance.choices("ACGT", k=bases))
            if padding:
                record.set_tag("XX", "".join(chance.choices("abcdefgh", k=padding)))
            bam.write(record)
    return path


def test_scattered_spliced_and_unmapped_reads_are_found(tmp_path: Path) -> None:
    chance = random.Random(1)
    reads = []
    for reference in (0, 1, 2, 5):
        for _ in range(300):
            kind = chance.choice(["50M", "20M200000N30M", "", "10S40M", "60M3D1M"])
            reads.append((reference, chance.randrange(40_000_000), kind))
    reads = sorted(reads) + [(-1, -1, "")] * 50
    compare(made(tmp_path / "made.bam", [50_000_000] * 7, reads), tmp_path)
    compare(made(tmp_path / "made.bam", [50_000_000], [(-1, -1, "")] * 50), tmp_path)
    compare(made(tmp_path / "made.bam", [50_000_000] * 2, []), tmp_path)


def test_long_records_over_many_chunks_are_found(tmp_path: Path) -> None:
    # Most chunks start inside a block: a record takes several.
    reads = sorted((chance % 2, chance * 7919 % 900_000, "100M5D100M") for chance in range(160))
    compare(made(tmp_path / "made.bam", [1_000_000] * 2, reads, padding=200_000), tmp_path, level="fast")


def test_a_record_longer_than_a_chunk_is_found(tmp_path: Path) -> None:
    reads = [(0, position, "50M") for position in range(0, 300_000, 100_000)]
    compare(made(tmp_path / "made.bam", [1_000_000] * 2, [*reads, (1, 5, "50M")], padding=5 << 20), tmp_path)


def test_references_too_long_for_bai_get_csi(tmp_path: Path) -> None:
    reads = [(0, position, "50M") for position in range(0, 900_000_000, 1_000_000)] + [(1, 7, "50M"), (-1, -1, "")]
    compare(made(tmp_path / "made.bam", [1 << 30, 1000], reads), tmp_path, csi=True)
    readvault.index(tmp_path / "source.bam.rv", tmp_path / "own.idx")
    assert readvault.read_index(tmp_path / "own.idx").startswith(b"\x1f\x8b")


@pytest.mark.parametrize("source", corpus.files(is_sorted), ids=lambda path: path.name)
def test_queries_of_real_files_are_those_of_the_source(source: Path, tmp_path: Path) -> None:
    compare(source, tmp_path)


def test_the_command_line_hands_the_indexes_out(rv: Callable[..., Completed], generator: Path, tmp_path: Path) -> None:
    source = generated(generator, tmp_path / "x.bam", "novaseq", "--records", 3000)
    archive = tmp_path / "x.bam.rv"
    readvault.compress(source, archive)
    assert rv("cat", "--index", archive).returncode == 2
    done = rv("index", archive)
    assert done.returncode == 0, done.stderr
    assert b"bai of the exact view" in done.stderr
    sidecar = tmp_path / "x.bam.rv.idx"
    index = readvault.read_index(archive, view="plain")
    assert rv("cat", "--index", "--view", "plain", archive).stdout == index
    assert rv("index", archive).returncode == 1
    # The sidecar is enough for its indexes, and for what the archive says of itself.
    told = readvault.info(archive)
    archive.unlink()
    assert rv("cat", "--index", "--view", "plain", sidecar).stdout == index
    alone = readvault.info(sidecar)
    assert (alone.counts, alone.source, alone.archive.digest) == (told.counts, told.source, told.archive.digest)
    assert alone.sidecar is not None
    assert [(one.view, one.kind) for one in alone.sidecar.indexes] == [("exact", "bai"), ("plain", "bai")]
    assert b"sidecar" in rv("info", sidecar).stdout
    for command in ("verify", "decompress", "cat", "quickcheck", "view", "index"):
        done = rv(command, sidecar)
        assert done.returncode == 2, command
        assert b"is a sidecar" in done.stderr


def test_an_index_that_came_with_the_source_is_handed_out(generator: Path, tmp_path: Path) -> None:
    source = generated(generator, tmp_path / "x.bam", "novaseq", "--records", 3000)
    pysam.index(str(source))
    archive = tmp_path / "x.bam.rv"
    readvault.compress(source, archive)
    assert readvault.read_index(archive) == (tmp_path / "x.bam.bai").read_bytes()
    with pytest.raises(readvault.InvalidError, match="plain view"):
        readvault.read_index(archive, view="plain")


def test_a_source_that_is_not_sorted_is_refused(rv: Callable[..., Completed], tmp_path: Path) -> None:
    source = made(tmp_path / "x.bam", [1000] * 2, [(1, 5, "50M"), (0, 5, "50M")])
    readvault.compress(source)
    done = rv("index", tmp_path / "x.bam.rv")
    assert done.returncode == 2
    assert b"x.bam.rv: its source is not sorted" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.bam", "x.bam.rv"]

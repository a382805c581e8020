"""Reading an archive against reading its source with samtools (in pysam): every answer must be the same text."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest
import readvault

from tests import corpus
from tests.conftest import Completed

# A generated BAM, and real ones of every kind if there is a folder of them. Regions asked of each.
REGIONS = 200 if corpus.WHOLE else 60


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small realistic BAM: two groups of chunks at its levels."""
    generator = os.environ.get("READVAULT_GENERATE")
    if generator is None:
        pytest.skip("READVAULT_GENERATE names no generator: ./run test builds one")
    import subprocess

    path = tmp_path_factory.mktemp("generated") / "generated.bam"
    subprocess.run([generator, "novaseq", "--records", "30000", "--seed", "3", "-o", path], check=True)
    return path


def samtools(command: Callable[..., object], folder: Path, *arguments: object) -> bytes:
    """What a samtools command writes."""
    output = folder / "samtools.out"
    command("-o", str(output), *map(str, arguments), catch_stdout=False)
    return output.read_bytes()


def out(done: Completed) -> bytes:
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def compare(rv: Callable[..., Completed], source: Path, folder: Path, level: str) -> None:
    """Holds what the command line tells of an archive against what samtools tells of its source."""
    local = folder / source.name
    shutil.copyfile(source, local)
    archive = folder / f"{source.name}.rv"
    readvault.compress(local, archive, level=level)  # type: ignore[arg-type]
    whole = samtools(pysam.view, folder, "-h", "--no-PG", local)
    assert out(rv("view", "-h", archive)) == whole
    assert out(rv("view", "-H", archive)) == out(rv("head", archive))
    header = out(rv("head", archive)).count(b"\n")
    assert out(rv("view", "-c", archive)) == b"%d\n" % (whole.count(b"\n") - header)
    assert out(rv("head", "-n", "5", archive)) == b"".join(whole.splitlines(keepends=True)[: header + 5])
    again = folder / "again.bam"
    assert out(rv("view", "-b", "-o", again, archive)) == b""
    assert samtools(pysam.view, folder, "-h", "--no-PG", again) == whole
    assert out(rv("flagstat", archive)).decode() == pysam.flagstat(str(local))
    plain = folder / "plain.bam"
    plain.write_bytes(out(rv("cat", "--view", "plain", archive)))
    assert samtools(pysam.view, folder, "-h", "--no-PG", plain) == whole
    try:
        pysam.index(str(local))
    except pysam.SamtoolsError:  # type: ignore[attr-defined]
        return  # Not sorted: nothing has regions, and samtools has no more to say.
    assert out(rv("idxstats", archive)).decode() == pysam.idxstats(str(local))
    assert out(rv("depth", archive)) == samtools(pysam.depth, folder, local)
    # samtools prints references without records last, we where the header has them.
    covered = sorted(out(rv("coverage", archive)).splitlines())
    assert covered == sorted(samtools(pysam.coverage, folder, local).splitlines())
    regions(archive, local, folder)


def regions(archive: Path, source: Path, folder: Path) -> None:
    """Random regions, filters with them, in one process."""
    from readvault import _core

    chance = random.Random(7)
    opened = _core.Archive(str(archive))
    with pysam.AlignmentFile(str(source), check_sq=False) as file:
        places = [(read.reference_name, read.reference_start) for read in file if read.reference_id >= 0]
    references = opened.references()
    for _ in range(REGIONS if places else 0):
        asked = []
        for _ in range(chance.choice([1, 1, 3])):
            name, start = chance.choice(places)
            if chance.random() < 0.2:
                name, length = chance.choice(references)
                start = chance.randrange(length)
            start = max(1, start + chance.randrange(-300, 300))
            asked.append(f"{name}:{start}-{start + chance.choice([0, 50, 1000, 100_000])}")
        required, excluded, least = chance.choice([0, 16]), chance.choice([0, 0x404]), chance.choice([0, 20])
        filters = ["-f", required, "-F", excluded, "-q", least]
        expected = samtools(pysam.view, folder, "-M", *filters, source, *asked)
        query = _core.Query(
            regions=asked, required_flags=required, excluded_flags=excluded, least_mapping_quality=least
        )
        assert b"".join(opened.sam(query)) == expected, asked
        assert opened.count(query) == expected.count(b"\n")


@pytest.mark.parametrize("level", ["fast", "default", "max"])
def test_a_generated_archive_reads_as_its_source(
    rv: Callable[..., Completed], generated: Path, tmp_path: Path, level: str
) -> None:
    compare(rv, generated, tmp_path, level)


@pytest.mark.skipif(corpus.GIVEN is None, reason="READVAULT_CORPUS names no folder of real files")
@pytest.mark.parametrize("source", corpus.files(), ids=lambda path: path.name)
def test_a_real_archive_reads_as_its_source(rv: Callable[..., Completed], source: Path, tmp_path: Path) -> None:
    compare(rv, source, tmp_path, "default")


def test_options_choose_as_those_of_samtools(rv: Callable[..., Completed], generated: Path, tmp_path: Path) -> None:
    archive = tmp_path / "x.rv"
    readvault.compress(generated, archive)
    with pysam.AlignmentFile(str(generated)) as file:
        groups = [group["ID"] for group in file.header.to_dict().get("RG", [])]
        name, start = next((read.reference_name, read.reference_start) for read in file)
    bed = tmp_path / "targets.bed"
    bed.write_text(f"track name=x\n# comment\n{name}\t{start}\t{start + 500}\n{name}\t{start + 2000}\nnowhere\t1\t2\n")
    for options in (
        ["-L", bed],
        ["-f", "PAIRED,READ1", "-F", "0x10"],
        ["-f", "020"],
        ["-q", "30"],
        ["-r", groups[0]] if groups else ["-q", "1"],
        ["-r", "nobody"],
    ):
        assert out(rv("view", *options, archive)) == samtools(pysam.view, tmp_path, *options, generated)
        counted = int(out(rv("view", "-c", *options, archive)))
        assert counted == samtools(pysam.view, tmp_path, *options, generated).count(b"\n")
    local = tmp_path / "local.bam"
    shutil.copyfile(generated, local)
    pysam.index(str(local))
    place = f"{name}:{max(1, start - 500)}-{start + 3000}"
    everything = out(rv("depth", "-a", "-Q", "20", archive, place))
    assert everything == samtools(pysam.depth, tmp_path, "-aa", "-Q", "20", "-r", place, local)


def test_a_cigar_that_is_too_long_for_its_place_is_counted(rv: Callable[..., Completed], tmp_path: Path) -> None:
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c0", "LN": 500_000}]}
    )
    source, archive = tmp_path / "x.bam", tmp_path / "x.bam.rv"
    with pysam.AlignmentFile(str(source), "wb", header=header) as file:
        for name, cigar in (("short", [(0, 90_000)]), ("long", [(0, 2), (1, 1)] * 35_000 + [(0, 3)])):
            record = pysam.AlignedSegment(header)
            length = sum(count for _, count in cigar)
            record.query_name, record.reference_id, record.reference_start = name, 0, 100
            record.query_sequence, record.mapping_quality = "A" * length, 60
            record.query_qualities = pysam.qualitystring_to_array("I" * length)
            record.cigartuples = cigar
            file.write(record)
    pysam.index(str(source))
    for level in ("fast", "default"):
        readvault.compress(source, archive, level=level, force=True)
        assert out(rv("depth", archive)) == samtools(pysam.depth, tmp_path, source)
        assert out(rv("coverage", archive)) == samtools(pysam.coverage, tmp_path, source)
        region = "c0:60000-60010"
        assert out(rv("coverage", archive, region)) == samtools(pysam.coverage, tmp_path, "-r", region, source)


def test_what_cannot_be_is_refused_with_words(rv: Callable[..., Completed], generated: Path, tmp_path: Path) -> None:
    archive, text = tmp_path / "x.rv", tmp_path / "text"
    readvault.compress(generated, archive)
    text.write_text("no BAM\n")
    readvault.compress(text)
    bed = tmp_path / "bad.bed"
    bed.write_text("chr1\tx\n")
    for arguments, words in (
        (("view", archive, "chr99:1-2"), "chr99"),
        (("view", archive, "chr1:9-2"), "before its first"),
        (("view", "-f", "NONSENSE", archive), "NONSENSE"),
        (("view", "-b", "-c", archive), "only one of"),
        (("view", "-L", bed, archive), "line 1"),
        (("view", f"{text}.rv"), "no BAM file"),
        (("flagstat", f"{text}.rv"), "no BAM file"),
        (("view", "-"), "give a file"),
    ):
        done = rv(*arguments)
        assert done.returncode == 2, arguments
        assert words in done.stderr.decode() and done.stdout == b"", arguments
    kept = tmp_path / "kept.sam"
    kept.write_text("mine")
    done = rv("view", "-o", kept, archive)
    assert done.returncode == 1 and "exists" in done.stderr.decode() and kept.read_text() == "mine"
    assert rv("view", "--force", "-o", kept, archive).returncode == 0 and kept.stat().st_size > 1000


def test_a_source_that_is_cut_short_is_read_up_to_the_cut_and_then_refused(
    rv: Callable[..., Completed], generated: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.bam"
    cut.write_bytes(generated.read_bytes()[:-5000])
    readvault.compress(cut)
    done = rv("view", f"{cut}.rv")
    assert done.returncode == 4 and "cut short" in done.stderr.decode()
    assert done.stdout.count(b"\n") > 1000

"""Reading a BAM file in place against samtools (in pysam): every answer must be the same text."""

import gzip
import random
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest
import readvault
from readvault import AlignmentFile, _core

from tests.bam import EOF_BLOCK, Record, bgzf, block, header
from tests.conftest import Completed
from tests.interop.test_reading import generated as generated
from tests.interop.test_reading import out, samtools

# Regions asked of each file.
REGIONS = 200


def indexed(path: Path, kind: str) -> Path:
    pysam.index(*(["-c"] if kind == "csi" else []), str(path))
    return path


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of all kinds on three references: spliced, long, unmapped with a position, and without one."""
    chance = random.Random(11)
    sam = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": name, "LN": 5_000_000} for name in ("c0", "c1", "empty", "c3")],
        }
    )
    records = []
    for number in range(6000):
        record = pysam.AlignedSegment(sam)
        record.query_name = f"r{number}"
        record.flag = chance.choice([0, 16, 0, 16, 0x400, 4])
        record.reference_id = chance.choice([0, 0, 1, 3])
        record.reference_start = chance.randrange(4_000_000)
        record.mapping_quality = chance.randrange(61)
        length = chance.choice([30, 100, 100, 100, 20_000])
        record.query_sequence = "".join(chance.choices("ACGT", k=length))
        record.query_qualities = pysam.qualitystring_to_array("I" * length)
        if not record.is_unmapped:
            half = length // 2
            gap = chance.choice([0, 0, 500, 300_000])
            record.cigartuples = [(0, half), (3, gap), (0, length - half)] if gap else [(0, length)]
        if chance.random() < 0.05:
            record.flag, record.reference_id, record.reference_start, record.cigartuples = 4, -1, -1, None
        records.append(record)
    records.sort(key=lambda record: (record.reference_id & 0xFFFFFFFF, record.reference_start))
    path = tmp_path_factory.mktemp("scattered") / "scattered.bam"
    with pysam.AlignmentFile(str(path), "wb", header=sam) as file:
        for record in records:
            file.write(record)
    return path


def regions_of(path: Path, chance: random.Random, number: int) -> list[list[str]]:
    """Lists of regions: near records, anywhere, and those that are no intervals."""
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        places = [(read.reference_name, read.reference_start) for read in file if read.reference_id >= 0]
        references = list(zip(file.references, file.lengths, strict=True))
    made = [["*"], [references[0][0]], ["*", f"{references[-1][0]}:1-1000000"]]
    for _ in range(number):
        asked = []
        for _ in range(chance.choice([1, 1, 3])):
            name, start = chance.choice(places)
            if chance.random() < 0.2:
                name, length = chance.choice(references)
                start = chance.randrange(length)
            start = max(1, start + chance.randrange(-300, 300))
            asked.append(f"{name}:{start}-{start + chance.choice([0, 50, 1000, 100_000])}")
        made.append(asked)
    return made


def compare(source: Path, folder: Path, kind: str) -> None:
    local = folder / source.name
    shutil.copyfile(source, local)
    indexed(local, kind)
    chance = random.Random(7)
    opened = _core.open(local)
    for asked in regions_of(local, chance, REGIONS):
        required, excluded, least = chance.choice([0, 16]), chance.choice([0, 0x404]), chance.choice([0, 20])
        filters = ["-f", required, "-F", excluded, "-q", least]
        expected = samtools(pysam.view, folder, "-M", *filters, local, *asked)
        query = _core.Query(
            regions=asked, required_flags=required, excluded_flags=excluded, least_mapping_quality=least
        )
        assert b"".join(opened.sam(query, threads=chance.choice([1, 3]))) == expected, asked
        assert opened.count(query) == expected.count(b"\n")


@pytest.mark.parametrize("kind", ["bai", "csi"])
def test_regions_are_those_that_samtools_finds(generated: Path, tmp_path: Path, kind: str) -> None:
    compare(generated, tmp_path, kind)


@pytest.mark.parametrize("kind", ["bai", "csi"])
def test_scattered_spliced_and_unmapped_reads_are_found(scattered: Path, tmp_path: Path, kind: str) -> None:
    compare(scattered, tmp_path, kind)


def test_a_whole_file_is_read_as_samtools_reads_it(
    rv: Callable[..., Completed], scattered: Path, tmp_path: Path
) -> None:
    local = tmp_path / "x.bam"
    shutil.copyfile(scattered, local)
    whole = samtools(pysam.view, tmp_path, "-h", "--no-PG", local)
    for threads in (1, 4):
        assert out(rv("view", "-h", "-@", threads, local)) == whole
    lines = whole.count(b"\n")
    head = out(rv("head", local)).count(b"\n")
    assert out(rv("view", "-H", local)) == out(rv("head", local))
    assert out(rv("view", "-c", local)) == b"%d\n" % (lines - head)
    assert out(rv("view", "-c", local, ".")) == b"%d\n" % (lines - head)
    assert out(rv("head", "-n", "5", local)) == b"".join(whole.splitlines(keepends=True)[: head + 5])
    again = tmp_path / "again.bam"
    assert out(rv("view", "-b", "-o", again, local)) == b""
    assert samtools(pysam.view, tmp_path, "-h", "--no-PG", again) == whole
    assert out(rv("flagstat", local)).decode() == pysam.flagstat(str(local))
    counted = out(rv("idxstats", local))
    for kind in ("bai", "csi"):
        indexed(local, kind)
        told = out(rv("idxstats", "--index", f"{local}.{kind}", local))
        assert told.decode() == pysam.idxstats(str(local)) and told == counted


def test_lists_of_intervals_choose_as_those_of_samtools(
    rv: Callable[..., Completed], scattered: Path, tmp_path: Path
) -> None:
    local = tmp_path / "x.bam"
    shutil.copyfile(scattered, local)
    bed, picard = tmp_path / "x.bed", tmp_path / "x.interval_list"
    chance = random.Random(5)
    starts = sorted(chance.sample(range(0, 4_000_000), 40))
    bed.write_text("".join(f"{name}\t{start}\t{start + 700}\n" for name in ("c0", "c3", "other") for start in starts))
    lines = "".join(f"{name}\t{start + 1}\t{start + 700}\t+\tn{start}\n" for name in ("c0", "c3") for start in starts)
    picard.write_text(f"@HD\tVN:1.6\n@SQ\tSN:c0\tLN:5000000\n{lines}")
    unnamed, packed = tmp_path / "list", tmp_path / "x.interval_list.gz"
    unnamed.write_text(picard.read_text())
    packed.write_bytes(gzip.compress(lines.encode()))
    expected = samtools(pysam.view, tmp_path, "-L", bed, local)
    assert expected
    # Without an index all of it is read, as samtools does.
    assert out(rv("view", "-L", bed, local)) == expected
    indexed(local, "bai")
    for targets in (bed, picard, unnamed, packed):
        assert out(rv("view", "-L", targets, local)) == expected
    both = samtools(pysam.view, tmp_path, "-M", "-L", bed, local)
    assert both == expected
    within = out(rv("view", "-L", bed, local, "c0:1-2000000"))
    kept = [line for line in expected.splitlines(keepends=True) if line.split(b"\t")[2] == b"c0"]
    in_region = set(samtools(pysam.view, tmp_path, local, "c0:1-2000000").splitlines(keepends=True))
    assert within == b"".join(line for line in kept if line in in_region)
    broken = tmp_path / "broken.interval_list"
    broken.write_text("c0\t5\n")
    for text, words in (("c0\t5\n", "line 1"), ("c0\t0\t5\t+\tx\n", "line 1"), ("@HD\nc0\t9\t5\t+\tx\n", "line 2")):
        broken.write_text(text)
        done = rv("view", "-L", broken, local)
        assert done.returncode == 2 and words in done.stderr.decode(), done.stderr


def test_alignment_file_reads_it(scattered: Path, tmp_path: Path) -> None:
    local, moved = tmp_path / "x.bam", tmp_path / "elsewhere" / "index"
    shutil.copyfile(scattered, local)
    with AlignmentFile(local) as mine, pysam.AlignmentFile(str(local)) as theirs:
        assert [read.to_string() for read in mine] == [read.to_string() for read in theirs]
        assert not mine.has_index()
        with pytest.raises(readvault.InvalidError, match="samtools index"):
            mine.fetch("c0", 5, 10)
    indexed(local, "csi")
    moved.parent.mkdir()
    Path(f"{local}.csi").rename(moved)
    with (
        AlignmentFile(local, index=moved) as mine,
        pysam.AlignmentFile(str(local), index_filename=str(moved)) as theirs,
    ):
        for start in range(0, 4_000_000, 300_000):
            expected = [read.to_string() for read in theirs.fetch("c0", start, start + 5000)]
            assert [read.to_string() for read in mine.fetch("c0", start, start + 5000)] == expected
        assert mine.has_index() and mine.mapped == theirs.mapped
        assert mine.pysam_file("c1").count(until_eof=True) == theirs.count("c1")


def test_the_index_beside_it_goes_by_its_usual_names(
    rv: Callable[..., Completed], scattered: Path, tmp_path: Path
) -> None:
    local = tmp_path / "x.bam"
    shutil.copyfile(scattered, local)
    for kind in ("bai", "csi"):
        indexed(local, kind)
        Path(f"{local}.{kind}").rename(tmp_path / f"kept.{kind}")
    expected = out(rv("view", "--index", tmp_path / "kept.bai", local, "c0:100000-200000"))
    assert expected
    for name in ("x.bam.bai", "x.bai", "x.bam.csi", "x.csi"):
        index = tmp_path / name
        shutil.copyfile(tmp_path / f"kept.{name[-3:]}", index)
        assert out(rv("view", local, "c0:100000-200000")) == expected
        index.unlink()


def test_a_wrong_index_is_an_error_that_names_it(
    rv: Callable[..., Completed], scattered: Path, generated: Path, tmp_path: Path
) -> None:
    local, other = tmp_path / "x.bam", tmp_path / "other.bam"
    shutil.copyfile(scattered, local)
    shutil.copyfile(generated, other)
    indexed(local, "bai")
    indexed(other, "bai")
    good = Path(f"{local}.bai").read_bytes()
    (tmp_path / "cut").write_bytes(good[: len(good) // 2])
    far = tmp_path / "far"
    # Its first range's end, behind the file's.
    far.write_bytes(good[:28] + struct.pack("<Q", 1 << 60) + good[36:])
    for index, words, code in (
        (tmp_path / "absent", "absent", 5),
        (local, "no BAI or CSI index", 2),
        (tmp_path / "cut", "cut short", 2),
        (far, "behind the file's end", 2),
        (Path(f"{other}.bai"), "belongs to another file", 2),
    ):
        for asked in (["c0:1-100000"], []):
            done = rv("view", "--index", index, local, *asked)
            assert done.returncode == code and done.stdout == b"", done.stderr
            assert words in done.stderr.decode() and index.name in done.stderr.decode()
    # Beside the file too: it is not passed over.
    Path(f"{local}.bai").write_bytes(b"nothing")
    done = rv("view", local, "c0:1-100000")
    assert done.returncode == 2 and "x.bam.bai" in done.stderr.decode()
    archive = tmp_path / "x.bam.rv"
    readvault.compress(local, archive, level="fast")
    done = rv("view", "--index", far, archive)
    assert done.returncode == 2 and "without an index" in done.stderr.decode()


def test_an_index_whose_offsets_are_another_files_is_told(
    rv: Callable[..., Completed], scattered: Path, tmp_path: Path
) -> None:
    """The same references, and other blocks."""
    local, other = tmp_path / "x.bam", tmp_path / "other.bam"
    shutil.copyfile(scattered, local)
    with pysam.AlignmentFile(str(local)) as theirs, pysam.AlignmentFile(str(other), "wb0", template=theirs) as file:
        for read in theirs:
            file.write(read)
    indexed(local, "bai")
    done = rv("view", "--index", f"{local}.bai", other, "c0:1000000-1100000")
    assert done.returncode == 4 and "another file's" in done.stderr.decode()


def test_what_is_damaged_or_cut_short_is_told_with_its_place(
    rv: Callable[..., Completed], scattered: Path, tmp_path: Path
) -> None:
    good = scattered.read_bytes()
    path = tmp_path / "bad.bam"
    record = Record(name="r", sequence="ACGT", qualities=bytes(4)).encode()
    start = bgzf(header({"c0": 1000}))

    def blocks(*contents: bytes) -> bytes:
        return start + b"".join(map(bgzf, contents)) + EOF_BLOCK

    def promises(length: int) -> bytes:
        whole = block(record)
        return start + whole[:-4] + struct.pack("<I", length) + EOF_BLOCK

    middle = len(good) // 2
    flipped = bytearray(good)
    flipped[middle] ^= 1
    for data, code, words in (
        (good[:-28], 4, "cut short"),
        (good[:middle], 4, "cut short"),
        (good[:middle] + EOF_BLOCK, 4, "byte"),
        (bytes(flipped), 4, "byte"),
        (blocks(record[:-1]), 4, "ends within a record"),
        (blocks(record, record[:10]), 4, "ends within a record"),
        (blocks(record, b"\xff" * 40), 4, "no BAM record"),
        (blocks(record, struct.pack("<i", 31) + record[4:]), 4, "no BAM record"),
        (blocks(record, struct.pack("<I", 1 << 31) + record[4:]), 4, "no BAM record"),
        (start + block(record) + b"junk" * 20 + EOF_BLOCK, 4, f"byte {len(start) + len(block(record))}"),
        (promises(1 << 31), 4, "promises more"),
        (promises(len(record) - 1), 4, "does not inflate"),
        (start[:-10] + EOF_BLOCK, 4, "byte 0"),
        (bgzf(header()[:-5]) + EOF_BLOCK, 4, "header"),
        (bgzf(b"BAM\1" + struct.pack("<i", -5)) + EOF_BLOCK, 4, "header"),
        (bgzf(b"BAM\1" + struct.pack("<i", 1 << 30)) + EOF_BLOCK, 4, "header"),
        (bgzf(b"##fileformat=VCFv4.2\n") + EOF_BLOCK, 2, "no BAM file"),
        (EOF_BLOCK, 2, "no BAM file"),
        (gzip.compress(b"text"), 2, "no BAM file"),
        (b"CRAM\3\0" + bytes(100), 2, "samtools view"),
    ):
        path.write_bytes(data)
        for threads in (1, 3):
            done = rv("view", "-@", threads, path)
            told = done.stderr.decode()
            assert (done.returncode, words in told, str(path) in told) == (code, True, True), told


def test_many_small_blocks_that_inflate_to_much_take_little(tmp_path: Path) -> None:
    """Most of a file's bytes may be of blocks that hold a thousand times as much."""
    zeros = Record(name="z", sequence="A" * 40_000, qualities=bytes(40_000), tags=b"zzZ" + b"0" * 5000 + b"\0").encode()
    packed = block(zeros)
    path = tmp_path / "zeros.bam"
    number = 6000
    path.write_bytes(bgzf(header()) + packed * number + EOF_BLOCK)
    assert len(packed) < 400
    program = (
        "import sys; from readvault import _core\n"
        "print(_core.open(sys.argv[1]).count(_core.Query(), threads=2))\n"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    told = subprocess.run([sys.executable, "-c", program, path], capture_output=True, check=True).stdout.split()
    # Kilobytes: 8 MB of content for each of a few spans, not 500.
    assert int(told[0]) == number and int(told[1]) < 200_000


def test_a_header_that_ends_within_a_block_or_with_it(tmp_path: Path) -> None:
    record = Record(name="r", sequence="ACGT", qualities=bytes(4)).encode()
    text = "@HD\tVN:1.6\n" + "@CO\t" + "x" * 200_000 + "\n"
    for content in (header(text=text), header({f"c{n}": 1000 for n in range(50_000)})):
        for data in (bgzf(content) + bgzf(record * 3), bgzf(content + record * 3), bgzf(content)):
            path = tmp_path / "x.bam"
            path.write_bytes(data + EOF_BLOCK)
            assert _core.open(path).count(_core.Query()) == (0 if data == bgzf(content) else 3)
            assert zlib.crc32(_core.open(path).header_text()) != 0


def test_depths_are_not_told_of_a_file_without_an_archive(rv: Callable[..., Completed], scattered: Path) -> None:
    for command in ("depth", "coverage"):
        done = rv(command, scattered)
        assert done.returncode != 0 and "archive" in done.stderr.decode(), done.stderr

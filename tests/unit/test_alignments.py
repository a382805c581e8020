"""Archives as alignment files: regions, iterators, headers, records, and pysam's own files at the end of a pipe."""

import copy
import gc
import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import readvault
from readvault.alignments import AlignedSegment, AlignmentFile, AlignmentHeader, cigar, tags

from tests.bam import EOF_BLOCK, Record, bam, bgzf, header, records

REFERENCES = {"c1": 1_000_000, "c:2": 500, "c:2:1-3": 9}
TEXT = "@HD\tVN:1.6\n@PG\tID:x\tCL:a\tb:c d\n@CO\tone\ttwo\n@xy\tAA:1\n@RG\tID:1\tPI:300\n"
COUNT = 5000


def archive_of(folder: Path, content: bytes) -> Path:
    path = folder / "a.bam"
    path.write_bytes(content)
    readvault.compress(path, level="fast", threads=1)
    return path.with_name("a.bam.rv")


@pytest.fixture(scope="module")
def sorted_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many records on c1, 10 bases apart from 10,000 on, and the last without a place."""
    listed = [*records(COUNT), Record("last", "ACGT", b"\x1e" * 4, flag=4, reference=-1, position=-1)]
    content = bgzf(header(REFERENCES)) + bgzf(b"".join(record.encode() for record in listed)) + EOF_BLOCK
    return archive_of(tmp_path_factory.mktemp("sorted"), content)


@pytest.fixture
def alignments(sorted_archive: Path) -> Iterator[AlignmentFile]:
    with readvault.AlignmentFile(sorted_archive) as opened:
        yield opened


def segment(record: Record) -> AlignedSegment:
    return AlignedSegment(record.encode(), AlignmentHeader("", ("c1",), (1000,)))


def names(found: Iterator[AlignedSegment]) -> list[str]:
    return [record.query_name for record in found]


def test_all_records_come_in_the_order_of_the_source(alignments: AlignmentFile) -> None:
    expected = [*(record.name for record in records(COUNT)), "last"]
    assert names(alignments.fetch()) == names(alignments.fetch(until_eof=True)) == expected
    assert names(alignments.fetch(".")) == expected
    assert names(alignments.head(3)) == expected[:3]
    assert names(alignments.fetch("*")) == names(alignments.fetch(region="*")) == ["last"]


def test_intervals_are_half_open_and_regions_closed(alignments: AlignmentFile) -> None:
    # Records take 100 positions: from 10,000 on, from 10,010 on, ...
    assert len(list(alignments.fetch("c1", 10_000, 10_010))) == 1
    assert len(list(alignments.fetch("c1", 10_000, 10_011))) == 2
    assert len(list(alignments.fetch(region="c1:10,001-10,010"))) == 1
    assert len(list(alignments.fetch(region="c1:10,001-10,011"))) == 2
    assert len(list(alignments.fetch("c1", stop=10_000))) == 0
    assert len(list(alignments.fetch(reference="c1", end=10_001))) == 1
    assert len(list(alignments.fetch(tid=0, start=10_000, stop=10_000))) == 0
    assert alignments.count("c1") == COUNT
    assert alignments.count("c:2") == 0


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ({"contig": "nope"}, "invalid contig `nope`"),
        ({"contig": "c1", "start": 6, "stop": 5}, "start .6. > stop .5."),
        ({"contig": "c1", "start": -1}, "start out of range"),
        ({"contig": "c1", "stop": -1}, "start .0. > stop .-1."),
        ({"contig": "c1", "stop": 3, "end": 3}, "stop and end"),
        ({"contig": "c1", "reference": "c1"}, "only one of"),
        ({"start": 3}, "need a contig"),
        ({"region": "nope:1-2"}, "nope"),
        ({"region": "c1:20-11"}, "before its first"),
    ],
)
def test_places_that_cannot_be_are_value_errors_at_once(alignments: AlignmentFile, place: Any, why: str) -> None:
    for method in (alignments.fetch, alignments.count, alignments.pysam_file):
        with pytest.raises(ValueError, match=why):
            method(**place)
    with pytest.raises(ValueError, match="invalid tid 3"):
        alignments.fetch(tid=3)


def test_counts_take_what_a_callback_takes(alignments: AlignmentFile) -> None:
    reverse = sum(record.flag == 16 for record in records(COUNT))
    assert alignments.count() == COUNT + 1
    assert alignments.count(read_callback="all") == COUNT
    assert alignments.count(read_callback=lambda record: record.is_reverse) == reverse
    with pytest.raises(ValueError, match="read_callback"):
        alignments.count(read_callback="some")
    assert (alignments.mapped, alignments.unmapped, alignments.nocoordinate) == (COUNT, 1, 1)
    assert [tuple(counts) for counts in alignments.get_index_statistics()] == [
        ("c1", COUNT, 0, COUNT),
        ("c:2", 0, 0, 0),
        ("c:2:1-3", 0, 0, 0),
    ]
    assert alignments.has_index() and alignments.check_index()


def test_iterators_do_not_disturb_each_other(alignments: AlignmentFile) -> None:
    first, second = alignments.fetch(), alignments.fetch("c1", 30_000)
    pairs = list(islice(zip(first, second, strict=False), 100))
    assert [one.reference_start for one, _ in pairs] == [10_000 + 10 * number for number in range(100)]
    assert [other.reference_start for _, other in pairs] == [29_910 + 10 * number for number in range(100)]


def test_the_files_own_iteration_goes_on_where_it_was(alignments: AlignmentFile) -> None:
    first = next(alignments)
    assert next(iter(alignments)) != first
    assert len(list(alignments)) == COUNT - 1
    assert list(alignments) == []
    alignments.reset()
    assert next(alignments) == first


def test_a_closed_file_reads_nothing(sorted_archive: Path) -> None:
    with readvault.AlignmentFile(sorted_archive) as opened:
        iterator = opened.fetch()
        record = next(iterator)
    assert opened.closed
    assert not opened.is_open
    assert record.query_name == records(COUNT)[0].name
    with pytest.raises(ValueError, match="closed"):
        next(iterator)
    for name in ("header", "text", "references", "mapped", "nreferences"):
        with pytest.raises(ValueError, match="closed"):
            getattr(opened, name)
    for call in (opened.fetch, opened.count, opened.has_index, opened.pysam_file, opened.reset, opened.__enter__):
        with pytest.raises(ValueError, match="closed"):
            call()
    opened.close()


def test_what_is_no_bam_file_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"no alignments")
    readvault.compress(tmp_path / "text")
    with pytest.raises(readvault.InvalidError):
        readvault.AlignmentFile(tmp_path / "text.rv")
    with pytest.raises(FileNotFoundError):
        readvault.AlignmentFile(tmp_path / "nothing.rv")


def test_a_header_is_a_text_a_table_and_a_mapping(tmp_path: Path) -> None:
    path = archive_of(tmp_path, bgzf(header(REFERENCES, TEXT)) + EOF_BLOCK)
    with readvault.AlignmentFile(path) as alignments:
        head = alignments.header
        assert alignments.text == str(head)
        assert alignments.filename == str(path).encode()
        assert list(alignments) == []
    assert head.references == tuple(REFERENCES)
    assert head.lengths == (1_000_000, 500, 9)
    assert head.nreferences == 3
    assert head.to_dict() == {
        "HD": {"VN": "1.6"},
        "PG": [{"ID": "x", "CL": "a\tb:c d"}],
        "CO": ["one\ttwo"],
        "xy": [{"AA": "1"}],
        "RG": [{"ID": "1", "PI": "300"}],
        "SQ": [{"SN": name, "LN": length} for name, length in REFERENCES.items()],
    }
    assert head["HD"] == {"VN": "1.6"}
    assert "CO" in head
    assert head.get("XX") is None
    assert head.get_tid("c:2") == 1
    assert head.get_tid("nope") == -1
    assert head.get_reference_name(1) == "c:2"
    assert head.get_reference_name(-1) is None
    assert head.is_valid_tid(2) and not head.is_valid_tid(3)
    with pytest.raises(ValueError, match="3 out of range"):
        head.get_reference_name(3)
    with pytest.raises(KeyError, match="nope"):
        head.get_reference_length("nope")


@pytest.mark.parametrize("text", ["junk\n", "@HD\tVN:1\n@HD\tVN:2\n", "@RG\tID\n"])
def test_headers_unlike_sams_stay_texts(text: str) -> None:
    head = AlignmentHeader(text, (), ())
    assert str(head) == text
    with pytest.raises(ValueError, match=r"header|HD"):
        head.to_dict()


def test_records_are_values() -> None:
    one, same, other = (segment(Record(name, "ACGT", b"\x1e" * 4)) for name in ("a", "a", "b"))
    assert one == same
    assert hash(one) == hash(same)
    assert len({one, same, other}) == 2
    assert (one.compare(same), one.compare(other), other.compare(one), one.compare(None)) == (0, -1, 1, -1)
    assert one != "a"
    assert copy.copy(one) == pickle.loads(pickle.dumps(one)) == one
    assert str(one) == one.to_string() == "a\t0\tc1\t1\t60\t4M\t*\t0\t0\tACGT\t????"
    assert repr(one) == "<AlignedSegment('a', flags=0=0x0, ref='c1', zpos=0, mapq=60, cigar='4M', ...)>"
    with pytest.raises(AttributeError):
        one.flag = 4  # type: ignore[misc]


def test_complements_know_ambiguous_bases() -> None:
    record = segment(Record("a", "ACGTMRWSYKVHDBN", bytes(range(15)), flag=16))
    assert record.get_forward_sequence() == "NVHDBMRSWYKACGT"
    assert list(record.get_forward_qualities() or []) == list(range(14, -1, -1))


def test_tags_have_their_values_and_types() -> None:
    stored = b"XAAxXZZtext\0XII" + struct.pack("<I", 4_000_000_000)
    stored += b"XBBs" + struct.pack("<I2h", 2, -3, 4) + b"Xff" + struct.pack("<f", 0.5)
    record = segment(Record("a", "A", b"\x1e", tags=stored))
    assert [(name, kind) for name, _, kind in record.get_tags(with_value_type=True)] == [
        ("XA", "A"),
        ("XZ", "Z"),
        ("XI", "I"),
        ("XB", "B"),
        ("Xf", "f"),
    ]
    assert record.get_tag("XI") == 4_000_000_000
    value, kind = record.get_tag("XB", with_value_type=True)
    assert (list(value), kind) == ([-3, 4], "Bs")
    assert dict(record.tags)["Xf"] == 0.5
    assert record.to_dict()["tags"] == ["XA:A:x", "XZ:Z:text", "XI:i:4000000000", "XB:B:s,-3,4", "Xf:f:0.5"]
    assert record.has_tag("XZ")
    assert not record.has_tag("XZZ")
    with pytest.raises(KeyError, match="'ZZ' not present"):
        record.get_tag("ZZ")


@pytest.mark.parametrize(
    "stored", [b"X", b"XA", b"XZZtext", b"XQq\0", b"XBBs\xff\xff\xff\xff\0", b"XBBq\0\0\0\0", b"Xii\0"]
)
def test_tags_that_cannot_be_read_are_value_errors(stored: bytes) -> None:
    record = segment(Record("a", "A", b"\x1e", tags=b"NMC\0" + stored))
    assert record.cigarstring == "1M"
    assert record.get_tag("NM") == 0
    for call in (record.get_tags, record.to_string):
        with pytest.raises(ValueError, match="malformed record"):
            call()


def test_floats_are_written_as_c_writes_them() -> None:
    for value, text in [(1e6, "1e+06"), (0.1, "0.1"), (-0.0, "-0"), (float("-inf"), "-inf"), (-float("nan"), "-nan")]:
        stored = b"Xf" + b"d" + struct.pack("<d", value)
        assert tags.text(stored, next(tags.places(stored, 0))) == f"Xf:d:{text}"


def test_paddings_take_no_base_of_the_read() -> None:
    padded = ((cigar.MATCH, 1), (cigar.PADDING, 2), (cigar.INSERTION, 1), (cigar.MATCH, 1))
    pairs = cigar.pairs(padded, 7, False, None, False)
    assert pairs == [(0, 7), (None, None), (None, None), (1, None), (2, 8)]
    assert cigar.pairs(padded, 7, True, None, False) == [(0, 7), (2, 8)]


def test_an_md_that_does_not_fit_is_a_value_error() -> None:
    for md in (b"3", b"5", b"2^A1", b"2A"):
        record = segment(Record("a", "ACGT", b"\x1e" * 4, tags=b"MDZ" + md + b"\0"))
        with pytest.raises(ValueError, match="invalid MD"):
            record.get_reference_sequence()
    with pytest.raises(ValueError, match="MD tag not present"):
        segment(Record("a", "ACGT", b"\x1e" * 4)).get_aligned_pairs(with_seq=True)


def test_a_pysam_file_may_be_closed_early(alignments: AlignmentFile) -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir())) if descriptors.exists() else 0
    with alignments.pysam_file() as piped:
        assert next(piped).query_name == records(COUNT)[0].name
    alignments.pysam_file().close()
    dropped = alignments.pysam_file()
    del dropped
    gc.collect()
    if before:
        assert len(list(descriptors.iterdir())) <= before + 1


def test_pileups_read_from_the_pipe(alignments: AlignmentFile) -> None:
    with alignments.pysam_file("c1", 10_000, 10_100) as piped:
        depths = {column.reference_pos: column.nsegments for column in piped.pileup(min_base_quality=0)}
        assert [depths[position] for position in (10_000, 10_009, 10_010, 10_095)] == [1, 1, 2, 10]
    with alignments.pysam_file() as piped:
        assert sum(column.nsegments for column in piped.pileup(stepper="nofilter", min_base_quality=0)) == 100 * COUNT


def test_a_header_larger_than_a_pipe_goes_through(tmp_path: Path) -> None:
    references = {f"contig{number}": number + 1 for number in range(20_000)}
    content = bgzf(header(references)) + bgzf(b"".join(record.encode() for record in records(10))) + EOF_BLOCK
    with readvault.AlignmentFile(archive_of(tmp_path, content)) as alignments, alignments.pysam_file() as piped:
        assert piped.references == tuple(references)
        assert len(list(piped)) == 10


def test_a_failure_of_the_writer_is_no_end_of_the_file(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, bam(60_000))
    content = bytearray(archive.read_bytes())
    content[len(content) * 2 // 3] ^= 1
    archive.write_bytes(content)
    with readvault.AlignmentFile(archive) as alignments:
        with pytest.raises(readvault.DamagedError, match="chunk"):
            list(alignments.pysam_file())
        # Iterators of htslib's own say that the file is cut short, and closing says why.
        piped = alignments.pysam_file()
        with pytest.raises(OSError, match="truncated file"):
            list(piped.fetch(until_eof=True))
        with pytest.raises(readvault.DamagedError, match="chunk"):
            piped.close()
        assert piped.closed


def test_a_pysam_file_that_is_left_open_keeps_nobody_from_leaving(sorted_archive: Path) -> None:
    script = f"""
import readvault
alignments = readvault.AlignmentFile({str(sorted_archive)!r})
piped = alignments.pysam_file()
print(next(piped).query_name)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=True)
    assert done.stderr == b""


def test_without_pysam_the_remedy_is_named(alignments: AlignmentFile) -> None:
    script = """
import sys
sys.modules["pysam"] = None
from readvault.alignments import AlignedSegment, AlignmentHeader
AlignmentHeader("", (), ()).to_pysam()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=False)
    assert b"ImportError: pysam is not installed: run `pip install pysam`" in done.stderr

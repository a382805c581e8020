"""Records of archives, field by field as pysam reads them from the BAM files themselves."""

import array
from collections.abc import Callable, Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import pysam
import pytest
import readvault
from readvault.alignments import AlignedSegment

from tests import corpus

PROPERTIES = [
    *("query_name", "flag", "reference_id", "tid"),
    *("reference_name", "reference_start", "pos", "reference_end"),
    *("reference_length", "mapping_quality", "cigartuples", "cigarstring"),
    *("next_reference_id", "next_reference_name", "next_reference_start", "template_length"),
    *("query_sequence", "query_qualities", "query_qualities_str", "query_length"),
    *("query_alignment_start", "query_alignment_end", "query_alignment_length", "query_alignment_sequence"),
    *("query_alignment_qualities", "query_alignment_qualities_str", "bin", "is_paired"),
    *("is_proper_pair", "is_unmapped", "is_mapped", "mate_is_unmapped"),
    *("mate_is_mapped", "is_reverse", "is_forward", "mate_is_reverse"),
    *("mate_is_forward", "is_read1", "is_read2", "is_secondary"),
    *("is_qcfail", "is_duplicate", "is_supplementary"),
]
METHODS: list[tuple[str, tuple[Any, ...]]] = [
    ("infer_query_length", ()),
    ("infer_read_length", ()),
    ("get_cigar_stats", ()),
    ("to_string", ()),
    ("to_dict", ()),
]
PLACED: list[tuple[str, tuple[Any, ...]]] = [
    ("get_reference_positions", ()),
    ("get_reference_positions", (True,)),
    ("get_blocks", ()),
    ("get_overlap", (3, 20)),
    ("get_overlap", (10_000, 10_020)),
]
PAIRS: list[tuple[str, tuple[Any, ...]]] = [
    ("get_aligned_pairs", ()),
    ("get_aligned_pairs", (True,)),
    ("get_aligned_pairs", (False, False, True)),
]
# Records of a corpus file that are compared, and how many strange files: all kinds within a minute.
RECORDS = 10_000 if corpus.WHOLE else 60
EDGE_FILES = 60
REGION = 2000


FAILS = object()


def result(call: Callable[[], object]) -> object:
    """What a call gives; where it fails, that it does."""
    try:
        return call()
    except (ValueError, KeyError, AssertionError, TypeError):
        return FAILS


def assert_same(ours: AlignedSegment, theirs: pysam.AlignedSegment) -> None:
    for name in PROPERTIES:
        # Of a single quality pysam makes text in place, in a bytes object that all of Python shares.
        if name.endswith("_str") and ours.query_length == 1:
            continue
        # Of no base at all it writes two letters into the empty text, which all of Python shares too.
        if name == "query_alignment_sequence" and ours.query_length and not ours.query_alignment_length:
            assert ours.query_alignment_sequence == ""
            continue
        assert getattr(ours, name) == getattr(theirs, name), (name, ours)
    # pysam takes paddings for bases of the read, and -1 for a position.
    placed, padded = theirs.reference_start >= 0, "P" in (theirs.cigarstring or "")
    for name, arguments in [*METHODS, *(PLACED if placed else []), *(PAIRS if placed and not padded else [])]:
        expected = result(lambda: getattr(theirs, name)(*arguments))  # noqa: B023
        assert result(lambda: getattr(ours, name)(*arguments)) == expected, (name, ours)  # noqa: B023
    # pysam leaves the ambiguous bases of complements as they are, and cannot turn qualities that are not there.
    if set(theirs.query_sequence or "") <= set("ACGTN"):
        assert ours.get_forward_sequence() == theirs.get_forward_sequence()
    forward = result(theirs.get_forward_qualities)
    assert ours.get_forward_qualities() == (None if forward is FAILS else forward)
    assert_same_tags(ours, theirs)
    reference = result(theirs.get_reference_sequence)
    if reference is not FAILS and placed and not padded and ours.query_sequence:
        assert ours.get_reference_sequence() == reference
        assert ours.get_aligned_pairs(with_seq=True) == theirs.get_aligned_pairs(with_seq=True)


def assert_same_tags(ours: AlignedSegment, theirs: pysam.AlignedSegment) -> None:
    for tag, other in zip_longest(ours.get_tags(with_value_type=True), theirs.get_tags(with_value_type=True)):
        assert tag[0] == other[0] and tag[2] == other[2]
        # pysam's get_tags gives large numbers of type I a sign.
        assert repr(tag[1]) == repr(other[1]) or (other[2] == "I" and tag[1] == int(str(other[1])) & 0xFFFF_FFFF)
        assert repr(ours.get_tag(tag[0], True)) == repr(theirs.get_tag(tag[0], True))
        assert ours.has_tag(tag[0])
    assert ours.has_tag("??") == theirs.has_tag("??")


def without_ends(header: Any) -> Any:
    """A header without the spaces at the ends of its values, which pysam leaves out of command lines."""
    match header:
        case dict():
            return {key: without_ends(value) for key, value in header.items()}
        case list():
            return [without_ends(value) for value in header]
        case str():
            return header.rstrip()
    return header


def compare(bam: Path, archive: Path, records: int | None = None) -> int:
    """Compares header and records, and gives the number of the records."""
    number = 0
    with readvault.AlignmentFile(archive) as ours, pysam.AlignmentFile(str(bam), check_sq=False) as theirs:
        # Where references stand only in the table, pysam writes an empty line before those that it adds.
        assert str(ours.header).split() == str(theirs.header).replace("\0", "").split()
        expected = result(theirs.header.to_dict)
        assert expected is FAILS or without_ends(ours.header.to_dict()) == without_ends(expected)
        assert ours.references == theirs.references
        assert ours.lengths == theirs.lengths
        pairs: Iterator[tuple[AlignedSegment, pysam.AlignedSegment]]
        pairs = zip_longest(ours.fetch(), theirs.fetch(until_eof=True))
        for own, other in islice(pairs, records):
            assert_same(own, other)
            assert_same(readvault.AlignedSegment(own.to_bytes(), ours.header), other)
            number += 1
    return number


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records that are seldom met."""
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": "c1", "LN": 300_000}, {"SN": "c:2", "LN": 500, "M5": "abc"}],
            "PG": [{"ID": "x", "CL": "a b:c d"}],
            "CO": ["one\ttwo", ""],
        }
    )
    path = tmp_path_factory.mktemp("strange") / "strange.bam"

    def record(**fields: Any) -> pysam.AlignedSegment:
        made = pysam.AlignedSegment(header)
        tags = fields.pop("tags", [])
        made.query_name = "r"
        for name, value in fields.items():
            setattr(made, name, value)
        made.set_tags(tags)
        return made

    tags = [
        *(("XA", "x", "A"), ("XZ", "text", "Z"), ("XE", "", "Z"), ("XH", "1AE3", "H"), ("XD", 2.25, "d")),
        *(("Xc", -7, "c"), ("XC", 200, "C"), ("Xs", -300, "s"), ("XS", 60_000, "S"), ("Xi", -70_000, "i")),
        *(("XI", 4_000_000_000, "I"), ("Xf", 1e-7, "f"), ("Xg", 3.14159265, "f"), ("Xh", 1e9, "f")),
        *(("Xn", float("nan"), "f"), ("Xm", float("-inf"), "f")),
        *((f"B{code}", array.array(code, [1, 2, 100])) for code in "bBhHiIf"),
        *(("B0", array.array("I", [])), ("Bn", array.array("i", [-5, 70_000])), ("XS", 2, "C")),
    ]
    place = {"reference_id": 0, "reference_start": 10}
    bases = {"query_sequence": "ACGTMRWSYKVHDBN", "query_qualities": array.array("B", range(15))}
    long_cigar = [(0, 1), (1, 1)] * 40_000
    made = [
        record(**place, **bases, cigarstring="15M", tags=tags),
        record(**place, flag=16, **bases, cigarstring="5H2S3M2I2D1=1X3N2M4S2H", tags=[("MD", "0A2^GT0C3", "Z")]),
        record(**place, query_sequence="ACGT", cigarstring="4M"),
        record(**place, cigarstring="3S4M2S1H"),
        record(**place, flag=16, query_sequence="ACGTA", cigarstring="2M3P1I2M"),
        record(**place, flag=4, query_sequence="ACG"),
        record(**place, flag=4, query_sequence="ACG", cigarstring="3M"),
        record(**place, query_sequence="ACGTA", cigarstring="5S"),
        record(**place, query_sequence="A", query_qualities=array.array("B", [93]), cigarstring="1M"),
        record(**place, query_sequence="AC" * 40_000, cigartuples=long_cigar, tags=[("NM", 1), ("ZZ", "after")]),
        record(reference_id=1, reference_start=499, next_reference_id=0, next_reference_start=3, template_length=-70),
        record(flag=77, next_reference_id=1, next_reference_start=3),
        record(query_name="*", flag=4, query_sequence="A=N"),
        record(query_name="n" * 254, flag=141),
    ]
    with pysam.AlignmentFile(str(path), "wb", header=header) as bam:
        for each in made:
            bam.write(each)
    pysam.index(str(path))
    return path


@pytest.fixture(scope="module")
def strange_archive(strange: Path) -> Path:
    readvault.compress(strange)
    return strange.with_name("strange.bam.rv")


def test_strange_records_are_as_pysam_has_them(strange: Path, strange_archive: Path) -> None:
    assert compare(strange, strange_archive) == 14


def test_a_long_cigar_stands_in_its_place_and_its_tag_is_hidden(strange_archive: Path) -> None:
    with readvault.AlignmentFile(strange_archive) as alignments:
        record = max(alignments, key=lambda record: record.query_length)
        assert len(record.cigartuples or []) == 80_000
        assert record.get_tags() == [("NM", 1), ("ZZ", "after")]
        assert not record.has_tag("CG")
        assert b"CGBI" in record.to_bytes()


def test_records_become_pysams_with_nothing_lost(strange: Path, strange_archive: Path) -> None:
    with readvault.AlignmentFile(strange_archive) as ours, pysam.AlignmentFile(str(strange)) as theirs:
        for own, other in zip_longest(ours, theirs.fetch(until_eof=True)):
            made = own.to_pysam()
            assert made.to_string() == other.to_string()
            assert_same(own, made)
            assert own.to_pysam(theirs.header).compare(other) == 0


def test_realistic_records_are_as_pysam_has_them(realistic: Path, tmp_path: Path) -> None:
    readvault.compress(realistic, tmp_path / "a.rv")
    assert compare(realistic, tmp_path / "a.rv", 3000) == 3000


def test_regions_and_counts_are_as_pysam_has_them(realistic: Path, tmp_path: Path) -> None:
    bam, archive = tmp_path / "a.bam", tmp_path / "a.rv"
    bam.write_bytes(realistic.read_bytes())
    pysam.index(str(bam))
    readvault.compress(bam, archive)
    with readvault.AlignmentFile(archive) as ours, pysam.AlignmentFile(str(bam)) as theirs:
        assert [tuple(counts) for counts in ours.get_index_statistics()] == theirs.get_index_statistics()
        assert (ours.mapped, ours.unmapped, ours.nocoordinate) == (theirs.mapped, theirs.unmapped, theirs.nocoordinate)
        starts = [record.reference_start for record in islice(ours.fetch(), 0, None, 500)]
        contig = ours.references[0]
        places: list[dict[str, Any]] = [{"contig": "*"}, {"contig": contig}, {"region": f"{contig}:1000-90000000"}]
        places += [{"contig": contig, "start": start, "stop": start + REGION} for start in starts[:8] if start >= 0]
        places += [{"reference": contig, "end": starts[0] + REGION}, {"contig": contig, "start": starts[-1]}]
        for place in places:
            own = [record.to_string() for record in ours.fetch(**place)]
            assert own == [record.to_string() for record in theirs.fetch(**place)], place
            assert ours.count(**place) == len(own)
            assert ours.count(read_callback="all", **place) == theirs.count(read_callback="all", **place)
            with ours.pysam_file(**place) as piped:
                assert [record.to_string() for record in piped] == own
        theirs.reset()
        everything = [record.to_string() for record in theirs.fetch(until_eof=True)]
        with ours.pysam_file() as piped:
            assert str(piped.header) == str(theirs.header)
            assert [record.to_string() for record in piped.fetch(until_eof=True)] == everything
            with pytest.raises(StopIteration):
                next(piped)


def corpus_files() -> list[Path]:
    """Files of each kind of the corpus, and strange ones."""
    edge = corpus.strange_files()
    return edge[:: 1 if corpus.WHOLE else len(edge) // EDGE_FILES + 1] + corpus.files()


@pytest.mark.skipif(not corpus_files(), reason="READVAULT_CORPUS is not set: real files are not compared")
@pytest.mark.parametrize("bam", corpus_files(), ids=lambda path: path.name)
def test_real_records_are_as_pysam_has_them(bam: Path, tmp_path: Path) -> None:
    try:
        with pysam.AlignmentFile(str(bam), "rb", check_sq=False) as readable:
            list(islice(readable.fetch(until_eof=True), RECORDS))
    except (OSError, ValueError) as failure:
        pytest.skip(f"pysam cannot read it: {failure}")
    readvault.compress(bam, tmp_path / "a.rv", level="fast", threads=1)
    compare(bam, tmp_path / "a.rv", RECORDS)

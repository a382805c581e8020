"""Frames: records as tables, field by field as pysam sees them, in whatever reads Arrow."""

import struct
import sys
from array import array
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow
import pysam
import pytest
import readvault
from readvault import frames

from tests.bam import EOF_BLOCK, Record, bgzf, header

TAGS = ["NM", "MD", "XS", "XF", "XC", "XB", "XD"]
REFERENCES = {"chr1": 248_956_422, "chr2": 1000}
# A CIGAR longer than its place in BAM: 65,536 operations, which stand in the tag CG.
LONG = "1M1I" * 32_768


def with_pysam(path: Path) -> None:
    """Writes records of every sort, among them some that most tools never meet."""
    head = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "unsorted"},
            "SQ": [{"SN": name, "LN": length} for name, length in REFERENCES.items()],
            "RG": [{"ID": "one", "SM": "s"}, {"ID": "two", "SM": "s"}],
        }
    )

    def record(number: int) -> pysam.AlignedSegment:
        made = pysam.AlignedSegment(head)
        made.query_name = f"read/{number}"
        made.query_sequence = "ACGTN" * 4 + "A" * (number % 3)
        made.query_qualities = pysam.qualitystring_to_array(
            "".join(chr(33 + (number + i) % 42) for i in range(20 + number % 3))
        )
        made.flag = (0, 16, 99, 147, 1024)[number % 5]
        made.reference_id = number % 2
        made.reference_start = number * 3 % 900
        made.mapping_quality = number % 61
        made.cigarstring = f"5S10M2D{5 + number % 3}M"
        made.next_reference_id = number % 3 - 1
        made.next_reference_start = number % 3 * 50 - 1
        made.template_length = 300 - number
        made.set_tag("NM", number % 7)
        made.set_tag("MD", f"{number}A10")
        made.set_tag("RG", "one" if number % 3 else "two")
        if number % 2:
            made.set_tag("XS", -number, "i")
            made.set_tag("XF", number / 4, "f")
            made.set_tag("XC", "c", "A")
            made.set_tag("XB", array("h", [-1, number]))
            made.set_tag("XD", array("f", [0.5, number / 8]))
        return made

    with pysam.AlignmentFile(str(path), "wb", header=head) as file:
        for number in range(1000):
            file.write(record(number))
        bare = pysam.AlignedSegment(head)
        bare.query_name, bare.flag = "bare", 4
        file.write(bare)
        placed = record(1)
        placed.flag, placed.cigarstring = 4, None
        file.write(placed)
        plain = record(2)
        plain.query_qualities = None
        file.write(plain)
        long = record(3)
        long.query_sequence = "A" * 65_536
        long.query_qualities = None
        long.cigarstring = LONG
        file.write(long)


def seen_by_pysam(path: Path) -> list[dict[str, Any]]:
    def row(record: pysam.AlignedSegment) -> dict[str, Any]:
        known = record.reference_start >= 0
        tags: dict[str, Any] = {tag: record.get_tag(tag) if record.has_tag(tag) else None for tag in TAGS}
        return {
            "reference": record.reference_name,
            "position": record.reference_start if known else None,
            "end": (record.reference_end or record.reference_start + 1) if known else None,
            "mapping_quality": record.mapping_quality,
            "flag": record.flag,
            "mate_reference": record.next_reference_name,
            "cigar": record.cigarstring,
            "mate_position": record.next_reference_start if record.next_reference_start >= 0 else None,
            "template_length": record.template_length,
            "name": record.query_name,
            "sequence": record.query_sequence,
            "qualities": None if record.query_qualities is None else list(record.query_qualities),
            "read_group": record.get_tag("RG") if record.has_tag("RG") else None,
            **{tag: list(value) if tag in ("XB", "XD") and value is not None else value for tag, value in tags.items()},
        }

    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return [row(record) for record in file.fetch(until_eof=True)]


@pytest.fixture(scope="module", params=["fast", "default", "max"])
def archived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "some.bam"
    with_pysam(path)
    readvault.compress(path, level=request.param)
    return path.with_name("some.bam.rv")


@pytest.fixture(scope="module")
def expected(archived: Path) -> list[dict[str, Any]]:
    return seen_by_pysam(archived.with_name("some.bam"))


def test_every_column_is_what_pysam_sees(archived: Path, expected: list[dict[str, Any]]) -> None:
    table = frames.scan(archived, [*frames.COLUMNS, *TAGS]).to_arrow()
    assert table.to_pylist() == expected
    kinds = {
        "reference": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
        "position": pyarrow.int32(),
        "end": pyarrow.int64(),
        "mapping_quality": pyarrow.uint8(),
        "flag": pyarrow.uint16(),
        "name": pyarrow.string(),
        "NM": pyarrow.int64(),
        "MD": pyarrow.string(),
        "XF": pyarrow.float64(),
    }
    assert {name: table.schema.field(name).type for name in kinds} == kinds
    assert table.schema.field("qualities").type.value_type == pyarrow.uint8()


@pytest.mark.parametrize("columns", [[name] for name in frames.COLUMNS])
def test_a_column_alone_is_the_same(archived: Path, expected: list[dict[str, Any]], columns: list[str]) -> None:
    rows = frames.scan(archived, columns, threads=1).to_arrow().to_pylist()
    assert rows == [{columns[0]: row[columns[0]]} for row in expected]


def test_conditions_choose_records(archived: Path, expected: list[dict[str, Any]]) -> None:
    found = frames.scan(
        archived, ["name"], "chr2:100-200", required_flags=1, excluded_flags=16, least_mapping_quality=20
    )
    wanted = [
        row["name"]
        for row in expected
        if row["reference"] == "chr2" and row["position"] < 200 and row["end"] > 99
        if row["flag"] & 1 and not row["flag"] & 16 and row["mapping_quality"] >= 20
    ]
    assert wanted
    assert found.to_arrow()["name"].to_pylist() == wanted
    by_core = frames.scan(
        archived, ["position"], ["chr2:100-200"], required_flags=1, excluded_flags=16, least_mapping_quality=20
    )
    assert by_core.to_arrow().num_rows == len(wanted)


def test_a_table_may_be_read_again(archived: Path, expected: list[dict[str, Any]]) -> None:
    table = frames.scan(archived)
    assert table.columns == list(frames.DEFAULT_COLUMNS)
    assert table.to_arrow() == table.to_arrow()
    reader = pyarrow.RecordBatchReader.from_stream(table)
    assert reader.schema == pyarrow.schema(table)
    assert sum(batch.num_rows for batch in reader) == len(expected)


def test_no_columns_and_no_records_are_tables_too(archived: Path, expected: list[dict[str, Any]]) -> None:
    assert frames.scan(archived, ["name", "NM"], "chr1:240,000,000-240,000,001").to_arrow().num_rows == 0
    batches = pyarrow.RecordBatchReader.from_stream(frames.scan(archived, []))
    assert sum(batch.num_rows for batch in batches) == len(expected)


def test_polars_reads_it(archived: Path, expected: list[dict[str, Any]]) -> None:
    frame = frames.scan(archived, ["reference", "position", "name", "qualities", "XF"]).to_polars()
    assert isinstance(frame, polars.DataFrame)
    assert frame.rows(named=True) == [{name: row[name] for name in frame.columns} for row in expected]
    on_one = frame.filter(polars.col("reference") == "chr1")
    assert len(on_one) == sum(row["reference"] == "chr1" for row in expected)


def test_pandas_reads_it(archived: Path, expected: list[dict[str, Any]]) -> None:
    frame = frames.scan(archived, ["reference", "position", "flag", "name"]).to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert isinstance(frame.dtypes["reference"], pandas.CategoricalDtype)
    positions = [None if value is pandas.NA else value for value in frame["position"]]
    assert positions == [row["position"] for row in expected]
    assert frame["flag"].sum() == sum(row["flag"] for row in expected)


def test_duckdb_reads_it(archived: Path, expected: list[dict[str, Any]]) -> None:
    table = frames.scan(archived, ["reference", "position", "mapping_quality"])
    with duckdb.connect() as database:
        for given in (table, table.to_arrow()):
            database.register("reads", given)
            for _ in range(2):
                rows = database.sql("select reference, count(*) from reads group by 1 order by 1 nulls last").fetchall()
                names = [row["reference"] for row in expected]
                assert rows == [(name, names.count(name)) for name in ("chr1", "chr2", None)]
            database.unregister("reads")


def tagged(tmp_path: Path, *tags: bytes) -> Path:
    """The archive of records with these tags each."""
    made = [Record(f"r{i}", "ACGT", bytes(4), position=i, tags=one) for i, one in enumerate(tags)]
    path = tmp_path / "tagged.bam"
    path.write_bytes(bgzf(header() + b"".join(record.encode() for record in made)) + EOF_BLOCK)
    readvault.compress(path, force=True)
    return tmp_path / "tagged.bam.rv"


def test_types_of_tags_are_unified_where_that_can_be(tmp_path: Path) -> None:
    one, half, text = b"XXC\x01", b"XXf" + struct.pack("<f", 0.5), b"XXZab\0"
    path = tagged(tmp_path, one, b"XXI\xff\xff\xff\xff", b"")
    assert frames.scan(path, ["XX"]).to_arrow()["XX"].to_pylist() == [1, 2**32 - 1, None]
    path = tagged(tmp_path, one, half)
    assert frames.scan(path, ["XX"]).to_arrow()["XX"].to_pylist() == [1.0, 0.5]
    path = tagged(tmp_path, one, half, text)
    assert frames.scan(path, ["XX"]).to_arrow()["XX"].to_pylist() == ["1", "0.5", "ab"]
    pair = b"XXBs" + struct.pack("<ihh", 2, -3, 4)
    path = tagged(tmp_path, pair)
    assert frames.scan(path, ["XX"]).to_arrow()["XX"].to_pylist() == [[-3, 4]]
    assert frames.scan(path, ["XX:Bf"]).to_arrow()["XX"].to_pylist() == [[-3.0, 4.0]]
    assert frames.scan(path, ["XX:Z"]).to_arrow()["XX"].to_pylist() == ["s,-3,4"]


def test_a_value_that_its_column_cannot_hold_says_what_to_do(tmp_path: Path) -> None:
    path = tagged(tmp_path, b"NMf" + struct.pack("<f", 0.5))
    with pytest.raises(pyarrow.ArrowInvalid, match="ask for it as NM:f or NM:Z"):
        frames.scan(path, ["NM"]).to_arrow()
    assert frames.scan(path, ["NM:f"]).to_arrow()["NM"].to_pylist() == [0.5]


@pytest.mark.parametrize("name", ["", "nothing", "N", "NM:q", "1N", "é"])
def test_other_columns_are_refused(archived: Path, name: str) -> None:
    with pytest.raises(readvault.InvalidError, match="there is no column"):
        frames.scan(archived, [name])


def test_a_tag_of_no_known_type_says_what_to_do(archived: Path) -> None:
    with pytest.raises(readvault.InvalidError, match="say it: ZZ:i"):
        frames.scan(archived, ["ZZ"])
    assert set(frames.scan(archived, ["ZZ:i"]).to_arrow()["ZZ"].to_pylist()) == {None}
    with pytest.raises(readvault.InvalidError, match="twice"):
        frames.scan(archived, ["NM", "NM:f"])


def test_names_that_are_no_text_are_read_with_replacements(tmp_path: Path) -> None:
    path = tagged(tmp_path, b"XXZ\xff\0")
    assert frames.scan(path, ["XX"]).to_arrow()["XX"].to_pylist() == ["\ufffd"]


def test_damage_comes_out_of_the_stream(tmp_path: Path) -> None:
    with_pysam(tmp_path / "some.bam")
    path = tmp_path / "damaged.rv"
    readvault.compress(tmp_path / "some.bam", path)
    whole = path.read_bytes()
    path.write_bytes(whole[:2000] + bytes(400) + whole[2400:])
    table = frames.scan(path, ["name"])
    for _ in range(2):
        with pytest.raises(pyarrow.ArrowInvalid, match=r"damaged\.rv: chunk 0"):
            table.to_arrow()


def test_what_has_no_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no reads")
    readvault.compress(tmp_path / "a.txt")
    with pytest.raises(readvault.InvalidError, match="no BAM file"):
        frames.scan(tmp_path / "a.txt.rv")
    with pytest.raises(FileNotFoundError):
        frames.scan(tmp_path / "none.rv")


def test_the_representation_names_the_columns(archived: Path) -> None:
    assert "some.bam.rv: name, NM>" in repr(readvault.frames.scan(archived, ["name", "NM"]))


def test_a_missing_library_is_named_with_the_remedy(archived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'readvault\[polars\]'"):
        frames.scan(archived).to_polars()


def test_realistic_records_are_those_of_pysam(realistic: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.rv"
    readvault.compress(realistic, path)
    columns = ["reference", "position", "end", "mapping_quality", "flag", "mate_reference", "cigar", "name", "sequence"]
    rows = frames.scan(path, columns, threads=2).to_arrow().to_pylist()
    assert rows == [{name: row[name] for name in columns} for row in seen_by_pysam(realistic)]
    core = columns[:7]
    assert frames.scan(path, core).to_arrow().to_pylist() == [{name: row[name] for name in core} for row in rows]


@pytest.mark.parametrize(
    "columns",
    [["name"], ["sequence"], ["qualities"], ["mate_position", "template_length"], ["qualities", "name", "position"]],
)
def test_parts_of_realistic_records_are_those_of_pysam(realistic: Path, tmp_path: Path, columns: list[str]) -> None:
    path = tmp_path / "a.rv"
    readvault.compress(realistic, path)
    seen = [{name: row[name] for name in columns} for row in seen_by_pysam(realistic)]
    for threads in (1, 2):
        assert frames.scan(path, columns, threads=threads).to_arrow().to_pylist() == seen

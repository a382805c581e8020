"""The generator's files: well formed, consistent in themselves, and as costly, field by field, as real ones.

The last is the bar that makes measurements on generated files mean something: CRAM 3.1's archive profile must spend
within a tenth of the same bytes per record on every field that matters.
"""

import subprocess
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pysam
import pytest

# The real files that the two profiles imitate.
REAL = {
    "novaseq": "novaseq_wgs_wes/imgag.df196b.Statistics_mapqc_wgs.bam",
    "hiseq": "hiseq_40level/czbiohub.7d2405.NA12878_S1.chr20.10_10p1mb.bam",
}
# Fields below this share of the real file's cost are compared as one sum.
LEAST_SHARE = 0.01
# How far a field's cost may be from the real file's.
TOLERANCE = 0.10
CIGAR_MATCH, CIGAR_INSERTION, CIGAR_DELETION, CIGAR_SOFT_CLIP = 0, 1, 2, 4
RECORDS = 12_000

Generate = Callable[..., bytes]


@pytest.fixture
def generate(generator: Path) -> Generate:
    """generate("novaseq", "--records", 1000) gives the file's bytes."""

    def run(*arguments: object) -> bytes:
        command = [str(generator), *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    return run


@pytest.fixture(scope="module", params=list(REAL))
def made(request: pytest.FixtureRequest, generator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated file of each kind."""
    path = tmp_path_factory.mktemp("generated") / f"{request.param}.bam"
    command = [generator, request.param, "--records", str(RECORDS), "--seed", "11", "-o", path]
    subprocess.run(command, check=True)
    return path


def records_of(path: Path) -> Iterator[pysam.AlignedSegment]:
    with pysam.AlignmentFile(str(path), "rb") as bam:
        yield from bam


def blocks_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The DEFLATE bytes and the content of each BGZF block."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at + 16 : at + 18], "little") + 1
        deflated = data[at + 18 : at + size - 8]
        yield deflated, zlib.decompress(deflated, -15)
        at += size


def record_ends(content: bytes) -> Iterator[int]:
    """Where the header and each record end in the content of a file."""
    text = int.from_bytes(content[4:8], "little")
    at = 8 + text
    contigs = int.from_bytes(content[at : at + 4], "little")
    at += 4
    for _ in range(contigs):
        at += 8 + int.from_bytes(content[at : at + 4], "little")
    yield at
    while at < len(content):
        at += 4 + int.from_bytes(content[at : at + 4], "little")
        yield at


def test_one_seed_gives_the_same_bytes_for_any_number_of_threads(generate: Generate) -> None:
    one = generate("novaseq", "--records", 5000, "--seed", 3, "--threads", 1)
    assert one == generate("novaseq", "--records", 5000, "--seed", 3, "--threads", 3)
    assert one != generate("novaseq", "--records", 5000, "--seed", 4)


def test_the_bytes_of_a_seed_never_change(generate: Generate) -> None:
    # Content, not compressed bytes: those are the encoders' promise. A change of the generator changes these
    # numbers, and all published measurements with it.
    known = {"novaseq": 2886410570, "hiseq": 444026824}
    found = {}
    for profile in known:
        data = generate(profile, "--records", 3000, "--seed", 1, "--encoder", "zlib-1")
        found[profile] = zlib.crc32(b"".join(content for _, content in blocks_of(data)))
    assert found == known


def test_samtools_finds_the_file_well_formed(made: Path) -> None:
    pysam.quickcheck(str(made))
    pysam.index(str(made))
    assert sum(1 for _ in records_of(made)) == RECORDS


def test_records_are_sorted_by_coordinate(made: Path) -> None:
    keys = [(record.reference_id, record.reference_start) for record in records_of(made)]
    assert keys == sorted(keys)
    with pysam.AlignmentFile(str(made), "rb") as bam:
        assert bam.header.to_dict()["HD"]["SO"] == "coordinate"


def test_mates_agree_about_each_other(made: Path) -> None:
    templates: defaultdict[str | None, list[pysam.AlignedSegment]] = defaultdict(list)
    for record in records_of(made):
        if not record.is_secondary:
            templates[record.query_name].append(record)
    pairs = [pair for pair in templates.values() if len(pair) == 2]
    assert len(pairs) > 0.48 * RECORDS
    for one, two in pairs:
        assert one.is_read1 != two.is_read1
        for here, mate in ((one, two), (two, one)):
            assert here.next_reference_id == mate.reference_id
            assert here.next_reference_start == mate.reference_start
            assert here.mate_is_reverse == mate.is_reverse
            assert here.mate_is_unmapped == mate.is_unmapped
            assert here.template_length == -mate.template_length
            if here.has_tag("MC"):
                assert here.get_tag("MC") == mate.cigarstring
        if not (one.is_unmapped or two.is_unmapped) and one.reference_id == two.reference_id:
            ends = [record.reference_end or 0 for record in (one, two)]
            outer = max(ends) - min(one.reference_start, two.reference_start)
            assert abs(one.template_length) == outer


def test_md_and_nm_tell_the_differences_from_one_reference(made: Path) -> None:
    reference: dict[tuple[int, int], str] = {}
    for record in records_of(made):
        if record.is_unmapped:
            continue
        mismatches = 0
        assert record.query_sequence is not None
        for query, position, base in record.get_aligned_pairs(with_seq=True):
            if position is None or base is None:
                continue
            # The same base in every read that covers the place.
            assert reference.setdefault((record.reference_id, position), base.upper()) == base.upper()
            if query is not None:
                differs = record.query_sequence[query] != base.upper()
                assert differs == base.islower()
                mismatches += differs
        gaps = [length for what, length in record.cigartuples or [] if what in (CIGAR_INSERTION, CIGAR_DELETION)]
        assert record.get_tag("NM") == mismatches + sum(gaps)


def test_tags_are_those_of_the_aligner(made: Path) -> None:
    lines = Counter(",".join(tag for tag, _ in record.get_tags()) for record in records_of(made))
    usual = {"novaseq": "NM,MD,MC,AS,XS,RG", "hiseq": "RG,XT,NM,SM,AM,X0,X1,XM,XO,XG,MD"}[made.stem]
    assert lines.most_common(1)[0][0] == usual
    assert lines[usual] > 0.88 * RECORDS


def test_runs_have_all_that_makes_real_ones_awkward(made: Path) -> None:
    seen: Counter[str] = Counter()
    for record in records_of(made):
        operations = {what for what, _ in record.cigartuples or []}
        seen["insertion"] += CIGAR_INSERTION in operations
        seen["deletion"] += CIGAR_DELETION in operations
        seen["clip"] += CIGAR_SOFT_CLIP in operations
        seen["duplicate"] += record.is_duplicate
        seen["unmapped"] += record.is_unmapped
        seen["other places"] += record.has_tag("XA")
        seen["mate elsewhere"] += record.next_reference_id != record.reference_id
        seen["unknown base"] += "N" in (record.query_sequence or "")
    assert all(seen.values()), seen


def test_split_reads_name_their_other_part(generate: Generate, tmp_path: Path) -> None:
    path = tmp_path / "split.bam"
    path.write_bytes(generate("novaseq", "--records", 60_000, "--seed", 2, "--encoder", "zlib-1"))
    split = [record for record in records_of(path) if record.has_tag("SA")]
    assert split
    for record in split:
        name, position, strand, cigar, _quality, _distance = str(record.get_tag("SA")).rstrip(";").split(",")
        assert name in record.header.references
        assert int(position) > 0
        assert strand in "+-"
        lengths = pysam.AlignedSegment(record.header)
        lengths.cigarstring = cigar
        assert lengths.infer_read_length() == record.infer_read_length()


@pytest.mark.parametrize("level", [1, 5, 6])
def test_blocks_are_zlibs_where_zlib_is_asked_for(generate: Generate, level: int) -> None:
    if zlib.ZLIB_RUNTIME_VERSION.count(".") > 2 or "zlib-ng" in zlib.ZLIB_RUNTIME_VERSION:
        pytest.skip(f"this Python has another zlib: {zlib.ZLIB_RUNTIME_VERSION}")
    *blocks, last = blocks_of(generate("hiseq", "--records", 2000, "--encoder", f"zlib-{level}"))
    assert last == (b"\x03\x00", b"")
    for deflated, content in blocks:
        expected = zlib.compressobj(level, zlib.DEFLATED, -15, 8)
        assert deflated == expected.compress(content) + expected.flush()


@pytest.mark.parametrize("encoder", ["libdeflate-7", "libdeflate-1.7-6", "isal-1", "gkl", "stored"])
def test_other_encoders_make_other_bytes_of_the_same_content(generate: Generate, encoder: str) -> None:
    arguments = ("novaseq", "--records", 2000, "--cut", "htslib", "--encoder")
    usual = list(blocks_of(generate(*arguments, "zlib-6")))
    asked = list(blocks_of(generate(*arguments, encoder)))
    assert [content for _, content in asked] == [content for _, content in usual]
    assert [deflated for deflated, _ in asked] != [deflated for deflated, _ in usual]


def test_htslib_ends_blocks_before_a_record_that_does_not_fit(generate: Generate) -> None:
    contents = [content for _, content in blocks_of(generate("novaseq", "--records", 3000))][:-1]
    whole = b"".join(contents)
    ends = list(record_ends(whole))
    assert ends[-1] == len(whole)
    at, cuts = 0, []
    for content in contents:
        at += len(content)
        cuts.append(at)
    # Blocks of records end on records; the header ends its own block and may fill others.
    assert ends[0] in cuts
    assert set(cuts) <= {*ends, *(cut for cut in cuts if cut < ends[0])}
    assert max(map(len, contents)) <= 0xFF00


def test_htsjdk_ends_blocks_wherever_they_are_full(generate: Generate) -> None:
    contents = [content for _, content in blocks_of(generate("hiseq", "--records", 2000, "--cut", "htsjdk"))][:-1]
    assert {len(content) for content in contents[:-1]} == {65_498}


def test_a_file_is_about_as_large_as_asked(generate: Generate) -> None:
    for size in (500_000, 3 << 20):
        assert abs(len(generate("hiseq", "--size", size)) - size) < 0.05 * size


def test_a_wrong_command_line_says_how_it_is_used(generator: Path) -> None:
    for words in ([], ["novaseq"], ["novaseq", "--records", "many"], ["ont", "--records", "5"]):
        done = subprocess.run([generator, *words], capture_output=True, check=False)
        assert done.returncode == 2
        assert b"Usage" in done.stderr


def cost_per_field(bam: Path, folder: Path) -> dict[str, float]:
    """Bytes per record that CRAM 3.1's archive profile spends on each field, and around them."""
    cram = folder / "cost.cram"
    profile = "cram,version=3.1,archive=1,embed_ref=2"
    pysam.view("-o", str(cram), "-O", profile, str(bam), catch_stdout=False)
    fields: Counter[str] = Counter()
    for line in str(pysam.cram_size(str(cram))).splitlines():
        words = line.split()
        if words[:1] == ["BLOCK"]:
            fields["".join(words[6:]) or words[1]] += int(words[3])
    fields["header and frame"] = cram.stat().st_size - sum(fields.values())
    records = sum(1 for _ in records_of(bam))
    return {field: size / records for field, size in fields.items()}


@pytest.mark.parametrize("profile", list(REAL))
def test_every_field_costs_what_it_costs_in_the_real_file(
    profile: str, corpus: Path, generator: Path, tmp_path: Path
) -> None:
    real = corpus / REAL[profile]
    if not real.is_file():
        pytest.skip(f"the corpus has no {real.name}")
    count = sum(1 for _ in records_of(real))
    imitation = tmp_path / "imitation.bam"
    subprocess.run([generator, profile, "--records", str(count), "-o", imitation], check=True)
    wanted, found = cost_per_field(real, tmp_path), cost_per_field(imitation, tmp_path)
    least = LEAST_SHARE * sum(wanted.values())
    large = sorted(field for field, cost in wanted.items() if cost >= least)
    ratios = {field: found.get(field, 0) / wanted[field] for field in large}
    rest = [sum(cost for field, cost in costs.items() if field not in large) for costs in (found, wanted)]
    ratios["all other fields"] = rest[0] / rest[1]
    ratios["whole file"] = sum(found.values()) / sum(wanted.values())
    print(*(f"{profile} {field}: {ratio:.3f}" for field, ratio in ratios.items()), sep="\n")
    assert all(abs(ratio - 1) <= TOLERANCE for ratio in ratios.values()), ratios

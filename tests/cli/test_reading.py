"""`decompress`, `verify`, `quickcheck`, `info` and `cat` keep the conventions of docs/reference/cli.md."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Rv = Callable[..., Any]


def damage(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x55
    path.write_bytes(content)


def test_the_source_comes_back_under_its_recorded_name(rv: Rv, sample: Path, packed: Path) -> None:
    content = sample.read_bytes()
    sample.unlink()
    renamed = packed.rename(packed.with_name("other.rv"))
    done = rv("decompress", renamed)
    assert (done.returncode, done.stdout) == (0, b"")
    assert f"identical, {sample}" in done.stderr.decode()
    assert sample.read_bytes() == content


def test_an_existing_source_is_refused_without_force(rv: Rv, sample: Path, packed: Path) -> None:
    content = sample.read_bytes()
    sample.write_bytes(b"precious")
    assert rv("decompress", packed).returncode == 1
    assert sample.read_bytes() == b"precious"
    assert rv("decompress", "--force", packed).returncode == 0
    assert sample.read_bytes() == content


def test_a_folder_or_a_file_can_be_the_output(rv: Rv, sample: Path, packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert rv("decompress", "-o", out, packed).returncode == 0
    assert rv("decompress", "-o", out / "x.bam", packed).returncode == 0
    assert (out / "sample.bam").read_bytes() == (out / "x.bam").read_bytes() == sample.read_bytes()


def test_standard_output_carries_the_source_and_nothing_else(rv: Rv, sample: Path, packed: Path) -> None:
    assert rv("decompress", "-o", "-", packed).stdout == sample.read_bytes()


def test_an_archive_from_a_pipe_goes_to_a_pipe(rv: Rv, sample: Path, packed: Path) -> None:
    done = rv("decompress", "-", stdin=packed.read_bytes())
    assert done.returncode == 0, done.stderr
    assert done.stdout == sample.read_bytes()


def test_a_damaged_archive_leaves_no_output(rv: Rv, sample: Path, packed: Path) -> None:
    sample.unlink()
    damage(packed, packed.stat().st_size // 2)
    before = set(packed.parent.iterdir())
    done = rv("decompress", packed)
    assert done.returncode == 4
    assert done.stderr.startswith(b"readvault: error: ")
    assert set(packed.parent.iterdir()) == before


@pytest.mark.parametrize("verb", ["decompress", "verify", "quickcheck", "info", "cat"])
def test_a_truncated_archive_is_named_damaged(rv: Rv, packed: Path, verb: str) -> None:
    packed.write_bytes(packed.read_bytes()[:-7])
    done = rv(verb, packed)
    assert done.returncode == 4
    assert done.stdout == b""


@pytest.mark.parametrize("verb", ["decompress", "verify", "quickcheck", "info", "cat"])
@pytest.mark.parametrize("content", [b"", b"x", b"BAM\1 and more of what is no archive" * 50])
def test_what_is_no_archive_is_refused_in_one_line(rv: Rv, tmp_path: Path, verb: str, content: bytes) -> None:
    (tmp_path / "not.rv").write_bytes(content)
    done = rv(verb, "not.rv")
    assert done.returncode in (2, 4)
    assert done.stdout == b""
    assert done.stderr.startswith(b"readvault: error: ")
    assert done.stderr.count(b"\n") == 1
    assert b"not.rv" in done.stderr


@pytest.mark.parametrize("verb", ["decompress", "verify", "quickcheck", "info", "cat"])
def test_a_missing_archive_is_not_found(rv: Rv, verb: str) -> None:
    assert rv(verb, "absent.rv").returncode == 5


def test_verify_tells_good_from_damaged(rv: Rv, packed: Path) -> None:
    assert rv("verify", packed).returncode == 0
    damage(packed, packed.stat().st_size // 2)
    assert rv("verify", packed).returncode == 4


def test_verify_content_finds_damage_and_says_what_it_left_out(rv: Rv, sample: Path, packed: Path) -> None:
    done = rv("verify", packed, "--content", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["checked"] == "content"
    assert b"blocks not made" in done.stderr
    assert rv("verify", packed, "--content", "--against", sample).returncode == 2
    damage(packed, packed.stat().st_size // 2)
    assert rv("verify", packed, "--content").returncode == 4


def test_verify_against_another_file_is_a_mismatch(rv: Rv, sample: Path, packed: Path) -> None:
    assert rv("verify", packed, "--against", sample).returncode == 0
    damage(sample, 1000)
    assert rv("verify", packed, "--against", sample).returncode == 4


def test_verify_compares_with_a_proof(rv: Rv, packed: Path) -> None:
    proof = packed.with_name("sample.bam.rv.proof.json")
    assert rv("verify", packed, "--proof", proof).returncode == 0
    told = json.loads(proof.read_text())
    told["source"]["sha256"] = "0" * 64
    proof.write_text(json.dumps(told))
    done = rv("verify", packed, "--proof", proof)
    assert done.returncode == 4
    assert b"SHA-256 of the source" in done.stderr


@pytest.mark.parametrize(
    ("text", "code"),
    [("", 2), ("[]", 2), ("[" * 100_000, 2), ('{"proof_version": 2}', 7), ('{"proof_version": 1}', 4)],
)
def test_what_is_no_proof_is_refused(rv: Rv, packed: Path, text: str, code: int) -> None:
    packed.with_name("not.json").write_text(text)
    assert rv("verify", packed, "--proof", "not.json").returncode == code


def test_quickcheck_is_silent_when_good(rv: Rv, packed: Path) -> None:
    done = rv("quickcheck", packed, packed)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert rv("quickcheck", "-v", packed).stderr == f"{packed}: good\n".encode()


def test_quickcheck_names_the_bad_among_the_good(rv: Rv, sample: Path, packed: Path) -> None:
    done = rv("quickcheck", packed, sample)
    assert done.returncode == 3
    assert str(sample).encode() in done.stderr


def test_info_tells_sizes_and_digests(rv: Rv, sample: Path, packed: Path) -> None:
    page = rv("info", packed)
    assert (page.returncode, page.stderr) == (0, b"")
    report = json.loads(rv("info", "--json", packed).stdout)
    assert report["source"]["fingerprint"]["length"] == sample.stat().st_size
    assert report["archive"]["length"] == packed.stat().st_size
    stored = sum(stream["stored"] for stream in report["streams"]) + report["framing_bytes"]
    assert stored == packed.stat().st_size
    assert report["source"]["fingerprint"]["sha256"] in page.stdout.decode()


def expected(content: bytes, span: str) -> bytes:
    first, last = span.split("-")
    if not first:
        return content[len(content) - min(int(last), len(content)) :]
    return content[int(first) : int(last) if last else None]


@pytest.mark.parametrize(
    "span", ["0-0", "0-1", "5-9", "100-70000", "1000-", "-28", "-0", "-99999999", "0-99999999", "7-7"]
)
def test_cat_writes_ranges(rv: Rv, sample: Path, packed: Path, span: str) -> None:
    done = rv("cat", packed, "--range", span)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == expected(sample.read_bytes(), span)


@pytest.mark.parametrize(
    "span", ["", "-", "5", "9-5", "a-b", "1-2-3", "+1-2", "1_0-20", "\u0661-\u0662", "9999999999-", " 1-2"]
)
def test_cat_refuses_nonsense_ranges(rv: Rv, packed: Path, span: str) -> None:
    done = rv("cat", packed, f"--range={span}")
    assert (done.returncode, done.stdout) == (2, b"")


def test_cat_without_a_range_writes_all(rv: Rv, sample: Path, packed: Path) -> None:
    assert rv("cat", packed).stdout == sample.read_bytes()


def test_several_archives_come_back_together(rv: Rv, sample: Path, packed: Path, tmp_path: Path) -> None:
    content = sample.read_bytes()
    (tmp_path / "second.bam").write_bytes(content[:5000])
    assert rv("compress", "--rm", "second.bam").returncode == 0
    sample.unlink()
    done = rv("decompress", packed, "second.bam.rv")
    assert done.returncode == 0, done.stderr
    assert sample.read_bytes() == content
    assert (tmp_path / "second.bam").read_bytes() == content[:5000]


def test_two_archives_never_give_the_same_file(rv: Rv, sample: Path, packed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.rv"
    copy.write_bytes(packed.read_bytes())
    done = rv("decompress", "-f", packed, copy)
    assert done.returncode == 3
    assert b"earlier input" in done.stderr


def test_real_files_come_back(rv: Rv, corpus: Path, tmp_path: Path) -> None:
    for source in sorted((corpus / "bgzf_writers_dev").glob("*.bam*"))[:4]:
        archive = tmp_path / (source.name + ".rv")
        assert rv("compress", "-o", archive, source).returncode == 0
        assert rv("decompress", "-o", "-", archive).stdout == source.read_bytes()
        archive.unlink()

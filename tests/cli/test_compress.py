"""`readvault compress` keeps the conventions of docs/reference/cli.md."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bam import EOF_BLOCK, bam

Rv = Callable[..., Any]


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_archive_stands_beside_the_source_and_the_report_is_one_line(rv: Rv, sample: Path) -> None:
    done = rv("compress", sample)
    assert (done.returncode, done.stdout) == (0, b"")
    line = done.stderr.decode()
    assert line.count("\n") == 1
    assert line.startswith(f"{sample}: ")
    assert line.endswith(f"x), proved, {sample}.rv\n")
    assert entries(sample.parent) == {"sample.bam", "sample.bam.rv"}


def test_quiet_says_nothing(rv: Rv, sample: Path) -> None:
    done = rv("compress", "--quiet", sample)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_an_existing_archive_is_refused_without_force(rv: Rv, sample: Path) -> None:
    archive = sample.with_name("sample.bam.rv")
    archive.write_bytes(b"precious")
    done = rv("compress", sample)
    assert done.returncode == 1
    assert done.stderr.startswith(b"readvault: error: ")
    assert done.stderr.count(b"\n") == 1
    assert archive.read_bytes() == b"precious"
    assert rv("compress", "-f", sample).returncode == 0
    assert archive.read_bytes() != b"precious"
    assert rv("verify", archive, "--against", sample).returncode == 0


def test_the_source_itself_is_never_the_output(rv: Rv, sample: Path) -> None:
    before = sample.read_bytes()
    assert rv("compress", "-f", "-o", sample, sample).returncode != 0
    assert sample.read_bytes() == before


def test_a_missing_source_is_not_found(rv: Rv, tmp_path: Path) -> None:
    done = rv("compress", "absent.bam")
    assert done.returncode == 5
    assert done.stderr.startswith(b"readvault: error: ")
    assert b"absent.bam" in done.stderr
    assert b"Traceback" not in done.stderr
    assert entries(tmp_path) == set()


def test_debug_shows_where_an_error_came_from(rv: Rv) -> None:
    assert b"Traceback" in rv("compress", "absent.bam", env={"READVAULT_DEBUG": "1"}).stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_source_is_no_permission(rv: Rv, sample: Path) -> None:
    sample.chmod(0)
    assert rv("compress", sample).returncode == 6


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--bogus", "sample.bam"],
        ["-@", "-1", "sample.bam"],
        ["-@", "two", "sample.bam"],
        ["--level", "slow", "sample.bam"],
        ["--level", "9", "sample.bam"],
        ["--estimate", "-l", "", "sample.bam"],
        ["--name", "x.bam", "sample.bam"],
        ["-o", "one.rv", "sample.bam", "other.bam"],
        ["-o", "-", "--json", "sample.bam"],
        ["-o", "-", "--proof", "sample.bam"],
        ["-o", "-", "--rm", "sample.bam"],
        ["--rm", "-"],
        ["-", "-", "-o", "."],
    ],
)
def test_nonsense_is_a_usage_error_and_touches_nothing(rv: Rv, sample: Path, arguments: list[str]) -> None:
    done = rv("compress", *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(b"readvault: error: ")
    assert done.stdout == b""
    assert entries(sample.parent) == {"sample.bam"}


def test_several_inputs_each_get_their_archive(rv: Rv, sample: Path) -> None:
    other = sample.with_name("other.bam")
    other.write_bytes(bam(50, seed=2))
    done = rv("compress", "-@", "2", sample, other)
    assert done.returncode == 0
    assert done.stderr.endswith(b"readvault: 2 inputs, all good\n")
    assert {"sample.bam.rv", "other.bam.rv"} <= entries(sample.parent)


def test_when_some_inputs_fail_the_others_are_done_and_the_code_is_3(rv: Rv, sample: Path) -> None:
    done = rv("compress", "absent.bam", sample)
    assert done.returncode == 3
    assert done.stderr.endswith(b"readvault: 2 inputs, 1 failed\n")
    assert "sample.bam.rv" in entries(sample.parent)


def test_when_all_inputs_fail_alike_the_code_tells_how(rv: Rv) -> None:
    assert rv("compress", "absent.bam", "gone.bam").returncode == 5


def test_when_all_inputs_fail_differently_the_code_is_1(rv: Rv, sample: Path, packed: Path) -> None:
    assert rv("compress", sample, "absent.bam").returncode == 1


def test_two_inputs_never_share_an_output(rv: Rv, sample: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "twin", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    twin = folder / "sample.bam"
    twin.write_bytes(bam(50, seed=2))
    done = rv("compress", "-f", "-o", out, sample, twin)
    assert done.returncode == 3
    assert rv("verify", out / "sample.bam.rv", "--against", sample).returncode == 0


def test_an_output_folder_takes_all_archives(rv: Rv, sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert rv("compress", "-o", out, sample).returncode == 0
    assert entries(out) == {"sample.bam.rv"}


def test_json_is_one_object_a_line_also_for_failures(rv: Rv, sample: Path) -> None:
    done = rv("compress", "--json", sample, "absent.bam")
    good, bad = (json.loads(line) for line in done.stdout.splitlines())
    assert good["input"] == str(sample)
    assert good["source"]["fingerprint"]["sha256"] == hashlib.sha256(sample.read_bytes()).hexdigest()
    assert good["source"]["fingerprint"]["md5"] == hashlib.md5(sample.read_bytes()).hexdigest()
    archive = sample.with_name("sample.bam.rv").read_bytes()
    assert (good["archive"]["length"], good["archive"]["sha256"]) == (len(archive), hashlib.sha256(archive).hexdigest())
    assert (bad["input"], bad["error"]["kind"], bad["error"]["exit_code"]) == ("absent.bam", "FileNotFoundError", 5)


def test_a_pipe_in_and_a_pipe_out(rv: Rv, sample: Path, tmp_path: Path) -> None:
    content = sample.read_bytes()
    done = rv("compress", "-", stdin=content)
    assert done.returncode == 0, done.stderr
    (tmp_path / "piped.rv").write_bytes(done.stdout)
    assert rv("verify", "piped.rv", "--against", sample).returncode == 0
    assert rv("decompress", "-o", "-", "piped.rv").stdout == content


def test_a_name_given_for_standard_input_is_recorded(rv: Rv, sample: Path, tmp_path: Path) -> None:
    assert rv("compress", "--name", "piped.bam", "-", stdin=sample.read_bytes()).returncode == 0
    info = json.loads(rv("info", "--json", "piped.bam.rv").stdout)
    assert info["source"]["name"] == "piped.bam"
    assert rv("decompress", "piped.bam.rv").returncode == 0
    assert (tmp_path / "piped.bam").read_bytes() == sample.read_bytes()


def test_the_proof_tells_what_is_on_disk(rv: Rv, sample: Path, packed: Path) -> None:
    proof = json.loads(packed.with_name("sample.bam.rv.proof.json").read_text())
    source, archive = sample.read_bytes(), packed.read_bytes()
    assert (proof["source"]["name"], proof["source"]["length"]) == ("sample.bam", len(source))
    assert proof["source"]["sha256"] == hashlib.sha256(source).hexdigest()
    assert proof["source"]["md5"] == hashlib.md5(source).hexdigest()
    assert proof["archive"]["sha256"] == hashlib.sha256(archive).hexdigest()
    assert proof["archive"]["length"] == len(archive)
    assert proof["counts"]["records"] == 1000
    assert proof["verified"]["result"] == "identical"
    assert proof["date"].endswith("Z")


def test_an_existing_proof_is_refused_without_force(rv: Rv, sample: Path) -> None:
    proof = sample.with_name("sample.bam.rv.proof.json")
    proof.write_text("precious")
    assert rv("compress", "--proof", sample).returncode == 1
    assert proof.read_text() == "precious"
    assert entries(sample.parent) == {"sample.bam", proof.name}


def test_rm_removes_the_source_and_its_index_once_the_archive_is_verified(rv: Rv, sample: Path) -> None:
    index = sample.with_name("sample.bam.bai")
    index.write_bytes(b"BAI\1" + b"\0" * 4)
    content, attached = sample.read_bytes(), index.read_bytes()
    done = rv("compress", "--rm", "--json", sample)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [file["name"] for file in report["attachments"]] == [index.name]
    assert report["removed"] == [str(sample), str(index)]
    assert entries(sample.parent) == {"sample.bam.rv"}
    assert rv("decompress", "sample.bam.rv").returncode == 0
    assert (sample.read_bytes(), index.read_bytes()) == (content, attached)


def test_rm_keeps_the_source_when_compressing_fails(rv: Rv, sample: Path, packed: Path) -> None:
    assert rv("compress", "--rm", sample).returncode == 1
    assert sample.exists()


def test_rm_refuses_a_symbolic_link(rv: Rv, sample: Path) -> None:
    link = sample.with_name("link.bam")
    link.symlink_to(sample)
    assert rv("compress", "--rm", link).returncode == 2
    assert link.is_symlink()
    assert sample.exists()


def test_estimate_writes_nothing(rv: Rv, sample: Path) -> None:
    done = rv("compress", "--estimate", "--json", sample)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["source_length"] == sample.stat().st_size
    assert report["archive_length"] > 0
    assert entries(sample.parent) == {"sample.bam"}
    assert b"estimated from" in rv("compress", "--estimate", sample).stderr


@pytest.mark.parametrize("level", ["fast", "default", "max"])
def test_each_level_gives_the_source_back_and_is_told(rv: Rv, sample: Path, level: str) -> None:
    content = sample.read_bytes()
    done = rv("compress", "--json", "--rm", "--level", level, sample)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["archive"]["level"] == level
    archive = sample.with_name("sample.bam.rv")
    assert json.loads(rv("info", "--json", archive).stdout)["archive"]["level"] == level
    assert f", level {level}, " in rv("info", archive).stdout.decode()
    assert rv("decompress", archive).returncode == 0
    assert sample.read_bytes() == content


def test_without_a_level_the_archive_is_that_of_the_default(rv: Rv, sample: Path) -> None:
    done = rv("compress", "--json", sample)
    assert json.loads(done.stdout)["archive"]["level"] == "default"


@pytest.mark.parametrize("level", ["fast", "default", "max"])
def test_estimate_takes_a_level(rv: Rv, sample: Path, level: str) -> None:
    done = rv("compress", "--estimate", "--json", "-l", level, sample)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["archive_length"] > 0
    assert entries(sample.parent) == {"sample.bam"}


@pytest.mark.parametrize("content", [b"", b"x", b"no BAM file at all\n" * 100, EOF_BLOCK, bam(3)[:-40]])
def test_strange_sources_come_back_as_they_were(rv: Rv, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "strange.bam").write_bytes(content)
    done = rv("compress", "--rm", "strange.bam")
    assert done.returncode == 0, done.stderr
    assert rv("decompress", "strange.bam.rv").returncode == 0
    assert (tmp_path / "strange.bam").read_bytes() == content


def test_realistic_files_get_smaller_and_come_back(rv: Rv, realistic: Path, tmp_path: Path) -> None:
    archive = tmp_path / "out.rv"
    done = rv("compress", "--json", "-o", archive, realistic)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ratio"] > 1.5
    assert rv("cat", archive).stdout == realistic.read_bytes()

"""A recorded name never leads out of the folder, and the source is never touched."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bam import bam
from tests.semantics.reseal import digest, entries, renamed

Rv = Callable[..., Any]


@pytest.mark.parametrize(
    "name",
    [
        b"../../escaped",
        b"/etc/escaped",
        b"..",
        b".",
        b"",
        b"/",
        b"a/../../escaped",
        b"\x1b[31mred\nline\x00nul",
        b"\xff\xfe not text",
        b"inner/escaped",
        b"-rf",
    ],
)
def test_a_recorded_name_never_leads_out_of_the_folder(rv: Rv, sample: Path, packed: Path, name: bytes) -> None:
    folder = sample.parent / "inner"
    folder.mkdir()
    hostile = folder / "hostile.rv"
    hostile.write_bytes(renamed(packed.read_bytes(), name))
    truth = digest(sample)
    before = entries(sample.parent)
    for attempt, arguments in enumerate([[], ["-o", folder / "out"]]):
        (folder / "out").mkdir(exist_ok=True)
        done = rv("decompress", *arguments, hostile)
        assert done.returncode == 0, done.stderr.decode()
        where = folder / "out" if attempt else folder
        restored = [path for path in where.iterdir() if path.is_file() and path != hostile]
        assert sorted(path.suffix == ".bai" for path in restored) == [False, True]
        assert {digest(path) for path in restored if path.suffix != ".bai"} == {truth}
        assert all(os.fsencode(path.name).isascii() or b"\xef\xbf\xbd" in os.fsencode(path.name) for path in restored)
        assert not any(character < " " for path in restored for character in path.name)
    assert entries(sample.parent) == before
    assert not Path("/etc/escaped").exists()
    told = rv("info", hostile).stdout
    assert b"\x1b" not in told and b"\0" not in told


def test_the_renamed_archive_is_whole(rv: Rv, sample: Path, packed: Path) -> None:
    packed.write_bytes(renamed(packed.read_bytes(), b"other.bam"))
    assert rv("verify", packed, "--against", sample).returncode == 0


def test_the_source_is_never_touched(rv: Rv, sample: Path) -> None:
    os.utime(sample, ns=(10**18 + 7, 10**18 + 7))
    sample.chmod(0o444)
    before, truth = sample.stat(), digest(sample)
    archive = sample.with_name("sample.bam.rv")
    assert rv("compress", sample).returncode == 0
    for arguments in (["verify", archive, "--against", sample], ["info", archive], ["cat", archive]):
        assert rv(*arguments).returncode == 0
    assert rv("decompress", archive).returncode == 1  # the source is there, and no one said --force
    after = sample.stat()
    assert digest(sample) == truth
    assert (after.st_mtime_ns, after.st_mode, after.st_ino) == (before.st_mtime_ns, before.st_mode, before.st_ino)


def test_rm_keeps_a_source_when_compressing_fails(rv: Rv, sample: Path) -> None:
    sample.with_name("sample.bam.rv").write_bytes(b"in the way")
    assert rv("compress", "--rm", sample).returncode == 1
    assert sample.read_bytes() == bam()


@pytest.mark.parametrize("verb", ["compress", "decompress", "verify", "quickcheck", "info", "cat"])
@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "folder"])
def test_a_device_or_a_folder_is_refused(rv: Rv, tmp_path: Path, verb: str, name: str) -> None:
    (tmp_path / "folder").mkdir()
    done = rv(verb, name)
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
    assert entries(tmp_path) == {"folder"}


def test_a_device_as_output_is_refused_and_stays_a_device(rv: Rv, sample: Path) -> None:
    assert rv("compress", "-f", "-o", "/dev/null", sample).returncode == 2
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_records_can_go_to_a_device(rv: Rv, packed: Path, options: tuple[str, ...]) -> None:
    done = rv("view", *options, "-o", "/dev/null", packed)
    assert done.returncode == 0, done.stderr
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_link_as_output_is_replaced_not_followed(rv: Rv, sample: Path) -> None:
    target, link = sample.with_name("precious"), sample.with_name("link.rv")
    target.write_bytes(b"precious")
    link.symlink_to(target)
    assert rv("compress", "-o", link, sample).returncode == 1
    assert rv("compress", "-f", "-o", link, sample).returncode == 0
    assert target.read_bytes() == b"precious"
    assert not link.is_symlink()
    assert rv("verify", link, "--against", sample).returncode == 0

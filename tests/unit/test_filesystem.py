"""Archives as files of fsspec: the source's bytes, read-only."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import fsspec
import pysam
import pytest
import readvault
from readvault.filesystem import ReadvaultFileSystem

from tests.bam import bam


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sample.bam").write_bytes(bam(3000))
    readvault.compress(tmp_path / "sample.bam")
    (tmp_path / "more").mkdir()
    return tmp_path


def test_a_url_opens_the_source(folder: Path) -> None:
    source = (folder / "sample.bam").read_bytes()
    with fsspec.open(f"readvault://{folder}/sample.bam.rv") as file:
        assert file.read() == source
        file.seek(-100, 2)
        assert file.read() == source[-100:]
    files = fsspec.filesystem("readvault")
    assert files.cat_file(f"{folder}/sample.bam.rv", 1000, 2000) == source[1000:2000]
    assert files.cat_ranges([f"{folder}/sample.bam.rv"] * 2, [0, 5], [5, 9]) == [source[:5], source[5:9]]


def test_info_is_of_the_source(folder: Path) -> None:
    files = fsspec.filesystem("readvault")
    path = f"{folder}/sample.bam.rv"
    about = files.info(f"readvault://{path}")
    assert (about["name"], about["type"], about["source_name"]) == (path, "file", "sample.bam")
    assert about["size"] == files.size(path) == (folder / "sample.bam").stat().st_size
    assert about["archive_size"] == (folder / "sample.bam.rv").stat().st_size
    assert files.exists(path)
    assert files.isdir(str(folder))
    assert not files.exists(f"{folder}/nothing.rv")
    with pytest.raises(FileNotFoundError):
        files.info(f"{folder}/nothing.rv")


def test_a_folder_lists_its_archives(folder: Path) -> None:
    (folder / "broken.rv").write_bytes(b"no archive")
    files = fsspec.filesystem("readvault")
    listed = {Path(entry["name"]).name: (entry["type"], entry["size"]) for entry in files.ls(str(folder))}
    size = (folder / "sample.bam").stat().st_size
    assert listed == {"broken.rv": ("file", None), "more": ("directory", 0), "sample.bam.rv": ("file", size)}
    assert files.ls(f"{folder}/more", detail=False) == []
    assert files.glob(f"{folder}/s*.rv") == [f"{folder}/sample.bam.rv"]


def test_the_plain_view_has_the_same_records(folder: Path) -> None:
    files = ReadvaultFileSystem(view="plain")
    path = f"{folder}/sample.bam.rv"
    with files.open(path) as file:
        content = file.read()
    assert len(content) == files.size(path) > (folder / "sample.bam").stat().st_size
    (folder / "plain.bam").write_bytes(content)
    with (
        pysam.AlignmentFile(str(folder / "plain.bam")) as plain,
        pysam.AlignmentFile(str(folder / "sample.bam")) as own,
    ):
        names = [record.query_name for record in own.fetch(until_eof=True)]
        assert [record.query_name for record in plain.fetch(until_eof=True)] == names
    with pytest.raises(ValueError, match="view must be"):
        ReadvaultFileSystem(view="other")  # type: ignore[arg-type]


def test_nothing_can_be_written(folder: Path) -> None:
    files = fsspec.filesystem("readvault")
    path = f"{folder}/sample.bam.rv"
    before = (folder / "sample.bam.rv").read_bytes()
    writes: list[Callable[[], object]] = [
        lambda: files.open(path, "wb"),
        lambda: files.rm(path),
        lambda: files.mkdir(f"{folder}/new"),
        lambda: files.makedirs(f"{folder}/new"),
        lambda: files.rmdir(f"{folder}/more"),
        lambda: files.copy(path, f"{folder}/copy.rv"),
        lambda: files.mv(path, f"{folder}/copy.rv"),
        lambda: files.pipe_file(path, b"x"),
        lambda: files.touch(path),
        lambda: files.put_file(path, f"{folder}/copy.rv"),
    ]
    for write in writes:
        with pytest.raises(OSError, match="read only"):
            write()
    assert (folder / "sample.bam.rv").read_bytes() == before
    assert not (folder / "copy.rv").exists()


def test_fsspec_knows_the_protocol_by_itself(folder: Path) -> None:
    code = f"import fsspec; print(len(fsspec.open('readvault://{folder}/sample.bam.rv').open().read()))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(told.stdout) == (folder / "sample.bam").stat().st_size


def test_without_fsspec_the_remedy_is_told() -> None:
    code = "import sys; sys.modules['fsspec'] = None; import readvault.filesystem"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'readvault[fsspec]'" in told.stderr

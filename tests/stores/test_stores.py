"""What every store must do: the same tests, on each of them."""

import os
import random
import subprocess
import sys

import pytest
import readvault
from readvault import AlignmentFile

from tests.bam import bam
from tests.stores.conftest import Store


@pytest.fixture(scope="module")
def source() -> bytes:
    return bam(4000)


@pytest.fixture(scope="module")
def archive(source: bytes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("archive") / "x.bam"
    path.write_bytes(source)
    return_path = path.with_suffix(".bam.rv")
    readvault.compress(path, return_path, threads=1)
    return return_path.read_bytes()


def test_an_archive_is_read_in_place(store: Store, source: bytes, archive: bytes) -> None:
    url = store.put("reading/x.bam.rv", archive)
    assert readvault.info(url).source.name == "x.bam"
    readvault.quickcheck(url)
    chance = random.Random(1)
    with readvault.open(url) as file:
        for _ in range(20):
            start = chance.randrange(len(source))
            file.seek(start)
            assert file.read(5000) == source[start : start + 5000]
    with AlignmentFile(url) as alignments:
        assert alignments.count() == 4000
    assert readvault.verify(url, threads=1).checked == "source"


def test_a_source_is_read_in_place(store: Store, source: bytes) -> None:
    url = store.put("reading/x.bam", source)
    with readvault.open(url) as file:
        assert file.read() == source
        chance = random.Random(2)
        for _ in range(20):
            start = chance.randrange(len(source))
            file.seek(start)
            assert file.read(300) == source[start : start + 300]


@pytest.mark.parametrize("name", ["a b.bam", "plus+and&.bam", "per%20cent.bam", "naïve-名.bam", "#hash?.bam"])
def test_any_name_will_do(store: Store, name: str, source: bytes) -> None:
    if store.kind == "azurite" or (store.kind == "gcs" and "%" in name):
        pytest.skip("the test's own requests do not quote such names")
    url = store.put(f"names/{name}", source)
    if store.kind == "http":
        from urllib.parse import quote

        url = store.url(f"names/{quote(name)}")
    with readvault.open(url) as file:
        assert file.read() == source


def test_what_is_not_there_is_named(store: Store) -> None:
    url = store.url("absent.rv")
    with pytest.raises(FileNotFoundError, match="absent"):
        readvault.info(url)
    with pytest.raises(FileNotFoundError, match="absent"):
        readvault.compress(url, store.url("absent.rv.rv"))


def test_an_empty_object_is_no_archive_and_a_good_source(store: Store) -> None:
    url = store.put("empty", b"")
    with pytest.raises(readvault.ReadvaultError, match="empty"):
        readvault.info(url)
    if store.is_writable:
        assert readvault.compress(url, store.url("empty.rv")).source.fingerprint.length == 0


def test_a_file_cut_short_is_not_read_as_whole(store: Store, source: bytes) -> None:
    url = store.put("cut.bam", source[:-28])
    with pytest.raises(readvault.TruncatedError, match="cut short"):
        readvault.open(url)


def test_verbs_write_there(store: Store, source: bytes) -> None:
    if not store.is_writable:
        pytest.skip("nothing is written there")
    url = store.put("writing/x.bam", source)
    target = store.url("writing/x.bam.rv")
    report = readvault.compress(url, threads=1)
    assert report.archive.path == target
    assert readvault.info(target).archive.digest == report.archive.digest
    with pytest.raises(FileExistsError, match="exists"):
        readvault.compress(url, target, threads=1)
    readvault.compress(url, target, threads=1, force=True)
    readvault.index(target)
    assert readvault.read_index(target, view="plain").startswith(b"BAI\1")
    with pytest.raises(FileExistsError):
        readvault.decompress(target)
    back = store.url("writing/back.bam")
    readvault.decompress(target, back)
    assert store.get("writing/back.bam") == source


def test_a_long_object_goes_there_in_parts(store: Store) -> None:
    if not store.is_writable:
        pytest.skip("nothing is written there")
    data = random.Random(3).randbytes(20_000_000)
    url = store.put("long", data)
    report = readvault.compress(url, threads=2)
    assert report.archive.length > 20_000_000
    assert readvault.verify(store.url("long.rv"), threads=2).source.fingerprint == report.source.fingerprint
    assert not [name for name in store.names() if name.startswith("upload")]


def test_what_is_stopped_leaves_nothing(store: Store) -> None:
    if not store.is_writable:
        pytest.skip("nothing is written there")
    url = store.put("stopped", random.Random(4).randbytes(40_000_000))

    def stop(done: int, total: int | None) -> None:
        if done > 15_000_000:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        readvault.compress(url, threads=1, progress=stop)
    assert not [name for name in store.names() if "stopped" in name and name != "stopped"]


def test_fsspec_reads_its_archives(store: Store, source: bytes, archive: bytes) -> None:
    fsspec = pytest.importorskip("fsspec")
    url = store.put("fsspec/x.bam.rv", archive)
    with fsspec.open(f"readvault://{url}", "rb") as file:
        file.seek(1000)
        assert file.read(500) == source[1000:1500]
    files = fsspec.filesystem("readvault")
    assert files.info(url)["size"] == len(source)


# Newer Pythons warn of what this is about.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_reads_by_itself(store: Store, source: bytes, archive: bytes) -> None:
    url = store.put("fork/x.bam.rv", archive)
    with readvault.open(url) as file:
        assert file.read(1000) == source[:1000]
        child = os.fork()
        if child == 0:
            good = False
            try:
                file.seek(200_000)
                good = file.read(1000) == source[200_000:201_000]
            finally:
                os._exit(0 if good else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        file.seek(300_000)
        assert file.read(1000) == source[300_000:301_000]


def test_the_command_line_takes_its_urls(store: Store, source: bytes, archive: bytes) -> None:
    url = store.put("line/x.bam.rv", archive)
    told = subprocess.run(
        [sys.executable, "-m", "readvault", "cat", "--range", "100-200", "--connections", "4", url],
        capture_output=True,
        check=True,
    )
    assert told.stdout == source[100:200]

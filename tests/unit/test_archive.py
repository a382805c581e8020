"""The Python API: verbs, reports, errors, progress, and `open`."""

import io
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import readvault
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readvault.archive import Level
from readvault.report import as_dict

from tests.bam import bam, long_bam


@pytest.fixture(scope="module")
def content() -> bytes:
    return bam(5000)


@pytest.fixture(scope="module")
def archived(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archived") / "sample.bam"
    path.write_bytes(content)
    readvault.compress(path)
    return path.with_name("sample.bam.rv")


def test_the_version_is_that_of_the_native_module() -> None:
    from readvault import _core

    assert readvault.__version__ == _core.__version__


def test_every_public_name_is_there() -> None:
    for name in readvault.__all__:
        assert getattr(readvault, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = readvault.nothing


def test_reports_are_frozen_and_turn_into_plain_values(sample: Path) -> None:
    report = readvault.compress(sample)
    assert report.source.fingerprint.length == sample.stat().st_size
    assert report.counts.records == 1000
    assert report.source.mtime_ns == sample.stat().st_mtime_ns
    with pytest.raises(FrozenInstanceError):
        report.ratio = 1.0  # type: ignore[misc]
    assert as_dict(report)["source"]["fingerprint"]["md5"] == report.source.fingerprint.md5


def test_what_was_compressed_comes_back(sample: Path, tmp_path: Path) -> None:
    report = readvault.compress(sample, tmp_path / "a.rv", threads=2)
    assert report.archive.path == str(tmp_path / "a.rv")
    back = readvault.decompress(tmp_path / "a.rv", tmp_path / "back.bam")
    assert (tmp_path / "back.bam").read_bytes() == sample.read_bytes()
    assert back.fingerprint == report.source.fingerprint
    found = readvault.verify(tmp_path / "a.rv", against=sample)
    assert (found.archive.sha256, found.archive.digest) == (report.archive.sha256, report.archive.digest)
    assert found.source.fingerprint == report.source.fingerprint
    readvault.quickcheck(tmp_path / "a.rv")
    told = readvault.info(tmp_path / "a.rv")
    assert told.source.fingerprint == report.source.fingerprint
    assert told.counts == found.counts == report.counts
    assert told.exactness == report.exactness


def test_an_estimate_is_near_the_truth(archived: Path) -> None:
    source = archived.with_name("sample.bam")
    told, true = readvault.estimate(source), archived.stat().st_size
    assert told.source_length == source.stat().st_size
    assert true / 2 < told.archive_length < true * 2


@pytest.mark.parametrize("level", ["fast", "default", "max"])
def test_each_level_gives_the_source_back(sample: Path, level: Level) -> None:
    content = sample.read_bytes()
    report = readvault.compress(sample, level=level)
    assert report.archive.level == level
    assert report.archive.path is not None
    with readvault.open(report.archive.path) as source:
        assert source.read() == content
    assert readvault.estimate(sample, level=level).archive_length > 0


def test_an_unknown_level_is_invalid(sample: Path) -> None:
    with pytest.raises(ValueError, match="level must be one of fast, default, max"):
        readvault.compress(sample, level="slow")  # type: ignore[arg-type]
    assert list(sample.parent.iterdir()) == [sample]


def test_missing_files_raise_what_open_raises(tmp_path: Path) -> None:
    for verb in (readvault.compress, readvault.decompress, readvault.verify, readvault.info, readvault.open):
        with pytest.raises(FileNotFoundError) as caught:
            verb(tmp_path / "absent")
        assert "absent" in str(caught.value)
        assert "[Errno" not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        readvault.quickcheck(tmp_path / "absent")


def test_existing_outputs_raise_file_exists(sample: Path) -> None:
    readvault.compress(sample)
    with pytest.raises(FileExistsError):
        readvault.compress(sample)
    with pytest.raises(FileExistsError):
        readvault.decompress(sample.with_name("sample.bam.rv"))


def test_truncation_is_a_kind_of_damage(archived: Path, tmp_path: Path) -> None:
    whole = archived.read_bytes()
    cut = tmp_path / "cut.rv"
    cut.write_bytes(whole[: len(whole) * 9 // 10])
    for verb in (readvault.info, readvault.quickcheck, readvault.verify, readvault.open):
        with pytest.raises(readvault.TruncatedError):
            verb(cut)
    assert issubclass(readvault.TruncatedError, readvault.DamagedError)


def test_damage_is_found(archived: Path, tmp_path: Path) -> None:
    content = bytearray(archived.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = tmp_path / "damaged.rv"
    damaged.write_bytes(content)
    with pytest.raises(readvault.DamagedError):
        readvault.verify(damaged)


def test_progress_ends_at_the_whole_and_comes_from_the_calling_thread(sample: Path) -> None:
    calls: list[tuple[int, int | None, int]] = []
    readvault.compress(sample, progress=lambda done, total: calls.append((done, total, threading.get_ident())))
    assert calls, "progress was never told"
    assert {thread for _, _, thread in calls} == {threading.get_ident()}
    assert [done for done, _, _ in calls] == sorted(done for done, _, _ in calls)
    assert all(total is None or done <= total for done, total, _ in calls)


def test_an_exception_in_the_callback_stops_the_verb_and_comes_out(tmp_path: Path) -> None:
    source = tmp_path / "long.bam"
    source.write_bytes(long_bam(4))

    class EnoughError(Exception):
        pass

    def progress(done: int, total: int | None) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        readvault.compress(source, progress=progress)
    assert [path.name for path in tmp_path.iterdir()] == ["long.bam"]


def test_ctrl_c_stops_the_verb(tmp_path: Path) -> None:
    source = tmp_path / "long.bam"
    source.write_bytes(long_bam(4))

    def progress(done: int, total: int | None) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        readvault.compress(source, progress=progress)
    assert [path.name for path in tmp_path.iterdir()] == ["long.bam"]


def test_the_interpreter_is_free_while_a_verb_works(tmp_path: Path) -> None:
    source = tmp_path / "long.bam"
    source.write_bytes(long_bam(2))
    ticks, done = 0, threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.001):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    readvault.compress(source)
    done.set()
    thread.join()
    assert ticks > 10


def test_an_open_archive_is_a_file(archived: Path, content: bytes) -> None:
    with readvault.open(archived) as file:
        assert isinstance(file, io.BufferedReader)
        assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
        assert file.read(100) == content[:100]
        assert file.tell() == 100
        assert file.seek(-28, os.SEEK_END) == len(content) - 28
        assert file.read() == content[-28:]
        assert file.read(1) == b""
        assert file.seek(len(content) + 10) == len(content) + 10
        assert file.read() == b""
        with pytest.raises(ValueError, match="negative"):
            file.seek(-1)
        file.seek(0)
        assert file.read() == content
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        file.read(1)


def test_the_raw_file_fills_any_buffer(archived: Path, content: bytes) -> None:
    with readvault.open(archived, buffering=0) as file:
        assert isinstance(file, readvault.SourceFile)
        assert (file.source_length, file.source_name) == (len(content), "sample.bam")
        buffer = bytearray(1000)
        assert file.readinto(memoryview(buffer)[100:300]) == 200
        assert bytes(buffer[100:300]) == content[:200]
        assert not any(buffer[:100])
        assert file.read_at(5000, 7) == content[5000:5007]
        assert file.tell() == 200
        assert file.read_at(2**70, 7) == b""
        assert file.readall() == content[200:]
        with pytest.raises(ValueError, match="negative"):
            file.read_at(-1, 7)
    with pytest.raises(ValueError, match="closed"):
        file.tell()


@pytest.fixture(scope="module")
def shared(archived: Path) -> readvault.SourceFile:
    return readvault.SourceFile(archived)


def test_threads_share_an_open_archive(shared: readvault.SourceFile, content: bytes) -> None:
    offsets = range(0, len(content), 997)
    with ThreadPoolExecutor(8) as pool:
        pieces = list(pool.map(lambda offset: shared.read_at(offset, 997), offsets))
    assert b"".join(pieces) == content


Step = tuple[str, int, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 70_000), st.just(0)),
        st.tuples(st.just("seek"), st.integers(-400_000, 400_000), st.sampled_from([0, 1, 2])),
        st.tuples(st.just("peek"), st.integers(1, 100), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_an_open_archive_behaves_as_the_bytes_in_memory(archived: Path, content: bytes, steps: list[Step]) -> None:
    model = io.BytesIO(content)
    with readvault.open(archived, buffering=4096) as file:
        assert isinstance(file, io.BufferedReader)
        for verb, amount, whence in steps:
            match verb:
                case "read":
                    assert file.read(amount) == model.read(amount)
                case "peek":
                    assert content[model.tell() :].startswith(file.peek(amount))
                case "seek":
                    target = amount + (0, model.tell(), len(content))[whence]
                    if target < 0:
                        with pytest.raises((ValueError, OSError)):
                            file.seek(amount, whence)
                        file.seek(model.tell())
                    else:
                        assert file.seek(amount, whence) == model.seek(target)
            assert file.tell() == model.tell()

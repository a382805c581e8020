"""A store that fails: what is read equals the bytes in memory or an error says so, in every case tried."""

import hashlib
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import readvault
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readvault import _core
from readvault.errors import DamagedError, ReadvaultError, StoreError, TruncatedError

from tests.bam import bam
from tests.servers import S3, Faults, faults, s3_server
from tests.stores.conftest import S3Client, environment_of

# All that a server, or what stands between, can do to an answer without changing what it says.
HONEST = ("reset", "truncate", "short", "slow_down", "internal", "throttled", "range", "whole", "first_byte", "lost")
# What an archive finds out too: its bytes have checksums.
LIES = ("flip", "changed")


@dataclass
class Broken:
    """A server behind a proxy, with a source and its archive."""

    s3: S3
    faults: Faults
    source: bytes
    archive: bytes

    def url(self, name: str) -> str:
        return f"s3://{self.s3.bucket}/{name}"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    folder = tmp_path_factory.mktemp("broken")
    source = bam(30_000)
    (folder / "x.bam").write_bytes(source)
    readvault.compress(folder / "x.bam", folder / "x.rv", threads=1, level="fast")
    archive = (folder / "x.rv").read_bytes()
    with s3_server() as s3, faults(s3.url) as proxy:
        client = S3Client(s3)
        client.put("x.bam", source)
        client.put("x.rv", archive)
        for _ in environment_of(s3.environment(url=proxy.url)):
            yield Broken(s3, proxy, source, archive)
            readvault.configure(retries=3, min_part=32 << 10, max_part=8 << 20, timeout=20, memory=256 << 20)


def totals() -> dict[str, int]:
    """What the transfers of this process took so far."""
    found: dict[str, int] = json.loads(_core.transfer_totals())
    return found


def small_parts(**more: Any) -> None:
    """Many requests for a small object, and little patience."""
    readvault.configure(**{"min_part": 4096, "max_part": 32768, "timeout": 1, "memory": 256 << 20, **more})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.dictionaries(st.sampled_from(HONEST + LIES), st.floats(0.01, 0.3), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
    is_archive=st.booleans(),
)
def test_reads_equal_the_bytes_or_fail(broken: Broken, kinds: dict[str, float], seed: int, is_archive: bool) -> None:
    # Nothing vouches for the bytes of a source that is in no archive but the network and the store.
    kinds = {kind: chance for kind, chance in kinds.items() if is_archive or kind != "flip"}
    small_parts(retries=3)
    broken.faults.change(seed=seed, faults=kinds, stall_seconds=1.5)
    chance = random.Random(seed)
    try:
        with readvault.open(broken.url("x.rv" if is_archive else "x.bam")) as file:
            for _ in range(8):
                start, length = chance.randrange(len(broken.source)), chance.choice((10, 5_000, 200_000))
                try:
                    file.seek(start)
                    data = file.read(length)
                except (ReadvaultError, OSError) as error:
                    assert str(error)
                else:
                    assert data == broken.source[start : start + length]
            file.seek(0)
            assert file.read() == broken.source
    except (ReadvaultError, OSError) as error:
        assert "s3://" in str(error), error
    finally:
        broken.faults.change(faults={}, plan=[])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.dictionaries(
        st.sampled_from((*HONEST, *LIES, "error_in_200")), st.floats(0.01, 0.2), min_size=1, max_size=3
    ),
    seed=st.integers(0, 2**32),
)
def test_what_is_written_is_whole_or_not_there(broken: Broken, kinds: dict[str, float], seed: int) -> None:
    small_parts(retries=3)
    broken.faults.change(seed=seed, faults=kinds, methods=["GET", "HEAD", "PUT", "POST", "DELETE"])
    target = f"written/{seed}.rv"
    try:
        report = readvault.compress(broken.url("x.bam"), broken.url(target), threads=2, level="fast")
    except (ReadvaultError, OSError):
        report = None
    broken.faults.change(faults={}, plan=[])
    if report is not None:
        verified = readvault.verify(broken.url(target), threads=2)
        assert verified.source.fingerprint == report.source.fingerprint
        assert broken.s3.client().get_object(Bucket=broken.s3.bucket, Key="x.bam")["Body"].read() == broken.source


def test_an_object_that_changes_is_not_read_on(broken: Broken) -> None:
    small_parts()
    client = S3Client(broken.s3)
    client.put("changing", broken.source)
    with readvault.open(broken.url("changing")) as file:
        assert file.read(1000) == broken.source[:1000]
        client.put("changing", broken.source[::-1])
        with pytest.raises(StoreError, match=r"changing.*changed while it was read"):
            file.read()


def test_what_fails_names_object_range_and_attempt(broken: Broken) -> None:
    small_parts(retries=2)
    with readvault.open(broken.url("x.bam"), buffering=0) as file:
        broken.faults.change(faults={"internal": 1.0})
        try:
            file.seek(100_000)
            with pytest.raises(StoreError, match=r"x\.bam, bytes 100000-100009, attempt 3: .*500"):
                file.read(10)
        finally:
            broken.faults.change(faults={})
        # The next one finds the store well again.
        assert file.read(10) == broken.source[100_000:100_010]


def test_a_broken_answer_goes_on_where_it_broke_off(broken: Broken) -> None:
    readvault.configure(min_part=1 << 20, max_part=1 << 20, retries=3)
    with readvault.open(broken.url("x.bam"), buffering=0) as file:
        before = totals()
        broken.faults.change(plan=[{"fault": "truncate", "nth": 1}])
        assert file.read_at(100_000, 900_000) == broken.source[100_000:1_000_000]  # type: ignore[union-attr]
    now = totals()
    assert now["retries"] > before["retries"]
    # What had come was not fetched again.
    assert now["fetched_bytes"] - before["fetched_bytes"] <= 900_000 + 4096


def test_a_store_that_is_too_busy_is_asked_less(broken: Broken) -> None:
    small_parts(retries=6)
    broken.faults.change(faults={"slow_down": 0.05}, burst=4, limit=20)
    try:
        with readvault.open(broken.url("x.bam")) as file:
            assert file.read() == broken.source
    finally:
        broken.faults.change(faults={}, burst=1, limit=None)


def test_a_straggler_is_asked_for_again(broken: Broken) -> None:
    # Enough requests have ended before, so that it is known what is slow.
    readvault.configure(min_part=8192, max_part=8192, retries=3, timeout=60, memory=256 << 20)
    with readvault.open(broken.url("x.bam"), buffering=0) as file:
        assert file.read(400_000) == broken.source[:400_000]
        before, started = totals(), time.monotonic()
        broken.faults.change(plan=[{"fault": "stall", "nth": 2}], stall_seconds=30)
        assert file.read() == broken.source[400_000:]
    assert time.monotonic() - started < 25
    assert totals()["hedges"] > before["hedges"]


def test_transfers_stay_within_their_memory(broken: Broken) -> None:
    readvault.configure(memory=2 << 20, min_part=32768, max_part=8 << 20, connections=50, timeout=20)
    wrong: list[str] = []

    def read(seed: int) -> None:
        chance = random.Random(seed)
        with readvault.open(broken.url("x.bam"), buffering=0) as file:
            for _ in range(10):
                start, length = chance.randrange(len(broken.source)), chance.randrange(1_500_000)
                if file.read_at(start, length) != broken.source[start : start + length]:  # type: ignore[union-attr]
                    wrong.append(f"{start}+{length}")

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert 0 < totals()["peak_memory"] <= 2 << 20


def test_a_wrong_byte_in_an_archive_is_found(broken: Broken) -> None:
    small_parts(retries=0)
    broken.faults.change(faults={"flip": 1.0})
    try:
        with pytest.raises((DamagedError, TruncatedError, ReadvaultError)):
            readvault.verify(broken.url("x.rv"))
        with pytest.raises(StoreError, match="checksum"):
            readvault.compress(broken.url("x.bam"), broken.url("flipped.rv"), level="fast")
    finally:
        broken.faults.change(faults={})
    with pytest.raises(FileNotFoundError):
        readvault.info(broken.url("flipped.rv"))


def test_an_answer_that_was_lost_does_not_hide_what_was_done(broken: Broken) -> None:
    small_parts(retries=3)
    target = _core.Target(broken.url("lost/large"), force=False)
    data = random.Random(9).randbytes(20_000_000)
    target.write(data)
    broken.faults.change(plan=[{"fault": "lost", "nth": 1, "method": "POST"}], methods=["POST"])
    try:
        target.publish()
    finally:
        broken.faults.change(plan=[])
    assert S3Client(broken.s3).get("lost/large") == data


def test_the_disk_cache_is_asked_first_and_never_trusted(broken: Broken, tmp_path: Any) -> None:
    folder = tmp_path / "cache"
    small_parts(cache=str(folder), cache_size="1M")
    try:
        for turn in range(2):
            before = totals()
            with readvault.open(broken.url("x.bam"), buffering=0) as file:
                assert file.read_at(200_000, 100_000) == broken.source[200_000:300_000]  # type: ignore[union-attr]
            cached = totals()["cached_bytes"] - before["cached_bytes"]
            assert cached == (100_000 if turn else 0)
        for path in folder.rglob("*-*"):
            data = bytearray(path.read_bytes())
            data[10] ^= 1
            path.write_bytes(data)
        with readvault.open(broken.url("x.bam"), buffering=0) as file:
            assert file.read_at(200_000, 100_000) == broken.source[200_000:300_000]  # type: ignore[union-attr]
        # Another state of the object is another object.
        S3Client(broken.s3).put("state", broken.source)
        with readvault.open(broken.url("state")) as file:
            assert file.read() == broken.source
        S3Client(broken.s3).put("state", broken.source[::-1][28:] + broken.source[-28:])
        with pytest.raises(ReadvaultError):
            readvault.open(broken.url("state"))
        with readvault.open(broken.url("x.bam")) as file:
            assert file.read() == broken.source
        assert sum(path.stat().st_size for path in folder.rglob("*-*")) <= 1.2 * (1 << 20)
    finally:
        readvault.configure(cache="")


def test_processes_share_the_disk_cache(broken: Broken, tmp_path: Any) -> None:
    program = (
        "import sys, hashlib, readvault\n"
        "readvault.configure(cache=sys.argv[2], cache_size='2M', min_part=4096, max_part=32768)\n"
        "with readvault.open(sys.argv[1]) as file:\n"
        "    print(hashlib.sha256(file.read()).hexdigest())\n"
    )
    command = [sys.executable, "-c", program, broken.url("x.bam"), str(tmp_path / "cache")]
    wanted = hashlib.sha256(broken.source).hexdigest()
    for _ in range(2):
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        # One is killed in the middle of what it does.
        victim = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        victim.kill()
        victim.wait()
        for process in running:
            told, _ = process.communicate(timeout=120)
            assert told.strip() == wanted

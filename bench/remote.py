"""Objects of a store across a network: a real S3 server on loopback, and before it the proxy of crates/faults, which
adds latency and limits every connection.

Measured are whole objects, beside readers with one connection and downloads with many; regions of an archive, with
what they fetch; the parts schedule of the multi-connection reader of HTSJDK on the same intervals; and reading while
things go wrong. Each figure is of a process of its own.
"""

import csv
import hashlib
import importlib.util
import json
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pysam
import readvault
from measure import function
from readvault import _core
from sources import ROOT, built

sys.path.insert(0, str(ROOT))
from tests.servers import S3, Faults, faults, s3_server

# What the proxy adds to each answer, and lets through on each connection.
DELAY_MS, BANDWIDTH = 30, 20_000_000
PIECE = 8 << 20
REGIONS, LENGTH = 40, 1000
# What is added to the latency to count round trips.
MORE_MS = 150
# Faults of the run in which things go wrong: probabilities for each request.
FAULTS = {"reset": 0.05, "truncate": 0.05, "short": 0.02, "slow_down": 0.03, "internal": 0.03, "range": 0.02}


@dataclass(frozen=True)
class Remote:
    """One kind of reading by one tool."""

    what: str
    tool: str
    seconds: float
    asked_bytes: int
    fetched_bytes: int
    requests: int
    peak_bytes: int
    note: str = ""


def measure(bam: Path, archive: Path, out: Path, *, faulty_bytes: int) -> list[Remote]:
    """Measures everything on a BAM file and its archive."""
    os.environ["READVAULT_FAULTS"] = str(built("readvault-faults", "readvault-faults"))
    rows: list[Remote] = []
    with out.open("w", newline="") as target, s3_server() as s3:
        writer = csv.DictWriter(target, [field.name for field in fields(Remote)])
        writer.writeheader()
        client = s3.client()
        for path in (bam, Path(f"{bam}.bai"), archive):
            with path.open("rb") as body:
                client.put_object(Bucket=s3.bucket, Key=path.name, Body=body)
        with faults(s3.url, delay_ms=DELAY_MS, bandwidth=BANDWIDTH) as proxy:
            os.environ.update(s3.environment(url=proxy.url))
            run = _Run(s3, proxy, bam, archive)
            for row in run.rows(faulty_bytes):
                rows.append(row)
                writer.writerow(asdict(row))
                target.flush()
    return rows


class _Run:
    def __init__(self, s3: S3, proxy: Faults, bam: Path, archive: Path) -> None:
        self.s3, self.proxy, self.bam, self.archive = s3, proxy, bam, archive
        self.url, self.archive_url = f"s3://{s3.bucket}/{bam.name}", f"s3://{s3.bucket}/{archive.name}"
        self.told = archive.parent / "told.json"

    def rows(self, faulty_bytes: int) -> Iterator[Remote]:
        yield from self._whole()
        yield from self._regions()
        yield from self._intervals()
        yield self._faulty(faulty_bytes)

    def _row(self, what: str, tool: str, work: Callable[[], int], note: str = "") -> Remote:
        """A row of what work does; it gives the bytes that were asked for."""
        self.proxy.clear()

        def child() -> None:
            start = time.perf_counter()
            asked = work()
            self.told.write_text(json.dumps([time.perf_counter() - start, asked]))

        cost = function(child)
        stats = self.proxy.stats()
        if cost.refused:
            print(f"{what:34} {tool:24} {cost.refused}", flush=True)
            return Remote(what, tool, 0.0, 0, stats["bytes"], stats["requests"], cost.peak, cost.refused)
        seconds, asked = json.loads(self.told.read_text())
        print(
            f"{what:34} {tool:24} {seconds:9.3f} s {asked / 1e6:9.2f} MB asked {stats['bytes'] / 1e6:9.2f} fetched "
            f"{stats['requests']:6} requests {cost.peak / 1e6:6.0f} MB",
            flush=True,
        )
        return Remote(what, tool, seconds, asked, stats["bytes"], stats["requests"], cost.peak, note)

    # --- Whole objects ---

    def _whole(self) -> Iterator[Remote]:
        what = "whole object"
        yield self._row(what, "readvault", self._ours)
        yield self._row(what, "boto3 download, 50 connections", self._transfer)
        if importlib.util.find_spec("awscrt"):
            yield self._row(what, "awscrt download", self._crt)
        yield self._row(what, "boto3 get_object", self._get_object)
        if importlib.util.find_spec("s3fs"):
            yield self._row(what, "s3fs", self._s3fs)
        yield self._row(what, "htslib", self._htslib, "the bytes, by pysam's HFile of a signed URL")

    def _ours(self) -> int:
        buffer, total = bytearray(PIECE), 0
        with readvault.open(self.url, buffering=0) as file:
            while count := file.readinto(buffer):
                total += count
        return total

    def _get_object(self) -> int:
        body = self._client().get_object(Bucket=self.s3.bucket, Key=self.bam.name)["Body"]
        return sum(map(len, body.iter_chunks(PIECE)))

    def _transfer(self) -> int:
        from boto3.s3.transfer import TransferConfig

        target = _Counting()
        config = TransferConfig(max_concurrency=50, multipart_chunksize=PIECE)
        self._client().download_fileobj(self.s3.bucket, self.bam.name, target, Config=config)
        return target.count

    def _crt(self) -> int:
        from boto3.s3.transfer import TransferConfig

        path = self.archive.parent / "crt"
        config = TransferConfig(preferred_transfer_client="crt")
        self._client().download_file(self.s3.bucket, self.bam.name, str(path), Config=config)
        count = path.stat().st_size
        path.unlink()
        return count

    def _s3fs(self) -> int:
        import s3fs

        store = s3fs.S3FileSystem(endpoint_url=self.proxy.url, client_kwargs={"region_name": self.s3.region})
        total = 0
        with store.open(f"{self.s3.bucket}/{self.bam.name}", "rb") as file:
            while piece := file.read(PIECE):
                total += len(piece)
        return total

    def _htslib(self) -> int:
        total = 0
        with pysam.HFile(self._signed(self.bam.name), "rb") as file:
            while piece := file.read(PIECE):
                total += len(piece)
        return total

    def _signed(self, name: str) -> str:
        url: str = self._client().generate_presigned_url("get_object", {"Bucket": self.s3.bucket, "Key": name})
        return url

    def _client(self) -> Any:
        return self.s3.client(url=self.proxy.url)

    # --- Regions ---

    def _regions(self) -> Iterator[Remote]:
        """Regions of an archive that is opened for each, and of one that is open and was asked for others before.

        Each is asked at two latencies: what it takes longer at the higher one tells how many round trips it waited for.
        """
        regions = _places_in(self.archive, REGIONS)
        for cold in (True, False):
            quick = self._regions_at(regions, DELAY_MS, cold=cold)
            slow = self._regions_at(regions, DELAY_MS + MORE_MS, cold=cold)
            asked = range(0 if cold else REGIONS // 2, REGIONS)
            rounds = [(slow[index][0] - quick[index][0]) * 1000 / MORE_MS for index in asked]
            seconds = statistics.median(quick[index][0] for index in asked)
            fetched = [quick[index][1] for index in asked]
            gets = round(statistics.median(quick[index][2] for index in asked))
            note = (
                f"round trips: median {statistics.median(rounds):.1f}, most {max(rounds):.1f}; "
                f"most fetched {max(fetched) / 1e6:.2f} MB"
            )
            what = f"region of 1 kb, {'cold' if cold else 'warm'}, median"
            print(f"{what:34} readvault {seconds:9.4f} s {statistics.median(fetched) / 1e6:9.3f} MB {gets}; {note}")
            yield Remote(what, "readvault", seconds, 0, round(statistics.median(fetched)), gets, 0, note)
        self.proxy.change(delay_ms=DELAY_MS)

    def _regions_at(
        self, regions: list[tuple[str, int, int]], delay: int, *, cold: bool
    ) -> list[tuple[float, int, int]]:
        """Seconds, bytes and requests of each region, one after the other."""
        self.proxy.change(delay_ms=delay)
        opened = None if cold else _core.Archive(self.archive_url)
        taken = []
        for region in regions:
            before, start = json.loads(_core.transfer_totals()), time.perf_counter()
            archive = opened or _core.Archive(self.archive_url)
            found = sum(len(ends) for _, ends in archive.records(_core.Query(intervals=[region])))
            seconds, now = time.perf_counter() - start, json.loads(_core.transfer_totals())
            if not found:
                raise SystemExit("bench: a region without records")
            taken.append((seconds, now["fetched_bytes"] - before["fetched_bytes"], now["gets"] - before["gets"]))
        return taken

    # --- Interval lists ---

    def _intervals(self) -> Iterator[Remote]:
        """The same intervals of the BAM file: ours by its index, and the parts schedule of HTSJDK's reader."""
        regions = _places(self.bam, 20)
        with pysam.AlignmentFile(str(self.bam)) as file:
            starts = []
            for name, start, end in regions:
                for _ in file.fetch(name, start, end):
                    break
                starts.append(file.tell() >> 16)
        what = "interval list, 20 of 1 kb"
        yield self._row(what, "parts schedule", lambda: self._schedule(starts), "50 connections, 32 KiB to 8 MiB")
        yield self._row(what, "htslib", lambda: self._htslib_intervals(regions))
        yield self._row(what, "readvault", lambda: self._our_intervals(regions))

    def _our_intervals(self, regions: list[tuple[str, int, int]]) -> int:
        opened = _core.open(self.url)
        return sum(len(data) for data, _ in opened.records(_core.Query(intervals=regions)))

    def _htslib_intervals(self, regions: list[tuple[str, int, int]]) -> int:
        name, index = self._signed(self.bam.name), self._signed(f"{self.bam.name}.bai")
        with pysam.AlignmentFile(name, index_filename=index) as file:
            return sum(sum(1 for _ in file.fetch(*region)) for region in regions)

    def _schedule(self, starts: list[int]) -> int:
        """From each start on, parts that grow from 32 KiB to 8 MiB after every 50, 50 at a time and 150 in the queue.

        That goes on until the reader has what it wants, one block: what is on its way then was fetched for nothing.
        """
        client, length = self._client(), self.bam.stat().st_size
        want, total = 65536, 0
        for start in starts:
            with ThreadPoolExecutor(50) as pool:
                at, size, parts, ended = start, 32 << 10, [], threading.Event()

                def get(at: int, end: int, ended: threading.Event = ended) -> int:
                    if ended.is_set():
                        return 0
                    answer = client.get_object(Bucket=self.s3.bucket, Key=self.bam.name, Range=f"bytes={at}-{end - 1}")
                    return len(answer["Body"].read())

                while at < length and len(parts) < 150:
                    end = min(at + size, length)
                    parts.append(pool.submit(get, at, end))
                    at = end
                    if len(parts) % 50 == 0:
                        size = min(2 * size, 8 << 20)
                got = 0
                for part in parts:
                    got += part.result()
                    if got >= want:
                        break
                ended.set()
                total += got
        return total

    # --- Things go wrong ---

    def _faulty(self, size: int) -> Remote:
        """Reads of `size` bytes in all while requests fail; each is compared with the file."""
        self.proxy.change(delay_ms=2, bandwidth=0, faults=FAULTS, seed=1)
        readvault.configure(retries=8, max_part="2M")

        def work() -> int:
            with self.bam.open("rb") as file:
                wanted = hashlib.file_digest(file, "sha256").digest()
            total = 0
            while total < size:
                found, buffer = hashlib.sha256(), bytearray(1 << 20)
                with readvault.open(self.url, buffering=0) as file:
                    while count := file.readinto(buffer):
                        found.update(memoryview(buffer)[:count])
                        total += count
                if found.digest() != wanted:
                    raise SystemExit("wrong bytes")
            return total

        row = self._row("reads while requests fail", "readvault", work)
        done = sum(self.proxy.stats()["faults"].values())
        self.proxy.change(delay_ms=DELAY_MS, bandwidth=BANDWIDTH, faults={})
        return Remote(**{**asdict(row), "note": row.note or f"{done} faults, no wrong byte"})


class _Counting:
    """Takes bytes and counts them."""

    def __init__(self) -> None:
        self.count, self.at = 0, 0

    def write(self, data: bytes) -> int:
        self.count += len(data)
        self.at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset
        return offset

    def tell(self) -> int:
        return self.at

    def seekable(self) -> bool:
        return True


def _places(bam: Path, count: int) -> list[tuple[str, int, int]]:
    """Intervals where records are, 0-based and half-open."""
    chance, found = random.Random(1), []
    with pysam.AlignmentFile(str(bam)) as file:
        names = [one.contig for one in file.get_index_statistics() if one.mapped]
        spans = []
        for name in names:
            first = next(file.fetch(name)).reference_start
            spans.append((name, first, max(first + LENGTH, file.get_reference_length(name) - LENGTH)))
        while len(found) < count:
            name, first, last = chance.choice(spans)
            start = chance.randint(first, last)
            if next(file.fetch(name, start, start + LENGTH), None) is not None:
                found.append((name, start, start + LENGTH))
    return found


def _places_in(archive: Path, count: int) -> list[tuple[str, int, int]]:
    """The same of an archive."""
    chance, found = random.Random(1), []
    opened = _core.Archive(str(archive))
    spans = [(name, length - LENGTH) for name, length in opened.references() if length > 2 * LENGTH]
    while len(found) < count:
        name, last = chance.choices(spans, [last for _, last in spans])[0]
        start = chance.randrange(last)
        region = (name, start, start + LENGTH)
        if opened.count(_core.Query(intervals=[region])):
            found.append(region)
    return found


def summary(rows: list[Remote]) -> str:
    """A Markdown table."""
    lines = [
        "| what | tool | s | MB asked | MB fetched | requests | peak MB | |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {row.what} | {row.tool} | {row.seconds:.3f} | {row.asked_bytes / 1e6:,.2f} "
        f"| {row.fetched_bytes / 1e6:,.2f} | {row.requests:,} | {row.peak_bytes / 1e6:.0f} | {row.note} |"
        for row in rows
    ]
    limits = f"{DELAY_MS} ms to the first byte, {BANDWIDTH / 1e6:.0f} MB/s a connection"
    about = f"{limits}; server, proxy and client on {os.cpu_count()} cores."
    return "\n".join(lines) + f"\n\n{about}\n"

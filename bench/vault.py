"""The vault: what queue, catalog and announcements cost for each file besides the codec, how that grows with the queue,
and what is true in the end when runners are killed and the store fails.

Files of a queue are hard links to a few real ones: what counts here is how many there are.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure
import table
from sources import ROOT, built, generated

sys.path.insert(0, str(ROOT))
from readvault import archive, objects
from readvault.pipeline.order import Options
from readvault.vault import home
from readvault.vault.home import Vault
from readvault.vault.jobs import StepReport
from readvault.vault.report import collect
from readvault.vault.submit import requests

from tests.bam import bam
from tests.servers import faults, s3_server
from tests.vault import chaos

# Records of the small files: some 10 kB each.
SMALL = 200
# What the store does to requests while runners are killed.
FAULTS = {"reset": 0.02, "slow_down": 0.02, "internal": 0.02, "lost": 0.01, "truncate": 0.02, "flip": 0.005}


@dataclass(frozen=True)
class Measured:
    """One measurement."""

    what: str
    files: int
    source_bytes: int
    seconds: float
    ms_a_file: float
    files_an_hour: float
    peak_bytes: int
    note: str = ""


def measure_all(work: Path, out: Path, *, small: int, large: int, kills: int) -> list[Measured]:
    """Everything, in folders below `work`."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    rows: list[Measured] = []

    def add(row: Measured) -> None:
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
        table.write(rows, out)

    for row in growth(work / "growth", [1_000, 10_000, 100_000]):
        add(row)
    files = linked(work / "small-files", _small(work), small)
    for row in running(work / "small", files, "small files", "default", few=min(small, 2_000)):
        add(row)
    files = linked(work / "large-files", [generated("novaseq", "20M", work.parent)], large)
    for row in running(work / "large", files, "files of 20 MB", "fast", few=min(large, 20)):
        add(row)
    for row in killed(work / "killed", kills):
        add(row)
    shutil.rmtree(work)
    return rows


# --- Growth ----------------------------------------------------------------------------------------------------------


def growth(work: Path, counts: list[int]) -> Iterator[Measured]:
    """Submitting, taking and recording jobs of queues of different lengths, without a codec."""
    for count in counts:
        folder = work / str(count)
        sources = linked(folder / "files", _small(work.parent), count)
        home.create(str(folder / "vault")).close()
        command = [sys.executable, "-m", "readvault", "submit", "-q", "--vault", str(folder / "vault"), str(sources)]
        yield _row("submit", count, measure.command(command))
        # Known already: each is looked at, and nothing is put in.
        yield _row("submit again", count, measure.command(command))
        yield _row(
            "take and record",
            min(count, 2_000),
            measure.function(lambda f=folder: _record(f, 2_000)),
            f"of {count:,} queued",
        )
        command = [sys.executable, "-m", "readvault", "vault", "status", "--vault", str(folder / "vault")]
        yield _row("status", 1, measure.command(command), f"of {count:,} queued")
        shutil.rmtree(folder)


def _record(folder: Path, most: int) -> None:
    """Takes jobs and records entries for them, in the transactions of a runner."""
    from tests.vault.entries import entry

    with Vault(folder / "vault") as vault:
        for number in range(most):
            job = vault.queue.claim("bench")
            if job is None:
                break
            key = f"{number}.rv"
            vault.queue.reserve(job, key)
            for step, following in (
                ("plan", "compress"),
                ("compress", "index"),
                ("index", "verify"),
                ("verify", "record"),
            ):
                vault.queue.finish(job, StepReport(step, time.time()), {"key": key}, following)
            vault.queue.record(job, entry(number, store=vault.store, key=key), StepReport("record", time.time()))
        while vault.outbox.deliver()[0]:
            pass


# --- Running ---------------------------------------------------------------------------------------------------------


def running(work: Path, sources: Path, what: str, level: str, *, few: int) -> Iterator[Measured]:
    """A whole run over a folder by two workers; `few` of its files by one, beside the same verbs called in a loop."""
    paths = sorted(sources.iterdir())
    note = f"{level}, 1 thread: compress, index, digest"
    (work / "bare").mkdir(parents=True)
    bare = measure.function(lambda: _bare(paths[:few], work / "bare", level))
    yield _row(f"{what}: the bare verbs", few, bare, note, _length(paths[:few]))
    some = [str(path) for path in paths[:few]]
    cost, codec = _run(work / "one", some, level, workers=1)
    yield _row(f"{what}: run", few, cost, f"{level}, 1 worker of 1 thread", _length(paths[:few]))
    rest = cost.wall - codec
    note = "the run's seconds outside compress, index and verify, by the steps' own times; its start with them"
    yield Measured(f"{what}: overhead", few, 0, rest, 1000 * rest / few, 0, 0, note)
    cost, _ = _run(work / "two", [str(sources)], level, workers=2)
    yield _row(f"{what}: run", len(paths), cost, f"{level}, 2 workers of 1 thread", _length(paths))
    yield _row(f"{what}: report", len(paths), measure.function(lambda: _report(work / "two")))
    shutil.rmtree(work)
    shutil.rmtree(sources)


def _run(folder: Path, sources: list[str], level: str, *, workers: int) -> tuple[measure.Cost, float]:
    """Submits and runs; gives what the run took, and the seconds of its steps that are mostly codec."""
    readvault, vault = [sys.executable, "-m", "readvault"], ["--vault", str(folder)]
    home.create(str(folder)).close()
    listed = "".join(f"{source}\n" for source in sources) if len(sources) > 1 else None
    given = ["-"] if listed else sources
    subprocess.run([*readvault, "submit", "-q", "-l", level, *vault, *given], input=listed, text=True, check=True)
    cost = measure.command([*readvault, "vault", "run", "-q", "--until-empty", "-w", str(workers), "-@", "1", *vault])
    with Vault(folder) as opened:
        counts = {state: jobs for state, (jobs, _) in opened.queue.counts().items() if jobs}
        if set(counts) != {"done"}:
            raise SystemExit(f"{folder}: {counts}")
        return cost, _codec(opened)


def _length(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _bare(paths: list[Path], folder: Path, level: Any) -> None:
    for path in paths:
        target = str(folder / f"{path.name}.rv")
        archive.compress(path, target, threads=1, level=level)
        archive.index(target, threads=1)
        objects.digest(target)


def _report(folder: Path) -> None:
    with Vault(folder) as vault:
        collect(vault)


def _codec(vault: Vault) -> float:
    """Seconds of the steps that are mostly codec."""
    rows = vault.database.read().execute(
        "SELECT sum(ended - started) FROM steps WHERE step IN ('compress', 'index', 'verify')"
    )
    return float(rows.fetchone()[0])


# --- Killed ----------------------------------------------------------------------------------------------------------


def killed(work: Path, kills: int) -> Iterator[Measured]:
    """Runs of 300 jobs whose runners are killed, and what `chaos.check` says in the end."""
    jobs = 300
    for runners in (1, 2):
        sources = _different(work / f"files{runners}", jobs)
        with home.create(str(work / f"vault{runners}")) as vault:
            vault.queue.submit(requests([str(path) for path in sources], Options()))
        told = chaos.run(work / f"vault{runners}", kills=kills, runners=runners, seed=runners)
        chaos.check(work / f"vault{runners}", sources)
        yield _killed(f"kill -9, {runners} at once", jobs, told, "")
    sources = _different(work / "files-s3", 60)
    os.environ["READVAULT_FAULTS"] = str(built("readvault-faults", "readvault-faults"))
    with s3_server() as s3, faults(s3.url, seed=5, faults=FAULTS) as proxy:
        folder = work / "vault-s3"
        os.environ.update(s3.environment(url=proxy.url))
        with home.create(f"s3://{s3.bucket}/vault", folder=str(folder)) as vault:
            vault.queue.submit(requests([str(path) for path in sources], Options()))
        told = chaos.run(folder, kills=max(kills // 10, 1), runners=2, seed=5, longest=3.0)
        broken = sum(proxy.stats()["faults"].values())
        os.environ.update(s3.environment())
        with Vault(folder) as vault:
            tried = vault.queue.retry(None)
        chaos.run(folder, kills=0, runners=1, seed=5)
        chaos.check(folder, sources)
        yield _killed(
            "kill -9, 2 at once, a store that fails", 60, told, f"{broken:,} faults; {tried} jobs retried by hand"
        )


def _killed(what: str, jobs: int, told: chaos.Told, more: str) -> Measured:
    note = f"{told.kills} kills, {told.deaths} of them in a job; every job done once, no orphan" + (
        f"; {more}" if more else ""
    )
    return Measured(what, jobs, 0, told.seconds, 1000 * told.seconds / jobs, 3600 * jobs / told.seconds, 0, note)


# --- Files -----------------------------------------------------------------------------------------------------------


def _small(work: Path) -> list[Path]:
    folder = work / "small-originals"
    if not folder.is_dir():
        _different(folder, 50)
    return sorted(folder.iterdir())


def _different(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True)
    paths = [folder / f"{number:05}.bam" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(bam(SMALL, seed=number))
    return paths


def linked(folder: Path, originals: list[Path], count: int) -> Path:
    """A folder with so many files, each a link to one of the originals."""
    folder.mkdir(parents=True)
    dice = random.Random(1)
    for number in range(count):
        os.link(dice.choice(originals), folder / f"{number:06}.bam")
    return folder


def _row(what: str, files: int, cost: measure.Cost, note: str = "", length: int = 0) -> Measured:
    if cost.status != 0:
        raise SystemExit(f"{what}: {cost.complaint}")
    return Measured(what, files, length, cost.wall, 1000 * cost.wall / files, 3600 * files / cost.wall, cost.peak, note)


def summary(rows: list[Measured]) -> str:
    """The rows as a table."""
    lines = ["| what | files | seconds | ms a file | files an hour | peak MB | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        peak = f"{row.peak_bytes / 1e6:,.0f}" if row.peak_bytes else ""
        hour = f"{row.files_an_hour:,.0f}" if row.files_an_hour else ""
        lines.append(
            f"| {row.what} | {row.files:,} | {row.seconds:,.1f} | {row.ms_a_file:,.2f} | {hour} | {peak} | {row.note} |"
        )
    return "\n".join(lines) + "\n"

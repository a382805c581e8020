"""Runners that are killed again and again while they work, and what must be true of the vault in the end."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from readvault import archive, objects
from readvault.vault.home import Vault

# Seconds after which a vault counts as one that does not come to an end.
PATIENCE = 900
# Bytes of what runners say that are kept.
_SAID = 4000


@dataclass(frozen=True)
class Told:
    """What happened."""

    kills: int
    seconds: float
    deaths: int
    """Jobs that were at work when their runner was killed, counted each time."""
    said: str
    """The last of what the runners said."""


def run(
    folder: Path, *, kills: int, runners: int, seed: int, longest: float = 0.8, env: dict[str, str] | None = None
) -> Told:
    """Keep `runners` runners at work on a vault, kill -9 one after random times, `kills` times; then let
    them finish.
    """
    dice = random.Random(seed)
    command = [
        sys.executable,
        "-m",
        "readvault",
        "vault",
        "run",
        "--vault",
        str(folder),
        "-q",
        "--until-empty",
        "-w",
        "2",
    ]
    environment = {**os.environ, **(env or {})}
    begun = time.monotonic()
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the runners that write to it

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([*command, "-@", "1"], env=environment, stderr=said)

    running = [start() for _ in range(runners)]
    done = 0
    try:
        # Those that could not even start are started again below; with 3, some jobs have failed.
        while any(one.poll() not in (0, 3) for one in running):
            assert time.monotonic() - begun < PATIENCE, "the runners do not come to an end"
            # As a service manager does it: what could not even start is started again.
            for place, one in enumerate(running):
                if one.poll() not in (None, 0, 3):
                    time.sleep(0.2)
                    running[place] = start()
            if done == kills:
                time.sleep(0.1)
                continue
            time.sleep(dice.uniform(0.02, longest))
            place = dice.randrange(runners)
            running[place].kill()
            running[place].wait()
            done += 1
            running[place] = start()
    finally:
        for one in running:
            one.kill()
            one.wait()
    with Vault(folder) as vault:
        deaths = vault.database.read().execute("SELECT coalesce(sum(deaths), 0) FROM jobs").fetchone()[0]
    with said:
        said.seek(max(0, said.seek(0, os.SEEK_END) - _SAID))
        return Told(done, time.monotonic() - begun, deaths, said.read().decode(errors="replace"))


def check(folder: Path, sources: list[Path], *, whole: bool = True) -> None:
    """Every job is done exactly once, and the store has what the catalog tells of and nothing else.

    `whole`: decode every archive and compare it with its source.
    """
    with Vault(folder) as vault:
        counts = {state: number for state, (number, _) in vault.queue.counts().items() if number}
        failures = [f"{job.source}: {job.error}" for job in vault.queue.jobs("failed", limit=5)]
        assert counts == {"done": len(sources)}, (counts, failures)
        entries = list(vault.catalog.find())
        assert Counter(entry.source for entry in entries) == Counter(str(source) for source in sources)
        assert {job.entry for job in vault.queue.jobs("done")} == {entry.uuid for entry in entries}
        wanted = {entry.place for entry in entries}
        wanted |= {archive.default_sidecar(entry.place) for entry in entries if entry.sidecar}
        there = {one.place for one in objects.listing(vault.store)}
        assert there == wanted, (sorted(there - wanted), sorted(wanted - there))
        for entry in entries:
            found = objects.digest(entry.place)
            assert (found.length, found.sha256) == (entry.archive_size, entry.archive_sha256), entry.place
            assert entry.sidecar is not None, entry.place
            assert archive.read_index(archive.default_sidecar(entry.place))
            if whole:
                archive.verify(entry.place, against=entry.source, threads=1)
        assert vault.outbox.pending() == 0
        told = Counter(json.loads(line)["entry"]["uuid"] for line in (folder / "events.jsonl").read_text().splitlines())
        assert set(told) == {entry.uuid for entry in entries}
        ids = {json.loads(line)["id"] for line in (folder / "events.jsonl").read_text().splitlines()}
        assert len(ids) == len(entries)
        vault.audit.check(vault.database.read())
        recorded = Counter(line["subject"] for line in vault.audit.lines() if line["action"] == "record")
        assert set(recorded) >= {entry.uuid for entry in entries}
        assert not list(vault.database.read().execute("SELECT id FROM runners"))

"""The vault's commands as a user runs them: from a submitted file to a catalog entry and back."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from readvault.vault.home import Vault

from tests.bam import bam, long_bam
from tests.conftest import Completed

Rv = Callable[..., Completed]


@pytest.fixture
def vault(rv: Rv, tmp_path: Path) -> Path:
    """An empty vault."""
    folder = tmp_path / "vault"
    assert rv("vault", "init", folder).returncode == 0
    return folder


@pytest.fixture
def run(rv: Rv, vault: Path) -> Rv:
    """Runs a command on the vault: run("submit", path)."""

    def command(*arguments: object, **more: Any) -> Completed:
        return rv(*arguments, env={"READVAULT_VAULT": str(vault), **more.pop("env", {})}, **more)

    return command


def work(run: Rv, **more: Any) -> Completed:
    return run("vault", "run", "--until-empty", "-w", 2, "-@", 1, **more)


def failures(run: Rv) -> dict[str, dict[str, Any]]:
    """The failed jobs by the names of their sources."""
    lines = run("vault", "failed", "--json").stdout.splitlines()
    return {Path(job["source"]).name: job for job in map(json.loads, lines)}


def entries(vault: Path) -> list[Any]:
    with Vault(vault) as opened:
        return list(opened.catalog.find())


def test_a_file_goes_into_the_vault_and_comes_back(run: Rv, vault: Path, sample: Path, tmp_path: Path) -> None:
    submitted = run("submit", sample, "--project", "trial", "--sample", "NA1", "--tag", "lane=3")
    assert submitted.returncode == 0
    assert b"1 job queued" in submitted.stderr
    again = run("submit", sample, "--project", "trial", "--sample", "NA1", "--tag", "lane=3")
    assert b"0 jobs queued, 1 known already" in again.stderr
    done = work(run)
    assert done.returncode == 0, done.stderr
    assert b"1 file, " in done.stderr
    (entry,) = entries(vault)
    assert (entry.project, entry.sample, entry.tags, entry.key) == (
        "trial",
        "NA1",
        {"lane": "3"},
        "trial/sample.bam.rv",
    )
    assert entry.verified == "digest"
    assert (vault / "archives" / "trial" / "sample.bam.rv").is_file()
    assert (vault / "archives" / "trial" / "sample.bam.rv.idx").is_file()
    restored = run("vault", "restore", "project=trial", "-o", tmp_path / "back")
    assert restored.returncode == 0, restored.stderr
    assert (tmp_path / "back" / "sample.bam").read_bytes() == sample.read_bytes()
    status = json.loads(run("vault", "status", "--json").stdout)
    assert status["archives"]["count"] == 1
    assert status["jobs"]["done"]["count"] == 1
    assert b"archives  1: " in run("vault", "status").stdout
    steps = json.loads(run("vault", "job", 1, "--json").stdout)["steps"]
    assert [step["step"] for step in steps] == ["plan", "compress", "index", "verify", "record", "announce"]
    assert all(step["outcome"] == "ok" and step["ended"] >= step["started"] for step in steps)
    event = json.loads((vault / "events.jsonl").read_text())
    assert event["entry"]["uuid"] == entry.uuid
    assert run("vault", "audit", "--check").returncode == 0


@pytest.mark.parametrize("how", ["digest", "sample", "full"])
def test_how_much_is_verified_is_recorded(run: Rv, vault: Path, sample: Path, how: str) -> None:
    assert run("submit", sample, "--verify", how).returncode == 0
    assert work(run).returncode == 0
    (entry,) = entries(vault)
    assert entry.verified == how
    assert (entry.verified_full is not None) == (how == "full")


def test_bad_inputs_fail_with_a_clear_reason_and_the_others_are_done(
    run: Rv, vault: Path, sample: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    for name in ("good.bam", "gone.bam", "changed.bam", "one/clash.bam", "two/clash.bam", "taken.bam", "cut.bam"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bam())
    (folder / "cut.bam").write_bytes(bam()[:30_000])
    (folder / "text.bam").write_text("this is no BAM file\n")
    (folder / "empty.bam").touch()
    assert run("submit", folder).returncode == 0
    missing = run("submit", folder / "never.bam", folder / "good.bam")
    assert missing.returncode == 3
    assert b"never.bam: there is no such file" in missing.stderr
    (folder / "gone.bam").unlink()
    (folder / "changed.bam").write_bytes(bam(seed=2))
    (vault / "archives").mkdir(exist_ok=True)
    (vault / "archives" / "taken.bam.rv").write_bytes(b"someone else's")
    done = work(run)
    assert done.returncode == 3
    found = failures(run)
    assert set(found) == {"gone.bam", "changed.bam", "clash.bam", "taken.bam", "never.bam"}
    assert "no such source any more" in found["gone.bam"]["error"]
    assert "has changed since it was submitted" in found["changed.bam"]["error"]
    assert "name clash" in found["clash.bam"]["error"]
    assert "one/clash.bam" in found["clash.bam"]["error"]
    assert "name clash" in found["taken.bam"]["error"]
    assert (vault / "archives" / "taken.bam.rv").read_bytes() == b"someone else's"
    marks = {entry.name: entry.marks for entry in entries(vault)}
    assert marks == {
        "good.bam": (),
        "clash.bam": (),
        "cut.bam": ("truncated",),
        "text.bam": ("not-bam",),
        "empty.bam": ("not-bam",),
    }
    assert run("vault", "restore", "mark=truncated", "name=text.bam", "-o", "back").returncode == 0
    assert run("vault", "restore", "cut.bam", "text.bam", "empty.bam", "-o", "back").returncode == 0
    for name in ("cut.bam", "text.bam", "empty.bam"):
        assert (tmp_path / "back" / name).read_bytes() == (folder / name).read_bytes()
    # Mended, they are done when they are tried again.
    (folder / "never.bam").write_bytes(bam())
    (vault / "archives" / "taken.bam.rv").unlink()
    numbers = [found[name]["id"] for name in ("never.bam", "taken.bam")]
    assert run("vault", "retry", *numbers).returncode == 0
    assert work(run).returncode == 0
    assert set(failures(run)) == {"gone.bam", "changed.bam", "clash.bam"}
    assert run("vault", "retry", 99).returncode == 2


def test_an_unreadable_file_fails_with_its_reason(run: Rv, sample: Path) -> None:
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may read everything, and there is no setpriv to take that away")
        before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    sample.chmod(0)
    assert run("submit", sample, before=before).returncode == 0
    assert work(run, before=before).returncode == 1
    failed = failures(run)["sample.bam"]
    assert failed["error_kind"] == "PermissionError"
    assert "sample.bam" in failed["error"]


def test_a_file_that_changes_while_it_is_read_fails_and_leaves_nothing(run: Rv, vault: Path, tmp_path: Path) -> None:
    source = tmp_path / "long.bam"
    source.write_bytes(long_bam(3))
    assert run("submit", source).returncode == 0
    over = threading.Event()

    def change() -> None:
        with Vault(vault) as opened:
            while not over.is_set():
                job = opened.queue.get(1)
                if job is not None and job.state == "running" and job.step == "compress":
                    with open(source, "ab") as file:
                        file.write(b"more")
                    return
                time.sleep(0.005)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        assert work(run).returncode == 1
    finally:
        over.set()
        thread.join()
    failed = failures(run)["long.bam"]
    assert failed["error_kind"] == "ChangedError"
    assert "changed" in failed["error"]
    assert not [path for path in (vault / "archives").rglob("*") if path.is_file()]
    assert run("submit", source).returncode == 0
    assert work(run).returncode == 0


def test_a_wrong_reference_fails_with_its_reason(run: Rv, sample: Path, tmp_path: Path) -> None:
    fasta = tmp_path / "wrong.fa"
    fasta.write_text(">elsewhere\nACGT\n")
    assert run("submit", sample, "--reference", fasta).returncode == 0
    work(run)
    failed = failures(run)["sample.bam"]
    assert "-T" in failed["error"] or "reference" in failed["error"]
    assert run("submit", sample, "--reference", tmp_path / "none.fa").returncode == 5


def test_a_runner_that_is_stopped_puts_its_jobs_back(run: Rv, vault: Path, command: list[str], tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.bam").write_bytes(long_bam(3))
    assert run("submit", tmp_path / "*.bam").returncode == 0
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [*command, "vault", "run", "--vault", str(vault), "-w", "2", "-@", "1"], stderr=subprocess.PIPE
        )
        with Vault(vault) as opened:
            deadline = time.monotonic() + 60
            while not opened.queue.counts()["running"][0]:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 128 + number, told
        status = json.loads(run("vault", "status", "--json").stdout)
        assert status["jobs"]["running"]["count"] == 0
        assert status["runners"] == []
    assert work(run).returncode == 0
    assert len(entries(vault)) == 3
    with Vault(vault) as opened:
        assert all(job.deaths == 0 and job.attempts == 0 for job in opened.queue.jobs("done"))


def test_a_vault_is_told_from_what_is_none(rv: Rv, tmp_path: Path, vault: Path) -> None:
    refused = rv("vault", "status")
    assert refused.returncode == 5
    assert b"READVAULT_VAULT" in refused.stderr
    assert rv("vault", "init", vault).returncode == 1
    assert rv("vault", "init", "s3://bucket/prefix").returncode == 2
    assert rv("vault", "status", "--vault", "s3://bucket/prefix").returncode == 2
    assert rv("vault", "init", tmp_path / "other", "--key", "{nothing}").returncode == 2
    assert not (tmp_path / "other").exists()
    (vault / "catalog.sqlite").write_bytes(b"this is no database, but is longer than the header of one" * 20)
    broken = rv("vault", "status", "--vault", vault)
    assert broken.returncode == 4
    assert b"catalog.sqlite" in broken.stderr
    (vault / "vault.toml").write_text("[vault]\nversion = 2\n")
    assert rv("vault", "status", "--vault", vault).returncode == 7


def test_progress_is_plain_lines_where_there_is_no_terminal_and_json_for_machines(run: Rv, sample: Path) -> None:
    assert run("submit", sample).returncode == 0
    done = work(run)
    assert b"\x1b" not in done.stderr
    assert b"job 1: " in done.stderr
    assert run("submit", sample, "--level", "fast", "--name", "fast.rv").returncode == 0
    lines = run("vault", "run", "--until-empty", "--json").stdout.splitlines()
    assert [json.loads(line)["entry"]["key"] for line in lines] == ["fast.rv"]

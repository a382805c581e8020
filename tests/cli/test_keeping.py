"""What becomes of archives and sources: restore, verify, tier and reclaim, and everything that must keep a source from
being deleted."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from readvault.vault.home import Vault

from tests.bam import bam
from tests.cli.test_reference import reads
from tests.conftest import Completed

__all__ = ["reads"]

Rv = Callable[..., Completed]


@pytest.fixture
def run(rv: Rv, tmp_path: Path) -> Rv:
    """Runs a command on a vault: run("submit", path)."""
    folder = tmp_path / "vault"
    assert rv("vault", "init", folder, "-q").returncode == 0

    def command(*arguments: object, **more: Any) -> Completed:
        return rv(*arguments, env={"READVAULT_VAULT": str(folder), **more.pop("env", {})}, **more)

    return command


@pytest.fixture
def stored(run: Rv, tmp_path: Path) -> list[Path]:
    """Sources whose archives are in the vault."""
    folder = tmp_path / "in"
    folder.mkdir()
    paths = [folder / f"{name}.bam" for name in "abc"]
    for number, path in enumerate(paths):
        path.write_bytes(bam(100 + number))
    assert run("submit", folder, "--project", "trial", "-q").returncode == 0
    assert run("vault", "run", "--until-empty", "-q").returncode == 0
    return paths


def entry(tmp_path: Path, name: str) -> Any:
    with Vault(tmp_path / "vault") as vault:
        (found,) = (one for one in vault.catalog.find() if one.name == name)
    return found


def audited(tmp_path: Path) -> list[tuple[str, str]]:
    with Vault(tmp_path / "vault") as vault:
        vault.audit.check(vault.database.read())
        return [(line["action"], line["detail"].get("source", "")) for line in vault.audit.lines()]


# --- Restore ---------------------------------------------------------------------------------------------------------


def test_sources_are_restored_by_name_query_and_list(run: Rv, stored: list[Path], tmp_path: Path) -> None:
    for number, (words, stdin, names) in enumerate(
        [
            (["a.bam"], None, ["a.bam"]),
            (["a.bam", "c.bam"], None, ["a.bam", "c.bam"]),
            (["project=trial", "name=[bc].bam"], None, []),
            (["project=trial", "name=?.bam"], None, ["a.bam", "b.bam", "c.bam"]),
            ([entry(tmp_path, "b.bam").uuid], None, ["b.bam"]),
            (["-"], b"a.bam\n\nb.bam\n", ["a.bam", "b.bam"]),
        ]
    ):
        output = tmp_path / f"out{number}"
        done = run("vault", "restore", *words, "-o", output, stdin=stdin)
        assert done.returncode == 0, done.stderr
        assert sorted(path.name for path in output.glob("*.bam")) == names
        for path in output.glob("*.bam"):
            assert path.read_bytes() == (stored[0].parent / path.name).read_bytes()
    assert run("vault", "restore", "none.bam", "-o", tmp_path / "out").returncode == 5
    assert run("vault", "restore", "-o", tmp_path / "out").returncode == 2
    assert run("vault", "restore", "a.bam", "-o", tmp_path / "out0").returncode == 1, "nothing is replaced unasked"
    assert run("vault", "restore", "a.bam", "-o", tmp_path / "out0", "-f").returncode == 0


def test_sources_with_one_name_are_kept_apart_in_a_tree(run: Rv, stored: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other" / "a.bam"
    other.parent.mkdir()
    other.write_bytes(bam(7))
    assert run("submit", other, "--project", "second").returncode == 0
    assert run("vault", "run", "--until-empty").returncode == 0
    refused = run("vault", "restore", "name=a.bam", "-o", tmp_path / "flat")
    assert refused.returncode == 3
    assert b"--tree" in refused.stderr
    assert run("vault", "restore", "name=a.bam", "-o", tmp_path / "deep", "--tree").returncode == 0
    assert (tmp_path / "deep" / "second" / "a.bam").read_bytes() == other.read_bytes()
    assert (tmp_path / "deep" / "trial" / "a.bam").read_bytes() == stored[0].read_bytes()


def test_an_archive_that_was_damaged_gives_nothing_back(run: Rv, stored: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "vault" / "archives" / "trial" / "a.bam.rv"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert run("vault", "restore", "a.bam", "-o", tmp_path / "out").returncode == 4
    assert not list((tmp_path / "out").iterdir())
    assert run("vault", "verify", "a.bam").returncode == 4
    assert run("vault", "verify", "name=*").returncode == 3
    assert entry(tmp_path, "a.bam").verified_full is None
    assert entry(tmp_path, "b.bam").verified_full is not None


def test_only_what_was_not_verified_lately_is_verified_again(run: Rv, stored: list[Path]) -> None:
    assert len(run("vault", "verify", "--json").stdout.splitlines()) == 3
    assert len(run("vault", "verify", "--older", "1h", "--json").stdout.splitlines()) == 0
    assert len(run("vault", "verify", "--older", "0s", "name=a.bam", "--json").stdout.splitlines()) == 1


# --- Reclaim ---------------------------------------------------------------------------------------------------------


def test_nothing_is_deleted_without_yes(run: Rv, stored: list[Path]) -> None:
    done = run("vault", "reclaim")
    assert done.returncode == 0
    assert b"would be deleted" in done.stderr
    assert all(path.exists() for path in stored)


def test_sources_are_deleted_after_all_was_checked_and_the_log_tells_of_each(
    run: Rv, stored: list[Path], tmp_path: Path
) -> None:
    content = [path.read_bytes() for path in stored]
    done = run("vault", "reclaim", "--yes", "a.bam", "b.bam")
    assert done.returncode == 0, done.stderr
    assert [path.exists() for path in stored] == [False, False, True]
    deleted = [source for action, source in audited(tmp_path) if action == "reclaim"]
    assert deleted == [str(path) for path in stored[:2]]
    found = entry(tmp_path, "a.bam")
    assert found.reclaimed is not None
    assert found.verified_full is not None
    told = [json.loads(line) for line in (tmp_path / "vault" / "events.jsonl").read_text().splitlines()]
    assert [event["source"] for event in told if event["type"] == "source.reclaimed"] == deleted
    assert run("vault", "restore", "a.bam", "b.bam", "-o", stored[0].parent).returncode == 0
    assert [path.read_bytes() for path in stored] == content
    # What is there again is no source of an entry any more: it is not deleted once more.
    again = run("vault", "reclaim", "--yes", "a.bam", "b.bam", "--json")
    assert again.stdout == b""


@pytest.mark.parametrize("what", ["changed", "changed in time only", "archive gone", "archive damaged", "linked"])
def test_a_source_is_kept_when_something_is_not_as_it_must_be(
    run: Rv, stored: list[Path], tmp_path: Path, what: str
) -> None:
    source, archive = stored[0], tmp_path / "vault" / "archives" / "trial" / "a.bam.rv"
    if what == "changed":
        data = bytearray(source.read_bytes())
        data[-100] ^= 1
        stamp = source.stat()
        source.write_bytes(data)
        os.utime(source, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    elif what == "changed in time only":
        os.utime(source, (1, 1))
    elif what == "archive gone":
        archive.unlink()
    elif what == "archive damaged":
        # After it was verified in full: only its digest shows it now.
        assert run("vault", "verify", "a.bam").returncode == 0
        data = bytearray(archive.read_bytes())
        data[len(data) // 2] ^= 1
        archive.write_bytes(data)
    else:
        real = source.rename(tmp_path / "real.bam")
        source.symlink_to(real)
    done = run("vault", "reclaim", "--yes", "a.bam")
    if what == "changed in time only":
        # Its bytes are the same, and they are what counts.
        assert done.returncode == 0
        assert not source.exists()
        return
    assert done.returncode in (1, 2, 4, 5), done.stderr
    assert source.exists()
    assert entry(tmp_path, "a.bam").reclaimed is None
    assert not [action for action, _ in audited(tmp_path) if action.startswith("reclaim")]
    assert run("vault", "reclaim", "--yes", "b.bam").returncode == 0


def test_a_source_that_leans_on_a_reference_is_deleted_only_while_the_vault_has_it(
    run: Rv, reads: tuple[Path, Path], tmp_path: Path
) -> None:
    source, fasta = reads
    content = source.read_bytes()
    assert run("submit", source, "--reference", fasta).returncode == 0
    assert run("vault", "run", "--until-empty").returncode == 0
    fasta.unlink()
    found = entry(tmp_path, source.name)
    assert [one["name"] for one in found.references] == ["c1"]
    kept = tmp_path / "vault" / "archives" / found.reference
    hidden = kept.rename(tmp_path / "hidden.fa")
    refused = run("vault", "reclaim", "--yes", source.name, env={"REF_CACHE": "/nowhere/%s"})
    assert refused.returncode == 5
    assert source.exists()
    hidden.rename(kept)
    assert run("vault", "reclaim", "--yes", source.name, env={"REF_CACHE": "/nowhere/%s"}).returncode == 0
    assert not source.exists()
    assert run("vault", "restore", source.name, "-o", tmp_path, env={"REF_CACHE": "/nowhere/%s"}).returncode == 0
    assert source.read_bytes() == content


def test_a_source_that_someone_else_deleted_is_noted(run: Rv, stored: list[Path], tmp_path: Path) -> None:
    stored[0].unlink()
    assert run("vault", "reclaim", "--yes", "a.bam").returncode == 0
    assert entry(tmp_path, "a.bam").reclaimed is not None
    assert audited(tmp_path)[-1] == ("source was gone", str(stored[0]))


# --- Tiers -----------------------------------------------------------------------------------------------------------


def rules(tmp_path: Path, text: str) -> None:
    with open(tmp_path / "vault" / "vault.toml", "a") as file:
        file.write(text)


def test_archives_move_when_work_is_done_or_at_an_age(run: Rv, stored: list[Path], tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    script = f'command = ["sh", "-c", "echo $0 >> {moved}"]'
    assert run("vault", "tier").returncode == 2
    rules(tmp_path, f'[[tier]]\nname = "cold"\nproject = "tri*"\nafter = "1d"\n{script}\n')
    assert run("vault", "tier").returncode == 0
    assert not moved.exists(), "a job that is over does not move its archive"
    assert run("vault", "done", "a.bam").returncode == 0
    event = json.dumps({"type": "qc.finished", "entry": {"uuid": entry(tmp_path, "b.bam").uuid}})
    assert run("vault", "done", "-", stdin=event.encode() + b"\n").returncode == 0
    assert b"would move" in run("vault", "tier", "--dry-run").stderr
    assert not moved.exists()
    assert run("vault", "tier").returncode == 0
    assert [Path(line).name for line in moved.read_text().splitlines()] == ["a.bam.rv", "b.bam.rv"]
    assert [entry(tmp_path, f"{name}.bam").tier for name in "abc"] == ["cold", "cold", "hot"]
    assert run("vault", "tier").returncode == 0
    assert len(moved.read_text().splitlines()) == 2, "what has moved does not move again"
    with Vault(tmp_path / "vault") as vault:
        vault.catalog.change(entry(tmp_path, "c.bam").uuid, created="2020-01-01T00:00:00Z")
    assert run("vault", "tier").returncode == 0
    assert entry(tmp_path, "c.bam").tier == "cold"
    actions = [action for action, _ in audited(tmp_path)]
    assert actions.count("tier") == 3
    assert actions.count("done") == 2


def test_a_folder_has_no_classes_and_says_so(run: Rv, stored: list[Path], tmp_path: Path) -> None:
    rules(tmp_path, '[[tier]]\nname = "cold"\nstorage_class = "GLACIER_IR"\n')
    assert run("vault", "done", "a.bam").returncode == 0
    refused = run("vault", "tier")
    assert refused.returncode != 0
    assert b"a.bam.rv" in refused.stderr
    assert entry(tmp_path, "a.bam").tier == "hot"


# --- The vault itself ------------------------------------------------------------------------------------------------


def test_a_vault_whose_folder_was_moved_finds_its_archives(rv: Rv, run: Rv, stored: list[Path], tmp_path: Path) -> None:
    (tmp_path / "vault").rename(tmp_path / "elsewhere")
    assert rv("catalog", "check", "--vault", tmp_path / "elsewhere").returncode == 0
    restored = rv("vault", "restore", "a.bam", "-o", tmp_path / "out", "--vault", tmp_path / "elsewhere")
    assert restored.returncode == 0, restored.stderr
    assert (tmp_path / "out" / "a.bam").read_bytes() == stored[0].read_bytes()
    assert rv("vault", "audit", "--check", "--vault", tmp_path / "elsewhere").returncode == 0


def test_a_store_that_nobody_may_write_fails_no_job(run: Rv, tmp_path: Path) -> None:
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere, and there is no setpriv to take that away")
        before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    (tmp_path / "a.bam").write_bytes(bam(50))
    assert run("submit", tmp_path / "a.bam").returncode == 0
    store = tmp_path / "vault" / "archives"
    store.chmod(0o555)
    process = subprocess.Popen(
        [
            *before,
            sys.executable,
            "-m",
            "readvault",
            "vault",
            "run",
            "--until-empty",
            "--vault",
            str(tmp_path / "vault"),
        ],
        stderr=subprocess.PIPE,
    )
    time.sleep(4)
    assert process.poll() is None, "it waits"
    store.chmod(0o755)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert b"cannot be written" in told
    with Vault(tmp_path / "vault") as vault:
        (job,) = vault.queue.jobs("done")
        assert job.attempts == 0

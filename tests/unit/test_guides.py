"""What guides show is run."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import readvault
from readvault.vault import home

GUIDES = Path(__file__).resolve().parent.parent.parent / "docs" / "guides"


def code(text: str) -> str:
    """The Python of a page: its indented lines, but for those of a shell."""
    lines = [line for line in text.splitlines() if line.startswith("    ") or not line]
    return dedent("\n".join(line for line in lines if not line.startswith("    pip ")))


def run_commands(text: str, folder: Path) -> None:
    """Run what a page shows of a shell, block by block."""
    command = f'readvault() {{ "{sys.executable}" -m readvault "$@"; }}\n'
    for block in re.findall(r"```\n(.*?)```", text, re.DOTALL):
        # `xargs` starts a program and knows no functions.
        script = command + block.replace("xargs readvault", f'xargs "{sys.executable}" -m readvault')
        done = subprocess.run(["sh", "-eu", "-c", script], cwd=folder, capture_output=True, check=False)
        assert done.returncode == 0, f"{block}{done.stderr.decode()}"


def test_the_guide_of_frames_runs(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readvault.compress(sample)
    monkeypatch.chdir(sample.parent)
    seen: dict[str, Any] = {}
    exec(compile(code((GUIDES / "frames.md").read_text()), "frames.md", "exec"), seen)
    assert seen["per_reference"]["len"].sum() == 1000
    assert 0 < len(seen["inside"]) < len(seen["region"])
    assert sum(count for _, _, count in seen["bins"]) == 1000
    assert len(seen["means"]) > 0
    assert (sample.parent / "sample.parquet").is_file()


def test_the_guide_of_the_vault_runs(sample: Path) -> None:
    # One after the other, as one reader: the folder of the vault is named in the first block.
    blocks = re.findall(r"```\n(.*?)```", (GUIDES / "vault.md").read_text(), re.DOTALL)
    run_commands("```\n" + "".join(blocks) + "```", sample.parent)
    assert not sample.exists(), "the guide ends with its source deleted"
    assert (sample.parent / "restored" / "sample.bam").is_file()


def test_the_guide_of_the_catalog_runs(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sample.parent
    (folder / "old").mkdir()
    readvault.compress(sample, folder / "old" / "sample.bam.rv")
    home.create(str(folder / "vault"), key="{project}/{name}.rv").close()
    monkeypatch.setenv("READVAULT_VAULT", str(folder / "vault"))
    monkeypatch.chdir(folder)
    page = (GUIDES / "catalog.md").read_text()
    run_commands(page, folder)
    seen: dict[str, Any] = {}
    exec(compile(code(page), "catalog.md", "exec"), seen)
    assert seen["projects"]["project"].to_list() == ["trial-7"]
    assert seen["projects"]["len"].sum() == 1

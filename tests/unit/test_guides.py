"""What guides show is run."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import readvault

GUIDES = Path(__file__).resolve().parent.parent.parent / "docs" / "guides"


def code(text: str) -> str:
    """The Python of a page: its indented lines, but for those of a shell."""
    lines = [line for line in text.splitlines() if line.startswith("    ") or not line]
    return dedent("\n".join(line for line in lines if not line.startswith("    pip ")))


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

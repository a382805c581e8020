"""Vaults for tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from readvault.pipeline.order import Options
from readvault.vault import home
from readvault.vault.home import Vault
from readvault.vault.jobs import Request

from tests.bam import bam


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """An empty vault in a folder of its own."""
    with home.create(str(tmp_path / "vault")) as made:
        yield made


@pytest.fixture
def sources(tmp_path: Path) -> Callable[[int], list[Path]]:
    """Makes so many small BAM files that differ."""

    def make(count: int) -> list[Path]:
        folder = tmp_path / "sources"
        folder.mkdir(exist_ok=True)
        found = []
        for number in range(count):
            path = folder / f"{number:04}.bam"
            path.write_bytes(bam(60 + number % 7, seed=number))
            found.append(path)
        return found

    return make


def requested(source: str, **options: object) -> Request:
    """A request for a source that need not be there."""
    return Request(source, "1:1", 1, Options(**options))  # type: ignore[arg-type]

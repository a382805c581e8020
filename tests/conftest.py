"""Files that the tests share."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.bam import bam

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A small BAM file in a folder of its own."""
    path = tmp_path / "sample.bam"
    path.write_bytes(bam())
    return path


@pytest.fixture(scope="session")
def generator() -> Path:
    """The generator of realistic files, built once."""
    given = os.environ.get("READVAULT_GENERATE")
    if given:
        return Path(given)
    if shutil.which("cargo") is None:
        pytest.skip("no cargo to build readvault-generate with, and READVAULT_GENERATE is not set")
    build = ["cargo", "build", "-q", "--release", "-p", "readvault-generate"]
    subprocess.run(build, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "readvault-generate"


@pytest.fixture(scope="session", params=["novaseq", "hiseq"])
def realistic(request: pytest.FixtureRequest, generator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BAM file as such a machine's data would be."""
    path = tmp_path_factory.mktemp("realistic") / f"{request.param}.bam"
    command = [generator, request.param, "--records", "20000", "--seed", "7", "-o", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real files of public test suites, which are not part of the repository."""
    path = Path(os.environ.get("READVAULT_CORPUS", ROOT.parent / "shared" / "corpus"))
    if not (path / "MANIFEST.tsv").is_file():
        pytest.skip("the corpus of real files is not here (READVAULT_CORPUS)")
    return path

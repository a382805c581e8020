"""Files that the tests share, and the command line run as a user would: as another process."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bam import bam

ROOT = Path(__file__).resolve().parent.parent
Completed = subprocess.CompletedProcess[bytes]
# Seconds after which a command counts as hung. The files here take one or two.
PATIENCE = 120


@pytest.fixture(scope="session", autouse=True)
def signals_that_work() -> None:
    """A run in the background or under nohup ignores signals, and hands that on to what it starts."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture
def command() -> list[str]:
    """What stands before the arguments."""
    return [sys.executable, "-m", "readvault"]


@pytest.fixture
def rv(command: list[str], tmp_path: Path) -> Callable[..., Completed]:
    """Runs `readvault` in a folder of its own: rv("compress", path, stdin=b"..."); `before` is another command that
    runs it."""

    def run(
        *arguments: object,
        stdin: bytes | None = None,
        env: dict[str, str] | None = None,
        before: tuple[str, ...] = (),
    ) -> Completed:
        given = [os.fsencode(str(argument)) for argument in arguments]
        return subprocess.run(
            [*before, *command, *given],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            cwd=tmp_path,
            timeout=PATIENCE,
            env={**os.environ, **(env or {})},
            check=False,
        )

    return run


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

"""Memory stays under the stated bound, whatever the length of the source."""

import subprocess
import sys
from pathlib import Path

import pytest

# Bytes of resident memory that a run may take, and what each thread adds.
BASE, THREAD = 128 << 20, 96 << 20
# Records of the generated file: some 12 MB, 40 MB of content, which is several times what is worked on at a time.
RECORDS = 200_000


@pytest.fixture(scope="module")
def large(generator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large realistic file and its archive."""
    path = tmp_path_factory.mktemp("large") / "large.bam"
    command = [str(generator), "novaseq", "--records", str(RECORDS), "--seed", "3", "-o", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert path.stat().st_size > 10_000_000
    return path


# Linux counts for a process what its parent held when it was started. So a small one starts it, and not this one, which
# may have held more than the bound in tests before.
STARTER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024)
"""


def peak(command: list[str], *arguments: object) -> int:
    """Bytes that a run held at most."""
    starter = [sys.executable, "-I", "-c", STARTER, *command, *map(str, arguments)]
    told = subprocess.run(starter, check=True, capture_output=True, text=True).stdout.split()
    assert told[-2] == "0"
    return int(told[-1])


def test_memory_stays_under_the_bound(command: list[str], large: Path) -> None:
    archive, restored = large.with_suffix(".rv"), large.with_suffix(".restored")
    for threads in (2, 1):
        bound = BASE + threads * THREAD
        held = peak(command, "compress", "-q", "-f", "-@", threads, "-o", archive, large)
        print(f"compress with {threads}: {held >> 20} MiB")
        assert held <= bound
        held = peak(command, "decompress", "-q", "-f", "-@", threads, "-o", restored, archive)
        print(f"decompress with {threads}: {held >> 20} MiB")
        assert held <= bound
    assert large.stat().st_size == restored.stat().st_size

"""An archive for the tests of the promises."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Completed


@pytest.fixture
def packed(rv: Callable[..., Completed], sample: Path) -> Path:
    """The archive of the sample, whose index is attached."""
    index = b"BAI\1" + struct.pack("<III", 1, 0, 0)
    sample.with_name("sample.bam.bai").write_bytes(index)
    done = rv("compress", sample)
    assert done.returncode == 0, done.stderr.decode()
    return sample.with_name("sample.bam.rv")

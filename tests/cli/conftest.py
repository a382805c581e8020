"""An archive for the tests of the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Completed


@pytest.fixture
def packed(rv: Callable[..., Completed], sample: Path) -> Path:
    """The archive of the sample, proof included."""
    done = rv("compress", "--proof", sample)
    assert done.returncode == 0, done.stderr.decode()
    return sample.with_name("sample.bam.rv")

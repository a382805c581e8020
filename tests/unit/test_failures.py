"""Which failures pass, which are waited out, and which last."""

import errno
import sqlite3

import polars
import pytest
from readvault.errors import DamagedError, InvalidError, StoreError
from readvault.pipeline.failures import ClosedError, Failing, MismatchError, failing

# A class that PyO3 made, as it makes one for core.
Panic: type[BaseException] = polars.exceptions.PanicException


@pytest.mark.parametrize(
    "error",
    [TypeError(), AttributeError(), KeyError("key"), IndexError(), AssertionError(), NameError(), ZeroDivisionError()],
    ids=repr,
)
def test_a_bug_lasts(error: Exception) -> None:
    assert failing(error) is Failing.LASTING


def test_a_panic_lasts() -> None:
    assert failing(Panic("index out of bounds")) is Failing.LASTING


@pytest.mark.parametrize("error", [StoreError("busy"), TimeoutError(), MismatchError("other bytes"), MemoryError()])
def test_what_may_be_otherwise_the_next_time_passes(error: BaseException) -> None:
    assert failing(error) is Failing.PASSING


@pytest.mark.parametrize("error", [FileNotFoundError(), InvalidError("no"), DamagedError("bytes")])
def test_what_the_source_or_the_order_is_to_blame_for_lasts(error: BaseException) -> None:
    assert failing(error) is Failing.LASTING


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), ClosedError("closed"), sqlite3.OperationalError("disk is full")]
)
def test_what_no_job_is_to_blame_for_is_waited_out(error: BaseException) -> None:
    assert failing(error) is Failing.OUTSIDE

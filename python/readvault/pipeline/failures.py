"""Which failures pass: whether a job that failed is tried again, waits for room, or has failed for good."""

import errno
import sqlite3
from enum import Enum

from readvault.catalog.model import Conflict
from readvault.errors import DamagedError, InvalidError, UnsupportedError


class Failing(Enum):
    """What becomes of a job."""

    PASSING = "passing"
    """Tried again after a while, some times."""
    OUTSIDE = "outside"
    """No fault of the job's: there is no room, or the store lets nobody write. Tried again until that is over."""
    LASTING = "lasting"
    """Given up, with the reason."""


class ChangedError(Exception):
    """The source is not what it was when it was submitted, or changed while it was read."""


class MissingError(FileNotFoundError):
    """There is nothing at the source any more."""


class ClashError(Exception):
    """The archive's key is taken by something else."""


class ClosedError(Exception):
    """The store cannot be written: by no job, so none is to fail for it."""


class MismatchError(DamagedError):
    """What was read back from the store is not what was written."""


_FULL = {errno.ENOSPC, errno.EDQUOT}
# Bugs: of ours, or of what we stand on. The same source would find the same bug again, after one more compression each
# time, while nobody hears of it: they are given up at once, with their reason, and tried again when whoever reads that
# asks for it, with a version that has been mended. Not among them is MemoryError: who took the memory may be gone then.
_BUGS = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, NotImplementedError, TypeError)
# Where the class of a panic of core's comes from: PyO3 makes one for each library and gives it no other name.
_PANICS = "pyo3_runtime"
_LASTING = (
    ChangedError,
    ClashError,
    Conflict,
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
    InvalidError,
    UnsupportedError,
    DamagedError,
)


def is_bug(error: BaseException) -> bool:
    """Whether an error is a bug, which only those can mend who are told where it happened."""
    return isinstance(error, _BUGS) or type(error).__module__ == _PANICS


def failing(error: BaseException) -> Failing:
    """What becomes of a job that ended with `error`."""
    if isinstance(error, ClosedError) or (isinstance(error, OSError) and error.errno in _FULL):
        return Failing.OUTSIDE
    if isinstance(error, sqlite3.OperationalError):
        return Failing.OUTSIDE if "full" in str(error) else Failing.PASSING
    # What was written well and reads back otherwise may be mended by doing it again.
    if isinstance(error, MismatchError):
        return Failing.PASSING
    return Failing.LASTING if is_bug(error) or isinstance(error, _LASTING) else Failing.PASSING


def wait_before(attempt: int, chance: float) -> float:
    """Seconds to wait before attempt number `attempt` (2 for the first repetition); `chance` is 0 to 1.

    It doubles up to five minutes; chance takes up to half of it off, so that jobs that failed together do not come back
    together.
    """
    whole = min(2.0 ** min(max(attempt - 2, 0), 16), 300.0)
    return whole * (1 - chance / 2)

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


class ClashError(Exception):
    """The archive's key is taken by something else."""


class ClosedError(Exception):
    """The store cannot be written: by no job, so none is to fail for it."""


class MismatchError(DamagedError):
    """What was read back from the store is not what was written."""


_FULL = {errno.ENOSPC, errno.EDQUOT}
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


def failing(error: BaseException) -> Failing:
    """What becomes of a job that ended with `error`."""
    if isinstance(error, ClosedError) or (isinstance(error, OSError) and error.errno in _FULL):
        return Failing.OUTSIDE
    if isinstance(error, sqlite3.OperationalError):
        return Failing.OUTSIDE if "full" in str(error) else Failing.PASSING
    # What was written well and reads back otherwise may be mended by doing it again.
    if isinstance(error, MismatchError):
        return Failing.PASSING
    return Failing.LASTING if isinstance(error, _LASTING) else Failing.PASSING


def wait_before(attempt: int, chance: float) -> float:
    """Seconds to wait before attempt number `attempt` (2 for the first repetition); `chance` is 0 to 1.

    It doubles up to five minutes; chance takes up to half of it off, so that jobs that failed together do not come back
    together.
    """
    whole = min(2.0 ** min(max(attempt - 2, 0), 16), 300.0)
    return whole * (1 - chance / 2)

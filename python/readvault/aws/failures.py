"""What can go wrong in the fleet. The class names are what the state machine and the catalog call the failures.

Only `TryAgain` passes by itself; all others have failed for good, with a reason for people.
"""


class SourceMissing(Exception):  # noqa: N818 - a name that users read
    """There is nothing at the source, or nobody may read it."""


class SourceChanged(Exception):  # noqa: N818
    """The source is not in the state that was announced."""


class NameClash(Exception):  # noqa: N818
    """The archive's key is taken by another source's archive."""


class ChecksumMismatch(Exception):  # noqa: N818
    """What stands in the store is not what the job has made and verified."""


class BadMessage(Exception):  # noqa: N818
    """A message says nothing that can be done."""


class NotOrdered(Exception):  # noqa: N818
    """A result arrived for work that nobody has ordered."""


class TryAgain(Exception):  # noqa: N818
    """A service was busy, or could not be reached."""

"""What can go wrong. Builtin exceptions are used where Python has them; these are the rest.

A missing file raises `FileNotFoundError`, a forbidden one `PermissionError`, an output that exists already
`FileExistsError`: the same classes that the builtin `open` raises.
"""


class ReadvaultError(Exception):
    """Base of all of Readvault's own errors."""


class DamagedError(ReadvaultError):
    """Bytes are not what was written: a checksum, a length or a structure disagrees."""


class TruncatedError(DamagedError):
    """The file ends before what it promises."""


class UnsupportedError(ReadvaultError):
    """The archive was written by a newer version, or uses something that this version does not know."""


class InvalidError(ReadvaultError, ValueError):
    """The caller asked for something that cannot be."""


class StoreError(ReadvaultError, OSError):
    """The place where the bytes live failed, in a way that no builtin exception names."""

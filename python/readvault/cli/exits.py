"""Exit codes, and which error ends with which. This is the one place where errors become codes."""

from readvault.errors import DamagedError, InvalidError, UnsupportedError

OK = 0
FAILED = 1
USAGE = 2
SOME_FAILED = 3
DAMAGED = 4
NOT_FOUND = 5
NO_PERMISSION = 6
NEWER_FORMAT = 7
# As shells report a program that a signal ended: 128 + the signal's number. 141 is SIGPIPE.
SIGNALLED = 128
BROKEN_PIPE = 141


class UsageError(Exception):
    """The command line asks for something that cannot be."""


class Stopped(BaseException):
    """A signal asked the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def code_of(error: BaseException) -> int:
    """The exit code for `error`."""
    match error:
        case Stopped():
            return SIGNALLED + error.number
        case KeyboardInterrupt():
            return SIGNALLED + 2
        case BrokenPipeError():
            return BROKEN_PIPE
        case UsageError() | InvalidError():
            return USAGE
        case DamagedError():
            return DAMAGED
        case FileNotFoundError():
            return NOT_FOUND
        case PermissionError():
            return NO_PERMISSION
        case UnsupportedError():
            return NEWER_FORMAT
        case _:
            return FAILED


def code_of_all(codes: list[int]) -> int:
    """The exit code of a command whose inputs ended with `codes`."""
    failures = [code for code in codes if code != OK]
    if not failures:
        return OK
    if len(failures) < len(codes):
        return SOME_FAILED
    return failures[0] if len(set(failures)) == 1 else FAILED

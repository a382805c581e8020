"""What people read. Every line goes through `shown`, so that no file name or header can send a terminal commands."""

import os
import re
import sys
import traceback
import unicodedata

from readvault.cli.exits import UsageError

# Cc: controls (escape sequences start with one). Cf: invisible, among them those that reverse the reading direction.
# Cs: bytes of a file name that are no text. Zl, Zp: further line breaks.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def shown(text: object) -> str:
    """`text` with every character that a terminal would obey, or that a reader could not see, as an escape."""
    return "".join(_escape(c) if unicodedata.category(c) in _UNSEEN else c for c in str(text))


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # Python's stand-in for a byte that is not UTF-8.
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def say(text: object) -> None:
    """One line for people, on standard error."""
    line = f"{shown(text)}\n"
    try:
        sys.stderr.write(line)
    except UnicodeEncodeError:
        sys.stderr.write(line.encode("ascii", "backslashreplace").decode("ascii"))
    sys.stderr.flush()


def complain(error: BaseException, about: str | None = None) -> None:
    """The one line that an error gets; READVAULT_DEBUG=1 shows where it came from."""
    if os.environ.get("READVAULT_DEBUG") == "1":
        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line)
    say(f"readvault: error: {message_of(error, about)}")


def message_of(error: BaseException, about: str | None = None) -> str:
    """The text of `error`, with the file that it is about unless the text names that already."""
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{os.fsdecode(error.filename)}: {error.strerror}"
    if about is None or re.search(rf"(^|\s){re.escape(about)}($|[\s:,])", text):
        return text
    return f"{about}: {text}"


def warn(text: str) -> None:
    """A line that the user should know of."""
    say(f"readvault: warning: {text}")


def count(number: int, noun: str) -> str:
    """`number` of `noun`, such as `1 record` or `2,000 records`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def ratio(value: float) -> str:
    """How many times smaller, such as `3.2x`."""
    return f"{value:.1f}x" if value < 100 else f"{value:,.0f}x"


def refuse_terminal(option: str) -> None:
    """Stop before binary bytes reach a terminal."""
    if sys.stdout.isatty():
        raise UsageError(f"not writing binary data to a terminal: redirect standard output or use {option}")

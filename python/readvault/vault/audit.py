"""The audit log: who did what and when, one JSON line each, in a file that only grows.

Every line holds the hash of the line before, so that none can be changed or taken out without changing all after it.
The last hash stands in the catalog and in every announcement: whoever keeps an announcement can tell whether the log up
to it is the same as then.

A line is written while the catalog's transaction is open that does what the line says. If that transaction is then lost
(a crash), the line stays as one of something that was begun; the chain goes on from it.
"""

import getpass
import hashlib
import json
import os
import platform
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from readvault.catalog.model import now
from readvault.errors import DamagedError

NAME = "audit.jsonl"
# The hash before the first line.
_START = "0" * 64
# Longest line that is read: ours are hundreds of bytes.
_LONGEST = 1 << 20


class Audit:
    """The log of a vault."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, connection: sqlite3.Connection, action: str, subject: str, **detail: Any) -> str:
        """Add a line in the open transaction of `connection`, and return its hash, the new head."""
        number, before, length = head(connection)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            if size < length:
                raise DamagedError(
                    f"{self.path} is shorter than the catalog says: lines were taken out. Nothing is done that it "
                    f"should tell of"
                )
            if size > length:
                number, before, length = self._catch_up(descriptor, number, before, length, size)
            line = {
                "number": number + 1,
                "time": now(),
                "who": _who(),
                "action": action,
                "subject": subject,
                "detail": detail,
                "before": before,
            }
            line["hash"] = _hash_of(line)
            data = (json.dumps(line, ensure_ascii=False) + "\n").encode()
            if os.write(descriptor, data) != len(data):
                os.ftruncate(descriptor, length)
                raise OSError(28, os.strerror(28), str(self.path))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        connection.execute(
            "INSERT INTO audit_head VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET number = excluded.number, "
            "hash = excluded.hash, length = excluded.length",
            (number + 1, line["hash"], length + len(data)),
        )
        return str(line["hash"])

    def _catch_up(self, descriptor: int, number: int, before: str, length: int, size: int) -> tuple[int, str, int]:
        """Go past the lines of transactions that were lost; a line that was cut off was never written."""
        if size - length > _LONGEST:
            raise DamagedError(
                f"{self.path} has grown by more than lost transactions leave: something else writes to it"
            )
        rest = os.pread(descriptor, size - length, length)
        whole = rest[: rest.rfind(b"\n") + 1]
        for text in whole.splitlines():
            line = _line(text, self.path, number + 1, before)
            number, before = number + 1, line["hash"]
        length += len(whole)
        if size != length:
            os.ftruncate(descriptor, length)
        return number, before, length

    def lines(self) -> Iterator[dict[str, Any]]:
        """All lines, each checked against the one before; DamagedError at the first that does not fit."""
        number, before = 0, _START
        try:
            file = open(self.path, "rb")  # noqa: SIM115 - closed below
        except FileNotFoundError:
            return
        with file:
            while text := file.readline(_LONGEST):
                if not text.endswith(b"\n"):
                    return  # Being written, or cut off by a crash: the next line that is added takes its place.
                line = _line(text, self.path, number + 1, before)
                number, before = number + 1, line["hash"]
                yield line

    def check(self, connection: sqlite3.Connection) -> int:
        """Check the chain, and that the catalog's head is in it; gives the number of lines."""
        number, known, _ = head(connection)
        lines, there = 0, number == 0
        for line in self.lines():
            lines += 1
            if line["number"] == number:
                there = line["hash"] == known
        if not there:
            raise DamagedError(
                f"{self.path} does not have the line {number} that the catalog knows: the log was replaced"
            )
        return lines


def head(connection: sqlite3.Connection) -> tuple[int, str, int]:
    """Number and hash of the last line that belongs to the catalog's state, and the log's length then, in bytes."""
    row = connection.execute("SELECT number, hash, length FROM audit_head").fetchone()
    return (0, _START, 0) if row is None else (row["number"], row["hash"], row["length"])


def _line(text: bytes, path: Path, number: int, before: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
        good = line["number"] == number and line["before"] == before and line["hash"] == _hash_of(line)
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise DamagedError(f"{path}: line {number} was changed, or does not follow the line before")
    found: dict[str, Any] = line
    return found


def _hash_of(line: dict[str, Any]) -> str:
    """SHA-256 of the line without its hash, as JSON with sorted keys and no spaces."""
    told = {key: value for key, value in line.items() if key != "hash"}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    behind = os.environ.get("SUDO_USER")
    return f"{user}{f' ({behind})' if behind else ''}@{platform.node()}"

"""The SQLite file of a vault: opened, brought up to date, and written in transactions by several processes and threads.

Where memory-mapped files work (local file systems) it is in WAL mode, in which readers and the writer do not wait for
each other; on network file systems, where WAL would lose data, it uses a rollback journal.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from readvault.catalog.schema import MIGRATIONS
from readvault.errors import DamagedError, InvalidError, StoreError, UnsupportedError

# Seconds that a statement waits for another process's transaction; ours take milliseconds.
_PATIENCE = 60.0
# "rvlt": tells a vault's file from any other SQLite file.
_APPLICATION = 0x72766C74
# File systems without the shared memory that WAL needs, as the kernel calls them. Names that start so: fuse.sshfs too.
_NETWORK = (
    "nfs", "cifs", "smb", "fuse", "lustre", "gpfs", "beegfs", "ceph", "9p", "afs", "glusterfs", "orangefs", "ocfs2",
)  # fmt: skip


class Database:
    """A vault's file. Every thread gets a connection of its own."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()
        if create and path.exists():
            raise FileExistsError(f"{path} exists: there is a vault already")
        if not create and not path.exists():
            raise FileNotFoundError(f"{path}: there is no such catalog; `readvault vault init` makes one")
        self.journal = _journal_for(path)
        try:
            if not create:
                self._refuse_others()
            self._migrate()
        except sqlite3.OperationalError as error:
            self.close()
            raise StoreError(f"{path} cannot be opened: {error}; is the disk full, or the folder read-only?") from None
        except sqlite3.DatabaseError as error:
            self.close()
            raise DamagedError(f"{path} is no catalog, or is damaged: {error}") from None
        except BaseException:
            self.close()
            raise

    def read(self) -> sqlite3.Connection:
        """The connection of the thread that asks."""
        if os.getpid() != self._process:
            raise InvalidError("a vault that was opened before a fork cannot be used after it: open it again")
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._connect()
            self._local.connection = found
        return found

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other writer interrupts: all of it is kept, or none. Blocks may not be nested."""
        connection = self.read()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close all threads' connections."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()
        self._local = threading.local()

    def _connect(self) -> sqlite3.Connection:
        # Not bound to its thread: `close` may be called from another one.
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        with self._lock:
            self._all.append(connection)
        made = connection.execute(f"PRAGMA journal_mode={self.journal}").fetchone()[0]
        if made != self.journal:
            self.journal = made
        # A source may be deleted because of what is written here: it must outlast a loss of power.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def _refuse_others(self) -> None:
        """Raise for a file that is not ours, or of a newer version, before anything is changed in it."""
        with closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != _APPLICATION:
            raise DamagedError(f"{self.path} is no catalog of Readvault's: something else made it")
        if version > len(MIGRATIONS):
            raise UnsupportedError(
                f"{self.path} was written by a newer version of Readvault (schema {version}; this one knows "
                f"{len(MIGRATIONS)}): use that"
            )

    def _migrate(self) -> None:
        version = self.read().execute("PRAGMA user_version").fetchone()[0]
        if version == len(MIGRATIONS):
            return
        with self.write() as connection:
            # Looked at again: another process may have been quicker.
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            for number in range(version, len(MIGRATIONS)):
                for statement in _statements(MIGRATIONS[number]):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
            connection.execute(f"PRAGMA application_id={_APPLICATION}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: executescript would end the transaction."""
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            yield text
            text = ""


def _journal_for(path: Path) -> str:
    kind = file_system_of(path)
    return "delete" if kind.startswith(_NETWORK) else "wal"


def file_system_of(path: Path) -> str:
    """The kind of file system that a path is on, as the kernel calls it; empty where that cannot be told."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return ""
    resolved, best, kind = path.resolve(), -1, ""
    for line in mounts.splitlines():
        left, dash, right = line.partition(" - ")
        if not dash:
            continue
        point = Path(left.split()[4].encode().decode("unicode_escape"))
        # Of several at one place the last one is on top.
        if resolved.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), right.split()[0]
    return kind

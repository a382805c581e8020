"""The catalog's file: made once, brought up to date, written by several threads, and never one that is no catalog."""

import sqlite3
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from readvault.catalog import database
from readvault.catalog.database import Database
from readvault.catalog.query import conditions_of
from readvault.catalog.schema import MIGRATIONS
from readvault.catalog.sqlite import SqliteCatalog, insert
from readvault.errors import DamagedError, StoreError, UnsupportedError

from tests.vault.entries import entry


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqliteCatalog]:
    made = SqliteCatalog(Database(tmp_path / "catalog.sqlite", create=True))
    yield made
    made.database.close()


def test_a_catalog_is_made_once_and_not_by_opening_it(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with pytest.raises(FileNotFoundError, match="vault init"):
        Database(path)
    Database(path, create=True).close()
    with pytest.raises(FileExistsError):
        Database(path, create=True)
    Database(path).close()


@pytest.mark.parametrize("content", [b"", b"# settings\n" * 100, bytes(4096)], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_catalog_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(content)
    with pytest.raises(DamagedError, match="no catalog"):
        Database(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE entries (x)")
    other.close()
    content = path.read_bytes()
    with pytest.raises(DamagedError, match="something else made it"):
        Database(path)
    assert path.read_bytes() == content


def test_a_newer_catalog_is_refused_and_left_alone(catalog: SqliteCatalog) -> None:
    path = catalog.database.path
    catalog.database.read().execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    catalog.database.close()
    content = path.read_bytes()
    with pytest.raises(UnsupportedError, match=r"newer version .* use that"):
        Database(path)
    assert path.read_bytes() == content


def test_an_older_catalog_is_brought_up_to_date(catalog: SqliteCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog.put(entry())
    catalog.database.close()
    more = (*MIGRATIONS, "CREATE TABLE more (x);\nINSERT INTO more VALUES (1);")
    monkeypatch.setattr(database, "MIGRATIONS", more)
    for _ in range(2):
        newer = SqliteCatalog(Database(catalog.database.path))
        assert newer.database.read().execute("SELECT count(*) FROM more").fetchone()[0] == 1
        assert list(newer.find()) == [entry()]
        newer.database.close()


def test_a_step_that_fails_changes_nothing(catalog: SqliteCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog.database.close()
    monkeypatch.setattr(
        database, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE more (x);\nINSERT INTO nowhere VALUES (1);")
    )
    with pytest.raises(StoreError, match="no such table: nowhere"):
        Database(catalog.database.path)
    monkeypatch.undo()
    again = Database(catalog.database.path)
    assert again.read().execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert again.read().execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone()[0] == 0
    again.close()


@pytest.mark.parametrize(
    ("kind", "journal"), [("ext4", "wal"), ("nfs4", "delete"), ("fuse.sshfs", "delete"), ("", "wal")]
)
def test_a_network_file_system_gets_a_rollback_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, journal: str
) -> None:
    monkeypatch.setattr(database, "file_system_of", lambda path: kind)
    made = Database(tmp_path / "catalog.sqlite", create=True)
    assert made.journal == journal
    assert made.read().execute("PRAGMA journal_mode").fetchone()[0] == journal
    made.close()


def test_the_file_system_of_a_path_is_told() -> None:
    assert database.file_system_of(Path("/proc/self")) == "proc"


def test_threads_write_one_after_the_other(catalog: SqliteCatalog) -> None:
    failures: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for number in range(first, first + 50):
                catalog.put(entry(number))
                catalog.change(entry(number).uuid, tier="cold")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in (1, 101)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert catalog.count(conditions_of(["tier=cold"]))[0] == 100


def test_a_transaction_that_fails_leaves_nothing(catalog: SqliteCatalog) -> None:
    with pytest.raises(KeyboardInterrupt), catalog.database.write() as connection:
        insert(connection, entry())
        raise KeyboardInterrupt
    assert catalog.count()[0] == 0


def test_many_entries_stream(catalog: SqliteCatalog) -> None:
    with catalog.database.write() as connection:
        for number in range(1, 20_001):
            insert(connection, entry(number, tags={"lane": str(number % 8)}))
    tracemalloc.start()
    try:
        assert sum(1 for _ in catalog.find(conditions_of(["tag.lane=3"]))) == 2500
        assert sum(1 for _ in catalog.find()) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_tags_go_with_their_entry(catalog: SqliteCatalog) -> None:
    catalog.put(entry(tags={"lane": "3"}))
    catalog.remove(entry().uuid)
    assert catalog.database.read().execute("SELECT count(*) FROM tags").fetchone()[0] == 0

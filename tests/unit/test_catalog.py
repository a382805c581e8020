"""The catalog: entries are found, counted and changed, by several threads, and never by a file that is no catalog."""

import json
import sqlite3
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readvault.catalog import database
from readvault.catalog.database import Database
from readvault.catalog.model import Condition, Conflict, Entry, entry_of
from readvault.catalog.query import conditions_of, meets, named
from readvault.catalog.schema import MIGRATIONS
from readvault.catalog.sqlite import SqliteCatalog, insert
from readvault.errors import DamagedError, InvalidError, StoreError, UnsupportedError


def entry(number: int = 1, **changes: Any) -> Entry:
    made = Entry(
        uuid=f"00000000-0000-4000-8000-{number:012x}",
        name=f"sample{number}.bam",
        kind="bam",
        size=1000 * number,
        sha256="a" * 64,
        md5="b" * 32,
        source=f"/data/sample{number}.bam",
        source_version="1000:1",
        store="/vault/archives",
        key=f"p/sample{number}.bam.rv",
        sidecar=None,
        version=None,
        archive_size=250 * number,
        archive_sha256="c" * 64,
        archive_digest="d" * 64,
        ratio=4.0,
        level="default",
        records=number,
        references=(),
        reference=None,
        verified="digest",
        verified_full=None,
        created="2026-11-29T13:00:00Z",
        seconds=1.5,
        writer="readvault 0.1",
    )
    return replace(made, **changes)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqliteCatalog]:
    made = SqliteCatalog(Database(tmp_path / "catalog.sqlite", create=True))
    yield made
    made.database.close()


def found(catalog: SqliteCatalog, *words: str) -> list[str]:
    return [one.name for one in catalog.find(conditions_of(words))]


# --- Entries ---------------------------------------------------------------------------------------------------------


def test_an_entry_is_the_same_after_json() -> None:
    made = entry(marks=("truncated",), tags={"lane": "3"}, references=({"name": "chr1", "length": 5, "md5": "e"},))
    assert entry_of(json.loads(json.dumps(made.as_dict()))) == made
    assert made.place == "/vault/archives/p/sample1.bam.rv"


def test_an_entry_of_a_newer_version_and_what_is_none_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="version 99"):
        entry_of({**entry().as_dict(), "entry_version": 99})
    with pytest.raises(DamagedError, match="lacks fields"):
        entry_of({"entry_version": 1, "uuid": "x"})


def test_entries_are_put_once(catalog: SqliteCatalog) -> None:
    catalog.put(entry())
    catalog.put(entry())
    assert catalog.count() == (1, 1000, 250)
    assert catalog.get(entry().uuid) == entry()
    assert catalog.get("*") is None


def test_neither_a_key_nor_a_uuid_is_given_twice(catalog: SqliteCatalog) -> None:
    catalog.put(entry(1))
    with pytest.raises(Conflict, match="another entry"):
        catalog.put(entry(2, key=entry(1).key))
    with pytest.raises(Conflict, match="another entry"):
        catalog.put(entry(1, key="other"))
    catalog.put(entry(2))
    with pytest.raises(Conflict, match="another entry"):
        catalog.change(entry(2).uuid, key=entry(1).key)
    assert list(catalog.find()) == [entry(1), entry(2)]


def test_a_change_is_found_under_its_new_values(catalog: SqliteCatalog) -> None:
    catalog.put(entry(tags={"lane": "3"}))
    changed = catalog.change(entry().uuid, tier="cold", tags={"lane": "4"}, done="2026-12-01T00:00:00Z")
    assert catalog.get(entry().uuid) == changed
    assert found(catalog, "tier=cold", "tag.lane=4", "done!=") == ["sample1.bam"]
    assert found(catalog, "tag.lane=3") == []
    with pytest.raises(KeyError):
        catalog.change("nobody", tier="cold")
    catalog.remove(entry().uuid)
    assert catalog.count() == (0, 0, 0)
    assert catalog.database.read().execute("SELECT count(*) FROM tags").fetchone()[0] == 0


def test_an_entry_is_found_by_its_place(catalog: SqliteCatalog) -> None:
    catalog.put(entry(1))
    catalog.put(entry(2, store="s3://bucket/prefix"))
    assert catalog.at("/vault/archives/p/sample1.bam.rv") == entry(1)
    assert catalog.at("s3://bucket/prefix/p/sample2.bam.rv") == entry(2, store="s3://bucket/prefix")
    assert catalog.at("p/sample1.bam.rv") is None


def test_the_newest_come_last(catalog: SqliteCatalog) -> None:
    for number in range(1, 8):
        catalog.put(entry(number, project="odd" if number % 2 else "even"))
    odd = conditions_of(["project=odd"])
    assert [one.records for one in catalog.find(odd, limit=2)] == [1, 3]
    assert [one.records for one in catalog.find(odd, limit=2, newest=True)] == [5, 7]
    assert [one.records for one in catalog.find(odd, limit=100, newest=True)] == [1, 3, 5, 7]
    assert list(catalog.find(odd, limit=0, newest=True)) == []


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


# --- Conditions ------------------------------------------------------------------------------------------------------


def test_conditions_are_read_as_people_write_them() -> None:
    assert conditions_of(["size>1.5G"]) == (Condition("size", ">", 1_500_000_000),)
    assert conditions_of(["x.bam"]) == (Condition("name", "=", "x.bam"),)
    assert conditions_of([entry().uuid]) == (Condition("uuid", "=", entry().uuid),)
    assert conditions_of(["tag.a b=1>2"]) == (Condition("tag.a b", "=", "1>2"),)
    assert conditions_of(["created>2026-11-29T13:00:00+02:00"]) == (Condition("created", ">", "2026-11-29T11:00:00Z"),)
    assert conditions_of(["size<99999999T"]) == (Condition("size", "<", (1 << 63) - 1),)


def test_a_date_is_all_of_its_day(catalog: SqliteCatalog) -> None:
    for number, time in enumerate(["2026-11-28T23:59:59Z", "2026-11-29T00:00:00Z", "2026-11-29T23:59:59Z"], start=1):
        catalog.put(entry(number, created=time))
    assert found(catalog, "created=2026-11-29") == ["sample2.bam", "sample3.bam"]
    assert found(catalog, "created<=2026-11-28") == ["sample1.bam"]
    assert found(catalog, "created<2026-11-29") == ["sample1.bam"]
    assert found(catalog, "created>2026-11-28") == ["sample2.bam", "sample3.bam"]
    assert found(catalog, "created>=2026-11-29") == ["sample2.bam", "sample3.bam"]
    assert found(catalog, "created>=2026-11-29T00:00:01") == ["sample3.bam"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("colour=red", "no field 'colour'"),
        ("tags=x", "no field 'tags'"),
        ("size>much", "no size"),
        ("size>1.2.3", "no size"),
        ("size>", "nothing to compare with"),
        ("name<", "nothing to compare with"),
        ("ratio>nan", "no number"),
        ("records=many", "no number"),
        ("created>yesterday", "no date or time"),
        ("created!=2026-11-29", "two stretches"),
        ("created>9999-12-31", "too far"),
        ("created>0001-01-01T00:00:00+14:00", "no date or time"),
        ("mark>truncated", "mark=NAME"),
        ("name=\udcff", "not UTF-8"),
    ],
)
def test_a_bad_condition_is_named(word: str, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        conditions_of([word])


def test_brackets_and_wildcards_mean_what_they_say(catalog: SqliteCatalog) -> None:
    for number, name in enumerate(["a[1].bam", "a1.bam", "a2.bam", "A1.bam"], start=1):
        catalog.put(entry(number, name=name))
    assert found(catalog, "a[1]*") == ["a[1].bam"]
    assert found(catalog, "a?.bam") == ["a1.bam", "a2.bam"]
    assert found(catalog, "name!=a*") == ["A1.bam"]
    assert [one.name for one in catalog.find(named(["a1.bam", "A*"]))] == ["a1.bam", "A1.bam"]


def test_marks_are_whole_words(catalog: SqliteCatalog) -> None:
    catalog.put(entry(1, marks=("truncated", "not-bam")))
    catalog.put(entry(2))
    assert found(catalog, "mark=truncated") == ["sample1.bam"]
    assert found(catalog, "mark=truncated not-bam") == []
    assert found(catalog, "mark=trunc") == []
    assert found(catalog, "mark=trunc*") == ["sample1.bam"]
    assert found(catalog, "mark!=truncated") == ["sample2.bam"]
    assert found(catalog, "mark=") == ["sample2.bam"]
    assert found(catalog, "mark!=") == ["sample1.bam"]


_TEXTS = st.sampled_from(["", "a", "b", "ab", "a*", "?", "*", "[a]", "a b", "%", "ä"])
_SIZES = st.integers(0, 4)
_TIMES = st.sampled_from(["2026-11-28T00:00:00Z", "2026-11-28T12:00:00Z", "2026-11-29T00:00:00Z"])
_MARKS = st.sampled_from(["a", "b", "ab"])
ENTRIES = st.fixed_dictionaries(
    {
        "name": _TEXTS,
        "project": _TEXTS,
        "level": st.none() | _TEXTS,
        "size": _SIZES,
        "records": _SIZES,
        "job": st.none() | _SIZES,
        "ratio": st.sampled_from([0.0, 0.5, 2.0]),
        "created": _TIMES,
        "done": st.none() | _TIMES,
        "verified_full": st.none() | _TIMES,
        "marks": st.lists(_MARKS, unique=True, max_size=2).map(tuple),
        "tags": st.dictionaries(st.sampled_from(["x", "y z"]), _TEXTS, max_size=2),
    }
)
_OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
WORDS = st.one_of(
    st.tuples(st.sampled_from(["name", "project", "level", "tag.x", "tag.y z"]), _OPERATORS, _TEXTS),
    st.tuples(st.sampled_from(["size", "records", "job"]), _OPERATORS, _SIZES.map(str) | st.just("")),
    st.tuples(st.just("ratio"), _OPERATORS, st.sampled_from(["0", "0.5", "2.0"])),
    st.tuples(st.sampled_from(["created", "done", "verified_full"]), _OPERATORS, _TIMES | st.just("2026-11-28")),
    st.tuples(st.just("mark"), st.sampled_from(["=", "!="]), _MARKS | st.sampled_from(["", "*", "a*", "a b"])),
).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(ENTRIES, max_size=6), words=st.lists(WORDS, max_size=3))
def test_sql_finds_what_the_conditions_mean(
    catalog: SqliteCatalog, made: list[dict[str, Any]], words: list[str]
) -> None:
    try:
        conditions = conditions_of(words)
    except InvalidError:
        return
    entries = [entry(number, **values) for number, values in enumerate(made, start=1)]
    with catalog.database.write() as connection:
        connection.execute("DELETE FROM entries")
        for one in entries:
            insert(connection, one)
    wanted = [one for one in entries if all(meets(one, condition) for condition in conditions)]
    assert list(catalog.find(conditions)) == wanted
    assert catalog.count(conditions)[:2] == (len(wanted), sum(one.size for one in wanted))


# --- The file --------------------------------------------------------------------------------------------------------


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

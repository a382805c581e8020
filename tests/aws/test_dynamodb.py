"""The catalog in a table gives what the one in a file gives: the same conditions mean the same entries."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readvault.aws import clients
from readvault.catalog.database import Database
from readvault.catalog.dynamodb import DynamoCatalog, text_in
from readvault.catalog.model import Conflict, Entry
from readvault.catalog.query import conditions_of, named
from readvault.catalog.sqlite import SqliteCatalog, insert
from readvault.cli import app
from readvault.errors import InvalidError

from tests.unit.test_catalog import ENTRIES, WORDS
from tests.vault.entries import entry


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteCatalog]:
    made = SqliteCatalog(Database(tmp_path / "catalog.sqlite", create=True))
    yield made
    made.database.close()


def empty(catalog: DynamoCatalog) -> None:
    for item in catalog.client.scan(TableName=catalog.table)["Items"]:
        catalog.client.delete_item(TableName=catalog.table, Key={"id": item["id"]})


# --- Single entries --------------------------------------------------------------------------------------------------


def test_entries_are_put_once(catalog: DynamoCatalog) -> None:
    catalog.put(entry())
    catalog.put(entry())
    assert catalog.count() == (1, 1000, 250)
    assert catalog.get(entry().uuid) == entry()
    assert catalog.get("*") is None


def test_neither_a_key_nor_a_uuid_is_given_twice(catalog: DynamoCatalog) -> None:
    catalog.put(entry(1))
    with pytest.raises(Conflict, match="another entry"):
        catalog.put(entry(2, key=entry(1).key))
    with pytest.raises(Conflict, match="another entry"):
        catalog.put(entry(1, key="other"))
    catalog.put(entry(2))
    with pytest.raises(Conflict, match="another entry"):
        catalog.change(entry(2).uuid, key=entry(1).key)
    assert list(catalog.find()) == [entry(1), entry(2)]


def test_a_change_is_found_under_its_new_values(catalog: DynamoCatalog) -> None:
    catalog.put(entry(project="a", tags={"lane": "3"}))
    changed = catalog.change(entry().uuid, tier="cold", project="", tags={"lane": "4"}, done="2026-12-01T00:00:00Z")
    assert catalog.get(entry().uuid) == changed
    assert list(catalog.find(conditions_of(["tier=cold", "tag.lane=4", "done!="]))) == [changed]
    assert list(catalog.find(conditions_of(["project=a"]))) == []
    with pytest.raises(KeyError):
        catalog.change("nobody", tier="cold")
    catalog.remove(entry().uuid)
    catalog.remove(entry().uuid)
    assert catalog.count() == (0, 0, 0)
    assert catalog.client.scan(TableName=catalog.table)["Items"] == []


def test_a_change_of_the_key_moves_the_claim(catalog: DynamoCatalog) -> None:
    catalog.put(entry(1))
    moved = catalog.change(entry(1).uuid, key="other")
    assert catalog.at(moved.place) == moved
    assert catalog.at(entry(1).place) is None
    catalog.put(entry(2, key=entry(1).key))
    assert catalog.count()[0] == 2


def test_a_change_comes_after_those_of_others(catalog: DynamoCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog.put(entry())
    before = DynamoCatalog._changed
    times: list[int] = []

    def late(self: DynamoCatalog, *given: Any) -> bool:
        if not times:
            times.append(1)
            DynamoCatalog(catalog.client, catalog.table).change(entry().uuid, done="2026-12-01T00:00:00Z")
        return before(self, *given)

    monkeypatch.setattr(DynamoCatalog, "_changed", late)
    changed = catalog.change(entry().uuid, tier="archive")
    assert (changed.tier, changed.done) == ("archive", "2026-12-01T00:00:00Z")
    assert catalog.get(entry().uuid) == changed


def test_an_entry_is_found_by_its_place(catalog: DynamoCatalog) -> None:
    catalog.put(entry(2, store="s3://bucket/prefix"))
    assert catalog.at("s3://bucket/prefix/2.bam.rv") == entry(2, store="s3://bucket/prefix")
    assert catalog.at("2.bam.rv") is None
    assert catalog.store() == "s3://bucket/prefix"


def test_numbers_are_kept_to_the_last_digit(catalog: DynamoCatalog) -> None:
    told = entry(size=(1 << 62) + 1, ratio=1 / 3, seconds=0.1 + 0.2)
    catalog.put(told)
    assert catalog.get(told.uuid) == told
    (item,) = (one for one in catalog.client.scan(TableName=catalog.table)["Items"] if "document" in one)
    assert (text_in(item, "size"), float(text_in(item, "ratio"))) == (str((1 << 62) + 1), 1 / 3)


# --- Many ------------------------------------------------------------------------------------------------------------


def test_the_newest_come_last_however_they_are_found(catalog: DynamoCatalog) -> None:
    for number in range(1, 8):
        catalog.put(entry(number, project="odd" if number % 2 else "even", created=f"2026-11-29T12:00:0{number}Z"))
    for words in (["project=odd"], ["project=od*"]):
        odd = conditions_of(words)
        assert [one.size - 1000 for one in catalog.find(odd, limit=2)] == [1, 3]
        assert [one.size - 1000 for one in catalog.find(odd, limit=2, newest=True)] == [5, 7]
        assert [one.size - 1000 for one in catalog.find(odd, limit=100, newest=True)] == [1, 3, 5, 7]
        assert list(catalog.find(odd, limit=0, newest=True)) == []


def test_all_pages_are_read(catalog: DynamoCatalog) -> None:
    # A page of DynamoDB has at most a megabyte: these fill three.
    for number in range(40):
        catalog.put(entry(number, project="p", tags={"long": "x" * 60_000}))
    assert catalog.count() == (40, sum(1000 + number for number in range(40)), 40 * 250)
    assert catalog.count(conditions_of(["project=p"]))[0] == 40


@pytest.mark.parametrize("word", ["project=a", "sample=a", "uuid={uuid}"])
def test_what_has_an_index_is_not_searched_for(
    catalog: DynamoCatalog, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    wanted = entry(1, project="a", sample="a")
    catalog.put(wanted)
    catalog.put(entry(2, project="b", sample="b"))
    monkeypatch.setattr(DynamoCatalog, "_scanned", lambda self: pytest.fail("the table was scanned"))
    assert list(catalog.find(conditions_of([word.format(uuid=wanted.uuid)]))) == [wanted]


def test_several_names_are_asked_for_at_once(catalog: DynamoCatalog) -> None:
    for number in (1, 2, 3):
        catalog.put(entry(number))
    assert list(catalog.find(named(["1.bam", "3*"]))) == [entry(1), entry(3)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(ENTRIES, max_size=5), words=st.lists(WORDS, max_size=3))
def test_conditions_mean_the_same_in_a_table_and_in_a_file(
    catalog: DynamoCatalog, sqlite: SqliteCatalog, made: list[dict[str, Any]], words: list[str]
) -> None:
    try:
        conditions = conditions_of(words)
    except InvalidError:
        return
    entries = [entry(number, **values) for number, values in enumerate(made)]
    empty(catalog)
    with sqlite.database.write() as connection:
        connection.execute("DELETE FROM entries")
        for one in entries:
            insert(connection, one)
            catalog.put(one)
    found = list(catalog.find(conditions))
    assert sorted(found, key=lambda one: one.uuid) == sorted(sqlite.find(conditions), key=lambda one: one.uuid)
    assert [one.created for one in found] == sorted(one.created for one in found)
    assert catalog.count(conditions) == sqlite.count(conditions)


# --- `readvault catalog` ---------------------------------------------------------------------------------------------


@pytest.fixture
def told(catalog: DynamoCatalog, capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., str]:
    """What a command prints of the table."""

    def run(*arguments: str) -> str:
        command = app.app_for(arguments)([*arguments, "--vault", "dynamodb://catalog"], standalone_mode=False)
        assert command() == 0
        return capsysbinary.readouterr().out.decode()

    return run


def test_commands_that_read_entries_read_a_table(catalog: DynamoCatalog, told: Callable[..., str]) -> None:
    one: Entry = entry(1, store="s3://store/archives", project="p")
    catalog.put(one)
    assert "1.bam" in told("catalog", "ls")
    assert told("catalog", "find", "--places", "project=p") == one.place + "\n"
    assert told("catalog", "find", "--count") == "1\n"
    for word in ("1.bam", one.uuid, one.place, one.key):
        assert one.uuid in told("catalog", "show", word)
    assert f'"uuid": "{one.uuid}"' in told("catalog", "show", "1.bam", "--json")
    assert one.uuid in told("catalog", "export", "--format", "jsonl")


def test_other_commands_say_that_they_need_a_folder(told: Callable[..., str]) -> None:
    with pytest.raises(Exception, match="needs the folder of a vault"):
        told("vault", "status")


def test_a_table_that_is_not_there_is_named(aws: None) -> None:
    from readvault.aws.vault import TableVault

    clients.client("dynamodb")
    with pytest.raises(FileNotFoundError, match="dynamodb://nothing"):
        TableVault("dynamodb://nothing")
    with pytest.raises(InvalidError, match="names no table"):
        TableVault("dynamodb://")

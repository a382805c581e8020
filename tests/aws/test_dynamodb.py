"""What is DynamoDB's own in a catalog of its: items, claims, pages and indexes. What all catalogs promise is in
tests/unit/test_catalog.py.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.errorfactory import ClientExceptionsFactory
from readvault.aws import clients
from readvault.catalog.dynamodb import DynamoCatalog, text_in
from readvault.catalog.model import Condition, Entry
from readvault.catalog.query import conditions_of
from readvault.cli import app
from readvault.errors import InvalidError

from tests.vault.entries import entry

# --- Items -----------------------------------------------------------------------------------------------------------


def test_nothing_is_left_of_what_is_removed_or_moves(catalog: DynamoCatalog) -> None:
    catalog.put(entry(1))
    catalog.change(entry(1).uuid, key="other")
    assert len(catalog.client.scan(TableName=catalog.table)["Items"]) == 3
    catalog.remove(entry(1).uuid)
    assert catalog.client.scan(TableName=catalog.table)["Items"] == []


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


def test_of_all_who_change_an_entry_on_one_condition_one_does(catalog: DynamoCatalog) -> None:
    catalog.put(entry(1))
    undone = Condition("done", "=", None)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda second: catalog.change_if(entry(1).uuid, undone, done=second), "abcd"))
    (first,) = [one for one in made if one is not None]
    assert catalog.get(entry(1).uuid) == first
    with pytest.raises(KeyError):
        catalog.change_if(entry(2).uuid, undone, done="a")


def test_the_errors_of_a_client_are_the_same_for_all_threads(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    make: Any = ClientExceptionsFactory._create_client_exceptions

    def slowly(self: Any, model: Any) -> Any:
        time.sleep(0.1)
        return make(self, model)

    monkeypatch.setattr(ClientExceptionsFactory, "_create_client_exceptions", slowly)
    # A new session has made none yet.
    boto3.setup_default_session()
    client = clients.client("dynamodb")
    with ThreadPoolExecutor(8) as pool:
        assert len({id(one) for one in pool.map(lambda _: client.exceptions, range(8))}) == 1


def test_the_store_is_that_of_the_entries(catalog: DynamoCatalog) -> None:
    assert catalog.store() is None
    catalog.put(entry(2, store="s3://bucket/prefix"))
    assert catalog.store() == "s3://bucket/prefix"


def test_attributes_have_numbers_to_the_last_digit(catalog: DynamoCatalog) -> None:
    catalog.put(entry(size=(1 << 62) + 1, ratio=1 / 3))
    (item,) = (one for one in catalog.client.scan(TableName=catalog.table)["Items"] if "document" in one)
    assert (text_in(item, "size"), float(text_in(item, "ratio"))) == (str((1 << 62) + 1), 1 / 3)


# --- Many ------------------------------------------------------------------------------------------------------------


def waiting(catalog: DynamoCatalog, name: str) -> str:
    """What the item of an entry says that it waits for."""
    item = catalog.item(name)
    assert item is not None
    return text_in(item, "waiting")


def test_what_is_hot_says_what_it_waits_for_and_what_has_moved_says_nothing(catalog: DynamoCatalog) -> None:
    one = entry(1)
    catalog.put(one)
    assert waiting(catalog, one.uuid) == "hot"
    catalog.change(one.uuid, done="2026-12-01T00:00:00Z")
    assert waiting(catalog, one.uuid) == "done"
    catalog.change(one.uuid, done=None)
    assert waiting(catalog, one.uuid) == "hot"
    catalog.change(one.uuid, tier="archive")
    assert waiting(catalog, one.uuid) == ""
    catalog.change(one.uuid, done="2026-12-01T00:00:00Z")
    assert waiting(catalog, one.uuid) == ""
    catalog.change(one.uuid, tier="hot")
    assert waiting(catalog, one.uuid) == "done"


def test_what_is_due_is_done_or_old_and_hot(catalog: DynamoCatalog) -> None:
    done, old = {"done": "2026-12-02T00:00:00Z"}, {"created": "2020-01-01T00:00:00Z"}
    made: tuple[dict[str, str], ...] = (
        done,
        old,
        done | old,
        {},
        done | {"tier": "archive"},
        old | {"tier": "archive"},
    )
    for number, values in enumerate(made):
        catalog.put(entry(number, **values))
    assert [one.name for one in catalog.due(None)] == ["2.bam", "0.bam"]
    assert [one.name for one in catalog.due("2020-01-01T00:00:00Z")] == ["2.bam", "0.bam", "1.bam"]
    assert [one.name for one in catalog.due("2019-12-31T23:59:59Z")] == ["2.bam", "0.bam"]


def test_what_has_moved_is_not_read_to_find_what_is_due(catalog: DynamoCatalog) -> None:
    for number in range(10):
        catalog.put(entry(number, tier="archive", done="2026-12-02T00:00:00Z"))
    catalog.put(entry(11, done="2026-12-02T00:00:00Z"))
    (item,) = catalog.client.scan(TableName=catalog.table, IndexName="by-waiting")["Items"]
    assert text_in(item, "uuid") == entry(11).uuid


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

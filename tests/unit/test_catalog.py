"""What a catalog promises, wherever its entries are: those in a file and those in a table are held to the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readvault.catalog.database import Database
from readvault.catalog.model import Catalog, Conflict
from readvault.catalog.query import conditions_of, meets, named
from readvault.catalog.sqlite import SqliteCatalog
from readvault.errors import InvalidError

from tests.vault.entries import entry


@pytest.fixture(params=["file", "table"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    """A catalog without entries: in SQLite's file, or in a table of DynamoDB's as moto has it."""
    if request.param == "table":
        from tests.aws.conftest import table_in_moto

        with table_in_moto() as made:
            yield made
        return
    in_file = SqliteCatalog(Database(tmp_path / "catalog.sqlite", create=True))
    yield in_file
    in_file.database.close()


def found(catalog: Catalog, *words: str) -> list[str]:
    return [one.name for one in catalog.find(conditions_of(words))]


# --- Single entries --------------------------------------------------------------------------------------------------


def test_entries_are_put_once(catalog: Catalog) -> None:
    catalog.put(entry())
    catalog.put(entry())
    assert catalog.count() == (1, 1000, 250)
    assert catalog.get(entry().uuid) == entry()
    assert catalog.get("*") is None


def test_neither_a_key_nor_a_uuid_is_given_twice(catalog: Catalog) -> None:
    catalog.put(entry(1))
    with pytest.raises(Conflict, match="another entry"):
        catalog.put(entry(2, key=entry(1).key))
    with pytest.raises(Conflict, match="another entry"):
        catalog.put(entry(1, key="other"))
    catalog.put(entry(2))
    with pytest.raises(Conflict, match="another entry"):
        catalog.change(entry(2).uuid, key=entry(1).key)
    assert list(catalog.find()) == [entry(1), entry(2)]


def test_a_change_is_found_under_its_new_values(catalog: Catalog) -> None:
    catalog.put(entry(1, project="a", tags={"lane": "3"}))
    changed = catalog.change(entry(1).uuid, tier="cold", project="", tags={"lane": "4"}, done="2026-12-01T00:00:00Z")
    assert catalog.get(entry(1).uuid) == changed
    assert found(catalog, "tier=cold", "tag.lane=4", "done!=", "project=") == ["1.bam"]
    assert found(catalog, "tag.lane=3") == []
    assert found(catalog, "project=a") == []


def test_only_what_is_there_is_changed(catalog: Catalog) -> None:
    with pytest.raises(KeyError):
        catalog.change(entry(1).uuid, tier="cold")
    catalog.put(entry(1))
    assert catalog.change(entry(1).uuid, tier="hot") == entry(1)
    assert list(catalog.find()) == [entry(1)]


def test_what_is_removed_leaves_its_place_free(catalog: Catalog) -> None:
    catalog.put(entry(1))
    catalog.remove(entry(1).uuid)
    catalog.remove(entry(1).uuid)
    assert catalog.count() == (0, 0, 0)
    assert catalog.at(entry(1).place) is None
    catalog.put(entry(2, key=entry(1).key))
    assert catalog.get(entry(1).uuid) is None


def test_an_entry_is_found_by_its_place(catalog: Catalog) -> None:
    catalog.put(entry(1))
    catalog.put(entry(2, store="s3://bucket/prefix", key="p/2.bam.rv"))
    assert catalog.at("/vault/archives/1.bam.rv") == entry(1)
    assert catalog.at("s3://bucket/prefix/p/2.bam.rv") == entry(2, store="s3://bucket/prefix", key="p/2.bam.rv")
    assert catalog.at("p/2.bam.rv") is None


def test_a_key_that_changes_is_free_for_others(catalog: Catalog) -> None:
    catalog.put(entry(1))
    moved = catalog.change(entry(1).uuid, key="other")
    assert catalog.at(moved.place) == moved
    assert catalog.at(entry(1).place) is None
    catalog.put(entry(2, key=entry(1).key))
    assert catalog.count()[0] == 2


def test_numbers_are_kept_to_the_last_digit(catalog: Catalog) -> None:
    told = entry(size=(1 << 62) + 1, ratio=1 / 3, seconds=0.1 + 0.2)
    catalog.put(told)
    assert catalog.get(told.uuid) == told
    assert catalog.count()[1] == (1 << 62) + 1


# --- Many ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["project=odd", "project=od*"])
def test_the_newest_come_last_however_they_are_found(catalog: Catalog, word: str) -> None:
    for number in range(1, 8):
        catalog.put(entry(number, project="odd" if number % 2 else "even", created=f"2026-11-29T12:00:0{number}Z"))
    odd = conditions_of([word])
    assert [one.size - 1000 for one in catalog.find(odd, limit=2)] == [1, 3]
    assert [one.size - 1000 for one in catalog.find(odd, limit=2, newest=True)] == [5, 7]
    assert [one.size - 1000 for one in catalog.find(odd, limit=100, newest=True)] == [1, 3, 5, 7]
    assert list(catalog.find(odd, limit=0, newest=True)) == []
    assert sorted(one.size - 1000 for one in catalog.every(odd)) == [1, 3, 5, 7]


def test_several_names_are_asked_for_at_once(catalog: Catalog) -> None:
    for number in (1, 2, 3):
        catalog.put(entry(number))
    assert list(catalog.find(named(["1.bam", "3*"]))) == [entry(1), entry(3)]


# --- Conditions ------------------------------------------------------------------------------------------------------


def test_a_date_is_all_of_its_day(catalog: Catalog) -> None:
    for number, time in enumerate(["2026-11-28T23:59:59Z", "2026-11-29T00:00:00Z", "2026-11-29T23:59:59Z"], start=1):
        catalog.put(entry(number, created=time))
    assert found(catalog, "created=2026-11-29") == ["2.bam", "3.bam"]
    assert found(catalog, "created<=2026-11-28") == ["1.bam"]
    assert found(catalog, "created<2026-11-29") == ["1.bam"]
    assert found(catalog, "created>2026-11-28") == ["2.bam", "3.bam"]
    assert found(catalog, "created>=2026-11-29") == ["2.bam", "3.bam"]
    assert found(catalog, "created>=2026-11-29T00:00:01") == ["3.bam"]


def test_brackets_and_wildcards_mean_what_they_say(catalog: Catalog) -> None:
    for number, name in enumerate(["a[1].bam", "a1.bam", "a2.bam", "A1.bam"], start=1):
        catalog.put(entry(number, name=name))
    assert found(catalog, "a[1]*") == ["a[1].bam"]
    assert found(catalog, "a?.bam") == ["a1.bam", "a2.bam"]
    assert found(catalog, "name!=a*") == ["A1.bam"]
    assert [one.name for one in catalog.find(named(["a1.bam", "A*"]))] == ["a1.bam", "A1.bam"]


def test_marks_are_whole_words(catalog: Catalog) -> None:
    catalog.put(entry(1, marks=("truncated", "not-bam")))
    catalog.put(entry(2))
    assert found(catalog, "mark=truncated") == ["1.bam"]
    assert found(catalog, "mark=truncated not-bam") == []
    assert found(catalog, "mark=trunc") == []
    assert found(catalog, "mark=trunc*") == ["1.bam"]
    assert found(catalog, "mark!=truncated") == ["2.bam"]
    assert found(catalog, "mark=") == ["2.bam"]
    assert found(catalog, "mark!=") == ["1.bam"]


_TEXTS = st.sampled_from(["", "a", "b", "ab", "a*", "?", "*", "[a]", "a b", "%", "ä"])
_SIZES = st.integers(0, 4)
_TIMES = st.sampled_from(["2026-11-28T00:00:00Z", "2026-11-28T12:00:00Z", "2026-11-29T00:00:00Z"])
_MARKS = st.sampled_from(["a", "b", "ab"])
_ENTRIES = st.fixed_dictionaries(
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
_WORDS = st.one_of(
    st.tuples(st.sampled_from(["name", "project", "level", "tag.x", "tag.y z"]), _OPERATORS, _TEXTS),
    st.tuples(st.sampled_from(["size", "records", "job"]), _OPERATORS, _SIZES.map(str) | st.just("")),
    st.tuples(st.just("ratio"), _OPERATORS, st.sampled_from(["0", "0.5", "2.0"])),
    st.tuples(st.sampled_from(["created", "done", "verified_full"]), _OPERATORS, _TIMES | st.just("2026-11-28")),
    st.tuples(st.just("mark"), st.sampled_from(["=", "!="]), _MARKS | st.sampled_from(["", "*", "a*", "a b"])),
).map("".join)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(_ENTRIES, max_size=5), words=st.lists(_WORDS, max_size=3))
def test_what_is_found_is_what_the_conditions_mean(
    catalog: Catalog, made: list[dict[str, Any]], words: list[str]
) -> None:
    try:
        conditions = conditions_of(words)
    except InvalidError:
        return
    for one in list(catalog.every()):
        catalog.remove(one.uuid)
    # The oldest first, as they are made.
    made.sort(key=lambda values: str(values["created"]))
    entries = [entry(number, **values) for number, values in enumerate(made)]
    for one in entries:
        catalog.put(one)
    wanted = [one for one in entries if all(meets(one, condition) for condition in conditions)]
    assert list(catalog.find(conditions)) == wanted
    assert sorted(catalog.every(conditions), key=lambda one: one.uuid) == wanted
    assert catalog.count(conditions) == (
        len(wanted), sum(one.size for one in wanted), sum(one.archive_size for one in wanted)
    )  # fmt: skip

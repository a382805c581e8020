"""Entries as JSON, and conditions as people write them."""

import json

import pytest
from readvault.catalog.model import Condition, entry_of
from readvault.catalog.query import conditions_of
from readvault.errors import DamagedError, InvalidError, UnsupportedError

from tests.vault.entries import entry


def test_an_entry_is_the_same_after_json() -> None:
    made = entry(1, marks=("truncated",), tags={"lane": "3"}, references=({"name": "chr1", "length": 5, "md5": "e"},))
    assert entry_of(json.loads(json.dumps(made.as_dict()))) == made
    assert made.place == "/vault/archives/1.bam.rv"


def test_an_entry_of_a_newer_version_and_what_is_none_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="version 99"):
        entry_of({**entry().as_dict(), "entry_version": 99})
    with pytest.raises(DamagedError, match="lacks fields"):
        entry_of({"entry_version": 1, "uuid": "x"})


def test_conditions_are_read_as_people_write_them() -> None:
    assert conditions_of(["size>1.5G"]) == (Condition("size", ">", 1_500_000_000),)
    assert conditions_of(["x.bam"]) == (Condition("name", "=", "x.bam"),)
    assert conditions_of([entry().uuid]) == (Condition("uuid", "=", entry().uuid),)
    assert conditions_of(["tag.a b=1>2"]) == (Condition("tag.a b", "=", "1>2"),)
    assert conditions_of(["created>2026-11-29T13:00:00+02:00"]) == (Condition("created", ">", "2026-11-29T11:00:00Z"),)
    assert conditions_of(["size<99999999T"]) == (Condition("size", "<", (1 << 63) - 1),)


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

"""A catalog is compared with its store however large both are, and while both change."""

import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from readvault.catalog.database import Database
from readvault.catalog.model import Condition, Entry, now
from readvault.catalog.sqlite import SqliteCatalog, insert
from readvault.pipeline.comparing import Checked, compare

from tests.vault.entries import entry


@dataclass
class Held:
    """A catalog and a folder."""

    catalog: SqliteCatalog
    store: str
    own: tuple[str, ...] = ()
    keys: list[str] = field(default_factory=list)

    def kept(self) -> Iterator[str]:
        yield from self.keys


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    store = tmp_path / "archives"
    store.mkdir()
    made = Held(SqliteCatalog(Database(tmp_path / "catalog.sqlite", create=True)), str(store))
    yield made
    made.catalog.database.close()


def put(held: Held, name: str, length: int = 250) -> None:
    (Path(held.store) / name).write_bytes(b"x" * length)


def found(held: Held) -> list[tuple[str, str]]:
    return [(one.kind, os.path.basename(one.place)) for one in compare(held)]  # noqa: PTH119


def test_a_report_of_many_entries_takes_constant_memory(held: Held) -> None:
    number = 20_000
    with held.catalog.database.write() as connection:
        for each in range(number):
            insert(connection, entry(each, store=held.store))
    put(held, "0.bam.rv")
    checked = Checked()
    tracemalloc.start()
    try:
        kinds = [one.kind for one in compare(held, checked=checked)]
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert kinds == ["missing"] * (number - 1)
    assert (checked.entries, checked.archive_bytes) == (number, number * 250)


class Late(SqliteCatalog):
    """A catalog that gets an entry after the store was listed."""

    def every(self, conditions: tuple[Condition, ...] = ()) -> Iterator[Entry]:
        store = self.database.path.parent / "archives"
        (store / "1.bam.rv").write_bytes(b"x" * 250)
        self.put(entry(1, store=str(store), sidecar="1.bam.rv.idx", created=now()))
        (store / "1.bam.rv.idx").write_bytes(b"x")
        return super().every(conditions)


def test_what_is_recorded_after_the_listing_is_not_missing(held: Held) -> None:
    held.catalog = Late(held.catalog.database)
    assert found(held) == []


def test_what_is_old_and_not_listed_is_missing_without_a_second_look(held: Held) -> None:
    held.catalog = Late(held.catalog.database)
    held.catalog.put(entry(1, store=held.store, sidecar="1.bam.rv.idx"))
    assert found(held) == [("missing", "1.bam.rv")]


def test_what_is_kept_is_no_orphan_with_what_stands_beside_it(held: Held) -> None:
    for name in ("a.rv", "a.rv.idx", "a.rv.proof.json", "b.rv", "b.rv.idx"):
        put(held, name)
    held.keys = ["a.rv"]
    assert found(held) == [("orphan", "b.rv"), ("orphan", "b.rv.idx")]

"""What stands at places: looked at, listed, digested and removed, on each store."""

import hashlib
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from readvault import _core
from readvault.errors import InvalidError, StoreError, UnsupportedError

from tests.stores.conftest import Store

ODD = ("a b/c d", "per%20cent/100%", "naïve/名", "plus+and&/x", "x~y/[1]")


def look(place: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(_core.look(place))
    return state


def places(folder: str) -> list[str]:
    return [place for batch in _core.listing(folder) for place, *_ in batch]


def is_removable(store: Store) -> bool:
    return store.kind != "http"


def test_what_is_there_is_told(store: Store) -> None:
    url = store.put("looked/x", b"12345")
    state = look(url)
    assert list(state) == ["length", "modified_ns", "etag", "version", "storage_class", "device", "inode"]
    assert state["length"] == 5
    assert abs(state["modified_ns"] / 1e9 - time.time()) < 3600
    if store.kind == "folder":
        told = Path(url).stat()
        assert (state["modified_ns"], state["device"], state["inode"]) == (
            told.st_mtime_ns,
            told.st_dev,
            told.st_ino,
        )
        assert state["etag"] is None
    elif store.kind != "http":
        assert state["etag"]
        assert state["inode"] is None


def test_what_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        _core.look(store.url("absent"))
    with pytest.raises(FileNotFoundError, match="absent"):
        _core.digest(store.url("absent"))


def test_objects_are_listed_with_their_facts(store: Store) -> None:
    names = ["a", "b/c/d/e/f/g", "b/1", "b.x", "c/.x.tmp"]
    if store.kind not in ("azurite", "gcs"):
        names += ODD
    for name in names:
        store.put(f"listed/{name}", name.encode())
    store.put("listed-not/x", b"")
    if store.kind == "http":
        with pytest.raises(UnsupportedError, match="does not list"):
            _core.listing(store.url("listed"))
        return
    for slash in ("", "/"):
        found = [entry for batch in _core.listing(store.url("listed") + slash) for entry in batch]
        wanted = sorted(names, key=(lambda name: name.split("/")) if store.kind == "folder" else str.encode)
        prefix = store.url("listed/")
        assert [place for place, *_ in found] == [prefix + name for name in wanted]
    for place, length, modified_ns, etag in found:
        state = look(place)
        assert length == state["length"]
        # Lists of some stores have no fractions of a second.
        assert abs(modified_ns - state["modified_ns"]) < 10**9
        assert etag == state["etag"] or store.kind in ("azurite", "gcs")


def test_a_prefix_without_objects_is_empty_and_a_folder_that_is_not_there_an_error(store: Store) -> None:
    if store.kind == "http":
        pytest.skip("nothing is listed there")
    if store.kind == "folder":
        with pytest.raises(FileNotFoundError, match="nowhere"):
            _core.listing(store.url("nowhere"))
        with pytest.raises(InvalidError, match="not a folder"):
            _core.listing(store.put("file", b""))
    else:
        assert places(store.url("nowhere")) == []


def test_what_was_looked_at_is_removed_once(store: Store) -> None:
    url = store.put("removed/x", b"one")
    if not is_removable(store):
        with pytest.raises(UnsupportedError, match="web server"):
            _core.remove(url, None)
        return
    state = _core.look(url)
    assert _core.remove(url, state) is True
    assert _core.remove(url, state) is False
    assert _core.remove(url, None) is False
    store.put("removed/x", b"two")
    assert _core.remove(url, None) is True
    with pytest.raises(FileNotFoundError):
        _core.look(url)


def test_an_object_that_changed_is_not_removed(store: Store) -> None:
    if not is_removable(store):
        pytest.skip("nothing is removed there")
    url = store.put("changed/x", b"one")
    state = _core.look(url)
    store.put("changed/x", b"two")
    with pytest.raises(StoreError, match="changed since it was looked at"):
        _core.remove(url, state)
    assert look(url)["length"] == 3
    assert json.loads(_core.digest(url))["md5"] == hashlib.md5(b"two", usedforsecurity=False).hexdigest()
    with pytest.raises(InvalidError, match="no state"):
        _core.remove(url, "{}")


def test_a_digest_is_that_of_the_bytes(store: Store) -> None:
    data = random.Random(1).randbytes(3_000_000)
    url = store.put("digested/x", data)
    heard: list[int] = []
    report = json.loads(_core.digest(url, progress=lambda done, total: heard.append(done)))
    assert list(report) == ["length", "sha256", "md5", "state"]
    assert report["length"] == len(data)
    assert report["sha256"] == hashlib.sha256(data).hexdigest()
    assert report["md5"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert report["state"] == look(url)
    assert heard[0] == 0
    assert heard[-1] == len(data)
    empty = json.loads(_core.digest(store.put("digested/empty", b"")))
    assert empty["sha256"] == hashlib.sha256().hexdigest()


def test_a_digest_is_stopped_by_its_progress(store: Store) -> None:
    url = store.put("digested/x", bytes(3_000_000))

    def stop(done: int, total: int | None) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        _core.digest(url, progress=stop)


def test_names_with_odd_characters_are_looked_at_and_removed(store: Store) -> None:
    if store.kind in ("azurite", "gcs", "http"):
        pytest.skip("the test's own requests do not quote such names")
    for name in ODD:
        store.put(f"odd/{name}", name.encode())
    for place in places(store.url("odd")):
        assert _core.remove(place, _core.look(place))
    assert places(store.url("odd")) == []


# --- Files -----------------------------------------------------------------------------------------------------------


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    for place in (tmp_path, Path("/dev/null"), tmp_path / "pipe"):
        with pytest.raises(InvalidError):
            _core.look(place)
        with pytest.raises(InvalidError):
            _core.remove(place, None)
    with pytest.raises(InvalidError, match="link"):
        _core.remove(tmp_path / "link", None)
    assert (tmp_path / "link").is_symlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told_when_it_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"private")
    (tmp_path / "x").chmod(0)
    with pytest.raises(PermissionError):
        _core.look(tmp_path / "x")


def test_a_name_that_is_no_text_is_listed(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff"
    with open(path, "wb"):
        pass
    assert places(str(tmp_path)) == [os.fsdecode(path)]


def test_a_long_folder_comes_in_batches(tmp_path: Path) -> None:
    for number in range(2500):
        (tmp_path / f"{number:04}").touch()
    batches = list(_core.listing(tmp_path))
    assert [len(batch) for batch in batches] == [1000, 1000, 500]
    assert [Path(place).name for batch in batches for place, *_ in batch] == [f"{n:04}" for n in range(2500)]

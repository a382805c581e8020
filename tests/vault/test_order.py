"""Work orders: keys stay within the store, and an order says all that a worker needs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readvault.errors import InvalidError, UnsupportedError
from readvault.pipeline.failures import wait_before
from readvault.pipeline.order import Options, WorkOrder, check_key, key_for, order_of

PATTERN = "{project}/{name}.rv"


def test_keys_are_made_from_what_is_known() -> None:
    assert key_for(PATTERN, "/data/run 7/a.bam", Options(project="trial")) == "trial/a.bam.rv"
    assert key_for(PATTERN, "/data/a.bam", Options()) == "a.bam.rv"
    assert (
        key_for("{folder}/{sample}/{name}.rv", "s3://b/run/a.bam?versionId=7", Options(sample="s")) == "run/s/a.bam.rv"
    )
    assert key_for(PATTERN, "/data/a.bam", Options(name="x/y.rv")) == "x/y.rv"


@pytest.mark.parametrize("key", ["", "/", "..", "a/../b", "./a", "a\nb", "a" * 1025])
def test_a_key_that_leaves_the_store_is_refused(key: str) -> None:
    with pytest.raises(InvalidError):
        check_key(key)


@pytest.mark.parametrize("pattern", ["{nothing}", "{name", "{name.__class__}", "{0}", "{name!x}"])
def test_a_pattern_that_cannot_be_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidError):
        key_for(pattern, "/a.bam", Options())


@given(project=st.text(), sample=st.text(), name=st.text(min_size=1))
def test_whatever_names_say_a_key_names_a_file_below_the_store(project: str, sample: str, name: str) -> None:
    try:
        key = key_for("{project}/{sample}/{name}.rv", f"/data/{name}", Options(project=project, sample=sample))
    except (InvalidError, UnicodeEncodeError):
        return
    assert not key.startswith("/")
    assert all(part not in ("", ".", "..") for part in key.split("/"))


def test_an_order_comes_back_from_json_and_a_newer_one_is_refused() -> None:
    options = Options(level="max", project="p", tags={"lane": "3"})
    order = WorkOrder(7, "/a.bam", "1:1", 1, "s3://b/v", "p/a.bam.rv", options, None, "2026-11-29T12:00:00Z")
    told = json.loads(json.dumps(order.as_dict()))
    assert order_of(told) == order
    assert order.target == "s3://b/v/p/a.bam.rv"
    with pytest.raises(UnsupportedError):
        order_of({**told, "order_version": 2})
    with pytest.raises(InvalidError):
        order_of({key: value for key, value in told.items() if key != "key"})
    with pytest.raises(InvalidError, match="no option"):
        order_of({**told, "options": {"colour": "red"}})


def test_waits_grow_to_five_minutes_and_no_more() -> None:
    waits = [wait_before(attempt, 0.0) for attempt in range(2, 40)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits == sorted(waits)
    assert waits[-1] == 300
    assert wait_before(5, 1.0) == wait_before(5, 0.0) / 2

"""What arrives: our messages, lists, S3's notifications in all their wrappings, and whatever else somebody sends."""

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readvault.aws import messages
from readvault.aws.failures import BadMessage
from readvault.aws.messages import Refused, Wanted
from readvault.pipeline.order import Options, identity_of
from readvault.vault.jobs import Request

USUAL = Options(level="fast")
URL = "s3://bucket/run 7/ä+b.bam"


def read(value: Any) -> list[Wanted | Refused]:
    return list(messages.read(value if isinstance(value, str) else json.dumps(value), USUAL))


def notification(key: str, name: str = "ObjectCreated:Put", **more: Any) -> dict[str, Any]:
    return {
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": "bucket"}, "object": {"key": key, "size": 7, "eTag": "e1", **more}},
    }


def test_a_message_needs_a_source_alone() -> None:
    assert read({"source": URL}) == [Wanted(URL, "", USUAL)]


def test_a_message_says_all_that_is_to_be_known() -> None:
    told = {
        "source": URL,
        "version_id": "v1",
        "project": "p",
        "sample": "s",
        "tags": {"lane": "3"},
        "options": {"level": "max", "verify": "full", "index": False, "name": "a/b.rv"},
    }
    options = Options(
        level="max", verify="full", index=False, name="a/b.rv", project="p", sample="s", tags={"lane": "3"}
    )
    assert read(told) == [Wanted(URL, "v1", options)]


def test_a_list_is_as_many_messages_and_only_what_is_wrong_in_it_is_refused() -> None:
    good, bad, other = read([{"source": URL}, {"source": 7}, {"source": "s3://b/c.bam"}])
    assert isinstance(good, Wanted)
    assert isinstance(other, Wanted)
    assert isinstance(bad, Refused)
    assert "not a number" in bad.why


def test_what_goes_to_the_queue_is_read_as_what_it_was() -> None:
    (one,) = read({"source": URL, "version": "7:e", "tags": {"b": "1", "a": "2"}, "project": "p", "again": 2})
    assert isinstance(one, Wanted)
    again = messages.queued(one.body(), Options(level="max"))
    assert again == one
    assert (again.identity, again.execution, again.deduplication) == (one.identity, one.execution, one.deduplication)


def test_work_has_the_same_name_in_a_vault_and_in_a_fleet() -> None:
    options = Options(project="p", tags={"b": "1", "a": "2"})
    wanted = Wanted(URL, "7:e", options)
    assert wanted.identity == Request(URL, "7:e", 7, options).identity == identity_of(URL, "7:e", options)
    assert wanted.execution == f"rv-{wanted.identity[:60]}"
    assert len(wanted.once_more().execution) <= 80
    assert wanted.once_more().identity == wanted.identity
    assert wanted.once_more().execution != wanted.execution


def test_notifications_of_s3_are_read_with_keys_encoded_as_in_forms() -> None:
    event = {"Records": [notification(quote_plus("run 7/ä+b.bam", safe="/"))]}
    assert read(event) == [Wanted(URL, "7:e1", USUAL)]
    assert list(messages.arrived(event, USUAL)) == [Wanted(URL, "7:e1", USUAL)]


def test_notifications_of_event_bridge_are_read_with_keys_as_they_are() -> None:
    detail = {"bucket": {"name": "bucket"}, "object": {"key": "run 7/ä+b.bam", "size": 7, "etag": "e1"}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert list(messages.arrived(event, USUAL)) == [Wanted(URL, "7:e1", USUAL)]
    assert read(event) == [Wanted(URL, "7:e1", USUAL)]
    assert read({**event, "detail-type": "Object Deleted"}) == []


def test_both_kinds_of_notification_of_one_object_are_the_same_work() -> None:
    detail = {"bucket": {"name": "bucket"}, "object": {"key": "a.bam", "size": 7, "etag": "e1"}}
    (one,) = read({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})
    (other,) = read({"Records": [notification("a.bam", versionId="v")]})
    assert isinstance(one, Wanted)
    assert isinstance(other, Wanted)
    assert one.identity == other.identity


@pytest.mark.parametrize("key", ["a.bam.rv", "a.bam.rv.idx", "folder/"])
def test_what_is_ours_or_marks_a_folder_is_passed_over(key: str) -> None:
    assert read({"Records": [notification(key)]}) == []


def test_what_is_no_creation_is_passed_over() -> None:
    assert read({"Records": [notification("a.bam", "ObjectRemoved:Delete")]}) == []
    assert read({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "bucket"}) == []


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("not json", "no JSON"),
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("7", "not a number"),
        ("null", "not nothing"),
        ("{}", "not nothing"),
        ({"source": "/etc/passwd"}, "names no object"),
        ({"source": "s3://bucket"}, "names no object"),
        ({"source": "s3://bucket/"}, "names no object"),
        ({"source": "s3://bucket/folder/"}, "names no object"),
        ({"source": "s3://bucket/a\nb"}, "control characters"),
        ({"source": "s3://bucket/\ud800"}, "no Unicode"),
        ({"source": "s3://bucket/" + "a" * 1200}, "at most"),
        ({"source": "s3://bucket/" + "ä" * 600}, "names no object"),
        ({"source": "s3://bucket/a.bam.rv"}, "is an archive"),
        ({"source": ["s3://bucket/a"]}, "not a list"),
        ({"source": URL, "version": 7}, "not a number"),
        ({"source": URL, "project": {}}, "not an object"),
        ({"source": URL, "sample": "x" * 300}, "at most"),
        ({"source": URL, "tags": ["a"]}, "texts"),
        ({"source": URL, "tags": {"a": 7}}, "not a number"),
        ({"source": URL, "tags": {str(number): "x" for number in range(60)}}, "at most 50"),
        ({"source": URL, "options": 7}, "not a number"),
        ({"source": URL, "options": {"level": "best"}}, "one of fast"),
        ({"source": URL, "options": {"level": ["fast"]}}, "one of fast"),
        ({"source": URL, "options": {"index": 1}}, "true or false"),
        ({"source": URL, "options": {"verify": None, "other": 1}}, "no option other"),
        ({"source": URL, "options": {"name": "../a.rv"}}, "within the store"),
        ({"source": URL, "options": {"reference": "/proc/self/environ"}}, "a reference is s3://BUCKET/KEY"),
        ({"source": URL, "options": {"reference": 7}}, "not a number"),
        ({"source": URL, "again": -1}, "number"),
        ({"source": URL, "again": True}, "number"),
        ({"source": URL, "extra": 1}, "no extra"),
        ({"source": URL, "tags": {"a" * 200 + str(number): "x" * 256 for number in range(49)}}, "bytes"),
        ({"Records": [{"eventName": 7}]}, "looks like"),
        ({"Records": [notification("%ff.bam")]}, "looks like"),
        ({"source": "aws.s3", "detail": 7}, "looks like"),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(told: Any, why: str) -> None:
    (one,) = read(told)
    assert isinstance(one, Refused)
    assert why in one.why


def test_a_refused_message_stays_refused_and_short() -> None:
    (one,) = read("x" * 300_000)
    assert len(one.body()) < 10_000
    with pytest.raises(BadMessage, match="no JSON"):
        messages.queued(one.body(), USUAL)


def test_sources_of_elsewhere_are_refused() -> None:
    prefixes = ("s3://bucket/run", "s3://other/")
    told = json.dumps([{"source": URL}, {"source": "s3://bucket/a"}, {"source": "s3://other-evil/a"}])
    good, bad, evil = messages.read(told, USUAL, prefixes)
    assert isinstance(good, Wanted)
    assert isinstance(bad, Refused)
    assert isinstance(evil, Refused)
    assert "none of this stack's source buckets" in evil.why


def test_a_reference_is_of_the_stacks_buckets_and_makes_other_work_of_a_source() -> None:
    prefixes = ("s3://bucket/", "s3://other/")
    told = [{"source": URL, "options": {"reference": one}} for one in ("s3://other/hg38.fa", "s3://elsewhere/hg38.fa")]
    leaning, elsewhere, alone = messages.read(json.dumps([*told, {"source": URL}]), USUAL, prefixes)
    assert isinstance(leaning, Wanted) and isinstance(alone, Wanted) and isinstance(elsewhere, Refused)
    assert leaning.options.reference == "s3://other/hg38.fa"
    assert leaning.identity != alone.identity
    assert "s3://elsewhere/hg38.fa is in none of this stack's source buckets" in elsewhere.why


_JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = ("source", "version", "tags", "options", "project", "Records", "detail", "detail-type", "Event", "again")


@given(st.text() | st.dictionaries(st.sampled_from(_FIELDS), _JSON).map(json.dumps) | _JSON.map(json.dumps))
def test_whatever_arrives_is_work_or_refused_and_survives_the_queue(text: str) -> None:
    for one in messages.read(text, USUAL):
        one.body().encode()
        assert len(one.group) == 16
        assert 0 < len(one.deduplication) <= 128
        if isinstance(one, Wanted):
            assert messages.queued(one.body(), USUAL) == one

"""The functions of the stack: each event does its work once, however often it comes, and what is wrong is named."""

import hashlib
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from readvault.aws import clients, handlers, table, tiers
from readvault.aws.announcing import Announcer
from readvault.aws.failures import (
    BadMessage,
    ChecksumMismatch,
    NameClash,
    NotOrdered,
    SourceChanged,
    SourceMissing,
    TryAgain,
)
from readvault.aws.messages import Wanted
from readvault.aws.table import Failure
from readvault.catalog.dynamodb import DynamoCatalog, text_in
from readvault.catalog.model import entry_of
from readvault.pipeline.order import Options, order_of
from readvault.report import state_name

from tests.aws.conftest import STORE, VAULT, Stack, of_sns, of_sqs
from tests.vault.entries import entry

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "s3://sources/run/a.bam"
SCHEMA = json.loads((ROOT / "spec" / "event.schema.json").read_text())
TIMES = 10


def wanted(stack: Stack, source: str = SOURCE, content: bytes = b"content", **options: Any) -> Wanted:
    """Work whose source is there."""
    stack.put(source, content)
    version = state_name(len(content), None, hashlib.md5(content).hexdigest())
    return Wanted(source, version, Options(level="fast", **options))


def input_of(one: Wanted) -> dict[str, Any]:
    """What a run is started with, and what the state machine adds."""
    return {**one.as_dict(), "identity": one.identity, "execution": f"arn:execution:{one.execution}"}


def finish(stack: Stack, one: Wanted, content: bytes = b"the archive", **changes: Any) -> dict[str, Any]:
    """What the job leaves for an order: an archive, an index and a result. Gives Record's event."""
    place = f"work/{one.identity}"
    s3 = stack.client("s3")
    order = order_of(json.loads(s3.get_object(Bucket="store", Key=f"{place}.json")["Body"].read()))
    key = order.target.removeprefix("s3://store/")
    etag = s3.put_object(Bucket="store", Key=key, Body=content)["ETag"]
    s3.put_object(Bucket="store", Key=f"{key}.idx", Body=b"index")
    digest = hashlib.sha256(content).hexdigest()
    kept = {
        "uuid": "12345678-0000-4000-8000-" + one.identity[:12],
        "length": len(content),
        "sha256": digest,
        "digest": digest,
        "level": "fast",
        "writer": "readvault test",
    }
    result = {
        "compress": {
            "adopted": False,
            "marks": [],
            "report": {
                "archive": kept,
                "source": {
                    "kind": "bam",
                    "fingerprint": {"length": order.source_size, "sha256": "a" * 64, "md5": "b" * 32},
                },
                "ratio": order.source_size / len(content),
                "counts": {"records": 5},
                "leans_on": [],
            },
        },
        "index": {"sidecar": f"{order.key}.idx", "length": 5, "why": None},
        "verify": {"how": "digest", "sha256": digest, "length": len(content), "version": etag, "full": None},
        "started": 1_790_000_000.0,
        "ended": 1_790_000_009.5,
        "attempt": 1,
    }
    for path, value in changes.items():
        at: Any = result
        *parts, last = path.split("__")
        for part in parts:
            at = at[part]
        at[last] = value
    s3.put_object(Bucket="store", Key=f"{place}.result.json", Body=json.dumps(result).encode())
    return {"identity": one.identity, "bucket": "store", "key": f"{place}.json", "execution": "arn:execution:x"}


def error(kind: str, message: str) -> dict[str, str]:
    """What the state machine catches of a function."""
    return {"Error": kind, "Cause": json.dumps({"errorMessage": message, "errorType": kind})}


def item(stack: Stack, one: Wanted) -> dict[str, str]:
    found = stack.catalog.item(one.identity)
    assert found is not None
    return {name: text_in(found, name) for name in found}


# --- What a function loads -------------------------------------------------------------------------------------------

_WITHOUT_CORE = """
import sys, time
class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name in ("readvault._core", "boto3", "botocore"):
            raise ImportError(f"{name} is not to be loaded")
sys.meta_path.insert(0, Forbidden())
started = time.perf_counter()
import readvault.aws.handlers
print(time.perf_counter() - started)
assert "readvault._core" not in sys.modules
"""


def test_functions_load_no_native_module_and_nothing_slow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_CORE], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    seconds = float(done.stdout)
    print(f"handlers are imported in {seconds * 1000:.0f} ms")
    assert seconds < 2


# --- 1 to 4: from the topic to a run ---------------------------------------------------------------------------------


def test_what_is_announced_ten_times_is_one_run(stack: Stack) -> None:
    one = wanted(stack, project="p")
    event = of_sns(json.dumps({"source": SOURCE, "project": "p"}))
    for _ in range(TIMES):
        assert handlers.announced(event, None) == {"sent": 1, "refused": 0}
    bodies = stack.messages(stack.work)
    assert bodies == [one.body()]
    for _ in range(TIMES):
        assert handlers.dispatch(of_sqs(*bodies), None) == {"batchItemFailures": []}
    (run,) = stack.runs()
    assert run["name"] == one.execution
    assert json.loads(run["input"]) == {**one.as_dict(), "identity": one.identity, "execution": one.execution}


def test_a_source_that_changes_is_other_work(stack: Stack) -> None:
    event = of_sns(json.dumps({"source": SOURCE}))
    for content in (b"one", b"another"):
        stack.put(SOURCE, content)
        handlers.announced(event, None)
    bodies = stack.messages(stack.work)
    handlers.dispatch(of_sqs(*bodies), None)
    assert len(bodies) == len(stack.runs()) == 2


def test_a_notification_of_s3_and_our_message_are_the_same_work(stack: Stack) -> None:
    one = wanted(stack)
    detail = {
        "bucket": {"name": "sources"},
        "object": {"key": "run/a.bam", "size": 7, "etag": one.version.partition(":")[2]},
    }
    handlers.announced({"source": "aws.s3", "detail-type": "Object Created", "detail": detail}, None)
    handlers.announced(of_sns(json.dumps({"source": SOURCE})), None)
    assert stack.messages(stack.work) == [one.body()]


def test_a_long_list_is_sent_in_tens(stack: Stack) -> None:
    told = [{"source": f"s3://sources/{number}.bam", "version": "1:a"} for number in range(35)]
    assert handlers.announced(of_sns(json.dumps([*told, 7, *told])), None) == {"sent": 35, "refused": 1}
    assert len(stack.messages(stack.work)) == 36


def test_what_cannot_be_read_is_put_aside_and_keeps_nothing_waiting(stack: Stack) -> None:
    stack.put(SOURCE, b"content")
    handlers.announced(of_sns("rubbish", json.dumps({"source": SOURCE})), None)
    bodies = stack.messages(stack.work)
    assert len(bodies) == 2
    failed = handlers.dispatch(of_sqs(*bodies), None)["batchItemFailures"]
    assert failed == [{"itemIdentifier": f"m{next(index for index, body in enumerate(bodies) if 'refused' in body)}"}]
    assert len(stack.runs()) == 1


def test_a_source_that_is_not_there_is_sent_on_for_its_run_to_say_so(stack: Stack) -> None:
    assert handlers.announced(of_sns(json.dumps({"source": SOURCE})), None) == {"sent": 1, "refused": 0}
    assert json.loads(stack.messages(stack.work)[0])["version"] == ""


def test_an_item_of_a_bulk_run_is_the_same_work_as_the_message(stack: Stack) -> None:
    one = wanted(stack, project="p")
    size, _, etag = one.version.partition(":")
    more = {"project": "p"}
    ways: list[tuple[dict[str, Any], dict[str, Any]]] = [
        # As Step Functions tells of a listing, and as moto does.
        ({"from": "listing", "bucket": "sources"}, {"Key": "run/a.bam", "Etag": f'"{etag}"', "Size": int(size)}),
        ({"from": "listing", "bucket": "sources"}, {"Key": "run/a.bam", "ETag": f'"{etag}"', "Size": int(size)}),
        ({"from": "csv"}, {"bucket": "sources", "key": "run%2Fa.bam", "version": ""}),
        ({"from": "manifest"}, {"source": SOURCE}),
        ({"from": "manifest"}, {"source": SOURCE, "version": one.version}),
    ]
    for bulk, item in ways:
        told = handlers.bulk({"item": item, "bulk": {**bulk, "more": more, "concurrency": 5}}, None)
        run = {**one.as_dict(), "identity": one.identity, "execution": one.execution}
        assert told == {"skip": False, "begin": 0, "run": run}, bulk


def test_what_is_no_source_of_a_bulk_run_is_passed_over(stack: Stack) -> None:
    listing = {"from": "listing", "bucket": "sources", "concurrency": 1}
    for key in ("run/", "run/a.bam.rv", "run/a.bam.rv.idx", "run/a.txt", "run/.a.bam"):
        assert handlers.bulk({"item": {"Key": key, "Size": 1, "ETag": "a"}, "bulk": listing}, None) == {"skip": True}
    given = {**listing, "include": ["*.txt"]}
    stack.put("s3://sources/run/a.txt", b"a")
    assert not handlers.bulk({"item": {"Key": "run/a.txt"}, "bulk": given}, None)["skip"]
    heads = {"bucket": "bucket", "key": "key", "version": "version"}
    assert handlers.bulk({"item": heads, "bulk": {"from": "csv"}}, None) == {"skip": True}


@pytest.mark.parametrize(
    ("item", "bulk"),
    [
        (7, {"from": "manifest"}),
        ({"source": 7}, {"from": "manifest"}),
        ({"Key": 7}, {"from": "listing", "bucket": "sources"}),
        ({"Key": "a.bam"}, {"from": "listing"}),
        ({"Key": "a.bam"}, {"from": "listing", "bucket": "sources", "include": 7}),
        ({"bucket": "sources"}, {"from": "csv"}),
        ({"bucket": "sources", "key": "%ff.bam"}, {"from": "csv"}),
        ({"source": SOURCE}, None),
        ({"source": SOURCE}, {"from": "manifest", "more": 7}),
        ({"source": SOURCE, "tags": 7}, {"from": "manifest", "more": {"tags": {"a": "b"}}}),
        ({"source": SOURCE}, {"from": "manifest", "more": {"options": {"level": "best"}}}),
        ({"source": SOURCE, "version": "1:a"}, {"from": "manifest", "run": {"name": "a"}, "rate": "fast"}),
        ({"source": SOURCE, "version": "1:a"}, {"from": "manifest", "run": {"name": "a"}, "rate": 0}),
        ({"source": SOURCE, "version": "1:a"}, {"from": "manifest", "run": {"name": "a"}, "rate": True}),
        ({"source": SOURCE, "version": "1:a"}, {"from": "manifest", "run": {"name": "a"}, "rate": math.nan}),
        ({"source": SOURCE, "version": "1:a"}, {"from": "manifest", "run": "a", "rate": 5}),
    ],
)
def test_a_hostile_item_of_a_bulk_run_is_refused(stack: Stack, item: Any, bulk: Any) -> None:
    with pytest.raises(BadMessage):
        handlers.bulk({"item": item, "bulk": bulk}, None)


def test_what_is_recorded_is_passed_over_by_a_bulk_run(stack: Stack) -> None:
    one = wanted(stack)
    handlers.order(input_of(one), None)
    item = {"item": {"source": SOURCE}, "bulk": {"from": "manifest"}}
    assert not handlers.bulk(item, None)["skip"], "it is only ordered"
    handlers.record(finish(stack, one), None)
    assert handlers.bulk(item, None) == {"skip": True}


def test_the_files_of_a_bulk_run_take_turns(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [1000.0]
    monkeypatch.setattr(time, "time", lambda: moments[-1])

    def begin(number: int, run: str = "a") -> int:
        message = {"source": f"s3://sources/{number}.bam", "version": "1:a"}
        bulk = {"from": "manifest", "run": {"name": run}, "rate": 600}
        told: int = handlers.bulk({"item": message, "bulk": bulk}, None)["begin"]
        return told

    # One every six seconds, though all of them ask at once.
    assert [begin(number) for number in range(4)] == [0, 6, 12, 18]
    assert begin(4, run="another") == 0
    moments.append(1020.0)
    assert begin(5) == 4
    # What nobody has asked for is not made up for.
    moments.append(5000.0)
    assert [begin(number) for number in (6, 7)] == [0, 6]


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"source": 7}', '{"source": "http://x/y"}', "x" * 200_000])
def test_a_hostile_message_fails_alone(stack: Stack, body: str) -> None:
    good = wanted(stack).body()
    assert handlers.dispatch(of_sqs(body, good), None) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert len(stack.runs()) == 1


def test_what_comes_after_a_failure_of_its_group_waits_for_it(stack: Stack) -> None:
    one, other = wanted(stack), wanted(stack, "s3://sources/b.bam")
    bodies = ["rubbish", one.body(), other.body()]
    event = of_sqs(*bodies, group=lambda body: "b" if "b.bam" in body else "a")
    failed = handlers.dispatch(event, None)["batchItemFailures"]
    assert failed == [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]
    assert [run["name"] for run in stack.runs()] == [other.execution]


def test_a_message_that_asks_again_is_another_run_of_the_same_work(stack: Stack) -> None:
    one = wanted(stack)
    handlers.dispatch(of_sqs(one.body(), one.once_more().body()), None)
    names = [run["name"] for run in stack.runs()]
    assert sorted(names) == sorted([one.execution, f"{one.execution}-1"])


# --- 5: the order ----------------------------------------------------------------------------------------------------


def test_an_order_is_written_and_the_work_claimed(stack: Stack) -> None:
    one = wanted(stack, project="p", sample="s")
    for _ in range(TIMES):
        answer = handlers.order(input_of(one), None)
    assert (answer["done"], answer["bucket"], answer["key"]) == (False, "store", f"work/{one.identity}.json")
    body = stack.client("s3").get_object(Bucket="store", Key=answer["key"])["Body"].read()
    order = order_of(json.loads(body))
    assert (order.job, order.source, order.source_version, order.source_size) == (0, SOURCE, one.version, 7)
    assert (order.store, order.key, order.options) == (STORE, "p/a.bam.rv", one.options)
    told = item(stack, one)
    assert (told["state"], told["source"], told["project"]) == ("ORDERED", SOURCE, "p")
    assert json.loads(told["work"]) == one.as_dict()
    assert len(stack.items()) == 2


def test_a_source_that_is_missing_is_named_and_never_ordered(stack: Stack) -> None:
    with pytest.raises(SourceMissing, match=r"s3://sources/none\.bam"):
        handlers.order(input_of(Wanted("s3://sources/none.bam", "", Options())), None)
    assert stack.items() == []


def test_a_reference_that_is_missing_is_named_before_a_machine_is_started_for_it(stack: Stack) -> None:
    one = wanted(stack)
    leaning = replace(one, options=replace(one.options, reference="s3://sources/none.fa"))
    with pytest.raises(SourceMissing, match=r"s3://sources/none\.fa"):
        handlers.order(input_of(leaning), None)
    assert stack.items() == []
    stack.put("s3://sources/none.fa", b">chr1\nACGT\n")
    assert handlers.order(input_of(leaning), None)["done"] is False


@pytest.mark.parametrize("version", ["8:other", "v1", "0123456789abcdef"])
def test_a_source_in_another_state_is_refused(stack: Stack, version: str) -> None:
    with pytest.raises(SourceChanged, match="announce it again"):
        handlers.order(input_of(replace(wanted(stack), version=version)), None)


def test_a_version_id_names_a_state_too(stack: Stack) -> None:
    stack.client("s3").put_bucket_versioning(Bucket="sources", VersioningConfiguration={"Status": "Enabled"})
    one = wanted(stack)
    version = stack.client("s3").head_object(Bucket="sources", Key="run/a.bam")["VersionId"]
    assert handlers.order(input_of(replace(one, version=version)), None)["done"] is False
    handlers.announced(of_sns(json.dumps({"source": SOURCE, "version_id": version})), None)
    assert json.loads(stack.messages(stack.work)[0])["version"] == one.version


def test_two_sources_for_one_key_clash(stack: Stack) -> None:
    one, other = wanted(stack, project="p"), wanted(stack, "s3://sources/other/a.bam", project="p")
    handlers.order(input_of(one), None)
    with pytest.raises(NameClash, match=one.identity):
        handlers.order(input_of(other), None)
    assert stack.catalog.item(other.identity) is None
    handlers.fail({"input": input_of(other), "error": error("NameClash", "taken")}, None)
    # The failure of one does not give away what the other has.
    with pytest.raises(NameClash):
        handlers.order(input_of(other), None)


def test_a_key_of_work_that_failed_is_free_again(stack: Stack) -> None:
    one, other = wanted(stack, project="p"), wanted(stack, "s3://sources/other/a.bam", project="p")
    handlers.order(input_of(one), None)
    handlers.fail({"input": input_of(one), "error": error("X", "y")}, None)
    assert handlers.order(input_of(other), None)["done"] is False
    with pytest.raises(NameClash, match=other.identity):
        handlers.order(input_of(one), None)


def test_an_input_made_by_hand_is_refused(stack: Stack) -> None:
    with pytest.raises(BadMessage, match="identity"):
        handlers.order({**input_of(wanted(stack)), "identity": "0" * 64}, None)
    with pytest.raises(BadMessage):
        handlers.order({}, None)
    with pytest.raises(BadMessage):
        handlers.record({"identity": "../../etc"}, None)


def test_a_key_that_leaves_the_store_is_refused(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READVAULT_KEY", "{sample}")
    with pytest.raises(Exception, match="within the store"):
        handlers.order(input_of(wanted(stack, sample="..")), None)


# --- 8 to 10: the record ---------------------------------------------------------------------------------------------


def test_a_result_becomes_an_entry_once(stack: Stack) -> None:
    one = wanted(stack, project="p", sample="s", tags={"lane": "3"})
    handlers.order(input_of(one), None)
    event = finish(stack, one)
    answers = [handlers.record(event, None) for _ in range(TIMES)]
    told = json.loads(answers[0]["event"])
    jsonschema.validate(told, SCHEMA)
    assert told["type"] == answers[0]["type"] == "archive.recorded"
    assert len({json.loads(answer["event"])["id"] for answer in answers}) == 1
    found = stack.catalog.get(answers[0]["uuid"])
    assert found is not None
    assert (found.place, found.size, found.archive_size, found.job) == (f"{STORE}/p/a.bam.rv", 7, 11, None)
    assert (found.project, found.sample, found.tags, found.seconds) == ("p", "s", {"lane": "3"}, 9.5)
    attributes = item(stack, one)
    assert (attributes["state"], attributes["checksum"]) == ("RECORDED", found.archive_sha256)
    assert "work" not in attributes
    assert len(stack.items()) == 3
    # And it is not ordered again.
    assert handlers.order(input_of(one), None)["done"] is True
    assert item(stack, one)["state"] == "RECORDED"


def test_a_record_is_never_written_over(stack: Stack) -> None:
    one = wanted(stack)
    handlers.order(input_of(one), None)
    uuid = handlers.record(finish(stack, one), None)["uuid"]
    stack.catalog.change(uuid, done="2026-12-01T00:00:00Z")
    handlers.record(finish(stack, one), None)
    found = stack.catalog.get(uuid)
    assert found is not None
    assert found.done == "2026-12-01T00:00:00Z"
    with pytest.raises(NameClash, match="another entry"):
        handlers.record(
            finish(
                stack,
                one,
                b"quite another",
                compress__report__archive__uuid=entry(7).uuid,
                compress__report__archive__length=13,
                compress__report__archive__sha256=hashlib.sha256(b"quite another").hexdigest(),
            ),
            None,
        )
    assert stack.catalog.get(uuid) == found


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"verify__sha256": "0" * 64}, "own digests"),
        ({"verify__length": 12}, "own digests"),
        ({"verify__version": "another"}, "replaced since"),
        ({"index__length": 6}, "index's length"),
        ({"index__sidecar": "p/none.idx"}, "index is not there"),
        ({"compress__report__source__fingerprint": {"length": 8, "sha256": "", "md5": ""}}, "source's length"),
    ],
)
def test_a_result_that_does_not_match_is_caught(stack: Stack, changes: dict[str, Any], what: str) -> None:
    one = wanted(stack)
    handlers.order(input_of(one), None)
    with pytest.raises(ChecksumMismatch, match=what):
        handlers.record(finish(stack, one, **changes), None)
    assert item(stack, one)["state"] == "ORDERED"


@pytest.mark.parametrize("content", [None, b"the Archive", b"the archive, longer"], ids=["gone", "changed", "longer"])
def test_an_archive_that_is_not_what_the_job_made_is_caught(stack: Stack, content: bytes | None) -> None:
    one = wanted(stack)
    handlers.order(input_of(one), None)
    event = finish(stack, one)
    if content is None:
        stack.client("s3").delete_object(Bucket="store", Key="archives/a.bam.rv")
    else:
        stack.put(f"{STORE}/a.bam.rv", content)
    with pytest.raises(ChecksumMismatch):
        handlers.record(event, None)


def test_the_stores_own_checksum_is_compared(stack: Stack) -> None:
    one = wanted(stack)
    handlers.order(input_of(one), None)
    event = finish(stack, one)
    s3 = stack.client("s3")
    s3.put_object(Bucket="store", Key="archives/a.bam.rv", Body=b"the archive", ChecksumAlgorithm="SHA256")
    assert handlers.record(event, None)["type"] == "archive.recorded"


def test_a_result_without_an_order_is_refused(stack: Stack) -> None:
    one = wanted(stack)
    handlers.order(input_of(one), None)
    event = finish(stack, one)
    stack.catalog.client.delete_item(TableName="catalog", Key={"id": {"S": one.identity}})
    with pytest.raises(NotOrdered):
        handlers.record(event, None)


# --- Failures --------------------------------------------------------------------------------------------------------


def test_a_failure_stands_in_the_catalog_and_is_announced(stack: Stack) -> None:
    one = wanted(stack, project="p")
    handlers.order(input_of(one), None)
    event = {"input": input_of(one), "execution": "arn:x", "error": error("SourceChanged", "it has changed")}
    for _ in range(TIMES):
        assert handlers.fail(event, None)["state"] == "FAILED"
    told = item(stack, one)
    assert (told["state"], told["error_kind"], told["error"]) == ("FAILED", "SourceChanged", "it has changed")
    events = [json.loads(body) for body in stack.messages(stack.archived)]
    jsonschema.validate(events[0], SCHEMA)
    assert {one["id"] for one in events} == {events[0]["id"]}
    assert events[0]["error"] == {"kind": "SourceChanged", "message": "it has changed"}
    # It can be asked for again.
    again = Wanted(**{**json.loads(told["work"]), "options": one.options}).once_more()
    assert handlers.order(input_of(again), None)["done"] is False
    assert item(stack, one)["state"] == "ORDERED"
    assert "error" not in item(stack, one)
    handlers.fail({"input": input_of(again), "error": error("X", "y")}, None)
    assert json.loads(stack.messages(stack.archived)[0])["id"] != events[0]["id"]


def test_a_source_that_was_missing_has_failed_in_the_catalog(stack: Stack) -> None:
    one = Wanted("s3://sources/none.bam", "", Options())
    handlers.fail({"input": input_of(one), "error": error("SourceMissing", "none")}, None)
    assert (item(stack, one)["state"], item(stack, one)["source"]) == ("FAILED", one.source)


def test_the_jobs_own_reason_comes_before_batchs(stack: Stack) -> None:
    one = wanted(stack)
    handlers.order(input_of(one), None)
    cause = {"Attempts": [{"Container": {"ExitCode": 137, "Reason": "OutOfMemoryError"}}], "StatusReason": "Host died"}
    event = {"input": input_of(one), "error": {"Error": "States.TaskFailed", "Cause": json.dumps(cause)}}
    assert handlers.fail(event, None) == {
        "state": "FAILED",
        "identity": one.identity,
        "kind": "BatchFailed",
        "message": "Host died; OutOfMemoryError; exit code 137",
    }
    order = json.loads(stack.client("s3").get_object(Bucket="store", Key=f"work/{one.identity}.json")["Body"].read())
    told = {"kind": "DamagedError", "message": "broken", "attempt": 1, "order": order["created"]}
    stack.put(f"s3://store/work/{one.identity}.failed.json", json.dumps(told).encode())
    assert handlers.fail(event, None)["message"] == "broken"
    stack.put(f"s3://store/work/{one.identity}.failed.json", json.dumps({**told, "order": "before"}).encode())
    assert handlers.fail(event, None)["kind"] == "BatchFailed"


@pytest.mark.parametrize("caught", [None, 7, {}, {"Error": "States.Timeout", "Cause": ""}, {"Cause": "[" * 99999}])
def test_whatever_was_caught_the_work_has_failed(stack: Stack, caught: Any) -> None:
    one = wanted(stack)
    assert handlers.fail({"input": input_of(one), "error": caught}, None)["state"] == "FAILED"


def test_work_that_is_recorded_does_not_fail_but_is_announced(stack: Stack) -> None:
    one = wanted(stack)
    handlers.order(input_of(one), None)
    answer = handlers.record(finish(stack, one), None)
    told = handlers.fail({"input": input_of(one), "error": {"Error": "Sns.Throttled", "Cause": "busy"}}, None)
    assert told["state"] == item(stack, one)["state"] == "RECORDED"
    (event,) = (json.loads(body) for body in stack.messages(stack.archived))
    assert (event["type"], event["id"]) == ("archive.recorded", json.loads(answer["event"])["id"])


def test_what_passes_by_itself_is_told_from_what_does_not(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError, EndpointConnectionError

    def busy(code: str, status: int) -> Exception:
        made: Exception = ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "x")
        return made

    assert isinstance(clients.translated(busy("SlowDown", 503)), TryAgain)
    assert isinstance(clients.translated(busy("ThrottlingException", 400)), TryAgain)
    assert isinstance(clients.translated(EndpointConnectionError(endpoint_url="x")), TryAgain)
    assert not isinstance(clients.translated(busy("AccessDenied", 403)), TryAgain)
    assert not isinstance(clients.translated(ValueError()), TryAgain)

    def claim(*_: object) -> None:
        raise busy("ProvisionedThroughputExceededException", 400)

    monkeypatch.setattr(table, "claim", claim)
    with pytest.raises(TryAgain):
        handlers.order(input_of(wanted(stack)), None)


# --- 11 and 12: afterwards -------------------------------------------------------------------------------------------


def test_recorded_archives_go_to_the_next_queue_and_nothing_else_does(stack: Stack) -> None:
    told = json.dumps({"type": "archive.recorded", "entry": {}})
    others = (json.dumps({"type": "job.failed"}), "rubbish", "[]", "7")
    assert handlers.next_step(of_sns(told, *others), None) == {"sent": 1}
    assert stack.messages(stack.next) == [told]


@pytest.mark.parametrize(
    "form",
    [
        "{0}",
        '"{0}"',
        '{{"uuid": "{0}"}}',
        '{{"entry": "{0}"}}',
        '{{"type": "x", "entry": {{"uuid": "{0}"}}}}',
        '{{"Type": "Notification", "Message": "{{\\"uuid\\": \\"{0}\\"}}"}}',
    ],
)
def test_an_archive_is_done_with_once(stack: Stack, form: str) -> None:
    stack.catalog.put(entry(1))
    body = form.format(entry(1).uuid)
    assert handlers.downstream(of_sqs(body, "rubbish", entry(2).uuid), None) == {
        "batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]
    }
    first = stack.catalog.get(entry(1).uuid)
    assert first is not None
    assert first.done is not None
    handlers.downstream(of_sqs(body), None)
    assert stack.catalog.get(entry(1).uuid) == first
    (event,) = announced(stack)
    assert (event["type"], event["archive"], entry_of(event["entry"])) == ("archive.done", first.place, first)


def announced(stack: Stack) -> list[dict[str, Any]]:
    """The events that were announced since this was asked last, each as a vault's would be."""
    found: list[dict[str, Any]] = [json.loads(one) for one in stack.messages(stack.archived)]
    for event in found:
        jsonschema.validate(event, SCHEMA, format_checker=jsonschema.FormatChecker())
        assert (event["vault"], event["audit_head"]) == (VAULT, "0" * 64)
    return found


def tags_of(stack: Stack, key: str) -> dict[str, str]:
    found = stack.client("s3").get_object_tagging(Bucket="store", Key=f"archives/{key}")["TagSet"]
    return {one["Key"]: one["Value"] for one in found}


def stored(stack: Stack, number: int, **changes: Any) -> str:
    made = entry(number, store=STORE, sidecar=f"{number}.bam.rv.idx", **changes)
    for key in (made.key, made.sidecar):
        stack.client("s3").put_object(Bucket="store", Key=f"archives/{key}", Body=b"x", Tagging="who=me")
    stack.catalog.put(made)
    return made.uuid


def test_what_is_done_with_is_tagged_and_its_index_kept_hot(stack: Stack) -> None:
    done, other = stored(stack, 1, done="2026-11-29T12:00:00Z"), stored(stack, 2)
    assert handlers.tier({}, None) == {"moved": 1, "more": False}
    assert handlers.tier({}, None) == {"moved": 0, "more": False}
    assert tags_of(stack, "1.bam.rv") == {"who": "me", "lifecycle": "archive"}
    assert tags_of(stack, "1.bam.rv.idx") == {"who": "me", "lifecycle": "hot"}
    assert tags_of(stack, "2.bam.rv") == {"who": "me"}
    moved, stays = stack.catalog.get(done), stack.catalog.get(other)
    assert moved is not None
    assert stays is not None
    assert (moved.tier, moved.tiered is not None, stays.tier) == ("archive", True, "hot")
    (event,) = announced(stack)
    assert (event["type"], entry_of(event["entry"])) == ("archive.tiered", moved)


def test_an_archive_that_two_move_at_once_is_announced_once(stack: Stack) -> None:
    stored(stack, 1, done="2026-11-29T12:00:00Z")
    (found,) = stack.catalog.due(None)
    for _ in range(2):
        tiers.move(stack.catalog, Announcer(os.environ["READVAULT_ARCHIVED_TOPIC"], VAULT), found)
    assert [event["type"] for event in announced(stack)] == ["archive.tiered"]


def test_listeners_choose_by_the_type_of_an_event(stack: Stack) -> None:
    stored(stack, 1)
    handlers.downstream(of_sqs(entry(1).uuid), None)
    handlers.tier({}, None)
    sqs, types = stack.client("sqs"), []
    while found := sqs.receive_message(QueueUrl=stack.archived, MessageAttributeNames=["All"]).get("Messages"):
        for one in found:
            assert json.loads(one["Body"])["type"] == one["MessageAttributes"]["type"]["StringValue"]
            types.append(json.loads(one["Body"])["type"])
            sqs.delete_message(QueueUrl=stack.archived, ReceiptHandle=one["ReceiptHandle"])
    assert sorted(types) == ["archive.done", "archive.tiered"]


def test_what_is_old_is_tagged_too(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(stack, 1, created="2020-01-01T00:00:00Z")
    stored(stack, 2, created="2099-01-01T00:00:00Z")
    monkeypatch.setenv("READVAULT_TIER_AFTER_DAYS", "30")
    assert handlers.tier({}, None) == {"moved": 1, "more": False}
    assert tags_of(stack, "1.bam.rv")["lifecycle"] == "archive"


def test_an_archive_that_cannot_be_tagged_keeps_no_other_waiting(stack: Stack) -> None:
    for number in (1, 2, 3):
        stored(stack, number, done="2026-11-29T12:00:00Z")
    stack.client("s3").delete_object(Bucket="store", Key="archives/2.bam.rv")
    assert handlers.tier({}, None) == {"moved": 2, "more": False}


def test_a_function_that_runs_out_of_time_says_that_there_is_more(stack: Stack) -> None:
    stored(stack, 1, done="2026-11-29T12:00:00Z")

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 1000

    assert handlers.tier({}, Context()) == {"moved": 0, "more": True}


# --- What is said ----------------------------------------------------------------------------------------------------


def test_every_line_of_the_log_is_an_object(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    one = wanted(stack)
    handlers.dispatch(of_sqs(one.body(), "\n\x00rubbish"), None)
    handlers.order(input_of(one), None)
    with pytest.raises(SourceMissing):
        handlers.order(input_of(Wanted("s3://sources/none", "", Options())), None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["level"] for line in lines] == ["info", "error", "info", "error"]
    assert all("message" in line for line in lines)
    assert lines[-1]["kind"] == "SourceMissing"


def test_failures_of_a_table_are_those_of_the_work(catalog: DynamoCatalog) -> None:
    one = Wanted(SOURCE, "7:e", Options())
    assert table.fail(catalog, one, Failure("X", "y"), "run") is None
    found = catalog.item(one.identity)
    assert found is not None
    assert text_in(found, "error_kind") == "X"
    assert list(catalog.find()) == []

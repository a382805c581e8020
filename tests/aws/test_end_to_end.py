"""The whole stack, from an announcement to an archive in the colder class, with real files (tests/aws/emulator.py says
what of AWS is real here).

READVAULT_AWS_FILES says how many files arrive at once in the test that has many [200].
"""

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from readvault.aws import pace
from readvault.aws.messages import wanted_of
from readvault.catalog.dynamodb import DynamoCatalog
from readvault.catalog.model import entry_of
from readvault.pipeline.order import Options

from tests.aws.fleet import WATCHED, Fleet
from tests.bam import bam
from tests.servers import faults

FILES = int(os.environ.get("READVAULT_AWS_FILES") or 200)


def test_a_file_goes_all_the_way(fleet: Fleet, tmp_path: Path) -> None:
    content = bam(500)
    source = fleet.put("run1/a.bam", content)
    fleet.announce({"source": source, "project": "way", "sample": "s1", "tags": {"lane": "3"}})
    entry = fleet.entry(source)
    assert (entry.name, entry.project, entry.sample, entry.tags) == ("a.bam", "way", "s1", {"lane": "3"})
    assert (entry.size, entry.records, entry.marks, entry.tier) == (len(content), 500, (), "hot")
    assert entry.place == f"{fleet.outputs['Store']}/way/run1/a.bam.rv"
    assert fleet.give_back(entry, tmp_path) == content
    assert fleet.ended(source) == "SUCCEEDED"
    # The next workflow and whoever listens hear of it, once.
    for queue in ("NextQueue", fleet.heard):
        fleet.until(lambda queue=queue: fleet.events(source, queue))  # type: ignore[misc]
        (event,) = fleet.events(source, queue)
        assert (event["type"], event["archive"], entry_of(event["entry"])) == ("archive.recorded", entry.place, entry)
    # Nothing moves before it is said to be done, and an hour is over; then all of it but its index.
    assert entry.sidecar is not None
    fleet.call_what_the_schedule_calls()
    assert fleet.tag(entry.key) is None
    fleet.send("DoneQueue", json.dumps(event))
    fleet.until(lambda: fleet.entry(source).done)
    fleet.call_what_the_schedule_calls()
    assert (fleet.tag(entry.key), fleet.tag(entry.sidecar), fleet.entry(source).tier) == ("archive", "hot", "archive")
    # Whoever listens hears of each step once; the next workflow only of what begins.
    fleet.call_what_the_schedule_calls()
    heard = fleet.until(lambda: len(found := fleet.events(source, fleet.heard)) >= 3 and found)
    assert heard
    assert Counter(one["type"] for one in heard) == Counter(["archive.recorded", "archive.done", "archive.tiered"])
    assert len(fleet.events(source, "NextQueue")) == 1
    rules = fleet.client("s3").get_bucket_lifecycle_configuration(Bucket=fleet.outputs["StoreBucket"])["Rules"]
    moving = [one for one in rules if "Transitions" in one]
    assert [one["Filter"]["And"]["Tags"] for one in moving] == [[{"Key": "lifecycle", "Value": "archive"}]]


def test_a_file_that_appears_in_a_watched_bucket_announces_itself(fleet: Fleet) -> None:
    source = fleet.put("with a space/b.bam", bam(50), bucket=WATCHED)
    fleet.put("c.txt", b"not what is looked for", bucket=WATCHED)
    assert fleet.entry(source).records == 50
    assert not fleet.items(f"s3://{WATCHED}/c.txt")


def test_what_is_announced_ten_times_is_done_once(fleet: Fleet) -> None:
    source = fleet.put("ten/a.bam", bam(100))
    message = {"source": source, "project": "ten"}
    fleet.announce(*[message] * 5)
    entry = fleet.entry(source)
    # Also when it is done already, and by those who know nothing of what the queue takes for the same.
    fleet.announce(*[message] * 3)
    work = fleet.runs(source)[0]["input"]
    fleet.send("WorkQueue", work, work, group="bulk")
    later = fleet.put("ten/later.bam", bam(10))
    fleet.send("WorkQueue", json.dumps({"source": later}), group="bulk")
    fleet.entry(later)
    assert len(fleet.runs(source)) == len(fleet.jobs(source)) == 1
    assert set(fleet.versions("archives/ten/ten/a.bam").values()) == {1}
    assert fleet.entry(source) == entry
    assert len(fleet.items(source)) == 1
    assert len(fleet.events(source, fleet.heard)) == 1


def test_poison_is_put_aside_and_keeps_nothing_waiting(fleet: Fleet) -> None:
    good = [fleet.put(f"poison/{number}.bam", bam(20)) for number in range(3)]
    elsewhere = "s3://elsewhere/a.bam"
    fleet.announce("no JSON", [{"source": good[0]}, {"source": elsewhere}, {"source": 7}])
    rubbish = ["[1, 2", '{"source": 1}']
    fleet.send("WorkQueue", rubbish[0], json.dumps({"source": good[1]}), group="of one file")
    fleet.send("WorkQueue", rubbish[1], group="of another")
    fleet.send("WorkQueue", json.dumps({"source": good[2]}), group="of a third")
    # Behind the poison in its group waits one message, until the poison is put aside.
    for source in good:
        fleet.entry(source)
    aside = fleet.until(lambda: len(found := fleet.taken("WorkDeadQueue")) >= 5 and found)
    assert aside and Counter(map(_why, aside)) == Counter({"refused": 3, "no message": 2})
    assert not fleet.items(elsewhere)


def _why(body: str) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return "no message"
    return "refused" if "refused" in found else "no message"


def test_a_job_whose_machine_is_taken_away_is_done_at_its_second_attempt(fleet: Fleet, tmp_path: Path) -> None:
    content = bam(3000)
    source = fleet.put("spot/a.bam", content)
    fleet.aws.plan(reclaim=1)
    fleet.announce({"source": source})
    entry = fleet.entry(source)
    (job,) = fleet.jobs(source)
    assert [one["container"]["exitCode"] for one in job["attempts"]] == [137, 0]
    assert job["attempts"][0]["statusReason"].startswith("Host EC2")
    assert fleet.give_back(entry, tmp_path) == content
    assert fleet.ended(source) == "SUCCEEDED"


@pytest.mark.parametrize("kind", ["cut", "changed", "no bam"])
def test_a_source_that_is_damaged_is_kept_exactly_as_it_is(fleet: Fleet, tmp_path: Path, kind: str) -> None:
    content = bytearray(bam(2000))
    if kind == "cut":
        del content[len(content) * 2 // 3 :]
    elif kind == "changed":
        content[len(content) // 2] ^= 0xFF
    else:
        content[:4] = b"text"
    source = fleet.put(f"damaged/{kind}.bam", bytes(content))
    fleet.announce({"source": source})
    entry = fleet.entry(source)
    # A changed byte is nothing that can be seen from outside: its source's digests are those of what was there.
    assert entry.marks == {"cut": ("truncated",), "changed": (), "no bam": ("not-bam",)}[kind]
    assert fleet.give_back(entry, tmp_path) == content


def test_a_source_that_is_missing_fails_with_its_reason_and_is_done_when_it_is_there(
    fleet: Fleet, tmp_path: Path
) -> None:
    source = "s3://sources/missing/a.bam"
    fleet.announce({"source": source, "project": "missing"})
    kind, message = fleet.failure(source)
    assert (kind, source in message) == ("SourceMissing", True)
    assert fleet.ended(source) == "FAILED"
    assert fleet.runs(source)[0]["error"] == "SourceMissing"
    (event,) = fleet.until(lambda: fleet.events(source, fleet.heard))
    assert (event["type"], event["error"]) == ("job.failed", {"kind": kind, "message": message})
    assert not fleet.jobs(source)
    # The next workflow does not hear of failures.
    assert not fleet.events(source, "NextQueue")
    # Redrive: the same work once more.
    content = bam(60)
    fleet.put("missing/a.bam", content)
    again = wanted_of(json.loads(fleet.items(source)[0]["work"]["S"]), Options()).once_more()
    fleet.send("WorkQueue", again.body(), group=again.group)
    fleet.until(lambda: fleet.states_of(source) == ["RECORDED"])
    assert fleet.give_back(fleet.entry(source), tmp_path) == content
    assert [one["status"] for one in fleet.runs(source)] == ["FAILED", "SUCCEEDED"]


def test_a_reason_that_the_job_gives_is_the_one_that_people_see(fleet: Fleet) -> None:
    source = fleet.put("clash/a.bam", bam(10))
    bucket = fleet.outputs["StoreBucket"]
    fleet.client("s3").put_object(Bucket=bucket, Key="archives/clash/clash/a.bam.rv", Body=b"someone else's")
    fleet.announce({"source": source, "project": "clash"})
    assert fleet.failure(source)[0] == "NameClash"
    assert fleet.ended(source) == "FAILED"
    (job,) = fleet.jobs(source)
    assert [one["container"]["exitCode"] for one in job["attempts"]] == [1]
    assert fleet.get(f"s3://{bucket}/archives/clash/clash/a.bam.rv") == b"someone else's"


def test_a_job_that_is_stopped_by_hand_has_failed(fleet: Fleet) -> None:
    source = fleet.put("stopped/a.bam", bam(200))
    with faults(fleet.aws.url, delay_ms=1500) as slow:
        fleet.aws.plan(store=slow.url)
        fleet.announce({"source": source})
        batch = fleet.client("batch")
        running = {"jobQueue": fleet.outputs["JobQueue"], "jobStatus": "RUNNING"}
        (job,) = fleet.until(lambda: batch.list_jobs(**running)["jobSummaryList"])
        fleet.until(lambda: slow.stats()["requests"] > 1)
        batch.terminate_job(jobId=job["jobId"], reason="somebody's mistake")
        kind, message = fleet.failure(source)
        fleet.aws.plan(store=None)
    assert (kind, "somebody's mistake" in message) == ("BatchFailed", True)
    # It was told to stop, and said so, before its time was over.
    assert [one["container"]["exitCode"] for one in fleet.jobs(source)[0]["attempts"]] == [75]


@pytest.mark.parametrize("what", ["archive", "result"])
def test_what_is_changed_between_the_job_and_its_record_is_found(fleet: Fleet, what: str) -> None:
    source = fleet.put(f"changed/{what}.bam", bam(100))
    fleet.aws.plan(hold=1)
    fleet.announce({"source": source, "project": "changed"})
    fleet.until(lambda: fleet.aws.plan() == 1)
    orders = f"s3://{fleet.outputs['StoreBucket']}/work/{fleet.items(source)[0]['id']['S']}"
    if what == "archive":
        place = f"{fleet.outputs['Store']}/changed/changed/archive.bam.rv"
        content = bytearray(fleet.get(place))
        content[len(content) // 2] ^= 1
        fleet.overwrite(place, bytes(content))
    else:
        result = json.loads(fleet.get(f"{orders}.result.json"))
        result["compress"]["report"]["archive"]["sha256"] = "0" * 64
        fleet.overwrite(f"{orders}.result.json", json.dumps(result).encode())
    fleet.aws.plan(let_go=True)
    kind, message = fleet.failure(source)
    assert (kind, "changed/" in message) == ("ChecksumMismatch", True)
    assert fleet.ended(source) == "FAILED"
    (event,) = fleet.until(lambda: fleet.events(source, fleet.heard))
    assert event["type"] == "job.failed"
    assert not fleet.events(source, "NextQueue")


def test_a_store_that_is_busy_is_survived(fleet: Fleet, tmp_path: Path) -> None:
    contents = {fleet.put(f"busy/{number}.bam", content): content for number in range(3) if (content := bam(300))}
    with faults(fleet.aws.url, faults={"slow_down": 0.2, "reset": 0.03}, seed=11) as busy:
        fleet.aws.plan(store=busy.url)
        fleet.announce([{"source": source} for source in contents])
        for source, content in contents.items():
            assert fleet.give_back(fleet.entry(source), tmp_path) == content
        met = busy.stats()
        fleet.aws.plan(store=None)
    assert sum(met["faults"].values()) > 0
    assert set(fleet.versions("archives/busy/").values()) == {1}


def test_a_bulk_run_takes_what_is_below_a_prefix_at_its_pace(fleet: Fleet) -> None:
    before = fleet.put("bulk/0.bam", bam(20))
    fleet.announce({"source": before, "project": "bulk"})
    done = fleet.entry(before)
    sources = [fleet.put(f"bulk/{number}.bam", bam(20 + number)) for number in range(1, 7)]
    fleet.put("bulk/notes.txt", b"no source")
    # 1800 an hour: one every two seconds, however many may run at a time.
    told = {"bucket": "sources", "prefix": "bulk/", "concurrency": 4, "rate": 1800, "more": {"project": "bulk"}}
    started = time.monotonic()
    run = fleet.bulk(**{"from": "listing"}, **told)
    assert run["status"] == "SUCCEEDED", run
    # What is done already, and what is no source, takes no turn.
    assert time.monotonic() - started > 2 * 5
    assert fleet.done("bulk") == 7
    assert fleet.entry(before) == done
    assert all(len(fleet.runs(source)) == len(fleet.jobs(source)) == 1 for source in [before, *sources])
    begun = sorted(fleet.runs(source)[0]["startDate"] for source in sources)
    # Each at its turn or some time after it, as busy as this machine is.
    assert [(moment - begun[0]).total_seconds() > 2 * turn - 1.5 for turn, moment in enumerate(begun)] == [True] * 6, (
        begun
    )
    # Once more: there is nothing left to do.
    started = time.monotonic()
    again = fleet.bulk(**{"from": "listing"}, **{**told, "rate": 60})
    assert time.monotonic() - started < 60, "nobody took a turn"
    assert again["status"] == "SUCCEEDED"
    assert all(len(fleet.jobs(source)) == 1 for source in sources)


def test_a_bulk_run_whose_manifest_is_not_there_says_so(fleet: Fleet) -> None:
    store = fleet.outputs["StoreBucket"]
    run = fleet.bulk(**{"from": "manifest"}, bucket=store, key="work/bulk/none.json", concurrency=3)
    assert run["status"] == "FAILED"
    assert f"bulk run    {run['name']} came to nothing: " in fleet.user("status", "--once")
    assert fleet.bulk(**{"from": "somewhere"})["error"] == "BadMessage"


def test_turns_of_a_bulk_run_are_given_once_however_many_ask(fleet: Fleet) -> None:
    catalog = DynamoCatalog(fleet.client("dynamodb"), fleet.outputs["CatalogTable"])
    with ThreadPoolExecutor(8) as pool:
        turns = list(pool.map(lambda _: pace.seconds_until_turn(catalog, "many at once", 60), range(40)))
    assert sorted(turns) == pytest.approx([60 * number for number in range(40)], abs=20)


def test_a_bulk_run_takes_manifests_and_goes_on_past_what_fails(fleet: Fleet) -> None:
    sources = [fleet.put(f"manifest/a {number}.bam", bam(20 + number)) for number in range(3)]
    store = fleet.outputs["StoreBucket"]
    missing = "s3://sources/manifest/missing.bam"
    messages = [{"source": sources[0], "sample": "s0"}, {"source": "s3://elsewhere/a.bam"}, {"source": missing}]
    fleet.overwrite(f"s3://{store}/work/bulk/a.json", json.dumps(messages).encode())
    rows = "bucket,key,version\n" + "".join(f'sources,"manifest/a+{number}.bam"\n' for number in (1, 2))
    fleet.overwrite("s3://sources/manifest/a.csv", rows.encode())
    told = {"concurrency": 3, "more": {"project": "manifest"}}
    first = fleet.bulk(**{"from": "manifest"}, bucket=store, key="work/bulk/a.json", concurrency=3)
    second = fleet.bulk(**{"from": "csv"}, bucket="sources", key="manifest/a.csv", **told)
    assert (first["status"], second["status"]) == ("SUCCEEDED", "SUCCEEDED")
    assert fleet.entry(sources[0]).sample == "s0"
    assert [fleet.entry(source).project for source in sources[1:]] == ["manifest"] * 2
    assert fleet.failure(missing)[0] == "SourceMissing"
    # One that fails is counted, and one that the stack does not take leaves no work behind.
    counts = fleet.client("stepfunctions").describe_map_run(mapRunArn=fleet.map_run(first))["itemCounts"]
    assert (counts["total"], counts["succeeded"], counts["failed"]) == (3, 1, 2)
    assert not fleet.items("s3://elsewhere/a.bam")


def test_many_files_at_once_are_each_done_right_and_none_twice(fleet: Fleet, tmp_path: Path) -> None:
    sizes = {f"many/{number}.bam": 20 + number for number in range(FILES)}
    contents = {fleet.put(name, content): content for name, size in sizes.items() if (content := bam(size, seed=size))}
    started = time.monotonic()
    messages: list[dict[str, Any]] = [{"source": source, "project": "many"} for source in contents]
    for start in range(0, FILES, 100):
        fleet.announce(messages[start : start + 100])
    # The more there are, the more asking takes from those who do the work.
    fleet.until(lambda: fleet.done("many") == FILES, patience=60 + 5 * FILES, pause=max(0.2, FILES / 50))
    seconds = time.monotonic() - started
    print(f"{FILES} files in {seconds:.1f} s")
    entries = fleet.entries("many")
    assert {one.source for one in entries} == set(contents)
    assert len({one.uuid for one in entries}) == len({one.place for one in entries}) == FILES
    for entry in entries:
        content = contents[entry.source]
        assert (entry.size, entry.records) == (len(content), sizes[entry.source.removeprefix("s3://sources/")])
        assert fleet.give_back(entry, tmp_path) == content
    assert set(fleet.versions("archives/many/").values()) == {1}
    for queue in ("NextQueue", fleet.heard):
        heard = fleet.until(lambda queue=queue: _about(fleet, queue, FILES))  # type: ignore[misc]
        assert Counter(heard) == Counter(list(contents))


def _about(fleet: Fleet, queue: str, least: int) -> list[str]:
    """The sources that events of the project `many` are about, once they are so many."""
    events = [json.loads(one) for one in fleet.taken(queue)]
    found = [one["source"] for one in events if one.get("entry", {}).get("project") == "many"]
    return found if len(found) >= least else []

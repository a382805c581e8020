"""What becomes of files while functions of the stack fail, time out or cannot be reached; and how that is repaired.

Functions are broken as people break them: by a configuration that is wrong.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.aws.fleet import WATCHED, Fleet
from tests.bam import bam
from tests.servers import faults

# Seconds that a function takes to load what it needs, on a machine that is busy.
LOADING = 4


def queue_that_is_gone(fleet: Fleet) -> str:
    return fleet.outputs["NextQueue"].replace("-next", "-gone")


def test_what_the_next_workflow_did_not_hear_is_kept_and_sent_to_it_later(fleet: Fleet) -> None:
    source = fleet.put("next/a.bam", bam(20))
    with fleet.changed("NextStepFunction", READVAULT_NEXT_QUEUE=queue_that_is_gone(fleet)):
        fleet.announce({"source": source, "project": "next"})
        fleet.until(lambda: fleet.waiting("NextDeadQueue") == 1)
    # The file itself is done, and all others hear of it.
    entry = fleet.entry(source)
    assert fleet.ended(source) == "SUCCEEDED"
    assert len(fleet.until(lambda: fleet.events(source, fleet.heard))) == 1
    assert not fleet.events(source, "NextQueue")
    fleet.user("redrive", "--dead")
    (event,) = fleet.until(lambda: fleet.events(source, "NextQueue"))
    assert (event["type"], event["archive"]) == ("archive.recorded", entry.place)
    assert fleet.waiting("NextDeadQueue") == 0


def test_an_announcement_that_could_not_be_queued_is_kept_and_made_again_later(fleet: Fleet, tmp_path: Path) -> None:
    with fleet.changed("AnnouncedFunction", READVAULT_WORK_QUEUE=queue_that_is_gone(fleet)):
        contents = {fleet.put("unheard/a.bam", content): content for content in [bam(30)]}
        fleet.announce([{"source": source, "sample": "s7"} for source in contents])
        # A bucket's own event is kept as it is, too.
        contents |= {fleet.put("unheard/b.bam", content, bucket=WATCHED): content for content in [bam(31)]}
        fleet.until(lambda: fleet.waiting("FinishedDeadQueue") == 2)
    assert not [item for source in contents for item in fleet.items(source)]
    fleet.user("redrive", "--dead")
    entries = {source: fleet.entry(source) for source in contents}
    assert [entry.sample for entry in entries.values()] == ["s7", ""]
    assert [fleet.give_back(entry, tmp_path) for entry in entries.values()] == list(contents.values())
    assert fleet.waiting("FinishedDeadQueue") == 0


def test_a_function_that_takes_too_long_is_called_again(fleet: Fleet, tmp_path: Path) -> None:
    content = bam(40)
    source = fleet.put("slow/a.bam", content)
    with (
        faults(fleet.aws.url, delay_ms=60_000) as slow,
        fleet.changed("OrderFunction", LOADING, AWS_ENDPOINT_URL_S3=slow.url),
    ):
        fleet.announce({"source": source})
        fleet.until(lambda: fleet.runs(source) and fleet.errors(source))
    entry = fleet.entry(source)
    assert fleet.ended(source) == "SUCCEEDED"
    assert set(fleet.errors(source)) == {"Sandbox.Timedout"}
    assert len(fleet.runs(source)) == len(fleet.jobs(source)) == 1
    assert fleet.give_back(entry, tmp_path) == content


def test_a_failure_that_could_not_be_noted_is_found_among_what_is_stuck(fleet: Fleet, tmp_path: Path) -> None:
    content = bam(50)
    source = fleet.put("unnoted/a.bam", content)
    place = f"{fleet.outputs['Store']}/unnoted/unnoted/a.bam.rv"
    fleet.overwrite(place, b"someone else's")
    with fleet.changed("FailFunction", READVAULT_TABLE="gone"):
        fleet.announce({"source": source, "project": "unnoted"})
        fleet.until(lambda: fleet.items(source))
        assert fleet.ended(source) == "FAILED"
    # The execution says what went wrong first, not what went wrong with telling it; the catalog knows nothing of it.
    (run,) = fleet.runs(source)
    assert (run["error"], json.loads(run["cause"])["Status"]) == ("States.TaskFailed", "FAILED")
    assert fleet.errors(source)[1:] == ["ResourceNotFoundException"]
    assert fleet.states_of(source) == ["ORDERED"]
    assert not fleet.events(source, fleet.heard)
    assert stuck(fleet) == {source: "FAILED"}
    # Once more, with functions that work: now its reason is noted, and it can be repaired.
    fleet.user("redrive", "--stuck")
    assert fleet.failure(source)[0] == "NameClash"
    assert stuck(fleet) == {}
    fleet.remove(place)
    fleet.user("redrive", source)
    fleet.until(lambda: fleet.states_of(source) == ["RECORDED"])
    assert fleet.give_back(fleet.entry(source), tmp_path) == content
    assert [one["status"] for one in fleet.runs(source)] == ["FAILED", "FAILED", "SUCCEEDED"]


def test_a_failure_before_the_catalog_knew_of_the_file_is_found_too(fleet: Fleet, tmp_path: Path) -> None:
    source = "s3://sources/unknown/a.bam"
    with fleet.changed("FailFunction", READVAULT_TABLE="gone"):
        fleet.announce({"source": source})
        fleet.until(lambda: fleet.runs(source))
        assert fleet.ended(source) == "FAILED"
        assert fleet.runs(source)[0]["error"] == "SourceMissing"
        # As often as it is tried before it is mended.
        fleet.user("redrive", "--stuck")
        fleet.until(lambda: len(fleet.runs(source)) == 2)
        assert fleet.ended(source) == "FAILED"
    assert not fleet.items(source)
    assert stuck(fleet) == {source: "FAILED, and the catalog has nothing of it"}
    content = bam(60)
    fleet.put("unknown/a.bam", content)
    fleet.user("redrive", "--stuck", source)
    fleet.until(lambda: fleet.items(source))
    assert fleet.give_back(fleet.entry(source), tmp_path) == content
    assert stuck(fleet) == {}


def test_a_later_failure_that_could_not_be_noted_keeps_no_file_from_being_tried_again(fleet: Fleet) -> None:
    source = "s3://sources/later/a.bam"
    fleet.announce({"source": source})
    assert fleet.failure(source)[0] == "SourceMissing"
    assert stuck(fleet) == {}
    with fleet.changed("FailFunction", READVAULT_TABLE="gone"):
        fleet.user("redrive", source)
        fleet.until(lambda: len(fleet.runs(source)) == 2)
        assert fleet.ended(source) == "FAILED"
    assert stuck(fleet) == {source: "FAILED"}
    fleet.put("later/a.bam", bam(70))
    fleet.user("redrive", "--stuck")
    fleet.until(lambda: fleet.states_of(source) == ["RECORDED"])
    assert [one["status"] for one in fleet.runs(source)] == ["FAILED", "FAILED", "SUCCEEDED"]


def test_an_archive_that_could_not_be_announced_is_announced_later(fleet: Fleet) -> None:
    source = fleet.put("untold/a.bam", bam(80))
    with without_topic(fleet):
        fleet.announce({"source": source})
        entry = fleet.entry(source)
        assert fleet.ended(source) == "FAILED"
    assert stuck(fleet) == {source: "FAILED, and nobody was told"}
    assert not fleet.events(source, fleet.heard)
    fleet.user("redrive", "--stuck")
    for queue in ("NextQueue", fleet.heard):
        (event,) = fleet.until(lambda queue=queue: fleet.events(source, queue))  # type: ignore[misc]
        assert (event["type"], event["archive"]) == ("archive.recorded", entry.place)
    assert stuck(fleet) == {}
    assert len(fleet.runs(source)) == 1


@contextmanager
def without_topic(fleet: Fleet) -> Iterator[None]:
    """Somebody has taken the topic of archives away, and puts it back as it was."""
    topics, arn = fleet.client("sns"), fleet.outputs["ArchivedTopic"]
    names = ("RawMessageDelivery", "FilterPolicy")
    subscribed = [
        (one["Protocol"], one["Endpoint"], {name: told[name] for name in names if told.get(name)})
        for one in topics.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
        for told in [topics.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]]
    ]
    topics.delete_topic(TopicArn=arn)
    try:
        yield
    finally:
        assert topics.create_topic(Name=arn.rsplit(":", 1)[1])["TopicArn"] == arn
        for protocol, endpoint, attributes in subscribed:
            topics.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint, Attributes=attributes)


def stuck(fleet: Fleet) -> dict[str, str]:
    """The files that are stuck, and why."""
    lines = fleet.user("redrive", "--stuck", "--dry-run", "--json").splitlines()
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return {one["source"]: one["error"] for one in found}

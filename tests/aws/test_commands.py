"""`readvault aws` as a user runs it, against moto over loopback: a stack deployed, files submitted, failures redriven.

moto makes no part of a kind that it does not know, and runs no function: what they do together is tested elsewhere.
"""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from readvault.aws import table, template
from readvault.aws.messages import Wanted
from readvault.catalog.dynamodb import DynamoCatalog
from readvault.pipeline.order import Options, WorkOrder
from readvault.report import state_name

from tests.conftest import ROOT, Completed
from tests.servers import S3, started
from tests.vault.entries import entry as entry_of

MOTO = str(Path(__file__).with_name("moto_stacks.py"))
SOURCES = "sources"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/readvault-job@sha256:1"


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    """moto, where anybody may do anything."""
    with started([sys.executable, MOTO], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "moto did not start"
        found = S3(f"http://127.0.0.1:{port}", "test", "test", SOURCES)
        found.client().create_bucket(Bucket=SOURCES, CreateBucketConfiguration={"LocationConstraint": found.region})
        yield found


@dataclass
class Fleet:
    """A stack that was deployed."""

    server: S3
    outputs: dict[str, str]
    run: Callable[..., Completed]

    @property
    def catalog(self) -> DynamoCatalog:
        return DynamoCatalog(self.server.client(service="dynamodb"), self.outputs["CatalogTable"])

    def put(self, *keys: str) -> None:
        s3 = self.server.client()
        for key in keys:
            s3.put_object(Bucket=SOURCES, Key=key, Body=key.encode())

    def queued(self) -> list[dict[str, Any]]:
        """All messages of the work queue, which are taken from it."""
        return [json.loads(one["Body"]) for one in self.taken("WorkQueue")]

    def taken(self, queue: str) -> list[dict[str, Any]]:
        sqs, url, all_of_them = self.server.client(service="sqs"), self.outputs[queue], []
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get(
            "Messages"
        ):
            for one in found:
                all_of_them.append(one)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return all_of_them


@pytest.fixture
def aws(server: S3, rv: Callable[..., Completed]) -> Callable[..., Completed]:
    """Runs `readvault aws` against the server."""

    def run(*arguments: object, stdin: bytes | None = None, **more: str) -> Completed:
        return rv("aws", *arguments, stdin=stdin, env={**server.environment(), **more})

    return run


@pytest.fixture(scope="module")
def outputs(server: S3) -> dict[str, str]:
    """A stack that most tests share."""
    command = [sys.executable, "-m", "readvault", "aws", "deploy", "--image", IMAGE, "--source-bucket", SOURCES]
    done = subprocess.run(
        [*command, "--yes", "--json", "--quiet"],
        env={**os.environ, **server.environment()},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture
def fleet(aws: Callable[..., Completed], server: S3, outputs: dict[str, str]) -> Fleet:
    """The stack with empty queues and an empty catalog."""
    found = Fleet(server, outputs, aws)
    for queue in ("WorkQueue", "WorkDeadQueue", "DoneQueue", "DoneDeadQueue"):
        found.taken(queue)
    table_ = server.client(service="dynamodb")
    for item in table_.scan(TableName=outputs["CatalogTable"])["Items"]:
        table_.delete_item(TableName=outputs["CatalogTable"], Key={"id": item["id"]})
    return found


# --- The stack -------------------------------------------------------------------------------------------------------


def test_the_template_is_printed_as_it_is_deployed(aws: Callable[..., Completed]) -> None:
    assert aws("template").stdout.decode() == template.text()


def test_a_stack_is_shown_made_and_left_alone_when_nothing_changes(aws: Callable[..., Completed], server: S3) -> None:
    named = ("--stack", "first", "--image", IMAGE, "--source-bucket", SOURCES)
    refused = aws("deploy", *named)
    assert refused.returncode == 2
    assert b"StoreBucket" in refused.stderr, "the change is shown before it is asked for"
    assert b"--yes" in refused.stderr
    shown = aws("deploy", *named, "--dry-run")
    assert shown.returncode == 0, shown.stderr.decode()
    assert aws("status", "--once", "--stack", "first").returncode == 5
    made_ = aws("deploy", *named, "--yes")
    assert made_.returncode == 0, made_.stderr.decode()
    assert b"dynamodb://" in made_.stdout
    assert b"CREATE_COMPLETE" in made_.stderr
    buckets = {one["Name"] for one in server.client().list_buckets()["Buckets"]}
    assert f"readvault-code-123456789012-{server.region}" in buckets
    again = aws("deploy", "--stack", "first", "--yes")
    assert again.returncode == 0, again.stderr.decode()
    assert b"nothing would change" in again.stderr
    changed = aws("deploy", "--stack", "first", "--max-vcpus", 64, "--yes")
    assert changed.returncode == 0, changed.stderr.decode()
    told = server.client(service="cloudformation").describe_stacks(StackName="first")["Stacks"][0]
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in told["Parameters"]}
    assert (parameters["MaxVcpus"], parameters["Image"], parameters["SourceBuckets"]) == ("64", IMAGE, SOURCES)


def test_what_a_new_stack_must_be_told_is_asked_for_before_anything_is_made(aws: Callable[..., Completed]) -> None:
    missing = aws("deploy", "--stack", "second", "--image", IMAGE, "--yes")
    assert missing.returncode == 2
    assert b"SourceBuckets" in missing.stderr
    unknown = aws("deploy", "--stack", "second", "--set", "Colour=red", "--yes")
    assert unknown.returncode == 2
    assert b"Colour" in unknown.stderr


def test_without_an_image_the_commands_that_make_it_are_told(aws: Callable[..., Completed]) -> None:
    told = aws("deploy", "--stack", "third", "--source-bucket", SOURCES, "--yes")
    assert told.returncode == 1
    for word in (b"get-login-password", b"infra/Dockerfile", b" push ", b"readvault-job"):
        assert word in told.stderr


def test_an_image_is_built_and_pushed_by_the_engine_that_there_is(
    aws: Callable[..., Completed], tmp_path: Path
) -> None:
    tools, log = tmp_path / "tools", tmp_path / "log"
    tools.mkdir()
    engine = tools / "docker"
    engine.write_text(f'#!/bin/sh\necho "$@" >> {log}\n[ "$1" != login ] || cat > {log}.password\n')
    engine.chmod(0o755)
    named = ("--stack", "pushed", "--source-bucket", SOURCES)
    done = aws("deploy", *named, "--push", "--context", ROOT, "--dry-run", PATH=f"{tools}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr.decode()
    login, build, push = log.read_text().splitlines()
    assert login.startswith("login --username AWS --password-stdin 123456789012.dkr.ecr.")
    assert "infra/Dockerfile" in build
    assert push.startswith("push 123456789012.dkr.ecr.")
    assert (tmp_path / "log.password").read_text()


def test_buckets_that_tell_nothing_are_named_and_can_be_switched_on(aws: Callable[..., Completed], server: S3) -> None:
    s3 = server.client()
    s3.create_bucket(Bucket="silent", CreateBucketConfiguration={"LocationConstraint": server.region})
    topic = server.client(service="sns").create_topic(Name="others")["TopicArn"]
    others = [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]
    s3.put_bucket_notification_configuration(Bucket="silent", NotificationConfiguration={"TopicConfigurations": others})
    named = ("--stack", "events", "--image", IMAGE, "--source-bucket", "silent", "--s3-events")
    shown = aws("deploy", *named, "--dry-run", "--enable-bucket-events")
    assert shown.returncode == 0, shown.stderr.decode()
    assert b"silent sends no events to EventBridge" in shown.stderr
    # What is to be typed keeps what the bucket tells others.
    assert b"put-bucket-notification-configuration --bucket silent" in shown.stderr
    assert topic in shown.stderr.decode()
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket="silent")
    done = aws("deploy", *named, "--yes", "--enable-bucket-events")
    assert done.returncode == 0, done.stderr.decode()
    told = s3.get_bucket_notification_configuration(Bucket="silent")
    assert told["EventBridgeConfiguration"] == {}
    assert [one["TopicArn"] for one in told["TopicConfigurations"]] == [topic]
    assert b"EventBridge" not in aws("deploy", "--stack", "events", "--yes").stderr


def test_without_boto3_the_command_says_what_to_install(aws: Callable[..., Completed], tmp_path: Path) -> None:
    (tmp_path / "boto3.py").write_text("raise ModuleNotFoundError(\"No module named 'boto3'\")\n")
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    told = aws("status", PYTHONPATH=path)
    assert told.returncode != 0
    assert b"pip install 'readvault[aws]'" in told.stderr
    assert aws("plan", "--files", 1, "--size", "1G", "--hours", 1, PYTHONPATH=path).returncode == 0


def test_a_stack_that_is_not_there_is_named(aws: Callable[..., Completed]) -> None:
    told = aws("submit", "s3://sources/x.bam", "--stack", "nowhere")
    assert told.returncode == 5
    assert b"nowhere" in told.stderr


def test_a_stack_with_archives_goes_only_with_a_word_and_its_bucket_stays(
    aws: Callable[..., Completed], server: S3
) -> None:
    named = ("--stack", "last")
    ec2 = server.client(service="ec2")
    # One of its own moto cannot take away in the order that it depends on itself.
    subnet = ec2.describe_subnets()["Subnets"][0]
    network = ("--vpc", subnet["VpcId"], "--subnets", subnet["SubnetId"])
    done = aws("deploy", *named, *network, "--image", IMAGE, "--source-bucket", SOURCES, "--yes", "--json")
    assert done.returncode == 0, done.stderr.decode()
    bucket = json.loads(done.stdout)["StoreBucket"]
    server.client().put_object(Bucket=bucket, Key="archives/x.bam.rv", Body=b"archive")
    refused = aws("destroy", *named, "--yes")
    assert refused.returncode == 2
    assert b"--keep-bucket" in refused.stderr
    gone = aws("destroy", *named, "--yes", "--keep-bucket")
    assert gone.returncode == 0, gone.stderr.decode()
    assert aws("status", "--once", *named).returncode == 5


# --- Submitting ------------------------------------------------------------------------------------------------------


def test_a_file_is_sent_as_its_topic_would_send_it(fleet: Fleet) -> None:
    fleet.put("run1/a.bam")
    done = fleet.run("submit", "s3://sources/run1/a.bam", "--project", "p", "--tag", "lane=3", "--json")
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["sent"] == 1
    (message,) = fleet.taken("WorkQueue")
    etag = fleet.server.client().head_object(Bucket=SOURCES, Key="run1/a.bam")["ETag"].strip('"')
    wanted = Wanted(
        "s3://sources/run1/a.bam",
        state_name(len("run1/a.bam"), None, etag),
        Options(project="p", tags={"lane": "3"}),
    )
    assert json.loads(message["Body"]) == wanted.as_dict()
    assert message["Attributes"]["MessageGroupId"] == wanted.group
    assert message["Attributes"]["MessageDeduplicationId"] == wanted.identity


def test_prefixes_lists_and_manifests_are_taken(fleet: Fleet, tmp_path: Path) -> None:
    fleet.put(*(f"run2/{number:02}.bam" for number in range(25)), "run2/notes.txt", "run2/00.bam.rv", "run2/b c+d.bam")
    done = fleet.run("submit", "s3://sources/run2/", "--json")
    assert json.loads(done.stdout)["sent"] == 26, done.stderr.decode()
    assert {one["source"] for one in fleet.queued()} == {
        *(f"s3://sources/run2/{number:02}.bam" for number in range(25)),
        "s3://sources/run2/b c+d.bam",
    }
    fleet.put("run3/a.bam", "run3/b c.bam")
    lines = b"# a list\ns3://sources/run3/a.bam\tsample=NA1\tlane=2\n"
    (tmp_path / "manifest.csv.gz").write_bytes(gzip.compress(b'"sources","run3/b+c.bam",""\n'))
    both = fleet.run("submit", "-", "--manifest", tmp_path / "manifest.csv.gz", "--level", "max", stdin=lines)
    assert both.returncode == 0, both.stderr.decode()
    first, second = sorted(fleet.queued(), key=lambda one: str(one["source"]))
    assert (first["options"]["sample"], first["options"]["tags"]) == ("NA1", {"lane": "2"})
    assert (second["source"], second["options"]["level"]) == ("s3://sources/run3/b c.bam", "max")


def test_the_same_file_twice_is_one_message(fleet: Fleet) -> None:
    fleet.put("run4/a.bam")
    for _ in range(2):
        assert fleet.run("submit", "s3://sources/run4/a.bam").returncode == 0
    assert len(fleet.queued()) == 1


def test_what_is_not_there_or_not_the_stacks_is_told_and_the_others_go_on(fleet: Fleet) -> None:
    fleet.put("run5/a.bam")
    wrong = b"s3://sources/run5/none.bam\ns3://elsewhere/x.bam\ns3://sources/run5/a.bam\n"
    done = fleet.run("submit", "-", "--json", stdin=wrong)
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert (told["sent"], told["missing"], told["refused"]) == (1, 1, 1)
    assert b"none.bam" in done.stderr
    assert b"elsewhere" in done.stderr
    assert fleet.run("submit", "/tmp/x.bam").returncode == 2


def test_a_dry_run_sends_nothing(fleet: Fleet, tmp_path: Path) -> None:
    fleet.put("run6/a.bam")
    done = fleet.run("submit", "s3://sources/run6/", "--dry-run", "--json", "--resume", tmp_path / "state")
    assert json.loads(done.stdout)["sent"] == 1
    assert not fleet.queued()
    assert not (tmp_path / "state").exists()


def test_a_submission_that_was_cut_off_goes_on_where_it_stopped(fleet: Fleet, tmp_path: Path) -> None:
    fleet.put(*(f"run7/{number:03}.bam" for number in range(130)), "run8/z.bam")
    state = tmp_path / "state"
    # It stops at a line that is none, after all before it were sent.
    listed = [f"s3://sources/run7/{number:03}.bam\n" for number in range(130)]
    broken = "".join([*listed[:100], "s3://sources/run7/100.bam\tnonsense\n"]).encode()
    cut = fleet.run("submit", "-", "s3://sources/run8/", "--resume", state, stdin=broken)
    assert cut.returncode == 2, cut.stderr.decode()
    assert json.loads(state.read_text())["sent"] == 100
    assert len(fleet.queued()) == 100
    resumed = ("submit", "-", "s3://sources/run8/", "--resume", state, "--json")
    whole = fleet.run(*resumed, stdin="".join(listed).encode())
    assert whole.returncode == 0, whole.stderr.decode()
    told = json.loads(whole.stdout)
    assert (told["sent"], told["sent_before"]) == (31, 100)
    found = [one["source"] for one in fleet.queued()]
    assert found[0] == "s3://sources/run7/100.bam"
    assert found[-1] == "s3://sources/run8/z.bam"
    nothing = fleet.run(
        "submit", "-", "s3://sources/run8/", "--resume", state, "--json", stdin="".join(listed).encode()
    )
    assert json.loads(nothing.stdout)["sent"] == 0
    other = fleet.run("submit", "s3://sources/run8/", "--resume", state)
    assert other.returncode == 2
    assert b"another submission" in other.stderr


# --- Looking, redriving ----------------------------------------------------------------------------------------------


def order_of(source: str, options: Options) -> WorkOrder:
    return WorkOrder(0, source, "4:etag", 4, "s3://store/archives", f"{source[5:]}.rv", options, None, "2026-11-29")


def fail(fleet: Fleet, source: str, kind: str) -> Wanted:
    wanted = Wanted(source, "4:etag", Options())
    table.claim(fleet.catalog, wanted, order_of(source, wanted.options), "execution")
    table.fail(fleet.catalog, wanted, table.Failure(kind, "it failed"), "execution")
    return wanted


def record(fleet: Fleet, name: str, **fields: Any) -> Any:
    store = f"s3://{fleet.outputs['StoreBucket']}/archives"
    entry = entry_of(sum(name.encode()), name=name, store=store, key=f"{name}.rv", **fields)
    fleet.catalog.put(entry)
    return entry


def started_in_bulk(fleet: Fleet) -> dict[str, Any]:
    """The input of the one bulk run that goes on, which is stopped."""
    machine = fleet.server.client(service="stepfunctions")
    ask = {"stateMachineArn": fleet.outputs["BulkMachine"], "statusFilter": "RUNNING"}
    (run,) = machine.list_executions(**ask)["executions"]
    told: dict[str, Any] = json.loads(machine.describe_execution(executionArn=run["executionArn"])["input"])
    machine.stop_execution(executionArn=run["executionArn"])
    return told


def test_a_prefix_is_handed_over_as_it_is(fleet: Fleet) -> None:
    fleet.put("run10/a.bam")
    done = fleet.run(
        *("submit", "s3://sources/run10/", "--bulk", "--concurrency", "20", "--rate", "600/h", "--json"),
        *("--project", "p", "--include", "*.bam", "--include", "*.BAM"),
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["run"].startswith("bulk-")
    words = fleet.run("status", "--once").stdout.decode()
    assert "bulk run" in words
    assert started_in_bulk(fleet) == {
        "from": "listing",
        "bucket": "sources",
        "prefix": "run10/",
        "include": ["*.bam", "*.BAM"],
        "more": {"project": "p"},
        "concurrency": 20,
        "rate": 600.0,
    }
    assert not fleet.queued()


def test_all_else_is_handed_over_as_a_manifest(fleet: Fleet) -> None:
    fleet.put("run11/a.bam", "run11/b.bam")
    lines = b"s3://sources/run11/z.bam\tsample=z\ns3://elsewhere/x.bam\n"
    done = fleet.run("submit", "s3://sources/run11/", "-", "--bulk", "--project", "p", "--json", stdin=lines)
    assert done.returncode == 3, "some, not all, were taken"
    assert b"elsewhere" in done.stderr
    told = json.loads(done.stdout)
    assert (told["sent"], told["refused"]) == (3, 1)
    given = started_in_bulk(fleet)
    assert (given["from"], given["concurrency"], "rate" in given) == ("manifest", 1000, False)
    body = fleet.server.client().get_object(Bucket=given["bucket"], Key=given["key"])["Body"].read()
    first, second, third = json.loads(body)
    assert first["version"] == "11:" + hashlib.md5(b"run11/a.bam").hexdigest()
    assert (second["source"], second["project"]) == ("s3://sources/run11/b.bam", "p")
    assert third == {"source": "s3://sources/run11/z.bam", "project": "p", "sample": "z"}


def test_a_bulk_run_that_would_take_nothing_is_not_started(fleet: Fleet, tmp_path: Path) -> None:
    machine = fleet.server.client(service="stepfunctions")
    before = len(machine.list_executions(stateMachineArn=fleet.outputs["BulkMachine"])["executions"])
    for words, code, why in (
        (("s3://elsewhere/a/",), 2, b"s3://elsewhere/a/ is in none of this stack's source buckets"),
        (("s3://sources/", "--level", "max", "--verify", "hardly"), 2, b"`verify` is one of"),
        (("--manifest", "s3://sources/none.csv"), 5, b"s3://sources/none.csv: there is no such object"),
        (("--manifest", "s3://sources/none.json"), 5, b"s3://sources/none.json: there is no such object"),
    ):
        done = fleet.run("submit", "--bulk", *words)
        assert (done.returncode, why in done.stderr) == (code, True), done.stderr.decode()
    assert fleet.run("submit", "-", "--bulk", stdin=b"").returncode == 0
    assert fleet.run("submit", "s3://sources/", "--bulk", "--dry-run").returncode == 0
    assert fleet.run("submit", "s3://sources/", "--bulk", "--resume", tmp_path / "state").returncode == 2
    assert fleet.run("submit", "s3://sources/", "--concurrency", "5").returncode == 2
    after = len(machine.list_executions(stateMachineArn=fleet.outputs["BulkMachine"])["executions"])
    assert after == before


def test_the_status_counts_what_there_is(fleet: Fleet) -> None:
    fleet.put("run9/a.bam")
    assert fleet.run("submit", "s3://sources/run9/a.bam").returncode == 0
    fail(fleet, "s3://sources/bad.bam", "Damaged")
    record(fleet, "good.bam", size=4_000_000, archive_size=1_000_000)
    done = fleet.run("status", "--json")
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    assert told["queues"]["Work"] == {"waiting": 1, "taken": 0}
    assert told["dead"] == {"WorkDead": 0, "NextDead": 0, "DoneDead": 0, "FinishedDead": 0}
    assert (told["entries"]["recorded"], told["entries"]["failed"], told["entries"]["ordered"]) == (1, 1, 0)
    assert told["entries"]["saved_bytes"] == 3_000_000
    assert told["executions"]["RUNNING"] == 0
    assert told["failures"][0]["error_kind"] == "Damaged"
    words = fleet.run("status", "--once").stdout.decode()
    assert "1 waiting" in words
    assert "bad.bam: it failed [Damaged]" in words


def test_what_failed_is_queued_again_once(fleet: Fleet) -> None:
    one, two = fail(fleet, "s3://sources/one.bam", "NameClash"), fail(fleet, "s3://sources/two.bam", "Damaged")
    shown = fleet.run("redrive", "--all", "--dry-run")
    assert b"2 files would be queued again" in shown.stderr, shown.stderr.decode()
    by_kind = fleet.run("redrive", "--kind", "NameClash", "--json")
    assert json.loads(by_kind.stdout)["identity"] == one.identity
    (message,) = fleet.taken("WorkQueue")
    assert json.loads(message["Body"]) == one.once_more().as_dict()
    assert message["Attributes"]["MessageDeduplicationId"] == one.once_more().deduplication
    assert fleet.run("redrive", two.identity[:12]).returncode == 0
    assert fleet.run("redrive", "s3://sources/tw*").returncode == 0
    assert [found["again"] for found in fleet.queued()] == [1], "asked for twice, it is queued once"
    assert fleet.run("redrive", "s3://sources/three.bam").returncode == 5
    assert fleet.run("redrive").returncode == 2


def test_what_was_stopped_is_queued_again_and_what_runs_is_not(fleet: Fleet) -> None:
    machine = fleet.server.client(service="stepfunctions")
    wanted = [Wanted(f"s3://sources/{name}.bam", "4:etag", Options()) for name in ("runs", "stopped", "lost")]
    for one in wanted:
        table.claim(fleet.catalog, one, order_of(one.source, one.options), one.execution)
    started_ = [
        machine.start_execution(stateMachineArn=fleet.outputs["PipelineMachine"], name=one.execution, input="{}")
        for one in wanted[:2]
    ]
    machine.stop_execution(executionArn=started_[1]["executionArn"])
    shown = fleet.run("redrive", "--stuck", "--json")
    assert shown.returncode == 0, shown.stderr.decode()
    found = {told["source"]: told["error"] for told in map(json.loads, shown.stdout.decode().splitlines())}
    assert found == {"s3://sources/stopped.bam": "ABORTED", "s3://sources/lost.bam": "there is no execution"}
    assert {one["source"] for one in fleet.queued()} == set(found)
    machine.stop_execution(executionArn=started_[0]["executionArn"])


def test_messages_that_were_given_up_go_back_where_they_came_from(fleet: Fleet) -> None:
    sqs = fleet.server.client(service="sqs")
    body = Wanted("s3://sources/dead.bam", "4:etag", Options()).body()
    sqs.send_message(
        QueueUrl=fleet.outputs["WorkDeadQueue"], MessageBody=body, MessageGroupId="group", MessageDeduplicationId="one"
    )
    sqs.send_message(QueueUrl=fleet.outputs["DoneDeadQueue"], MessageBody="not a uuid")
    wrapped = json.dumps({"Records": [{"Sns": {"Message": "an event"}}]})
    sqs.send_message(QueueUrl=fleet.outputs["NextDeadQueue"], MessageBody=wrapped)
    done = fleet.run("redrive", "--dead")
    assert done.returncode == 0, done.stderr.decode()
    (message,) = fleet.taken("WorkQueue")
    assert (message["Body"], message["Attributes"]["MessageGroupId"]) == (body, "group")
    assert [one["Body"] for one in fleet.taken("DoneQueue")] == ["not a uuid"]
    assert [one["Body"] for one in fleet.taken("NextQueue")] == ["an event"]
    assert not fleet.taken("WorkDeadQueue")


# --- Archives --------------------------------------------------------------------------------------------------------


def test_the_report_has_costs_and_savings_by_project(fleet: Fleet) -> None:
    tera = 10**12
    record(fleet, "a.bam", project="p", size=4 * tera, archive_size=tera, seconds=3600.0)
    record(fleet, "b.bam", project="p", size=4 * tera, archive_size=tera, seconds=3600.0, tier="archive")
    record(fleet, "c.bam", project="q", size=tera, archive_size=tera // 2, seconds=0.0)
    prices = ("--price-per-tb-month", 20, "--price-cold-per-tb-month", 1, "--price-per-vcpu-hour", 0.5)
    told = json.loads(fleet.run("report", *prices, "--json").stdout)
    first, second = told["projects"]
    assert (first["project"], first["files"], first["before_month"], first["after_month"]) == ("p", 2, 160.0, 21.0)
    assert first["compute"] == 2 * 8 * 0.5
    assert second["saved_month"] == 10.0
    assert told["total"]["saved_month"] == 149.0
    words = fleet.run("report", "project=p").stdout.decode()
    assert "4.0x" in words
    assert "saved/month" not in words, "without prices there is no money"


def test_the_catalog_is_listed_and_chosen_archives_are_tagged(fleet: Fleet) -> None:
    first, second = record(fleet, "a.bam", project="p"), record(fleet, "b.bam", project="q")
    for entry in (first, second):
        bucket, key = entry.place.removeprefix("s3://").split("/", 1)
        fleet.server.client().put_object(Bucket=bucket, Key=key, Body=b"archive")
    listed = fleet.run("catalog", "project=p", "--json").stdout.decode().splitlines()
    assert [json.loads(line)["uuid"] for line in listed] == [first.uuid]
    assert b"would be tagged" in fleet.run("tier", "project=p", "--dry-run").stderr
    sqs, sns = (fleet.server.client(service=name) for name in ("sqs", "sns"))
    heard = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=heard, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=fleet.outputs["ArchivedTopic"], Protocol="sqs", Endpoint=arn)
    done = fleet.run("tier", "project=p", "--json")
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["uuid"] == first.uuid
    bucket, key = first.place.removeprefix("s3://").split("/", 1)
    tags = fleet.server.client().get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    assert tags == [{"Key": "lifecycle", "Value": "archive"}]
    tiers = {entry.name: entry.tier for entry in fleet.catalog.find()}
    assert tiers == {"a.bam": "archive", "b.bam": "hot"}
    # What moves by hand is announced as what the stack moves by itself.
    fleet.run("tier", "project=p")
    (message,) = sqs.receive_message(QueueUrl=heard, MaxNumberOfMessages=10)["Messages"]
    event = json.loads(json.loads(message["Body"])["Message"])
    assert (event["type"], event["entry"]["uuid"]) == ("archive.tiered", first.uuid)
    assert event["vault"] == fleet.outputs["VaultId"]


def test_deep_archives_are_asked_for_and_sources_given_back(
    fleet: Fleet, rv: Callable[..., Completed], sample: Path, tmp_path: Path
) -> None:
    packed = json.loads(rv("compress", sample, "--json").stdout)
    archive = sample.with_name("sample.bam.rv")
    source, target = packed["source"]["fingerprint"], packed["archive"]
    entry = record(
        fleet,
        "sample.bam",
        size=source["length"],
        sha256=source["sha256"],
        md5=source["md5"],
        archive_size=archive.stat().st_size,
        archive_sha256=target["sha256"],
        sidecar=None,
        reference=None,
    )
    bucket, key = entry.place.removeprefix("s3://").split("/", 1)
    fleet.server.client().put_object(Bucket=bucket, Key=key, Body=archive.read_bytes(), StorageClass="DEEP_ARCHIVE")
    deep = fleet.run("restore", "sample.bam", "--status", "--json")
    assert json.loads(deep.stdout)["state"] == "archived", deep.stderr.decode()
    asked = fleet.run("restore", "sample.bam", "--days", 3)
    assert asked.returncode == 1, asked.stderr.decode()
    ready = fleet.run("restore", "sample.bam", "--status", "--json")
    assert json.loads(ready.stdout)["state"] == "ready"
    given = fleet.run("restore", "sample.bam", "-o", tmp_path / "back", READVAULT_RETRIES="1")
    assert given.returncode == 0, given.stderr.decode()
    assert (tmp_path / "back" / "sample.bam").read_bytes() == sample.read_bytes()

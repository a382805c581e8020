"""A stack in the emulator as its users see it: files that are announced, and what becomes of them."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import readvault
from readvault.aws.template_functions import FUNCTIONS
from readvault.catalog.dynamodb import FAILED, RECORDED, entry_in
from readvault.catalog.model import Entry

from tests.aws.emulator import Emulator, emulator
from tests.aws.emulator_ground import REGION

# Seconds after which what is waited for counts as lost.
PATIENCE = 90
SOURCES, WATCHED = "sources", "watched"

Found = TypeVar("Found")


@dataclass
class Fleet:
    """A stack, its source bucket, and a queue that hears all that it announces."""

    aws: Emulator
    stack: str
    """Its name."""
    outputs: dict[str, str]
    heard: str
    """The queue that hears everything."""
    seen: dict[str, list[str]] = field(default_factory=dict)
    """What was taken from queues, by their URLs: tests share them."""
    about: dict[str, str] = field(default_factory=dict)
    """The sources of runs, by their ARNs, as far as anybody has asked."""

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    # --- What users do -----------------------------------------------------------------------------------------------

    def put(self, name: str, content: bytes, bucket: str = SOURCES) -> str:
        """A source; gives its URL."""
        self.client("s3").put_object(Bucket=bucket, Key=name, Body=content)
        return f"s3://{bucket}/{name}"

    def announce(self, *messages: object) -> None:
        """Tell the topic that files are finished: messages of our own, or texts as they are."""
        topic = self.client("sns")
        for one in messages:
            text = one if isinstance(one, str) else json.dumps(one)
            topic.publish(TopicArn=self.outputs["FinishedTopic"], Message=text)

    def send(self, queue: str, *bodies: str, group: str | None = None) -> None:
        """Put messages into a queue of the stack, past everything that stands before it."""
        sqs, start = self.client("sqs"), time.time_ns()
        for number, body in enumerate(bodies):
            more = {} if group is None else {"MessageGroupId": group, "MessageDeduplicationId": f"{start}-{number}"}
            sqs.send_message(QueueUrl=self.outputs[queue], MessageBody=body, **more)

    def bulk(self, **told: Any) -> dict[str, Any]:
        """A bulk run, once it has ended."""
        machine = self.client("stepfunctions")
        arn = machine.start_execution(
            stateMachineArn=self.outputs["BulkMachine"], name=f"bulk-{time.time_ns()}", input=json.dumps(told)
        )
        ask = {"executionArn": arn["executionArn"]}
        return self.until(lambda: (found := machine.describe_execution(**ask))["status"] != "RUNNING" and found)

    def map_run(self, run: dict[str, Any]) -> str:
        """What counts the items of a bulk run."""
        (found,) = self.client("stepfunctions").list_map_runs(executionArn=run["executionArn"])["mapRuns"]
        return str(found["mapRunArn"])

    def call_what_the_schedule_calls(self) -> None:
        """An hour is over."""
        rules = self.client("events")
        name = f"{self.outputs['TierFunction'].removesuffix('-tier')}-tier"
        for target in rules.list_targets_by_rule(Rule=name)["Targets"]:
            answer = self.client("lambda").invoke(FunctionName=target["Arn"], Payload=b"{}")
            assert "FunctionError" not in answer, answer["Payload"].read()

    def user(self, *words: str) -> str:
        """`readvault aws` as whoever has the stack runs it; gives what it writes."""
        command = [sys.executable, "-m", "readvault", "aws", words[0], "--stack", self.stack, *words[1:]]
        environment = {**os.environ, **self.aws.environment()}
        done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    @contextmanager
    def changed(self, function: str, timeout: int | None = None, **environment: str) -> Iterator[None]:
        """Somebody has changed a function's configuration, and changes it back."""
        functions = self.client("lambda")
        name = f"{self.stack}-{FUNCTIONS[function].handler.replace('_', '-')}"
        found = functions.get_function_configuration(FunctionName=name)
        before = {"Timeout": found["Timeout"], "Environment": {"Variables": found["Environment"]["Variables"]}}
        functions.update_function_configuration(
            FunctionName=name,
            Timeout=timeout or found["Timeout"],
            Environment={"Variables": {**before["Environment"]["Variables"], **environment}},
        )
        try:
            yield
        finally:
            functions.update_function_configuration(FunctionName=name, **before)

    # --- What comes of it --------------------------------------------------------------------------------------------

    def until(self, ask: Callable[[], Found], patience: float = PATIENCE, pause: float = 0.2) -> Found:
        """What a question gives as soon as that is something. `pause`: seconds before it is asked again."""
        deadline = time.monotonic() + patience
        while not (found := ask()):
            assert time.monotonic() < deadline, f"nothing after {patience} seconds: {self.states()}"
            time.sleep(pause)
        return found

    def items(self, source: str | None = None) -> list[dict[str, Any]]:
        """The catalog's items of work; of one source, or of all."""
        found: list[dict[str, Any]] = []
        for page in self.client("dynamodb").get_paginator("scan").paginate(TableName=self.outputs["CatalogTable"]):
            found += [one for one in page["Items"] if "state" in one]
        return [one for one in found if source in (None, one["source"]["S"])]

    def states(self) -> Counter[str]:
        return Counter(one["state"]["S"] for one in self.items())

    def states_of(self, source: str) -> list[str]:
        return [one["state"]["S"] for one in self.items(source)]

    def done(self, project: str) -> int:
        """How many archives of a project are recorded; none of its files may have failed."""
        found = [one["state"]["S"] for one in self.items() if one.get("project", {}).get("S") == project]
        assert FAILED not in found, self.states()
        return found.count(RECORDED)

    def entries(self, project: str) -> list[Entry]:
        """All entries of a project."""
        found = [entry_in(one) for one in self.items() if one.get("project", {}).get("S") == project]
        return [one for one in found if one is not None]

    def item(self, source: str, state: str) -> dict[str, Any]:
        """The one item of a source, once it is in this state."""
        found = self.until(lambda: [one for one in self.items(source) if one["state"]["S"] in (state, FAILED)])
        assert [one["state"]["S"] for one in found] == [state], found
        return found[0]

    def entry(self, source: str) -> Entry:
        """The entry of a source, once its archive is recorded."""
        found = entry_in(self.item(source, RECORDED))
        assert found is not None
        return found

    def failure(self, source: str) -> tuple[str, str]:
        """Why a source's work has failed, once it has: kind and message."""
        item = self.item(source, FAILED)
        return item["error_kind"]["S"], item["error"]["S"]

    def give_back(self, entry: Entry, folder: Path) -> bytes:
        """What an archive in the store gives back; it is verified first."""
        archive = folder / "archive.rv"
        archive.write_bytes(self.get(entry.place))
        readvault.verify(archive)
        readvault.decompress(archive, folder / "back")
        content = (folder / "back").read_bytes()
        for path in folder.iterdir():
            path.unlink()
        return content

    def get(self, url: str) -> bytes:
        bucket, key = url.removeprefix("s3://").split("/", 1)
        content: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def overwrite(self, url: str, content: bytes) -> None:
        bucket, key = url.removeprefix("s3://").split("/", 1)
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=content)

    def remove(self, url: str) -> None:
        """Remove an object with all its versions."""
        bucket, key = url.removeprefix("s3://").split("/", 1)
        pages = self.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
        for one in [one for page in pages for one in page.get("Versions", [])]:
            self.client("s3").delete_object(Bucket=bucket, Key=key, VersionId=one["VersionId"])

    def versions(self, prefix: str) -> Counter[str]:
        """How many states each object has had whose key begins like this."""
        pages = self.client("s3").get_paginator("list_object_versions")
        found: Counter[str] = Counter()
        for page in pages.paginate(Bucket=self.outputs["StoreBucket"], Prefix=prefix):
            found.update(one["Key"] for one in page.get("Versions", []))
        return found

    def tag(self, key: str) -> str | None:
        """What an object of the store is tagged for."""
        tags = self.client("s3").get_object_tagging(Bucket=self.outputs["StoreBucket"], Key=f"archives/{key}")
        return next((one["Value"] for one in tags["TagSet"] if one["Key"] == "lifecycle"), None)

    def waiting(self, queue: str) -> int:
        """How many messages are in a queue of the stack, with those that somebody is at."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client("sqs").get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    def taken(self, queue: str) -> list[str]:
        """All messages that a queue has given so far."""
        url = self.outputs.get(queue, queue)
        sqs, seen = self.client("sqs"), self.seen.setdefault(url, [])
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                seen.append(one["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return seen

    def events(self, source: str, queue: str) -> list[dict[str, Any]]:
        """The events about a source that a queue has given."""
        return [event for one in self.taken(queue) if (event := json.loads(one))["source"] == source]

    def runs(self, source: str) -> list[dict[str, Any]]:
        """The machine's runs for a source, the oldest first."""
        machine = self.client("stepfunctions")
        found: list[dict[str, Any]] = []
        pages = machine.get_paginator("list_executions").paginate(stateMachineArn=self.outputs["PipelineMachine"])
        for arn in [one["executionArn"] for page in pages for one in page["executions"]]:
            if self.about.get(arn, source) != source:
                continue
            told = machine.describe_execution(executionArn=arn)
            self.about[arn] = json.loads(told["input"])["source"]
            if self.about[arn] == source:
                found.insert(0, told)
        return found

    def errors(self, source: str) -> list[str]:
        """What went wrong in the last run for a source, whether or not it was tried again."""
        machine, run = self.client("stepfunctions"), self.runs(source)[-1]
        pages = machine.get_paginator("get_execution_history").paginate(executionArn=run["executionArn"])
        events = [event for page in pages for event in page["events"]]
        return [event["taskFailedEventDetails"]["error"] for event in events if event["type"] == "TaskFailed"]

    def jobs(self, source: str) -> list[dict[str, Any]]:
        """Batch's jobs for a source."""
        names = {one["name"] for one in self.runs(source)}
        batch = self.client("batch")
        pages = batch.get_paginator("list_jobs").paginate(jobQueue=self.outputs["JobQueue"], jobStatus="SUCCEEDED")
        pages_of_failed = batch.get_paginator("list_jobs").paginate(
            jobQueue=self.outputs["JobQueue"], jobStatus="FAILED"
        )
        found = [one for some in (pages, pages_of_failed) for page in some for one in page["jobSummaryList"]]
        numbers = [one["jobId"] for one in found if one["jobName"] in names]
        jobs: list[dict[str, Any]] = batch.describe_jobs(jobs=numbers)["jobs"] if numbers else []
        return jobs

    def ended(self, source: str) -> str:
        """How the last run for a source has ended, once it has."""
        runs = self.until(lambda: [one for one in self.runs(source)[-1:] if one["status"] != "RUNNING"])
        return str(runs[0]["status"])


@contextmanager
def fleet_of(aws: Emulator, name: str, **parameters: object) -> Iterator[Fleet]:
    """A stack of that name, and what its users have beside it."""
    outputs = aws.deploy(name, SourceBuckets=f"{SOURCES},{WATCHED}", Level="fast", **parameters)
    sqs, sns = aws.client("sqs"), aws.client("sns")
    heard = sqs.create_queue(QueueName=f"{name}-heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=heard, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=outputs["ArchivedTopic"], Protocol="sqs", Endpoint=arn, Attributes=raw)
    yield Fleet(aws, name, outputs, heard)


@contextmanager
def stack() -> Iterator[Fleet]:
    """An emulator with source buckets, one of which tells of its new objects, and the stack."""
    with emulator() as aws:
        s3 = aws.client("s3")
        for bucket in (SOURCES, WATCHED):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        tells: dict[str, Any] = {"EventBridgeConfiguration": {}}
        s3.put_bucket_notification_configuration(Bucket=WATCHED, NotificationConfiguration=tells)
        with fleet_of(aws, "fleet", S3Events="yes") as fleet:
            yield fleet

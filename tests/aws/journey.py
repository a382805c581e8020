"""A user's whole way through the commands, as processes of their own: from empty buckets to a stack that is gone.

It goes the same way through an account of AWS and through the emulator (tests/aws/test_account.py). All that it makes
has a random name, and is removed at its end, however it ends: a stack, three buckets, and what outlives the stack (the
store's bucket and the table). What cannot be removed is told.
"""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from readvault.aws import template

from tests.bam import bam, leaning

PROJECT = "journey"
# Seconds after which a command counts as hung: deploying waits for all of CloudFormation's work.
_COMMAND = 3600
# How often a bucket is emptied that fills again.
_EMPTIED = 20
# What the stack leaves where it is when it goes.
_STAYS = ("AWS::S3::Bucket", "AWS::DynamoDB::Table")


@dataclass(frozen=True)
class Ground:
    """Where the journey goes."""

    client: Callable[[str], Any]
    image: str
    environment: dict[str, str] = field(default_factory=dict)
    """What commands are told besides what this process knows."""
    options: tuple[str, ...] = ()
    """Options of `aws deploy`, such as a network: without any, the stack has one of its own."""
    patience: float = 60
    """Seconds after which what is waited for counts as lost."""
    pause: float = 0.5
    """Seconds between two looks."""


@dataclass
class Journey:
    """One that is under way."""

    ground: Ground
    name: str
    folder: Path
    kept: dict[str, str] = field(default_factory=dict)
    """What stays of the stack: kinds, by what AWS calls them."""

    @property
    def buckets(self) -> dict[str, str]:
        """Buckets beside the stack's, by what they are for."""
        return {kind: f"{self.name}-{kind}" for kind in ("sources", "watched", "code")}

    def run(self, *words: object, code: int = 0) -> list[Any]:
        """Run `readvault` with these words; gives what it says as JSON, line by line."""
        done = subprocess.run(
            [sys.executable, "-m", "readvault", *map(str, words)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=_COMMAND,
            env={**os.environ, **self.ground.environment, "READVAULT_STACK": self.name},
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()] if "--json" in words else []

    def put(self, kind: str, key: str, content: bytes) -> str:
        """A source; gives its URL."""
        bucket = self.buckets[kind]
        self.ground.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        return f"s3://{bucket}/{key}"

    def until(self, ask: Callable[[], Any]) -> Any:
        """What a question gives as soon as that is something."""
        deadline = time.monotonic() + self.ground.patience
        while True:
            assert time.monotonic() < deadline, f"nothing after {self.ground.patience} seconds"
            if found := ask():
                return found
            time.sleep(self.ground.pause)

    def make_bucket(self, kind: str) -> None:
        s3 = self.ground.client("s3")
        region = s3.meta.region_name
        # us-east-1 is where buckets are that name no place, and may not be named.
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=self.buckets[kind], **where)

    # --- The end -----------------------------------------------------------------------------------------------------

    def note_what_stays(self) -> None:
        """Remember what the stack will leave behind: a stack that is gone cannot be asked."""
        service = self.ground.client("cloudformation")
        for page in service.get_paginator("list_stack_resources").paginate(StackName=self.name):
            for one in page["StackResourceSummaries"]:
                if one["ResourceType"] in _STAYS and one.get("PhysicalResourceId"):
                    self.kept[one["PhysicalResourceId"]] = one["ResourceType"]

    def remove_all(self) -> list[str]:
        """Remove everything; gives what is still there, and why."""
        left: list[str] = []
        with _told(left, f"the stack {self.name}"):
            self._remove_stack()
        for bucket in [*self.buckets.values(), *(one for one, kind in self.kept.items() if kind == _STAYS[0])]:
            with _told(left, f"the bucket {bucket}"):
                self._remove_bucket(bucket)
        for table in (one for one, kind in self.kept.items() if kind == _STAYS[1]):
            with _told(left, f"the table {table}"):
                self.ground.client("dynamodb").delete_table(TableName=table)
        return left

    def _remove_stack(self) -> None:
        service = self.ground.client("cloudformation")
        try:
            service.describe_stacks(StackName=self.name)
        except service.exceptions.ClientError:
            # Destroyed as users do it, or never made.
            return
        self.note_what_stays()
        service.delete_stack(StackName=self.name)
        service.get_waiter("stack_delete_complete").wait(StackName=self.name)

    def _remove_bucket(self, bucket: str) -> None:
        s3 = self.ground.client("s3")
        for attempt in range(_EMPTIED):
            try:
                self._empty(bucket)
                s3.delete_bucket(Bucket=bucket)
            except s3.exceptions.NoSuchBucket:
                # The journey did not come so far.
                return
            except s3.exceptions.ClientError as error:
                # A journey that broke off may have left a job that was just writing.
                if error.response["Error"]["Code"] != "BucketNotEmpty" or attempt + 1 == _EMPTIED:
                    raise
                time.sleep(self.ground.pause)
            else:
                return

    def _empty(self, bucket: str) -> None:
        s3 = self.ground.client("s3")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            named = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
            if named:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})


@contextlib.contextmanager
def _told(left: list[str], what: str) -> Iterator[None]:
    """Whatever goes wrong is written down, and the rest goes on."""
    try:
        yield
    except Exception as error:
        left.append(f"{what}: {error}")


def journey(ground: Ground, folder: Path, check: Callable[[str], object] = lambda url: None) -> None:
    """Go all the way, and remove what was made. `check` is told where the template is before anything is made of it."""
    made = Journey(ground, f"readvault-test-{secrets.token_hex(4)}", folder)
    try:
        made.make_bucket("code")
        made.put("code", "template.json", template.text().encode())
        check(f"{ground.client('s3').meta.endpoint_url}/{made.buckets['code']}/template.json")
        _go(made)
    finally:
        left = made.remove_all()
        for one in left:
            print(f"could not be removed: {one}")
    assert not left


def _go(way: Journey) -> None:
    for kind in ("sources", "watched"):
        way.make_bucket(kind)
    # One of the two tells of its new objects: what is announced in both ways, with a project and without, is two works.
    way.ground.client("s3").put_bucket_notification_configuration(
        Bucket=way.buckets["watched"], NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    ours = (f"project={PROJECT}",)
    contents = {name: bam(300, seed=seed) for seed, name in enumerate(("sent", "told", "seen", "many", "late"))}
    sent, told = (way.put("sources", f"run/{name}.bam", contents[name]) for name in ("sent", "told"))
    many = way.put("sources", "bulk/many.bam", contents["many"])
    contents["leaning"], fasta = leaning(300, seed=9)
    reference, lean = way.put("sources", "genome.fa", fasta), way.put("sources", "run/lean.bam", contents["leaning"])
    late = f"s3://{way.buckets['sources']}/run/late.bam"

    outputs = _deploy(way)
    table = outputs["Catalog"]
    way.note_what_stays()
    assert sorted(way.kept.values()) == sorted(_STAYS), way.kept

    # Files come in by all the ways that there are, and one is not there yet.
    (counts,) = way.run("aws", "submit", sent, "--project", PROJECT, "--json")
    assert counts["sent"] == 1
    (counts,) = way.run("aws", "submit", lean, "--project", PROJECT, "--reference", reference, "--json")
    assert counts["sent"] == 1
    announced = [{"source": source, "project": PROJECT} for source in (told, late)]
    way.ground.client("sns").publish(TopicArn=outputs["FinishedTopic"], Message=json.dumps(announced))
    seen = way.put("watched", "run/seen.bam", contents["seen"])
    (bulk,) = way.run("aws", "submit", f"s3://{way.buckets['sources']}/bulk/", "--bulk", "--project", PROJECT, "--json")
    assert bulk["run"]

    def recorded() -> dict[str, Any]:
        return {one["source"]: one for one in way.run("catalog", "ls", "--vault", table, "--json")}

    def failures() -> list[Any]:
        (status,) = way.run("aws", "status", "--json")
        found: list[Any] = status["failures"]
        return found

    (failure,) = way.until(failures)
    assert (failure["source"], failure["error_kind"]) == (late, "SourceMissing")
    way.until(lambda: {sent, lean, told, many, seen} <= set(recorded()))

    way.put("sources", "run/late.bam", contents["late"])
    (again,) = way.run("aws", "redrive", "--kind", "SourceMissing", "--json")
    assert again["source"] == late
    entries = way.until(lambda: found if late in (found := recorded()) else None)
    projects = dict.fromkeys([sent, lean, told, many, late], PROJECT) | {seen: ""}
    assert {source: one["project"] for source, one in entries.items()} == projects
    assert [source for source, one in entries.items() if one["reference"]] == [lean]
    # Each of the table's indexes follows in its own time.
    way.until(lambda: len(way.run("aws", "catalog", *ours, "--json")) == 5)
    (status,) = way.run("aws", "status", "--json")
    counts = status["entries"]
    assert (counts["recorded"], counts["failed"], sum(status["dead"].values())) == (6, 0, 0), status

    # What is given back is what was there, byte for byte, also when the first copy of the reference is gone.
    way.put("sources", "genome.fa", b"another")
    given = way.run("aws", "restore", *ours, "-o", "back", "--json")
    assert {(way.folder / one["path"]).read_bytes() for one in given} == {
        contents[name] for name in ("sent", "leaning", "told", "many", "late")
    }

    moved = way.run("aws", "tier", *ours, "--json")
    assert [one["moved"] for one in moved] == [True] * 5
    (report,) = way.run("aws", "report", "--price-per-tb-month", 20, "--json")
    assert report["total"]["files"] == 6
    way.until(lambda: {one["tier"] for one in recorded().values() if one["project"] == PROJECT} == {"archive"})

    way.run("aws", "destroy", "--yes", code=2)
    way.run("aws", "destroy", "--yes", "--keep-bucket")
    way.run("aws", "status", "--json", code=5)
    # The archives outlive it.
    assert set(recorded()) == set(entries)


def _deploy(way: Journey) -> dict[str, str]:
    """The stack, as small as it can be; gives its outputs."""
    small = {"JobVcpus": 2, "JobMemory": 3000, "LogDays": 1}
    (outputs,) = way.run(
        "aws",
        "deploy",
        *("--yes", "--json", "--s3-events", "--level", "fast", "--max-vcpus", 8),
        *("--image", way.ground.image, "--code-bucket", way.buckets["code"]),
        *(word for kind in ("sources", "watched") for word in ("--source-bucket", way.buckets[kind])),
        *(word for name, value in small.items() for word in ("--set", f"{name}={value}")),
        *way.ground.options,
    )
    found: dict[str, str] = outputs
    return found

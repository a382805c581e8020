"""`readvault catalog check` and `import` on a fleet's table: as on a vault, with the claims that the fleet makes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import readvault
from readvault.archive import index
from readvault.aws import table
from readvault.aws.failures import NameClash
from readvault.aws.messages import Wanted
from readvault.aws.table import Failure
from readvault.catalog.dynamodb import DynamoCatalog
from readvault.catalog.model import Entry, entry_of
from readvault.pipeline.order import Options, WorkOrder

from tests.aws.conftest import table_of
from tests.aws.test_commands import IMAGE, MOTO, SOURCES
from tests.bam import bam
from tests.conftest import Completed
from tests.servers import S3, started
from tests.vault.entries import entry

WORK = Wanted(f"s3://{SOURCES}/run/a.bam", "5:e", Options())


@dataclass
class Fleet:
    """A stack that was deployed, and the commands that are told its table."""

    server: S3
    outputs: dict[str, str]
    rv: Callable[..., Completed]
    folder: Path

    @property
    def catalog(self) -> DynamoCatalog:
        return DynamoCatalog(self.server.client(service="dynamodb"), self.outputs["CatalogTable"])

    @property
    def store(self) -> str:
        return self.outputs["Store"]

    def run(self, *arguments: object, vault: str | None = None) -> Completed:
        vault = vault or self.outputs["Catalog"]
        return self.rv("catalog", *arguments, "--vault", vault, env=self.server.environment())

    def packed(self, name: str, records: int = 30) -> Path:
        """An archive in a folder of this machine."""
        path = self.folder / "old" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bam(records))
        readvault.compress(path)
        path.unlink()
        return path.with_name(f"{name}.rv")

    def put(self, key: str, content: bytes) -> str:
        """Something in the store."""
        self.server.client().put_object(Bucket=self.outputs["StoreBucket"], Key=f"archives/{key}", Body=content)
        return f"{self.store}/{key}"

    def remove(self, key: str) -> None:
        self.server.client().delete_object(Bucket=self.outputs["StoreBucket"], Key=f"archives/{key}")

    def imported(self, *arguments: object) -> list[dict[str, Any]]:
        done = self.run("import", *arguments, "--json")
        assert done.returncode == 0, done.stderr.decode()
        return [json.loads(line) for line in done.stdout.splitlines()]

    def found(self, *arguments: object) -> tuple[int, dict[str, str]]:
        """The exit code of a check, and for each kind of finding the key of the last."""
        done = self.run("check", "--json", *arguments)
        *found, last = [json.loads(line) for line in done.stdout.splitlines()]
        assert sum(last["findings"].values()) == len(found)
        return done.returncode, {one["finding"]: one["place"].removeprefix(f"{self.store}/") for one in found}

    def order(self, key: str, wanted: Wanted = WORK) -> Entry | None:
        """Order work whose archive is to stand at a key, as the function Order does."""
        order = WorkOrder(0, wanted.source, wanted.version, 5, self.store, key, wanted.options, None, "now")
        return table.claim(self.catalog, wanted, order, wanted.execution)


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with started([sys.executable, MOTO], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        found = S3(f"http://127.0.0.1:{process.stdout.readline().strip()}", "test", "test", SOURCES)
        found.client().create_bucket(Bucket=SOURCES, CreateBucketConfiguration={"LocationConstraint": found.region})
        yield found


@pytest.fixture(scope="module")
def outputs(server: S3) -> dict[str, str]:
    command = [sys.executable, "-m", "readvault", "aws", "deploy", "--image", IMAGE, "--source-bucket", SOURCES]
    environment = {**os.environ, **server.environment()}
    done = subprocess.run([*command, "-y", "--json"], env=environment, capture_output=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture
def fleet(server: S3, outputs: dict[str, str], rv: Callable[..., Completed], tmp_path: Path) -> Fleet:
    """The stack with an empty catalog and an empty store."""
    found = Fleet(server, outputs, rv, tmp_path)
    for item in found.catalog.client.scan(TableName=outputs["CatalogTable"])["Items"]:
        found.catalog.client.delete_item(TableName=outputs["CatalogTable"], Key={"id": item["id"]})
    s3 = server.client()
    for one in s3.list_objects_v2(Bucket=outputs["StoreBucket"], Prefix="archives/").get("Contents", []):
        s3.delete_object(Bucket=outputs["StoreBucket"], Key=one["Key"])
    return found


def indexed(archive: Path) -> bytes:
    """The indexes of an archive."""
    index(archive)
    return archive.with_name(f"{archive.name}.idx").read_bytes()


# --- Import ----------------------------------------------------------------------------------------------------------


def test_archives_of_the_store_and_from_elsewhere_get_entries_once(fleet: Fleet) -> None:
    content = fleet.packed("a.bam")
    fleet.put("p/a.bam.rv", content.read_bytes())
    fleet.put("p/a.bam.rv.idx", indexed(content))
    elsewhere = fleet.packed("b.bam", 40)
    (told,) = fleet.imported(f"{fleet.store}/", "--project", "p", "--tag", "lane=3")
    assert (told["key"], told["sidecar"], told["verified"]) == ("p/a.bam.rv", "p/a.bam.rv.idx", "full")
    assert (told["project"], told["tags"], told["records"], told["tier"]) == ("p", {"lane": "3"}, 30, "hot")
    # A stack's bucket keeps versions, so the state is named by one.
    assert told["version"]
    refused = fleet.run("import", elsewhere)
    assert (refused.returncode, b"--copy" in refused.stderr) == (2, True)
    (told,) = fleet.imported(elsewhere, "--copy", "--project", "q", "--verify", "digest")
    # As the stack itself names archives.
    assert (told["key"], told["verified"]) == ("q/old/b.bam.rv", "imported")
    assert [one["known"] for one in fleet.imported(f"{fleet.store}/", elsewhere)] == [True, True, True]
    assert fleet.catalog.count()[0] == 2
    assert fleet.found() == fleet.found("--digest") == fleet.found("project=q") == (0, {})


def test_what_is_imported_is_announced(fleet: Fleet) -> None:
    sqs, sns = (fleet.server.client(service=name) for name in ("sqs", "sns"))
    heard = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=heard, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=fleet.outputs["ArchivedTopic"], Protocol="sqs", Endpoint=arn, Attributes=raw)
    fleet.put("a.bam.rv", fleet.packed("a.bam").read_bytes())
    for _ in range(2):
        (told,) = fleet.imported(fleet.store)
    (message,) = sqs.receive_message(QueueUrl=heard, MaxNumberOfMessages=10, MessageAttributeNames=["All"])["Messages"]
    event = json.loads(message["Body"])
    assert (event["type"], event["vault"]) == ("archive.recorded", fleet.outputs["VaultId"])
    assert message["MessageAttributes"]["type"]["StringValue"] == "archive.recorded"
    assert entry_of(event["entry"]) == fleet.catalog.get(told["uuid"])


def test_a_file_whose_archive_was_imported_is_a_clash_and_not_done_again(fleet: Fleet) -> None:
    fleet.put("a.bam.rv", fleet.packed("a.bam").read_bytes())
    (told,) = fleet.imported(fleet.store)
    with pytest.raises(NameClash, match=told["uuid"]):
        fleet.order("a.bam.rv")
    # What would record the same archive elsewhere finds that it has an entry.
    assert fleet.order("b.bam.rv") is None
    same = entry(1, uuid=told["uuid"], store=fleet.store, key="b.bam.rv")
    with pytest.raises(NameClash):
        table.record(fleet.catalog, WORK.identity, same, "run")
    assert fleet.catalog.count()[0] == 1


def test_the_place_of_work_that_is_not_done_is_not_taken(fleet: Fleet) -> None:
    place = fleet.put("a.bam.rv", fleet.packed("a.bam").read_bytes())
    assert fleet.order("a.bam.rv") is None
    refused = fleet.run("import", place)
    assert (refused.returncode, WORK.identity.encode() in refused.stderr) == (1, True)
    # What has failed has given it up.
    table.fail(fleet.catalog, WORK, Failure("X", "y"), "run")
    (told,) = fleet.imported(place)
    assert told["known"] is False
    with pytest.raises(NameClash, match=told["uuid"]):
        fleet.order("a.bam.rv")


def test_what_the_fleet_has_recorded_is_known(fleet: Fleet) -> None:
    place = fleet.put("a.bam.rv", fleet.packed("a.bam").read_bytes())
    (told,) = fleet.imported(place)
    made = fleet.catalog.get(told["uuid"])
    assert made is not None
    fleet.catalog.remove(made.uuid)
    fleet.order("a.bam.rv")
    table.record(fleet.catalog, WORK.identity, made, "run")
    (again,) = fleet.imported(place)
    assert (again["known"], again["uuid"]) == (True, made.uuid)
    assert fleet.catalog.count()[0] == 1


def test_a_damaged_archive_gets_no_entry(fleet: Fleet) -> None:
    content = bytearray(fleet.packed("a.bam").read_bytes())
    content[len(content) // 2] ^= 1
    fleet.put("a.bam.rv", bytes(content))
    fleet.put("b.bam.rv", fleet.packed("b.bam").read_bytes())
    done = fleet.run("import", fleet.store)
    assert (done.returncode, b"a.bam.rv" in done.stderr, b"1 imported, " in done.stderr) == (3, True, False)
    assert [one.name for one in fleet.catalog.find()] == ["b.bam"]


def test_a_table_that_nothing_tells_the_store_of_says_so(fleet: Fleet) -> None:
    table_of(fleet.server.client(service="dynamodb"), "alone")
    for arguments in (["check"], ["import", fleet.packed("a.bam"), "--copy"]):
        done = fleet.run(*arguments, vault="dynamodb://alone")
        assert (done.returncode, b"no archives yet and is no stack's" in done.stderr) == (2, True)
    # Its entries tell it, whatever became of its stack.
    DynamoCatalog(fleet.catalog.client, "alone").put(entry(1, store=fleet.store))
    done = fleet.run("check", "-q", vault="dynamodb://alone")
    assert (done.returncode, b"missing" in done.stdout) == (4, True)


# --- Check -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", [[], ["project=p"]], ids=["all", "chosen"])
def test_what_is_missing_or_changed_is_found(fleet: Fleet, chosen: list[str]) -> None:
    contents = {name: fleet.packed(name, 20 + number) for number, name in enumerate(["a.bam", "b.bam", "c.bam"])}
    for name, path in contents.items():
        fleet.put(f"{name}.rv", path.read_bytes())
    fleet.put("a.bam.rv.idx", indexed(contents["a.bam"]))
    fleet.imported(fleet.store, "--project", "p")
    done = fleet.run("check", *chosen)
    assert (done.returncode, done.stdout, b"3 entries" in done.stderr) == (0, b"", True)
    fleet.remove("a.bam.rv.idx")
    fleet.remove("b.bam.rv")
    fleet.put("c.bam.rv", contents["c.bam"].read_bytes() + b"x")
    wanted = {"sidecar": "a.bam.rv.idx", "missing": "b.bam.rv", "changed": "c.bam.rv"}
    assert fleet.found(*chosen) == (4, wanted)
    # A check changes nothing: neither what it has found nor the catalog.
    assert fleet.found(*chosen) == (4, wanted)


def test_what_no_entry_tells_of_is_found_and_what_is_being_made_is_not(fleet: Fleet) -> None:
    fleet.put("new/a.bam.rv", b"an archive")
    fleet.put("new/a.bam.rv.idx", b"its index")
    fleet.order("new/a.bam.rv")
    assert fleet.found() == (0, {})
    fleet.put("old.rv", b"an archive")
    assert fleet.found() == (3, {"orphan": "old.rv"})
    table.fail(fleet.catalog, WORK, Failure("X", "y"), "run")
    done = fleet.run("check")
    assert (done.returncode, done.stdout.count(b"orphan ")) == (3, 3)


def test_archives_of_another_store_are_looked_at_one_by_one(fleet: Fleet) -> None:
    content = fleet.packed("a.bam").read_bytes()
    fleet.put("a.bam.rv", content)
    (told,) = fleet.imported(fleet.store)
    fleet.server.client().put_object(Bucket=SOURCES, Key="before/a.bam.rv", Body=content)
    moved = entry(1, store=f"s3://{SOURCES}/before", key="a.bam.rv", archive_size=len(content), created=told["created"])
    fleet.catalog.put(moved)
    fleet.catalog.change(told["uuid"], project="the last that was changed")
    assert fleet.found() == (0, {})
    fleet.server.client().delete_object(Bucket=SOURCES, Key="before/a.bam.rv")
    assert fleet.found() == (4, {"missing": moved.place})

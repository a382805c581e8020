"""A stack's services for tests: moto in this process, with what the template makes of tables, queues and topics; and a
whole stack in the emulator, one for all modules that ask for it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from moto import mock_aws
from readvault.aws import clients, template_store
from readvault.catalog.dynamodb import DynamoCatalog

from tests.aws import fleet as fleets
from tests.aws import moto_tables

# This has only to be loaded.
assert moto_tables

REGION = "eu-central-1"
ACCOUNT = "123456789012"
STORE = "s3://store/archives"
SOURCES = "sources"
VAULT = "3f0c6f4e-0d7e-4f0e-9d6c-0e1a5b7c9d11"


@dataclass(frozen=True)
class Stack:
    """What a stack has."""

    work: str
    next: str
    archived: str
    """Queue that hears all that the topic says."""
    machine: str
    catalog: DynamoCatalog

    def client(self, service: str) -> Any:
        return clients.client(service)

    def messages(self, queue: str) -> list[str]:
        """All messages of a queue, which are taken from it."""
        bodies = []
        sqs = clients.client("sqs")
        while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                bodies.append(one["Body"])
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return bodies

    def put(self, url: str, content: bytes) -> None:
        bucket, key = url.removeprefix("s3://").split("/", 1)
        clients.client("s3").put_object(Bucket=bucket, Key=key, Body=content)

    def runs(self) -> list[dict[str, Any]]:
        """The runs of the state machine, the oldest first."""
        machine = clients.client("stepfunctions")
        found = machine.list_executions(stateMachineArn=self.machine)["executions"]
        return [machine.describe_execution(executionArn=one["executionArn"]) for one in reversed(found)]

    def items(self) -> list[dict[str, Any]]:
        found = clients.client("dynamodb").scan(TableName=self.catalog.table)["Items"]
        return sorted(found, key=lambda item: str(item["id"]["S"]))


def table_of(client: Any, name: str) -> None:
    """The catalog's table, as the template makes it."""
    made = template_store.resources()["CatalogTable"]["Properties"]
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    client.create_table(TableName=name, **{one: made[one] for one in wanted})


@pytest.fixture(scope="package")
def fleet() -> Iterator[fleets.Fleet]:
    """A stack in the emulator, which tests share: what one leaves behind, the others find."""
    with fleets.stack() as made:
        yield made


@contextmanager
def moto() -> Iterator[None]:
    """moto, empty."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
        }.items():
            environment.setenv(name, value)
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        clients.client.cache_clear()
        with mock_aws():
            yield
        clients.client.cache_clear()


@contextmanager
def table_in_moto() -> Iterator[DynamoCatalog]:
    """An empty catalog."""
    with moto():
        table_of(clients.client("dynamodb"), "catalog")
        yield clients.catalog("catalog")


@pytest.fixture
def aws() -> Iterator[None]:
    """moto, empty."""
    with moto():
        yield


@pytest.fixture
def catalog() -> Iterator[DynamoCatalog]:
    """An empty catalog."""
    with table_in_moto() as made:
        yield made


@pytest.fixture
def stack(catalog: DynamoCatalog, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack's parts, and the environment that its functions have."""
    where = {"LocationConstraint": REGION}
    s3, sqs, sns = (clients.client(name) for name in ("s3", "sqs", "sns"))
    for bucket in ("store", SOURCES):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    fifo = {"FifoQueue": "true"}
    made = Stack(
        work=sqs.create_queue(QueueName="stack-work.fifo", Attributes=fifo)["QueueUrl"],
        next=sqs.create_queue(QueueName="stack-next")["QueueUrl"],
        archived=sqs.create_queue(QueueName="archived")["QueueUrl"],
        machine=_machine(),
        catalog=catalog,
    )
    topic = sns.create_topic(Name="archived")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=made.archived, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
    for name, value in {
        "WORK_QUEUE": made.work,
        "NEXT_QUEUE": made.next,
        "MACHINE": made.machine,
        "ARCHIVED_TOPIC": topic,
        "TABLE": catalog.table,
        "STORE": STORE,
        "ORDERS": "s3://store/work",
        "VAULT_ID": VAULT,
        "KEY": "{project}/{name}.rv",
        "LEVEL": "fast",
        "VERIFY": "digest",
        "TIER_AFTER_DAYS": "0",
    }.items():
        monkeypatch.setenv(f"READVAULT_{name}", value)
    return made


def _machine() -> str:
    definition = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    made = clients.client("stepfunctions").create_state_machine(
        name="pipeline", definition=json.dumps(definition), roleArn=f"arn:aws:iam::{ACCOUNT}:role/machine"
    )
    return str(made["stateMachineArn"])


def of_sns(*messages: str) -> dict[str, Any]:
    """The event of a function that hears a topic."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": one}} for one in messages]}


def of_sqs(*bodies: str, group: Callable[[str], str] | None = None) -> dict[str, Any]:
    """The event of a function that reads a queue."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", **({"MessageGroupId": group(body)} if group else {})},
            }
            for number, body in enumerate(bodies)
        ]
    }

"""What the stack's roles may do and may not, asked of moto's own check of signatures and policies: in S3 and SQS.

moto knows no resources in DynamoDB and Step Functions, no conditions, and no policies of buckets and queues:
tests/aws/test_template.py reads those.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.aws.emulator_ground import REGION
from tests.aws.fleet import SOURCES, Fleet, stack
from tests.servers import ask

Clients = Callable[[str], Any]


@pytest.fixture(scope="module")
def roles() -> Iterator[Callable[[str], tuple[Clients, Fleet]]]:
    """The clients of a role, in a stack where rights are checked."""
    with stack() as fleet:
        s3, sts = fleet.client("s3"), fleet.client("sts")
        s3.create_bucket(Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": REGION})
        for bucket, key in (
            (SOURCES, "a.bam"),
            ("elsewhere", "a.bam"),
            *(
                (fleet.outputs["StoreBucket"], key)
                for key in ("archives/a.rv", "work/a.json", "work/bulk/a.json", "other/a")
            ),
        ):
            s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
        listed = fleet.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName="fleet")
        found = {one["LogicalResourceId"]: one for page in listed for one in page["StackResourceSummaries"]}
        names = {
            name: one["PhysicalResourceId"] for name, one in found.items() if one["ResourceType"] == "AWS::IAM::Role"
        }
        keys = {
            name: sts.assume_role(RoleArn=f"arn:aws:iam::123456789012:role/{role}", RoleSessionName="test")[
                "Credentials"
            ]
            for name, role in names.items()
        }
        ask("POST", f"{fleet.aws.url}/moto-api/reset-auth", b"0")
        yield lambda name: (_clients(fleet, keys[name]), fleet)


def _clients(fleet: Fleet, keys: dict[str, str]) -> Clients:
    import boto3
    from botocore.config import Config

    return lambda service: boto3.session.Session().client(
        service,
        endpoint_url=fleet.aws.url,
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        config=Config(s3={"addressing_style": "path"}, proxies={}, retries={"total_max_attempts": 1}),
    )


# For each role: what it does, on what, and whether it may.
ROLES: dict[str, list[tuple[str, str, bool]]] = {
    "JobRole": [
        ("get", f"{SOURCES}/a.bam", True),
        ("get", "STORE/archives/a.rv", True),
        ("put", "STORE/archives/b.rv", True),
        ("put", "STORE/work/b.json", True),
        ("put", "STORE/other/b", False),
        ("put", f"{SOURCES}/b.bam", False),
        ("get", "elsewhere/a.bam", False),
        ("delete", "STORE/archives/a.rv", False),
        ("send", "WorkQueue", False),
    ],
    "AnnouncedFunctionRole": [
        ("get", f"{SOURCES}/a.bam", True),
        ("send", "WorkQueue", True),
        ("send", "NextQueue", False),
        ("take", "WorkQueue", False),
        ("get", "STORE/archives/a.rv", False),
    ],
    "BulkFunctionRole": [
        ("get", f"{SOURCES}/a.bam", True),
        ("send", "WorkQueue", False),
        ("get", "STORE/archives/a.rv", False),
        ("put", "STORE/work/b.json", False),
    ],
    "BulkMachineRole": [
        ("get", f"{SOURCES}/a.bam", True),
        ("get", "STORE/work/bulk/a.json", True),
        ("put", "STORE/work/bulk/b.json", True),
        ("get", "STORE/work/a.json", False),
        ("put", "STORE/work/b.json", False),
        ("put", "STORE/archives/b.rv", False),
        ("get", "elsewhere/a.bam", False),
    ],
    "DispatchFunctionRole": [
        ("take", "WorkQueue", True),
        ("send", "WorkQueue", False),
        ("get", f"{SOURCES}/a.bam", False),
    ],
    "OrderFunctionRole": [
        ("get", f"{SOURCES}/a.bam", True),
        ("put", "STORE/work/b.json", True),
        ("put", "STORE/archives/b.rv", False),
        ("delete", "STORE/work/a.json", False),
    ],
    "RecordFunctionRole": [
        ("get", "STORE/archives/a.rv", True),
        ("get", "STORE/work/a.json", True),
        ("get", f"{SOURCES}/a.bam", False),
        ("put", "STORE/archives/b.rv", False),
        ("put", "STORE/work/b.json", False),
    ],
    "FailFunctionRole": [
        ("get", "STORE/work/a.json", True),
        ("get", "STORE/archives/a.rv", False),
        ("put", "STORE/work/b.json", False),
    ],
    "NextStepFunctionRole": [
        ("send", "NextQueue", True),
        ("send", "WorkQueue", False),
        ("take", "NextQueue", False),
        ("get", "STORE/archives/a.rv", False),
    ],
    "DownstreamFunctionRole": [("take", "DoneQueue", True), ("send", "DoneQueue", False)],
    "TierFunctionRole": [
        ("tag", "STORE/archives/a.rv", True),
        ("tag", "STORE/work/a.json", False),
        ("get", "STORE/archives/a.rv", False),
        ("put", "STORE/archives/b.rv", False),
    ],
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_it_does_and_no_more(roles: Callable[[str], tuple[Clients, Fleet]], role: str) -> None:
    clients, fleet = roles(role)
    found = [(does, on, _may(clients, fleet, does, on)) for does, on, _ in ROLES[role]]
    assert found == ROLES[role]


def _may(clients: Clients, fleet: Fleet, does: str, on: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        _do(clients, fleet, does, on)
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("AccessDenied", "403"), error
        return False
    return True


def _do(clients: Clients, fleet: Fleet, does: str, on: str) -> None:
    if does in ("send", "take"):
        sqs, url = clients("sqs"), fleet.outputs[on]
        if does == "take":
            sqs.receive_message(QueueUrl=url)
            return
        more = {"MessageGroupId": "a", "MessageDeduplicationId": "a"} if on == "WorkQueue" else {}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({}), **more)
        return
    bucket, key = on.replace("STORE", fleet.outputs["StoreBucket"]).split("/", 1)
    s3 = clients("s3")
    match does:
        case "get":
            s3.get_object(Bucket=bucket, Key=key)
        case "put":
            s3.put_object(Bucket=bucket, Key=key, Body=b"")
        case "delete":
            s3.delete_object(Bucket=bucket, Key=key)
        case "tag":
            tags = [{"Key": "lifecycle", "Value": "archive"}]
            s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": tags})

"""The commands from an empty account to an empty account: in the emulator always, in an account of AWS if one is given.

    READVAULT_AWS_ACCOUNT=1 READVAULT_AWS_IMAGE=URI ./run test tests/aws/test_account.py -s

with credentials, profile and region as the AWS CLI takes them, and the image of the jobs (`readvault aws deploy` tells
how it is built and pushed). Whoever they belong to needs rights for all that the template makes, IAM roles among it.
READVAULT_AWS_KMS_KEY may name a key by its ARN, whose policy is as docs/guides/aws.md has it.

It takes about half an hour, most of it waiting for CloudFormation and for a first machine, and costs less than a
dollar: some minutes of one small machine, and requests. First AWS is asked what it thinks of the template, of the state
machines and of every role (IAM Access Analyzer), which costs nothing. What the journey makes has names that begin with
readvault-test-, and is removed at the end; what could not be is told. What AWS itself keeps for an account stays: roles
of services that are linked to it, the rule that Step Functions hears of Batch by, and the right to deliver logs.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from readvault.aws import template

from tests.aws import plain
from tests.aws.emulator import IMAGE, emulator
from tests.aws.journey import Ground, journey

# Findings of Access Analyzer that count; the others (WARNING, SUGGESTION) are opinions.
WRONG = ("ERROR", "SECURITY_WARNING")
MACHINES = ("PipelineMachine", "BulkMachine")

in_an_account = pytest.mark.skipif(
    os.environ.get("READVAULT_AWS_ACCOUNT") != "1",
    reason="READVAULT_AWS_ACCOUNT=1 runs it in the account of your credentials (half an hour, less than a dollar)",
)


def definition(machine: str) -> str:
    made: dict[str, Any] = plain.RESOURCES[machine]["Properties"]
    return plain.machine(made["DefinitionString"], made["DefinitionSubstitutions"])


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with emulator() as aws:
        # A network of the stack's own is one that moto cannot take away in the order that it depends on itself.
        subnet = aws.client("ec2").describe_subnets()["Subnets"][0]
        network = ("--vpc", subnet["VpcId"], "--subnets", subnet["SubnetId"])
        key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
        yield Ground(aws.client, IMAGE, aws.environment(), (*network, "--kms-key", key))


def left(ground: Ground) -> list[str]:
    """What there is in the emulator."""
    stacks = ground.client("cloudformation").describe_stacks()["Stacks"]
    buckets = ground.client("s3").list_buckets()["Buckets"]
    tables: list[str] = ground.client("dynamodb").list_tables()["TableNames"]
    return [*(one["StackName"] for one in stacks), *(one["Name"] for one in buckets), *tables]


def test_the_journey_in_the_emulator(ground: Ground, tmp_path: Path) -> None:
    journey(ground, tmp_path)
    assert not left(ground)


def test_a_journey_that_breaks_off_leaves_nothing_either(ground: Ground, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nothing after 0 seconds"):
        journey(replace(ground, patience=0), tmp_path)
    assert not left(ground)


def test_what_aws_is_asked_about_is_plain() -> None:
    policies = [*plain.policies_of_roles(), *plain.policies_of_trust(), *plain.policies_of_resources()]
    assert len(policies) > 30
    for name, document in policies:
        for statement in document["Statement"]:
            text = json.dumps(statement)
            assert "${" not in text and '"Ref"' not in text and "Fn::" not in text, (name, statement)
            for one in statement.get("Resource", []):
                assert one == "*" or one.startswith("arn:aws:"), (name, one)
    assert not any("${" in definition(machine) for machine in MACHINES)
    assert json.loads(definition("PipelineMachine"))["States"]["Compress"]["Parameters"]["JobQueue"].startswith(
        "arn:aws:batch:"
    )


@in_an_account
def test_the_journey_in_an_account(tmp_path: Path) -> None:
    import boto3

    image = os.environ.get("READVAULT_AWS_IMAGE")
    assert image, "READVAULT_AWS_IMAGE must name the image of the jobs"
    client = cache(boto3.session.Session().client)
    # Nothing is made of what AWS finds fault with.
    assert not list(wrong(client))
    key = os.environ.get("READVAULT_AWS_KMS_KEY")
    ground = Ground(client, image, options=("--kms-key", key) if key else (), patience=1800, pause=15)
    journey(ground, tmp_path, check=lambda place: check_template(client, place))


def check_template(client: Callable[[str], Any], url: str) -> None:
    """CloudFormation's own look at the template, which is too long to be sent to it by itself."""
    told = client("cloudformation").validate_template(TemplateURL=url)
    assert {one["ParameterKey"] for one in told["Parameters"]} == set(template.build()["Parameters"])


def wrong(client: Callable[[str], Any]) -> Iterator[str]:
    """What AWS finds wrong with the state machines and with the policies."""
    for machine in MACHINES:
        told = client("stepfunctions").validate_state_machine_definition(
            definition=definition(machine), type="STANDARD"
        )
        for one in told["diagnostics"]:
            if one["severity"] == "ERROR" or told["result"] != "OK":
                yield f"{machine}: {one['code']}: {one['message']} ({one.get('location', '')})"
    trust = {"validatePolicyResourceType": "AWS::IAM::AssumeRolePolicyDocument"}
    for kind, policies, more in (
        ("IDENTITY_POLICY", plain.policies_of_roles(), {}),
        ("RESOURCE_POLICY", plain.policies_of_trust(), trust),
        ("RESOURCE_POLICY", plain.policies_of_resources(), {}),
    ):
        for name, document in policies:
            pages = client("accessanalyzer").get_paginator("validate_policy")
            for page in pages.paginate(policyDocument=json.dumps(document), policyType=kind, **more):
                for one in page["findings"]:
                    if one["findingType"] in WRONG:
                        yield f"{name}: {one['issueCode']}: {one['findingDetails']}"

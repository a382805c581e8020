"""Making a stack, or bringing it up to date, by a change set: it is made, looked at, and then run or left.

Zip and template go into a bucket first, under names made of what is in them. Nothing there is ever replaced or deleted.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from readvault.aws import clients, stack, template
from readvault.aws.account import Account
from readvault.aws.package import function_zip
from readvault.aws.stack import Deployed
from readvault.errors import InvalidError, StoreError

# Seconds between two looks at what AWS is at.
_WAIT = 3.0
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_BROKEN = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")
_PART_ENDS = ("_COMPLETE", "_FAILED")

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one part."""

    action: str
    resource: str
    kind: str
    replaced: str
    """`True`, `False` or `Conditional`; empty where nothing stands yet."""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What would become of a stack."""

    name: str
    stack: str
    creates: bool
    changes: tuple[Change, ...]


def code_bucket(account: Account) -> str:
    """The bucket that code goes into unless another is named."""
    return f"readvault-code-{account.number}-{account.region}"


def make_bucket(name: str, account: Account) -> bool:
    """Make the bucket for code, if it is not there; gives whether it was made."""
    s3 = clients.client("s3")
    try:
        s3.head_bucket(Bucket=name)
    except s3.exceptions.ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
            raise
    else:
        return False
    # us-east-1 is where buckets are that name no place, and may not be named.
    where = {} if account.region == "us-east-1" else {"LocationConstraint": account.region}
    s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": where} if where else {}))
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    return True


def upload(bucket: str) -> tuple[str, str]:
    """Put zip and template into the bucket; gives their keys."""
    content, text = function_zip(), template.text().encode()
    code = f"readvault/functions-{hashlib.sha256(content).hexdigest()[:32]}.zip"
    words = f"readvault/template-{hashlib.sha256(text).hexdigest()[:32]}.json"
    for key, body in ((code, content), (words, text)):
        if not _stands(bucket, key):
            clients.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return code, words


def _stands(bucket: str, key: str) -> bool:
    s3 = clients.client("s3")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (403, 404):
            return False
        raise
    return True


def parameters(wanted: Mapping[str, str], there: Deployed | None) -> dict[str, str]:
    """The parameters of a stack: what is wanted, else what it has. InvalidError where one is missing or unknown."""
    known = template.build()["Parameters"]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise InvalidError(f"the stack has no parameter {', '.join(unknown)} (there are {', '.join(known)})")
    before = {} if there is None else {name: value for name, value in there.parameters.items() if name in known}
    # Defaults are told too: what a stack was made with stays, whatever later templates have.
    usual = {name: str(one["Default"]) for name, one in known.items() if "Default" in one}
    found = {**usual, **before, **wanted}
    missing = [name for name, one in known.items() if "Default" not in one and not found.get(name)]
    if missing:
        raise InvalidError(f"a new stack must be told its {', '.join(missing)} (--set {missing[0]}=...)")
    return found


def planned(name: str, url: str, given: Mapping[str, str], there: Deployed | None) -> ChangeSet | None:
    """Make a change set; None where nothing would change."""
    service = clients.client("cloudformation")
    if there is not None and there.state in _BROKEN:
        raise InvalidError(
            f"the stack {name} is {there.state}, and cannot be changed: take it away (`readvault aws destroy`), and "
            f"deploy again"
        )
    creates = there is None or there.state == stack.PLANNED
    made = service.create_change_set(
        StackName=name,
        ChangeSetName=f"readvault-{time.time_ns()}",
        ChangeSetType="CREATE" if creates else "UPDATE",
        TemplateURL=url,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )["Id"]
    while True:
        told = service.describe_change_set(StackName=name, ChangeSetName=made)
        if told["Status"] in ("CREATE_COMPLETE", "FAILED"):
            break
        time.sleep(_WAIT)
    if told["Status"] == "FAILED":
        why = str(told.get("StatusReason", ""))
        service.delete_change_set(StackName=name, ChangeSetName=made)
        if any(text in why for text in _NOTHING):
            return None
        raise InvalidError(f"CloudFormation refuses the change: {why}")
    changes = list(_changes(told))
    while told.get("NextToken"):
        told = service.describe_change_set(StackName=name, ChangeSetName=made, NextToken=told["NextToken"])
        changes += _changes(told)
    return ChangeSet(made, name, creates, tuple(changes))


def _changes(told: Mapping[str, Any]) -> list[Change]:
    found = [one["ResourceChange"] for one in told.get("Changes", []) if "ResourceChange" in one]
    return [
        Change(one["Action"], one["LogicalResourceId"], one["ResourceType"], str(one.get("Replacement", "")))
        for one in found
    ]


def leave(change: ChangeSet) -> None:
    """Forget a change set; a stack that is only planned goes with it."""
    service = clients.client("cloudformation")
    service.delete_change_set(StackName=change.stack, ChangeSetName=change.name)
    there = stack.found(change.stack)
    if change.creates and there is not None and there.state == stack.PLANNED:
        service.delete_stack(StackName=change.stack)


def run(change: ChangeSet, say: Say) -> Deployed:
    """Run a change set, and say what becomes of each part; StoreError where it comes to nothing."""
    service = clients.client("cloudformation")
    seen = {one["EventId"] for one in _events(change.stack, set())}
    service.execute_change_set(StackName=change.stack, ChangeSetName=change.name)
    return followed(change.stack, say, seen)


def followed(name: str, say: Say, seen: set[str]) -> Deployed:
    """Wait until CloudFormation is done with a stack, and say what it does."""
    first_failure, begun = "", False
    while True:
        there = stack.found(name)
        for one in reversed(_events(name, seen)):
            seen.add(one["EventId"])
            begun = True
            state, why = one.get("ResourceStatus", ""), one.get("ResourceStatusReason", "")
            if state.endswith(_PART_ENDS):
                say(f"{one['LogicalResourceId']}: {state}" + (f": {why}" if why else ""))
            if state.endswith("_FAILED") and not first_failure:
                first_failure = f"{one['LogicalResourceId']}: {why}"
        if there is None:
            raise StoreError(f"the stack {name} is gone")
        # Until something has happened, the state is that of the last time.
        if begun and not there.state.endswith("_IN_PROGRESS"):
            break
        time.sleep(_WAIT)
    if there.state not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise StoreError(f"the stack {name} is {there.state}: {first_failure or 'its events tell why'}")
    return there


def gone(name: str, say: Say) -> str | None:
    """Wait until a stack is gone, and say what goes; gives the state of one that stays."""
    seen: set[str] = set()
    while True:
        there = stack.found(name)
        for one in reversed(_events(name, seen)):
            seen.add(one["EventId"])
            if one.get("ResourceStatus", "").startswith("DELETE_") and not one["ResourceStatus"].endswith("PROGRESS"):
                say(f"{one['LogicalResourceId']}: {one['ResourceStatus']}")
        if there is None or there.state == "DELETE_COMPLETE":
            return None
        if not there.state.endswith("_IN_PROGRESS"):
            return there.state
        time.sleep(_WAIT)


def _events(name: str, seen: set[str]) -> list[dict[str, Any]]:
    """The stack's events that were not seen yet, the newest first."""
    service = clients.client("cloudformation")
    found: list[dict[str, Any]] = []
    try:
        for page in service.get_paginator("describe_stack_events").paginate(StackName=name):
            for one in page["StackEvents"]:
                if one["EventId"] in seen:
                    return found
                found.append(one)
    except service.exceptions.ClientError:
        # A stack that is gone has no events; whoever asks for the stack hears of it.
        return found
    return found

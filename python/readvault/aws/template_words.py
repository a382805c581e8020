"""The words of CloudFormation that the template is written in. Every part of it is made of these and of plain JSON."""

from collections.abc import Sequence
from typing import Any, TypeAlias

Json: TypeAlias = Any
Resource: TypeAlias = dict[str, Any]
Resources: TypeAlias = dict[str, Resource]

STACK = "${AWS::StackName}"
NOTHING: Json = {"Ref": "AWS::NoValue"}
ACCOUNT: Json = {"Ref": "AWS::AccountId"}
REGION: Json = {"Ref": "AWS::Region"}
PARTITION: Json = {"Ref": "AWS::Partition"}


def listed(parameter: str) -> Json:
    """The list in a parameter with commas."""
    return {"Fn::Split": [",", ref(parameter)]}


def ref(name: str) -> Json:
    """A parameter's value, or what AWS calls a resource."""
    return {"Ref": name}


def att(name: str, attribute: str = "Arn") -> Json:
    """An attribute of a resource."""
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str, **known: Json) -> Json:
    """A text with `${Name}` put in: of the template, or as given."""
    return {"Fn::Sub": [text, known]} if known else {"Fn::Sub": text}


def either(condition: str, then: Json, otherwise: Json = NOTHING) -> Json:
    """One of two values."""
    return {"Fn::If": [condition, then, otherwise]}


def arn(service: str, rest: str) -> Json:
    """ARN of what this account has in this region."""
    return sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{rest}")


def mapped(mapping: str, key: Json, name: str) -> Json:
    """A value of the template's mappings."""
    return {"Fn::FindInMap": [mapping, key, name]}


def resource(kind: str, properties: dict[str, Json], **more: Json) -> Resource:
    """A resource; `more` has what stands beside its properties (Condition, DependsOn, DeletionPolicy)."""
    return {"Type": f"AWS::{kind}", **more, "Properties": properties}


def allow(sid: str, actions: Sequence[str], *resources: Json) -> Json:
    """A statement of a role."""
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def policy(*statements: Json) -> Json:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def refuse_without_tls(actions: Sequence[str], *resources: Json) -> Json:
    """The statement of a resource's policy that refuses whoever does not use TLS."""
    return {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def let_service(sid: str, service: str, action: str, on: Json, condition: dict[str, Json]) -> Json:
    """The statement of a resource's policy that lets a service of AWS do one thing on behalf of one source."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": [action],
        "Resource": [on],
        "Condition": condition,
    }


def role(service: Json, *statements: Json, managed: Sequence[str] = (), only_here: bool = False) -> Resource:
    """A role that a service takes on. `only_here`: for this account's things alone, where the service says whose."""
    trust: Json = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if only_here:
        trust["Condition"] = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    properties: dict[str, Json] = {"AssumeRolePolicyDocument": policy(trust)}
    if managed:
        properties["ManagedPolicyArns"] = [sub(f"arn:${{AWS::Partition}}:iam::aws:policy/{name}") for name in managed]
    if statements:
        properties["Policies"] = [{"PolicyName": "needs", "PolicyDocument": policy(*statements)}]
    return resource("IAM::Role", properties)


def log_group(name: str) -> Resource:
    """A log group that forgets after LogDays."""
    return resource("Logs::LogGroup", {"LogGroupName": sub(name), "RetentionInDays": ref("LogDays")})

"""Parts of the template as AWS would see them: every reference put in, for an account and a stack that are made up.

Enough of CloudFormation's functions for policies and for what they name; all conditions hold.
"""

import re
from collections.abc import Iterator
from typing import Any

from readvault.aws import template

BUILT = template.build()
RESOURCES: dict[str, dict[str, Any]] = BUILT["Resources"]

_ACCOUNT, _REGION, _STACK = "123456789012", "eu-central-1", "stack"
_PSEUDO = {
    "AWS::AccountId": _ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": _REGION,
    "AWS::StackName": _STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
_GIVEN: dict[str, Any] = {
    "KmsKeyArn": f"arn:aws:kms:{_REGION}:{_ACCOUNT}:key/00000000-0000-4000-8000-000000000000",
    "SourceBuckets": ["first-bucket", "second-bucket"],
}
# What comes after `arn:aws:` for a resource of a kind, and whether a reference to it is that too.
_ARNS = {
    "Batch::JobQueue": ("batch:{here}:job-queue/{name}", True),
    "CloudWatch::Alarm": ("cloudwatch:{here}:alarm:{name}", False),
    "DynamoDB::Table": ("dynamodb:{here}:table/{name}", False),
    "Events::Rule": ("events:{here}:rule/{name}", False),
    "IAM::Role": ("iam::{account}:role/{name}", False),
    "Lambda::Function": ("lambda:{here}:function:{name}", False),
    "Logs::LogGroup": ("logs:{here}:log-group:{name}:*", False),
    "S3::Bucket": ("s3:::{name}", False),
    "SNS::Topic": ("sns:{here}:{name}", True),
    "SQS::Queue": ("sqs:{here}:{name}", False),
    "StepFunctions::StateMachine": ("states:{here}:stateMachine:{name}", True),
}


def plain(value: Any) -> Any:
    """A part of the template with everything put in."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((word, told),) = value.items()
        match word:
            case "Ref":
                return _reference(told)
            case "Fn::GetAtt":
                return _arn(told[0])
            case "Fn::Sub":
                text, known = told if isinstance(told, list) else (told, {})
                return _filled(text, {name: plain(one) for name, one in known.items()})
            case "Fn::If":
                return plain(told[1])
            case "Fn::Join":
                return told[0].join(plain(told[1]))
            case "Fn::Split":
                return plain(told[1]).split(told[0])
            case "Fn::Select":
                return plain(told[1])[int(told[0])]
    return {name: plain(one) for name, one in value.items()}


def _filled(text: str, known: dict[str, Any]) -> str:
    def put_in(found: re.Match[str]) -> str:
        name = found[1]
        return str(known[name] if name in known else _arn(name[:-4]) if name.endswith(".Arn") else _reference(name))

    return re.sub(r"\$\{([^}]+)\}", put_in, text)


def _reference(name: str) -> Any:
    if name in _PSEUDO:
        return _PSEUDO[name]
    if name in BUILT["Parameters"]:
        return _GIVEN.get(name) or BUILT["Parameters"][name].get("Default", f"some-{name.lower()}")
    told = _ARNS.get(RESOURCES[name]["Type"].removeprefix("AWS::"))
    return _arn(name) if told is not None and told[1] else f"{_STACK}-{name.lower()}"


def _arn(name: str) -> str:
    shape, _ = _ARNS[RESOURCES[name]["Type"].removeprefix("AWS::")]
    return "arn:aws:" + shape.format(here=f"{_REGION}:{_ACCOUNT}", account=_ACCOUNT, name=f"{_STACK}-{name.lower()}")


def policies_of_roles() -> Iterator[tuple[str, dict[str, Any]]]:
    """What the roles may do: every policy in a role, and every one that is put into roles."""
    for name, one in RESOURCES.items():
        if one["Type"] == "AWS::IAM::Role":
            for inline in one["Properties"].get("Policies", []):
                yield name, plain(inline["PolicyDocument"])
        elif one["Type"] == "AWS::IAM::Policy":
            yield name, plain(one["Properties"]["PolicyDocument"])


def policies_of_trust() -> Iterator[tuple[str, dict[str, Any]]]:
    """Who may take on the roles."""
    for name, one in RESOURCES.items():
        if one["Type"] == "AWS::IAM::Role":
            yield name, plain(one["Properties"]["AssumeRolePolicyDocument"])


def policies_of_resources() -> Iterator[tuple[str, dict[str, Any]]]:
    """What buckets, queues and topics let others do."""
    for name, one in RESOURCES.items():
        if one["Type"] in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
            yield name, plain(one["Properties"]["PolicyDocument"])


def machine(definition: str, substitutions: dict[str, Any]) -> str:
    """The state machine's definition as it would run."""
    known = plain(substitutions)
    return re.sub(r"\$\{(\w+)\}", lambda found: str(known[found[1]]), definition)

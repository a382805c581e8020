"""What several roles need alike, as policies that are put into them: reading sources, and using the stack's key.

Whoever writes to a bucket, queue or topic that has a key makes data keys with it; whoever reads, or uses the table,
decrypts. Which function does what its own statements say.

A list of buckets becomes a list of ARNs by a detour: CloudFormation repeats nothing, so the list is filled up with its
first name and eight of it are taken.
"""

from readvault.aws.template_functions import FUNCTIONS, Function
from readvault.aws.template_words import Json, Resource, Resources, allow, policy, ref, resource, sub

# Most buckets that sources may be in.
SOURCE_BUCKETS = 8

# Who reads sources.
_READERS = ["AnnouncedFunctionRole", "BulkFunctionRole", "BulkMachineRole", "OrderFunctionRole", "JobRole"]

# What is encrypted with the stack's key, if there is one, is written by these and read by those.
WRITING = ("s3:PutObject", "sqs:SendMessage", "sns:Publish")
READING = ("s3:GetObject", "sqs:ReceiveMessage", "dynamodb:")
# Who else writes: the machines to the topic and the store, the job to the store.
_OTHERS_WRITING = ["BulkMachineRole", "JobRole", "MachineRole"]


def resources() -> Resources:
    """The policies."""
    return {
        "SourcePolicy": _policy(
            "sources",
            _READERS,
            allow("Read", ["s3:GetObject", "s3:GetObjectVersion"], *_sources("/${SourcePrefix}*")),
            # Without the right to list, what is missing looks like what is forbidden.
            allow("List", ["s3:ListBucket"], *_sources("")),
        ),
        "KeyPolicy": _policy(
            "key",
            [f"{name}Role" for name, one in FUNCTIONS.items() if _writes(one)] + _OTHERS_WRITING,
            allow("Use", ["kms:Decrypt", "kms:GenerateDataKey"], ref("KmsKeyArn")),
            Condition="HasKmsKey",
        ),
        "KeyReadPolicy": _policy(
            "key",
            [f"{name}Role" for name, one in FUNCTIONS.items() if _reads(name, one) and not _writes(one)],
            allow("Use", ["kms:Decrypt"], ref("KmsKeyArn")),
            Condition="HasKmsKey",
        ),
    }


def _writes(function: Function) -> bool:
    # A queue for what it could not do is written to in its name.
    return function.dead is not None or _does(function, WRITING)


def _reads(name: str, function: Function) -> bool:
    # Sources may have the same key.
    return f"{name}Role" in _READERS or _does(function, READING)


def _does(function: Function, actions: tuple[str, ...]) -> bool:
    return any(action.startswith(actions) for statement in function.may for action in statement["Action"])


def _policy(name: str, roles: list[str], *statements: Json, **more: Json) -> Resource:
    return resource(
        "IAM::Policy",
        {"PolicyName": name, "Roles": [ref(one) for one in roles], "PolicyDocument": policy(*statements)},
        **more,
    )


def _sources(rest: str) -> list[Json]:
    first = {"Fn::Select": [0, ref("SourceBuckets")]}
    filled = {"Fn::Join": [",", [{"Fn::Join": [",", ref("SourceBuckets")]}, *[first] * (SOURCE_BUCKETS - 1)]]}
    return [
        sub(
            "arn:${AWS::Partition}:s3:::${Bucket}" + rest,
            Bucket={"Fn::Select": [number, {"Fn::Split": [",", filled]}]},
        )
        for number in range(SOURCE_BUCKETS)
    ]

"""What several roles need alike, as policies that are put into them: reading sources, and using the store's key.

A list of buckets becomes a list of ARNs by a detour: CloudFormation repeats nothing, so the list is filled up with its
first name and eight of it are taken.
"""

from readvault.aws.template_words import Json, Resource, Resources, allow, policy, ref, resource, sub

# Most buckets that sources may be in.
SOURCE_BUCKETS = 8


def resources() -> Resources:
    """The policies."""
    return {
        "SourcePolicy": _policy(
            "sources",
            ["AnnouncedFunctionRole", "BulkFunctionRole", "BulkMachineRole", "OrderFunctionRole", "JobRole"],
            allow("Read", ["s3:GetObject", "s3:GetObjectVersion"], *_sources("/${SourcePrefix}*")),
            # Without the right to list, what is missing looks like what is forbidden.
            allow("List", ["s3:ListBucket"], *_sources("")),
        ),
        "KeyPolicy": _policy(
            "key",
            [f"{name}FunctionRole" for name in ("Announced", "Bulk", "Order", "Record", "Fail")]
            + ["BulkMachineRole", "JobRole"],
            allow("Use", ["kms:Decrypt", "kms:GenerateDataKey"], ref("KmsKeyArn")),
            Condition="HasKmsKey",
        ),
    }


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

"""CloudFormation: what moto leaves out of a template.

Added: subscriptions to topics, a bucket's versioning and lifecycle, a job's timeout, a function's dead queue, and what
stacks of change sets lack (moto_stacks.py). Not added, because nothing here hangs on them: policies of topics, queues
and buckets, alarms and the dashboard (tests/aws/test_template.py looks at those), and all that is of the network.
Nobody's rights are checked.
"""

import copy
import json
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.batch.models import JobDefinition
from moto.cloudformation.models import ChangeSet, Stack
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.models.table import Table
from moto.iam.models import Role
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response
from moto.sns.models import sns_backends

from tests.aws import moto_stacks
from tests.aws.emulator_ground import client, instead

# --- Resources of templates ------------------------------------------------------------------------------------------


class Subscription(CloudFormationModel):
    """AWS::SNS::Subscription."""

    def __init__(self, arn: str) -> None:
        self.arn = arn

    @property
    def physical_resource_id(self) -> str:
        return self.arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SNS::Subscription"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "Subscription":
        given = cloudformation_json["Properties"]
        backend = sns_backends[account_id][region_name]
        made = backend.subscribe(given["TopicArn"], given["Endpoint"], given["Protocol"])
        if "FilterPolicy" in given:
            backend.set_subscription_attributes(made.arn, "FilterPolicy", json.dumps(given["FilterPolicy"]))
        return cls(made.arn)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        sns_backends[account_id][region_name].unsubscribe(resource_name)

    def is_created(self) -> bool:
        return True


instead(ChangeSet, "apply")(moto_stacks.apply)
instead(S3Response, "get_bucket_notification")(moto_stacks.notifications)
Stack.parameter_list = property(moto_stacks.parameters)  # type: ignore[assignment,method-assign]

_make_bucket: Any = FakeBucket.create_from_cloudformation_json


@instead(FakeBucket, "create_from_cloudformation_json", of_class=True)
def _bucket(cls: Any, name: str, given: dict[str, Any], *where: Any, **more: Any) -> Any:
    made = _make_bucket.__func__(cls, name, given, *where, **more)
    properties, s3 = given.get("Properties", {}), client("s3")
    if "VersioningConfiguration" in properties:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
    rules = [_rule(one) for one in properties.get("LifecycleConfiguration", {}).get("Rules", [])]
    if rules:
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    return made


def _rule(given: dict[str, Any]) -> dict[str, Any]:
    """A rule of a bucket's lifecycle, as S3 takes it."""
    tags, prefix = given.get("TagFilters", []), given.get("Prefix", "")
    made: dict[str, Any] = {"ID": given["Id"], "Status": given["Status"]}
    made["Filter"] = {"And": {"Prefix": prefix, "Tags": tags}} if tags else {"Prefix": prefix}
    if "Transitions" in given:
        made["Transitions"] = [
            {"Days": int(one["TransitionInDays"]), "StorageClass": one["StorageClass"]} for one in given["Transitions"]
        ]
    if "ExpirationInDays" in given:
        made["Expiration"] = {"Days": int(given["ExpirationInDays"])}
    if "AbortIncompleteMultipartUpload" in given:
        days = int(given["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    return made


_make_job: Any = JobDefinition.create_from_cloudformation_json


@instead(JobDefinition, "create_from_cloudformation_json", of_class=True)
def _job(cls: Any, name: str, given: dict[str, Any], *where: Any, **more: Any) -> Any:
    made = _make_job.__func__(cls, name, given, *where, **more)
    timeout = given["Properties"].get("Timeout")
    if timeout:
        made.timeout = {"attemptDurationSeconds": int(timeout["AttemptDurationSeconds"])}
    return made


_make_function: Any = LambdaFunction.create_from_cloudformation_json


@instead(LambdaFunction, "create_from_cloudformation_json", of_class=True)
def _function(cls: Any, name: str, given: dict[str, Any], *where: Any, **more: Any) -> Any:
    made = _make_function.__func__(cls, name, given, *where, **more)
    made.dead_letter_target = given["Properties"].get("DeadLetterConfig", {}).get("TargetArn")
    return made


_put_policy: Any = Role.put_policy


@instead(Role, "put_policy")
def _policy(self: Any, policy_name: str, policy_json: Any) -> None:
    """A template's policies are objects; moto keeps them so, and reads texts when it checks rights."""
    _put_policy(self, policy_name, policy_json if isinstance(policy_json, str) else json.dumps(policy_json))


# --- DynamoDB --------------------------------------------------------------------------------------------------------


@instead(Table, "__deepcopy__")
def _copied(self: Any, known: Any) -> Any:
    """What a transaction is undone with. Here that is puts alone, which replace items: they need
    not be copied each.
    """
    made = copy.copy(self)
    made.items = self.items.copy()
    return made

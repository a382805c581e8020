"""The state machine: one execution takes one file from its work order to its announcement.

    Order -> Known -> Compress -> Record -> Announce        Known -> Done: the catalog has it already
    any of them -> Failed (says so in the catalog and to the topic) -> GaveUp

What passes from state to state: the execution's input (what the work queue had), with `order` (what the function Order
gave: the input once more, and where the work order is), `batch` (the job) and `recorded` (what Record gave: the event).
"""

import json
from typing import Any

from readvault.aws.template_words import (
    PARTITION,
    STACK,
    Json,
    Resource,
    Resources,
    allow,
    arn,
    att,
    log_group,
    ref,
    resource,
    role,
    sub,
)

State = dict[str, Any]

# The state that tells of an archive, with its event at $.recorded.Payload.event.
ANNOUNCING = "Announce"

# What passes by itself: what is Lambda's fault, and what a handler says of other services. All else that handlers raise
# (SourceMissing, NameClash, ChecksumMismatch ...) would come again however often it is tried.
LAMBDA_PASSES = [
    "TryAgain",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    # It was killed, perhaps for its memory: not the message's fault before it happens every time.
    "Runtime.ExitError",
]
_BATCH_PASSES = ["Batch.ServerException", "Batch.TooManyRequestsException", "Batch.SdkClientException"]
_SNS_PASSES = ["Sns.InternalErrorException", "Sns.ThrottledException", "Sns.SdkClientException"]
# A function that has not answered by then never will: all that the machine calls time out earlier.
CALL_SECONDS = 120
# A job may wait for machines, and be tried six times; one that has not ended in a week needs somebody.
JOB_SECONDS = 7 * 24 * 3600
# What the function Order gave.
_ORDERED = "$.order.Payload"


# cfn-lint knows no partition but `aws` in definitions (E3601), and stumbles over its own words about that in branches
# (E1101); a test has it look at them as they are in that partition.
_PARTITION_UNKNOWN = {"cfn-lint": {"config": {"ignore_checks": ["E1101", "E3601"]}}}


def definition() -> dict[str, Any]:
    """The machine in Amazon States Language; `${Name}` stand for what the template puts in."""
    return {
        "Comment": "One file: work order, archive, entry, announcement",
        "StartAt": "Order",
        "States": {
            "Order": _call("OrderFunction", {"Payload.$": "$"}, ResultPath="$.order", Next="Known"),
            "Known": {
                "Type": "Choice",
                "Choices": [{"Variable": f"{_ORDERED}.done", "BooleanEquals": True, "Next": "Done"}],
                "Default": "Compress",
            },
            "Done": {"Type": "Succeed"},
            "Compress": {
                "Type": "Task",
                "Resource": "arn:${Partition}:states:::batch:submitJob.sync",
                "Parameters": {
                    "JobName.$": "$$.Execution.Name",
                    "JobQueue": "${JobQueue}",
                    "JobDefinition": "${JobDefinition}",
                    "Parameters": {"order.$": f"States.Format('s3://{{}}/{{}}', {_ORDERED}.bucket, {_ORDERED}.key)"},
                },
                "TimeoutSeconds": JOB_SECONDS,
                # A job that failed was tried again by Batch, if that made sense: here only its submission is.
                "Retry": retry(_BATCH_PASSES),
                "Catch": _catch(),
                "ResultSelector": {"job.$": "$.JobId"},
                "ResultPath": "$.batch",
                "Next": "Record",
            },
            "Record": _call(
                "RecordFunction",
                {"Payload.$": _ORDERED},
                ResultPath="$.recorded",
                Next=ANNOUNCING,
            ),
            ANNOUNCING: {
                "Type": "Task",
                "Resource": "arn:${Partition}:states:::sns:publish",
                "Parameters": {
                    "TopicArn": "${ArchivedTopic}",
                    "Message.$": "$.recorded.Payload.event",
                    "MessageAttributes": {"type": {"DataType": "String", "StringValue": "archive.recorded"}},
                },
                "TimeoutSeconds": CALL_SECONDS,
                "Retry": retry(_SNS_PASSES),
                "Catch": _catch(),
                "ResultPath": None,
                "End": True,
            },
            "Failed": _call(
                "FailFunction",
                {
                    "Payload": {
                        "execution.$": "$$.Execution.Name",
                        "input.$": "$$.Execution.Input",
                        "error.$": "$.error",
                    }
                },
                # Whatever comes of telling, the execution says what went wrong first.
                Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "GaveUp"}],
                ResultPath=None,
                Next="GaveUp",
            ),
            "GaveUp": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
        },
    }


def _call(function: str, parameters: dict[str, Any], **more: Any) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:${Partition}:states:::lambda:invoke",
        "Parameters": {"FunctionName": f"${{{function}}}", **parameters},
        "TimeoutSeconds": CALL_SECONDS,
        "Retry": retry(LAMBDA_PASSES),
        "Catch": _catch(),
        # Of the answer, what the function gave, without the request's own facts.
        **({} if more["ResultPath"] is None else {"ResultSelector": {"Payload.$": "$.Payload"}}),
        **more,
    }


def retry(errors: list[str]) -> list[State]:
    """Try again what passes by itself, for some minutes."""
    wait = {"IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 6, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}
    return [{"ErrorEquals": errors, **wait}]


def _catch() -> list[State]:
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Failed"}]


# What the machine calls; a function that is called has a role of its own.
CALLED = ("OrderFunction", "RecordFunction", "FailFunction")


def resources() -> Resources:
    """The machine, its role and its log group."""
    return {
        "PipelineLogs": log_group(f"/aws/vendedlogs/states/{STACK}-pipeline"),
        "MachineRole": _role(),
        "PipelineMachine": state_machine(
            "pipeline",
            definition(),
            "MachineRole",
            "PipelineLogs",
            JobQueue=ref("JobQueue"),
            JobDefinition=ref("JobDefinition"),
            ArchivedTopic=ref("ArchivedTopic"),
            **{name: att(name) for name in CALLED},
        ),
    }


def state_machine(name: str, machine: dict[str, Any], taking: str, logs: str, **known: Json) -> Resource:
    """A machine that takes on a role and writes into a log group; `known` is put in where it says `${Name}`."""
    return resource(
        "StepFunctions::StateMachine",
        {
            "StateMachineName": sub(f"{STACK}-{name}"),
            "StateMachineType": "STANDARD",
            "RoleArn": att(taking),
            # A text, because `"ResultPath": null` says something and CloudFormation takes no null.
            "DefinitionString": json.dumps(machine),
            "DefinitionSubstitutions": {"Partition": PARTITION, **known},
            # What went wrong, and what it was about.
            "LoggingConfiguration": {
                "Level": "ERROR",
                "IncludeExecutionData": True,
                "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": att(logs)}}],
            },
        },
        Metadata=_PARTITION_UNKNOWN,
    )


def _role() -> Resource:
    return role(
        "states.amazonaws.com",
        allow("Call", ["lambda:InvokeFunction"], *map(att, CALLED)),
        allow("Submit", ["batch:SubmitJob"], ref("JobQueue"), *_job_definitions()),
        allow("Stop", ["batch:TerminateJob"], arn("batch", "job/*")),
        # DescribeJobs knows no resources; it only reads.
        allow("Follow", ["batch:DescribeJobs"], "*"),
        hear_of("BatchJobs"),
        allow("Announce", ["sns:Publish"], ref("ArchivedTopic")),
        keep_logs(),
        only_here=True,
    )


def hear_of(ends: str) -> Json:
    """The statement that lets a state wait for what it began: by a rule that Step Functions keeps for the account."""
    hearing = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]
    return allow("Hear", hearing, arn("events", f"rule/StepFunctionsGetEventsFor{ends}Rule"))


def keep_logs() -> Json:
    """The statement of a machine's role that lets it log: delivery is set up for the account, without resources."""
    return allow(
        "Log",
        [
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        ],
        "*",
    )


def _job_definitions() -> list[Json]:
    """All revisions: an execution that began before an update goes on with the one that it knows."""
    return [arn("batch", f"job-definition/{STACK}-compress"), arn("batch", f"job-definition/{STACK}-compress:*")]

"""The bulk machine: one execution takes all sources of a listing or manifest, so many at a time and in an hour.

    Run -> From -> Listing | Manifest | Csv, each a distributed map whose children are
    Look -> Skipped         (done already, or no source: a folder, an archive, a name that was not asked for)
         -> Begin (waits for its turn) -> Archive (an execution of the pipeline, followed to its end)

The function Bulk looks, and gives out turns at the rate that was asked for. What an execution of this is started with
is in `readvault.aws.items`.
"""

from typing import Any

from readvault.aws.template_machine import (
    CALL_SECONDS,
    JOB_SECONDS,
    LAMBDA_PASSES,
    State,
    hear_of,
    keep_logs,
    retry,
    state_machine,
)
from readvault.aws.template_store import BULK
from readvault.aws.template_words import (
    STACK,
    Resource,
    Resources,
    allow,
    arn,
    att,
    log_group,
    ref,
    role,
    sub,
)

# What passes of starting an execution. Not that the execution failed: started again, it is there already.
_START_PASSES = [
    "StepFunctions.ExecutionLimitExceededException",
    "StepFunctions.ThrottlingException",
    "StepFunctions.SdkClientException",
    "StepFunctions.AWSStepFunctionsException",
]
# Columns of a manifest as S3's own tools write it.
_COLUMNS = ["bucket", "key", "version"]


def definition() -> dict[str, Any]:
    """The machine in Amazon States Language; `${Name}` stand for what the template puts in."""
    listing = {
        "Resource": "arn:${Partition}:states:::s3:listObjectsV2",
        "Parameters": {"Bucket.$": "$.bucket", "Prefix.$": "$.prefix"},
    }
    document = {
        "Resource": "arn:${Partition}:states:::s3:getObject",
        "Parameters": {"Bucket.$": "$.bucket", "Key.$": "$.key"},
    }
    table = {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": _COLUMNS}
    readers = {
        "Listing": listing,
        "Manifest": {**document, "ReaderConfig": {"InputType": "JSON"}},
        "Csv": {**document, "ReaderConfig": table},
    }
    return {
        "Comment": "All sources of a listing or manifest, some at a time",
        "StartAt": "Run",
        "States": {
            # What the children know it by.
            "Run": {
                "Type": "Pass",
                "Parameters": {"name.$": "$$.Execution.Name"},
                "ResultPath": "$.run",
                "Next": "From",
            },
            "From": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.from", "StringEquals": name.lower(), "Next": name} for name in readers],
                "Default": "Unknown",
            },
            "Unknown": {"Type": "Fail", "Error": "BadMessage", "Cause": "`from` is listing, manifest or csv"},
            **{name: _map(reader) for name, reader in readers.items()},
        },
    }


def _map(reader: dict[str, Any]) -> State:
    return {
        "Type": "Map",
        "ItemReader": reader,
        "ItemSelector": {"item.$": "$$.Map.Item.Value", "bulk.$": "$"},
        "MaxConcurrencyPath": "$.concurrency",
        # What becomes of one says nothing of the others; the catalog has the reason of each that failed.
        "ToleratedFailurePercentage": 100.0,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Look",
            "States": _child(),
        },
        # What the children gave would be too much for the answer of a state.
        "ResultWriter": {
            "Resource": "arn:${Partition}:states:::s3:putObject",
            "Parameters": {"Bucket": "${StoreBucket}", "Prefix": f"{BULK}/results"},
        },
        "End": True,
    }


def _child() -> dict[str, State]:
    return {
        "Look": {
            "Type": "Task",
            "Resource": "arn:${Partition}:states:::lambda:invoke",
            "Parameters": {"FunctionName": "${BulkFunction}", "Payload.$": "$"},
            "ResultSelector": {"found.$": "$.Payload"},
            "TimeoutSeconds": CALL_SECONDS,
            "Retry": retry(LAMBDA_PASSES),
            "Next": "Wanted",
        },
        "Wanted": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.found.skip", "BooleanEquals": True, "Next": "Skipped"}],
            "Default": "Begin",
        },
        "Skipped": {"Type": "Succeed"},
        "Begin": {"Type": "Wait", "SecondsPath": "$.found.begin", "Next": "Archive"},
        "Archive": {
            "Type": "Task",
            "Resource": "arn:${Partition}:states:::states:startExecution.sync:2",
            "Parameters": {
                "StateMachineArn": "${PipelineMachine}",
                "Name.$": "$.found.run.execution",
                "Input.$": "$.found.run",
            },
            # Longer than its longest state may take.
            "TimeoutSeconds": JOB_SECONDS + 24 * 3600,
            "Retry": retry(_START_PASSES),
            # The same work is done once, whoever asked for it first. All else that goes wrong fails the child.
            "Catch": [{"ErrorEquals": ["StepFunctions.ExecutionAlreadyExistsException"], "Next": "Known"}],
            # Of the answer, which has all that the execution was told and gave, how it ended.
            "ResultSelector": {"status.$": "$.Status"},
            "End": True,
        },
        "Known": {"Type": "Succeed"},
    }


def resources() -> Resources:
    """The machine, its role and its log group."""
    return {
        "BulkMachineLogs": log_group(f"/aws/vendedlogs/states/{STACK}-bulk"),
        "BulkMachineRole": _role(),
        "BulkMachine": state_machine(
            "bulk",
            definition(),
            "BulkMachineRole",
            "BulkMachineLogs",
            BulkFunction=att("BulkFunction"),
            PipelineMachine=ref("PipelineMachine"),
            StoreBucket=ref("StoreBucket"),
        ),
    }


def _role() -> Resource:
    bulk = sub(f"${{StoreBucket.Arn}}/{BULK}/*")
    return role(
        "states.amazonaws.com",
        allow("Call", ["lambda:InvokeFunction"], att("BulkFunction")),
        # Children are executions of the machine itself, which cannot be referred to by its own role.
        allow("Start", ["states:StartExecution"], ref("PipelineMachine"), arn("states", f"stateMachine:{STACK}-bulk")),
        allow(
            "Follow",
            ["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"],
            arn("states", f"execution:{STACK}-pipeline:*"),
            arn("states", f"execution:{STACK}-bulk:*"),
            arn("states", f"execution:{STACK}-bulk/*:*"),
        ),
        hear_of("StepFunctionsExecution"),
        allow("ReadManifest", ["s3:GetObject"], bulk),
        allow("WriteResults", ["s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"], bulk),
        keep_logs(),
        only_here=True,
    )

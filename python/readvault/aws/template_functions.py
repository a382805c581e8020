"""The functions: thin handlers, each with a role that may do what it does and no more, a log group, and what calls it.

How many run at once is bounded where their work comes from (the mappings), not by reserving: what is reserved is taken
from everything else in the account, and young accounts have none to give.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from readvault.aws.pace import NAMED
from readvault.aws.template_messages import DONE_TIMEOUT, FINISHED_DEAD, WORK_TIMEOUT
from readvault.aws.template_store import ARCHIVES, WORK
from readvault.aws.template_words import (
    STACK,
    Json,
    Resource,
    Resources,
    allow,
    att,
    either,
    log_group,
    ref,
    resource,
    role,
    sub,
)

# Messages that a function is given at a time, and calls at a time: Step Functions takes many more new executions a
# second than ten calls begin.
_BATCH = 10
_WORK_CALLS = 10
_DONE_CALLS = 5
_MEBIBYTES = 512

_ORDERS = sub(f"${{StoreBucket.Arn}}/{WORK}/*")
_ARCHIVES = sub(f"${{StoreBucket.Arn}}/{ARCHIVES}/*")

# Where things are, by the name that handlers know it by.
ENVIRONMENT: dict[str, Json] = {
    "READVAULT_WORK_QUEUE": ref("WorkQueue"),
    "READVAULT_MACHINE": ref("PipelineMachine"),
    "READVAULT_STORE": sub(f"s3://${{StoreBucket}}/{ARCHIVES}"),
    "READVAULT_ORDERS": sub(f"s3://${{StoreBucket}}/{WORK}"),
    "READVAULT_TABLE": ref("CatalogTable"),
    "READVAULT_ARCHIVED_TOPIC": ref("ArchivedTopic"),
    "READVAULT_NEXT_QUEUE": ref("NextQueue"),
    # The stack's own id ends with one that serves as well as any.
    "READVAULT_VAULT_ID": either(
        "HasVaultId", ref("VaultId"), {"Fn::Select": [2, {"Fn::Split": ["/", ref("AWS::StackId")]}]}
    ),
    # Sources elsewhere are refused with a reason; that they could not be read is for the roles to see to.
    "READVAULT_SOURCES": {
        "Fn::Join": ["", ["s3://", {"Fn::Join": ["/,s3://", ref("SourceBuckets")]}, "/"]],
    },
    "READVAULT_KEY": ref("KeyPattern"),
    "READVAULT_LEVEL": ref("Level"),
    "READVAULT_VERIFY": ref("VerifyHow"),
    "READVAULT_TIER_AFTER_DAYS": sub("${TierAfterDays}"),
}
# What whoever reads a message needs to know.
_WANTED = ("SOURCES", "LEVEL", "VERIFY")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the stack."""

    handler: str
    """Its name in readvault.aws.handlers."""
    about: str
    environment: tuple[str, ...]
    """What it knows, of ENVIRONMENT without the prefix READVAULT_."""
    may: tuple[Json, ...]
    """Statements of its role, besides writing its log."""
    timeout: int = 60
    """Seconds."""
    dead: str | None = None
    """Queue for calls without an answer (of topics and rules) that failed three times."""


def _take(queue: str) -> Json:
    """What a mapping does in a function's name."""
    taking = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
    return allow("Take", taking, att(queue))


_LIST_STORE = allow("ListStore", ["s3:ListBucket"], att("StoreBucket"))
_KEEP = allow("Keep", ["dynamodb:GetItem", "dynamodb:PutItem"], att("CatalogTable"))
_CHANGE = allow("Change", ["dynamodb:GetItem", "dynamodb:UpdateItem"], att("CatalogTable"))
# Of all items only those that say when the next file of a bulk run begins.
_PACE = {
    **allow("Pace", ["dynamodb:UpdateItem"], att("CatalogTable")),
    "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{NAMED}*"]}},
}
_ANNOUNCE = allow("Announce", ["sns:Publish"], ref("ArchivedTopic"))

FUNCTIONS = {
    "AnnouncedFunction": Function(
        handler="announced",
        about="Finished files, as they are announced, into the work queue",
        environment=("WORK_QUEUE", *_WANTED),
        may=(allow("Send", ["sqs:SendMessage"], att("WorkQueue")),),
        timeout=300,
        dead=FINISHED_DEAD,
    ),
    "DispatchFunction": Function(
        handler="dispatch",
        about="One execution for each message of the work queue",
        environment=("MACHINE", *_WANTED),
        may=(_take("WorkQueue"), allow("Start", ["states:StartExecution"], ref("PipelineMachine"))),
        timeout=WORK_TIMEOUT,
    ),
    "BulkFunction": Function(
        handler="bulk",
        about="An item of a bulk run as the work that it stands for, and its turn",
        environment=("TABLE", *_WANTED),
        may=(allow("Look", ["dynamodb:GetItem"], att("CatalogTable")), _PACE),
    ),
    "OrderFunction": Function(
        handler="order",
        about="Looks at the source, claims the catalog's item, writes the work order",
        environment=("STORE", "ORDERS", "TABLE", "KEY", *_WANTED),
        may=(_KEEP, allow("WriteOrder", ["s3:PutObject"], _ORDERS)),
    ),
    "RecordFunction": Function(
        handler="record",
        about="Compares the archive with what the job said, and records it",
        environment=("ORDERS", "TABLE", "VAULT_ID"),
        # Without the right to list, what is missing looks like what is forbidden.
        may=(
            _KEEP,
            allow("Look", ["s3:GetObject", "s3:GetObjectVersion"], _ORDERS, _ARCHIVES),
            _LIST_STORE,
        ),
    ),
    "FailFunction": Function(
        handler="fail",
        about="Says in the catalog and to the topic why a file failed",
        environment=("ORDERS", "TABLE", "ARCHIVED_TOPIC", "VAULT_ID", *_WANTED),
        may=(_CHANGE, _ANNOUNCE, allow("ReadReason", ["s3:GetObject"], _ORDERS), _LIST_STORE),
    ),
    "NextStepFunction": Function(
        handler="next_step",
        about="Recorded archives into the queue of the next workflow",
        environment=("NEXT_QUEUE",),
        may=(allow("Send", ["sqs:SendMessage"], att("NextQueue")),),
        dead="NextDeadQueue",
    ),
    "DownstreamFunction": Function(
        handler="downstream",
        about="Notes that all work on an archive is over, and says so to the topic",
        environment=("TABLE", "ARCHIVED_TOPIC", "VAULT_ID"),
        may=(_take("DoneQueue"), _CHANGE, _ANNOUNCE),
        timeout=DONE_TIMEOUT,
    ),
    "TierFunction": Function(
        handler="tier",
        about="Tags archives that nothing reads any more, so that the bucket's rules move them",
        environment=("TABLE", "ARCHIVED_TOPIC", "VAULT_ID", "TIER_AFTER_DAYS"),
        may=(
            _CHANGE,
            _ANNOUNCE,
            allow("Find", ["dynamodb:Query"], sub("${CatalogTable.Arn}/index/by-waiting")),
            allow("Tag", ["s3:GetObjectTagging", "s3:PutObjectTagging"], _ARCHIVES),
        ),
        timeout=900,
    ),
}


def resources() -> Resources:
    """Functions, roles, log groups, and what calls them."""
    made = dict(_function_parts())
    return {**made, **_callers()}


def _function_parts() -> Iterator[tuple[str, Resource]]:
    for name, function in FUNCTIONS.items():
        part = function.handler.replace("_", "-")
        logs = name.removesuffix("Function") + "Logs"
        may = [allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], att(logs)), *function.may]
        more: dict[str, Json] = {}
        if function.dead is not None:
            may.append(allow("GiveUp", ["sqs:SendMessage"], att(function.dead)))
            more["DeadLetterConfig"] = {"TargetArn": att(function.dead)}
        yield logs, log_group(f"/aws/lambda/{STACK}-{part}")
        yield f"{name}Role", role("lambda.amazonaws.com", *may)
        yield (
            name,
            resource(
                "Lambda::Function",
                {
                    "FunctionName": sub(f"{STACK}-{part}"),
                    "Description": function.about,
                    "Runtime": "python3.13",
                    "Architectures": ["arm64"],
                    "Handler": f"readvault.aws.handlers.{function.handler}",
                    "Code": {"S3Bucket": ref("CodeBucket"), "S3Key": ref("CodeKey")},
                    "Role": att(f"{name}Role"),
                    "Timeout": function.timeout,
                    "MemorySize": _MEBIBYTES,
                    "LoggingConfig": {"LogGroup": ref(logs), "LogFormat": "JSON"},
                    "Environment": {
                        "Variables": {
                            f"READVAULT_{known}": ENVIRONMENT[f"READVAULT_{known}"] for known in function.environment
                        }
                    },
                    **more,
                },
            ),
        )


def _callers() -> Resources:
    return {
        "DispatchMapping": _mapping("WorkQueue", "DispatchFunction", _WORK_CALLS),
        "DownstreamMapping": _mapping("DoneQueue", "DownstreamFunction", _DONE_CALLS),
        "AnnouncedPermission": _permission("AnnouncedFunction", "sns.amazonaws.com", ref("FinishedTopic")),
        "NextStepPermission": _permission("NextStepFunction", "sns.amazonaws.com", ref("ArchivedTopic")),
        "TierPermission": _permission("TierFunction", "events.amazonaws.com", att("TierSchedule")),
        "TierSchedule": resource(
            "Events::Rule",
            {
                "Name": sub(f"{STACK}-tier"),
                "Description": "Archives whose work is over are looked for every hour",
                "ScheduleExpression": "rate(1 hour)",
                "State": "ENABLED",
                "Targets": [{"Id": "tier", "Arn": att("TierFunction")}],
            },
        ),
        "SourcePermission": _permission(
            "AnnouncedFunction", "events.amazonaws.com", att("SourceRule"), Condition="FromS3"
        ),
        # The buckets themselves must be told to send their events to EventBridge: they are not the stack's.
        "SourceRule": resource(
            "Events::Rule",
            {
                "Name": sub(f"{STACK}-source"),
                "Description": "BAM files that appear in the source buckets are announced",
                "EventPattern": {
                    "source": ["aws.s3"],
                    "detail-type": ["Object Created"],
                    "detail": {
                        "bucket": {"name": ref("SourceBuckets")},
                        "object": {"key": [{"wildcard": sub("${SourcePrefix}*.bam")}]},
                    },
                },
                "State": "ENABLED",
                "Targets": [
                    {
                        "Id": "announced",
                        "Arn": att("AnnouncedFunction"),
                        "DeadLetterConfig": {"Arn": att(FINISHED_DEAD)},
                    }
                ],
            },
            Condition="FromS3",
        ),
    }


def _mapping(queue: str, function: str, calls: int) -> Resource:
    return resource(
        "Lambda::EventSourceMapping",
        {
            "EventSourceArn": att(queue),
            "FunctionName": ref(function),
            "BatchSize": _BATCH,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": calls},
        },
    )


def _permission(function: str, service: str, source: Json, **more: Json) -> Resource:
    return resource(
        "Lambda::Permission",
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": ref(function),
            "Principal": service,
            "SourceArn": source,
        },
        **more,
    )

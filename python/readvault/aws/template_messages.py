"""Topics and queues. Every queue has a dead one beside it, which keeps for two weeks what could not be done."""

from collections.abc import Iterator

from readvault.aws.template_words import (
    ACCOUNT,
    NOTHING,
    STACK,
    Json,
    Resource,
    Resources,
    arn,
    att,
    either,
    let_service,
    policy,
    ref,
    refuse_without_tls,
    resource,
    sub,
)

# Seconds that a message waits for somebody: SQS keeps none longer.
_TWO_WEEKS = 14 * 24 * 3600
# Seconds that a queue uses a data key before it asks KMS, and pays, for another one; rights that are taken away hold
# for so long.
_DATA_KEY_SECONDS = 3600
# Attempts at a message before it goes to the dead queue.
_ATTEMPTS = 5
# A message must stay hidden for as long as all attempts of AWS's poller at a whole batch may take: it advises 6 times
# the function's timeout.
VISIBILITY_PER_TIMEOUT = 6

# The queues whose names tell what they are for, by logical name: their dead queue, whether they keep an order, and the
# seconds that whoever takes a message has for it.
WORK_TIMEOUT = 60
DONE_TIMEOUT = 60
# What takes messages from the queue of the next workflow is not ours.
NEXT_TIMEOUT = 60

QUEUES = {
    "WorkQueue": ("WorkDeadQueue", "work", True, WORK_TIMEOUT),
    "NextQueue": ("NextDeadQueue", "next", False, NEXT_TIMEOUT),
    "DoneQueue": ("DoneDeadQueue", "done", False, DONE_TIMEOUT),
}
# Not beside a queue but a topic: what announced finished files and could not be delivered or queued.
FINISHED_DEAD = "FinishedDeadQueue"
DEAD_QUEUES = (*(dead for dead, *_ in QUEUES.values()), FINISHED_DEAD)


def resources() -> Resources:
    """All of them."""
    return {name: made for part in (_queues(), _policies(), _topics()) for name, made in part}


def _queues() -> Iterator[tuple[str, Resource]]:
    for queue, (dead, name, ordered, timeout) in QUEUES.items():
        yield (
            queue,
            _queue(
                name,
                ordered,
                {
                    "VisibilityTimeout": VISIBILITY_PER_TIMEOUT * timeout,
                    "RedrivePolicy": {"deadLetterTargetArn": att(dead), "maxReceiveCount": _ATTEMPTS},
                },
            ),
        )
        yield dead, _queue(f"{name}-dlq", ordered, {})
    yield FINISHED_DEAD, _queue("finished-dlq", False, {})


def _queue(name: str, ordered: bool, more: dict[str, Json]) -> Resource:
    fifo: dict[str, Json] = {}
    if ordered:
        # Order is kept within a group; a queue of groups by file may go as fast as SQS lets it.
        fifo = {"FifoQueue": True, "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    return resource(
        "SQS::Queue",
        {
            "QueueName": sub(f"{STACK}-{name}{'.fifo' if ordered else ''}"),
            **fifo,
            "MessageRetentionPeriod": _TWO_WEEKS,
            "SqsManagedSseEnabled": either("HasKmsKey", NOTHING, True),
            "KmsMasterKeyId": either("HasKmsKey", ref("KmsKeyArn")),
            "KmsDataKeyReusePeriodSeconds": either("HasKmsKey", _DATA_KEY_SECONDS),
            **more,
        },
    )


def _policies() -> Iterator[tuple[str, Resource]]:
    for queue in [*QUEUES, *DEAD_QUEUES]:
        statements = [refuse_without_tls(["sqs:*"], att(queue))]
        if queue == FINISHED_DEAD:
            here = att(FINISHED_DEAD)
            finished = {"ArnEquals": {"aws:SourceArn": ref("FinishedTopic")}}
            # By name and not by reference: the rule is there only with S3Events, this statement always.
            rule = {"ArnEquals": {"aws:SourceArn": arn("events", f"rule/{STACK}-source")}}
            statements += [
                let_service("Finished", "sns.amazonaws.com", "sqs:SendMessage", here, finished),
                let_service("Source", "events.amazonaws.com", "sqs:SendMessage", here, rule),
            ]
        if queue == "NextDeadQueue":
            archived = {"ArnEquals": {"aws:SourceArn": ref("ArchivedTopic")}}
            statements.append(
                let_service("Archived", "sns.amazonaws.com", "sqs:SendMessage", att(queue), archived),
            )
        yield (
            f"{queue}Policy",
            resource("SQS::QueuePolicy", {"Queues": [ref(queue)], "PolicyDocument": policy(*statements)}),
        )


def _topics() -> Iterator[tuple[str, Resource]]:
    for topic in ("FinishedTopic", "ArchivedTopic"):
        name = topic.removesuffix("Topic").lower()
        key = either("HasKmsKey", ref("KmsKeyArn"))
        yield topic, resource("SNS::Topic", {"TopicName": sub(f"{STACK}-{name}"), "KmsMasterKeyId": key})
        statements = [refuse_without_tls(["sns:Publish"], ref(topic))]
        if topic == "FinishedTopic":
            # Buckets may tell of finished files themselves; a bucket's ARN has neither region nor account.
            buckets = {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": sub("arn:${AWS::Partition}:s3:::*")},
            }
            statements.append(let_service("Buckets", "s3.amazonaws.com", "sns:Publish", ref(topic), buckets))
        yield (
            f"{topic}Policy",
            resource("SNS::TopicPolicy", {"Topics": [ref(topic)], "PolicyDocument": policy(*statements)}),
        )
    yield (
        "FinishedSubscription",
        resource(
            "SNS::Subscription",
            {
                "TopicArn": ref("FinishedTopic"),
                "Protocol": "lambda",
                "Endpoint": att("AnnouncedFunction"),
                "RedrivePolicy": {"deadLetterTargetArn": att(FINISHED_DEAD)},
            },
        ),
    )
    yield (
        "ArchivedSubscription",
        resource(
            "SNS::Subscription",
            {
                "TopicArn": ref("ArchivedTopic"),
                "Protocol": "lambda",
                "Endpoint": att("NextStepFunction"),
                # Failures are announced too, and what becomes of archives; the next workflow starts with what is there.
                "FilterPolicy": {"type": ["archive.recorded"]},
                "RedrivePolicy": {"deadLetterTargetArn": att("NextDeadQueue")},
            },
        ),
    )

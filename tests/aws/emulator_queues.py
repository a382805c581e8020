"""What brings messages to functions: SQS's mappings, SNS's subscriptions and EventBridge's rules.

A mapping is one poller that receives and deletes through the API, in batches, keeps the order of FIFO queues and hears
what a function says has failed. Only the time is not AWS's: what failed comes back after a second, and not when the
queue's visibility timeout (six minutes) is over. Dead queues are moto's own work.
"""

import json
import logging
import threading
import time
from typing import Any

from moto.awslambda.models import LambdaBackend
from moto.awslambda.utils import get_backend
from moto.events.models import Rule
from moto.sns.models import Subscription
from moto.sqs.models import Queue

from tests.aws.emulator_functions import call_without_answer
from tests.aws.emulator_ground import client, endpoint, instead

# Seconds that a poller waits for messages at a time.
_WAITING = 2
# Seconds after which what failed is there again.
RETURNS_AFTER = 1

_ending = threading.Event()


def close() -> None:
    """End the pollers."""
    _ending.set()


# --- SQS -------------------------------------------------------------------------------------------------------------


class _None(dict[str, Any]):
    """moto calls functions while a message is sent, one message at a time: it finds none to call."""

    def items(self) -> Any:
        return ()

    def values(self) -> Any:
        return ()


_make_queue = Queue.__init__


@instead(Queue, "__init__")
def _queue(self: Any, *given: Any, **named: Any) -> None:
    _make_queue(self, *given, **named)
    self.lambda_event_source_mappings = _None()


_make_mapping = LambdaBackend.create_event_source_mapping


@instead(LambdaBackend, "create_event_source_mapping")
def _mapping(self: Any, given: dict[str, Any]) -> Any:
    made = _make_mapping(self, given)
    threading.Thread(target=_poll, args=(made,), daemon=True).start()
    return made


def _poll(mapping: Any) -> None:
    _, _, _, _, account, name = mapping.event_source_arn.split(":")
    url = f"{endpoint()}/{account}/{name}"
    while not _ending.is_set():
        try:
            _take(mapping, url)
        except Exception:
            if not _ending.is_set():
                logging.exception("the poller of %s goes on", name)
                time.sleep(1)


def _take(mapping: Any, url: str) -> None:
    """Receive a batch, call the function with it, and delete what did not fail."""
    sqs = client("sqs")
    found = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=min(10, mapping.batch_size),
        WaitTimeSeconds=_WAITING,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    ).get("Messages", [])
    if not found:
        return
    made: Any = get_backend(mapping.account_id, mapping.region).get_function(mapping.function_arn)
    answer, failed, _ = made._invoke_lambda({"Records": [_record(mapping, one) for one in found]})
    again = {one["MessageId"] for one in found} if failed else _failures(mapping, answer)
    for one in found:
        told = {"QueueUrl": url, "ReceiptHandle": one["ReceiptHandle"]}
        if one["MessageId"] in again:
            sqs.change_message_visibility(**told, VisibilityTimeout=RETURNS_AFTER)
        else:
            sqs.delete_message(**told)


def _record(mapping: Any, message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": message.get("MessageAttributes", {}),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.event_source_arn,
        "awsRegion": mapping.region,
    }


def _failures(mapping: Any, answer: str) -> set[str]:
    if "ReportBatchItemFailures" not in (mapping.function_response_types or ()):
        return set()
    told = json.loads(answer) or {}
    return {one["itemIdentifier"] for one in told.get("batchItemFailures", [])}


# --- SNS and EventBridge ---------------------------------------------------------------------------------------------

_publish = Subscription.publish


@instead(Subscription, "publish")
def _deliver(self: Any, message: str, message_id: str, **more: Any) -> None:
    """To functions in the background, with the message's own facts; to all others as moto does it."""
    if self.protocol != "lambda":
        _publish(self, message, message_id, **more)
        return
    attributes = more.get("message_attributes")
    matcher = self._filter_policy_matcher
    if matcher is not None and not matcher.matches(attributes, message):
        return
    told = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": self.topic_arn,
        "Subject": more.get("subject"),
        "Message": message,
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "MessageAttributes": {
            name: {"Type": one["Type"], "Value": one["Value"]} for name, one in (attributes or {}).items()
        },
    }
    record = {"EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": self.arn, "Sns": told}
    _, _, _, region, account, _, name = self.endpoint.split(":")
    call_without_answer(get_backend(account, region).get_function(name), {"Records": [record]})


_send = Rule.send_to_targets


@instead(Rule, "send_to_targets")
def _to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
    """To functions, which moto refuses; all other targets are moto's."""
    if self.scheduled_expression or not self.event_pattern.matches_event(original_event):
        return
    functions = [one["Arn"] for one in self.targets if ":lambda:" in one["Arn"]]
    for arn in functions:
        _, _, _, region, account, _, name = arn.split(":")
        call_without_answer(get_backend(account, region).get_function(name), json.loads(json.dumps(original_event)))
    if len(functions) < len(self.targets):
        _send(self, original_event, transform_input)

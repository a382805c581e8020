"""moto over loopback, as a program: it prints its port, and ends with its standard input.

Of a stack that a change set has made, moto tells neither outputs nor parameters; here it does, as it does of others.
A list among the parameters is told as AWS tells it, with commas. That a bucket tells EventBridge is told too.
"""

import sys
from typing import Any

from moto.cloudformation.models import ChangeSet, Stack
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer
from moto.sqs.exceptions import SQSException
from moto.sqs.models import Queue
from moto.sqs.responses import SQSResponse


def apply(self: ChangeSet) -> None:
    """Run a change set, and remember what it was made of."""
    stack = self.stack
    stack.template = self.template
    stack._parse_template()
    stack.resource_map.update(self.template_dict, self.parameters)
    stack.output_map = stack._create_output_map()
    stack.parameters = self.parameters


def parameters(stack: Stack) -> list[dict[str, Any]]:
    """What a stack was told."""
    told = stack.resource_map.resolved_parameters.items()
    return [
        {"ParameterKey": name, "ParameterValue": ",".join(value) if isinstance(value, list) else value}
        for name, value in told
    ]


_notifications = S3Response.get_bucket_notification


def notifications(self: S3Response) -> Any:
    """Whom a bucket tells of its objects."""
    status, fields, body = _notifications(self)
    found = self.backend.get_bucket_notification_configuration(self.bucket_name)
    if found is not None and found.event_bridge is not None:
        end = "</NotificationConfiguration>"
        body = str(body).replace(end, f"<EventBridgeConfiguration/>{end}")
    return status, fields, body


def move(request: SQSResponse) -> None:
    """Say that messages are not moved here, without an answer that is asked for again."""
    raise SQSException("AWS.SimpleQueueService.UnsupportedOperation", "StartMessageMoveTask")


if __name__ == "__main__":
    ChangeSet.apply = apply  # type: ignore[method-assign]
    Stack.parameter_list = property(parameters)  # type: ignore[assignment,method-assign]
    S3Response.get_bucket_notification = notifications  # type: ignore[method-assign]
    SQSResponse.start_message_move_task = move  # type: ignore[attr-defined]
    # Functions do not run here, so they take no messages either.
    Queue.lambda_event_source_mappings = property(lambda queue: {}, lambda queue, given: None)  # type: ignore[assignment]
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()

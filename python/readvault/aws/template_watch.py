"""What somebody should hear of (alarms), and what he then looks at (a dashboard)."""

import json
from typing import Any

from readvault.aws.template_messages import DEAD_QUEUES, QUEUES
from readvault.aws.template_words import STACK, Json, Resource, Resources, att, either, ref, resource, sub

# Messages are taken from the work queue at once; what waits longer than this waits for something broken.
_WORK_SECONDS = 900
_MINUTES_5 = 300


def resources() -> Resources:
    """All of them."""
    return {
        **{
            dead.removesuffix("Queue") + "Alarm": _alarm(
                f"{dead}: something could not be done; look, then `readvault aws redrive`",
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": att(dead, "QueueName")},
                "Maximum",
                0,
            )
            for dead in DEAD_QUEUES
        },
        "WorkAgeAlarm": _alarm(
            "Announced files are not being dispatched",
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            {"QueueName": att("WorkQueue", "QueueName")},
            "Maximum",
            _WORK_SECONDS,
        ),
        "FailedAlarm": _execution_alarm("PipelineMachine", "ExecutionsFailed", "Files failed; the catalog says why"),
        "TimedOutAlarm": _execution_alarm("PipelineMachine", "ExecutionsTimedOut", "Files took too long"),
        "BulkFailedAlarm": _execution_alarm(
            "BulkMachine", "ExecutionsFailed", "A bulk run came to nothing: its manifest or listing could not be read"
        ),
        "Dashboard": resource(
            "CloudWatch::Dashboard",
            {"DashboardName": sub(f"{STACK}-readvault"), "DashboardBody": sub(json.dumps(_dashboard()))},
        ),
    }


def _execution_alarm(machine: str, metric: str, about: str) -> Resource:
    return _alarm(about, "AWS/States", metric, {"StateMachineArn": ref(machine)}, "Sum", 0)


def _alarm(
    about: str, namespace: str, metric: str, dimensions: dict[str, Json], statistic: str, threshold: int
) -> Resource:
    return resource(
        "CloudWatch::Alarm",
        {
            "AlarmDescription": about,
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Statistic": statistic,
            "Period": _MINUTES_5,
            "EvaluationPeriods": 1,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            # A queue that nobody uses reports nothing, and that is well.
            "TreatMissingData": "notBreaching",
            "AlarmActions": either("HasAlarmTopic", [ref("AlarmTopic")]),
        },
    )


def _dashboard() -> dict[str, Any]:
    machine = ["StateMachineArn", "${PipelineMachine}"]
    executions = [
        ["AWS/States", f"Executions{end}", *machine, {"stat": "Sum"}]
        for end in ("Started", "Succeeded", "Failed", "TimedOut", "Aborted")
    ]
    took = [["AWS/States", "ExecutionTime", *machine, {"stat": stat}] for stat in ("p50", "p90", "Maximum")]
    waiting = [_queue_metric("ApproximateNumberOfMessagesVisible", queue) for queue in QUEUES]
    dead = [_queue_metric("ApproximateNumberOfMessagesVisible", queue) for queue in DEAD_QUEUES]
    oldest = [_queue_metric("ApproximateAgeOfOldestMessage", queue) for queue in QUEUES]
    functions = ("announced", "dispatch", "bulk", "order", "record", "fail", "next-step", "downstream", "tier")
    errors = [["AWS/Lambda", "Errors", "FunctionName", f"{STACK}-{name}", {"stat": "Sum"}] for name in functions]
    graphs = [
        ("Files", executions),
        ("Time of a file", took),
        ("Messages waiting", waiting),
        ("Messages given up", dead),
        ("Age of the oldest message", oldest),
        ("Errors of functions", errors),
    ]
    return {
        "widgets": [
            {
                "type": "metric",
                "x": 12 * (number % 2),
                "y": 6 * (number // 2),
                "width": 12,
                "height": 6,
                "properties": {
                    "title": title,
                    "region": "${AWS::Region}",
                    "view": "timeSeries",
                    "period": _MINUTES_5,
                    "metrics": metrics,
                },
            }
            for number, (title, metrics) in enumerate(graphs)
        ]
    }


def _queue_metric(metric: str, queue: str) -> list[Any]:
    return ["AWS/SQS", metric, "QueueName", f"${{{queue}.QueueName}}", {"stat": "Maximum"}]

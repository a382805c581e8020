"""Whether source buckets tell EventBridge of their new objects, where the stack listens, and the switch for it.

The buckets are not the stack's: they are only looked at, unless somebody asks for more. What else a bucket tells, and
whom, stands in the same document, which S3 only replaces as a whole: so what is there is put back with the switch.
"""

import json
import shlex
from typing import Any

from readvault.aws import clients

_SWITCH = "EventBridgeConfiguration"


def switched_on(bucket: str) -> bool:
    """Whether a bucket tells EventBridge."""
    return _SWITCH in _told(bucket)


def command(bucket: str) -> str:
    """What is to be typed so that it does, and goes on telling what it tells now."""
    wanted = json.dumps({**_told(bucket), _SWITCH: {}})
    words = ["aws", "s3api", "put-bucket-notification-configuration", "--bucket", bucket]
    return shlex.join([*words, "--notification-configuration", wanted])


def switch_on(bucket: str) -> None:
    """Let a bucket tell EventBridge, and go on telling what it tells now."""
    clients.client("s3").put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={**_told(bucket), _SWITCH: {}},
        # What is there already is not ours to judge.
        SkipDestinationValidation=True,
    )


def _told(bucket: str) -> dict[str, Any]:
    found = clients.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}

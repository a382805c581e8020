"""What the fleet's parts say while they work: one JSON object a line, which CloudWatch can be asked about."""

import json
import sys
from typing import Any

from readvault.catalog.model import now

# Most characters of a text: a hostile message must not fill the log.
_LONGEST = 2000


def say(level: str, message: str, **facts: Any) -> None:
    """Write one line: `level` is info, warning or error, `facts` are what it is about."""
    told = {"time": now(), "level": level, "message": message, **facts}
    cut = {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in told.items()}
    sys.stdout.write(json.dumps(cut, default=str) + "\n")
    sys.stdout.flush()

"""Tables as DynamoDB has them: what comes to an item at once is done one after the other, and whole or not at all.

moto does neither: requests of several threads mix, and it undoes a transaction by putting back the whole table, with
what others have written meanwhile. So it is asked one thing at a time.
"""

import threading
from typing import Any

from moto.dynamodb.responses import DynamoHandler

from tests.aws.emulator_ground import instead

_one_at_a_time = threading.RLock()
_dynamo: Any = DynamoHandler.call_action


@instead(DynamoHandler, "call_action")
def _request(self: Any) -> Any:
    with _one_at_a_time:
        return _dynamo(self)

"""When the files of a bulk run begin: one after the other, as far apart as its rate says, however many ask at once.

The next free moment stands in an item of the catalog's table, one for each run that has a rate. Who asks takes it, and
moves it on for the next; what was missed while nobody asked is not made up for.
"""

import math
import time

from readvault.aws.failures import BadMessage, TryAgain
from readvault.catalog.dynamodb import DynamoCatalog, packed

# What the names of such items begin with: the function may write no others.
NAMED = "bulk#"

_HOUR = 3600 * 10**6
# How often it is tried to take the next moment while others do.
_TRIES = 20
# Step Functions waits no longer.
_LONGEST_WAIT = 99_999_999


def seconds_until_turn(catalog: DynamoCatalog, run: object, rate: object) -> int:
    """Take the next moment of a run for a file, and give the seconds until then. Nobody waits without a rate, which is
    files an hour.
    """
    if rate is None:
        return 0
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not rate > 0 or not isinstance(run, str):
        raise BadMessage("`rate` is a number of files an hour")
    apart = max(1, math.ceil(_HOUR / rate))
    for _ in range(_TRIES):
        now = int(time.time() * 10**6)
        begins = _moved_on(catalog, run, now, apart) or _begun(catalog, run, now, apart)
        if begins is not None:
            # Step Functions waits whole seconds: never too few of them.
            return min(math.ceil((begins - now) / 10**6), _LONGEST_WAIT)
    raise TryAgain(f"too many files of {run} ask at once when they may begin")


def _moved_on(catalog: DynamoCatalog, run: str, now: int, apart: int) -> int | None:
    """The next moment, where that is to come."""
    try:
        before = catalog.client.update_item(
            **_item(catalog, run),
            UpdateExpression="SET #next = #next + :apart",
            ConditionExpression="#next >= :now",
            ExpressionAttributeValues=packed({":now": now, ":apart": apart}),
            ReturnValues="UPDATED_OLD",
        )
    except catalog.client.exceptions.ConditionalCheckFailedException:
        return None
    return int(before["Attributes"]["next"]["N"])


def _begun(catalog: DynamoCatalog, run: str, now: int, apart: int) -> int | None:
    """The present moment, where the next one is past, or nobody has asked yet."""
    try:
        catalog.client.update_item(
            **_item(catalog, run),
            UpdateExpression="SET #next = :then",
            ConditionExpression="attribute_not_exists(#next) OR #next < :now",
            ExpressionAttributeValues=packed({":now": now, ":then": now + apart}),
        )
    except catalog.client.exceptions.ConditionalCheckFailedException:
        return None
    return now


def _item(catalog: DynamoCatalog, run: str) -> dict[str, object]:
    return {
        "TableName": catalog.table,
        "Key": packed({"id": f"{NAMED}{run}"}),
        "ExpressionAttributeNames": {"#next": "next"},
    }

"""Clients of AWS's services: made when they are first needed, once for each process.

boto3 takes longer to load than all of our own code: a function that needs no service of one kind makes no client of it.
"""

import os
from functools import cache
from typing import Any

from readvault.aws import environment
from readvault.aws.failures import TryAgain
from readvault.catalog.dynamodb import DynamoCatalog
from readvault.errors import UnsupportedError

# What passes by itself; boto3 has tried these five times when we see them.
_PASSING = {
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


@cache
def client(service: str) -> Any:
    """The process's client of a service."""
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError:
        raise UnsupportedError(
            "AWS is spoken to with boto3, which is not installed: pip install 'readvault[aws]'"
        ) from None

    # Names of buckets are no names of machines where the service is emulated.
    s3 = {"addressing_style": "path"} if os.environ.get("AWS_ENDPOINT_URL") else {}
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=32,
        s3=s3,
    )
    made = boto3.client(service, config=config)
    # botocore makes the classes of a client's errors when it is first asked for them, anew for each thread that asks
    # meanwhile: an error of one of these would pass by whoever waits for that of another.
    _ = made.exceptions
    return made


def catalog(table: str | None = None) -> DynamoCatalog:
    """The stack's catalog, or the one in a table."""
    return DynamoCatalog(client("dynamodb"), table or environment.needed(environment.TABLE))


def translated(error: Exception) -> Exception:
    """An error of a service as `TryAgain` if it passes by itself; all others as they are."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        code = str(response.get("Error", {}).get("Code", ""))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        reasons = {one.get("Code") for one in response.get("CancellationReasons", [])} - {"None", None}
        crossed = bool(reasons) and "ConditionalCheckFailed" not in reasons and "ValidationError" not in reasons
        passes = code in _PASSING or status >= 500 or crossed
    else:
        # What botocore says when no answer came at all: connections that fail, and time-outs.
        kinds = {kind.__name__ for kind in type(error).__mro__}
        passes = bool(kinds & {"HTTPClientError", "ConnectionError", "EndpointConnectionError"})
    return TryAgain(f"{type(error).__name__}: {error}") if passes else error

"""Whose account the commands speak for, and in which region; and what they say when AWS refuses.

A profile and a region are put into the environment: that is where boto3 looks, and the core that reads archives too.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from readvault.aws import clients
from readvault.errors import InvalidError

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
}
_MISSING = {"NoSuchBucket", "NoSuchKey", "ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "404"}


@dataclass(frozen=True, slots=True)
class Account:
    """An account and a region."""

    number: str
    region: str
    partition: str

    @property
    def domain(self) -> str:
        """What the names of its services end with."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"


def use(profile: str | None, region: str | None) -> None:
    """Speak for this profile in this region from now on; None leaves what the environment says."""
    if profile is not None:
        os.environ["AWS_PROFILE"] = profile
        # Keys of the environment would come before a profile that is named.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
    if region is not None:
        os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = region
    elif "AWS_REGION" in os.environ:
        # boto3 knows the one, other programs the other.
        os.environ.setdefault("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])
    if profile is not None or region is not None:
        clients.client.cache_clear()


def current() -> Account:
    """The account and region that are spoken for."""
    sts = clients.client("sts")
    told = sts.get_caller_identity()
    return Account(str(told["Account"]), str(sts.meta.region_name), str(told["Arn"]).split(":")[1])


@contextmanager
def asking() -> Iterator[None]:
    """Errors of boto3 as those that the command line has words and codes for."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("botocore"):
            raise
        raise told(error) from error


def told(error: Exception) -> Exception:
    """An error of boto3 with what can be done about it."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError", "SSOError"}:
        return PermissionError(f"AWS: {error}: log in (aws sso login), or name a profile with --profile")
    if "NoRegionError" in kinds:
        return InvalidError("AWS: no region is named: use --region, or set AWS_REGION")
    if "ProfileNotFound" in kinds:
        return InvalidError(f"AWS: {error}")
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    if code in _DENIED:
        return PermissionError(f"AWS: {error}")
    if code in _MISSING:
        return FileNotFoundError(f"AWS: {error}")
    return OSError(f"AWS: {error}")

"""What the emulator's parts stand on: where it is, how it is reached, and how moto's methods are replaced."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

ACCOUNT = "123456789012"
REGION = "eu-central-1"

Does = TypeVar("Does", bound=Callable[..., Any])


def endpoint() -> str:
    """Where the emulator listens: moto itself asks this variable too."""
    return f"http://127.0.0.1:{os.environ['MOTO_PORT']}"


def environment(store: str | None = None) -> dict[str, str]:
    """What a process of the emulator's has in its environment, and nothing of ours. `store`: another way to S3."""
    known = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG") if name in os.environ}
    elsewhere = {} if store is None else {"AWS_ENDPOINT_URL_S3": store}
    return {
        **known,
        **elsewhere,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": store or endpoint(),
        "AWS_ALLOW_HTTP": "true",
    }


@cache
def client(service: str) -> Any:
    """A client of the emulator's own services, from inside of it."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        endpoint_url=endpoint(),
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )


def instead(owner: Any, name: str, *, of_class: bool = False) -> Callable[[Does], Does]:
    """What stands below takes the place of a method of moto's, or of a method of its class."""

    def replaced(does: Does) -> Does:
        setattr(owner, name, classmethod(does) if of_class else does)
        return does

    return replaced

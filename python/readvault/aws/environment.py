"""What the stack tells its functions, by environment variables."""

import os

from readvault.errors import InvalidError
from readvault.pipeline.order import Options, options_of

QUEUE = "READVAULT_WORK_QUEUE"
MACHINE = "READVAULT_MACHINE"
STORE = "READVAULT_STORE"
ORDERS = "READVAULT_ORDERS"
TABLE = "READVAULT_TABLE"
TOPIC = "READVAULT_ARCHIVED_TOPIC"
NEXT = "READVAULT_NEXT_QUEUE"
VAULT = "READVAULT_VAULT_ID"
KEY = "READVAULT_KEY"

# Keys of archives where the stack names no pattern.
PATTERN = "{project}/{folder}/{name}.rv"


def needed(name: str) -> str:
    """A variable that must be there."""
    value = os.environ.get(name)
    if not value:
        raise InvalidError(f"the environment has no {name}: the function was not deployed by `readvault aws deploy`")
    return value


def options() -> Options:
    """How sources are handled that ask for nothing else."""
    wanted = {"level": os.environ.get("READVAULT_LEVEL"), "verify": os.environ.get("READVAULT_VERIFY")}
    return options_of({name: value for name, value in wanted.items() if value})


def key_pattern() -> str:
    """What keys of archives are made of."""
    return os.environ.get(KEY) or PATTERN


def sources() -> tuple[str, ...]:
    """What URLs of sources must start with (`READVAULT_SOURCES`, with commas between); anything, where it is empty."""
    return tuple(one.strip() for one in os.environ.get("READVAULT_SOURCES", "").split(",") if one.strip())


def tier_after_days() -> int:
    """The age at which archives move that nobody has called done; 0 for never."""
    return int(os.environ.get("READVAULT_TIER_AFTER_DAYS") or 0)

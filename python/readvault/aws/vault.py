"""A stack's catalog as `readvault catalog` sees a vault: `--vault dynamodb://TABLE`. It is only read here.

Its jobs, queues and settings are the stack's: `readvault aws` looks after those.
"""

from functools import cached_property

from readvault.aws import clients
from readvault.catalog.dynamodb import DynamoCatalog
from readvault.errors import InvalidError

SCHEME = "dynamodb://"


class TableVault:
    """The vault of a table; FileNotFoundError where there is none."""

    def __init__(self, url: str) -> None:
        self.folder = url
        table = url.removeprefix(SCHEME).rstrip("/")
        if not table or "/" in table:
            raise InvalidError(f"{url} names no table: it must be {SCHEME}TABLE")
        self.catalog: DynamoCatalog = clients.catalog(table)
        try:
            self.catalog.client.describe_table(TableName=table)
        except self.catalog.client.exceptions.ResourceNotFoundException:
            raise FileNotFoundError(f"{url}: there is no such table in this account and region") from None

    @cached_property
    def store(self) -> str:
        """Where the archives are; empty while there are none."""
        return self.catalog.store() or ""

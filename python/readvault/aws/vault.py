"""A stack's catalog as `readvault catalog` sees a vault: `--vault dynamodb://TABLE`.

Its jobs, queues and settings are the stack's: `readvault aws` looks after those. The table says by a tag which stack is
its own; one that has outlived its stack, or was made by hand, has none.
"""

from collections.abc import Iterator
from functools import cached_property

from readvault import places
from readvault.aws import clients, stack
from readvault.aws.stack import Deployed
from readvault.aws.template_store import STACK_TAG
from readvault.catalog.dynamodb import ORDERED, DynamoCatalog, text_in
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
            self._arn: str = self.catalog.client.describe_table(TableName=table)["Table"]["TableArn"]
        except self.catalog.client.exceptions.ResourceNotFoundException:
            raise FileNotFoundError(f"{url}: there is no such table in this account and region") from None

    @cached_property
    def stack(self) -> Deployed | None:
        """The stack that the table is of, if it is there."""
        tags = self.catalog.client.list_tags_of_resource(ResourceArn=self._arn)["Tags"]
        name = next((one["Value"] for one in tags if one["Key"] == STACK_TAG), None)
        return None if name is None else stack.found(name)

    @cached_property
    def store(self) -> str:
        """Where the archives are; empty where nothing says so."""
        told = self.catalog.store()
        if told is None and self.stack is not None:
            told = self.stack.output("Store")
        return told or ""

    # --- As it is compared with its store ----------------------------------------------------------------------------

    @property
    def own(self) -> tuple[str, ...]:
        """None of a table's files are in the store."""
        return ()

    def kept(self) -> Iterator[str]:
        """Keys of archives that are being made."""
        for item in self.catalog.in_state(ORDERED):
            if text_in(item, "store") == self.store:
                yield text_in(item, "key")

    def check_store(self) -> None:
        """InvalidError where nothing says where the archives are, or are to be."""
        if not places.is_url(self.store):
            raise InvalidError(
                f"{self.folder} has no archives yet and is no stack's, so that nothing says where they are to be: name "
                f"the table that `readvault aws deploy` has made"
            )

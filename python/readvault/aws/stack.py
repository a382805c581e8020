"""A stack that was deployed: where its parts are, and what it was told."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from readvault.aws import clients
from readvault.aws.account import told
from readvault.aws.announcing import Announcer
from readvault.catalog.dynamodb import DynamoCatalog
from readvault.pipeline.order import Options, options_of

# A stack that was only planned: its change set was made and never run.
PLANNED = "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class Deployed:
    """A stack as CloudFormation tells of it."""

    name: str
    state: str
    parameters: dict[str, str]
    outputs: dict[str, str]

    def output(self, name: str) -> str:
        """Where a part of it is; FileNotFoundError where it does not say."""
        try:
            return self.outputs[name]
        except KeyError:
            raise FileNotFoundError(
                f"the stack {self.name} ({self.state}) has no output {name}: bring it up to date with `readvault aws "
                f"deploy --stack {self.name}`"
            ) from None

    @cached_property
    def catalog(self) -> DynamoCatalog:
        """Its catalog."""
        return clients.catalog(self.output("CatalogTable"))

    @property
    def announcer(self) -> Announcer:
        """Who tells of what is changed by hand, as its functions tell of what they change."""
        return Announcer(self.output("ArchivedTopic"), self.output("VaultId"))

    @property
    def usual(self) -> Options:
        """How it handles sources that ask for nothing else: as its functions have it, or a message would be other work
        than the same file's that its topic announced.
        """
        wanted = {"level": self.parameters.get("Level"), "verify": self.parameters.get("VerifyHow")}
        return options_of({name: value for name, value in wanted.items() if value})

    @property
    def sources(self) -> tuple[str, ...]:
        """What URLs of its sources start with."""
        buckets = self.parameters.get("SourceBuckets", "")
        return tuple(f"s3://{one.strip()}/" for one in buckets.split(",") if one.strip())


def found(name: str) -> Deployed | None:
    """A stack, or None where there is none; one that was only planned is there with that state."""
    service = clients.client("cloudformation")
    try:
        stacks = service.describe_stacks(StackName=name)["Stacks"]
    except service.exceptions.ClientError as error:
        if error.response["Error"].get("Code") == "ValidationError":
            return None
        raise told(error) from error
    return None if not stacks else _deployed(stacks[0])


def deployed(name: str) -> Deployed:
    """A stack; FileNotFoundError where there is none."""
    there = found(name)
    if there is None or there.state == PLANNED:
        raise FileNotFoundError(
            f"there is no stack {name} in this account and region: `readvault aws deploy` makes it, --stack, --region "
            f"and --profile name another"
        )
    return there


def _deployed(stack: dict[str, Any]) -> Deployed:
    return Deployed(
        name=stack["StackName"],
        state=stack["StackStatus"],
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in stack.get("Parameters", [])},
        outputs={one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])},
    )


def resources(name: str) -> Iterator[tuple[str, str, str]]:
    """The parts of a stack: their names in the template, kinds and what AWS calls them."""
    pages = clients.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    for page in pages:
        for one in page["StackResourceSummaries"]:
            yield one["LogicalResourceId"], one["ResourceType"], one.get("PhysicalResourceId", "")

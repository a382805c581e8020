"""Taking a stack away, but never an archive: bucket and table are kept by the template whatever becomes of the stack.

That is said twice, since whoever takes a stack away may expect its bucket to go: while archives are in it, he must say
that he knows it stays.
"""

from collections.abc import Callable
from dataclasses import dataclass

from readvault.aws import clients, deploying, stack, template
from readvault.aws.stack import Deployed
from readvault.errors import StoreError

_ARCHIVES = "archives/"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stack."""

    name: str
    kind: str
    called: str
    stays: bool


def parts(there: Deployed) -> list[Part]:
    """The parts of a stack, those that stay first."""
    kept = {
        name for name, one in template.build()["Resources"].items() if one.get("DeletionPolicy", "Delete") == "Retain"
    }
    found = [Part(name, kind, called, name in kept) for name, kind, called in stack.resources(there.name)]
    return sorted(found, key=lambda part: (not part.stays, part.kind, part.name))


def holds_archives(there: Deployed) -> bool:
    """Whether there is any archive, or any earlier version of one, in the store."""
    bucket = there.outputs.get("StoreBucket")
    if bucket is None:
        # It never came so far.
        return False
    s3 = clients.client("s3")
    try:
        found = s3.list_object_versions(Bucket=bucket, Prefix=_ARCHIVES, MaxKeys=1)
    except s3.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") == "NoSuchBucket":
            return False
        raise
    return bool(found.get("Versions"))


def destroy(there: Deployed, say: Callable[[str], object]) -> None:
    """Delete the stack, and say what becomes of its parts."""
    service = clients.client("cloudformation")
    name = service.describe_stacks(StackName=there.name)["Stacks"][0]["StackId"]
    service.delete_stack(StackName=name)
    left = deploying.gone(name, say)
    if left is not None:
        raise StoreError(f"the stack {there.name} is {left}: its events tell why, and deleting it again goes on")

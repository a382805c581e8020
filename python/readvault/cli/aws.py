"""`readvault aws`: the stack itself: its template, made, brought up to date and taken away."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from readvault.cli import exits
from readvault.cli.catalog import table
from readvault.cli.exits import UsageError
from readvault.cli.options import Quiet
from readvault.cli.terminal import count, say, shown, warn

if TYPE_CHECKING:
    from readvault.aws.account import Account
    from readvault.aws.deploying import ChangeSet
    from readvault.aws.stack import Deployed

Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Profile of AWS's configuration; else AWS_PROFILE.")
]
Region = Annotated[
    str | None, typer.Option("--region", metavar="NAME", help="Region; else AWS_REGION or the profile's.")
]
StackName = Annotated[str, typer.Option("--stack", metavar="NAME", envvar="READVAULT_STACK", help="Name of the stack.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only tell what would be done.")]
# What `deploy` calls a stack unless told otherwise.
STACK = "readvault"


@contextmanager
def speaking(profile: str | None, region: str | None) -> Iterator[None]:
    """Speak for a profile in a region; what AWS refuses gets words and codes."""
    from readvault.aws import account

    with account.asking():
        account.use(profile, region)
        yield


@contextmanager
def reached(name: str, profile: str | None, region: str | None) -> Iterator["Deployed"]:
    """A stack that is there."""
    with speaking(profile, region):
        from readvault.aws import stack

        yield stack.deployed(name)


def template(
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
) -> int:
    """Print the CloudFormation template, as `deploy` uses it and as infra/template.json has it."""
    from readvault.aws import template as made

    sys.stdout.write(made.text())
    return exits.OK


def deploy(
    image: Annotated[
        str | None, typer.Option("--image", metavar="URI", help="Image of the jobs, best with its digest.")
    ] = None,
    push: Annotated[bool, typer.Option("--push", help="Build the image here (docker, podman) and push it.")] = False,
    context: Annotated[str, typer.Option("--context", metavar="DIR", help="Readvault's sources, for --push.")] = ".",
    buckets: Annotated[
        list[str] | None,
        typer.Option("--source-bucket", metavar="NAME", help="Bucket that sources are in; may be repeated."),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--source-prefix", metavar="TEXT", help="What sources' keys begin with.")
    ] = None,
    vpc: Annotated[str | None, typer.Option("--vpc", metavar="ID", help="Network for the jobs [its own].")] = None,
    subnets: Annotated[
        str | None,
        typer.Option("--subnets", metavar="ID,...", help="Subnets of that network, with a way to S3 and ECR."),
    ] = None,
    max_vcpus: Annotated[
        int | None, typer.Option("--max-vcpus", min=1, metavar="N", help="Most processors at a time [256].")
    ] = None,
    instances: Annotated[
        str | None, typer.Option("--instance-types", metavar="LIST", help="Machines that jobs may run on, x86.")
    ] = None,
    kms_key: Annotated[
        str | None,
        typer.Option("--kms-key", metavar="ARN", help="Key for store, catalog, topics and queues [AWS's own]."),
    ] = None,
    level: Annotated[
        str | None, typer.Option("--level", "-l", metavar="LEVEL", help="fast, default or max [default].")
    ] = None,
    tier_after: Annotated[
        int | None, typer.Option("--tier-after-days", min=0, metavar="N", help="Age at which archives move [never].")
    ] = None,
    s3_events: Annotated[
        bool | None,
        typer.Option("--s3-events/--no-s3-events", help="Take BAM files as they appear in the source buckets."),
    ] = None,
    enable_events: Annotated[
        bool,
        typer.Option(
            "--enable-bucket-events", help="With --s3-events: have the source buckets send their events to EventBridge."
        ),
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any parameter of the template.")
    ] = None,
    code_bucket: Annotated[
        str | None,
        typer.Option("--code-bucket", metavar="NAME", help="Where code goes [readvault-code-ACCOUNT-REGION]."),
    ] = None,
    plan_only: DryRun = False,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
    as_json: Annotated[bool, typer.Option("--json", help="The outputs as one JSON object.")] = False,
    quiet: Quiet = False,
) -> int:
    """Make the stack, or bring it up to date: what would change is shown, then asked, then done. Nothing is emptied or
    deleted. Of a stack that is there, what is not named stays as it is.
    """
    wanted = {
        "Image": image,
        "SourceBuckets": None if not buckets else ",".join(buckets),
        "SourcePrefix": prefix,
        "VpcId": vpc,
        "SubnetIds": subnets,
        "MaxVcpus": None if max_vcpus is None else str(max_vcpus),
        "InstanceTypes": instances,
        "KmsKeyArn": kms_key,
        "Level": level,
        "TierAfterDays": None if tier_after is None else str(tier_after),
        "S3Events": None if s3_events is None else ("yes" if s3_events else "no"),
    }
    if (vpc is None) != (subnets is None):
        raise UsageError("--vpc and --subnets go together")
    given = {name: value for name, value in wanted.items() if value is not None} | _pairs(settings)
    with speaking(profile, region):
        from readvault.aws import account, deploying
        from readvault.aws import stack as stacks

        whose = account.current()
        there = stacks.found(stack)
        code = code_bucket or (there.parameters.get("CodeBucket") if there else None) or deploying.code_bucket(whose)
        # All that can be wrong is said before anything is made.
        deploying.parameters({"Image": "-", **given, "CodeBucket": code, "CodeKey": "-"}, there)
        if push or not (given.get("Image") or (there is not None and there.parameters.get("Image"))):
            made = _image(whose, push=push, context=context)
            if made is None:
                return exits.FAILED
            given["Image"] = made
        if deploying.make_bucket(code, whose) and not quiet:
            say(f"{code}: made, for code")
        key, words = deploying.upload(code)
        url = f"https://s3.{whose.region}.{whose.domain}/{code}/{words}"
        parameters = deploying.parameters({**given, "CodeBucket": code, "CodeKey": key}, there)
        change = deploying.planned(stack, url, parameters, there)
        if change is None:
            if not quiet:
                say(f"{stack}: nothing would change")
            _hear_buckets(parameters, enable=enable_events and not plan_only)
            done = stacks.deployed(stack)
        else:
            if not (quiet and yes):
                _show(change)
            agreed = False
            try:
                question = f"{'Make' if change.creates else 'Change'} the stack {stack}?"
                agreed = not plan_only and (yes or _agreed(question))
            finally:
                if not agreed:
                    deploying.leave(change)
            if not agreed:
                _hear_buckets(parameters, enable=False)
                say(f"{stack}: left as it is")
                return exits.OK if plan_only else exits.FAILED
            # Before all else: it takes S3 some minutes.
            _hear_buckets(parameters, enable=enable_events)
            done = deploying.run(change, (lambda line: None) if quiet else say)
    _tell_outputs(done, as_json=as_json)
    return exits.OK


def _image(whose: "Account", *, push: bool, context: str) -> str | None:
    """The image of this version; None where somebody must make it first, which is told."""
    from readvault.aws import image

    place = image.repository(whose)
    if push:
        return image.push(place, Path(context))
    there = image.pushed(place)
    if there is None:
        say(f"readvault: the image of the jobs is not in {place.repository}. In the folder of Readvault's sources:")
        for line in image.commands(place, whose, image.engine()):
            say(f"    {line}")
        say("then `readvault aws deploy` again; or --push does all of it, or --image names another")
    return there


def _hear_buckets(parameters: dict[str, str], *, enable: bool) -> None:
    """See to it that the source buckets tell what the stack listens to, or warn of those that do not."""
    from readvault.aws import bucket_events

    if parameters["S3Events"] != "yes":
        return
    for bucket in parameters["SourceBuckets"].split(","):
        name = bucket.strip()
        try:
            if bucket_events.switched_on(name):
                continue
            if enable:
                bucket_events.switch_on(name)
                say(f"{name}: sends its events to EventBridge from now on")
                continue
            warn(f"{name} sends no events to EventBridge, so its new files are not taken; --enable-bucket-events, or:")
            say(f"    {bucket_events.command(name)}")
        except Exception as error:
            warn(f"whether {name} sends its events to EventBridge could not be seen to: {error}")


def _show(change: "ChangeSet") -> None:
    rows = [(one.action, one.resource, one.kind.removeprefix("AWS::"), one.replaced) for one in change.changes]
    for line in table(("action", "part", "kind", "replaced"), iter(rows)):
        say(line)
    for one in change.changes:
        if one.replaced == "True" and one.resource in ("StoreBucket", "CatalogTable"):
            warn(f"{one.resource} would be replaced by an empty one; what is there is kept, but not used any more")


def _tell_outputs(there: "Deployed", *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(there.outputs) + "\n")
        return
    width = max(map(len, there.outputs), default=0)
    for name, value in sorted(there.outputs.items()):
        sys.stdout.write(f"{name.ljust(width)}  {shown(value)}\n")


def destroy(
    keep_bucket: Annotated[
        bool,
        typer.Option("--keep-bucket", help="Go on although archives are in the store: they stay, in their bucket."),
    ] = False,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
    quiet: Quiet = False,
) -> int:
    """Take the stack away. Archives are never deleted: the store's bucket and the catalog's table stay."""
    with reached(stack, profile, region) as there:
        from readvault.aws import destroying

        found = destroying.parts(there)
        rows = (
            ("stays" if one.stays else "goes", one.name, one.kind.removeprefix("AWS::"), one.called) for one in found
        )
        for line in table(("", "part", "kind", "called"), rows):
            say(line)
        bucket = there.outputs.get("StoreBucket")
        if destroying.holds_archives(there) and not keep_bucket:
            raise UsageError(
                f"{bucket} holds archives: with --keep-bucket the stack goes, and bucket and catalog stay as they are"
            )
        if not (yes or _agreed(f"Take the stack {stack} away?")):
            say(f"{stack}: left as it is")
            return exits.FAILED
        destroying.destroy(there, (lambda line: None) if quiet else say)
    if not quiet:
        say(f"{stack}: gone" + (f"; s3://{bucket} and {there.output('Catalog')} are still there" if bucket else ""))
    return exits.OK


def _pairs(texts: list[str] | None) -> dict[str, str]:
    found = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {text}: that is not NAME=VALUE")
        found[name] = value
    return found


def _agreed(question: str) -> bool:
    """Whether somebody says yes."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody can be asked here: --yes says yes")
    say(f"{question} [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def told(counts: dict[str, Any]) -> str:
    """Counts in words, without those that are none."""
    return ", ".join(f"{number:,} {name}" for name, number in counts.items() if number) or count(0, "file")

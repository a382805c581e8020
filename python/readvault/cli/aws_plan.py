"""`readvault aws plan`: what some files need, before anything is made."""

import json
import re
import sys
from typing import Annotated

import typer

from readvault.cli import exits
from readvault.cli.aws import STACK, Profile, Region, StackName
from readvault.cli.aws_words import plan_lines
from readvault.cli.exits import UsageError
from readvault.cli.options import Json

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([kmgtp]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}


def plan(
    files: Annotated[int, typer.Option("--files", min=1, metavar="N", help="How many files.")],
    size: Annotated[str, typer.Option("--size", metavar="SIZE", help="Of one of them, such as 3.5G.")],
    hours: Annotated[float, typer.Option("--hours", metavar="H", help="By when all are to be done.")],
    speed: Annotated[
        float | None,
        typer.Option("--mb-per-second-core", metavar="X", help="MB of BAM that one processor does a second [3.8]."),
    ] = None,
    ratio: Annotated[float | None, typer.Option("--ratio", metavar="R", help="How many times smaller [4.5].")] = None,
    vcpus: Annotated[int, typer.Option("--vcpus", min=1, metavar="N", help="Processors of a job.")] = 8,
    overhead: Annotated[
        float | None, typer.Option("--overhead", metavar="S", help="Seconds of a file besides its bytes [20].")
    ] = None,
    price_vcpu: Annotated[
        float | None, typer.Option("--price-per-vcpu-hour", metavar="P", help="Of a processor for an hour.")
    ] = None,
    price_source: Annotated[
        float | None, typer.Option("--price-per-tb-month", metavar="P", help="Of a TB of BAM for a month.")
    ] = None,
    price_archive: Annotated[
        float | None,
        typer.Option("--price-archive-per-tb-month", metavar="P", help="Of a TB of archives for a month."),
    ] = None,
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
    as_json: Json = False,
) -> int:
    """How many machines some files need, what that costs at your prices, and which of AWS's limits it comes near to.

    Nothing is asked of AWS. Speed and ratio are those measured for level default on NovaSeq data, unless given.
    """
    from readvault.aws import sizing

    work = sizing.Work(
        files=files,
        size=bytes_of(size, "--size"),
        hours=hours,
        mb_per_second=sizing.MB_PER_SECOND if speed is None else speed,
        ratio=sizing.RATIO if ratio is None else ratio,
        vcpus=vcpus,
        overhead=sizing.OVERHEAD if overhead is None else overhead,
    )
    found = sizing.plan(work, sizing.Prices(price_vcpu, price_source, price_archive))
    if as_json:
        sys.stdout.write(json.dumps(found.as_dict()) + "\n")
        return exits.OK
    for line in plan_lines(found):
        sys.stdout.write(line + "\n")
    return exits.OK


def bytes_of(text: str, option: str) -> int:
    """The bytes that a size such as 3.5G means."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{option} {text}: that is no size such as 500M or 3.5G")
    return round(float(found.group(1)) * _UNITS[found.group(2).lower()])

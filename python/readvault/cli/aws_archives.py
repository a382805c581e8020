"""`readvault aws catalog`, `tier`, `restore` and `report`: what the stack's archives are, and what becomes of them."""

import json
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from readvault import places
from readvault.catalog.model import HOT, Entry
from readvault.catalog.query import conditions_of
from readvault.cli import catalog as catalogs
from readvault.cli import exits
from readvault.cli.aws import STACK, DryRun, Profile, Region, StackName, reached
from readvault.cli.aws_words import report_lines
from readvault.cli.exits import UsageError
from readvault.cli.keeping import each
from readvault.cli.options import Force, Json, Quiet, Threads
from readvault.cli.selection import Words, selected
from readvault.cli.terminal import count, say, shown
from readvault.report import size

if TYPE_CHECKING:
    from readvault.aws.restoring import Archived
    from readvault.aws.stack import Deployed

# Seconds between two looks at archives that are on their way: they take hours.
_WAIT = 300.0


def catalog(
    conditions: catalogs.Conditions = None,
    limit: catalogs.Limit = None,
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
    as_json: Json = False,
) -> int:
    """List the archives that meet all conditions: `readvault catalog find --vault dynamodb://TABLE`. Its other commands
    take a table too.
    """
    with reached(stack, profile, region) as there:
        return catalogs.find(conditions, limit=limit, vault_folder=there.output("Catalog"), as_json=as_json)


def tier(
    query: Words = None,
    older: Annotated[
        int | None, typer.Option("--older", min=0, metavar="DAYS", help="Age at which archives move [the stack's].")
    ] = None,
    dry_run: DryRun = False,
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Tag archives so that the bucket moves them to a colder class: those that a query names, or those that are done or
    old enough, as the stack itself does every hour. Indexes stay.
    """
    if query and older is not None:
        raise UsageError("--older goes with no query: conditions such as created<2026-01-01 say it too")
    with reached(stack, profile, region) as there:
        from readvault.aws import tiers

        days = int(there.parameters.get("TierAfterDays") or 0) if older is None else older
        wanted: Iterable[Entry] = _named(there, query) if query else tiers.due(there.catalog, days)

        def work(entry: Entry) -> dict[str, Any]:
            if not dry_run:
                tiers.move(there.catalog, there.announcer, entry)
            if not quiet:
                say(f"{entry.place}: {'would be tagged' if dry_run else 'tagged'} for a colder class")
            return {"uuid": entry.uuid, "archive": entry.place, "tier": tiers.ARCHIVE, "moved": not dry_run}

        hot = (entry for entry in wanted if entry.tier == HOT)
        return each(hot, work, lambda entry: entry.place, 1, as_json)


def restore(
    query: Words = None,
    days: Annotated[int, typer.Option("--days", min=1, metavar="N", help="How long they can be read then.")] = 7,
    how: Annotated[
        str, typer.Option("--tier", metavar="NAME", help="Bulk (cheap, up to 2 days), Standard or Expedited.")
    ] = "Bulk",
    status: Annotated[bool, typer.Option("--status", help="Only tell which can be read.")] = False,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="DIR", help="Give the sources of those back that can be read."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all can be read.")] = False,
    threads: Threads = 0,
    force: Force = False,
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Bring archives back that lie deep, and give sources back, each compared with the catalog. Ends with 3 while some
    of them cannot be read yet, with 1 while none can.
    """
    from readvault.aws import restoring
    from readvault.pipeline.restore import give_back

    if not query:
        raise UsageError("name what is to be restored; name=* is all")
    if how not in restoring.TIERS:
        raise UsageError(f"--tier {how}: it is {', '.join(restoring.TIERS)}")
    if status and (output is not None or wait):
        raise UsageError("--status only tells: it goes with neither -o nor --wait")
    if output is not None and places.is_url(output):
        raise UsageError(f"-o {output}: sources are given back into a folder of this machine")
    with reached(stack, profile, region) as there:
        left, ready, code = _named(there, query), 0, exits.OK
        while True:
            later: list[Entry] = []

            def work(entry: Entry, later: list[Entry] = later) -> dict[str, Any]:
                found = restoring.look(entry)
                if found.state == restoring.ARCHIVED and not status:
                    found = restoring.ask(found, days, how)
                if found.state != restoring.READY:
                    later.append(entry)
                elif output is not None:
                    path = restoring.target(entry, output)
                    give_back(entry, path, threads=threads, force=force)
                    if not quiet:
                        say(f"{path}: {size(entry.size)}, identical to what was archived")
                    return {**_of(found), "path": path}
                if not quiet and not as_json:
                    _tell(found, data=status)
                return _of(found)

            code = max(code, each(left, work, lambda entry: entry.place, 1, as_json))
            ready += len(left) - len(later)
            if not (wait and later):
                break
            left = later
            time.sleep(_WAIT)
    if code == exits.OK and later and not status:
        if not quiet:
            say(f"{count(len(later), 'archive')} on the way: `readvault aws restore --status` tells when")
        return exits.SOME_FAILED if ready else exits.FAILED
    return code


def _tell(found: "Archived", *, data: bool) -> None:
    until = f", until {found.until}" if found.until else ""
    line = f"{found.entry.place}: {found.state} ({found.storage_class}{until})"
    if data:
        sys.stdout.write(shown(line) + "\n")
    else:
        say(line)


def _of(found: "Archived") -> dict[str, Any]:
    return {
        "uuid": found.entry.uuid,
        "archive": found.entry.place,
        "state": found.state,
        "storage_class": found.storage_class,
        "until": found.until or None,
    }


def report(
    conditions: catalogs.Conditions = None,
    price_source: Annotated[
        float | None, typer.Option("--price-per-tb-month", metavar="P", help="Of a TB of sources for a month.")
    ] = None,
    price_hot: Annotated[
        float | None,
        typer.Option("--price-archive-per-tb-month", metavar="P", help="Of a TB of archives [as of sources]."),
    ] = None,
    price_cold: Annotated[
        float | None,
        typer.Option("--price-cold-per-tb-month", metavar="P", help="Of archives in a colder class [as of archives]."),
    ] = None,
    price_vcpu: Annotated[
        float | None, typer.Option("--price-per-vcpu-hour", metavar="P", help="Of a processor for an hour.")
    ] = None,
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
    as_json: Json = False,
) -> int:
    """What the archives save, by project, and what machines and storage cost at your prices.

    Conditions such as project=x or created>=2026-11-01 say of which archives.
    """
    if price_source is None and (price_hot is not None or price_cold is not None):
        raise UsageError("prices of archives need that of sources beside them: --price-per-tb-month")
    wanted = conditions_of(conditions or ())
    with reached(stack, profile, region) as there:
        from readvault.aws import reporting

        vcpus = int(there.parameters.get("JobVcpus") or 8)
        prices = reporting.Prices(price_source, price_hot, price_cold, price_vcpu, vcpus)
        found = reporting.report(there.catalog.find(wanted), prices)
    if as_json:
        sys.stdout.write(json.dumps(found.as_dict()) + "\n")
        return exits.OK
    for line in report_lines(found):
        sys.stdout.write(line + "\n")
    return exits.OK


def _named(there: "Deployed", query: list[str]) -> list[Entry]:
    """The entries that a query names."""
    from readvault.aws.vault import TableVault

    return list(selected(TableVault(there.output("Catalog")), query))

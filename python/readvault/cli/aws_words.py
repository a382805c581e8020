"""A fleet's figures in words and numbers for people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from readvault.cli.catalog import table
from readvault.cli.terminal import count, ratio
from readvault.cli.vault_words import length, seconds
from readvault.report import size

if TYPE_CHECKING:
    from readvault.aws.reporting import Report, Share
    from readvault.aws.sizing import Plan
    from readvault.aws.watching import Status


def plan_lines(found: "Plan") -> Iterator[str]:
    """A plan."""
    from readvault.aws.sizing import NEAR

    work = found.work
    yield (
        f"work       {count(work.files, 'file')} of {size(work.size)}: {size(found.source_bytes)} -> "
        f"{size(found.archive_bytes)} ({ratio(work.ratio)})"
    )
    yield (
        f"a file     {seconds(found.file_seconds)} on {work.vcpus} processors ({work.mb_per_second:g} MB/s each, "
        f"{work.overhead:g} s besides)"
    )
    yield (
        f"machines   {found.instances:,} of {work.vcpus} processors at a time ({found.vcpus:,}: MaxVcpus), for "
        f"{found.hours:,.1f} h: {found.files_per_hour:,.0f} files an hour"
    )
    if found.hours > work.hours * NEAR:
        yield f"           {work.hours:g} h are too few: a single file takes longer; more processors a file help"
    yield f"in all     {found.vcpu_hours:,.0f} processor hours"
    if found.compute is not None and found.compute_per_tb is not None:
        yield f"cost       {found.compute:,.2f} for machines, {found.compute_per_tb:,.2f} for a TB of BAM"
    if found.saved_month is not None:
        yield (
            f"storage    {found.before_month:,.2f} -> {found.after_month:,.2f} a month, saved {found.saved_month:,.2f}"
            + (
                f"; that pays for the machines in {found.pays_after_months:,.1f} months"
                if found.pays_after_months is not None
                else ""
            )
        )
    rows = (
        (
            one.name,
            f"{one.needed:,.1f}{one.unit}",
            f"{one.allowed:,.0f}{one.unit}",
            "ok" if one.fits else f"too much: {one.remedy}",
        )
        for one in found.limits
    )
    yield from table(("limit", "needed", "usual", ""), rows, numbers=("needed", "usual"))


def status_lines(found: "Status") -> Iterator[str]:
    """What a stack is at."""
    yield f"stack       {found.stack}, {found.state}"
    for name, depth in found.queues.items():
        yield f"{name.lower() + ' queue':11} {depth['waiting']:,} waiting, {depth['taken']:,} taken"
    dead = {name: number for name, number in found.dead.items() if number}
    if dead:
        yield "given up    " + ", ".join(f"{number:,} in {name}" for name, number in dead.items())
    yield f"executions  {_counts(found.executions, found.bounded)}"
    yield f"jobs        {_counts(found.jobs, found.bounded)}"
    for run in found.bulk:
        if run.why:
            yield f"bulk run    {run.name} came to nothing: {run.why}"
            continue
        yield (
            f"bulk run    {run.name}: {run.counts['succeeded']:,} of {run.counts['total']:,} done, "
            f"{run.counts['running']:,} begun, {run.counts['failed']:,} failed"
        )
    held = found.entries
    yield f"catalog     {held.ordered:,} ordered, {held.recorded:,} recorded, {held.failed:,} failed"
    if held.archive_bytes:
        yield (
            f"saved       {size(held.source_bytes)} -> {size(held.archive_bytes)} "
            f"({ratio(held.source_bytes / held.archive_bytes)}), {length(held.saved_bytes)}"
        )
    for one in found.failures:
        yield f"failed      {one['source']}: {one['error']} [{one['error_kind']}]"


def status_line(found: "Status") -> str:
    """The same in one line."""
    held, dead = found.entries, sum(found.dead.values())
    return (
        f"{found.queues['Work']['waiting']:,} waiting, {_shown(found.executions['RUNNING'], found.bounded)} running, "
        f"{held.recorded:,} recorded, {held.failed:,} failed"
        + (f", {dead:,} given up" if dead else "")
        + (f", saved {length(held.saved_bytes)}" if held.recorded else "")
    )


def _counts(found: dict[str, int], bound: int) -> str:
    told = [f"{_shown(number, bound)} {state.lower().replace('_', ' ')}" for state, number in found.items() if number]
    return ", ".join(told) or "none"


def _shown(number: int, bound: int) -> str:
    return f"{number:,}" + ("+" if number >= bound else "")


def report_lines(found: "Report") -> Iterator[str]:
    """Costs and savings by project."""
    head: tuple[str, ...] = ("project", "files", "sources", "archives", "ratio", "saved", "cold")
    money = {
        "compute": found.total.compute is not None,
        "before/month": found.total.before_month is not None,
        "after/month": found.total.after_month is not None,
        "saved/month": found.total.saved_month is not None,
    }
    head += tuple(name for name, there in money.items() if there)
    rows = [_row(one, one.project or "(none)") for one in found.projects]
    yield from table(head, iter([*rows, _row(found.total, "all")]), numbers=head[1:])


def _row(one: "Share", name: str) -> tuple[str, ...]:
    prices = (one.compute, one.before_month, one.after_month, one.saved_month)
    return (
        name,
        f"{one.files:,}",
        size(one.source_bytes),
        size(one.archive_bytes),
        ratio(one.ratio),
        length(one.source_bytes - one.archive_bytes),
        size(one.cold_bytes),
        *(f"{price:,.2f}" for price in prices if price is not None),
    )

"""`readvault vault report`: what a vault has saved, its speed and failures: as text, JSON, a page, or for MultiQC."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from readvault import places
from readvault.cli.exits import UsageError
from readvault.cli.multiqc import SUFFIX, multiqc
from readvault.cli.options import Force
from readvault.cli.terminal import count, ratio, shown
from readvault.cli.vault import VaultFolder, opened
from readvault.cli.vault_page import vault_page
from readvault.cli.vault_words import change, limits, seconds
from readvault.files import whole
from readvault.report import size
from readvault.vault import report as reports
from readvault.vault import settings
from readvault.vault.figures import VaultReport
from readvault.vault.home import Vault

# What the text has of long lists.
_PROJECTS, _FAILURES, _SLOWEST = 10, 5, 5
# Files that are no reports, whatever --force says.
_KEPT = (".rv", ".rv.idx", ".rv.proof.json")


def report(
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Write all of it as a page with charts, for a browser."),
    ] = None,
    for_multiqc: Annotated[
        str | None,
        typer.Option("--multiqc", metavar="FILE", help=f"Write a table for MultiQC; FILE has to end with {SUFFIX}."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report on standard output, as one JSON object.")] = False,
    project: Annotated[
        str | None, typer.Option("--project", metavar="NAME", help="Only this project; '' is what has none.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="DATE", help="Only what was archived or ended since then, such as 2026-11-01 (UTC)."
        ),
    ] = None,
    force: Force = False,
    vault_folder: VaultFolder = None,
) -> int:
    """What the vault has saved, by project and over time, how fast it works, and what failed."""
    start = _time(since)
    with opened(vault_folder) as vault:
        _refuse_nonsense(vault, html, for_multiqc, as_json=as_json, force=force)
        found = reports.collect(vault, project=project, since=start)
    if html is not None:
        _write(vault_page(found), html, force=force)
    if for_multiqc is not None:
        _write(multiqc(found), for_multiqc, force=force)
    if as_json:
        sys.stdout.write(json.dumps(found.as_dict()) + "\n")
    elif html is None and for_multiqc is None:
        for line in lines(found):
            sys.stdout.write(shown(line) + "\n")
    return 0


def _time(since: str | None) -> datetime | None:
    """The time that a text says; of UTC, unless it says another zone."""
    if since is None:
        return None
    try:
        time = datetime.fromisoformat(since)
    except ValueError:
        raise UsageError(f"--since {since}: is no date such as 2026-11-29 or 2026-11-29T13:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _refuse_nonsense(vault: Vault, html: str | None, table: str | None, *, as_json: bool, force: bool) -> None:
    written = [file for file in (html, table) if file is not None]
    if force and not written:
        raise UsageError("--force is for --html and --multiqc: nothing else is written")
    if written.count("-") + as_json > 1:
        raise UsageError("only one of --json, --html - and --multiqc - can go to standard output")
    if table is not None and table != "-" and not table.endswith(SUFFIX):
        raise UsageError(f"--multiqc {table}: MultiQC would not find it; its name has to end with {SUFFIX}")
    files = [file for file in written if file != "-" and not places.is_url(file)]
    if len({Path(file).resolve() for file in files}) < len(files):
        raise UsageError("--html and --multiqc name the same file")
    for file in files:
        path = Path(file).resolve()
        if path in _own(vault) or path.name.endswith(_KEPT):
            raise UsageError(f"{file}: the report would replace a part of the vault")
        if places.exists(file) and not force:
            raise FileExistsError(f"{file} exists already: use -f to replace it")


def _own(vault: Vault) -> set[Path]:
    """Files that make the vault."""
    names = [settings.NAME, vault.settings.announce_file or settings.NAME]
    own = {vault.audit.path, *(vault.folder / name for name in names)}
    # SQLite's own files are beside the catalog.
    own |= {
        vault.database.path.with_name(vault.database.path.name + ending) for ending in ("", "-wal", "-shm", "-journal")
    }
    return {path.resolve() for path in own}


def _write(text: str, path: str, *, force: bool) -> None:
    if path == "-":
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    with whole(path, force=force) as file:
        file.write(text.encode())


def lines(found: VaultReport) -> Iterator[str]:
    """The report as text: a label, and what it is about."""
    yield f"vault     {found.folder}, archives in {found.store}"
    if limits(found):
        yield f"only      {limits(found)}"
    yield f"total     {change(found.archives, '->')}"
    if found.reclaimed.files:
        yield f"deleted   {count(found.reclaimed.files, 'source')}, {size(found.reclaimed.source_bytes)}"
    for label, groups in (("verified", found.verified), ("marked", found.marks)):
        if groups:
            yield f"{label:8}  " + ", ".join(f"{one.count:,} {one.name}" for one in groups)
    if found.tiers:
        yield "tiers     " + ", ".join(f"{one.amount.files:,} {one.name}" for one in found.tiers)
    for one in found.projects[:_PROJECTS]:
        failed = f", {one.failures:,} failed" if one.failures else ""
        yield f"project   {one.name or '(none)'}: {change(one.amount, '->')}{failed}"
    if len(found.projects) > _PROJECTS:
        yield f"          and {count(len(found.projects) - _PROJECTS, 'more project')} (--json or --html)"
    if found.ratios.median is not None:
        yield f"ratio     half of the archives have {ratio(found.ratios.median)} or more"
    yield "jobs      " + ", ".join(f"{one.jobs:,} {one.state}" for one in found.jobs)
    yield from _speed(found)
    yield from _failed(found)
    if found.undelivered.events:
        yield f"events    {found.undelivered.events:,} not delivered: {found.undelivered.error or 'not tried yet'}"


def _speed(found: VaultReport) -> Iterator[str]:
    rates = found.throughput.rates
    busy = sum(one.busy_seconds for one in rates)
    if busy:
        files, moved = sum(one.files for one in rates), sum(one.source_bytes for one in rates)
        rate = f"{moved / 1e6 / busy:,.1f} MB/s, {files * 3600 / busy:,.1f} files/hour"
        yield f"speed     {rate}, in {seconds(busy)} of work"
    for step in found.steps:
        yield (
            f"step      {step.step}: {count(step.runs, 'run')}, {seconds(step.mean_seconds)} on average, half took "
            f"{seconds(step.median_seconds)} or less, the longest {seconds(step.longest_seconds)}"
        )
    for slow in found.slowest[:_SLOWEST]:
        yield (
            f"slowest   {seconds(slow.seconds)}, {size(slow.source_bytes)}, {slow.mb_per_second:,.1f} MB/s: "
            f"job {slow.job}, {slow.source}"
        )


def _failed(found: VaultReport) -> Iterator[str]:
    if found.failures.kinds:
        yield "failed    " + ", ".join(f"{one.count:,} {one.name}" for one in found.failures.kinds)
    for one in found.failures.newest[:_FAILURES]:
        yield f"          job {one.job}, {one.when}: {one.message}"

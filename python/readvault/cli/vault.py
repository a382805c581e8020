"""`readvault vault`: making a vault, looking at it, and its failed jobs."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from readvault.cli.exits import UsageError
from readvault.cli.options import Json, Quiet
from readvault.cli.terminal import count, ratio, say, shown
from readvault.report import size
from readvault.vault import home, settings, status
from readvault.vault.home import Vault

if TYPE_CHECKING:
    from readvault.aws.vault import TableVault

# What the catalog of a stack on AWS starts with.
_TABLE = "dynamodb://"

VaultFolder = Annotated[
    str | None,
    typer.Option(
        "--vault",
        metavar="DIR",
        envvar="READVAULT_VAULT",
        help="Folder of the vault; without it, the current folder if it is one. Commands of `catalog` also take "
        "dynamodb://TABLE.",
    ),
]


@contextmanager
def opened(folder: str | None) -> Iterator[Vault]:
    """The vault in a folder, or in the current one."""
    if folder is not None and folder.startswith(_TABLE):
        raise UsageError(
            f"--vault {folder}: this needs the folder of a vault; for a table there are the commands of `readvault "
            f"catalog`, and for its stack those of `readvault aws`"
        )
    if folder is not None and "://" in folder:
        raise UsageError(
            f"--vault {folder}: name the folder of this machine where the vault's catalog is, not its store"
        )
    try:
        vault = Vault(folder or ".")
    except FileNotFoundError as error:
        if folder is None:
            raise FileNotFoundError(
                f"{error}; or name one with --vault DIR, or in the environment as READVAULT_VAULT"
            ) from None
        raise
    with vault:
        yield vault


@contextmanager
def catalog_of(folder: str | None) -> Iterator["Vault | TableVault"]:
    """The vault in a folder, or the catalog in a table, for commands that need no jobs and no settings."""
    if folder is not None and folder.startswith(_TABLE):
        from readvault.aws.account import asking
        from readvault.aws.vault import TableVault

        with asking():
            yield TableVault(folder)
        return
    with opened(folder) as vault:
        yield vault


def init(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="A folder, or a URL such as s3://bucket/prefix.")],
    folder: Annotated[
        str | None,
        typer.Option("--folder", metavar="DIR", help="Where the catalog is kept, if not in PLACE: needed for a URL."),
    ] = None,
    key: Annotated[
        str,
        typer.Option("--key", metavar="PATTERN", help="Keys of archives, of {name}, {folder}, {project}, {sample}."),
    ] = settings.KEY,
    quiet: Quiet = False,
) -> int:
    """Make a vault: a store for archives, a catalog, and settings (vault.toml)."""
    with home.create(place, folder=folder, key=key) as vault:
        if not quiet:
            say(f"{vault.folder}: a vault, archives in {vault.store}")
            if vault.database.journal != "wal":
                say(
                    f"{vault.folder}: is on a network file system, so its catalog uses a rollback journal: it is "
                    f"slower; a local "
                    f"folder (--folder) is better"
                )
    return 0


def show_status(vault_folder: VaultFolder = None, as_json: Json = False) -> int:
    """What the vault holds, what is queued and running, how fast it goes, and what failed."""
    with opened(vault_folder) as vault:
        found = status.of(vault)
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return 0
    for line in _status_lines(found):
        sys.stdout.write(shown(line) + "\n")
    return 0


def _status_lines(found: dict[str, Any]) -> Iterator[str]:
    jobs, held = found["jobs"], found["archives"]
    yield f"vault     {found['folder']}, archives in {found['store']}"
    yield (
        f"archives  {held['count']:,}: {size(held['source_bytes'])} -> {size(held['archive_bytes'])}"
        + (
            f" ({ratio(held['ratio'])}), saved {size(held['source_bytes'] - held['archive_bytes'])}"
            if held["count"]
            else ""
        )
    )
    yield "jobs      " + ", ".join(f"{jobs[state]['count']:,} {state}" for state in jobs)
    rate = found["last_hour"]
    if rate["files"]:
        yield (
            f"last hour {count(rate['files'], 'file')}, {size(rate['source_bytes'])}, {rate['mb_per_second']:,.1f} "
            f"MB/s; "
            f"a file took {rate['seconds_a_file']:,.1f} s"
        )
    for runner in found["runners"]:
        state = "" if runner["alive"] else ", dead"
        yield f"runner    {runner['pid']} on {runner['host']}, {count(runner['workers'], 'worker')}{state}"
        for one in runner["doing"]:
            part = f" {one['done'] / one['total']:.0%}" if one["total"] else ""
            yield f"            job {one['job']}: {one['step']}{part} {one['source']}"
    if found["events"]["pending"]:
        yield f"events    {found['events']['pending']:,} not delivered: {found['events']['error'] or 'not tried yet'}"
    for failure in found["failures"]:
        yield f"failed    job {failure['job']}: {failure['error']}"


def failed(vault_folder: VaultFolder = None, as_json: Json = False) -> int:
    """The jobs that have failed, and why."""
    with opened(vault_folder) as vault:
        for job in vault.queue.jobs("failed"):
            if as_json:
                sys.stdout.write(json.dumps(job.as_dict()) + "\n")
                continue
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(job.ended or 0))
            tries = f", {count(job.attempts, 'attempt')}" if job.attempts > 1 else ""
            sys.stdout.write(shown(f"job {job.id}  {when}  {job.source}: {job.error} [{job.error_kind}{tries}]") + "\n")
    return 0


def retry(
    jobs: Annotated[list[int] | None, typer.Argument(metavar="[JOB]...", help="Numbers of failed jobs.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All failed jobs.")] = False,
    vault_folder: VaultFolder = None,
    quiet: Quiet = False,
) -> int:
    """Queue failed jobs again."""
    if bool(jobs) == every:
        raise UsageError("name the jobs to retry (`readvault vault failed` lists them), or --all")
    with opened(vault_folder) as vault:
        again = vault.queue.retry(None if every else jobs)
    if jobs and again < len(set(jobs)):
        raise UsageError(f"of {count(len(set(jobs)), 'job')} {again:,} had failed; those were queued again")
    if not quiet:
        say(f"{count(again, 'job')} queued again")
    return 0


def job(
    number: Annotated[int, typer.Argument(metavar="JOB", help="A job's number.")],
    vault_folder: VaultFolder = None,
    as_json: Json = False,
) -> int:
    """One job: its work order, and every step with its times, attempts, bytes and messages."""
    with opened(vault_folder) as vault:
        found = vault.queue.get(number)
        if found is None:
            raise FileNotFoundError(f"{vault.folder}: there is no job {number}")
        steps = vault.queue.steps(number)
    if as_json:
        sys.stdout.write(json.dumps({**found.as_dict(), "steps": steps}) + "\n")
        return 0
    rows = [
        ("job", f"{found.id}, {found.state}, priority {found.priority}"),
        ("source", f"{found.source} ({size(found.size)}, state {found.version})"),
        ("archive", found.key or ""),
        ("entry", found.entry or ""),
        ("error", found.error or ""),
        ("options", json.dumps(found.options.as_dict())),
    ]
    for label, text in rows:
        if text:
            sys.stdout.write(f"{label:8}  {shown(text)}\n")
    for step in steps:
        told = f", {step['message']}" if step["message"] else ""
        read = f", {size(step['bytes'])}" if step["bytes"] else ""
        sys.stdout.write(
            shown(
                f"step      {step['step']}, attempt {step['attempt']}: {step['outcome']}, "
                f"{step['ended'] - step['started']:.3f} s{read}{told}"
            )
            + "\n"
        )
    return 0


def audit(
    vault_folder: VaultFolder = None,
    check: Annotated[bool, typer.Option("--check", help="Print nothing; check the chain against the catalog.")] = False,
) -> int:
    """The audit log: who did what and when, one JSON object a line, each checked against the one before."""
    with opened(vault_folder) as vault:
        if check:
            lines = vault.audit.check(vault.database.read())
            say(f"{vault.audit.path}: good, {count(lines, 'line')}")
            return 0
        for line in vault.audit.lines():
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 0

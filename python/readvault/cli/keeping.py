"""`readvault vault done`, `tier`, `restore`, `verify` and `reclaim`: what becomes of archives, and of their sources."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from readvault import places
from readvault.catalog.model import Entry
from readvault.cli import exits
from readvault.cli.exits import UsageError
from readvault.cli.options import Force, Json, Quiet, Threads
from readvault.cli.selection import Words, selected
from readvault.cli.terminal import complain, count, message_of, say
from readvault.cli.vault import VaultFolder, opened
from readvault.report import size
from readvault.vault import reclaiming, restoring, settings, tiering

Workers = Annotated[int, typer.Option("--workers", "-w", min=1, metavar="N", help="Files at a time.")]


def done(
    query: Words = None,
    vault_folder: VaultFolder = None,
    quiet: Quiet = False,
) -> int:
    """Say that all work which reads these archives is over: they may move to another tier.

    A list (-) may also hold events, one JSON object a line, as the next workflow sends them.
    """
    with opened(vault_folder) as vault:
        changed = 0
        for entry in selected(vault, _needed(query, "done")):
            changed += tiering.mark_done(vault, entry).done != entry.done
        vault.outbox.deliver()
    if not quiet:
        say(f"{count(changed, 'archive')} done")
    return 0


def tier(
    query: Words = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only tell what would move.")] = False,
    vault_folder: VaultFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Move archives to the tiers that the rules in vault.toml say, if they are done or old enough. For a timer such as
    cron.
    """
    with opened(vault_folder) as vault:
        if not vault.settings.tiers:
            raise UsageError(f"{vault.folder / settings.NAME} has no [[tier]] rules, so nothing moves")
        chosen = None if not query else {entry.uuid for entry in selected(vault, query)}

        def work(pair: tuple[Entry, settings.TierRule]) -> dict[str, Any]:
            entry, rule = pair
            if not dry_run:
                tiering.move(vault, entry, rule)
            if not quiet:
                say(f"{entry.place}: {'would move' if dry_run else 'moved'} to {rule.name}")
            return {"uuid": entry.uuid, "archive": entry.place, "tier": rule.name, "moved": not dry_run}

        wanted = (pair for pair in tiering.due(vault, ()) if chosen is None or pair[0].uuid in chosen)
        code = each(wanted, work, lambda pair: pair[0].place, 1, as_json)
        vault.outbox.deliver()
        return code


def restore(
    query: Words = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="Folder, or URL that ends with a slash.")
    ] = ".",
    tree: Annotated[
        bool, typer.Option("--tree", help="Put files into folders as their archives are in the store.")
    ] = False,
    workers: Workers = 2,
    threads: Threads = 0,
    force: Force = False,
    vault_folder: VaultFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Give sources back, by name, UUID, project or list, several at a time; each is compared with the catalog."""
    with opened(vault_folder) as vault:
        if not places.is_url(output):
            Path(output).mkdir(parents=True, exist_ok=True)
        elif not output.endswith("/"):
            raise UsageError(f"-o {output}: a URL to restore to must end with a slash")
        claimed: dict[str, str] = {}

        def target(entry: Entry) -> str:
            name = entry.key.removesuffix(".rv") if tree else entry.name or Path(entry.key.removesuffix(".rv")).name
            other = claimed.setdefault(name, entry.place)
            if other != entry.place:
                raise FileExistsError(f"{name} is also the name of {other}'s source: use --tree to keep them apart")
            path = places.join(output, name)
            if tree and not places.is_url(path):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            return path

        lock = threading.Lock()

        def work(entry: Entry) -> dict[str, Any]:
            with lock:
                path = target(entry)
            restoring.restore(vault, entry, path, threads=threads, force=force)
            if not quiet:
                say(f"{path}: {size(entry.size)}, identical to what was archived")
            return {"uuid": entry.uuid, "archive": entry.place, "path": path, "length": entry.size}

        return each(selected(vault, _needed(query, "restore")), work, lambda entry: entry.place, workers, as_json)


def verify(
    query: Words = None,
    older: Annotated[
        str | None,
        typer.Option("--older", metavar="TIME", help="Only those not verified in full for so long, such as 30d."),
    ] = None,
    threads: Threads = 0,
    vault_folder: VaultFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Decode archives in full and compare them with the catalog, which then says when that was."""
    with opened(vault_folder) as vault:
        limit = None if older is None else _seconds(older, "--older")

        def work(entry: Entry) -> dict[str, Any]:
            changed = restoring.verify_again(vault, entry, threads=threads)
            if not quiet:
                say(f"{entry.place}: good")
            return {"uuid": entry.uuid, "archive": entry.place, "verified_full": changed.verified_full}

        wanted = (entry for entry in selected(vault, query or []) if limit is None or _is_older(entry, limit))
        return each(wanted, work, lambda entry: entry.place, 1, as_json)


def reclaim(
    query: Words = None,
    within: Annotated[
        str | None,
        typer.Option(
            "--within", metavar="TIME", help="How old the last full verification may be; else it is done now."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only tell what would be deleted.")] = False,
    threads: Threads = 0,
    vault_folder: VaultFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Delete sources whose archives are proved, after checking once more that nothing is lost by it.

    Each source is read again and must be what was archived; its archive must have been verified in full lately, or is
    now; what is deleted is the very state that was read. The audit log tells of each.
    """
    with opened(vault_folder) as vault:
        limit = vault.settings.reclaim_within if within is None else _seconds(within, "--within")
        chosen = None if not query else {entry.uuid for entry in selected(vault, query)}
        wanted = (entry for entry in reclaiming.candidates(vault, ()) if chosen is None or entry.uuid in chosen)
        freed: list[int] = []

        def work(entry: Entry) -> dict[str, Any]:
            if yes:
                reclaiming.reclaim(vault, entry, within=limit, threads=threads)
            freed.append(entry.size)
            if not quiet:
                say(f"{entry.source}: {'deleted' if yes else 'would be deleted'}, {size(entry.size)}")
            return {"uuid": entry.uuid, "source": entry.source, "length": entry.size, "deleted": yes}

        code = each(wanted, work, lambda entry: entry.source, 1, as_json)
        vault.outbox.deliver()
        if not quiet:
            told = "freed" if yes else "to be freed; nothing was deleted: --yes does it"
            say(f"readvault: {count(len(freed), 'source')}, {size(sum(freed))} {told}")
        return code


def each(
    wanted: Iterable[Any],
    work: Callable[[Any], dict[str, Any]],
    name: Callable[[Any], str],
    workers: int,
    as_json: bool,
) -> int:
    """Do something for each, `workers` at a time; failures are told, the others go on."""
    codes: list[int] = []
    lock = threading.Lock()

    def one(item: Any) -> None:
        try:
            report = work(item)
            code = exits.OK
        except Exception as error:
            code = exits.code_of(error)
            complain(error, name(item))
            report = {"input": name(item), "error": {"kind": type(error).__name__, "message": message_of(error)}}
        with lock:
            codes.append(code)
            if as_json:
                sys.stdout.write(json.dumps(report) + "\n")
                sys.stdout.flush()

    if workers == 1:
        for item in wanted:
            one(item)
    else:
        with ThreadPoolExecutor(workers) as pool:
            for _ in _at_most(pool, one, wanted, workers * 2):
                pass
    return exits.code_of_all(codes)


def _at_most(pool: ThreadPoolExecutor, one: Callable[[Any], None], wanted: Iterable[Any], most: int) -> Iterator[None]:
    """Run all, with no more than `most` taken from the catalog at a time."""
    running = []
    for item in wanted:
        running.append(pool.submit(one, item))
        if len(running) >= most:
            yield running.pop(0).result()
    for each in running:
        yield each.result()


def _needed(query: list[str] | None, command: str) -> list[str]:
    if not query:
        raise UsageError(f"vault {command} needs names, UUIDs or conditions; name=* is all")
    return query


def _is_older(entry: Entry, seconds: float) -> bool:
    return entry.verified_full is None or time.time() - tiering.seconds_of(entry.verified_full) > seconds


def _seconds(text: str, option: str) -> float:
    try:
        return settings.seconds(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None

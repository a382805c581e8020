"""`readvault submit` and `readvault vault watch`: what is to be compressed into a vault."""

import json
import re
import sys
import threading
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from readvault import places
from readvault.cli import exits
from readvault.cli.exits import UsageError
from readvault.cli.options import Json, Level, Quiet
from readvault.cli.terminal import complain, count, say, warn
from readvault.cli.vault import VaultFolder, opened
from readvault.errors import InvalidError
from readvault.pipeline.order import Options, key_for
from readvault.vault import settings
from readvault.vault import submit as submitting
from readvault.vault.home import Vault
from readvault.vault.jobs import Request
from readvault.vault.watch import Watch

_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h|d)")
# Missing sources that are told one by one; a list of 100,000 wrong paths is told as a number.
_TOLD = 20

Include = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="PATTERN", help="Names that are taken from folders and prefixes [*.bam]."),
]
Project = Annotated[str, typer.Option("--project", metavar="NAME", help="Project that the files belong to.")]
Sample = Annotated[str, typer.Option("--sample", metavar="NAME", help="Sample that the files are of.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="More that is to be known of them.")]
LevelOption = Annotated[
    Level | None, typer.Option("--level", "-l", help="How much work to do; the vault's settings say, unless given.")
]
Verify = Annotated[
    str | None,
    typer.Option(
        "--verify", metavar="HOW", help="Of the published archive: digest, sample or full; else as settings say."
    ),
]
ReferenceFile = Annotated[
    str | None,
    typer.Option("--reference", "-T", metavar="FASTA", help="Lean on these sequences; the vault keeps a copy of them."),
]
NoIndex = Annotated[bool, typer.Option("--no-index", help="Make no index for sources that have none.")]
Priority = Annotated[int, typer.Option("--priority", metavar="N", help="Higher ones are taken first.")]
Rate = Annotated[
    str | None,
    typer.Option("--rate", metavar="N/h", help="Let at most so many of these files start an hour (or /s, /m, /d)."),
]


def submit(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE", help="Files, folders, patterns, objects, prefixes; - reads a list from standard input."
        ),
    ],
    include: Include = None,
    project: Project = "",
    sample: Sample = "",
    tags: Tags = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="KEY", help="Key of the archive, for a single file.")
    ] = None,
    level: LevelOption = None,
    verify: Verify = None,
    reference: ReferenceFile = None,
    no_index: NoIndex = False,
    priority: Priority = 0,
    rate: Rate = None,
    vault_folder: VaultFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Queue files to be compressed into a vault, each once: a file that is known already, unchanged, is not queued
    again.

    A list has a path or URL a line, and after tabs what is known of it as KEY=VALUE (project, sample, name; others are
    tags).
    """
    if sources.count("-") > 1:
        raise UsageError("standard input can be read only once")
    if name is not None and (len(sources) > 1 or "-" in sources):
        raise UsageError("--name is for a single file")
    with opened(vault_folder) as vault:
        options = options_of(
            vault, project=project, sample=sample, tags=tags, name=name, level=level, verify=verify,
            reference=reference, index=not no_index,
        )  # fmt: skip
        patterns = tuple(include or ["*.bam"])
        missing: list[str] = []
        failures: list[BaseException] = []
        found = chain.from_iterable(_requests(source, options, patterns, failures) for source in sources)
        new, known = vault.queue.submit(_noted(found, missing, quiet), priority=priority, every=seconds_between(rate))
        if len(missing) > _TOLD:
            say(f"readvault: {count(len(missing) - _TOLD, 'more source')} not there")
    if as_json:
        sys.stdout.write(
            json.dumps({"new": new, "known": known, "missing": len(missing), "failed": len(failures)}) + "\n"
        )
    elif not quiet:
        before = f", {known:,} known already" if known else ""
        failed = vault.queue.counts()["failed"][0]
        if known and failed:
            before += f"; {count(failed, 'job')} of this vault failed (readvault vault failed, readvault vault retry)"
        say(
            f"{count(new, 'job')} queued{before}"
            if not missing
            else f"{count(new, 'job')}, {len(missing):,} of them failed{before}"
        )
    codes = [exits.code_of(failure) for failure in failures] + [exits.NOT_FOUND] * bool(missing)
    return exits.code_of_all([*codes, *([exits.OK] if new + known > len(missing) else [])])


def watch(
    watched: Annotated[list[str], typer.Argument(metavar="PLACE", help="Folders, and prefixes of stores.")],
    include: Include = None,
    quiet_time: Annotated[
        str,
        typer.Option("--quiet-time", metavar="TIME", help="A file is finished when it has not changed for so long."),
    ] = "60s",
    marker: Annotated[
        str | None,
        typer.Option(
            "--marker", metavar="SUFFIX", help="A file is finished when NAME+SUFFIX is beside it, such as .done."
        ),
    ] = None,
    interval: Annotated[str, typer.Option("--every", metavar="TIME", help="Time between two looks.")] = "10s",
    once: Annotated[bool, typer.Option("--once", help="Look once and end: for a timer such as cron.")] = False,
    project: Project = "",
    sample: Sample = "",
    tags: Tags = None,
    level: LevelOption = None,
    verify: Verify = None,
    reference: ReferenceFile = None,
    no_index: NoIndex = False,
    priority: Priority = 0,
    rate: Rate = None,
    vault_folder: VaultFolder = None,
    quiet: Quiet = False,
) -> int:
    """Queue files as they are finished: when nobody writes to them and they have been quiet, or a marker
    file says so.
    """
    for place in watched:
        if not places.is_url(place) and not Path(place).is_dir():
            raise FileNotFoundError(f"{place} is no folder that could be watched")
    try:
        quiet_seconds, wait = settings.seconds(quiet_time), settings.seconds(interval)
    except ValueError as error:
        raise UsageError(str(error)) from None
    with opened(vault_folder) as vault:
        options = options_of(
            vault, project=project, sample=sample, tags=tags, name=None, level=level, verify=verify,
            reference=reference, index=not no_index,
        )  # fmt: skip
        seen = Watch(
            vault.queue,
            [place.rstrip("/") + "/" if places.is_url(place) else place for place in watched],
            options,
            include=include or ["*.bam"],
            quiet=quiet_seconds,
            marker=marker,
            priority=priority,
            every=seconds_between(rate),
        )

        before: list[str] = []

        def told(new: int, unfinished: int) -> None:
            if seen.trouble != before:
                for text in seen.trouble:
                    warn(text)
                before[:] = seen.trouble
            if new and not quiet:
                say(
                    f"{count(new, 'job')} queued"
                    + (f", {count(unfinished, 'file')} not finished" if unfinished else "")
                )

        if once:
            told(*seen.look())
        else:
            seen.run(wait, told, threading.Event().wait)
    return 0


def options_of(
    vault: Vault,
    *,
    project: str,
    sample: str,
    tags: list[str] | None,
    name: str | None,
    level: Level | None,
    verify: str | None,
    reference: str | None,
    index: bool,
) -> Options:
    """The options of jobs, checked before anything is queued."""
    if verify not in (None, "digest", "sample", "full"):
        raise UsageError(f"--verify {verify}: it is digest, sample or full")
    if reference is not None and places.is_url(reference):
        raise UsageError(f"--reference {reference}: references are files of this machine")
    if reference is not None and not Path(reference).is_file():
        raise FileNotFoundError(f"{reference}: there is no such reference file")
    made: dict[str, Any] = {
        "level": level.value if level is not None else vault.settings.level,
        "verify": verify or vault.settings.verify,
        "reference": None if reference is None else str(Path(reference).resolve()),
    }
    options = Options(**made, index=index, project=project, sample=sample, tags=pairs(tags), name=name)
    key_for(vault.settings.key, "/folder/name.bam", options)
    return options


def pairs(texts: list[str] | None) -> dict[str, str]:
    """The tags that KEY=VALUE texts give."""
    found = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"--tag {text}: that is not KEY=VALUE")
        found[key] = value
    return found


def seconds_between(rate: str | None) -> float:
    """The seconds between two starts that a rate such as `1000/h` means."""
    if rate is None:
        return 0.0
    found = _RATE.fullmatch(rate.replace(" ", ""))
    if found is None or float(found.group(1)) <= 0:
        raise UsageError(f"--rate {rate}: that is no rate such as 1000/h or 2/s")
    return {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}[found.group(2)] / float(found.group(1))


def _requests(
    source: str, options: Options, patterns: tuple[str, ...], failures: list[BaseException]
) -> Iterator[Request]:
    """The requests of one argument. What cannot be read is told; the other arguments go on."""
    try:
        if source == "-":
            yield from submitting.listed(sys.stdin, options)
        else:
            yield from submitting.requests([source], options, include=patterns)
    except (OSError, InvalidError) as error:
        failures.append(error)
        complain(error, source)


def _noted(requests: Iterable[Request], missing: list[str], quiet: bool) -> Iterator[Request]:
    for request in requests:
        if request.failure is not None:
            missing.append(request.source)
            if len(missing) <= _TOLD and not quiet:
                say(f"readvault: error: {request.failure}")
        yield request

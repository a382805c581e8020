"""`readvault aws submit`, `status` and `redrive`: what goes into the fleet, what it is at, what failed once more."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from readvault.cli import exits
from readvault.cli.aws import STACK, DryRun, Profile, Region, StackName, reached, told
from readvault.cli.aws_words import status_line, status_lines
from readvault.cli.exits import UsageError
from readvault.cli.options import Json, Level, Quiet
from readvault.cli.submit import Include, Project, Rate, Sample, Tags, pairs, seconds_between
from readvault.cli.terminal import count, say, shown
from readvault.report import size

if TYPE_CHECKING:
    from readvault.aws.gathering import Argument
    from readvault.aws.redriving import Failed
    from readvault.aws.stack import Deployed
    from readvault.aws.submitting import Counts
    from readvault.aws.watching import Status

# Sources that cannot be sent and are told one by one; the others are told as a number.
_TOLD = 20
# Files of a bulk run at a time: what waits for machines costs nothing.
_AT_A_TIME = 1000
# Seconds between two lines of a long submission.
_INTERVAL = 5.0
# Seconds after which the catalog is counted again: that reads all of an index.
_COUNTED = 60.0


def submit(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...", help="s3://BUCKET/KEY, s3://BUCKET/PREFIX/; - reads a list from standard input."
        ),
    ] = None,
    manifests: Annotated[
        list[str] | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="CSV of bucket,key[,version], here or in S3 (.gz too), or the manifest.json of an S3 Inventory.",
        ),
    ] = None,
    include: Include = None,
    project: Project = "",
    sample: Sample = "",
    tags: Tags = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="KEY", help="Key of the archive, for a single file.")
    ] = (None),
    level: Annotated[Level | None, typer.Option("--level", "-l", help="How much work to do [the stack's].")] = None,
    verify: Annotated[
        str | None, typer.Option("--verify", metavar="HOW", help="digest, sample or full [the stack's].")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option("--reference", "-T", metavar="URL", help="Lean on this FASTA file; the store gets a copy of it."),
    ] = None,
    rate: Rate = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="FILE", help="Remember there how far it came, and go on from there."),
    ] = None,
    in_bulk: Annotated[
        bool,
        typer.Option("--bulk", help="Hand all of them over at once: the stack lists, starts and paces them by itself."),
    ] = False,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", min=1, max=10_000, metavar="N", help="Files of a bulk run at a time [1000]."),
    ] = None,
    dry_run: DryRun = False,
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
    as_json: Annotated[bool, typer.Option("--json", help="The counts as one JSON object.")] = False,
    quiet: Quiet = False,
) -> int:
    """Send a message for each file to the work queue, in their order. What is sent twice is done once.

    With --bulk, one execution takes them all: a prefix as it is, anything else as a manifest that is written for it.
    A list has a URL a line, and after tabs what is known of it as KEY=VALUE (project, sample, name; others are tags).
    """
    words, tables = sources or [], manifests or []
    if not words and not tables:
        raise UsageError("name what is to be submitted: s3://BUCKET/KEY, s3://BUCKET/PREFIX/, - or --manifest FILE")
    if [*words, *tables].count("-") > 1:
        raise UsageError("standard input can be read only once")
    if name is not None and (len(words) != 1 or tables or "-" in words):
        raise UsageError("--name is for a single file")
    if in_bulk and resume is not None:
        raise UsageError("--resume is for messages; a bulk run goes on by itself")
    if concurrency is not None and not in_bulk:
        raise UsageError("--concurrency is for a bulk run (--bulk)")
    options = {"level": None if level is None else level.value, "verify": verify, "name": name, "reference": reference}
    more: dict[str, Any] = {
        "project": project,
        "sample": sample,
        "tags": pairs(tags),
        "options": {key: value for key, value in options.items() if value is not None},
    }
    more = {key: value for key, value in more.items() if value}
    patterns = tuple(include or ["*.bam"])
    with reached(stack, profile, region) as there, ExitStack() as opened:
        from readvault.aws import gathering, submitting

        if reference is not None:
            _check_reference(reference, there)
        told_of = _Told(quiet=quiet)
        arguments = [*_arguments(words, opened), *_arguments(tables, opened, manifest=True)]
        if in_bulk and not dry_run:
            return _start_bulk(
                there,
                arguments,
                more,
                patterns,
                told_of,
                (concurrency or _AT_A_TIME, rate),
                as_json=as_json,
                quiet=quiet,
            )
        about = [words, tables, more, patterns, there.output("WorkQueue")]
        memory = submitting.Memory(resume, about)
        if memory.before and not quiet:
            say(f"{resume}: {count(memory.before, 'message')} sent before")
        place = memory.place
        counts = submitting.submit(
            gathering.found(
                arguments,
                more,
                patterns,
                (place.argument, place.number, place.last),
            ),
            submitting.Submission(
                there,
                every=seconds_between(rate),
                dry_run=dry_run,
                complain=told_of.complain,
                hear=told_of.hear,
            ),
            memory,
        )
        told_of.end()
    if as_json:
        sys.stdout.write(json.dumps({**counts.as_dict(), "sent_before": memory.before, "dry_run": dry_run}) + "\n")
    elif not quiet:
        summary = {
            "would be sent" if dry_run else "sent": counts.sent,
            "not there": counts.missing,
            "refused": counts.refused,
        }
        say(told(summary) + (f"; {size(counts.bytes)} of those whose length is known" if counts.bytes else ""))
    failures = [exits.NOT_FOUND] * bool(counts.missing) + [exits.USAGE] * bool(counts.refused)
    return exits.code_of_all([*failures, *([exits.OK] if counts.sent or not failures else [])])


def _start_bulk(
    there: "Deployed",
    arguments: "list[Argument]",
    more: dict[str, Any],
    patterns: tuple[str, ...],
    told_of: "_Told",
    pace: tuple[int, str | None],
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    from readvault.aws import bulk, gathering, submitting

    concurrency, rate = pace
    every = seconds_between(rate)
    told_pace = bulk.Pace(concurrency, 3600 / every if every else None)
    written = submitting.Counts()
    if len(arguments) == 1 and gathering.is_prefix(arguments[0]):
        name: str | None = bulk.start_listing(there, arguments[0].text, more, patterns, told_pace)
        what = f"all of {arguments[0].text}"
    else:
        found = gathering.found(arguments, more, patterns)
        name, written = bulk.start_manifest(there, found, told_pace, told_of.complain)
        what = count(written.sent, "file")
    told_of.end()
    if as_json:
        sys.stdout.write(json.dumps({"run": name, "sent": written.sent, "refused": written.refused}) + "\n")
    elif name is None:
        say("there is nothing to take: no bulk run was started")
    elif not quiet:
        say(f"{name}: a bulk run of {what} has begun; readvault aws status tells how far it is")
    failed = [exits.USAGE] if written.refused else []
    return exits.code_of_all([*failed, *([exits.OK] if name is not None or not failed else [])])


def _check_reference(reference: str, there: "Deployed") -> None:
    """Say once what would be said of every file."""
    from readvault.aws import sources
    from readvault.aws.failures import SourceMissing

    if not reference.startswith(there.sources):
        raise UsageError(f"--reference {reference}: jobs read it from a source bucket ({', '.join(there.sources)})")
    try:
        sources.look(reference)
    except SourceMissing as error:
        raise FileNotFoundError(str(error)) from None


def _arguments(words: list[str], opened: ExitStack, *, manifest: bool = False) -> "list[Argument]":
    from readvault.aws import bodies, gathering

    made = []
    for word in words:
        lines: Any = None
        if word == "-":
            lines = sys.stdin
        elif manifest and not gathering.is_inventory(word):
            lines = opened.enter_context(bodies.lines_of(word))
        made.append(gathering.Argument(word, lines, manifest))
    return made


class _Told:
    """What is said of a submission while it goes on."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._complaints = 0
        self._last = time.monotonic()

    def complain(self, source: str, why: str) -> None:
        """A source that cannot be sent."""
        self._complaints += 1
        if self._complaints <= _TOLD:
            say(f"readvault: error: {why if source in why else f'{source}: {why}'}")

    def hear(self, counts: "Counts") -> None:
        """How far it is."""
        current = time.monotonic()
        if not self._quiet and current - self._last >= _INTERVAL:
            self._last = current
            say(f"{counts.sent:,} sent")

    def end(self) -> None:
        """What was not told one by one."""
        if self._complaints > _TOLD:
            say(f"readvault: {count(self._complaints - _TOLD, 'more source')} could not be sent")


def show_status(
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    every: Annotated[float, typer.Option("--every", min=1, metavar="S", help="Seconds between two looks.")] = 5.0,
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
    as_json: Annotated[bool, typer.Option("--json", help="Look once; one JSON object.")] = False,
) -> int:
    """What waits, runs, is recorded and has failed: a live table on a terminal, a line for each look elsewhere.

    The catalog is counted once a minute: that reads its whole index by state.
    """
    with reached(stack, profile, region) as there:
        from readvault.aws import watching

        first = watching.status(there)
        if as_json:
            sys.stdout.write(json.dumps(first.as_dict()) + "\n")
            return exits.OK
        if once:
            for line in status_lines(first):
                sys.stdout.write(shown(line) + "\n")
            return exits.OK
        looked = time.monotonic()
        with _display() as display:
            while True:
                display(first)
                time.sleep(every)
                late = time.monotonic() - looked >= _COUNTED
                first = watching.status(there, None if late else first.entries)
                looked = time.monotonic() if late else looked


def _display() -> AbstractContextManager[Callable[["Status"], None]]:
    if not sys.stdout.isatty():

        def plain(found: "Status") -> None:
            sys.stdout.write(shown(status_line(found)) + "\n")
            sys.stdout.flush()

        return nullcontext(plain)
    from readvault.cli.live import live

    return live(lambda found: "\n".join(shown(line) for line in status_lines(found)))


def redrive(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD]...", help="Sources, patterns of such, or the starts of identities."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All files that have failed.")] = False,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="NAME", help="Only this kind of failure, such as NameClash; may be repeated."),
    ] = None,
    stuck: Annotated[
        bool, typer.Option("--stuck", help="Files whose execution ended without a word, instead.")
    ] = False,
    dead: Annotated[
        bool, typer.Option("--dead", help="Also move the messages of dead queues back to where they belong.")
    ] = False,
    dry_run: DryRun = False,
    profile: Profile = None,
    region: Region = None,
    stack: StackName = STACK,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Queue failed files again, each with a new execution; and move messages that were given up back."""
    if (every and (words or kinds)) or (stuck and (every or kinds)):
        raise UsageError("--all goes with no words, no --kind and no --stuck, and --stuck with no --kind")
    if not (every or words or kinds or stuck or dead):
        raise UsageError("name the files that are to be tried again, a --kind of failure, --all, --stuck or --dead")
    with reached(stack, profile, region) as there:
        from readvault.aws import redriving

        def hear(one: "Failed") -> None:
            if as_json:
                told = {"identity": one.identity, "source": one.wanted.source, "kind": one.kind, "error": one.error}
                sys.stdout.write(json.dumps(told) + "\n")
            elif dry_run and not quiet:
                say(f"{one.wanted.source}: would be queued again [{one.kind}]")

        number = 0
        if every or words or kinds or stuck:
            named = tuple(words or ())
            found = redriving.stuck(there, named) if stuck else redriving.failed(there, named, tuple(kinds or ()))
            if dry_run:
                for one in found:
                    hear(one)
                    number += 1
            else:
                number = redriving.again(there, found, hear)
            if not quiet:
                say(f"{count(number, 'file')} {'would be ' if dry_run else ''}queued again")
        if dead:
            _move_back(there, dry_run=dry_run, quiet=quiet)
    if words and not number:
        raise FileNotFoundError(f"nothing that failed is called {' or '.join(words)}")
    return exits.OK


def _move_back(there: "Deployed", *, dry_run: bool, quiet: bool) -> None:
    from readvault.aws import redriving, watching

    if dry_run:
        for name, number in watching.given_up(there).items():
            say(f"{name}: {count(number, 'message')}")
        return
    for name, to in redriving.BACK.items():
        number, going = redriving.move_back(there, name)
        if number and not quiet:
            say(f"{name}: {count(number, 'message')} {'being moved by AWS' if going else 'moved'} to {to}")

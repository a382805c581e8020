"""`readvault catalog`: which archives there are, and all that is known of one."""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from readvault.catalog.export import document_of
from readvault.catalog.model import Entry
from readvault.catalog.query import conditions_of, named
from readvault.cli import exits
from readvault.cli.exits import UsageError
from readvault.cli.options import Json
from readvault.cli.terminal import count, ratio, say, shown
from readvault.cli.vault import VaultFolder, catalog_of
from readvault.report import size
from readvault.vault import history
from readvault.vault.history import History
from readvault.vault.home import Vault

if TYPE_CHECKING:
    from readvault.aws.vault import TableVault

# Rows that a table's widths are made for: later ones that are wider stand out, but need not be waited for.
_PAGE = 200
# Entries of one name that `show` lists.
_SEVERAL = 100
_HEAD = ("name", "project", "sample", "size", "archive", "ratio", "created", "tier", "verified")
_NUMBERS = ("size", "archive", "ratio")

Conditions = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CONDITION]...",
        help="Such as project=x, name=*.bam, size>1G, created>=2026-11-01, tag.lane=3, mark=truncated. All must hold.",
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", "-n", min=1, metavar="N", help="Only the newest N that there are.")
]


def ls(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATTERN]...", help="Names of sources, with * and ? as in file names."),
    ] = None,
    limit: Limit = None,
    vault_folder: VaultFolder = None,
    as_json: Json = False,
) -> int:
    """List the archives of a vault, the newest last."""
    with catalog_of(vault_folder) as vault:
        found = vault.catalog.find(named(patterns or ()), limit=limit, newest=True)
        _print(found, as_json=as_json)
    return exits.OK


def find(
    conditions: Conditions = None,
    limit: Limit = None,
    places_only: Annotated[
        bool, typer.Option("--places", help="Print the archives' paths or URLs alone, one a line.")
    ] = False,
    count_only: Annotated[bool, typer.Option("--count", help="Print how many there are, and no more.")] = False,
    vault_folder: VaultFolder = None,
    as_json: Json = False,
) -> int:
    """List the archives that meet all conditions, the newest last."""
    if places_only and (count_only or as_json):
        raise UsageError("--places goes with neither --count nor --json")
    if count_only and limit is not None:
        raise UsageError("--count counts all of them: leave --limit out")
    wanted = conditions_of(conditions or ())
    with catalog_of(vault_folder) as vault:
        if count_only:
            number, before, after = vault.catalog.count(wanted)
            told = {"count": number, "source_bytes": before, "archive_bytes": after}
            sys.stdout.write((json.dumps(told) if as_json else str(number)) + "\n")
            return exits.OK
        found = vault.catalog.find(wanted, limit=limit, newest=True)
        if places_only:
            for entry in found:
                sys.stdout.write(entry.place + "\n")
        else:
            _print(found, as_json=as_json)
    return exits.OK


def show(
    word: Annotated[
        str,
        typer.Argument(
            metavar="NAME|UUID|PLACE", help="A source's name or path, or an archive's UUID, path, URL or key."
        ),
    ],
    vault_folder: VaultFolder = None,
    as_json: Json = False,
) -> int:
    """Show all that is known of an archive, and what has happened to it."""
    with catalog_of(vault_folder) as vault:
        found = history.meant(vault, word, _SEVERAL + 1)
        if not found:
            raise FileNotFoundError(f"{vault.folder}: the catalog has nothing that is called {word}")
        if as_json:
            for entry in found[:_SEVERAL]:
                sys.stdout.write(_json({**document_of(entry), "history": _past(vault, entry).as_dict()}) + "\n")
        elif len(found) == 1:
            for line in _lines(found[0], _past(vault, found[0])):
                sys.stdout.write(_plain(line) + "\n")
        else:
            for entry in found[:_SEVERAL]:
                sys.stdout.write(_plain(f"{entry.uuid}  {entry.created}  {entry.place}") + "\n")
    if len(found) == 1:
        return exits.OK
    number = f"more than {_SEVERAL}" if len(found) > _SEVERAL else str(len(found))
    say(f"readvault: {number} archives are called {word}: name one by its UUID or place")
    return exits.USAGE


# --- Tables ----------------------------------------------------------------------------------------------------------


def _print(entries: Iterator[Entry], *, as_json: bool) -> None:
    if as_json:
        for entry in entries:
            sys.stdout.write(_json(document_of(entry)) + "\n")
        return
    for line in table(_HEAD, (_row(entry) for entry in entries), numbers=_NUMBERS):
        sys.stdout.write(line + "\n")


def _row(entry: Entry) -> tuple[str, ...]:
    verified = entry.verified if entry.verified_full is None else f"full {entry.verified_full[:10]}"
    return (
        entry.name,
        entry.project,
        entry.sample,
        size(entry.size),
        size(entry.archive_size),
        ratio(entry.ratio),
        entry.created,
        entry.tier,
        verified,
    )


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, numbers: tuple[str, ...] = ()) -> Iterator[str]:
    """The lines of a table, each as soon as its row is there; none where there are no rows."""
    safe = (tuple(_plain(cell) for cell in row) for row in rows)
    first = list(islice(safe, _PAGE))
    if not first:
        return
    widths = [max(map(len, column)) for column in zip(head, *first, strict=True)]
    for row in chain([head], first, safe):
        cells = [
            cell.rjust(width) if name in numbers else cell.ljust(width)
            for name, cell, width in zip(head, row, widths, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _plain(text: str) -> str:
    """As `shown`, at once for what can only be harmless."""
    return text if text.isascii() and text.isprintable() else shown(text)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- One archive -----------------------------------------------------------------------------------------------------


def _past(vault: "Vault | TableVault", entry: Entry) -> History:
    # Of a fleet's archives the stack's logs tell it, and no table.
    return history.of(vault, entry) if isinstance(vault, Vault) else History((), (), ())


def _lines(entry: Entry, past: History) -> Iterator[str]:
    for label, text in _facts(entry):
        if text:
            yield f"{label:14}  {text}"
    for step in past.steps:
        told = f", {step['message']}" if step["message"] else ""
        seconds = step["ended"] - step["started"]
        yield f"{'step':14}  {step['step']}, attempt {step['attempt']}: {step['outcome']}, {seconds:.3f} s{told}"
    for event in past.events:
        to = ", ".join(event["delivered"])
        state = f"delivered ({to})" if to and not event["pending"] else "not delivered" if event["pending"] else "kept"
        error = f": {event['error']}" if event["error"] else ""
        yield f"{'event':14}  {event['time']} {event['type']}, {state}{error}"
    for line in past.audit:
        yield f"{'audit log':14}  line {line.get('number')}: {line.get('time')} {line.get('who')}: {line.get('action')}"


def _facts(entry: Entry) -> list[tuple[str, str]]:
    """Names and values, the most wanted first; what is not known has an empty value."""
    return [
        ("archive", entry.place),
        ("archive size", f"{size(entry.archive_size)} ({entry.archive_size:,} bytes)"),
        ("ratio", ratio(entry.ratio)),
        ("name", entry.name),
        ("project", entry.project),
        ("sample", entry.sample),
        *((f"tag {key}", value) for key, value in sorted(entry.tags.items())),
        ("marks", ", ".join(entry.marks)),
        ("source", entry.source or "not known"),
        ("source size", f"{size(entry.size)} ({entry.size:,} bytes), {entry.kind}"),
        ("source sha256", entry.sha256),
        ("source md5", entry.md5),
        ("source state", entry.source_version),
        ("records", f"{entry.records:,}"),
        ("level", entry.level or ""),
        ("leans on", _leaning(entry)),
        ("verified", entry.verified),
        ("all decoded", entry.verified_full or "not since it was made"),
        ("created", f"{entry.created}, in {entry.seconds:,.1f} s" + (f", by job {entry.job}" if entry.job else "")),
        ("tier", entry.tier + (f" since {entry.tiered}" if entry.tiered else "")),
        ("work over", entry.done or ""),
        ("source deleted", entry.reclaimed or ""),
        ("index", entry.sidecar or ""),
        ("archive sha256", entry.archive_sha256),
        ("digest", entry.archive_digest),
        ("state", entry.version or ""),
        ("written by", entry.writer),
        ("uuid", entry.uuid),
    ]


def _leaning(entry: Entry) -> str:
    if not entry.references:
        return ""
    where = f"kept as {entry.reference}" if entry.reference else "not kept in the store"
    return f"{count(len(entry.references), 'reference sequence')}, {where}"

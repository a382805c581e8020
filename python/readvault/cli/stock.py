"""`readvault catalog export`, `check` and `import`: the catalog written, compared, and filled from elsewhere."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from readvault.catalog import export as writing
from readvault.catalog.model import Condition
from readvault.catalog.query import conditions_of
from readvault.cli import exits
from readvault.cli.catalog import Conditions
from readvault.cli.exits import UsageError
from readvault.cli.options import Force, Json, Quiet, Reference, Threads
from readvault.cli.progress import progress
from readvault.cli.terminal import complain, message_of, ratio, say, shown
from readvault.cli.vault import VaultFolder, catalog_of
from readvault.files import whole
from readvault.pipeline import comparing, importing
from readvault.pipeline.comparing import Checked
from readvault.pipeline.findings import Finding
from readvault.pipeline.importing import Hear, Imported, Wanted
from readvault.report import size
from readvault.vault import checking
from readvault.vault import importing as vault_importing
from readvault.vault.home import Vault

if TYPE_CHECKING:
    from readvault.aws.vault import TableVault

# Seconds between two lines that say how far a check is.
_INTERVAL = 5.0


class Format(Enum):
    """What a catalog is exported as."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Verify(Enum):
    """How much of an archive is read before it gets an entry."""

    FULL = "full"
    DIGEST = "digest"


def export(
    conditions: Conditions = None,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write to: a file, a URL, or - (standard output)."
        ),
    ] = "-",
    form: Annotated[
        Format | None, typer.Option("--format", help="What to write [by the file's name; jsonl to standard output].")
    ] = None,
    force: Force = False,
    vault_folder: VaultFolder = None,
    quiet: Quiet = False,
) -> int:
    """Write the entries that meet all conditions as JSON, JSON Lines, CSV or Parquet."""
    wanted = conditions_of(conditions or ())
    kind = form.value if form is not None else "jsonl" if output == "-" else writing.format_of(output)
    writing.check(kind)
    if output == "-" and kind == "parquet":
        raise UsageError("a Parquet file does not go to standard output: name it with -o FILE")
    with catalog_of(vault_folder) as vault:
        entries = vault.catalog.find(wanted)
        if output == "-":
            writing.export(entries, sys.stdout.buffer, kind)
            sys.stdout.buffer.flush()
            return exits.OK
        with whole(output, force=force) as file:
            number = writing.export(entries, file, kind)
    if not quiet:
        say(f"{output}: {number:,} {'entry' if number == 1 else 'entries'}, {kind}")
    return exits.OK


def check(
    conditions: Conditions = None,
    digest: Annotated[
        bool, typer.Option("--digest", help="Read all bytes of every archive and compare digests.")
    ] = False,
    vault_folder: VaultFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Compare the catalog with the store, and a vault's audit log with itself.

    The exit code is 4 when something is missing or changed, 3 when there are only files that no entry tells of.
    """
    wanted = conditions_of(conditions or ())
    kinds: Counter[str] = Counter()
    bad = False
    checked = Checked()
    with catalog_of(vault_folder) as vault:
        hear = None if quiet else _Hearing()
        for finding in _compared(vault, wanted, digest=digest, hear=hear, checked=checked):
            kinds[finding.kind] += 1
            bad = bad or finding.is_bad
            _tell(finding, as_json=as_json)
    if as_json:
        told_of = {"checked": checked.entries, "archive_bytes": checked.archive_bytes, "findings": dict(kinds)}
        sys.stdout.write(json.dumps(told_of) + "\n")
    elif kinds or not quiet:
        number = checked.entries
        entries = f"{number:,} {'entry' if number == 1 else 'entries'}, {size(checked.archive_bytes)}"
        told = ", ".join(f"{found:,} {kind}" for kind, found in kinds.items())
        say(f"readvault: {entries}: {told or 'all good'}")
    return exits.DAMAGED if bad else exits.SOME_FAILED if kinds else exits.OK


def _compared(vault: "Vault | TableVault", wanted: tuple[Condition, ...], **more: Any) -> Iterator[Finding]:
    """Compare a vault, or a table: the stack of that keeps no audit log."""
    if isinstance(vault, Vault):
        return checking.compare(vault, wanted, **more)
    vault.check_store()
    return comparing.compare(vault, wanted, **more)


def _tell(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(finding.as_dict(), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(shown(f"{finding.kind:10}  {finding.place}: {finding.message}") + "\n")
    sys.stdout.flush()


class _Hearing:
    """Says every few seconds what is read."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, what: str, done: int, total: int | None) -> None:
        current = time.monotonic()
        if current - self._last >= _INTERVAL:
            self._last = current
            say(f"checking {what}" + (f": {size(done)} of {size(total)}" if total else ""))


def import_(
    found: Annotated[
        list[str],
        typer.Argument(metavar="PLACE", help="Archives, folders with archives, or URLs that theirs start with."),
    ],
    project: Annotated[str, typer.Option("--project", metavar="NAME", help="The project that they are of.")] = "",
    sample: Annotated[str, typer.Option("--sample", metavar="NAME", help="The sample that they are of.")] = "",
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="What else is to be known of them.")
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy archives that are not in the vault's store into it.")
    ] = False,
    verify: Annotated[
        Verify, typer.Option("--verify", help="full: decode all and compare; digest: read the bytes, decode nothing.")
    ] = Verify.FULL,
    reference: Reference = None,
    threads: Threads = 0,
    vault_folder: VaultFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Enter archives that were made without the vault. The archives themselves are only read."""
    wanted = Wanted(
        project=project,
        sample=sample,
        tags=_tags(tag or []),
        copy=copy,
        verify="full" if verify is Verify.FULL else "digest",
        reference=reference,
        threads=threads,
    )
    ended: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    with catalog_of(vault_folder) as vault:
        for place in found:
            try:
                for one in importing.archives(place):
                    code, how = _import_one(vault, one, wanted, as_json=as_json, quiet=quiet)
                    codes[code] += 1
                    ended[how] += 1
            except (BrokenPipeError, UsageError):
                raise
            except Exception as error:  # The place itself cannot be read; the others may.
                codes[_failed(place, error, as_json=as_json)] += 1
                ended["failed"] += 1
    if not quiet or ended["failed"]:
        say(f"readvault: {', '.join(f'{number:,} {how}' for how, number in ended.items()) or 'no archives there'}")
    return exits.code_of_all(list(codes))


def _import_one(
    vault: "Vault | TableVault", place: str, wanted: Wanted, *, as_json: bool, quiet: bool
) -> tuple[int, str]:
    """Import an archive; gives the exit code, and a word for what came of it."""
    try:
        with progress("verifying", place, quiet=quiet) as update:
            done = _taken(vault, place, wanted, update)
    except BrokenPipeError:
        raise
    except Exception as error:
        return _failed(place, error, as_json=as_json), "failed"
    entry = done.entry
    if as_json:
        _write({"input": place, "known": done.known, **writing.document_of(entry)})
    elif not quiet and not done.known:
        say(f"{place}: imported, {size(entry.size)} in {size(entry.archive_size)} ({ratio(entry.ratio)})")
    return exits.OK, "known already" if done.known else "imported"


def _taken(vault: "Vault | TableVault", place: str, wanted: Wanted, hear: Hear | None) -> Imported:
    if isinstance(vault, Vault):
        return vault_importing.take(vault, place, wanted, hear)
    from readvault.aws import importing as table_importing

    return table_importing.take(vault, place, wanted, hear)


def _failed(place: str, error: Exception, *, as_json: bool) -> int:
    code = exits.code_of(error)
    complain(error, place)
    if as_json:
        _write(
            {"input": place, "error": {"kind": type(error).__name__, "message": message_of(error), "exit_code": code}}
        )
    return code


def _write(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _tags(pairs: list[str]) -> dict[str, str]:
    tags = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--tag {pair}: is not KEY=VALUE")
        tags[key] = value
    return tags

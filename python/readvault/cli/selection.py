"""Which entries a command is about: conditions, or a list of names and UUIDs on standard input."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from readvault.catalog.model import Condition, Entry
from readvault.catalog.query import conditions_of
from readvault.cli.exits import UsageError
from readvault.vault.home import Vault

if TYPE_CHECKING:
    from readvault.aws.vault import TableVault

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[QUERY]...",
        help="Names, UUIDs, or conditions that all hold, such as project=trial name=*.bam; - reads a list, one a line.",
    ),
]


def selected(vault: "Vault | TableVault", words: list[str]) -> Iterator[Entry]:
    """The entries that words name: those that meet all conditions; each name or UUID of several.

    FileNotFoundError where a name, a UUID or a line of the list names none.
    """
    if "-" in words and len(words) > 1:
        raise UsageError("a list from standard input (-) goes with no other names or conditions")
    names = words if words != ["-"] else [name for line in sys.stdin if (name := _named(line))]
    # Names say which; conditions say what must hold of them. So `a.bam b.bam project=x` are two names and a condition.
    conditions = list(zip(names, conditions_of(names), strict=True))
    shared = tuple(made for word, made in conditions if not _is_name(word, made))
    named = [(word, made) for word, made in conditions if _is_name(word, made)]
    if not named:
        yield from vault.catalog.find(shared)
    for word, made in named:
        found = False
        for entry in vault.catalog.find((*shared, made)):
            found = True
            yield entry
        if not found:
            raise FileNotFoundError(f"{word}: the catalog has no such entry (`readvault catalog find` searches it)")


def _is_name(word: str, condition: Condition) -> bool:
    return condition.value == word


def _named(line: str) -> str | None:
    """The name in a line of a list: plain text, or an event as a JSON object."""
    text = line.strip()
    if not text.startswith("{"):
        return text or None
    try:
        event = json.loads(text)
        entry = event.get("entry", event)
        found = entry["uuid"] if isinstance(entry, dict) else str(entry)
    except (ValueError, KeyError, AttributeError):
        raise UsageError(f"a line of the list is no event: {text[:100]!r} names no entry or UUID") from None
    return str(found)

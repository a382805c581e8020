"""The work order: the JSON that says all that a job needs to know. Any worker that has it and reaches the store can do
the job, without asking anybody.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from string import Formatter
from typing import Any, Literal

from readvault import places
from readvault.errors import InvalidError, UnsupportedError

ORDER_VERSION = 1

Verification = Literal["digest", "sample", "full"]

# Longest key of a store: S3 takes 1,024 bytes.
_LONGEST_KEY = 1024


@dataclass(frozen=True, slots=True)
class Options:
    """How a source is to be handled. Part of what makes two jobs the same."""

    level: Literal["fast", "default", "max"] = "default"
    reference: str | None = None
    """FASTA file (a path) that the archive may lean on."""
    verify: Verification = "digest"
    """How much of the published archive is decoded once more: none (its digest alone), samples, all."""
    index: bool = True
    """Make an index where the source has none."""
    project: str = ""
    sample: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    """Key of the archive; None uses the vault's pattern."""

    def as_dict(self) -> dict[str, Any]:
        """The options as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One job."""

    job: int
    source: str
    """Absolute path or URL."""
    source_version: str
    source_size: int
    store: str
    """Folder or URL that archives are put into."""
    key: str
    options: Options
    reference: str | None
    """Key of the reference's copy in the store, if one is used."""
    created: str

    @property
    def target(self) -> str:
        """Where the archive is to stand."""
        return places.join(self.store, self.key)

    @property
    def fasta(self) -> str | None:
        """The reference to use."""
        return self.options.reference

    def as_dict(self) -> dict[str, Any]:
        """The order as a JSON object."""
        return {"order_version": ORDER_VERSION, **asdict(self)}


def options_of(found: Mapping[str, Any]) -> Options:
    """The options in a JSON object; InvalidError for what are none."""
    names = {one.name for one in fields(Options)}
    unknown = set(found) - names
    if unknown:
        raise InvalidError(f"there is no option {', '.join(sorted(unknown))} (there are {', '.join(sorted(names))})")
    return Options(**found)


def order_of(found: Mapping[str, Any]) -> WorkOrder:
    """The work order in a JSON object."""
    version = found.get("order_version")
    if version != ORDER_VERSION:
        raise UnsupportedError(
            f"the work order has version {version!r}; this version of Readvault knows {ORDER_VERSION}"
        )
    values = {key: value for key, value in found.items() if key != "order_version"}
    try:
        return WorkOrder(**{**values, "options": options_of(values["options"])})
    except (TypeError, KeyError) as error:
        raise InvalidError(f"the work order lacks or repeats a field: {error}") from None


def identity_of(source: str, version: str, options: Options) -> str:
    """The name of a piece of work: the same for the same source in the same state, handled in the same way."""
    told = json.dumps([source, version, options.as_dict()], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def key_for(pattern: str, source: str, options: Options) -> str:
    """The archive's key: the vault's pattern with what is known of the source put in.

    A pattern may name {name} (of the source), {folder} (the name of the folder it is in), {project} and {sample}. What
    is empty leaves no empty folder behind.
    """
    if options.name is not None:
        key = options.name
    else:
        parts = re.split(r"[/\\]+", source.split("?")[0] if places.is_url(source) else source)
        known = {
            "name": places.name_of(source),
            "folder": parts[-2] if len(parts) > 1 else "",
            "project": options.project,
            "sample": options.sample,
        }
        key = _filled(pattern, {name: value.replace("/", "_") for name, value in known.items()})
    return check_key(re.sub(r"/+", "/", key).strip("/"))


def _filled(pattern: str, known: Mapping[str, str]) -> str:
    try:
        parts = [(text, name, form or kind) for text, name, form, kind in Formatter().parse(pattern)]
    except ValueError as error:
        raise InvalidError(f"the key pattern {pattern!r}: {error}") from None
    if any(name is not None and (name not in known or more) for _, name, more in parts):
        names = ", ".join("{" + name + "}" for name in known)
        raise InvalidError(f"the key pattern {pattern!r} can name {names} and nothing else")
    return "".join(text + (known[name] if name is not None else "") for text, name, _ in parts)


def check_key(key: str) -> str:
    """The key, if it is one that stays within the store; InvalidError otherwise."""
    parts = key.split("/")
    if not key or any(part in ("", ".", "..") for part in parts):
        raise InvalidError(f"{key!r} cannot be the key of an archive: it names no file within the store")
    if any(ord(character) < 32 for character in key) or len(key.encode()) > _LONGEST_KEY:
        raise InvalidError(f"{key!r} cannot be the key of an archive: it is too long or has control characters")
    return key

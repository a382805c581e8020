"""The settings of a vault: `vault.toml` in its folder, which users edit."""

import re
import tomllib
import uuid
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from readvault import places
from readvault.archive import Level
from readvault.errors import InvalidError, UnsupportedError
from readvault.pipeline.order import Options, Verification, key_for

NAME = "vault.toml"
# Pattern of archives' keys, unless the user gives another.
KEY = "{project}/{name}.rv"
_VERSION = 1
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True, slots=True)
class TierRule:
    """When archives leave the hot tier, and how. Times are seconds."""

    name: str
    project: str = "*"
    """A pattern; the first rule whose pattern a project matches is its rule."""
    done: bool = True
    """Move when all work on the archive was said to be over (`vault done`)."""
    after: float | None = None
    """Or when the entry is so old."""
    storage_class: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    """A program to run, with the archive's place as its last argument: for stores that have neither classes nor tags.
    """


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them."""

    id: str
    """Tells this vault from all others."""
    store: str
    """Folder (absolute) or URL of the archives."""
    key: str = KEY
    """Pattern of their keys."""
    level: Level = "default"
    verify: Verification = "digest"
    attempts: int = 10
    """How often a job is tried before it has failed, where trying again may help."""
    announce_file: str | None = "events.jsonl"
    announce_command: tuple[str, ...] = ()
    announce_webhook: str | None = None
    reclaim_within: float = 30 * 86400.0
    """How old the last full verification of an archive may be when its source is deleted, in seconds."""
    tiers: tuple[TierRule, ...] = ()


def template(store: str, key: str) -> str:
    """The text of a new vault's settings."""
    return f'''# Settings of this vault; `readvault vault status` tells what is wrong with them.
[vault]
version = {_VERSION}
id = "{uuid.uuid4()}"
store = {_quoted(store)}          # folder (from here on, unless absolute) or URL where archives are kept
key = {_quoted(key)}   # of {{name}}, {{folder}}, {{project}} and {{sample}}

[jobs]
level = "default"            # fast, default or max
verify = "digest"            # of the published archive: digest, sample (decodes some of it again) or full
attempts = 10                # how often a job is tried where trying again may help

[announce]
file = "events.jsonl"        # a line for each event
# command = ["/usr/local/bin/next-step", "--event"]    # a program, never a shell: the event is its standard input
# webhook = "https://example.org/readvault"

[reclaim]
verified_within = "30d"      # an archive was verified in full not longer ago when its source is deleted

# [[tier]]
# name = "cold"
# project = "*"              # the first rule that fits a project counts
# done = true                # when work is over: `readvault vault done NAME`
# after = "90d"              # or at this age
# storage_class = "GLACIER_IR"
# tags = {{ lifecycle = "archive" }}
# command = ["lfs", "hsm_archive"]    # for folders: is run with the archive's path as its last argument
'''


def read(folder: Path) -> Settings:
    """The settings of the vault in a folder."""
    path = folder / NAME
    try:
        found = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder} is no vault: it has no {NAME}; `readvault vault init {folder}` makes one"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path}: is no TOML: {error}") from None
    try:
        return _settings(found, folder)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InvalidError(f"{path}: {error}") from None


def _settings(found: dict[str, Any], folder: Path) -> Settings:
    _check_names("", found, {"vault", "jobs", "announce", "reclaim", "tier"})
    vault, jobs = found.get("vault", {}), found.get("jobs", {})
    announce, reclaim = found.get("announce", {}), found.get("reclaim", {})
    _check_names("vault.", vault, {"version", "id", "store", "key"})
    _check_names("jobs.", jobs, {"level", "verify", "attempts"})
    _check_names("announce.", announce, {"file", "command", "webhook"})
    _check_names("reclaim.", reclaim, {"verified_within"})
    if vault.get("version") != _VERSION:
        raise UnsupportedError(f"{folder / NAME}: has version {vault.get('version')!r}; this one knows {_VERSION}")
    store = str(_needed(vault, "vault.", "store"))
    made = Settings(
        id=str(uuid.UUID(_needed(vault, "vault.", "id"))),
        store=store.rstrip("/") if places.is_url(store) else str((folder / store).resolve()),
        key=vault.get("key", KEY),
        level=_one_of("jobs.level", jobs.get("level", "default"), get_args(Level)),
        verify=_one_of("jobs.verify", jobs.get("verify", "digest"), get_args(Verification)),
        attempts=_count("jobs.attempts", jobs.get("attempts", 10)),
        announce_file=announce.get("file"),
        announce_command=tuple(str(one) for one in announce.get("command", [])),
        announce_webhook=announce.get("webhook"),
        reclaim_within=seconds(reclaim.get("verified_within", "30d")),
        tiers=tuple(_rule(number, rule) for number, rule in enumerate(found.get("tier", []), start=1)),
    )
    key_for(made.key, "/folder/name.bam", Options(project="project", sample="sample"))
    return made


def _rule(number: int, found: dict[str, Any]) -> TierRule:
    where = f"tier {number}: "
    _check_names(where, found, {one.name for one in fields(TierRule)})
    rule = TierRule(
        name=str(found.get("name", "cold")),
        project=str(found.get("project", "*")),
        done=bool(found.get("done", True)),
        after=None if found.get("after") is None else seconds(found["after"]),
        storage_class=found.get("storage_class"),
        tags=tuple((str(key), str(value)) for key, value in found.get("tags", {}).items()),
        command=tuple(str(one) for one in found.get("command", [])),
    )
    if rule.name == "hot":
        raise ValueError(f"{where}'hot' is where archives are before any rule moves them: call it otherwise")
    if rule.storage_class is None and not rule.tags and not rule.command:
        raise ValueError(f"{where}says no storage_class, tags or command, so nothing would happen")
    return rule


def seconds(text: Any) -> float:
    """Seconds in a text such as `90s`, `12h`, `30d`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", str(text).strip())
    if found is None:
        raise ValueError(f"{text!r} is no length of time such as 90s, 15m, 12h, 30d or 2w")
    return float(found.group(1)) * _UNITS[found.group(2)]


def _check_names(where: str, found: Any, known: set[str]) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{where.rstrip('.: ') or 'the file'} is no table")
    for name in found:
        if name not in known:
            raise ValueError(f"there is no setting {where}{name} (there are {', '.join(sorted(known))})")


def _needed(table: dict[str, Any], where: str, name: str) -> Any:
    if name not in table:
        raise ValueError(f"{where}{name} is missing")
    return table[name]


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> Any:
    if value not in known:
        raise ValueError(f"{name} is {value!r}, not one of {', '.join(known)}")
    return value


def _count(name: str, value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}, not a number from 1")
    return value


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

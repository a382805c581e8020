"""How objects of stores are transferred: from the environment, from a configuration file, or as a program says.

A key such as `connections` is looked for in what `configure` was called with, then in the environment
(`READVAULT_CONNECTIONS`), then in the table `[transfers]` of the file that `READVAULT_CONFIG` names or
`~/.config/readvault/config.toml`. Credentials are not kept here: they are found as the tools of each cloud find them.
"""

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from readvault import _core
from readvault.errors import InvalidError

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True)
class Transfers:
    """Settings of transfers; sizes in bytes.

    The first five are those of the multi-connection reader of HTSJDK, with its defaults.
    """

    connections: int = 50
    """Most requests at a time."""
    min_part: int = 32 << 10
    """Bytes of the first part of a sequential read; parts grow from there while it goes on."""
    max_part: int = 8 << 20
    """Most bytes of a part."""
    retries: int = 3
    """How often a request that failed is sent again without a byte having come."""
    memory: int = 256 << 20
    """Most bytes of memory for what is in transfer, besides what decoding takes."""
    timeout: float = 20.0
    """Longest wait in seconds for an answer to begin, and between two pieces of it."""
    cache: str | None = None
    """Folder of a disk cache that processes may share."""
    cache_size: int = 10 << 30
    """Most bytes in it."""
    anonymous: bool = False
    """Sign no requests: for public buckets."""
    requester_pays: bool = False
    """Pay for requests to buckets whose owner does not."""
    tags: str = ""
    """Tags of objects that are written, as `key=value,key=value`."""
    storage_class: str | None = None
    """Storage class of objects that are written."""
    price_per_1000_gets: float = 0.0
    """Price of a thousand requests that read, for an estimate of the cost."""
    price_per_1000_puts: float = 0.0
    """Price of a thousand requests that write."""
    price_per_gb: float = 0.0
    """Price of 10^9 bytes that leave the store."""


_KEYS = {field.name: field for field in fields(Transfers)}
_made: dict[str, Any] = {}
_settings: Transfers | None = None


def configure(**settings: Any) -> Transfers:
    """Set how objects that are opened from now on are transferred, and return all settings as they are then.

    The keys are those of `Transfers`; sizes may be texts such as "8MiB". Keys and values that cannot be raise
    InvalidError.
    """
    for key in settings:
        if key not in _KEYS:
            raise InvalidError(f"there is no setting {key!r} (there are {', '.join(_KEYS)})")
    wanted = {**_made, **{key: value for key, value in settings.items() if value is not None}}
    applied = _apply(wanted)
    # Only now: what was refused is not asked for again.
    _made.update(wanted)
    return applied


def current() -> Transfers:
    """The settings in force."""
    return _settings or _apply(_made)


def ensure() -> None:
    """Bring the settings of environment and file into force, unless some are. Called before the first URL is opened."""
    current()


def _apply(wanted: dict[str, Any]) -> Transfers:
    global _settings
    found = _of_file()
    for key in _KEYS:
        value = os.environ.get(f"READVAULT_{key.upper()}")
        if value:
            found[key] = (value, f"READVAULT_{key.upper()}")
    found |= {key: (value, key) for key, value in wanted.items()}
    made = Transfers(**{key: _value(key, value, where) for key, (value, where) in found.items()})
    _core.configure_transfers(
        connections=made.connections,
        min_part=made.min_part,
        max_part=made.max_part,
        retries=made.retries,
        memory=made.memory,
        timeout=made.timeout,
        cache=made.cache or None,
        cache_size=made.cache_size,
        anonymous=made.anonymous,
        requester_pays=made.requester_pays,
        tags=_tags(made.tags),
        storage_class=made.storage_class or None,
    )
    _settings = made
    return made


def _of_file() -> dict[str, tuple[Any, str]]:
    named = os.environ.get("READVAULT_CONFIG")
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    path = Path(named) if named else Path(base) / "readvault" / "config.toml"
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if named:
            raise FileNotFoundError(f"{path}: READVAULT_CONFIG names no file") from None
        return {}
    try:
        table = tomllib.loads(text.decode()).get("transfers", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path}: is no TOML: {error}") from None
    found = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in _KEYS:
            raise InvalidError(f"{path}: [transfers] has no setting {key!r} (there are {', '.join(_KEYS)})")
        found[name] = (value, f"{path}: {key}")
    return found


def _value(key: str, value: Any, where: str) -> Any:
    """A value of the type that the setting has."""
    usual = _KEYS[key].default
    try:
        if isinstance(usual, bool):
            return _truth(value)
        if isinstance(usual, int):
            return size(value)
        if isinstance(usual, float):
            return float(value)
    except (TypeError, ValueError):
        what = {bool: "yes or no", int: "a number, with K, M or G if it is a size", float: "a number"}[type(usual)]
        raise InvalidError(f"{where}: {value!r} is not {what}") from None
    return os.fspath(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("1", "yes", "true", "on"):
        return True
    if str(value).lower() in ("0", "no", "false", "off"):
        return False
    raise ValueError(value)


def size(value: Any) -> int:
    """The bytes that a number or a text such as `8MiB`, `8M` or `8m` means: units are powers of 1024."""
    if isinstance(value, int):
        number = value
    else:
        text = str(value).strip().lower().removesuffix("b").removesuffix("i")
        unit = text[-1:] if text[-1:] in "kmgt" else ""
        number = int(float(text.removesuffix(unit)) * _UNITS[unit])
    if number < 0:
        raise ValueError(value)
    return number


def _tags(text: str) -> list[tuple[str, str]]:
    found = []
    for pair in filter(None, text.split(",")):
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InvalidError(f"tags: {pair!r} is not KEY=VALUE")
        found.append((key, value))
    return found

"""Conditions as users write them: `project=trial-7`, `name=*.bam`, `size>1G`, `created>=2026-11-01`, `tag.lane=3`.

A word without an operator is a UUID, or a name (a pattern, if it has * or ?).
"""

import re
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime

from readvault.catalog.model import Condition, Entry, text_of
from readvault.errors import InvalidError

_FORM = re.compile(r"(?P<field>[A-Za-z_][\w]*(?:\.[^=<>!]+)?)(?P<operator>!=|<=|>=|=|<|>)(?P<value>.*)", re.DOTALL)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SIZES = ("size", "archive_size")
_NUMBERS = ("records", "job", "ratio", "seconds")
_TIMES = ("created", "verified_full", "tiered", "done", "reclaimed")
# What is no text, number or time of its own.
_UNASKED = ("tags", "references", "marks")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}

FIELDS = tuple(one.name for one in fields(Entry) if one.name not in _UNASKED)


def conditions_of(words: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions that words stand for; InvalidError where one stands for none."""
    return tuple(_condition(word) for word in words)


def _condition(word: str) -> Condition:
    found = _FORM.fullmatch(word)
    if found is None:
        return Condition("uuid" if _UUID.fullmatch(word) else "name", "=", word)
    name, operator, text = found.group("field", "operator", "value")
    if name == "mark":
        if operator not in ("=", "!="):
            raise InvalidError(f"{word}: marks are there or not: use mark=NAME or mark!=NAME")
        return Condition(name, operator, text)
    if not name.startswith("tag.") and name not in FIELDS:
        raise InvalidError(f"{word}: entries have no field {name!r} (there are {', '.join(FIELDS)}, mark and tag.KEY)")
    try:
        return Condition(name, operator, _value(name, text))
    except ValueError as error:
        raise InvalidError(f"{word}: {error}") from None


def _value(name: str, text: str) -> str | int | float | None:
    if text == "" and name in (*_TIMES, *_SIZES, *_NUMBERS):
        return None
    if name in _SIZES:
        return _size(text)
    if name in _NUMBERS:
        return float(text)
    if name in _TIMES:
        try:
            time = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            raise ValueError(f"{text!r} is no date or time such as 2026-11-29 or 2026-11-29T13:00:00Z") from None
        return text_of(time if time.tzinfo else time.replace(tzinfo=UTC))
    return text


def _size(text: str) -> int:
    found = re.fullmatch(r"([0-9.]+)\s*([kmgt]?)b?", text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no size such as 500M or 3.5G")
    return int(float(found.group(1)) * _UNITS[found.group(2)])

"""Conditions as users write them: `project=trial-7`, `name=*.bam`, `size>1G`, `created>=2026-11-01`, `tag.lane=3`.

A word without an operator is a UUID, or a name (a pattern, if it has * or ?). A date without a time is all of that day,
in UTC: `created<=2026-11-29` has the last second of the 29th in it. Tags are texts and compared as texts.
"""

import fnmatch
import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

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
# The largest number that SQLite keeps: no file is longer.
_LARGEST = (1 << 63) - 1

_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

FIELDS = tuple(one.name for one in fields(Entry) if one.name not in _UNASKED)


def conditions_of(words: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions that words stand for; InvalidError where one stands for none."""
    return tuple(condition for word in words for condition in _conditions(word))


def named(words: Iterable[str]) -> tuple[Condition, ...]:
    """What meets a condition if its name is one of some, which may be patterns; no words ask for nothing."""
    names = tuple(words)
    for name in names:
        _check_text(name)
    return (Condition("name", "=", names),) if names else ()


def meets(entry: Entry, condition: Condition) -> bool:
    """Whether an entry meets a condition: what conditions mean, for catalogs that cannot ask their database."""
    wanted, how = condition.value, condition.operator
    if isinstance(wanted, tuple):
        return any(meets(entry, Condition(condition.field, how, one)) for one in wanted)
    if condition.field == "mark":
        there = any(_fits(mark, str(wanted)) for mark in entry.marks) if wanted else not entry.marks
        return there == (how == "=")
    if condition.field.startswith("tag."):
        value: Any = entry.tags.get(condition.field.removeprefix("tag."))
    else:
        value = getattr(entry, condition.field)
    if how not in ("=", "!="):
        return value is not None and _COMPARED[how](value, wanted)
    if wanted is None or wanted == "":
        same = value is None or value == ""
    elif isinstance(wanted, str):
        same = _fits(value or "", wanted)
    else:
        same = value == wanted
    return same == (how == "=")


def is_pattern(text: str) -> bool:
    """Whether a text that is asked for stands for more than itself."""
    return "*" in text or "?" in text


def _fits(text: str, pattern: str) -> bool:
    """Whether a text is what a pattern stands for, in which * and ? alone have a meaning."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def is_uuid(word: str) -> bool:
    """Whether a word can be the UUID of an entry."""
    return _UUID.fullmatch(word) is not None


def _conditions(word: str) -> tuple[Condition, ...]:
    _check_text(word)
    found = _FORM.fullmatch(word)
    if found is None:
        return (Condition("uuid" if is_uuid(word) else "name", "=", word),)
    name, operator, text = found.group("field", "operator", "value")
    if name == "mark":
        if operator not in ("=", "!="):
            raise InvalidError(f"{word}: marks are there or not: use mark=NAME or mark!=NAME")
        return (Condition(name, operator, text),)
    if not name.startswith("tag.") and name not in FIELDS:
        raise InvalidError(f"{word}: entries have no field {name!r} (there are {', '.join(FIELDS)}, mark and tag.KEY)")
    if text == "" and operator not in ("=", "!="):
        raise InvalidError(f"{word}: there is nothing to compare with; {name}= and {name}!= ask whether there is any")
    try:
        if name in _TIMES and text:
            return _times(name, operator, text)
        return (Condition(name, operator, _value(name, text)),)
    except ValueError as error:
        raise InvalidError(f"{word}: {error}") from None


def _check_text(word: str) -> None:
    try:
        word.encode()
    except UnicodeEncodeError:
        raise InvalidError(f"{word!r} is not UTF-8, as all is that the catalog has") from None


def _value(name: str, text: str) -> str | int | float | None:
    if text == "" and name in (*_TIMES, *_SIZES, *_NUMBERS):
        return None
    if name in _SIZES:
        return _size(text)
    if name in _NUMBERS:
        return _number(text)
    return text


def _times(name: str, operator: str, text: str) -> tuple[Condition, ...]:
    """A time, or the day that a date stands for."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return (Condition(name, operator, _time(text)),)
    try:
        start = text_of(datetime(day.year, day.month, day.day, tzinfo=UTC))
        end = text_of(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1))
    except OverflowError:
        raise ValueError(f"{text!r} is too far from now") from None
    match operator:
        case "=":
            return (Condition(name, ">=", start), Condition(name, "<", end))
        case "!=":
            raise ValueError(f"that is two stretches of time: ask for {name}<{text} or {name}>{text}")
        case "<" | ">=":
            return (Condition(name, operator, start),)
        case _:
            return (Condition(name, "<" if operator == "<=" else ">=", end),)


def _time(text: str) -> str:
    try:
        time = datetime.fromisoformat(text)
        return text_of(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no date or time such as 2026-11-29 or 2026-11-29T13:00:00Z") from None


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is no number")
    return number


def _size(text: str) -> int:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([kmgt]?)b?", text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no size such as 500M or 3.5G")
    digits, unit = found.groups()
    return int(min((float(digits) if "." in digits else int(digits)) * _UNITS[unit], _LARGEST))

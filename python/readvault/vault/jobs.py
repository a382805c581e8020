"""Jobs: what is submitted, what the queue knows of it, and what a step's run comes to."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from readvault.errors import InvalidError
from readvault.pipeline.order import Options, identity_of, options_of


@dataclass(frozen=True, slots=True)
class Request:
    """What is submitted: a source in the state that it was seen in."""

    source: str
    version: str
    size: int
    options: Options
    failure: str | None = None
    """Why it cannot be done, if that is known already."""

    @property
    def identity(self) -> str:
        """The same for the same work."""
        return identity_of(self.source, self.version, self.options)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as a row of the queue. Times are seconds since 1970."""

    id: int
    state: str
    priority: int
    source: str
    version: str
    size: int
    options: Options
    submitted: float
    not_before: float | None
    started: float | None
    ended: float | None
    runner: str | None
    step: str | None
    key: str | None
    attempts: int
    deaths: int
    results: dict[str, dict[str, Any]]
    error_kind: str | None
    error: str | None
    entry: str | None

    def as_dict(self) -> dict[str, Any]:
        """The job as a JSON object."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {**found, "options": self.options.as_dict()}


@dataclass(frozen=True, slots=True)
class StepReport:
    """One run of one step."""

    step: str
    started: float
    outcome: str = "ok"
    bytes: int = 0
    message: str = ""


class LostError(Exception):
    """A job is no longer this runner's; nothing more may be done for it here."""


def job_of(row: sqlite3.Row) -> Job:
    """The job in a row of the table."""
    values = {name: row[name] for name in Job.__slots__}
    try:
        values["options"] = options_of(json.loads(row["options"]))
    except ValueError as error:
        raise InvalidError(f"job {row['id']}: {error}") from None
    values["results"] = json.loads(row["results"])
    return Job(**values)

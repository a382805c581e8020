"""What a report is limited to, as conditions in SQL."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from readvault.catalog.model import text_of


@dataclass(frozen=True, slots=True)
class Limits:
    """What a report is limited to."""

    project: str | None = None
    since: datetime | None = None

    def __bool__(self) -> bool:
        return self.project is not None or self.since is not None

    def of_entries(self) -> tuple[str, list[Any]]:
        """The limits on entries as SQL, with its values.

        The pluses keep SQLite from other indexes: pages are read in the order of numbers.
        """
        return self._where("+project", "+created", None if self.since is None else text_of(self.since))

    def of_jobs(self) -> tuple[str, list[Any]]:
        """The limits on jobs as SQL, with its values: those that ended since then, or are not at their end."""
        since = None if self.since is None else self.since.timestamp()
        return self._where("json_extract(options, '$.project')", "coalesce(ended, submitted)", since)

    def _where(self, project: str, time: str, since: object) -> tuple[str, list[Any]]:
        texts, values = ["1"], list[Any]()
        if self.project is not None:
            texts.append(f"{project} = ?")
            values.append(self.project)
        if since is not None:
            texts.append(f"{time} >= ?")
            values.append(since)
        return " AND ".join(texts), values

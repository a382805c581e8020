"""Rows of a benchmark as CSV: dataclasses of one kind, a column for each of their fields."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any


def write(rows: Sequence[Any], out: Path) -> None:
    """Write all rows, of which there is one at least."""
    with open(out, "w", newline="") as file:
        writer = csv.DictWriter(file, [one.name for one in fields(rows[0])])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)

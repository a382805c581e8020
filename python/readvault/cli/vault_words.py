"""A vault's figures in words and numbers for people: for the terminal and for the page alike."""

from datetime import UTC, datetime

from readvault.cli.terminal import count, ratio
from readvault.report import size
from readvault.vault.figures import Amount, VaultReport


def change(made: Amount, arrow: str = "→") -> str:
    """What became of files, in words. Terminals may lack the arrow."""
    if not made.files:
        return "no archives"
    became = f"{size(made.source_bytes)} {arrow} {size(made.archive_bytes)} ({ratio(made.ratio)})"
    return f"{count(made.files, 'archive')}: {became}, saved {length(made.saved_bytes)}"


def length(saved: int) -> str:
    """Saved bytes for people; archives of tiny files are larger than these."""
    return size(saved) if saved >= 0 else f"-{size(-saved)}"


def limits(report: VaultReport) -> str:
    """What the report is limited to, in words; empty where it is of all."""
    told = [] if report.project is None else [f"project {report.project or '(none)'}"]
    told += [] if report.since is None else [f"since {report.since}"]
    return ", ".join(told)


def label(start: str, every: str) -> str:
    """A period as an axis calls it, by its start."""
    time = datetime.fromisoformat(start.replace("Z", "+00:00")).astimezone(UTC)
    match every:
        case "hour":
            return f"{time:%m-%d %H}h"
        case "month":
            return f"{time:%Y-%m}"
        case "year":
            return f"{time:%Y}"
        case _:
            return f"{time:%Y-%m-%d}"


def seconds(value: float) -> str:
    """A length of time for people."""
    if value < 1:
        return f"{value * 1000:,.1f} ms"
    if value < 120:
        return f"{value:,.1f} s"
    return f"{value / 60:,.1f} min" if value < 7200 else f"{value / 3600:,.1f} h"

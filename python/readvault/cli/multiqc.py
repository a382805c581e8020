"""A vault's archives as a table in MultiQC's reports: a file of its "custom content", which it finds by its name.

MultiQC puts names into its page as they are, so what is a name here goes through `text`. It cuts names at endings that
it knows, such as `.bam`, to join what its modules know of a sample; so names differ in what is before their first dot.
"""

import json
from typing import Any

from readvault.cli.document import text
from readvault.cli.vault_words import limits
from readvault.vault.figures import Sample, VaultReport
from readvault.vault.report import SAMPLES

# How the name of such a file ends, or MultiQC does not look at it.
SUFFIX = "_mqc.json"
# Columns: what MultiQC calls a value, and how it shows it.
_HEADERS: dict[str, dict[str, Any]] = {
    "source_mb": {
        "title": "Source",
        "description": "Size of the source",
        "suffix": " MB",
        "format": "{:,.1f}",
        "min": 0,
        "scale": "Blues",
    },
    "archive_mb": {
        "title": "Archive",
        "description": "Size of the archive",
        "suffix": " MB",
        "format": "{:,.1f}",
        "min": 0,
        "scale": "Purples",
    },
    "ratio": {
        "title": "Ratio",
        "description": "Source bytes for each archive byte",
        "suffix": "x",
        "format": "{:,.2f}",
        "min": 0,
        "scale": "Greens",
    },
    "saved_percent": {
        "title": "Saved",
        "description": "Part of the source's size that is saved",
        "suffix": "%",
        "format": "{:,.1f}",
        "min": 0,
        "max": 100,
        "scale": "RdYlGn",
    },
    "seconds": {
        "title": "Seconds",
        "description": "What archiving took, from the job's start to its end",
        "suffix": " s",
        "format": "{:,.1f}",
        "min": 0,
        "scale": "Oranges",
    },
    "verified": {
        "title": "Verified",
        "description": "How the published archive was verified: digest, sample or full",
        "scale": False,
    },
}


def multiqc(report: VaultReport) -> str:
    """The file's text."""
    taken: dict[str, int] = {}
    data = {_name(sample, taken): _row(sample) for sample in report.samples}
    content = {
        "id": "readvault_vault",
        "section_name": "Readvault",
        "description": _description(report),
        "plot_type": "table",
        "pconfig": {"id": "readvault_vault_table", "title": "Readvault: archives", "sort_rows": False},
        "headers": _HEADERS,
        "data": data,
    }
    return json.dumps(content) + "\n"


def _description(report: VaultReport) -> str:
    shown, held = len(report.samples), report.archives.files
    which = f"The newest {shown:,} of {held:,} archives" if shown == SAMPLES and held > shown else "The archives"
    only = f" ({text(limits(report))})" if limits(report) else ""
    return f"{which} of the vault {text(report.folder)}{only}, newest first, as of {text(report.generated)}."


def _row(sample: Sample) -> dict[str, Any]:
    saved = 1 - sample.archive_bytes / sample.source_bytes if sample.source_bytes else 0.0
    return {
        "source_mb": round(sample.source_bytes / 1e6, 3),
        "archive_mb": round(sample.archive_bytes / 1e6, 3),
        "ratio": round(sample.ratio, 3),
        "saved_percent": round(100 * saved, 2),
        "seconds": round(sample.seconds, 3),
        "verified": text(sample.verified),
    }


def _name(sample: Sample, taken: dict[str, int]) -> str:
    """What a row is called: by its sample or its file, by both where an earlier row has the name, or with a number.

    `taken`: names that rows have, and the highest number that was put before each.
    """
    name = sample.sample or sample.name
    if _left(name) in taken:
        both = _whole(f"{sample.sample} ({sample.name})" if sample.sample else sample.name)
        name, number = both, taken.get(both, 1)
        while _left(name) in taken:
            number += 1
            name = f"#{number} {both}"
        taken[both] = number
    taken.setdefault(_left(name), 1)
    return text(name)


def _whole(name: str) -> str:
    """A name of which MultiQC leaves all."""
    return name.replace(".", "_").replace("/", "_")


def _left(name: str) -> str:
    """The least of a name that MultiQC leaves."""
    return name.rsplit("/", 1)[-1].split(".")[0]

"""The catalog's entry, made from what the steps gave.

It stands apart from the steps because whoever records an archive need not be who made it: a fleet's recorder has the
results alone, and none of the code that compresses.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from readvault import places
from readvault.catalog.model import Entry, text_of
from readvault.pipeline.order import WorkOrder


def entry_for(order: WorkOrder, results: Mapping[str, dict[str, Any]], started: float, ended: float) -> Entry:
    """The catalog's entry from what the steps gave. Times are seconds since 1970."""
    made, indexed, verified = results["compress"], results["index"], results["verify"]
    report = made["report"]
    source, kept = report["source"], report["archive"]
    return Entry(
        uuid=kept["uuid"],
        name=places.name_of(order.source),
        kind=source["kind"],
        size=source["fingerprint"]["length"],
        sha256=source["fingerprint"]["sha256"],
        md5=source["fingerprint"]["md5"],
        source=order.source,
        source_version=order.source_version,
        store=order.store,
        key=order.key,
        sidecar=indexed["sidecar"],
        version=verified["version"],
        archive_size=verified["length"],
        archive_sha256=verified["sha256"],
        archive_digest=kept["digest"],
        ratio=report["ratio"],
        level=kept["level"],
        records=report["counts"]["records"],
        references=tuple(report["leans_on"]),
        reference=order.reference if report["leans_on"] else None,
        verified=verified["how"],
        verified_full=verified["full"],
        created=text_of(datetime.fromtimestamp(ended, UTC)),
        seconds=round(ended - started, 3),
        writer=kept["writer"],
        project=order.options.project,
        sample=order.options.sample,
        tags=dict(order.options.tags),
        marks=tuple(made["marks"]),
        # A fleet numbers no jobs: its orders have 0.
        job=order.job or None,
    )

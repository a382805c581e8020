"""Archives that nothing reads any more are tagged; the bucket's lifecycle moves what has the tag to a colder class.

Their indexes are tagged to stay: a region's offsets are to be known before anything is brought back. Only what is
recorded is looked at, and that was verified.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from readvault import places
from readvault.aws import clients, sources
from readvault.aws.announcing import Announcer
from readvault.aws.log import say
from readvault.catalog.dynamodb import DynamoCatalog
from readvault.catalog.model import HOT, Condition, Entry, now, text_of
from readvault.pipeline import events

TAG = "lifecycle"
ARCHIVE = "archive"
# Milliseconds before its end at which a function stops to begin anew with another archive.
_SPARE = 20_000


def due(catalog: DynamoCatalog, after_days: int) -> Iterator[Entry]:
    """Archives that are to move: done with, or as old as `after_days` (0: at no age)."""
    return catalog.due(text_of(datetime.now(UTC) - timedelta(days=after_days)) if after_days > 0 else None)


def move_due(
    catalog: DynamoCatalog, announcer: Announcer, after_days: int, left: Callable[[], int] | None = None
) -> tuple[int, bool]:
    """Move what is due. Gives how many, and whether there may be more: `left` tells the milliseconds that there are."""
    moved = 0
    for entry in due(catalog, after_days):
        if left is not None and left() < _SPARE:
            return moved, True
        try:
            move(catalog, announcer, entry)
            say("info", "tagged for a colder class", entry=entry.uuid, archive=entry.place)
            moved += 1
        except Exception as error:  # The others may move: this one is tried again in an hour.
            say("error", str(error), kind=type(error).__name__, entry=entry.uuid, archive=entry.place)
    return moved, False


def move(catalog: DynamoCatalog, announcer: Announcer, entry: Entry) -> None:
    """Tag an archive, and announce it. Cut off and done again, it comes to the same; one that is moved twice at once is
    announced once.
    """
    if entry.sidecar is not None:
        _tag(places.join(entry.store, entry.sidecar), HOT)
    _tag(entry.place, ARCHIVE)
    moved = catalog.change_if(entry.uuid, Condition("tier", "=", HOT), tier=ARCHIVE, tiered=now())
    if moved is not None:
        announcer.tell(events.TIERED, moved)


def _tag(place: str, value: str) -> None:
    """Set our tag, and leave the others as they are."""
    bucket, key = sources.split(place)
    s3 = clients.client("s3")
    others = [one for one in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] if one["Key"] != TAG]
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [*others, {"Key": TAG, "Value": value}]})

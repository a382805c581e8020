"""What a job has left in the store: its result, compared with the archive that stands there, or the reason why it
failed.

The job itself has read the archive back and compared it. This is another process, with other code, that asks the store:
what was changed, replaced or lost between the job and its record is found here.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from readvault import places
from readvault.aws import environment, sources
from readvault.aws.failures import ChecksumMismatch, SourceMissing
from readvault.aws.table import Failure
from readvault.catalog.model import Entry
from readvault.errors import InvalidError
from readvault.pipeline.entries import entry_for
from readvault.pipeline.order import WorkOrder, order_of

# Most characters of a reason that is kept.
_LONGEST = 4000


def place_of_order(identity: str) -> str:
    """Where the order of a piece of work is."""
    return places.join(environment.needed(environment.ORDERS), f"{identity}.json")


def beside_order(place: str, kind: str) -> str:
    """Where the `journal`, the `result` or the reason why it `failed` is written of an order at a place."""
    return f"{place.removesuffix('.json')}.{kind}.json"


def compared(identity: str) -> Entry:
    """The entry of a job that is done; ChecksumMismatch where the archive is not what the job says."""
    order = _order(identity)
    place = beside_order(place_of_order(identity), "result")
    result = sources.document(place)
    if result is None:
        raise InvalidError(f"{place}: the job has left no result")
    try:
        # The job has put the reference where its archive needs it: under a digest that it alone knows.
        done = replace(order, reference=result.get("reference"))
        entry = entry_for(done, result, result["started"], result["ended"])
        told = result["compress"]["report"]["archive"]
        sidecar = result["index"].get("length")
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidError(f"{place} is no result of a job: {error!r}") from None
    _agree(
        "the job's own digests",
        entry.place,
        (told["length"], told["sha256"]),
        (entry.archive_size, entry.archive_sha256),
    )
    _agree("the source's length", order.source, order.source_size, entry.size)
    _compare_with_store(entry, sidecar)
    return entry


def _order(identity: str) -> WorkOrder:
    place = place_of_order(identity)
    found = sources.document(place)
    if found is None:
        raise InvalidError(f"{place}: there is no such order")
    return order_of(found)


def _compare_with_store(entry: Entry, sidecar: int | None) -> None:
    try:
        seen = sources.look(entry.place)
    except SourceMissing as error:
        raise ChecksumMismatch(f"the archive is not there any more: {error}") from None
    _agree("the archive's length", entry.place, entry.archive_size, seen.length)
    if entry.version is not None and not seen.is_called(entry.version):
        raise ChecksumMismatch(
            f"{entry.place} was replaced since it was verified: it is {seen.version or seen.etag}, and was "
            f"{entry.version}"
        )
    if seen.checksum is not None:
        _agree(
            "S3's SHA-256", entry.place, base64.b64encode(bytes.fromhex(entry.archive_sha256)).decode(), seen.checksum
        )
    if entry.sidecar is not None:
        place = places.join(entry.store, entry.sidecar)
        try:
            length = sources.look(place).length
        except SourceMissing as error:
            raise ChecksumMismatch(f"the archive's index is not there any more: {error}") from None
        _agree("the index's length", place, sidecar, length)


def _agree(what: str, place: str, told: object, found: object) -> None:
    if told != found:
        raise ChecksumMismatch(f"{place}: {what}: the job has {told}, and there is {found}")


# --- Failures --------------------------------------------------------------------------------------------------------


def failure_of(identity: str, event: Mapping[str, Any]) -> Failure:
    """Why a run has failed: what the job has written down, or what the state machine caught."""
    caught = event.get("error")
    caught = caught if isinstance(caught, Mapping) else {}
    kind, cause = str(caught.get("Error") or "Unknown"), str(caught.get("Cause") or "")
    told = _object_in(cause)
    if "errorMessage" in told:
        # A function's own error.
        return _failure(str(told.get("errorType") or kind), str(told["errorMessage"]))
    place = place_of_order(identity)
    order, written = sources.document(place), sources.document(beside_order(place, "failed"))
    # A reason that stands from an earlier order is none of this run's; one without could not read its order.
    if order is not None and written is not None and written.get("order") in (None, order.get("created")):
        return _failure(str(written.get("kind")), str(written.get("message")))
    if "Attempts" in told or "StatusReason" in told:
        return _failure("BatchFailed", _of_batch(told))
    return _failure(kind, cause or "the state machine gave no reason")


def _of_batch(told: Mapping[str, Any]) -> str:
    """What Batch says of a job that ended without a word."""
    said = [str(told.get("StatusReason") or "")]
    attempts = told.get("Attempts")
    for attempt in attempts[-1:] if isinstance(attempts, list) else []:
        container = attempt.get("Container", {}) if isinstance(attempt, dict) else {}
        said.append(str(container.get("Reason") or ""))
        if "ExitCode" in container:
            said.append(f"exit code {container['ExitCode']}")
    return "; ".join(filter(None, said)) or "the job failed, and Batch gives no reason"


def _object_in(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _failure(kind: str, message: str) -> Failure:
    return Failure(kind[:200], message[:_LONGEST])

"""What every command that reads or writes objects of stores takes, and what it tells of the transfers."""

import inspect
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Annotated, Any

import typer

from readvault import _core, config
from readvault.cli.terminal import count, say
from readvault.report import size

# Seconds between two lines of a long transfer.
_INTERVAL = 5.0

_TEXT = str | None
_OPTIONS: dict[str, Any] = {
    "connections": Annotated[
        int | None, typer.Option("--connections", min=1, metavar="N", help="Most requests to a store at a time [50].")
    ],
    "min_part": Annotated[
        _TEXT, typer.Option("--min-part", metavar="SIZE", help="First part of a sequential read [32K].")
    ],
    "max_part": Annotated[
        _TEXT, typer.Option("--max-part", metavar="SIZE", help="Largest part that reads grow to [8M].")
    ],
    "retries": Annotated[
        int | None,
        typer.Option("--retries", min=0, metavar="N", help="How often a request that failed is sent again [3]."),
    ],
    "memory": Annotated[
        _TEXT, typer.Option("--memory", metavar="SIZE", help="Memory for transfers, besides decoding [256M].")
    ],
    "cache": Annotated[
        _TEXT, typer.Option("--cache", metavar="DIR", help="Folder that keeps what is fetched, for all processes.")
    ],
    "cache_size": Annotated[
        _TEXT, typer.Option("--cache-size", metavar="SIZE", help="Most bytes that the folder keeps [10G].")
    ],
    "anonymous": Annotated[
        bool, typer.Option("--anonymous", help="Sign no requests to the store: for public buckets.")
    ],
    "requester_pays": Annotated[
        bool, typer.Option("--requester-pays", help="Pay for requests to buckets whose owner does not.")
    ],
}


def taking(command: Callable[..., int]) -> Callable[..., Callable[[], int]]:
    """The command with these options too, as typer is to see it: bound to its arguments, and not run."""

    @wraps(command)
    def bind(**arguments: Any) -> Callable[[], int]:
        given = {key: arguments.pop(key) for key in _OPTIONS}
        return partial(_run, partial(command, **arguments), given)

    own = inspect.signature(command)
    more = [
        inspect.Parameter(
            key, inspect.Parameter.KEYWORD_ONLY, default=False if key in _SWITCHES else None, annotation=kind
        )
        for key, kind in _OPTIONS.items()
    ]
    bind.__signature__ = own.replace(parameters=[*own.parameters.values(), *more])  # type: ignore[attr-defined]
    bind.__annotations__ = {**command.__annotations__, **_OPTIONS}
    return bind


_SWITCHES = ("anonymous", "requester_pays")


def _run(command: Callable[[], int], given: dict[str, Any]) -> int:
    wanted = {key: value for key, value in given.items() if value not in (None, False)}
    if wanted:
        config.configure(**wanted)
    with _told():
        return command()


@contextmanager
def _told() -> Iterator[None]:
    """Says every few seconds what has been transferred, if anything has."""
    ended = threading.Event()
    started = time.monotonic()

    def tell() -> None:
        before: dict[str, int] = {}
        while not ended.wait(_INTERVAL):
            now = totals()
            if now and now != before:
                say(_line(now, time.monotonic() - started))
                before = now

    # A daemon: it must not keep a process alive that ends in the middle of a command.
    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def totals() -> dict[str, int]:
    """What the transfers of this process took so far; nothing if there were none."""
    found: dict[str, int] = json.loads(_core.transfer_totals())
    return found if found["gets"] or found["puts"] else {}


def report() -> dict[str, Any]:
    """The same for `--json`, with what it costs where prices are configured."""
    found: dict[str, Any] = totals()
    cost = _cost(found) if found else None
    return found if cost is None else {**found, "cost": round(cost, 6)}


def _cost(found: dict[str, Any]) -> float | None:
    prices = config.current()
    if not (prices.price_per_1000_gets or prices.price_per_1000_puts or prices.price_per_gb):
        return None
    gets, puts = found["gets"] / 1000 * prices.price_per_1000_gets, found["puts"] / 1000 * prices.price_per_1000_puts
    cost: float = gets + puts + found["fetched_bytes"] / 1e9 * prices.price_per_gb
    return cost


def _line(found: dict[str, int], seconds: float) -> str:
    moved = found["fetched_bytes"] + found["sent_bytes"]
    parts = [f"transfers: {size(found['fetched_bytes'])} in {count(found['gets'], 'GET')}"]
    if found["puts"]:
        parts.append(f"{size(found['sent_bytes'])} in {count(found['puts'], 'PUT')}")
    if found["retries"]:
        parts.append(f"{found['retries']:,} retried")
    parts.append(f"{moved / 1e6 / max(seconds, 1e-3):,.1f} MB/s, {seconds:,.0f} s")
    cost = _cost(found)
    if cost is not None:
        parts.append(f"cost {cost:,.4f}")
    return ", ".join(parts)

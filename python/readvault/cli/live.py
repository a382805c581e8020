"""Text on a terminal that is written anew in its place."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Seen = TypeVar("Seen")


@contextmanager
def live(words: Callable[[Seen], str]) -> Iterator[Callable[[Seen], None]]:
    """Shows what it is given, each time in place of what was there before."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(), auto_refresh=False) as picture:
        # Text, so that a source called [red] is no markup.
        yield lambda seen: picture.update(Text(words(seen)), refresh=True)

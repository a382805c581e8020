"""A page as one file that needs no network and runs no script, in the light or dark of its reader.

Whatever comes out of a file goes through `text`: names are hostile, and a browser obeys more than a terminal does. The
page's own policy forbids everything but its style, in case that were not enough.
"""

from collections.abc import Sequence
from html import escape

from readvault import __version__
from readvault.cli.style import STYLE
from readvault.cli.terminal import shown


def document(title: str, body: str, *, command: str, style: str = "") -> str:
    """The page with a body, which a command has made. `style` is what it needs beside the style of all pages."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)} - Readvault</title>
<style>{STYLE}{style}</style>
</head>
<body>
<main>
{body}<footer>readvault {text(command)}, version {text(__version__)}</footer>
</main>
</body>
</html>
"""


def heads(columns: Sequence[tuple[str, str]]) -> str:
    """The head of a table: what its columns are called, and the classes that align them."""
    told = "".join(f'<th scope="col" class="{kind}">{head}</th>' for head, kind in columns)
    return f"<thead><tr>{told}</tr></thead>"


def cells(*numbers: str) -> str:
    """Cells of numbers."""
    return "".join(f'<td class="number">{text(number)}</td>' for number in numbers)


def text(value: object) -> str:
    """A value as text that no browser obeys."""
    return escape(shown(value), quote=True)

"""`readvault quickcheck`: is this a whole archive? Silent when it is."""

from typing import Annotated, Any

import typer

from readvault import archive
from readvault.cli import inputs
from readvault.cli.options import Archives, Json
from readvault.cli.terminal import say


def quickcheck(
    archives: Archives,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also name the archives that are good.")] = False,
    as_json: Json = False,
) -> int:
    """Check the structure of archives without decoding them; silent when all are good."""

    def job(path: str) -> dict[str, Any]:
        archive.quickcheck(path)
        if verbose:
            say(f"{path}: good")
        return {"good": True}

    return inputs.each(archives, job, as_json=as_json, quiet=not verbose)

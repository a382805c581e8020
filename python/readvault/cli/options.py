"""The options that several commands share, so that each reads the same everywhere."""

from enum import Enum
from typing import Annotated

import typer

Threads = Annotated[
    int, typer.Option("--threads", "-@", min=0, metavar="N", help="Worker threads; 0 uses all that are allowed.")
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace existing output files.")]
Json = Annotated[bool, typer.Option("--json", help="Report on standard output, one JSON object a line for each input.")]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference",
        "-T",
        metavar="FASTA",
        help="Reference sequences that the archive leans on; the folders of REF_CACHE and REF_PATH are searched too.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]


class Level(Enum):
    """How much work compressing may be."""

    FAST = "fast"
    DEFAULT = "default"
    MAX = "max"


Archives = Annotated[list[str], typer.Argument(metavar="ARCHIVE", help="Archives, such as sample.bam.rv.")]

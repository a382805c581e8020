"""`readvault head`: the header of an archive's source or of a BAM file, and its first records."""

from collections.abc import Iterable
from itertools import islice
from typing import Annotated

import typer

from readvault import _core
from readvault.cli import records
from readvault.cli.options import Reference


def head(
    path: records.Readable,
    number: Annotated[int, typer.Option("--records", "-n", min=0, metavar="N", help="Records after the header.")] = 0,
    reference: Reference = None,
) -> int:
    """Print the header and the first records as SAM."""

    def job(archive: records.Source) -> Iterable[bytes]:
        yield archive.header_text()
        if number:
            pieces = archive.sam(_core.Query())
            lines = (line for piece in pieces for line in piece.splitlines(keepends=True))
            yield from islice(lines, number)

    return records.run_any(path, None, job, reference=reference)

"""`readvault index`: indexes for the views of archives, in sidecars beside them."""

from enum import Enum
from typing import Annotated, Any

import typer

from readvault import archive, places
from readvault.cli import inputs
from readvault.cli.exits import UsageError
from readvault.cli.options import Archives, Force, Json, Quiet, Reference, Threads
from readvault.cli.progress import progress
from readvault.cli.terminal import say
from readvault.report import IndexingReport, as_dict, size


class Views(Enum):
    """Which views get an index."""

    EXACT = "exact"
    PLAIN = "plain"
    BOTH = "both"


_VIEWS: dict[Views, tuple[archive.View, ...]] = {
    Views.EXACT: ("exact",),
    Views.PLAIN: ("plain",),
    Views.BOTH: ("exact", "plain"),
}


def index(
    archives: Archives,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="PATH", help="The sidecar, or a folder for sidecars.")
    ] = None,
    view: Annotated[Views, typer.Option("--view", help="The view whose offsets the index holds.")] = Views.BOTH,
    csi: Annotated[
        bool, typer.Option("--csi", help="CSI also where BAI would do: for references of up to 2^29 positions.")
    ] = False,
    reference: Reference = None,
    threads: Threads = 0,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Make BAI or CSI indexes for readers of the archives' views: NAME.rv.idx, which `cat --index` and `info` read."""
    if "-" in archives or output == "-":
        raise UsageError("index reads archives in place and writes files: it takes no -")
    folder = inputs.folder_for(output, archives)
    written = inputs.Written()

    def job(path: str) -> dict[str, Any]:
        target = places.join(folder, places.name_of(archive.default_sidecar(path))) if folder else output
        written.claim(target or archive.default_sidecar(path))
        with progress("indexing", path, quiet=quiet) as update:
            report = archive.index(
                path,
                target,
                views=_VIEWS[view],
                csi=csi,
                threads=threads,
                force=force,
                reference=reference,
                progress=update,
            )
        if not quiet:
            _tell(path, report)
        return as_dict(report)

    return inputs.each(archives, job, as_json=as_json, quiet=quiet)


def _tell(path: str, report: IndexingReport) -> None:
    made = ", ".join(f"{one.kind} of the {one.view} view {size(one.length)}" for one in report.sidecar.indexes)
    say(f"{path}: {made}, {report.sidecar.path}")

"""`readvault decompress`: archives back into their sources."""

from typing import Annotated, Any

import typer

from readvault import _core, archive, places
from readvault.cli import inputs
from readvault.cli.exits import UsageError
from readvault.cli.options import Archives, Force, Json, Quiet, Reference, Threads
from readvault.cli.progress import progress
from readvault.cli.terminal import refuse_terminal, say, warn
from readvault.errors import InvalidError
from readvault.report import as_dict, size


def decompress(
    archives: Archives,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="PATH", help="File, or folder for files; - is standard output."),
    ] = None,
    threads: Threads = 0,
    force: Force = False,
    attachments: Annotated[
        bool, typer.Option("--attachments/--no-attachments", help="Restore indexes beside the output.")
    ] = True,
    reference: Reference = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Give sources back, by default under their recorded names beside the archives."""
    to_stdout = output == "-" or (output is None and "-" in archives)
    if to_stdout and len(archives) > 1:
        raise UsageError("only one source can go to standard output")
    if to_stdout and as_json:
        raise UsageError("--json and the source cannot both go to standard output: use -o FILE")
    if to_stdout:
        refuse_terminal("-o FILE")
    folder = inputs.folder_for(output, archives)
    written = inputs.Written()

    def job(path: str) -> dict[str, Any]:
        target = "-" if to_stdout else output
        if folder is not None:
            target = places.join(folder, _recorded_name(path))
        if len(archives) > 1:
            written.claim(target or places.beside(path, _recorded_name(path)))
        with progress("decompressing", path, quiet=quiet) as update:
            report = archive.decompress(
                path,
                target,
                threads=threads,
                force=force,
                attachments=attachments,
                reference=reference,
                progress=update,
            )
        for warning in () if quiet else report.warnings:
            warn(f"{path}: {warning}")
        if not quiet:
            with_them = "".join(f", {attachment}" for attachment in report.attachments)
            where = report.path or "standard output"
            what = "standard input" if path == "-" else path
            say(f"{what}: {size(report.fingerprint.length)}, identical, {where}{with_them}")
        return as_dict(report)

    return inputs.each(archives, job, as_json=as_json, quiet=quiet)


def _recorded_name(path: str) -> str:
    if path == "-":
        raise InvalidError("an archive from standard input needs -o FILE")
    name = _core.Archive(path).source_name
    if not name:
        raise InvalidError(f"{path} has no recorded name: use -o FILE")
    return name

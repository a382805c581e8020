"""`readvault verify`: decode everything and compare."""

from typing import Annotated, Any

import typer

from readvault import archive, proof
from readvault.cli import inputs
from readvault.cli.exits import UsageError
from readvault.cli.options import Archives, Json, Quiet, Reference, Threads
from readvault.cli.progress import progress
from readvault.cli.terminal import count, say
from readvault.report import as_dict, size


def verify(
    archives: Archives,
    against: Annotated[
        str | None, typer.Option("--against", metavar="SOURCE", help="Also compare with this file, byte for byte.")
    ] = None,
    proof_path: Annotated[
        str | None, typer.Option("--proof", metavar="FILE", help="Also compare with this proof (NAME.rv.proof.json).")
    ] = None,
    content_only: Annotated[
        bool,
        typer.Option("--content", help="Decode and check every record, but do not make the source's blocks again."),
    ] = False,
    reference: Reference = None,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Decode archives in full and compare them with what they promise."""
    if len(archives) > 1 and (against is not None or proof_path is not None):
        raise UsageError("--against and --proof are for one archive at a time")
    if content_only and (against is not None or proof_path is not None):
        raise UsageError("--content checks no source: it goes with neither --against nor --proof")

    def job(path: str) -> dict[str, Any]:
        # Read first: a proof that is missing or no proof at all should not cost a full decode.
        told = None if proof_path is None else proof.read(proof_path)
        with progress("verifying", path, quiet=quiet) as update:
            report = archive.verify(
                path,
                against=against,
                reference=reference,
                threads=threads,
                content_only=content_only,
                progress=update,
            )
        if told is not None:
            proof.check(told, report)
        if not quiet:
            also = "" if against is None else f", identical to {against}"
            also += "" if proof_path is None else f", as {proof_path} says"
            what = "standard input" if path == "-" else path
            length = size(report.source.fingerprint.length)
            good = "content good, blocks not made" if content_only else "good"
            say(f"{what}: {good}, {length} in {count(report.counts.records, 'record')}{also}")
        return {**as_dict(report), "proof": proof_path}

    return inputs.each(archives, job, as_json=as_json, quiet=quiet)

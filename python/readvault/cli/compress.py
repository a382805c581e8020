"""`readvault compress`: sources into archives, each proved before it is published."""

from pathlib import Path
from typing import Annotated, Any

import typer

from readvault import archive, places, proof
from readvault.cli import inputs
from readvault.cli.exits import UsageError
from readvault.cli.options import Force, Json, Level, Quiet, Threads
from readvault.cli.progress import progress
from readvault.cli.terminal import ratio, refuse_terminal, say, warn
from readvault.errors import DamagedError
from readvault.report import CompressReport, as_dict, size


def compress(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE", help="Files to compress; - is standard input.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="PATH", help="Archive, or folder for archives; - is standard output."),
    ] = None,
    threads: Threads = 0,
    force: Force = False,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name to record for standard input.")
    ] = None,
    make_proof: Annotated[
        bool, typer.Option("--proof", help="Also write NAME.rv.proof.json: what was compressed and how it was checked.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--rm", help="Remove the source and its index after the published archive is verified.")
    ] = False,
    level: Annotated[
        Level,
        typer.Option(
            "--level", "-l", help="How much work to do: fast takes the least time, max gives the smallest archive."
        ),
    ] = Level.DEFAULT,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            "-T",
            metavar="FASTA",
            help="Lean on these reference sequences: smaller, but they are needed to decompress.",
        ),
    ] = None,
    reference_folders: Annotated[
        bool,
        typer.Option("--reference-folders", help="Lean on the sequences in the folders of REF_CACHE and REF_PATH."),
    ] = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Write nothing; predict the archive's size from samples.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Compress files into NAME.rv, proving every byte before an archive is published."""
    _refuse_nonsense(sources, output, name=name, make_proof=make_proof, remove=remove, as_json=as_json)
    if estimate:
        return inputs.each(
            sources, lambda source: _estimate(source, level, as_json, quiet), as_json=as_json, quiet=quiet
        )
    folder = inputs.folder_for(output, sources)
    written = inputs.Written()

    def job(source: str) -> dict[str, Any]:
        target = _target(source, output, folder, name)
        if target != "-":
            written.claim(target)
        proof_path = proof.default_path(target) if make_proof else None
        _refuse_existing(source, proof_path, force=force)
        with progress("compressing", source, quiet=quiet) as update:
            report = archive.compress(
                source,
                target,
                threads=threads,
                force=force,
                name=name,
                level=level.value,
                reference=reference,
                reference_folders=reference_folders,
                progress=update,
            )
        for warning in () if quiet else report.warnings:
            warn(f"{source}: {warning}")
        if remove:
            _verify_again(report, target, threads, reference, quiet=quiet)
        if proof_path is not None:
            proof.write(proof.make(report, verified_again=remove), proof_path)
        removed = _remove_source(source, report) if remove else []
        if not quiet:
            _tell(source, target, report, removed)
        return {**as_dict(report), "proof": proof_path, "removed": removed}

    return inputs.each(sources, job, as_json=as_json, quiet=quiet)


def _refuse_nonsense(
    sources: list[str], output: str | None, *, name: str | None, make_proof: bool, remove: bool, as_json: bool
) -> None:
    from_stdin = "-" in sources
    to_stdout = output == "-" or (output is None and from_stdin and name is None)
    if to_stdout and len(sources) > 1:
        raise UsageError("only one archive can go to standard output")
    if to_stdout and as_json:
        raise UsageError("--json and the archive cannot both go to standard output: use -o FILE")
    if to_stdout and make_proof:
        raise UsageError("--proof needs an archive with a name: use -o FILE")
    if remove and (from_stdin or to_stdout):
        raise UsageError("--rm cannot be used with standard input or output")
    for source in sources if remove else ():
        if places.is_url(source):
            raise UsageError(f"--rm: {source} is no file of this machine; only those are removed")
        if Path(source).is_symlink():
            raise UsageError(f"--rm: {source} is a symbolic link, and removing it would free nothing")
    if name is not None and not from_stdin:
        raise UsageError("--name is for standard input: files keep their own names")


def _target(source: str, output: str | None, folder: str | None, name: str | None) -> str:
    if source == "-" and folder is None and output is None:
        output = "-" if name is None else Path(name).name + ".rv"
    if folder is not None:
        given = (name or "stdin") if source == "-" else source
        return places.join(folder, places.name_of(given) + ".rv")
    target = archive.default_archive(source) if output is None else output
    if target == "-":
        refuse_terminal("-o FILE")
    return target


def _refuse_existing(source: str, proof_path: str | None, *, force: bool) -> None:
    readable = source == "-" or places.is_url(source) or Path(source).exists()
    if proof_path is not None and not force and places.exists(proof_path) and readable:
        raise FileExistsError(f"{proof_path} exists already: use -f to replace it")


def _estimate(source: str, level: Level, as_json: bool, quiet: bool) -> dict[str, Any]:
    with progress("sampling", source, quiet=quiet) as update:
        report = archive.estimate(source, level=level.value, progress=update)
    if not quiet and not as_json:
        say(
            f"{source}: {size(report.source_length)} -> about {size(report.archive_length)} ({ratio(report.ratio)}), "
            f"estimated from {size(report.sampled)}"
        )
    return as_dict(report)


def _verify_again(report: CompressReport, target: str, threads: int, reference: str | None, *, quiet: bool) -> None:
    with progress("verifying", target, quiet=quiet) as update:
        found = archive.verify(target, reference=reference, threads=threads, progress=update)
    if found.source.fingerprint != report.source.fingerprint or found.archive.digest != report.archive.digest:
        raise DamagedError(f"{target} does not read back as it was written; the source was kept")


def _remove_source(source: str, report: CompressReport) -> list[str]:
    """Remove the source and what was attached, each only while it is still the file that went into the archive."""
    path = Path(source)
    status = path.lstat()
    if status.st_size != report.source.fingerprint.length or status.st_mtime_ns != report.source.mtime_ns:
        raise DamagedError(f"{source} has changed since it was compressed, so it was kept")
    path.unlink()
    removed = [source]
    for attachment in report.attachments:
        index = path.with_name(attachment.name)
        if not index.is_symlink() and index.is_file() and index.stat().st_size == attachment.length:
            index.unlink()
            removed.append(str(index))
    return removed


def _tell(source: str, target: str, report: CompressReport, removed: list[str]) -> None:
    before, after = size(report.source.fingerprint.length), size(report.archive.length)
    where = "standard output" if target == "-" else target
    gone = f", removed {', '.join(removed)}" if removed else ""
    what = "standard input" if source == "-" else source
    say(f"{what}: {before} -> {after} ({ratio(report.ratio)}), proved, {where}{gone}")

"""The benchmarks: `./run bench [ratios|speed|sizes|chunks|restore|threads|access|remote|vault|fleet] [FILES...]`.

    ratios    (the default) size and speed against CRAM and BAM; CSV and a Markdown table
    speed     every level against CRAM: compressing with proof, deflating, decoding, each by itself; CSV,
              a Markdown table and a picture (SVG) of size against speed
    sizes     every level, and every field, against CRAM 3.1; with --reference FASTA (or md: made
              from the MD tags), given to both sides
    chunks    what chunks of 2,500 records cost against one chunk
    restore   exact restore against bare re-deflation
    threads   one thread against two, files against pipes, peak memory
    access    regions, counts, statistics and scans in place, against samtools and pysam; CSV and a table
    remote    an object store behind a slow network: whole objects, regions, faults, against boto3, s3fs and htslib
              (and awscrt, where they are installed); of a BAM file, and of its archive, which may be given too
    vault     queue, catalog and announcements for each file, besides the codec; long queues; runners that are killed
    fleet     many small files at once through the stack on AWS, emulated; what each takes there; cold starts

Without FILES, generated ones are measured; `--corpus DIR` adds the BAM files of a folder.
"""

import argparse
import os
from pathlib import Path

import access
import chunks
import fleet
import plot
import pysam
import ratios
import readvault
import remote
import sizes
import speed
import vault
from restore import restore
from sources import generated, of_corpus
from threads import threads

HERE = Path(__file__).resolve().parent
WHAT = {"ratios", "speed", "sizes", "chunks", "restore", "threads", "access", "remote", "vault", "fleet"}


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="./run bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", default="ratios", help="one of the above, or the first of FILES")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="BAM files to measure")
    parser.add_argument("--out", type=Path, help="CSV or table to write [bench/results/WHAT.csv or .md]")
    parser.add_argument("--corpus", type=Path, help="also measure the BAM files of this folder")
    parser.add_argument("--size", default="20M", help="size of generated files [20M]")
    parser.add_argument("--reference", metavar="FASTA|md", help="for sizes: given to both sides; md: as MD tags say")
    parser.add_argument("--threads", type=int, default=1, help="threads of every tool, for ratios and access [1]")
    parser.add_argument(
        "--faulty", type=int, default=10**10, metavar="BYTES", help="for remote: bytes read while requests fail [10^10]"
    )
    parser.add_argument("--small", type=int, default=10_000, metavar="N", help="for vault: small files [10000]")
    parser.add_argument("--large", type=int, default=200, metavar="N", help="for vault: files of 20 MB [200]")
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="for vault: runners killed [200]")
    parser.add_argument("--together", type=int, default=500, metavar="N", help="for fleet: files at once [500]")
    arguments = parser.parse_args()
    # As `./run bench sample.bam` is meant.
    if arguments.what not in WHAT:
        arguments.files.insert(0, Path(arguments.what))
        arguments.what = "ratios"
    files = list(arguments.files)
    if arguments.corpus is not None:
        files += of_corpus(arguments.corpus)
    if not arguments.files and arguments.what not in {"chunks", "vault", "fleet"}:
        made = [generated(profile, arguments.size, HERE / "work") for profile in ("novaseq", "hiseq")]
        files = made + files
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        parser.error(f"no such file: {', '.join(missing)}")
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    suffix = "md" if arguments.what in {"restore", "threads"} else "csv"
    out = arguments.out or results / f"{arguments.what}.{suffix}"
    if arguments.what == "ratios":
        table = ratios.summary(ratios.measure(files, out, arguments.threads))
        out.with_suffix(".md").write_text(table)
    elif arguments.what == "access":
        table = access.summary(access.measure(files, out, max(arguments.threads, 1)))
        out.with_suffix(".md").write_text(table)
    elif arguments.what == "remote":
        bam, archive = _indexed(files[0]), _archive(files)
        rows = remote.measure(bam, archive, out, faulty_bytes=arguments.faulty)
        table = remote.summary(rows)
        out.with_suffix(".md").write_text(table)
    elif arguments.what == "vault":
        rows = vault.measure_all(
            HERE / "work" / "vault", out, small=arguments.small, large=arguments.large, kills=arguments.kills
        )
        table = vault.summary(rows)
        out.with_suffix(".md").write_text(table)
    elif arguments.what == "fleet":
        table = fleet.summary(fleet.measure_all(out, files=arguments.together))
        out.with_suffix(".md").write_text(table)
    elif arguments.what == "speed":
        rows = speed.measure(files, out)
        table = speed.summary(rows)
        out.with_suffix(".md").write_text(table)
        out.with_suffix(".svg").write_text(plot.svg(rows))
    elif arguments.what == "chunks":
        (HERE / "work").mkdir(exist_ok=True)
        table = chunks.measure(arguments.files or chunks.generated(HERE / "work"), out)
        out.with_suffix(".md").write_text(table)
    elif arguments.what == "sizes":
        table = sizes.summary(sizes.measure(files, out, reference=arguments.reference))
        out.with_suffix(".md").write_text(table)
    else:
        work = HERE / "work"
        work.mkdir(exist_ok=True)
        if arguments.what == "restore":
            table = restore(files, work)
        else:
            table = threads(files, work, sorted({1, min(2, os.cpu_count() or 1)}))
        out.write_text(table)
    print(table, end="")


def _indexed(bam: Path) -> Path:
    """The BAM file, with an index beside it."""
    if not Path(f"{bam}.bai").exists():
        pysam.index("-@", "2", str(bam))
    return bam


def _archive(files: list[Path]) -> Path:
    """The archive that was given after the BAM file, or one that is made."""
    if len(files) > 1 and files[1].suffix == ".rv":
        return files[1]
    archive = HERE / "work" / f"{files[0].name}.rv"
    readvault.compress(files[0], archive, force=True)
    return archive


if __name__ == "__main__":
    main()

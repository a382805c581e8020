"""Size of whole archives at every level, and of every field, against CRAM 3.1 made in the same run.

CRAM gets no reference either and the better of its two ways to do without (`embed_ref=2`, `no_ref=1`). Recipe bytes
(what serves only to give the BGZF bytes back, which CRAM does not do) are shown apart.
"""

import csv
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pysam
from measure import function
from ratios import geometric_mean
from references import told_by_reads
from tools import RIVAL_VERSION, WAYS, readvault

LEVELS = ("fast", "default", "max")
PROFILES = {"normal": "version=3.1", "archive": "version=3.1,archive=1"}
SIZE_COLUMNS = [
    "file",
    "class",
    "bam_bytes",
    *(f"{level}_bytes" for level in LEVELS),
    *(f"{level}_recipe_bytes" for level in LEVELS),
    *(f"cram_{profile}_bytes" for profile in PROFILES),
    "default_by_archive",
    "default_without_recipe_by_archive",
    "max_by_archive",
    "fast_by_normal",
    "bam_by_default",
]
FIELD_COLUMNS = ["file", "field", "readvault_bytes", "cram_archive_bytes"]
LONG_READS = ("ont", "pacbio_hifi", "pacbio_clr")
# CRAM's data series by what they hold (CRAM specification, section 8.4); tags have their own names.
SERIES = {
    "RN": "names",
    "QS": "qualities",
    **dict.fromkeys(("BB", "BA", "BS", "IN", "SC", "QQ"), "bases"),
    **dict.fromkeys(("BF", "CF"), "flags"),
    **dict.fromkeys(("AP", "RI"), "positions"),
    **dict.fromkeys(("MF", "NS", "NP", "TS", "NF"), "mates"),
    "MQ": "mapping qualities",
    **dict.fromkeys(("RL", "FN", "FC", "FP", "DL", "HC", "PD", "RS"), "lengths and CIGARs"),
    "TL": "tag lines",
    "RG": "tag RG",
}
OURS = {
    "names": "names",
    "qualities": "qualities",
    "bases": "bases",
    "flags": "flags",
    **dict.fromkeys(("positions", "references"), "positions"),
    **dict.fromkeys(("links", "mate references", "mate positions", "template lengths"), "mates"),
    "mapping qualities": "mapping qualities",
    **dict.fromkeys(("lengths", "cigar operations", "cigar lengths", "cigar counts"), "lengths and CIGARs"),
    **dict.fromkeys(("tag lines", "tag dictionary"), "tag lines"),
}
SERIES_LINE = re.compile(r"^BLOCK\s+(\S+)\s+\d+\s+(\d+)\s.*?(\S+)?$")


@dataclass
class Measured:
    """What one file came to."""

    path: Path
    ours: dict[str, int] = field(default_factory=dict)
    recipe: dict[str, int] = field(default_factory=dict)
    cram: dict[str, int] = field(default_factory=dict)
    fields: dict[str, list[int]] = field(default_factory=dict)
    note: str = ""

    @property
    def kind(self) -> str:
        """The class of the corpus: its folder."""
        return self.path.parent.name

    def by(self, level: str, profile: str, *, recipe: bool = True) -> float | None:
        """Our size by CRAM's; None where CRAM refused."""
        if profile not in self.cram or level not in self.ours:
            return None
        return (self.ours[level] - (0 if recipe else self.recipe[level])) / self.cram[profile]

    def row(self) -> list[str]:
        """The row of the CSV, in the order of SIZE_COLUMNS."""
        size = self.path.stat().st_size
        shares = [
            self.by("default", "archive"),
            self.by("default", "archive", recipe=False),
            self.by("max", "archive"),
            self.by("fast", "normal"),
            size / self.ours["default"] if "default" in self.ours else None,
        ]
        return [
            self.path.name,
            self.kind,
            str(size),
            *(str(self.ours.get(level, "")) for level in LEVELS),
            *(str(self.recipe.get(level, "")) for level in LEVELS),
            *(str(self.cram.get(profile, "")) for profile in PROFILES),
            *("" if share is None else f"{share:.4f}" for share in shares),
        ]


def measure(files: Sequence[Path], out: Path, *, reference: str | None = None) -> list[Measured]:
    """Measures the files; rows are written as they are known, to `out` and, by field, beside it.

    `reference` is a FASTA file for both sides, or `md`: what the MD tags of each file say.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    by_field = out.with_name(out.stem + "-fields.csv")
    done = []
    with out.open("w", newline="") as sizes, by_field.open("w", newline="") as fields:
        writers = csv.writer(sizes), csv.writer(fields)
        writers[0].writerow(SIZE_COLUMNS)
        writers[1].writerow(FIELD_COLUMNS)
        for path in files:
            one = _measure(path, reference)
            done.append(one)
            writers[0].writerow(one.row())
            for name, (ours, cram) in sorted(one.fields.items(), key=lambda item: -sum(item[1])):
                writers[1].writerow([path.name, name, ours, cram])
            sizes.flush()
            fields.flush()
            print(" ".join(one.row()), one.note, file=sys.stderr, flush=True)
    return done


def _measure(path: Path, given: str | None) -> Measured:
    one = Measured(path)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        reference = Path(given) if given else None
        if given == "md":
            reference = Path(folder) / "reference.fa"
            told_by_reads(path, reference)
        for profile, options in PROFILES.items():
            _cram(one, profile, options, Path(folder), reference)
        for level in LEVELS:
            _ours(one, level, Path(folder) / "source.rv", reference)
    return one


def _ours(one: Measured, level: str, archive: Path, reference: Path | None) -> None:
    given = ["--reference", str(reference)] if reference else []
    packed = subprocess.run(
        [*readvault(), "compress", "--quiet", "--force", "--level", level, *given, "-o", archive, one.path],
        check=False,
        capture_output=True,
        text=True,
    )
    if packed.returncode != 0:
        one.note = f"readvault refused: {packed.stderr.strip()}"
        return
    told = subprocess.run([*readvault(), "info", "--json", archive], check=True, capture_output=True, text=True)
    info = json.loads(told.stdout)
    one.ours[level] = archive.stat().st_size
    one.recipe[level] = info["exactness"]["overhead_bytes"]
    if level != "default":
        return
    for stream in info["streams"]:
        name = stream["name"]
        if stream["bundle"] == "layout":
            name = "recipes"
        elif name.startswith("tag "):
            name = OURS.get(name, name.split(":", maxsplit=1)[0])
        else:
            name = OURS.get(name, "other")
        one.fields.setdefault(name, [0, 0])[0] += stream["stored"]
    one.fields.setdefault("header and framing", [0, 0])[0] += info["framing_bytes"]


def _cram(one: Measured, profile: str, options: str, folder: Path, reference: Path | None) -> None:
    ways = {"": f"reference={reference}"} if reference else WAYS
    best = None
    for number, option in enumerate(ways.values()):
        target = folder / f"{profile}{number}.cram"
        words = ["--no-PG", "-O", f"cram,{options},{option}", "-o", str(target), str(one.path)]
        cost = function(lambda words=words: pysam.view(*words, catch_stdout=False))
        if cost.status == 0 and (best is None or target.stat().st_size < best.stat().st_size):
            best = target
        elif cost.status != 0:
            one.note = f"CRAM refused: {cost.refused}"
    if best is None:
        return
    one.cram[profile] = best.stat().st_size
    if profile != "archive":
        return
    rest = best.stat().st_size
    for name, size in _series(pysam.cram_size(str(best))).items():
        one.fields.setdefault(name, [0, 0])[1] += size
        rest -= size
    one.fields.setdefault("header and framing", [0, 0])[1] += rest


def _series(listing: str) -> Counter[str]:
    """Bytes by field from the listing of `samtools cram-size`."""
    found: Counter[str] = Counter()
    for line in listing.splitlines():
        match = SERIES_LINE.match(line)
        if not match:
            continue
        series = match[3] or ""
        if match[1].isdigit() and int(match[1]) >= 1 << 16:
            found[f"tag {series[:2]}"] += int(match[2])
        else:
            found[SERIES.get(series, "other")] += int(match[2])
    return found


def summary(done: Sequence[Measured]) -> str:
    """A Markdown table: per file, and the means that the aims are stated in."""
    lines = [
        "| File | Class | BAM bytes | fast / normal | default / archive | without recipe | max / archive "
        "| BAM / default |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in done:
        values = [
            one.by("fast", "normal"),
            one.by("default", "archive"),
            one.by("default", "archive", recipe=False),
            one.by("max", "archive"),
            one.path.stat().st_size / one.ours["default"] if "default" in one.ours else None,
        ]
        cells = ["-" if value is None else f"{value:.3f}" for value in values]
        lines.append(f"| {one.path.name} | {one.kind} | {one.path.stat().st_size:,} | {' | '.join(cells)} |")
    for label, chosen in (
        ("short reads", [one for one in done if one.kind not in LONG_READS]),
        ("long reads", [one for one in done if one.kind in LONG_READS]),
    ):
        if not chosen:
            continue
        pairs = [("fast", "normal", True), ("default", "archive", True), ("default", "archive", False)]
        means = []
        for level, profile, recipe in [*pairs, ("max", "archive", True)]:
            shares = [one.by(level, profile, recipe=recipe) for one in chosen]
            means.append(geometric_mean([share for share in shares if share is not None]))
        cells = [f"**{mean:.3f}**" for mean in means]
        lines.append(f"| **geometric mean, {label}** | {len(chosen)} files | | {' | '.join(cells)} | |")
    lines += ["", f"Size by CRAM 3.1's (less is better); {RIVAL_VERSION}, the better of {' and '.join(WAYS)}."]
    return "\n".join(lines) + "\n"

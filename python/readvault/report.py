"""What the verbs report, as frozen dataclasses. Names and meanings are those of the archive's JSON reports.

`as_dict` gives back exactly what was parsed, so that `--json` output and these classes cannot drift apart.
"""

import json
from dataclasses import asdict, dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Report = TypeVar("Report")
# Streams that a summary of an archive names: they take most of it.
_LARGEST = 5


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Length and digests that identify a file's bytes."""

    length: int
    sha256: str
    md5: str


@dataclass(frozen=True, slots=True)
class SourceReport:
    """The file that was compressed; `name` is empty when it came from a pipe."""

    name: str
    kind: str
    fingerprint: Fingerprint
    mtime_ns: int | None


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """The archive as a file; `sha256` is None where the verb has not read all of it."""

    path: str | None
    length: int
    sha256: str | None
    digest: str
    uuid: str
    format_version: int
    level: str | None
    writer: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of what the archive holds."""

    records: int
    record_escapes: int
    groups: int
    chunks: int
    blocks: int
    references: int


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """One DEFLATE encoder and the number of blocks that it re-creates."""

    name: str
    blocks: int


@dataclass(frozen=True, slots=True)
class Exactness:
    """What it costs to give back the BGZF bytes and not only their content."""

    overhead_bytes: int
    block_size_bytes: int
    encoders: tuple[EncoderReport, ...]
    kept_source_bytes: int


@dataclass(frozen=True, slots=True)
class AttachmentReport:
    """A file that travels with the archive, such as an index."""

    name: str
    kind: str
    length: int
    stale: str | None


@dataclass(frozen=True, slots=True)
class ReferenceReport:
    """A reference sequence that the archive cannot be decoded without; `md5` is what `@SQ` lines have as `M5`."""

    name: str
    length: int
    md5: str


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU seconds of all threads.

    `source`: reading and inflating it; `deflate`: proving how its blocks were deflated; `content`: coding what is in
    them, and decoding it again.
    """

    source: float
    deflate: float
    content: float


@dataclass(frozen=True, slots=True)
class CompressReport:
    """What `compress` did."""

    source: SourceReport
    archive: ArchiveReport
    ratio: float
    counts: Counts
    exactness: Exactness
    attachments: tuple[AttachmentReport, ...]
    leans_on: tuple[ReferenceReport, ...]
    warnings: tuple[str, ...]
    cpu_seconds: CpuSeconds


@dataclass(frozen=True, slots=True)
class DecompressReport:
    """What `decompress` did."""

    path: str | None
    fingerprint: Fingerprint
    attachments: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `verify` found: everything listed here was decoded and compared.

    `checked` is "content" where blocks were not made again, else "source".
    """

    archive: ArchiveReport
    source: SourceReport
    counts: Counts
    checked: str
    against: str | None


@dataclass(frozen=True, slots=True)
class State:
    """What a place says of the file or object there; None where it does not say it."""

    length: int
    modified_ns: int | None
    etag: str | None
    version: str | None
    storage_class: str | None
    device: int | None
    inode: int | None

    @property
    def name(self) -> str:
        """The state as one word, the same for the same state."""
        return state_name(self.length, self.modified_ns, self.etag)

    @property
    def text(self) -> str:
        """All of it as JSON, as `look` gave it."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class DigestReport:
    """Length and digests of a file or object, and the state that all of it was read in."""

    length: int
    sha256: str
    md5: str
    state: State


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One stream over all chunks; bits are stored ones, for each base only where the stream holds one value a base."""

    bundle: str
    name: str
    codecs: tuple[str, ...]
    stored: int
    decoded: int
    bits_per_record: float | None
    bits_per_base: float | None


@dataclass(frozen=True, slots=True)
class BundleReport:
    """The streams of a bundle together."""

    name: str
    stored: int
    decoded: int
    bits_per_record: float | None
    bits_per_base: float | None


@dataclass(frozen=True, slots=True)
class IndexReport:
    """An index in a sidecar; `view` says whose virtual offsets it holds, `length` is in bytes."""

    view: str
    kind: str
    length: int


@dataclass(frozen=True, slots=True)
class SidecarReport:
    """A sidecar as a file."""

    path: str
    length: int
    indexes: tuple[IndexReport, ...]


@dataclass(frozen=True, slots=True)
class IndexingReport:
    """What `index` did."""

    archive: ArchiveReport
    source: SourceReport
    counts: Counts
    sidecar: SidecarReport


@dataclass(frozen=True, slots=True)
class Info:
    """What an archive says of itself; bundles and streams are ordered by stored size, largest first.

    `sidecar` is where all of it was read from, if that was not the archive itself.
    """

    archive: ArchiveReport
    source: SourceReport
    ratio: float
    counts: Counts
    exactness: Exactness
    attachments: tuple[AttachmentReport, ...]
    leans_on: tuple[ReferenceReport, ...]
    bases: int
    bundles: tuple[BundleReport, ...]
    streams: tuple[StreamReport, ...]
    framing_bytes: int
    sidecar: SidecarReport | None

    def summary(self) -> list[tuple[str, str]]:
        """The most telling of it, as labels and texts."""
        counts, kind = self.counts, "" if self.source.kind == "bam" else f" ({self.source.kind})"
        rows = [
            ("source", (self.source.name or "from a pipe") + kind),
            ("source size", size(self.source.fingerprint.length)),
            ("archive size", size(self.archive.length)),
            ("ratio", f"{self.ratio:.2f}"),
            ("records", f"{counts.records:,}"),
            ("references", f"{counts.references:,}"),
            ("level", self.archive.level or "not recorded"),
        ]
        for stream in self.streams[:_LARGEST]:
            share = 100 * stream.stored / max(self.archive.length, 1)
            rows.append((f"stream {stream.name}", f"{size(stream.stored)}, {share:.1f} %"))
        return rows

    def __str__(self) -> str:
        rows = [(label, "".join(one if one.isprintable() else "?" for one in text)) for label, text in self.summary()]
        width = max(len(label) for label, _ in rows)
        return "\n".join(f"{label:{width}}  {text}" for label, text in rows)

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>" for label, text in self.summary())
        return f"<table>{rows}</table>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows on a terminal."""
        printer.text(str(self))


@dataclass(frozen=True, slots=True)
class Estimate:
    """What compressing would give, from samples of the source."""

    source_length: int
    sampled: int
    archive_length: int
    ratio: float
    kind: str


def state_name(length: int, modified_ns: int | None, etag: str | None) -> str:
    """How a state is called. Version ids are not part of it: listings do not tell them."""
    return f"{length}:{modified_ns}" if etag is None else f"{length}:{etag.removeprefix('W/').strip(chr(34))}"


def parse(kind: type[Report], text: str) -> Report:
    """The report of class `kind` in core's JSON `text`."""
    built: Report = _build(kind, json.loads(text))
    return built


def size(length: int) -> str:
    """`length` in bytes for people: decimal units, one digit after the point."""
    amount = float(length)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 999.95 or unit == "TB":
            return f"{length} B" if unit == "B" else f"{amount:,.1f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def as_dict(report: Any) -> dict[str, Any]:
    """The report as plain values, ready for `json.dumps`."""
    return asdict(report)


def _build(kind: Any, value: Any) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{field.name: _build(hints[field.name], value[field.name]) for field in fields(kind)})
    if get_origin(kind) is tuple:
        return tuple(_build(get_args(kind)[0], item) for item in value)
    if isinstance(kind, UnionType):
        return None if value is None else _build(get_args(kind)[0], value)
    return value

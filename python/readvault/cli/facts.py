"""What an archive says of itself, in words and numbers for people: for the terminal and for the page alike."""

from readvault.cli.terminal import count, ratio
from readvault.report import Info, size

# What the streams of each bundle hold, in the order of pictures.
HOLDS = {
    "qualities": "base qualities",
    "bases": "read bases",
    "names": "read names",
    "tags": "optional fields",
    "core": "flags, positions, CIGARs",
    "mates": "where mates are",
    "layout": "how the BGZF blocks were made",
    "verbatim": "bytes kept as they are",
}
# What an archive has besides its streams.
FRAMING = "framing"
# References that an archive leans on and that are named: some sources have thousands.
_SHOWN = 5


def facts(path: str, info: Info) -> list[tuple[str, str]]:
    """Names and values, the most wanted first; `path` is the archive's or its sidecar's as the user gave it."""
    source, counts, cost = info.source, info.counts, info.exactness
    told = [
        _place(path, info),
        ("source", f"{source.name or '(no name)'}, {source.kind}, {size(source.fingerprint.length)}"),
        ("ratio", ratio(info.ratio)),
        ("source sha256", source.fingerprint.sha256),
        ("source md5", source.fingerprint.md5),
        ("records", f"{counts.records:,} ({counts.record_escapes:,} kept as they are)"),
        ("bases", f"{info.bases:,}"),
        ("references", f"{counts.references:,}"),
        (
            "layout",
            f"{count(counts.groups, 'group')}, {count(counts.chunks, 'chunk')}, {count(counts.blocks, 'BGZF block')}",
        ),
        ("exactness", _exactness(info)),
    ]
    if info.leans_on:
        told.append(("leans on", _leaning(info)))
    told += [("encoder", f"{encoder.name}: {count(encoder.blocks, 'block')}") for encoder in cost.encoders]
    if info.sidecar is not None:
        told += [("index", f"of the {one.view} view, {one.kind}, {size(one.length)}") for one in info.sidecar.indexes]
    told += [("attachment", f"{file.name}, {file.kind}, {size(file.length)}") for file in info.attachments]
    told += [("warning", f"{file.name}: {file.stale}") for file in info.attachments if file.stale]
    told += [
        ("written by", _writer(info)),
        ("uuid", info.archive.uuid),
        ("digest", info.archive.digest),
    ]
    return told


def _leaning(info: Info) -> str:
    names = [reference.name for reference in info.leans_on]
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return f"{count(len(names), 'reference sequence')}: {shown} (--json has their MD5 digests)"


def _place(path: str, info: Info) -> tuple[str, str]:
    if info.sidecar is None:
        return "archive", f"{path}, {size(info.archive.length)}"
    return "sidecar", f"{path}, {size(info.sidecar.length)}, of an archive of {size(info.archive.length)}"


def beside_streams(info: Info) -> str:
    """What the bytes outside streams hold."""
    attached = "attachments, " if info.attachments else ""
    return f"{attached}header, directory, trailer"


def share(stored: int, info: Info) -> str:
    """The part of the archive that `stored` bytes are."""
    return f"{stored / (info.archive.length or 1):.1%}"


def bits(value: float | None) -> str:
    """Bits for each record or base; empty where there is no such number."""
    if value is None:
        return ""
    return "<0.01" if 0 < value < 0.005 else f"{value:,.2f}"


def _writer(info: Info) -> str:
    level = f", level {info.archive.level}" if info.archive.level else ""
    return f"{info.archive.writer}{level}, format version {info.archive.format_version}"


def _exactness(info: Info) -> str:
    cost, length = info.exactness, info.archive.length
    part = f" ({cost.overhead_bytes / length:.2%} of the archive)" if length else ""
    kept = f", {size(cost.kept_source_bytes)} of the source kept as it is" if cost.kept_source_bytes else ""
    return f"{size(cost.overhead_bytes)}{part}{kept}"

"""The proof of an archive: a small JSON file, `NAME.rv.proof.json`, that says what was compressed, into what, and how
that was checked. It lets a source be deleted, and an archive be audited years later, without asking the archive itself.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from readvault import __version__
from readvault.errors import DamagedError, InvalidError, UnsupportedError
from readvault.files import write_whole
from readvault.report import CompressReport, VerifyReport, as_dict

# Raised when a field changes its meaning; readers refuse what they do not know.
PROOF_VERSION = 1
# No proof is larger than this many bytes; whatever is, is another file, and is not read into memory.
_LARGEST = 1 << 20

_HOW = "before publication, every byte of the source was rebuilt from the written archive and compared with the source"


def default_path(archive: str) -> str:
    """Where the proof of `archive` stands."""
    return archive + ".proof.json"


def make(report: CompressReport, *, verified_again: bool) -> dict[str, Any]:
    """The proof of what `compress` reported. `verified_again`: the published archive was decoded once more."""
    source, archive = report.source, report.archive
    again = "; after publication the archive was read back, decoded in full and compared with the fingerprint again"
    return {
        "proof_version": PROOF_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "source": {
            "name": source.name,
            "kind": source.kind,
            "length": source.fingerprint.length,
            "sha256": source.fingerprint.sha256,
            "md5": source.fingerprint.md5,
            "mtime_ns": source.mtime_ns,
        },
        "archive": {
            "name": Path(archive.path).name if archive.path else None,
            "length": archive.length,
            "sha256": archive.sha256,
            "digest": archive.digest,
            "uuid": archive.uuid,
        },
        "counts": as_dict(report.counts),
        "attachments": [as_dict(attachment) for attachment in report.attachments],
        "versions": {"readvault": __version__, "writer": archive.writer, "format": archive.format_version},
        "verified": {"result": "identical", "how": _HOW + (again if verified_again else "")},
    }


def write(proof: dict[str, Any], path: str) -> None:
    """Write `proof` to `path`, whole or not at all."""
    write_whole(json.dumps(proof, indent=2) + "\n", path)


def read(path: str) -> dict[str, Any]:
    """The proof at `path`."""
    with open(path, "rb") as file:
        text = file.read(_LARGEST + 1)
    try:
        proof = json.loads(text) if len(text) <= _LARGEST else None
    except (ValueError, RecursionError):
        proof = None
    if not isinstance(proof, dict) or not isinstance(proof.get("proof_version"), int):
        raise InvalidError(f"{path} is not a proof: it is not the JSON file that `compress --proof` writes")
    if proof["proof_version"] != PROOF_VERSION:
        raise UnsupportedError(f"{path} has proof version {proof['proof_version']}; this version reads {PROOF_VERSION}")
    if not isinstance(proof.get("source"), dict) or not isinstance(proof.get("archive"), dict):
        raise DamagedError(f"{path}: the proof lacks its source or its archive")
    return proof


def check(proof: dict[str, Any], found: VerifyReport) -> None:
    """Raise `DamagedError` unless `proof` tells of the very archive and source that `verify` found."""
    source, archive = found.source.fingerprint, found.archive
    told_and_found = [
        ("length of the source", proof["source"].get("length"), source.length),
        ("SHA-256 of the source", proof["source"].get("sha256"), source.sha256),
        ("MD5 of the source", proof["source"].get("md5"), source.md5),
        ("length of the archive", proof["archive"].get("length"), archive.length),
        ("SHA-256 of the archive", proof["archive"].get("sha256"), archive.sha256),
        ("digest of the archive", proof["archive"].get("digest"), archive.digest),
        ("UUID of the archive", proof["archive"].get("uuid"), archive.uuid),
    ]
    for what, told, seen in told_and_found:
        if told != seen:
            raise DamagedError(f"the proof does not belong to this archive: {what} is {told!r} there and {seen!r} here")

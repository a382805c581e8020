"""The report classes have exactly the fields of core's reports."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from readvault import _core, report

SOURCE = Path(__file__).resolve().parent.parent.parent / "crates" / "core" / "src" / "archive" / "report.rs"
STRUCTS = {
    name: re.findall(r"^    pub (\w+):", body, re.MULTILINE)
    for name, body in re.findall(r"^pub struct (\w+) \{(.*?)^\}", SOURCE.read_text(), re.MULTILINE | re.DOTALL)
}


def test_core_has_reports() -> None:
    assert len(STRUCTS) >= 12


@pytest.mark.parametrize("name", STRUCTS)
def test_a_report_has_the_fields_that_core_writes(name: str) -> None:
    kind = getattr(report, name)
    assert is_dataclass(kind)
    assert [field.name for field in fields(kind)] == STRUCTS[name]


def test_lists_and_missing_values_are_parsed() -> None:
    text = (
        '{"path": null, "fingerprint": {"length": 1, "sha256": "a", "md5": "b"}, "attachments": ["x"], "warnings": []}'
    )
    parsed = report.parse(report.DecompressReport, text)
    assert parsed == report.DecompressReport(None, report.Fingerprint(1, "a", "b"), ("x",), ())


def test_the_state_of_a_place_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    state = report.parse(report.State, _core.look(tmp_path / "x"))
    assert (state.length, state.etag, state.inode) == (3, None, (tmp_path / "x").stat().st_ino)
    assert report.parse(report.DigestReport, _core.digest(tmp_path / "x")).state == state

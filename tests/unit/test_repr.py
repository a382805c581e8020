"""The summary of an archive, as text and as HTML."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import readvault
from readvault.report import Info, as_dict, size


@pytest.fixture
def told(sample: Path) -> Info:
    readvault.compress(sample)
    return readvault.info(f"{sample}.rv")


def test_the_text_tells_what_is_in_the_archive(told: Info, sample: Path) -> None:
    lines = dict(line.split("  ", 1) for line in str(told).splitlines())
    texts = {label.strip(): text.strip() for label, text in lines.items()}
    assert texts["source"] == "sample.bam"
    assert texts["source size"] == size(sample.stat().st_size)
    assert texts["archive size"] == size(sample.with_name("sample.bam.rv").stat().st_size)
    assert (texts["records"], texts["references"], texts["level"]) == ("1,000", "1", "default")
    assert texts["ratio"] == f"{told.ratio:.2f}"
    assert any(label == f"stream {told.streams[0].name}" for label in texts)


def test_html_is_escaped(told: Info) -> None:
    named = replace(told, source=replace(told.source, name="<script>&\"'.bam"))
    html = named._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;&amp;&quot;&#x27;.bam" in html
    assert html.count("<tr>") == len(named.summary())


def test_control_characters_stay_off_the_terminal(told: Info) -> None:
    named = replace(told, source=replace(told.source, name="a\x1b[2J\nb"))
    assert "a?[2J?b" in str(named)


def test_an_empty_source_has_a_summary(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    readvault.compress(tmp_path / "empty")
    assert "source size   0 B" in str(readvault.info(tmp_path / "empty.rv"))


def test_json_has_the_fields_and_nothing_more(told: Info) -> None:
    assert list(json.loads(json.dumps(as_dict(told)))) == [
        "archive",
        "source",
        "ratio",
        "counts",
        "exactness",
        "attachments",
        "leans_on",
        "bases",
        "bundles",
        "streams",
        "framing_bytes",
        "sidecar",
    ]


@pytest.mark.parametrize(
    ("length", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (2 * 10**15, "2,000.0 TB")],
)
def test_sizes_are_for_people(length: int, text: str) -> None:
    assert size(length) == text

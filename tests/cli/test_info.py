"""`readvault info` tells what takes the space: on the terminal, as JSON, and as a page."""

import json
import os
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.bam import EOF_BLOCK, Record, bam, bgzf, header, records
from tests.conftest import ROOT

Rv = Callable[..., Any]
HOSTILE = "<script>alert(1)<!--\"'&amp;\x1b[2J\u202e.bam"


def told(rv: Rv, archive: object) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(rv("info", "--json", archive).stdout)
    return report


def compressed(rv: Rv, path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    done = rv("compress", path)
    assert done.returncode == 0, done.stderr
    return path.with_name(f"{path.name}.rv")


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data: str) -> None:
        self.text += data


def test_info_sums_up_the_bundles(rv: Rv, packed: Path) -> None:
    page = rv("info", packed)
    assert (page.returncode, page.stderr) == (0, b"")
    text = page.stdout.decode()
    assert all(word in text for word in ("qualities", "bases", "tags", "framing", "bits/record", "bits/base"))
    assert "codecs" not in text
    assert "tag AS:C" not in text


def test_streams_shows_every_field_and_tag(rv: Rv, packed: Path) -> None:
    page = rv("info", "--streams", packed)
    assert (page.returncode, page.stderr) == (0, b"")
    text = page.stdout.decode()
    report = told(rv, packed)
    assert all(stream["name"] in text for stream in report["streams"])
    assert {"qualities", "bases", "tag AS:C"} <= {stream["name"] for stream in report["streams"]}
    assert all(word in text for word in ("stored", "share", "bits/record", "bits/base", "decoded", "codecs"))


def test_bits_are_stored_bytes_over_records_and_bases(rv: Rv, packed: Path) -> None:
    report = told(rv, packed)
    assert (report["counts"]["records"], report["bases"]) == (1000, 100_000)
    for part in [*report["streams"], *report["bundles"]]:
        assert part["bits_per_record"] == pytest.approx(part["stored"] * 8 / 1000)
        if part.get("bundle", part["name"]) in ("bases", "qualities"):
            assert part["bits_per_base"] == pytest.approx(part["stored"] * 8 / 100_000)
        else:
            assert part["bits_per_base"] is None


def test_bundles_are_the_sums_of_their_streams(rv: Rv, packed: Path) -> None:
    report = told(rv, packed)
    for bundle in report["bundles"]:
        streams = [stream for stream in report["streams"] if stream["bundle"] == bundle["name"]]
        assert bundle["stored"] == sum(stream["stored"] for stream in streams)
        assert bundle["decoded"] == sum(stream["decoded"] for stream in streams)
    assert sum(bundle["stored"] for bundle in report["bundles"]) + report["framing_bytes"] == packed.stat().st_size
    sizes = [bundle["stored"] for bundle in report["bundles"]]
    assert sizes == sorted(sizes, reverse=True)


def test_bases_are_counted_where_qualities_are_missing(rv: Rv, tmp_path: Path) -> None:
    bare = [Record(record.name, record.sequence, b"\xff" * 100) for record in records(200)]
    content = bgzf(header()) + bgzf(b"".join(record.encode() for record in bare)) + EOF_BLOCK
    assert told(rv, compressed(rv, tmp_path / "bare.bam", content))["bases"] == 20_000


def test_archives_of_version_1_tell_bits_as_well(rv: Rv) -> None:
    report = told(rv, ROOT / "tests" / "golden" / "v1" / "pairs.bam.rv")
    assert report["archive"]["format_version"] == 1
    assert report["bases"] == sum(stream["decoded"] for stream in report["streams"] if stream["name"] == "bases") > 0
    assert all(stream["bits_per_record"] is not None for stream in report["streams"])


def test_an_archive_without_records_has_no_bits(rv: Rv, tmp_path: Path) -> None:
    archive = compressed(rv, tmp_path / "text.txt", b"no BAM file at all\n" * 100)
    report = told(rv, archive)
    assert report["bases"] == 0
    assert all(stream["bits_per_record"] is stream["bits_per_base"] is None for stream in report["streams"])
    for arguments in ([], ["--streams"], ["--html", "-"]):
        assert rv("info", *arguments, archive).returncode == 0


def test_the_page_shows_every_stream_and_needs_nothing_else(rv: Rv, packed: Path, tmp_path: Path) -> None:
    done = rv("info", "--html", "page.html", packed)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    source = (tmp_path / "page.html").read_text(encoding="utf-8")
    page, report = Page(source), told(rv, packed)
    assert all(stream["name"] in page.text for stream in report["streams"])
    assert report["source"]["fingerprint"]["sha256"] in page.text
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert not any(name in ("src", "action") or name.startswith("on") for name, _ in page.attributes)
    assert all((value or "").startswith("#") for name, value in page.attributes if name == "href")
    assert "url(" not in source
    assert "prefers-color-scheme: dark" in source


def test_one_page_holds_several_archives(rv: Rv, packed: Path, tmp_path: Path) -> None:
    other = compressed(rv, tmp_path / "other.bam", bam(50, seed=2))
    assert rv("info", "--html", "page.html", packed, other).returncode == 0
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.tags.count("article") == 2
    assert "2 archives" in page.text
    targets = {value for name, value in page.attributes if name == "id"}
    assert {value for name, value in page.attributes if name == "href"} == {f"#{target}" for target in targets}


def test_hostile_names_stay_text_on_the_page(rv: Rv, tmp_path: Path) -> None:
    archive = compressed(rv, tmp_path / HOSTILE, bam(10))
    assert rv("info", "--html", "page.html", archive, archive).returncode == 0
    source = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "\x1b" not in source
    assert "\u202e" not in source
    page = Page(source)
    assert "script" not in page.tags
    assert "<script>alert(1)<!--\"'&amp;\\x1b[2J\\u202e.bam" in page.text


def test_a_page_goes_to_standard_output(rv: Rv, packed: Path) -> None:
    done = rv("info", "--html", "-", packed)
    assert done.returncode == 0
    assert done.stdout.startswith(b"<!DOCTYPE html>")


def test_a_page_and_json_come_together(rv: Rv, packed: Path, tmp_path: Path) -> None:
    done = rv("info", "--html", "page.html", "--json", packed)
    assert json.loads(done.stdout)["input"] == str(packed)
    assert (tmp_path / "page.html").exists()


def test_an_existing_page_is_refused_without_force(rv: Rv, packed: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(b"precious")
    done = rv("info", "--html", page, packed)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"exists already" in done.stderr
    assert page.read_bytes() == b"precious"
    assert rv("info", "-f", "--html", page, packed).returncode == 0
    assert page.read_bytes().startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("link", [False, True])
def test_a_page_never_replaces_an_archive(rv: Rv, packed: Path, tmp_path: Path, link: bool) -> None:
    before, target = packed.read_bytes(), packed
    if link:
        target = tmp_path / "link.html"
        os.link(packed, target)
    assert rv("info", "-f", "--html", target, packed).returncode == 2
    assert packed.read_bytes() == target.read_bytes() == before


def test_the_page_holds_what_could_be_read(rv: Rv, packed: Path, tmp_path: Path) -> None:
    assert rv("info", "--html", "page.html", "absent.rv", packed).returncode == 3
    assert Page((tmp_path / "page.html").read_text(encoding="utf-8")).tags.count("article") == 1
    assert rv("info", "--html", "none.html", "absent.rv").returncode == 5
    assert {path.suffix for path in tmp_path.iterdir()} == {".bam", ".rv", ".json", ".html"}
    assert not (tmp_path / "none.html").exists()


def test_a_page_that_cannot_be_written_leaves_nothing(rv: Rv, packed: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    assert rv("info", "--html", "no/such/page.html", packed).returncode == 5
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("arguments", [["--force"], ["--html", "-", "--json"], ["--html"]])
def test_nonsense_is_a_usage_error(rv: Rv, packed: Path, arguments: list[str]) -> None:
    done = rv("info", packed, *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"readvault: error: ")

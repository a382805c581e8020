"""The report of a vault: its numbers, its page, and its table for MultiQC."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import typer
from readvault.catalog.model import Entry
from readvault.cli.exits import UsageError
from readvault.cli.multiqc import multiqc
from readvault.cli.vault_page import vault_page
from readvault.cli.vault_report import report as command
from readvault.pipeline.order import Options
from readvault.vault import home
from readvault.vault.figures import Amount, Bin, Slow, Tally, VaultReport
from readvault.vault.home import Vault
from readvault.vault.periods import Periods
from readvault.vault.ratios import Spread
from readvault.vault.report import collect

HOSTILE = "<script>alert('&')</script>\x1b[31m\u202e\""
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
VOID = {"meta", "br", "link", "img", "hr", "input"}


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with home.create(str(tmp_path / "vault"), key="{project}/{name}.rv") as made:
        yield made


def put(vault: Vault, number: int, size: int = 400, archive_size: int = 100, **more: Any) -> None:
    name = more.pop("name", f"s{number}.bam")
    entry = Entry(
        uuid=f"{number:08}-0000-4000-8000-000000000000",
        name=name,
        kind="bam",
        size=size,
        sha256="a" * 64,
        md5="b" * 32,
        source=f"/data/{name}",
        source_version="1",
        store=vault.store,
        key=f"{number}.rv",
        sidecar=None,
        version=None,
        archive_size=archive_size,
        archive_sha256="c" * 64,
        archive_digest="d" * 64,
        ratio=size / archive_size,
        level="default",
        records=1,
        references=(),
        reference=None,
        verified="digest",
        verified_full=None,
        created="2026-11-02T12:00:00Z",
        seconds=2.5,
        writer="readvault 0.1.0",
    )
    vault.catalog.put(replace(entry, **more))


def job(vault: Vault, number: int, state: str, *, seconds: float = 10.0, ended: float = 0.0, **more: Any) -> None:
    """A job that ended so many seconds after noon."""
    size, project = more.get("size", 1_000_000), more.get("project", "")
    end = NOON.timestamp() + ended if state in ("done", "failed") else None
    with vault.database.write() as connection:
        connection.execute(
            "INSERT INTO jobs (id, identity, state, priority, source, version, size, options, submitted, started, "
            "ended, error_kind, error) VALUES (?, ?, ?, 0, ?, '1', ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                str(number),
                state,
                more.get("source", f"/data/s{number}.bam"),
                size,
                json.dumps(Options(project=project).as_dict()),
                NOON.timestamp(),
                None if end is None else end - seconds,
                end,
                more.get("kind"),
                more.get("error"),
            ),
        )


def step(vault: Vault, number: int, name: str, seconds: float, outcome: str = "ok") -> None:
    with vault.database.write() as connection:
        connection.execute(
            "INSERT INTO steps VALUES (?, ?, 1, ?, ?, ?, 7, '')", (number, name, 1000.0, 1000.0 + seconds, outcome)
        )


# --- Numbers ---------------------------------------------------------------------------------------------------------


def test_an_empty_vault_gives_an_empty_report(vault: Vault) -> None:
    found = collect(vault)
    assert found.archives == Amount(0, 0, 0, 0, 0.0)
    assert (found.savings.periods, found.projects, found.throughput.rates, found.ratios.bins) == ((), (), (), ())
    assert found.vault == vault.settings.id
    json.dumps(found.as_dict())


def test_totals_are_sums_of_entries(vault: Vault) -> None:
    put(vault, 1, 400, 100, tier="cold", reclaimed="2026-11-03T00:00:00Z", verified="full")
    put(vault, 2, 200, 100, marks=("truncated",))
    put(vault, 3, 300, 100)
    found = collect(vault)
    assert found.archives == Amount(3, 900, 300, 600, 3.0)
    assert (found.reclaimed.files, found.reclaimed.source_bytes) == (1, 400)
    assert [(one.name, one.amount.source_bytes) for one in found.tiers] == [("hot", 500), ("cold", 400)]
    assert found.verified == (Tally("digest", 2), Tally("full", 1))
    assert found.marks == (Tally("truncated", 1),)


def test_projects_have_their_own_ratios_and_failures(vault: Vault) -> None:
    put(vault, 1, 400, 100, project="big")
    put(vault, 2, 600, 100, project="big")
    put(vault, 3, 200, 100, project="small")
    job(vault, 1, "failed", project="small", kind="ChangedError", error="it has changed")
    job(vault, 2, "failed", project="empty", kind="ChangedError", error="it has changed")
    found = collect(vault)
    assert [(one.name, one.amount.ratio, one.amount.saved_bytes, one.failures) for one in found.projects] == [
        ("big", 5.0, 800, 0),
        ("small", 2.0, 100, 1),
        ("empty", 0.0, 0, 1),
    ]


def test_savings_grow_by_the_day_and_days_without_archives_are_there(vault: Vault) -> None:
    put(vault, 1, 400, 100, created="2026-11-01T23:59:59Z")
    put(vault, 2, 300, 100, created="2026-11-03T00:00:00Z")
    put(vault, 3, 300, 100, created="2026-11-03T10:00:00Z")
    savings = collect(vault).savings
    assert savings.every == "day"
    assert [(one.start[:10], one.amount.files, one.saved_so_far) for one in savings.periods] == [
        ("2026-11-01", 1, 300),
        ("2026-11-02", 0, 300),
        ("2026-11-03", 2, 700),
    ]


@pytest.mark.parametrize(
    ("days", "every"), [(0, "day"), (119, "day"), (121, "week"), (800, "week"), (1000, "month"), (9000, "year")]
)
def test_a_long_time_is_cut_into_longer_periods(days: int, every: str) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    last = first + timedelta(days=days)
    periods = Periods(first.timestamp(), last.timestamp(), finest="day")
    assert periods.every == every
    assert len(periods) <= 120
    assert periods.start(0) <= "2026-01-01T00:00:00Z"
    assert periods.at(last.timestamp()) == len(periods) - 1


def test_pieces_of_a_time_are_all_of_it() -> None:
    periods = Periods(0.0, 7200.0, finest="hour")
    assert list(periods.pieces(1800.0, 7300.0)) == [(0, 1800.0), (1, 3600.0), (2, 100.0)]


def test_a_ratio_on_a_border_counts_above_it() -> None:
    spread = Spread()
    for after in (100, 99, 101):
        spread.add(300, after)
    below, above = spread.ratios().bins
    assert (below, above) == (Bin(2.95, 3.0, 1, 300), Bin(3.0, 3.05, 2, 600))


def test_one_huge_ratio_does_not_squeeze_the_others() -> None:
    spread = Spread()
    for number in range(1000):
        spread.add(300 + number % 100, 100)
    spread.add(10**9, 10)
    found = spread.ratios()
    assert found.median == pytest.approx(3.5, abs=0.05)
    assert len(found.bins) <= 25
    assert found.bins[-1] == Bin(4.0, None, 1, 10**9)
    assert sum(one.files for one in found.bins) == 1001


def test_speed_is_of_the_time_in_which_something_was_done(vault: Vault) -> None:
    # Two jobs at once for ten seconds, one alone for ten, and half an hour of nothing.
    job(vault, 1, "done", ended=10, seconds=10, size=30_000_000)
    job(vault, 2, "done", ended=10, seconds=10, size=30_000_000)
    job(vault, 3, "done", ended=1820, seconds=10, size=20_000_000)
    found = collect(vault).throughput
    assert found.every == "hour"
    (rate,) = found.rates
    assert (rate.files, rate.source_bytes, rate.busy_seconds) == (3, 80_000_000, 20.0)
    assert rate.mb_per_second == pytest.approx(4.0)
    assert rate.files_per_hour == pytest.approx(540.0)


def test_a_long_jobs_bytes_are_spread_over_its_hours(vault: Vault) -> None:
    job(vault, 1, "done", ended=7200, seconds=7200, size=20_000_000)
    job(vault, 2, "done", ended=5400, seconds=600, size=2_000_000)
    rates = collect(vault).throughput.rates
    assert [one.busy_seconds for one in rates] == [3600.0, 3600.0, 0.0]
    assert [one.source_bytes for one in rates] == [10_000_000, 12_000_000, 0]
    assert [one.files for one in rates] == [0, 1, 1]


def test_the_slowest_come_first_and_are_twenty(vault: Vault) -> None:
    for number in range(1, 31):
        job(vault, number, "done", seconds=number, ended=number % 7, size=number * 2_000_000)
    slowest = collect(vault).slowest
    assert [one.job for one in slowest] == list(range(30, 10, -1))
    assert slowest[0] == Slow(30, "/data/s30.bam", 30.0, 60_000_000, 2.0, "2026-11-02T12:00:02Z")


def test_many_jobs_that_end_together_are_each_counted_once(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readvault.vault.speed._PAGE", 3)
    monkeypatch.setattr("readvault.vault.report._PAGE", 3)
    for number in range(1, 10):
        job(vault, number, "done", ended=5)
        put(vault, number)
    found = collect(vault)
    assert sum(one.files for one in found.throughput.rates) == 9
    assert found.archives.files == 9


def test_steps_have_mean_median_and_longest(vault: Vault) -> None:
    job(vault, 1, "done")
    for seconds in (1.0, 2.0, 30.0):
        step(vault, 1, "compress", seconds)
    step(vault, 1, "index", 0.0, "skipped")
    step(vault, 1, "plan", 0.25)
    plan, compress = collect(vault).steps
    assert (plan.step, plan.runs, plan.median_seconds) == ("plan", 1, 0.25)
    assert (compress.runs, compress.bytes, compress.total_seconds) == (3, 21, 33.0)
    assert (compress.mean_seconds, compress.median_seconds, compress.longest_seconds) == (11.0, 2.0, 30.0)


def test_the_newest_hundred_failures_are_told_and_all_are_counted(vault: Vault) -> None:
    for number in range(1, 131):
        kind = "ChangedError" if number % 2 else "PermissionError"
        job(vault, number, "failed", ended=number, kind=kind, error=f"message {number}")
    failures = collect(vault).failures
    assert failures.total == 130
    assert failures.kinds == (Tally("ChangedError", 65), Tally("PermissionError", 65))
    assert [one.job for one in failures.newest] == list(range(130, 30, -1))
    assert (failures.newest[0].message, failures.newest[0].when) == ("message 130", "2026-11-02T12:02:10Z")


def test_a_project_and_a_date_limit_all_of_it(vault: Vault) -> None:
    put(vault, 1, project="one", created="2026-11-01T00:00:00Z")
    put(vault, 2, project="one", created="2026-11-02T12:00:00Z")
    put(vault, 3, project="two", created="2026-11-02T12:00:00Z")
    job(vault, 1, "done", project="one", ended=-86400)
    job(vault, 2, "done", project="one")
    job(vault, 3, "failed", project="two")
    step(vault, 1, "compress", 1.0)
    step(vault, 3, "compress", 2.0)
    since = datetime(2026, 11, 2, tzinfo=UTC)
    one, late = collect(vault, project="one"), collect(vault, since=since)
    assert (one.archives.files, late.archives.files, collect(vault, project="one", since=since).archives.files) == (
        2,
        2,
        1,
    )
    assert {state.state: state.jobs for state in one.jobs} == {
        "done": 2,
        "failed": 0,
        "queued": 0,
        "running": 0,
        "waiting": 0,
    }
    assert {state.state: state.jobs for state in late.jobs if state.jobs} == {"done": 1, "failed": 1}
    assert [one.runs for one in one.steps] == [1]
    assert (one.failures.total, late.failures.total) == (0, 1)
    assert [sample.name for sample in late.samples] == ["s3.bam", "s2.bam"]
    assert collect(vault, project="none").archives.files == 0


# --- The page --------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Checks that elements are closed in order, and keeps what is there."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def full(vault: Vault) -> VaultReport:
    """A report in which everything is there, and hostile."""
    put(vault, 1, 4_000_000, 1_000_000, project=HOSTILE, sample=HOSTILE, name=HOSTILE, tier=HOSTILE, marks=(HOSTILE,))
    put(vault, 2, 9_000_000, 2_000_000, created="2026-11-05T12:00:00Z", verified=HOSTILE)
    job(vault, 1, "done", source=HOSTILE)
    job(vault, 2, "failed", source=HOSTILE, kind=HOSTILE, error=HOSTILE, project=HOSTILE)
    step(vault, 1, HOSTILE, 3.0)
    step(vault, 1, "compress", 3.0)
    with vault.database.write() as connection:
        connection.execute("INSERT INTO events (id, body, created, error) VALUES ('1', '{}', 0, ?)", (HOSTILE,))
    return collect(vault)


def test_the_page_is_well_formed_and_its_charts_are_told(vault: Vault) -> None:
    page = vault_page(full(vault))
    assert {"svg", "table", "title"} <= {tag for tag, _ in Page(page).seen}
    charts = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(charts) == 6
    for chart in charts:
        root = ET.fromstring(chart)
        assert root.get("role") == "img"
        assert len(root.get("aria-label") or "") > 20
        assert root.findall(".//title")
        assert len(root.findall(".//text")) >= 4


def test_the_page_loads_and_runs_nothing(vault: Vault) -> None:
    page = vault_page(full(vault))
    seen = Page(page).seen
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in seen}
    assert not any(name in ("src", "href") or name.startswith("on") for _, attributes in seen for name in attributes)
    assert "default-src 'none'" in page
    assert "http:" not in page and "https:" not in page and "url(" not in page


def test_hostile_names_are_shown_as_text(vault: Vault) -> None:
    page = vault_page(full(vault))
    assert "<script" not in page
    assert "\x1b" not in page and "\u202e" not in page
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;\\x1b[31m\\u202e&quot;" in page


def test_an_empty_vault_has_a_page(vault: Vault) -> None:
    page = vault_page(collect(vault))
    Page(page)
    assert "no archives" in page
    assert "No job has failed" in page


def test_archives_larger_than_their_sources_have_a_page(vault: Vault) -> None:
    put(vault, 1, 10, 1000)
    put(vault, 2, 0, 900, created="2026-11-03T12:00:00Z")
    found = collect(vault)
    assert found.archives.saved_bytes == -1890
    page = vault_page(found)
    Page(page)
    assert "-1.9 kB" in page


# --- MultiQC ---------------------------------------------------------------------------------------------------------


def test_multiqcs_table_has_a_row_for_each_archive(vault: Vault) -> None:
    put(vault, 1, 4_000_000, 1_000_000, sample="NA12878", seconds=7.5)
    put(vault, 2, 3_000_000, 2_000_000)
    table = json.loads(multiqc(collect(vault)))
    assert (table["id"], table["plot_type"], table["section_name"]) == ("readvault_vault", "table", "Readvault")
    assert list(table["data"]) == ["s2.bam", "NA12878"]
    row = table["data"]["NA12878"]
    assert row == {
        "source_mb": 4.0,
        "archive_mb": 1.0,
        "ratio": 4.0,
        "saved_percent": 75.0,
        "seconds": 7.5,
        "verified": "digest",
    }
    assert set(row) == set(table["headers"])


def test_multiqcs_rows_stay_apart_when_their_names_are_cut(vault: Vault) -> None:
    for number, name in enumerate(("x.bam", "x.sorted.bam", "a/x.bam", "x.sorted.bam"), start=1):
        put(vault, number, name=name)
    put(vault, 5, sample="x", name="y.bam")
    names = list(json.loads(multiqc(collect(vault)))["data"])
    assert names == ["x", "x_sorted_bam", "a_x_bam", "#2 x_sorted_bam", "x_bam"]
    assert len({name.rsplit("/", 1)[-1].split(".")[0] for name in names}) == 5


def test_multiqcs_table_is_bounded_and_says_so(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readvault.vault.report.SAMPLES", 2)
    monkeypatch.setattr("readvault.cli.multiqc.SAMPLES", 2)
    for number in range(1, 4):
        put(vault, number)
    table = json.loads(multiqc(collect(vault)))
    assert list(table["data"]) == ["s3.bam", "s2.bam"]
    assert table["description"].startswith("The newest 2 of 3 archives")


def test_hostile_names_do_not_get_into_multiqcs_page(vault: Vault) -> None:
    table = multiqc(full(vault))
    assert "<script" not in table
    assert "\\u001b" not in table


# --- The command -----------------------------------------------------------------------------------------------------


def run(vault: Vault, **options: Any) -> int:
    """The command as typer calls it, with its defaults."""
    given = {"html": None, "for_multiqc": None, "as_json": False, "project": None, "since": None, "force": False}
    return command(**{**given, **options}, vault_folder=str(vault.folder))


def test_without_options_the_report_is_text(vault: Vault, capsys: pytest.CaptureFixture[str]) -> None:
    full(vault)
    assert run(vault) == 0
    out = capsys.readouterr().out
    assert "2 archives: 13.0 MB -> 3.0 MB (4.3x), saved 10.0 MB" in out
    assert "\x1b" not in out
    assert out.isascii()


def test_json_and_files_come_from_one_report(vault: Vault, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full(vault)
    page, table = tmp_path / "report.html", tmp_path / "vault_mqc.json"
    assert run(vault, html=str(page), for_multiqc=str(table), as_json=True, project=HOSTILE) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["report_version"], found["archives"]["files"], found["project"]) == (1, 1, HOSTILE)
    assert found["generated"] in page.read_text()
    assert found["generated"] in table.read_text()


def test_a_file_that_exists_is_replaced_only_with_force(vault: Vault, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("mine")
    with pytest.raises(FileExistsError, match="-f"):
        run(vault, html=str(page))
    assert page.read_text() == "mine"
    run(vault, html=str(page), force=True)
    assert page.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    "options",
    [
        {"force": True},
        {"since": "yesterday"},
        {"for_multiqc": "table.json"},
        {"html": "-", "as_json": True},
        {"html": "a_mqc.json", "for_multiqc": "./a_mqc.json"},
        {"html": "sample.bam.rv", "force": True},
    ],
)
def test_nonsense_is_refused(vault: Vault, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        run(vault, **options)


@pytest.mark.parametrize("name", ["vault.toml", "catalog.sqlite", "catalog.sqlite-wal", "events.jsonl"])
def test_a_report_never_replaces_the_vault(vault: Vault, name: str) -> None:
    with pytest.raises(UsageError, match="part of the vault"):
        run(vault, html=str(vault.folder / name), force=True)


def test_a_date_without_a_zone_is_of_utc(vault: Vault, capsys: pytest.CaptureFixture[str]) -> None:
    put(vault, 1)
    run(vault, since="2026-11-02T12:00:00", as_json=True)
    run(vault, since="2026-11-02T12:00:00+01:00", as_json=True)
    run(vault, since="2026-11-02T12:00:01", as_json=True)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["since"] for one in found] == ["2026-11-02T12:00:00Z", "2026-11-02T11:00:00Z", "2026-11-02T12:00:01Z"]
    assert [one["archives"]["files"] for one in found] == [1, 1, 0]


def test_typer_takes_the_command() -> None:
    app = typer.Typer()
    decorated: Callable[..., int] = app.command()(command)
    assert typer.main.get_command(app).name == "report"
    assert decorated is command

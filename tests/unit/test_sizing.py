"""Sizing: what a plan says can be worked out by hand."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from readvault.aws.sizing import Prices, Work, plan
from readvault.errors import InvalidError

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "concepts" / "sizing.md"


def test_a_file_takes_its_bytes_by_the_speed_of_its_processors_and_the_overhead() -> None:
    found = plan(Work(files=1, size=8 * 10**9, hours=1, mb_per_second=10, vcpus=8, overhead=20))
    assert found.file_seconds == pytest.approx(120)
    assert found.vcpu_hours == pytest.approx(120 / 3600 * 8)


def test_machines_do_whole_files_in_the_time_there_is() -> None:
    # 120 s a file: 30 in an hour. 100 files need 4 machines, which take 25 each: 50 minutes.
    found = plan(Work(files=100, size=8 * 10**9, hours=1, mb_per_second=10, vcpus=8, overhead=20))
    assert found.instances == 4
    assert found.vcpus == 32
    assert found.hours == pytest.approx(25 * 120 / 3600)
    assert found.files_per_hour == pytest.approx(120)


def test_a_file_that_takes_longer_than_the_time_gets_a_machine_of_its_own() -> None:
    found = plan(Work(files=7, size=288 * 10**9, hours=0.5, mb_per_second=10, vcpus=8, overhead=0))
    assert found.instances == 7
    assert found.hours == pytest.approx(1.0)


def test_the_starting_systems_fleet_comes_out_at_its_own_speed() -> None:
    # 3.5 GB in 5 minutes on 8 processors; 10,000 files an hour took some 850 machines.
    slow = 3500 / 300 / 8
    found = plan(Work(files=10_000, size=3_500_000_000, hours=1, mb_per_second=slow, overhead=0))
    assert 830 <= found.instances <= 850
    genomes = plan(Work(files=625, size=70_000_000_000, hours=1.5, mb_per_second=70_000 / 4800 / 8, overhead=0))
    assert genomes.instances == 625


def test_prices_are_inputs_and_what_is_not_given_is_not_counted() -> None:
    work = Work(files=1000, size=10**9, hours=1, mb_per_second=10, ratio=4, vcpus=1, overhead=0)
    without = plan(work)
    assert without.compute is None
    assert without.saved_month is None
    found = plan(work, Prices(vcpu_hour=0.36, source_month=20, archive_month=1))
    assert found.compute == pytest.approx(1000 * 100 / 3600 * 0.36)
    assert found.compute_per_tb == pytest.approx(10)
    assert found.before_month == pytest.approx(20)
    assert found.after_month == pytest.approx(0.25)
    assert found.saved_month == pytest.approx(19.75)
    assert found.pays_after_months == pytest.approx(10 / 19.75)


def test_what_saves_nothing_never_pays() -> None:
    work = Work(files=10, size=10**9, hours=1, ratio=1)
    assert plan(work, Prices(vcpu_hour=1, source_month=1, archive_month=1)).pays_after_months is None


def test_limits_are_named_with_what_is_needed_of_them() -> None:
    usual = plan(Work(files=220_000, size=3_500_000_000, hours=22))
    assert all(one.fits for one in usual.limits)
    hasty = plan(Work(files=10_000_000, size=10**6, hours=1, overhead=1))
    failing = {one.name for one in hasty.limits if not one.fits}
    assert "SQS FIFO, messages one by one" in failing
    assert "SQS FIFO, ten in a request" not in failing
    told = hasty.as_dict()["limits"][0]
    assert told["fits"] is False
    assert told["remedy"]


@pytest.mark.parametrize(
    "work",
    [
        Work(files=0, size=1, hours=1),
        Work(files=1, size=0, hours=1),
        Work(files=1, size=1, hours=0),
        Work(files=1, size=1, hours=float("nan")),
        Work(files=1, size=1, hours=1, ratio=-1),
        Work(files=1, size=1, hours=1, overhead=-1),
    ],
)
def test_no_work_is_no_plan(work: Work) -> None:
    with pytest.raises(InvalidError):
        plan(work)


def test_the_page_shows_what_the_command_says() -> None:
    blocks = re.findall(r"```\n\$ readvault (aws plan .*?)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 3
    for command, told in blocks:
        arguments = shlex.split(command.replace("\\\n", " "))
        done = subprocess.run(
            [sys.executable, "-m", "readvault", *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith(told), command

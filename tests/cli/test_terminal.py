"""Terminals, pipes, signals and hostile names."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import readvault

from tests.bam import bam, long_bam

Rv = Callable[..., Any]
# Clears the screen, sets a title, reverses the reading direction, breaks the line, and tries rich's markup.
HOSTILE = "a\x1b[2J\x1b]0;owned\x07\u202e\n[red]b[bold]:boom:.bam"


def raw_controls(output: bytes) -> set[str]:
    text = output.decode()
    return {c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e")}


def test_hostile_names_never_reach_the_terminal_raw(rv: Rv, tmp_path: Path) -> None:
    (tmp_path / HOSTILE).write_bytes(bam(10))
    outputs = [
        rv("compress", "--proof", HOSTILE),
        rv("compress", HOSTILE),
        rv("info", f"{HOSTILE}.rv"),
        rv("info", "--streams", f"{HOSTILE}.rv"),
        rv("info", "--html", f"{HOSTILE}.rv", f"{HOSTILE}.rv"),
        rv("quickcheck", "-v", f"{HOSTILE}.rv", HOSTILE),
        rv("verify", f"{HOSTILE}.rv", "--against", HOSTILE, "--proof", f"{HOSTILE}.rv.proof.json"),
        rv("decompress", "-f", f"{HOSTILE}.rv"),
        rv("cat", f"{HOSTILE}.rv", "--range", HOSTILE),
        rv("decompress", f"absent{HOSTILE}.rv"),
        rv("compress", f"--{HOSTILE}"),
        rv(HOSTILE),
        rv("compress", "absent", env={"READVAULT_DEBUG": "1"}),
    ]
    for done in outputs:
        assert raw_controls(done.stdout + done.stderr) == set(), done.stderr
    compressed, _, info, *_ = outputs
    assert b"a\\x1b[2J" in compressed.stderr
    assert b"[red]b[bold]:boom:" in compressed.stderr
    assert b"[red]b[bold]:boom:" in info.stdout


def test_json_escapes_hostile_names(rv: Rv, tmp_path: Path) -> None:
    (tmp_path / HOSTILE).write_bytes(bam(10))
    done = rv("compress", "--json", HOSTILE)
    assert raw_controls(done.stdout) == set()
    assert done.stdout.count(b"\n") == 1


def test_names_that_are_no_text_work(tmp_path: Path, command: list[str]) -> None:
    name = b"caf\xe9.bam"
    path = os.fsencode(tmp_path) + b"/" + name
    with open(path, "wb") as file:
        file.write(bam(10))
    done = subprocess.run([*command, "compress", path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"caf\\xe9.bam" in done.stderr
    assert Path(os.fsdecode(path + b".rv")).exists()


def with_terminal(arguments: list[str], stream: str, cwd: Path) -> tuple[int, bytes]:
    """Exit code and what a terminal saw that stood as `stream` (stdout or stderr)."""
    ours, theirs = pty.openpty()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: theirs}
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, cwd=cwd, **streams)  # type: ignore[call-overload]
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    return process.wait(), seen


@pytest.mark.parametrize("arguments", [["decompress", "-o", "-"], ["cat"], ["compress", "-o", "-"]])
def test_binary_data_never_goes_to_a_terminal(
    command: list[str], sample: Path, packed: Path, arguments: list[str]
) -> None:
    path = sample if arguments[0] == "compress" else packed
    code, seen = with_terminal([*command, *arguments, str(path)], "stdout", packed.parent)
    assert (code, seen) == (2, b"")


def test_the_bar_shows_names_as_they_are(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "[red]a.bam").write_bytes(long_bam(4))
    code, seen = with_terminal([*command, "compress", "[red]a.bam"], "stderr", tmp_path)
    assert code == 0
    assert b"compressing" in seen
    assert b"[red]a.bam: 4." in seen


def test_a_runner_shows_a_live_table_with_names_as_they_are(command: list[str], tmp_path: Path, rv: Rv) -> None:
    for name in ("[red]a.bam", "b\u202e.bam"):
        (tmp_path / name).write_bytes(long_bam(3))
    assert rv("vault", "init", "vault").returncode == 0
    assert rv("submit", tmp_path, "--vault", "vault").returncode == 0
    arguments = [*command, "vault", "run", "--vault", "vault", "--until-empty", "-w", "2", "-@", "1"]
    code, seen = with_terminal(arguments, "stderr", tmp_path)
    assert code == 0
    assert b"compress" in seen
    assert b"[red]a.bam" in seen
    assert "\u202e".encode() not in seen
    assert b"left" in seen
    assert b"readvault: 2 files, " in seen.rstrip().splitlines()[-1]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_is_no_error(command: list[str], tmp_path: Path, rv: Rv, unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    (tmp_path / "long.bam").write_bytes(long_bam(4))
    assert rv("compress", "long.bam").returncode == 0
    for arguments in (
        ["cat", "long.bam.rv"],
        ["cat", "long.bam.rv", "--range", "0-"],
        ["decompress", "-o", "-", "long.bam.rv"],
    ):
        with subprocess.Popen(
            [*command, *arguments], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(10)
            process.stdout.close()
            assert (process.stderr.read(), process.wait(60)) == (b"", 141)


def stopped(process: subprocess.Popen[bytes], number: signal.Signals, started: Callable[[], bool]) -> int:
    """Sends the signal as soon as the process is at work, and returns its exit code."""
    end = time.monotonic() + 30
    while not started():
        assert process.poll() is None, "ended before it could be stopped"
        assert time.monotonic() < end, "never began"
        time.sleep(0.01)
    process.send_signal(number)
    return process.wait(30)


def begun(folder: Path, at_latest: float) -> bool:
    return len(list(folder.iterdir())) > 1 or time.monotonic() > at_latest


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_stops_and_leaves_nothing_behind(
    command: list[str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    (tmp_path / "long.bam").write_bytes(long_bam(60))
    began = time.monotonic()
    with subprocess.Popen(
        [*command, "compress", "-@", "1", "long.bam"], cwd=tmp_path, stderr=subprocess.PIPE, restore_signals=True
    ) as process:
        # At work once its output has begun, or (where that has no name yet) well after start-up.
        at_work = partial(begun, tmp_path, began + 1)
        assert stopped(process, number, at_work) == code
        assert process.stderr is not None
        assert process.stderr.read() == b"readvault: stopped\n"
    assert [path.name for path in tmp_path.iterdir()] == ["long.bam"]


def test_a_signal_ends_the_wait_for_a_silent_pipe(command: list[str], tmp_path: Path) -> None:
    began = time.monotonic()
    with subprocess.Popen(
        [*command, "compress", "-o", "out.rv", "-"], cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert stopped(process, signal.SIGINT, lambda: time.monotonic() > began + 1) == 130
    assert list(tmp_path.iterdir()) == []


def test_closed_standard_streams_are_no_harm(command: list[str], sample: Path) -> None:
    arguments = " ".join([*command, "compress", "sample.bam"])
    done = subprocess.run(["sh", "-c", f"{arguments} <&- >&- 2>&-"], cwd=sample.parent, check=False)
    assert done.returncode == 0
    done = subprocess.run(["sh", "-c", f"{' '.join(command)} info sample.bam.rv >&-"], cwd=sample.parent, check=False)
    assert done.returncode == 0
    assert sample.read_bytes() == bam()


def test_the_version_comes_at_once(command: list[str], rv: Rv) -> None:
    assert rv("--version").stdout == f"readvault {readvault.__version__}\n".encode()
    script = "import sys; from readvault.cli import main; main(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script, "--version"], capture_output=True, text=True, check=True)
    assert not {"typer", "rich", "readvault._core"} & set(done.stdout.split())
    times = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run([*command, "--version"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - began)
    assert min(times) < 0.150


def test_help_names_all_commands_and_no_arguments_is_a_usage_error(rv: Rv) -> None:
    done = rv("--help")
    assert done.returncode == 0
    for name in (b"compress", b"decompress", b"verify", b"quickcheck", b"info", b"cat"):
        assert name in done.stdout
    assert rv().returncode == 2


@pytest.mark.parametrize(("group", "member"), [("vault", "init"), ("catalog", "find"), ("aws", "deploy")])
def test_a_group_without_a_command_shows_its_help_and_is_a_usage_error(rv: Rv, group: str, member: str) -> None:
    shown = rv(group)
    assert shown.returncode == 2
    assert shown.stdout == rv(group, "--help").stdout
    assert f"\n  {member} " in shown.stdout.decode()
    assert shown.stderr == b""


def test_shells_can_complete(rv: Rv) -> None:
    done = rv("--show-completion", env={"SHELL": "/bin/bash"})
    assert done.returncode in (0, 1)
    done = rv(env={"_READVAULT_COMPLETE": "complete_bash", "COMP_WORDS": "readvault dec", "COMP_CWORD": "1"})
    assert done.stdout.strip() == b"decompress"

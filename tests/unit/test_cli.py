"""What the command line is made of: text for people, exit codes, proofs."""

import errno
import json
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readvault import errors, proof
from readvault.cli import exits, main
from readvault.cli.facts import bits
from readvault.cli.flagstat import _share
from readvault.cli.progress import progress
from readvault.cli.terminal import message_of, ratio, shown
from readvault.report import size

PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "


@given(st.text(PRINTABLE))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_that_a_terminal_obeys_is_shown(text: str) -> None:
    told = shown(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in told)
    assert not any(
        c in told for c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029\ufeff"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\x1b[2J", "a\\x1b[2J"),
        ("\n\r\t", "\\n\\r\\t"),
        ("\u202e", "\\u202e"),
        ("\udce9", "\\xe9"),
        ("é[red]", "é[red]"),
    ],
)
def test_escapes_can_be_read(text: str, told: str) -> None:
    assert shown(text) == told


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (3_900_000, "3.9 MB"),
        (999_960, "1.0 MB"),
        (2 * 10**15, "2,000.0 TB"),
    ],
)
def test_sizes_are_told_in_decimal_units(length: int, told: str) -> None:
    assert size(length) == told


def test_ratios_have_one_digit() -> None:
    assert (ratio(3.24), ratio(0.98), ratio(1234.5)) == ("3.2x", "1.0x", "1,234x")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DamagedError("x"), 4),
        (errors.TruncatedError("x"), 4),
        (errors.UnsupportedError("x"), 7),
        (errors.InvalidError("x"), 2),
        (errors.StoreError("x"), 1),
        (FileNotFoundError("x"), 5),
        (PermissionError("x"), 6),
        (FileExistsError("x"), 1),
        (BrokenPipeError("x"), 141),
        (KeyboardInterrupt(), 130),
        (exits.Stopped(15), 143),
        (MemoryError(), 1),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exits.code_of(error) == code


@pytest.mark.parametrize(
    ("codes", "code"), [([], 0), ([0, 0], 0), ([0, 4], 3), ([4, 4], 4), ([4, 5], 1), ([5], 5), ([0, 4, 5], 3)]
)
def test_several_inputs_have_one_code(codes: list[int], code: int) -> None:
    assert exits.code_of_all(codes) == code


@pytest.mark.parametrize(
    ("error", "code"), [(PermissionError("no"), 6), (errors.UnsupportedError("newer"), 7), (MemoryError(), 1)]
)
def test_a_failing_verb_ends_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr("readvault.archive.quickcheck", fail)
    monkeypatch.setattr("sys.argv", ["readvault", "quickcheck", "some.rv"])
    assert main() == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("readvault: error: some.rv: ")


def test_errors_name_their_file_once() -> None:
    assert (
        message_of(FileNotFoundError(errno.ENOENT, "No such file or directory", "a")) == "a: No such file or directory"
    )
    assert message_of(errors.DamagedError("a.rv: bad"), "a.rv") == "a.rv: bad"
    assert message_of(errors.StoreError("cannot read a.rv: no"), "a.rv") == "cannot read a.rv: no"
    assert message_of(errors.DamagedError("bad"), "a") == "a: bad"


def test_store_errors_are_os_errors_and_invalid_ones_value_errors() -> None:
    assert issubclass(errors.StoreError, OSError)
    assert issubclass(errors.InvalidError, ValueError)
    assert str(errors.StoreError("cannot write: disk full")) == "cannot write: disk full"


def test_a_proof_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "x.proof.json"
    proof.write({"proof_version": 1}, str(path))
    assert json.loads(path.read_text()) == {"proof_version": 1}
    with pytest.raises(TypeError):
        proof.write({"proof_version": object()}, str(path))
    assert json.loads(path.read_text()) == {"proof_version": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, ""), (0.0, "0.00"), (0.004, "<0.01"), (0.005, "0.01"), (3.14159, "3.14"), (12345.6, "12,345.60")],
)
def test_bits_have_two_digits_and_are_never_rounded_to_nothing(value: float | None, told: str) -> None:
    assert bits(value) == told


def test_away_from_a_terminal_progress_is_a_line_every_five_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("readvault.cli.progress.time.monotonic", lambda: now)
    with progress("compressing", "a\x1b.bam", quiet=False) as update:
        assert update is not None
        for second in range(13):
            now = 100.0 + second
            update(second * 1_000_000, 20_000_000)
        now = 200.0
        update(7, None)
    assert capsys.readouterr().err.splitlines() == [
        "compressing a\\x1b.bam: 5.0 MB of 20.0 MB (25%)",
        "compressing a\\x1b.bam: 10.0 MB of 20.0 MB (50%)",
        "compressing a\\x1b.bam: 7 B",
    ]


def test_quiet_commands_have_no_progress() -> None:
    with progress("compressing", "a.bam", quiet=True) as update:
        assert update is None


def test_shares_are_rounded_as_samtools_rounds_them() -> None:
    # Exactly 91.875 per cent, which is less in single precision.
    assert _share(19_992, 21_760) == "91.87%"
    assert _share(1, 8) == "12.50%"
    assert _share(0, 0) == "N/A"


@pytest.mark.parametrize(("word", "loaded"), [("info", False), ("vault", True), ("--help", True)])
def test_a_command_on_an_archive_does_not_wait_for_what_vaults_need(word: str, loaded: bool) -> None:
    script = (
        "import sys; from readvault.cli.app import app_for; app_for([sys.argv[1]]);"
        "print('readvault.vault' in sys.modules, 'sqlite3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, word], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(loaded)] * 2

"""The command `readvault`. Each command has a module that parses, calls `readvault.archive` and prints.

Nothing heavy is imported here: `readvault --version` answers before typer is loaded.
"""

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Run the command line and return the exit code."""
    _open_closed_streams()
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from readvault import __version__

        sys.stdout.write(f"readvault {__version__}\n")
        return 0
    from readvault.cli import exits, terminal

    try:
        _obey_signals()
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader has what it wanted. Python would complain once more when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.BROKEN_PIPE
    except (KeyboardInterrupt, exits.Stopped) as stop:
        terminal.say("readvault: stopped")
        return exits.code_of(stop)
    except SystemExit:
        raise
    except BaseException as error:  # Also the panic of a bug in core, which derives from BaseException.
        terminal.complain(error)
        return exits.code_of(error)


def _run(arguments: list[str]) -> int:
    from readvault.cli.app import app_for, lacks_command
    from readvault.cli.exits import USAGE, UsageError

    if lacks_command(arguments):
        # Whoever does not know what to say is shown what can be said; nothing was done.
        _run([*arguments, "--help"])
        return USAGE
    try:
        command = app_for(arguments)(arguments, prog_name="readvault", standalone_mode=False)
    except Exception as error:
        # Typer's own usage errors; their class has moved between versions, their method has not.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        raise UsageError(f"{message()} (readvault --help tells more)") from error
    # Help and completion have done their work while parsing, and give a number.
    return int(command()) if callable(command) else int(command or 0)


def _open_closed_streams() -> None:
    """Fill standard streams that the caller has closed, or the next file opened would take their place."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number, so this one.
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def _obey_signals() -> None:
    """Let a polite request to end stop the verb at work, so that it leaves nothing half-written."""
    from readvault.cli.exits import Stopped

    def stop(number: int, _: FrameType | None) -> None:
        raise Stopped(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, stop)

"""Several inputs: each gets its turn, failures are told at once, and the command ends with one code for all."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from readvault import places
from readvault.cli import exits, transfers
from readvault.cli.exits import UsageError
from readvault.cli.terminal import complain, count, message_of, say


def each(inputs: Sequence[str], job: Callable[[str], dict[str, Any]], *, as_json: bool, quiet: bool) -> int:
    """Run `job` on every input and return the exit code. What a job returns is its report for `--json`."""
    if inputs.count("-") > 1:
        raise UsageError("standard input can be read only once")
    codes = []
    for name in inputs:
        try:
            report = job(name)
        except (BrokenPipeError, UsageError):
            raise
        except Exception as error:
            codes.append(exits.code_of(error))
            complain(error, None if name == "-" else name)
            report = {"error": _error_report(error, codes[-1])}
        else:
            codes.append(exits.OK)
        if as_json:
            moved = transfers.report()
            moved = {"transfers": moved} if moved else {}
            sys.stdout.write(json.dumps({"input": name, **report, **moved}) + "\n")
            sys.stdout.flush()
    failed = sum(code != exits.OK for code in codes)
    if len(codes) > 1 and (failed or not quiet):
        told = f"{failed} failed" if failed else "all good"
        say(f"readvault: {count(len(codes), 'input')}, {told}")
    return exits.code_of_all(codes)


def _error_report(error: Exception, code: int) -> dict[str, Any]:
    return {"kind": type(error).__name__, "message": message_of(error), "exit_code": code}


def folder_for(output: str | None, inputs: Sequence[str]) -> str | None:
    """The folder that `-o` names, if it does; with several inputs it must."""
    if output is not None and output != "-" and places.is_folder(output):
        return output
    if output is not None and len(inputs) > 1:
        raise UsageError(
            f"-o {output}: with several inputs the output must be an existing folder, or a URL that ends with a slash"
        )
    return None


class Written:
    """The outputs of this run, so that no input overwrites what another one has just given, `--force` or not."""

    def __init__(self) -> None:
        self._paths: set[str | Path] = set()

    def claim(self, path: str) -> None:
        """Take `path` for the input at hand, or refuse if an earlier one has it."""
        resolved = path if places.is_url(path) else Path(path).resolve()
        if resolved in self._paths:
            raise FileExistsError(f"{path} was written for an earlier input of this command")
        self._paths.add(resolved)

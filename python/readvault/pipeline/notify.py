"""Notifiers: where events go. A notifier that returns has delivered; one that raises is asked again later."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from readvault import __version__
from readvault.errors import InvalidError, StoreError

# Seconds that a command or web server may take for one event.
_PATIENCE = 30.0
# Most of what a command says about its failure that is kept.
_SHOWN = 500


class Notifier(Protocol):
    """Somewhere that events go."""

    name: str
    """What tells it from a vault's other notifiers."""

    def send(self, event: dict[str, Any]) -> None:
        """Deliver an event, or raise."""


class FileNotifier:
    """Adds each event as a line to a file."""

    def __init__(self, path: Path) -> None:
        self.name = f"file {path}"
        self._path = path

    def send(self, event: dict[str, Any]) -> None:
        """Append one line, durably; lines of several processes do not mix, and one that was cut off does not join the
        next.
        """
        line = (json.dumps(event, ensure_ascii=False) + "\n").encode()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            length = os.fstat(descriptor).st_size
            if length and os.pread(descriptor, 1, length - 1) != b"\n":
                line = b"\n" + line
            if os.write(descriptor, line) != len(line):
                raise StoreError(f"{self._path}: an event could not be written whole: is the disk full?")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class CommandNotifier:
    """Runs a program for each event: the event on its standard input, its type and id in the environment."""

    def __init__(self, arguments: Sequence[str]) -> None:
        if not arguments:
            raise InvalidError("a command to announce with needs a program")
        self.name = f"command {arguments[0]}"
        self._arguments = list(arguments)

    def send(self, event: dict[str, Any]) -> None:
        """Run the program; it has delivered when it ends with 0. No shell sees any of it."""
        environment = {**os.environ, "READVAULT_EVENT_TYPE": event["type"], "READVAULT_EVENT_ID": event["id"]}
        try:
            done = subprocess.run(  # noqa: S603 - the user's own program, as a list of arguments
                self._arguments,
                input=json.dumps(event).encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StoreError(f"{self._arguments[0]} took more than {_PATIENCE:.0f} s for an event") from None
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()[-_SHOWN:]
            raise StoreError(
                f"{self._arguments[0]} ended with {done.returncode} for an event: {said or 'it said nothing'}"
            )


class WebhookNotifier:
    """Posts each event to a URL."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise InvalidError(f"{url} is no URL to post events to: it must start with https:// or http://")
        self.name = f"webhook {url.split('?')[0]}"
        self._url = url

    def send(self, event: dict[str, Any]) -> None:
        """Post the event; an answer of 2xx means that it arrived."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"readvault/{__version__}",
            "Idempotency-Key": event["id"],
        }
        request = urllib.request.Request(self._url, json.dumps(event).encode(), headers)  # noqa: S310 - checked above
        try:
            with _OPENER.open(request, timeout=_PATIENCE) as answer:
                answer.read(1 << 16)
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except OSError as error:
            raise StoreError(f"{self.name} cannot be reached: {error}") from None
        if not 200 <= status < 300:
            raise StoreError(f"{self.name} answered {status} to an event")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A POST that is redirected would become a GET, which delivers nothing."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: the answer stands as it is."""


_OPENER = urllib.request.build_opener(_NoRedirects)

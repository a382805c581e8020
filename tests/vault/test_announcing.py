"""Announcements: every event arrives at every notifier, in order, at least once, and fits its schema."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from readvault.errors import InvalidError, StoreError
from readvault.pipeline import events
from readvault.pipeline.notify import CommandNotifier, FileNotifier, WebhookNotifier
from readvault.vault.home import Vault
from readvault.vault.outbox import Outbox

from tests.conftest import ROOT
from tests.vault.conftest import requested
from tests.vault.entries import entry


@contextmanager
def receiving(statuses: list[int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A web server that takes events, and answers with these statuses first."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = statuses.pop(0) if statuses else 204
            if status < 300:
                got.append(json.loads(body))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", got
        finally:
            server.shutdown()
            thread.join()


def tell(vault: Vault, outbox: Outbox, number: int) -> None:
    with vault.database.write() as connection:
        outbox.recorded(connection, entry(number))


def outbox(vault: Vault, *notifiers: Any) -> Outbox:
    return Outbox(vault.database, vault.audit, vault.settings.id, notifiers, vault.runners / "announcer.lock")


def now_due(vault: Vault) -> None:
    with vault.database.write() as connection:
        connection.execute("UPDATE events SET not_before = 0")


def test_events_fit_their_schema(vault: Vault) -> None:
    schema = json.loads((ROOT / "spec" / "event.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    with vault.database.write() as connection:
        for kind in events.KINDS:
            if kind == events.FAILED:
                vault.outbox.failed(connection, 7, "/data/a.bam", "FileNotFoundError", "it is gone", 1)
            else:
                vault.outbox.tell(connection, kind, entry(1), "test")
    vault.outbox.deliver()
    lines = (vault.folder / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["type"] for line in lines] == list(events.KINDS)
    for line in lines:
        validator.validate(json.loads(line))
    broken = json.loads(lines[0])
    del broken["entry"]["sha256"]
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(broken)


def test_an_event_names_the_head_of_the_audit_log(vault: Vault) -> None:
    tell(vault, vault.outbox, 1)
    vault.outbox.deliver()
    event = json.loads((vault.folder / "events.jsonl").read_text())
    assert event["audit_head"] == list(vault.audit.lines())[-1]["hash"]


def test_a_web_server_that_is_down_gets_every_event_in_order_when_it_is_back(vault: Vault) -> None:
    with receiving([503, 302]) as (url, got):
        box = outbox(vault, WebhookNotifier(url))
        for number in range(3):
            tell(vault, box, number)
        assert box.deliver() == (0, 3)
        assert box.pending() == 3
        assert box.deliver() == (0, 0), "it waits before it tries again"
        now_due(vault)
        assert box.deliver() == (0, 3)
        now_due(vault)
        assert box.deliver() == (3, 0)
        assert [event["entry"]["name"] for event in got] == ["0.bam", "1.bam", "2.bam"]
        assert box.pending() == 0


def test_one_notifier_that_fails_does_not_hold_back_the_others(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    box = outbox(vault, CommandNotifier([sys.executable, "-c", "raise SystemExit(3)"]), FileNotifier(path))
    tell(vault, box, 1)
    assert box.deliver() == (0, 1)
    assert len(path.read_text().splitlines()) == 1
    now_due(vault)
    box.deliver()
    assert len(path.read_text().splitlines()) == 1, "what arrived is not sent again"
    failed = vault.database.read().execute("SELECT error FROM events").fetchone()[0]
    assert "ended with 3" in failed


def test_a_command_gets_the_event_and_no_shell_sees_it(vault: Vault, tmp_path: Path) -> None:
    target = tmp_path / "got"
    script = "import os, sys; open(sys.argv[1], 'w').write(os.environ['READVAULT_EVENT_TYPE'] + sys.stdin.read())"
    box = outbox(vault, CommandNotifier([sys.executable, "-c", script, str(target), "$(touch /tmp/never)"]))
    tell(vault, box, 1)
    assert box.deliver() == (1, 0)
    text = target.read_text()
    assert text.startswith("archive.recorded")
    assert json.loads(text.removeprefix("archive.recorded"))["entry"]["name"] == "1.bam"


def test_a_line_that_a_crash_cut_off_does_not_join_the_next(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"half": ')
    FileNotifier(path).send({"id": "1"})
    assert path.read_text().splitlines() == ['{"half": ', '{"id": "1"}']


def test_the_same_thing_is_the_same_event(vault: Vault) -> None:
    vault.queue.submit([requested("/a")])
    tell(vault, vault.outbox, 1)
    tell(vault, vault.outbox, 1)
    assert vault.outbox.pending() == 1


def test_a_notifier_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidError):
        WebhookNotifier("file:///etc/passwd")
    with pytest.raises(InvalidError):
        CommandNotifier([])
    with pytest.raises(StoreError):
        WebhookNotifier("http://127.0.0.1:9/nobody").send({"id": "1"})


def test_many_events_are_delivered_quickly(vault: Vault, tmp_path: Path) -> None:
    for number in range(300):
        tell(vault, vault.outbox, number)
    begun = time.monotonic()
    while vault.outbox.pending():
        assert vault.outbox.deliver()[1] == 0
    assert time.monotonic() - begun < 30

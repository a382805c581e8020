"""Lambda: functions run in processes of their own, under AWS's own runtime (awslambdaric), from the zip of the stack.

A function has one process, which begins with its first call and stays warm until its code or configuration is changed:
calls at the same time wait for each other. It has the environment that the template gives it, or whoever changed that.
A call that takes longer than the function's timeout ends with its process. Memory, architecture, Python's version and
the role are not as on AWS. The log of a call ends with Lambda's own line, which says how long it took.
"""

import contextlib
import importlib.util
import io
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from moto.awslambda.models import LambdaFunction

from tests.aws.emulator_ground import environment, instead

# Seconds that a process may take to load the code.
PATIENCE = 60
# Calls without an answer that failed are tried so often in all, as on AWS; with less time between them.
ATTEMPTS = 3
PAUSE = 0.5

_NEXT = "/2018-06-01/runtime/invocation/next"


class Sandbox:
    """A function's process, and the interface through which it takes calls."""

    def __init__(self, made: Any) -> None:
        self.made, self.version = made, version_of(made)
        self.calls: queue.Queue[tuple[str, bytes, float]] = queue.Queue()
        self.answers: queue.Queue[tuple[bool, bytes]] = queue.Queue()
        self.asked = threading.Event()
        self.began = self.loaded = time.monotonic()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Interface", (_Interface,), {"sandbox": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.folder = tempfile.TemporaryDirectory(prefix="function-")
        code = Path(self.folder.name, "code")
        zipfile.ZipFile(io.BytesIO(made.code_bytes)).extractall(code)
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the sandbox
        self.process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", made.handler],
            cwd=code,
            env=self._environment(str(code)),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )

    def _environment(self, code: str) -> dict[str, str]:
        made = self.made
        runtime = importlib.util.find_spec("awslambdaric")
        assert runtime is not None and runtime.submodule_search_locations, "pip install awslambdaric"
        return {
            **environment(),
            # The package in the zip stands before the one that is installed here.
            "PYTHONPATH": os.pathsep.join([code, str(Path(runtime.submodule_search_locations[0]).parent)]),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": made.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(made.memory_size),
            "AWS_LAMBDA_LOG_GROUP_NAME": made.logs_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": "emulated",
            "_HANDLER": made.handler,
            "LAMBDA_TASK_ROOT": code,
            **{name: str(value) for name, value in made.environment_vars.items()},
        }

    def call(self, body: bytes) -> tuple[bool, bytes, str]:
        """Whether the call failed, what it gave, and what the function said."""
        start = self.log.seek(0, os.SEEK_END)
        is_cold = not self.asked.is_set()
        if not self._wait(PATIENCE, self.asked.is_set):
            failed, answer = _error("Runtime.ExitError", f"the runtime ended or did not begin: {self.process.poll()}")
            return failed, answer, self._said(start)
        metrics = {"initDurationMs": 1000 * (self.loaded - self.began)} if is_cold else {}
        name, began = str(uuid.uuid4()), time.monotonic()
        failed, answer = self._answer(name, body)
        metrics["durationMs"] = 1000 * (time.monotonic() - began)
        told = {"requestId": name, "metrics": metrics, "status": "error" if failed else "success"}
        return failed, answer, self._said(start) + json.dumps({"type": "platform.report", "record": told})

    def _said(self, start: int) -> str:
        self.log.seek(start)
        return self.log.read().decode(errors="replace")

    def _answer(self, name: str, body: bytes) -> tuple[bool, bytes]:
        timeout = int(self.made.timeout)
        self.calls.put((name, body, time.time() + timeout))
        if not self._wait(timeout, lambda: not self.answers.empty()):
            if self.process.poll() is None:
                self.process.kill()
                return _error("Sandbox.Timedout", f"Task timed out after {timeout}.00 seconds")
            return _error("Runtime.ExitError", f"the runtime exited with {self.process.returncode}")
        return self.answers.get()

    def _wait(self, seconds: float, until: Any) -> bool:
        deadline = time.monotonic() + seconds
        while not until():
            if self.process.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.server.server_close()
        self.log.close()
        self.folder.cleanup()


def version_of(made: Any) -> object:
    """What makes a new process of a function, when it has changed."""
    return made.code_bytes, made.handler, made.timeout, dict(made.environment_vars)


class _Interface(BaseHTTPRequestHandler):
    """Lambda's Runtime API, as much of it as a runtime needs."""

    sandbox: Sandbox
    protocol_version = "HTTP/1.1"

    def log_message(self, *told: Any) -> None:
        pass

    def do_GET(self) -> None:
        assert self.path == _NEXT, self.path
        if not self.sandbox.asked.is_set():
            self.sandbox.loaded = time.monotonic()
            self.sandbox.asked.set()
        name, body, deadline = self.sandbox.calls.get()
        self._send(
            200,
            body,
            {
                "Lambda-Runtime-Aws-Request-Id": name,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": self.sandbox.made.function_arn,
                "Content-Type": "application/json",
            },
        )

    def do_POST(self) -> None:
        body = self._chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self._whole()
        self._send(202, b'{"status": "OK"}', {})
        self.sandbox.answers.put((self.path.endswith("/error"), body))

    def _send(self, status: int, body: bytes, fields: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**fields, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _whole(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> bytes:
        body = b""
        while length := int(self.rfile.readline(), 16):
            body += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return body


def _error(kind: str, message: str) -> tuple[bool, bytes]:
    return True, json.dumps({"errorType": kind, "errorMessage": message}).encode()


# --- Calls -----------------------------------------------------------------------------------------------------------

_sandboxes: dict[str, Sandbox] = {}
_starting = threading.Lock()
_ending = threading.Event()


def _sandbox(made: Any) -> Sandbox:
    """The function's process; a new one if the function is another now, or the last one has ended."""
    with _starting:
        found = _sandboxes.get(made.function_arn)
        if found is not None and (found.version != version_of(made) or found.process.poll() is not None):
            found.close()
            found = None
        if found is None:
            found = _sandboxes[made.function_arn] = Sandbox(made)
        return found


@instead(LambdaFunction, "_invoke_lambda")
def invoke(self: Any, event: Any = None) -> tuple[str, bool, str]:
    """In place of moto's containers."""
    body = json.dumps({} if event is None else event).encode()
    with self.__dict__.setdefault("calling", threading.Lock()):
        failed, answer, said = _sandbox(self).call(body)
    self.logs_backend.ensure_log_group(self.logs_group_name)
    self.save_logs(said or " ")
    return answer.decode(), failed, said


def call_without_answer(made: Any, event: dict[str, Any]) -> None:
    """A call that nobody waits for: tried three times, then given to the function's dead queue."""

    def calling() -> None:
        answer = ""
        for attempt in range(ATTEMPTS):
            if _ending.is_set():
                return
            time.sleep(PAUSE * attempt)
            answer, failed, _ = made._invoke_lambda(event)
            if not failed:
                return
        target = made.__dict__.get("dead_letter_target")
        if target is not None:
            from moto.sqs.models import sqs_backends

            backend = sqs_backends[made.account_id][made.region]
            # The event as it was; what went wrong stands beside it.
            told = {"ErrorMessage": {"data_type": "String", "string_value": answer[:1024]}}
            backend.send_message(target.split(":")[-1], json.dumps(event), message_attributes=told)

    threading.Thread(target=calling, daemon=True).start()


def close() -> None:
    """End all processes."""
    _ending.set()
    for one in _sandboxes.values():
        with contextlib.suppress(OSError):
            one.close()

"""A plain HTTP server of a folder's files that does ranges and preconditions right (RFC 9110), or no ranges at all.

Python's own http.server knows no ranges; web servers that do are not on every machine."""

import contextlib
import email.utils
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class FileServer:
    """What a test holds of a server; `ranges` may be changed while it runs."""

    folder: Path
    ranges: bool = True
    url: str = ""


def part(asked: str | None, length: int) -> tuple[int, int] | None:
    """First byte and end of the single range that is asked for; None for the whole, an empty one if there is none."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
    if not found or found.group() == "bytes=-":
        return None
    first, last = found.groups()
    if first == "":
        return max(0, length - int(last)), length
    if last != "" and int(last) < int(first):
        return None
    return int(first), min(length, int(last) + 1 if last else length)


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    protocol_version = "HTTP/1.1"
    # Head and body are written apart; the body would wait for the head's acknowledgement, 40 ms.
    disable_nagle_algorithm = True
    served: FileServer

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Says nothing."""

    def answer(self) -> None:
        path = (self.served.folder / unquote(urlsplit(self.path).path).lstrip("/")).resolve()
        if not path.is_relative_to(self.served.folder.resolve()) or not path.is_file():
            return self.empty(HTTPStatus.NOT_FOUND)
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            length = status.st_size
            etag = f'"{status.st_mtime_ns:x}-{length:x}"'
            fields = {"ETag": etag, "Last-Modified": email.utils.formatdate(status.st_mtime, usegmt=True)}
            if self.served.ranges:
                fields["Accept-Ranges"] = "bytes"
            if not self.names(etag, "If-Match", default=True):
                return self.empty(HTTPStatus.PRECONDITION_FAILED, fields)
            if self.names(etag, "If-None-Match", default=False):
                return self.empty(HTTPStatus.NOT_MODIFIED, fields)
            code, first, end = HTTPStatus.OK, 0, length
            if self.served.ranges and self.headers.get("If-Range", etag) in fields.values():
                wanted = part(self.headers.get("Range"), length)
                if wanted:
                    code, (first, end) = HTTPStatus.PARTIAL_CONTENT, wanted
                    if first >= end:
                        fields["Content-Range"] = f"bytes */{length}"
                        return self.empty(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, fields)
                    fields["Content-Range"] = f"bytes {first}-{end - 1}/{length}"
            self.head(code, fields, end - first)
            if self.command == "GET" and end > first:
                self.wfile.flush()
                # The client may leave whenever it likes.
                with contextlib.suppress(ConnectionError):
                    self.connection.sendfile(file, first, end - first)
        return None

    def names(self, etag: str, field: str, *, default: bool) -> bool:
        """Whether a field of ETags names this one."""
        value = self.headers.get(field)
        if value is None:
            return default
        return value.strip() == "*" or etag in (one.strip() for one in value.split(","))

    def empty(self, code: HTTPStatus, fields: dict[str, str] | None = None) -> None:
        self.head(code, fields or {}, 0)

    def head(self, code: HTTPStatus, fields: dict[str, str], length: int) -> None:
        self.send_response(code)
        for name, value in fields.items():
            self.send_header(name, value)
        if code != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(length))
        self.end_headers()


class Server(ThreadingHTTPServer):
    """One thread for each connection."""

    daemon_threads = True
    # More than the connections that a client opens at once.
    request_queue_size = 256


@contextlib.contextmanager
def http_server(folder: Path, *, ranges: bool = True) -> Iterator[FileServer]:
    """Serves the folder on loopback, with ranges or without."""
    served = FileServer(folder, ranges)
    handler = type("HandlerOfFolder", (Handler,), {"served": served})
    with Server(("127.0.0.1", 0), handler) as server:
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()

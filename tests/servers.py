"""Object stores for tests, on loopback: started, waited for, and stopped with the test, or with the process that dies.

What each is good for:

- `moto_s3`: S3 with signatures and IAM checked. A range costs as much as its object is long: for small objects.
- `s3_server`: S3 with signatures checked, preconditions, checksums and multipart; fast enough for benchmarks.
- `azurite`, `gcs`: Azure Blob Storage and Google Cloud Storage, where their emulators are installed.
- `http_server`: plain HTTP (tests/fileserver.py).
- `faults`: the proxy of crates/faults, before any of them.
"""

import base64
import contextlib
import email.utils
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fileserver import FileServer, http_server

__all__ = [
    "GCS",
    "S3",
    "Azure",
    "Faults",
    "FileServer",
    "azurite",
    "faults",
    "gcs",
    "http_server",
    "moto_s3",
    "s3_server",
]

# Seconds after which a server counts as one that will not start. They take two or three; a busy machine, more.
PATIENCE = 60
REGION = "eu-central-1"


# --- Processes -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def started(command: list[str], **more: Any) -> Iterator[subprocess.Popen[str]]:
    """Runs a command that ends when its standard input does."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, **more) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


# A server that does not mind its standard input is ended by a shell that does.
MINDED = ["sh", "-c", 'trap "" TERM; "$@" </dev/null & cat >/dev/null; kill $!; wait $!', "sh"]


@contextlib.contextmanager
def listening(command: list[str], port: int, **more: Any) -> Iterator[None]:
    """Runs a server until the end of the block, and waits until it listens."""
    with tempfile.TemporaryFile() as log, started([*MINDED, *command], stdout=log, stderr=log, **more):
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if time.monotonic() > deadline:
                log.seek(0)
                raise RuntimeError(f"{command[0]} did not start: {log.read()[-2000:].decode(errors='replace')}")
            time.sleep(0.05)
        yield


def free_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(method: str, url: str, body: bytes | None = None, fields: dict[str, str] | None = None) -> bytes:
    """One request of plain HTTP; the proxies of the environment are not for loopback."""
    # urllib would call any body a form, which moto takes it for.
    kind = {} if body is None else {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data=body, method=method, headers={**kind, **(fields or {})})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=PATIENCE) as answer:
        content: bytes = answer.read()
        return content


# --- Faults ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Faults:
    """A running proxy. Its settings and their meanings are in crates/faults/src/settings.rs."""

    url: str
    control: str

    def change(self, **settings: object) -> None:
        """Changes these settings, and starts a new run of the seed, the plan and the limit."""
        ask("POST", f"{self.control}/_faults", json.dumps(settings).encode())

    def stats(self) -> dict[str, Any]:
        """What has passed: requests, bytes, uploaded, faults by kind, connections, recent requests."""
        stats: dict[str, Any] = json.loads(ask("GET", f"{self.control}/_stats"))
        return stats

    def clear(self) -> None:
        """Forgets what has passed."""
        ask("DELETE", f"{self.control}/_stats")


@contextlib.contextmanager
def faults(backend: str, **settings: object) -> Iterator[Faults]:
    """The proxy before the server at this URL: faults(url, delay_ms=30, faults={"reset": 0.01})."""
    program = os.environ.get("READVAULT_FAULTS")
    if not program:
        pytest.skip("READVAULT_FAULTS names no proxy: ./run test builds one")
    command = [program, urlsplit(backend).netloc, "--settings", json.dumps(settings)]
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{program} did not start")
        addresses = json.loads(line)
        yield Faults(f"http://{addresses['proxy']}", f"http://{addresses['control']}")


# --- S3 --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class S3:
    """A running server, and credentials that may do anything in its bucket."""

    url: str
    access_key: str
    secret: str
    bucket: str
    region: str = REGION

    def client(self, *, url: str | None = None, secret: str | None = None, service: str = "s3") -> Any:
        """A client of boto3 that tries each request once; through a proxy, or with a secret that is wrong."""
        import boto3
        from botocore.config import Config

        config = Config(
            retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}, max_pool_connections=64
        )
        return boto3.session.Session().client(
            service,
            endpoint_url=url or self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=secret or self.secret,
            region_name=self.region,
            config=config,
        )

    def environment(self, *, url: str | None = None) -> dict[str, str]:
        """What other programs find the server and the credentials by."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": url or self.url,
            "AWS_ALLOW_HTTP": "true",
        }


MOTO = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def moto_s3() -> Iterator[S3]:
    """moto, with a bucket and a user who may do anything in S3; signatures and IAM policies are checked."""
    with started([sys.executable, "-c", MOTO], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("moto did not start")
        root = S3(f"http://127.0.0.1:{port}", "test", "test", "readvault")
        store = with_user(root)
        # From now on all requests are checked.
        ask("POST", f"{root.url}/moto-api/reset-auth", b"0")
        yield store


@contextlib.contextmanager
def s3_server() -> Iterator[S3]:
    """MiniStack, with a bucket and a user who may do anything in S3; signatures and IAM policies are checked."""
    port = free_port()
    root = S3(f"http://127.0.0.1:{port}", "test", "test", "readvault")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_REGION": root.region,
        "SERVICES": "iam,s3",
    }
    with listening([sys.executable, "-m", "ministack"], port, env=environment):
        yield with_user(root)


def with_user(root: S3) -> S3:
    """Makes the bucket, and a user who may do anything in S3: the root's signatures are not checked anywhere."""
    where = {"LocationConstraint": root.region}
    root.client().create_bucket(Bucket=root.bucket, CreateBucketConfiguration=where)
    iam = root.client(service="iam")
    iam.create_user(UserName="tests")
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="tests", PolicyName="s3", PolicyDocument=policy)
    key = iam.create_access_key(UserName="tests")["AccessKey"]
    return S3(root.url, key["AccessKeyId"], key["SecretAccessKey"], root.bucket, root.region)


# --- Others ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Azure:
    """A running Azurite with a container."""

    url: str
    account: str
    key: str
    container: str

    def ask(self, method: str, path: str, query: str = "") -> bytes:
        """A request without a body, signed with the account's key; `query` is NAME=VALUE, with & between."""
        date = email.utils.formatdate(usegmt=True)
        fields = {"x-ms-date": date, "x-ms-version": "2021-12-02"}
        # An empty line for each of the usual fields; the account stands twice, as in the emulator's paths.
        signed = [method, *[""] * 11, *(f"{name}:{value}" for name, value in fields.items())]
        signed += [
            f"/{self.account}/{self.account}/{path}",
            *sorted(pair.replace("=", ":") for pair in query.split("&") if pair),
        ]
        digest = hmac.new(base64.b64decode(self.key), "\n".join(signed).encode(), hashlib.sha256).digest()
        fields["Authorization"] = f"SharedKey {self.account}:{base64.b64encode(digest).decode()}"
        return ask(method, f"{self.url}/{path}{'?' if query else ''}{query}", fields=fields)


@contextlib.contextmanager
def azurite() -> Iterator[Azure]:
    """Azurite's blob service, in memory."""
    program = shutil.which("azurite-blob")
    if not program or not shutil.which("node"):
        pytest.skip("there is no node or no azurite-blob (npm install -g azurite)")
    port, account = free_port(), "readvault"
    key = base64.b64encode(b"a key of the tests").decode()
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--skipApiVersionCheck"]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{account}:{key}"}
    with listening([program, "--silent", *options], port, env=environment):
        store = Azure(f"http://127.0.0.1:{port}/{account}", account, key, "readvault")
        store.ask("PUT", store.container, "restype=container")
        yield store


@dataclass(frozen=True)
class GCS:
    """A running fake-gcs-server with a bucket; it asks for no credentials."""

    url: str
    bucket: str


@contextlib.contextmanager
def gcs() -> Iterator[GCS]:
    """Google Cloud Storage by fake-gcs-server, in memory."""
    program = shutil.which("fake-gcs-server")
    if not program:
        pytest.skip("there is no fake-gcs-server (go install github.com/fsouza/fake-gcs-server@latest)")
    address = f"127.0.0.1:{(port := free_port())}"
    options = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-public-host", address]
    with listening([program, *options, "-backend", "memory"], port):
        store = GCS(f"http://{address}", "readvault")
        bucket = json.dumps({"name": store.bucket}).encode()
        ask("POST", f"{store.url}/storage/v1/b", bucket, {"Content-Type": "application/json"})
        yield store

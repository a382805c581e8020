"""The stores that the conformance tests run on: each can be asked for its objects without Readvault."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import readvault

from tests.fileserver import http_server
from tests.servers import S3, azurite, gcs, moto_s3, s3_server

KINDS = ("folder", "moto", "ministack", "azurite", "gcs", "http")


@dataclass
class Store:
    """A store, as tests see it. `own` holds what stands in one that has no client of its own here."""

    kind: str
    prefix: str
    client: Any = None
    bucket: str = ""
    folder: Path | None = None
    made: list[str] = field(default_factory=list)

    @property
    def is_writable(self) -> bool:
        return self.kind not in ("http", "gcs")

    def url(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def put(self, name: str, data: bytes) -> str:
        if self.folder is not None:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        else:
            self.client.put(name, data)
        return self.url(name)

    def get(self, name: str) -> bytes:
        if self.folder is not None:
            return (self.folder / name).read_bytes()
        data: bytes = self.client.get(name)
        return data

    def names(self) -> set[str]:
        """Names of all objects, and of uploads that were begun and not ended."""
        if self.folder is not None:
            return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
        found: set[str] = self.client.names()
        return found


class S3Client:
    """The bucket of a server that speaks S3."""

    def __init__(self, s3: S3) -> None:
        self.s3, self.client = s3, s3.client()

    def put(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.s3.bucket, Key=name, Body=data)

    def get(self, name: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=self.s3.bucket, Key=name)["Body"].read()
        return data

    def names(self) -> set[str]:
        objects = self.client.list_objects_v2(Bucket=self.s3.bucket).get("Contents", [])
        uploads = self.client.list_multipart_uploads(Bucket=self.s3.bucket).get("Uploads", [])
        return {one["Key"] for one in objects} | {f"upload of {one['Key']}" for one in uploads}


class AzureClient:
    """The container of an Azure emulator: Readvault itself puts objects there, and signed requests read them."""

    def __init__(self, azure: Any) -> None:
        self.azure = azure

    def put(self, name: str, data: bytes) -> None:
        from readvault import _core

        target = _core.Target(f"az://{self.azure.container}/{name}", force=True)
        target.write(data)
        target.publish()

    def get(self, name: str) -> bytes:
        data: bytes = self.azure.ask("GET", f"{self.azure.container}/{name}")
        return data

    def names(self) -> set[str]:
        import re

        listing = self.azure.ask("GET", self.azure.container, "restype=container&comp=list").decode()
        return set(re.findall(r"<Name>([^<]*)</Name>", listing))


class GCSClient:
    """The bucket of a GCS emulator, by its JSON interface."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def put(self, name: str, data: bytes) -> None:
        from urllib.parse import quote

        from tests.servers import ask

        target = f"/upload/storage/v1/b/{self.store.bucket}/o?uploadType=media&name={quote(name, safe='')}"
        ask("POST", self.store.url + target, data)


def environment_of(variables: dict[str, str]) -> Iterator[None]:
    """The variables, in force for whatever is opened until the test has ended."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    readvault.configure()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        readvault.configure()


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Each store in turn."""
    kind = request.param
    if kind in ("moto", "ministack"):
        with moto_s3() if kind == "moto" else s3_server() as s3:
            client = S3Client(s3)
            for _ in environment_of(s3.environment()):
                yield Store(kind, f"s3://{s3.bucket}", client)
    elif kind == "azurite":
        with azurite() as azure:
            variables = {
                "AZURE_STORAGE_ACCOUNT_NAME": azure.account,
                "AZURE_STORAGE_ACCOUNT_KEY": azure.key,
                "AZURE_STORAGE_ENDPOINT": azure.url,
            }
            for _ in environment_of(variables):
                yield Store(kind, f"az://{azure.container}", AzureClient(azure))
    elif kind == "gcs":
        with gcs() as server:
            for _ in environment_of({"GOOGLE_BASE_URL": server.url, "READVAULT_ANONYMOUS": "yes"}):
                yield Store(kind, f"gs://{server.bucket}", GCSClient(server))
    elif kind == "http":
        folder = tmp_path_factory.mktemp("http")
        with http_server(folder) as server:
            yield Store(kind, server.url, folder=folder)
    else:
        folder = tmp_path_factory.mktemp("folder")
        yield Store(kind, str(folder), folder=folder)

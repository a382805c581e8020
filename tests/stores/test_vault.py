"""A vault in a bucket, of sources in buckets: prefixes, versions, tags and classes as S3 has them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from readvault.pipeline.order import Options
from readvault.vault.home import Vault
from readvault.vault.submit import MISSING, requests
from readvault.vault.watch import Watch

from tests.bam import bam
from tests.conftest import Completed
from tests.servers import S3, moto_s3
from tests.stores.conftest import S3Client, environment_of

Rv = Callable[..., Completed]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """moto: it keeps versions, tags and classes."""
    with moto_s3() as server:
        for _ in environment_of(server.environment()):
            yield server


@pytest.fixture
def bucket(s3: S3, tmp_path: Path) -> Iterator[S3Client]:
    """The bucket, without versions and without objects."""
    client = S3Client(s3)
    yield client
    client.client.put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": "Suspended"})
    for version in client.client.list_object_versions(Bucket=s3.bucket).get("Versions", []):
        client.client.delete_object(Bucket=s3.bucket, Key=version["Key"], VersionId=version["VersionId"])


@pytest.fixture
def run(rv: Rv, s3: S3, bucket: S3Client, tmp_path: Path) -> Rv:
    """Runs a command on a vault in the bucket."""
    home = tmp_path / "home"
    assert rv("vault", "init", f"s3://{s3.bucket}/vault", "--folder", home, "-q").returncode == 0

    def command(*arguments: object, **more: Any) -> Completed:
        return rv(*arguments, env={"READVAULT_VAULT": str(home)}, **more)

    return command


def entries(tmp_path: Path) -> dict[str, Any]:
    with Vault(tmp_path / "home") as vault:
        return {entry.name: entry for entry in vault.catalog.find()}


def test_the_files_of_a_prefix_go_into_a_bucket_and_come_back(
    run: Rv, s3: S3, bucket: S3Client, tmp_path: Path
) -> None:
    contents = {name: bam(50 + len(name)) for name in ("a.bam", "deep/b.bam", "deep/c d.bam")}
    for name, content in contents.items():
        bucket.put(f"in/{name}", content)
    bucket.put("in/notes.txt", b"no")
    bucket.put("inside.bam", bam(5))
    for place in ("in/", "in"):
        assert run("submit", f"s3://{s3.bucket}/{place}", "--verify", "sample").returncode == 0
    done = run("vault", "run", "--until-empty", "-w", 2)
    assert done.returncode == 0, done.stderr
    found = entries(tmp_path)
    assert sorted(found) == ["a.bam", "b.bam", "c d.bam"]
    assert all(entry.place.startswith(f"s3://{s3.bucket}/vault/") and entry.version for entry in found.values())
    assert all(entry.sidecar for entry in found.values())
    assert run("vault", "restore", "name=*", "-o", tmp_path / "out").returncode == 0
    for name, content in contents.items():
        assert (tmp_path / "out" / Path(name).name).read_bytes() == content
    assert run("vault", "restore", "a.bam", "-o", f"s3://{s3.bucket}/out/").returncode == 0
    assert bucket.get("out/a.bam") == contents["a.bam"]
    assert run("catalog", "check", "--digest").returncode == 0
    assert run("vault", "reclaim", "--yes").returncode == 0
    assert {name for name in bucket.names() if name.startswith("in/")} == {"in/notes.txt"}


def test_an_object_that_is_not_there_is_a_failed_job(s3: S3, bucket: S3Client, run: Rv) -> None:
    (request,) = requests([f"s3://{s3.bucket}/none.bam"], Options())
    assert request.version == MISSING
    assert run("submit", f"s3://{s3.bucket}/none.bam").returncode == 5
    bucket.put("changes.bam", bam(5))
    assert run("submit", f"s3://{s3.bucket}/changes.bam").returncode == 0
    bucket.put("changes.bam", bam(6))
    run("vault", "run", "--until-empty")
    kinds = [json.loads(line)["error_kind"] for line in run("vault", "failed", "--json").stdout.splitlines()]
    assert kinds == ["FileNotFoundError", "ChangedError"]


def test_exactly_the_version_that_was_checked_is_deleted(run: Rv, s3: S3, bucket: S3Client, tmp_path: Path) -> None:
    bucket.client.put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": "Enabled"})
    older = bucket.client.put_object(Bucket=s3.bucket, Key="in/a.bam", Body=bam(5))["VersionId"]
    archived = bucket.client.put_object(Bucket=s3.bucket, Key="in/a.bam", Body=bam(6))["VersionId"]
    assert run("submit", f"s3://{s3.bucket}/in/a.bam").returncode == 0
    assert run("vault", "run", "--until-empty").returncode == 0
    newer = bucket.client.put_object(Bucket=s3.bucket, Key="in/a.bam", Body=bam(7))["VersionId"]
    assert run("vault", "reclaim", "--yes").returncode != 0, "what is there now was not archived"
    bucket.client.delete_object(Bucket=s3.bucket, Key="in/a.bam", VersionId=newer)
    done = run("vault", "reclaim", "--yes")
    assert done.returncode == 0, done.stderr
    listed = bucket.client.list_object_versions(Bucket=s3.bucket, Prefix="in/")
    assert [version["VersionId"] for version in listed.get("Versions", [])] == [older]
    assert archived != older
    assert not listed.get("DeleteMarkers")


def test_archives_are_tagged_and_classed_and_their_sidecars_are_not(
    run: Rv, s3: S3, bucket: S3Client, tmp_path: Path
) -> None:
    (tmp_path / "a.bam").write_bytes(bam())
    assert run("submit", tmp_path / "a.bam", "--project", "p").returncode == 0
    assert run("vault", "run", "--until-empty").returncode == 0
    with open(tmp_path / "home" / "vault.toml", "a") as file:
        file.write('[[tier]]\nname = "cold"\nstorage_class = "STANDARD_IA"\ntags = { lifecycle = "archive" }\n')
    assert run("vault", "done", "a.bam").returncode == 0
    moved = run("vault", "tier")
    assert moved.returncode == 0, moved.stderr
    (entry,) = entries(tmp_path).values()
    key = f"vault/{entry.key}"
    tags = bucket.client.get_object_tagging(Bucket=s3.bucket, Key=key)["TagSet"]
    assert tags == [{"Key": "lifecycle", "Value": "archive"}]
    assert bucket.client.head_object(Bucket=s3.bucket, Key=key)["StorageClass"] == "STANDARD_IA"
    beside = bucket.client.head_object(Bucket=s3.bucket, Key=f"vault/{entry.sidecar}")
    assert beside.get("StorageClass", "STANDARD") == "STANDARD"
    assert not bucket.client.get_object_tagging(Bucket=s3.bucket, Key=f"vault/{entry.sidecar}")["TagSet"]
    assert entry.tier == "cold"
    assert run("catalog", "check").returncode == 0
    assert run("vault", "restore", "a.bam", "-o", tmp_path / "out").returncode == 0


def test_a_prefix_is_watched(run: Rv, s3: S3, bucket: S3Client, tmp_path: Path) -> None:
    with Vault(tmp_path / "home") as vault:
        seen = Watch(vault.queue, [f"s3://{s3.bucket}/new/"], Options(), include=["*.bam"], quiet=3600, marker=None)
        assert seen.look() == (0, 0)
        bucket.put("new/a.bam", bam(5))
        assert seen.look() == (1, 0), "an object is whole when it can be seen"
        assert seen.look() == (0, 0)
        marked = Watch(vault.queue, [f"s3://{s3.bucket}/new/"], Options(), include=["*.bam"], quiet=0, marker=".done")
        bucket.put("new/b.bam", bam(6))
        bucket.put("new/b.bam.done", b"")
        assert marked.look() == (1, 1)

"""What only S3 has: profiles, signed URLs, tags and classes, and what `--json` tells of transfers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import readvault

from tests.bam import bam
from tests.servers import S3, faults, s3_server
from tests.stores.conftest import S3Client, environment_of

SOURCE = bam(2000)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        S3Client(server).put("x.bam", SOURCE)
        for _ in environment_of(server.environment()):
            yield server


def run(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    """The command line with these variables, and without those of the test's own credentials."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "readvault", *words]
    return subprocess.run(command, capture_output=True, env={**own, **(env or {})}, timeout=120, check=False)


def test_credentials_come_from_a_profile(s3: S3, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        f"[lab]\naws_access_key_id = {s3.access_key}\naws_secret_access_key = {s3.secret}\n"
    )
    (tmp_path / "config").write_text(f"[profile lab]\nregion = {s3.region}\nendpoint_url = {s3.url}\n")
    program = f'{{"Version": 1, "AccessKeyId": "{s3.access_key}", "SecretAccessKey": "{s3.secret}"}}'
    (tmp_path / "program").write_text(f"#!/bin/sh\necho '{program}'\n")
    (tmp_path / "program").chmod(0o700)
    (tmp_path / "asked").write_text(
        f"[profile lab]\nregion = {s3.region}\nendpoint_url = {s3.url}\ncredential_process = {tmp_path}/program\n"
    )
    for files in (
        {"AWS_CONFIG_FILE": "config", "AWS_SHARED_CREDENTIALS_FILE": "credentials"},
        {"AWS_CONFIG_FILE": "asked"},
    ):
        paths = {name: str(tmp_path / file) for name, file in files.items()}
        told = run("cat", "--range", "0-100", f"s3://{s3.bucket}/x.bam", env={"AWS_PROFILE": "lab", **paths})
        assert told.stdout == SOURCE[:100], told.stderr


def test_who_is_refused_is_told_so(s3: S3) -> None:
    wrong = {**s3.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"}
    told = run("info", f"s3://{s3.bucket}/x.bam", env=wrong)
    assert told.returncode == 6
    assert b"access denied" in told.stderr
    nobody = {"AWS_ENDPOINT_URL": s3.url, "AWS_REGION": s3.region, "AWS_EC2_METADATA_DISABLED": "true"}
    told = run("info", f"s3://{s3.bucket}/x.bam", env=nobody)
    assert told.returncode == 6
    assert b"no credentials were found" in told.stderr
    assert b"Traceback" not in told.stderr


def test_a_signed_url_is_read(s3: S3) -> None:
    url = s3.client().generate_presigned_url("get_object", {"Bucket": s3.bucket, "Key": "x.bam"})
    with readvault.open(url) as file:
        assert file.read() == SOURCE
    with pytest.raises(PermissionError) as refused:
        readvault.open(url.replace("Signature=", "Signature=0"))
    assert "X-Amz-Signature" not in str(refused.value)


def test_objects_get_the_tags_and_the_class_that_are_set(s3: S3) -> None:
    readvault.configure(tags="project=x,kind=archive", storage_class="STANDARD_IA")
    try:
        readvault.compress(f"s3://{s3.bucket}/x.bam", f"s3://{s3.bucket}/tagged.rv", threads=1)
    finally:
        readvault.configure(tags="", storage_class="")
    client = s3.client()
    tags = client.get_object_tagging(Bucket=s3.bucket, Key="tagged.rv")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"project": "x", "kind": "archive"}
    assert client.head_object(Bucket=s3.bucket, Key="tagged.rv")["StorageClass"] == "STANDARD_IA"


def test_json_has_totals_and_long_work_says_them(s3: S3, tmp_path: Path) -> None:
    prices = {"READVAULT_PRICE_PER_1000_GETS": "0.4", "READVAULT_PRICE_PER_GB": "90"}
    with faults(s3.url, delay_ms=6000) as proxy:
        environment = {**s3.environment(url=proxy.url), **prices}
        told = run("compress", "--json", "-o", str(tmp_path / "x.rv"), f"s3://{s3.bucket}/x.bam", env=environment)
    assert told.returncode == 0, told.stderr
    moved = json.loads(told.stdout)["transfers"]
    assert moved["fetched_bytes"] >= len(SOURCE)
    assert moved["gets"] > 1
    assert moved["cost"] > 0
    assert b"transfers: " in told.stderr
    assert b"cost" in told.stderr

"""What stands in S3: versions, tags, classes, long lists, and requests that fail."""

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import readvault
from readvault import _core
from readvault.errors import InvalidError, StoreError, UnsupportedError

from tests.servers import S3, faults, moto_s3
from tests.stores.conftest import S3Client, environment_of


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """moto: it keeps versions, tags and classes."""
    with moto_s3() as server:
        for _ in environment_of(server.environment()):
            yield server


def look(place: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(_core.look(place))
    return state


def places(folder: str) -> list[str]:
    return [place for batch in _core.listing(folder) for place, *_ in batch]


def test_a_long_list_is_read_in_batches_through_faults(s3: S3) -> None:
    client = S3Client(s3)
    names = [f"many/{number % 7}/{number:04}" for number in range(2300)]
    for name in names:
        client.put(name, b"")
    with faults(s3.url) as proxy:
        for _ in environment_of(s3.environment(url=proxy.url)):
            readvault.configure(retries=8)
            proxy.change(seed=4, faults={"reset": 0.3, "slow_down": 0.1})
            before = json.loads(_core.transfer_totals())
            batches = list(_core.listing(f"s3://{s3.bucket}/many"))
            after = json.loads(_core.transfer_totals())
    assert [len(batch) for batch in batches] == [1000, 1000, 300]
    prefix = f"s3://{s3.bucket}/"
    assert [place for batch in batches for place, *_ in batch] == [prefix + name for name in sorted(names)]
    assert after["gets"] - before["gets"] >= 3


def test_a_whole_bucket_is_listed(s3: S3) -> None:
    S3Client(s3).put("whole", b"")
    assert f"s3://{s3.bucket}/whole" in places(f"s3://{s3.bucket}")
    with pytest.raises(FileNotFoundError):
        places("s3://another-bucket/x")


def test_objects_that_stand_for_folders_are_not_files(s3: S3) -> None:
    client = S3Client(s3)
    for name in ("marked/", "marked/a/1", "marked/a-b", "marked/a/"):
        client.put(name, b"1" if name[-1].isalnum() else b"")
    prefix = f"s3://{s3.bucket}/marked"
    assert places(prefix) == [f"{prefix}/a-b", f"{prefix}/a/1"]


def test_a_key_that_no_place_can_have_is_an_error(s3: S3) -> None:
    S3Client(s3).put("slashes//x", b"1")
    with pytest.raises(StoreError, match=r"cannot be a path.*slashes//x"):
        places(f"s3://{s3.bucket}/slashes")
    s3.client().delete_object(Bucket=s3.bucket, Key="slashes//x")


def test_exactly_the_version_that_was_looked_at_is_removed(s3: S3) -> None:
    client = s3.client()
    where = {"LocationConstraint": s3.region}
    client.create_bucket(Bucket="versions", CreateBucketConfiguration=where)
    client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})

    def put(data: bytes) -> str:
        version: str = client.put_object(Bucket="versions", Key="a b/x", Body=data)["VersionId"]
        return version

    def versions() -> set[str]:
        listed = client.list_object_versions(Bucket="versions")
        assert not listed.get("DeleteMarkers")
        return {one["VersionId"] for one in listed.get("Versions", [])}

    url = "s3://versions/a b/x"
    older, looked_at = put(b"older"), put(b"looked at")
    state = _core.look(url)
    assert json.loads(state)["version"] == looked_at
    newer = put(b"newer")
    assert versions() == {older, looked_at, newer}
    assert _core.remove(url, state) is True
    assert versions() == {older, newer}
    assert _core.remove(url, state) is False
    assert versions() == {older, newer}
    forged = {**json.loads(_core.look(url)), "etag": '"00000000000000000000000000000000"'}
    with pytest.raises(StoreError, match="changed"):
        _core.remove(url, json.dumps(forged))
    assert versions() == {older, newer}


def tags(s3: S3, key: str) -> dict[str, str]:
    found = s3.client().get_object_tagging(Bucket=s3.bucket, Key=key)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


def test_tags_are_added_to_those_that_are_there(s3: S3) -> None:
    url = f"s3://{s3.bucket}/tagged a%20b/x"
    key = "tagged a%20b/x"
    S3Client(s3).put(key, b"x")
    _core.tag(url, {"one": "1", "two": "old"})
    _core.tag(url, {"two": "a/b=c", "drei ü": ""})
    wanted = {"one": "1", "two": "a/b=c", "drei ü": ""}
    assert tags(s3, key) == wanted
    before = json.loads(_core.transfer_totals())
    _core.tag(url, {"one": "1"})
    after = json.loads(_core.transfer_totals())
    assert (after["gets"] - before["gets"], after["puts"] - before["puts"]) == (1, 0)
    _core.tag(url, {f"more {number}": "" for number in range(7)})
    with pytest.raises(InvalidError, match="11 tags"):
        _core.tag(url, {"eleventh": ""})
    assert len(tags(s3, key)) == 10
    with pytest.raises(FileNotFoundError, match="absent"):
        _core.tag(f"s3://{s3.bucket}/absent", {"one": "1"})


def test_an_object_changes_its_class_and_keeps_all_else(s3: S3) -> None:
    key = "class/a b%20ü+.bam"
    url = f"s3://{s3.bucket}/{key}"
    client = s3.client()
    client.put_object(Bucket=s3.bucket, Key=key, Body=b"x", Metadata={"of": "mine"}, Tagging="one=1")
    assert look(url)["storage_class"] is None
    _core.storage_class(url, "STANDARD_IA")
    assert look(url)["storage_class"] == "STANDARD_IA"
    head = client.head_object(Bucket=s3.bucket, Key=key)
    assert (head["StorageClass"], head["Metadata"]) == ("STANDARD_IA", {"of": "mine"})
    assert tags(s3, key) == {"one": "1"}
    before = json.loads(_core.transfer_totals())["puts"]
    _core.storage_class(url, "STANDARD_IA")
    assert json.loads(_core.transfer_totals())["puts"] == before


def test_only_objects_of_s3_have_tags_and_classes(tmp_path: Path) -> None:
    for place in (str(tmp_path / "x"), "gs://bucket/x", "https://host/x"):
        with pytest.raises(UnsupportedError, match="S3"):
            _core.tag(place, {"one": "1"})
        with pytest.raises(UnsupportedError, match="rules"):
            _core.storage_class(place, "GLACIER")


def test_requests_that_fail_in_passing_are_sent_again(s3: S3) -> None:
    data = random.Random(2).randbytes(2_000_000)
    S3Client(s3).put("faults/x", data)
    url = f"s3://{s3.bucket}/faults/x"
    with faults(s3.url) as proxy:
        for _ in environment_of(s3.environment(url=proxy.url)):
            readvault.configure(retries=12)
            proxy.change(seed=1, faults={"reset": 0.1, "internal": 0.1, "lost": 0.1})
            assert json.loads(_core.digest(url))["sha256"] == hashlib.sha256(data).hexdigest()
            for number in range(4):
                _core.tag(url, {f"tag {number}": "x"})
            _core.storage_class(url, "STANDARD_IA")
            state = _core.look(url)
            assert _core.remove(url, state) is True
            assert proxy.stats()["requests"] > 0
    assert len(places(f"s3://{s3.bucket}/faults")) == 0


@pytest.mark.parametrize("fault", ["lost", "error_in_200", "internal"])
def test_what_was_done_once_is_not_told_as_failed(s3: S3, fault: str) -> None:
    S3Client(s3).put("lost/x", b"x")
    url = f"s3://{s3.bucket}/lost/x"
    with faults(s3.url) as proxy:
        for _ in environment_of(s3.environment(url=proxy.url)):
            proxy.change(plan=[{"fault": fault, "method": "PUT"}, {"fault": fault, "method": "DELETE"}])
            _core.storage_class(url, "STANDARD_IA")
            state = _core.look(url)
            assert json.loads(state)["storage_class"] == "STANDARD_IA"
            assert _core.remove(url, state) is True
            assert _core.remove(url, state) is False
            assert sum(proxy.stats()["faults"].values()) == 2


def test_who_may_not_is_told_so(s3: S3) -> None:
    S3Client(s3).put("secret", b"x")
    url = f"s3://{s3.bucket}/secret"
    for _ in environment_of({**s3.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"}):
        for refused in (
            lambda: _core.look(url),
            lambda: _core.remove(url, None),
            lambda: _core.tag(url, {"one": "1"}),
            lambda: places(f"s3://{s3.bucket}/secret"),
        ):
            with pytest.raises(PermissionError, match="access denied"):
                refused()
    assert look(url)["length"] == 1

"""A catalog of archives in a bucket: imported, copied there, and compared with it by one listing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import readvault
from readvault import objects
from readvault.catalog.query import conditions_of
from readvault.errors import InvalidError
from readvault.pipeline.importing import Wanted, archives
from readvault.vault import checking, home
from readvault.vault.home import Vault
from readvault.vault.importing import take

from tests.bam import bam
from tests.servers import S3, moto_s3
from tests.stores.conftest import S3Client, environment_of


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with moto_s3() as server:
        for _ in environment_of(server.environment()):
            yield server


@pytest.fixture(params=["etags", "versions"])
def vault(request: pytest.FixtureRequest, s3: S3, tmp_path: Path) -> Iterator[Vault]:
    """A vault in a bucket with two archives, one of them copied from a local folder."""
    status = "Enabled" if request.param == "versions" else "Suspended"
    client = S3Client(s3)
    client.client.put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": status})
    prefix = f"v-{request.param}-{tmp_path.name}"
    for name in ("a.bam", "b.bam"):
        (tmp_path / name).write_bytes(bam(20 if name == "a.bam" else 30))
        readvault.compress(tmp_path / name)
    client.put(f"{prefix}/p/a.bam.rv", (tmp_path / "a.bam.rv").read_bytes())
    with home.create(f"s3://{s3.bucket}/{prefix}", folder=str(tmp_path / "home"), key="{name}.rv") as opened:
        for place in archives(opened.store):
            take(opened, place, Wanted(verify="digest"))
        take(opened, str(tmp_path / "b.bam.rv"), Wanted(copy=True))
        yield opened


def found(vault: Vault, *words: str, digest: bool = False) -> list[tuple[str, str]]:
    findings = checking.compare(vault, conditions_of(words), digest=digest)
    return [(one.kind, one.place.removeprefix(vault.store + "/")) for one in findings]


def client_of(s3: S3, vault: Vault) -> tuple[S3Client, str]:
    return S3Client(s3), vault.store.removeprefix(f"s3://{s3.bucket}/")


def test_a_bucket_is_compared_without_a_question_for_each_archive(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [entry.key for entry in vault.catalog.find()] == ["p/a.bam.rv", "b.bam.rv"]
    assert found(vault, "name=*") == []

    def refuse(place: str) -> Any:
        raise AssertionError(place)

    monkeypatch.setattr(objects, "look", refuse)
    assert found(vault) == []


def test_an_object_of_the_same_length_is_another_one(vault: Vault, s3: S3) -> None:
    client, prefix = client_of(s3, vault)
    content = bytearray(client.get(f"{prefix}/b.bam.rv"))
    content[len(content) // 2] ^= 1
    client.put(f"{prefix}/b.bam.rv", bytes(content))
    assert found(vault, "name=*") == [("changed", "b.bam.rv")]
    assert found(vault, digest=True) == [("changed", "b.bam.rv")]
    entry = next(vault.catalog.find(conditions_of(["b.bam"])))
    if entry.version is not None and entry.version.startswith('"'):
        assert found(vault) == [("changed", "b.bam.rv")]
    else:
        # A list tells no versions: only the time, of which clocks may differ by minutes.
        vault.catalog.change(entry.uuid, created="2020-01-01T00:00:00Z")
        assert found(vault) == [("changed", "b.bam.rv")]


def test_what_is_gone_and_what_nobody_knows_is_found(vault: Vault, s3: S3) -> None:
    client, prefix = client_of(s3, vault)
    client.client.delete_object(Bucket=s3.bucket, Key=f"{prefix}/p/a.bam.rv")
    client.put(f"{prefix}/p/c.bam.rv", b"c")
    assert found(vault) == [("missing", "p/a.bam.rv"), ("orphan", "p/c.bam.rv")]


def test_the_same_bytes_written_again_are_good_by_their_digest(vault: Vault, s3: S3) -> None:
    client, prefix = client_of(s3, vault)
    entry = next(vault.catalog.find(conditions_of(["b.bam"])))
    client.put(f"{prefix}/b.bam.rv", client.get(f"{prefix}/b.bam.rv"))
    vault.catalog.change(entry.uuid, version='"of-another-upload"')
    assert found(vault) == [("changed", "b.bam.rv")]
    assert found(vault, digest=True) == []
    assert found(vault, "b.bam", digest=True) == []


def test_archives_of_other_places_are_copied_when_asked(vault: Vault, s3: S3) -> None:
    client, prefix = client_of(s3, vault)
    (vault.folder.parent / "x.bam").write_bytes(bam(5))
    readvault.compress(vault.folder.parent / "x.bam")
    client.put("other/x.bam.rv", (vault.folder.parent / "x.bam.rv").read_bytes())
    place = f"s3://{s3.bucket}/other/x.bam.rv"
    with pytest.raises(InvalidError, match="--copy"):
        take(vault, place, Wanted())
    taken = take(vault, place, Wanted(copy=True))
    assert taken.entry.store == vault.store
    assert client.get(f"{prefix}/{taken.entry.key}") == client.get("other/x.bam.rv")
    with pytest.raises(FileNotFoundError, match="nor is anything below it"):
        list(archives(f"s3://{s3.bucket}/nothing"))
    assert list(archives(f"s3://{s3.bucket}/other")) == [place]

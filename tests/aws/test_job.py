"""The job as the container runs it: a process, an order, a store; whatever happens, it is whole or tried again."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import readvault
from readvault.aws.sources import Seen
from readvault.catalog.model import now
from readvault.pipeline.entries import entry_for
from readvault.pipeline.order import Options, WorkOrder
from readvault.pipeline.restore import give_back, reference_of

from tests.bam import bam, leaning
from tests.servers import S3, Faults, faults, s3_server
from tests.stores.conftest import S3Client, environment_of

# Seconds after which a job counts as hung.
PATIENCE = 120
OK, FAILED, USAGE, AGAIN = 0, 1, 2, 75


@dataclass
class Fleet:
    """A bucket with sources, and the jobs of their orders."""

    s3: S3
    client: S3Client
    name: str

    def order(self, content: bytes | None = None, source: str = "a.bam", **options: Any) -> WorkOrder:
        """An order for a source that is there, or for one that is not; its document is written."""
        version, size = "0:none", 0
        if content is not None:
            self.client.put(f"{self.name}/in/{source}", content)
            head = self.client.client.head_object(Bucket=self.s3.bucket, Key=f"{self.name}/in/{source}")
            size = head["ContentLength"]
            version = Seen(size, head["ETag"].strip('"'), None, None).name
        made = WorkOrder(
            job=0,
            source=f"s3://{self.s3.bucket}/{self.name}/in/{source}",
            source_version=version,
            source_size=size,
            store=f"s3://{self.s3.bucket}/{self.name}/archives",
            key=f"{source}.rv",
            options=Options(level="fast", **options),
            reference=None,
            created=now(),
        )
        self.client.put(f"{self.name}/work/{source}.json", json.dumps(made.as_dict()).encode())
        return made

    def start(
        self, source: str = "a.bam", *, url: str | None = None, attempt: int = 1, **environment: str
    ) -> subprocess.Popen[bytes]:
        """The container's entry point."""
        place = f"s3://{self.s3.bucket}/{self.name}/work/{source}.json"
        known = {**os.environ, **self.s3.environment(url=url), "AWS_BATCH_JOB_ATTEMPT": str(attempt)}
        command = [sys.executable, "-m", "readvault.aws.job", place]
        return subprocess.Popen(command, env={**known, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, source: str = "a.bam", **how: Any) -> tuple[int, list[dict[str, Any]]]:
        """Its exit code, and what it said."""
        with self.start(source, **how) as process:
            said, complaints = process.communicate(timeout=PATIENCE)
        assert complaints == b""
        return process.returncode, [json.loads(line) for line in said.splitlines()]

    def reference(self, fasta: bytes) -> str:
        """The URL of a reference."""
        self.client.put(f"{self.name}/in/genome.fa", fasta)
        return f"s3://{self.s3.bucket}/{self.name}/in/genome.fa"

    def names(self) -> set[str]:
        start = f"{self.name}/"
        return {name.replace(start, "") for name in self.client.names() if start in name}

    def told(self, kind: str, source: str = "a.bam") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.client.get(f"{self.name}/work/{source}.{kind}.json"))
        return found

    def forget(self, *kinds: str, source: str = "a.bam") -> None:
        """Lose what the job has written down."""
        for kind in kinds:
            self.client.client.delete_object(Bucket=self.s3.bucket, Key=f"{self.name}/work/{source}.{kind}.json")

    def archive(self, source: str = "a.bam") -> bytes:
        return self.client.get(f"{self.name}/archives/{source}.rv")


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3_server() as s3:
        for _ in environment_of(s3.environment()):
            yield s3


@pytest.fixture
def fleet(server: S3, request: pytest.FixtureRequest) -> Fleet:
    return Fleet(server, S3Client(server), request.node.name.replace("[", "-").replace("]", ""))


def decoded(fleet: Fleet, tmp_path: Path, source: str = "a.bam") -> bytes:
    path = tmp_path / "archive.rv"
    path.write_bytes(fleet.archive(source))
    readvault.decompress(path, tmp_path / "back")
    return (tmp_path / "back").read_bytes()


def test_an_order_is_done(fleet: Fleet, tmp_path: Path) -> None:
    content = bam(300)
    order = fleet.order(content, project="p")
    code, said = fleet.run()
    assert code == OK, said
    assert decoded(fleet, tmp_path) == content
    result = fleet.told("result")
    assert result["attempt"] == 1
    assert result["compress"]["adopted"] is False
    assert result["verify"]["length"] == len(fleet.archive())
    assert fleet.names() == {
        "in/a.bam", "work/a.bam.json", "work/a.bam.journal.json", "work/a.bam.result.json",
        "archives/a.bam.rv", "archives/a.bam.rv.idx",
    }  # fmt: skip
    entry = entry_for(order, result, result["started"], result["ended"])
    assert (entry.size, entry.records, entry.project, entry.job) == (len(content), 300, "p", None)
    assert [line["message"] for line in said] == ["started", "done"]
    assert all(line["source"] == order.source for line in said)


def test_all_of_it_is_decoded_where_the_order_says_so(fleet: Fleet) -> None:
    fleet.order(bam(100), verify="full")
    assert fleet.run()[0] == OK
    assert fleet.told("result")["verify"]["full"] is not None


def test_a_job_that_is_run_again_goes_on_where_it_stopped(fleet: Fleet) -> None:
    fleet.order(bam(200))
    assert fleet.run()[0] == OK
    before, result = fleet.archive(), fleet.told("result")
    # With its result still there, nothing is done; with its journal, what is not noted.
    assert fleet.run(attempt=2)[1][-1]["message"] == "an earlier attempt had done all of it"
    fleet.forget("result")
    code, said = fleet.run(attempt=3)
    assert code == OK, said
    assert [line["steps"] for line in said if "steps" in line] == [["compress", "index"]]
    again = fleet.told("result")
    assert fleet.archive() == before
    assert (again["compress"], again["index"]) == (result["compress"], result["index"])
    assert (again["verify"]["how"], again["attempt"]) == ("digest", 3)
    # What the first attempt took counts.
    assert again["ended"] - again["started"] > result["ended"] - result["started"] - 0.5


def test_a_job_that_could_not_note_what_it_had_published_adopts_it(fleet: Fleet) -> None:
    fleet.order(bam(200))
    assert fleet.run()[0] == OK
    before, result = fleet.archive(), fleet.told("result")
    fleet.forget("result", "journal")
    assert fleet.run(attempt=2)[0] == OK
    again = fleet.told("result")
    assert fleet.archive() == before
    assert (again["compress"]["adopted"], again["verify"]["how"], again["attempt"]) == (True, "full", 2)
    assert again["compress"]["report"]["archive"]["uuid"] == result["compress"]["report"]["archive"]["uuid"]


@pytest.mark.parametrize("journal", [b"no JSON", b"[]", b"{}", b'{"order": "another", "seconds": 1, "results": {}}'])
def test_a_journal_that_is_not_this_orders_counts_for_nothing(fleet: Fleet, journal: bytes) -> None:
    fleet.order(bam(50))
    fleet.client.put(f"{fleet.name}/work/a.bam.journal.json", journal)
    assert fleet.run(attempt=2)[0] == OK
    assert fleet.told("result")["compress"]["adopted"] is False


def test_an_archive_that_was_changed_after_it_was_noted_is_made_anew(fleet: Fleet, tmp_path: Path) -> None:
    content = bam(200)
    fleet.order(content)
    assert fleet.run()[0] == OK
    fleet.forget("result")
    changed = bytearray(fleet.archive())
    changed[len(changed) // 2] ^= 1
    fleet.client.put(f"{fleet.name}/archives/a.bam.rv", bytes(changed))
    assert fleet.run(attempt=2)[0] == AGAIN
    assert fleet.told("failed")["kind"] == "ChecksumMismatch"
    assert fleet.run(attempt=3)[0] == OK
    assert decoded(fleet, tmp_path) == content


@pytest.mark.parametrize("kind", ["another source's archive", "no archive"])
def test_what_else_stands_there_is_left_alone(fleet: Fleet, tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other.bam"
    other.write_bytes(bam(50, seed=9))
    readvault.compress(other)
    standing = other.with_name("other.bam.rv").read_bytes() if "another" in kind else b"something"
    fleet.order(bam(100))
    fleet.client.put(f"{fleet.name}/archives/a.bam.rv", standing)
    assert fleet.run()[0] == FAILED
    assert fleet.told("failed")["kind"] == "NameClash"
    assert fleet.archive() == standing


def test_a_source_that_is_missing_has_failed_for_good(fleet: Fleet) -> None:
    order = fleet.order(None)
    code, said = fleet.run()
    assert code == FAILED
    assert fleet.told("failed") == {
        "kind": "SourceMissing",
        "message": said[-1]["message"],
        "attempt": 1,
        "order": order.created,
    }
    assert order.source in said[-1]["message"]
    assert fleet.names() == {"work/a.bam.json", "work/a.bam.failed.json"}


def test_a_source_that_has_changed_has_failed_for_good(fleet: Fleet) -> None:
    order = fleet.order(bam(50))
    fleet.client.put(
        f"{fleet.name}/work/a.bam.json", json.dumps(replace(order, source_version="7:x").as_dict()).encode()
    )
    assert fleet.run()[0] == FAILED
    assert fleet.told("failed")["kind"] == "SourceChanged"


def test_a_bug_is_met_once(fleet: Fleet) -> None:
    order = fleet.order(bam(50)).as_dict()
    # Nobody compares lengths with words.
    fleet.client.put(f"{fleet.name}/work/a.bam.json", json.dumps({**order, "source_size": "fifty"}).encode())
    code, said = fleet.run()
    assert code == FAILED
    assert fleet.told("failed")["kind"] == "TypeError"
    assert said[-1]["again"] is False
    assert "steps.py" in "".join(said[-1]["trace"])


def test_a_source_that_is_no_bam_is_kept_as_it_is(fleet: Fleet, tmp_path: Path) -> None:
    fleet.order(b"no bam at all")
    assert fleet.run()[0] == OK
    assert fleet.told("result")["compress"]["marks"] == ["not-bam"]
    assert decoded(fleet, tmp_path) == b"no bam at all"


@pytest.mark.parametrize("verify", ["digest", "sample", "full"])
def test_an_archive_leans_on_a_reference_that_the_store_keeps_and_a_machine_fetches_once(
    fleet: Fleet, tmp_path: Path, verify: str
) -> None:
    content, fasta = leaning(300)
    url, sha256 = fleet.reference(fasta), hashlib.sha256(fasta).hexdigest()
    orders = {name: fleet.order(content, name, verify=verify, reference=url) for name in ("a.bam", "b.bam")}
    told = [fleet.run(name, READVAULT_SCRATCH=str(tmp_path)) for name in orders]
    assert [code for code, _ in told] == [OK, OK], told
    fetched = [[one for one in said if one["message"] == "fetched the reference"] for _, said in told]
    assert [len(one) for one in fetched] == [1, 0]
    for name, order in orders.items():
        result = fleet.told("result", name)
        assert result["reference"] == f"references/{sha256}.fa"
        entry = entry_for(replace(order, reference=result["reference"]), result, result["started"], result["ended"])
        assert (entry.reference, [one["name"] for one in entry.references]) == (result["reference"], ["chr1"])
        # What the catalog says of it is enough to give the source back, wherever the first copy has gone.
        fleet.client.put(f"{fleet.name}/in/genome.fa", b"gone")
        give_back(entry, str(tmp_path / name), threads=1, force=False)
        assert (tmp_path / name).read_bytes() == content
        with reference_of(entry) as first, reference_of(entry) as second:
            assert first == second, "it is fetched once for all archives that lean on it"


def test_another_machine_goes_on_with_a_reference_of_its_own(fleet: Fleet, tmp_path: Path) -> None:
    content, fasta = leaning(300)
    fleet.order(content, verify="full", reference=fleet.reference(fasta))
    assert fleet.run(READVAULT_SCRATCH=str(tmp_path / "one"))[0] == OK
    before = fleet.told("result")
    fleet.forget("result")
    shutil.rmtree(tmp_path / "one")
    code, said = fleet.run(attempt=2, READVAULT_SCRATCH=str(tmp_path / "other"))
    assert code == OK, said
    assert [line["steps"] for line in said if "steps" in line] == [["compress", "index"]]
    after = fleet.told("result")
    assert (after["reference"], after["compress"]) == (before["reference"], before["compress"])


def test_a_reference_that_is_not_there_or_another_has_failed_for_good(fleet: Fleet) -> None:
    content, fasta = leaning(300)
    url = fleet.reference(fasta[:-200])
    fleet.order(content, reference=url)
    assert fleet.run()[0] == FAILED
    assert "chr1" in fleet.told("failed")["message"]
    fleet.order(content, "b.bam", reference=url.replace("genome", "none"))
    assert fleet.run("b.bam")[0] == FAILED
    reason = fleet.told("failed", "b.bam")
    assert (reason["kind"], "none.fa" in reason["message"]) == ("SourceMissing", True)
    assert not any(name.endswith(".rv") for name in fleet.names())


@pytest.mark.parametrize("verify", ["digest", "sample", "full"])
def test_a_source_that_was_cut_short_is_kept_as_it_is(fleet: Fleet, tmp_path: Path, verify: str) -> None:
    content = bam(300)[:-40]
    fleet.order(content, verify=verify)
    assert fleet.run()[0] == OK
    assert fleet.told("result")["compress"]["marks"] == ["truncated"]
    assert fleet.told("result")["verify"]["how"] == ("digest" if verify == "digest" else "full")
    assert decoded(fleet, tmp_path) == content


@pytest.mark.parametrize("document", [b"rubbish", b"[]", b'{"order_version": 99}', None])
def test_an_order_that_is_none_is_refused(fleet: Fleet, document: bytes | None) -> None:
    if document is not None:
        fleet.client.put(f"{fleet.name}/work/a.bam.json", document)
    assert fleet.run()[0] == FAILED
    assert fleet.told("failed")["order"] is None


def test_a_job_without_an_order_says_how_it_is_called() -> None:
    done = subprocess.run([sys.executable, "-m", "readvault.aws.job"], capture_output=True, timeout=60, check=False)
    assert done.returncode == USAGE
    assert "ORDER_URL" in json.loads(done.stdout)["message"]


def test_no_attempt_leaves_a_key_to_a_secret_in_what_it_says(fleet: Fleet) -> None:
    fleet.order(bam(50))
    _, said = fleet.run()
    assert fleet.s3.secret not in json.dumps(said)


# --- A store that has a bad day --------------------------------------------------------------------------------------


@pytest.fixture
def proxy(server: S3) -> Iterator[Faults]:
    with faults(server.url) as made:
        yield made


def test_a_job_that_is_told_to_stop_leaves_nothing_half_done(fleet: Fleet, proxy: Faults, tmp_path: Path) -> None:
    content = bam(3000)
    fleet.order(content)
    proxy.change(delay_ms=300)
    with fleet.start(url=proxy.url) as process:
        deadline = time.monotonic() + PATIENCE
        while proxy.stats()["requests"] < 3 and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        said, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (AGAIN, b""), said
    assert "told to stop" in json.loads(said.splitlines()[-1])["message"]
    # Either it had not published, or it had published all of it.
    published = {"archives/a.bam.rv", "archives/a.bam.rv.idx", "work/a.bam.journal.json"}
    assert fleet.names() - published == {"in/a.bam", "work/a.bam.json"}
    proxy.change(delay_ms=0)
    assert fleet.run(attempt=2)[0] == OK
    assert decoded(fleet, tmp_path) == content


def test_a_store_that_is_busy_is_waited_for(fleet: Fleet, proxy: Faults, tmp_path: Path) -> None:
    content = bam(500)
    fleet.order(content)
    proxy.change(faults={"slow_down": 0.2}, seed=7)
    assert fleet.run(url=proxy.url)[0] in (OK, AGAIN)
    proxy.change(faults={})
    assert fleet.run(url=proxy.url, attempt=2)[0] == OK
    assert decoded(fleet, tmp_path) == content


def test_a_store_that_stays_busy_means_another_attempt(fleet: Fleet, proxy: Faults) -> None:
    fleet.order(bam(100))
    proxy.change(faults={"slow_down": 1.0})
    assert fleet.run(url=proxy.url)[0] == AGAIN
    assert fleet.names() - {"work/a.bam.failed.json"} == {"in/a.bam", "work/a.bam.json"}

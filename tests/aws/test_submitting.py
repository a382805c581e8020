"""Submissions: paced, and patient with a queue that is busy. Against moto in this process."""

import gzip
import json
import time
from typing import Any

import pytest
from readvault.aws import clients, gathering, submitting
from readvault.aws.failures import TryAgain
from readvault.aws.gathering import Argument, Found
from readvault.aws.messages import Wanted
from readvault.aws.stack import Deployed
from readvault.aws.submitting import Memory, Submission
from readvault.errors import InvalidError
from readvault.pipeline.order import Options

from tests.aws.conftest import Stack


def deployed(stack: Stack) -> Deployed:
    return Deployed("stack", "CREATE_COMPLETE", {"SourceBuckets": "sources,more"}, {"WorkQueue": stack.work})


def sources(number: int) -> list[Found]:
    return [Found(0, one, f"s3://sources/{one:03}.bam", "4:etag", 4, {}) for one in range(number)]


def test_a_rate_is_kept_however_many_go_in_one_request(stack: Stack) -> None:
    waits: list[float] = []
    told = Submission(deployed(stack), every=1.0, sleep=waits.append)
    counts = submitting.submit(sources(25), told, Memory(None, "test"))
    assert (counts.sent, counts.bytes) == (25, 100)
    assert [round(wait) for wait in waits] == [0, 10, 20]
    slow: list[float] = []
    submitting.submit(sources(3), Submission(deployed(stack), every=60.0, sleep=slow.append), Memory(None, "test"))
    assert [round(wait) for wait in slow] == [0, 60, 120], "a slow rate comes in no bursts"


def test_what_the_queue_does_not_take_is_sent_again_and_given_up_in_the_end(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [Wanted(f"s3://sources/{one}.bam", "4:etag", Options()) for one in range(3)]
    sqs = clients.client("sqs")
    real, calls = sqs.send_message_batch, []

    def busy(**request: Any) -> Any:
        calls.append(len(request["Entries"]))
        if len(calls) < 3:
            rest = request["Entries"][1:]
            answer = real(QueueUrl=request["QueueUrl"], Entries=request["Entries"][:1])
            return {**answer, "Failed": [{"Id": one["Id"], "SenderFault": False, "Code": "Busy"} for one in rest]}
        return real(**request)

    monkeypatch.setattr(sqs, "send_message_batch", busy)
    waits: list[float] = []
    submitting.send(stack.work, wanted, waits.append)
    assert calls == [3, 2, 1]
    assert waits == [0.5, 1.0]
    assert len(stack.messages(stack.work)) == 3

    failing = {"Failed": [{"Id": "0", "SenderFault": False, "Code": "Busy"}]}
    monkeypatch.setattr(sqs, "send_message_batch", lambda **request: failing)
    with pytest.raises(TryAgain):
        submitting.send(stack.work, wanted[:1], waits.append)
    refused = {"Failed": [{"Id": "0", "SenderFault": True, "Code": "InvalidMessageContents"}]}
    monkeypatch.setattr(sqs, "send_message_batch", lambda **request: refused)
    with pytest.raises(InvalidError):
        submitting.send(stack.work, wanted[:1], waits.append)


def test_a_version_that_a_manifest_names_is_the_state_that_a_listing_names(stack: Stack) -> None:
    s3 = clients.client("s3")
    s3.put_bucket_versioning(Bucket="sources", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="sources", Key="a b.bam", Body=b"1234")["VersionId"]
    manifest = Argument("manifest", ["bucket,key,version\n", f'"sources","a+b.bam","{version}"\n'], manifest=True)
    for arguments in ([manifest], [Argument("s3://sources/")], [Argument("s3://sources/a b.bam")]):
        started = time.monotonic()
        submitting.submit(gathering.found(arguments, {}, ("*.bam",)), Submission(deployed(stack)), Memory(None, ""))
        assert time.monotonic() - started < 30
    assert len(stack.messages(stack.work)) == 1, "however it is named, it is the same work"


def report(schema: str, *rows: str, more: dict[str, Any] | None = None) -> Argument:
    """A report of S3 Inventory in S3."""
    s3 = clients.client("s3")
    files = []
    for number, half in enumerate((rows[::2], rows[1::2])):
        files.append({"key": f"inventory/data/{number}.csv.gz", "size": 1, "MD5checksum": "a"})
        s3.put_object(Bucket="store", Key=str(files[-1]["key"]), Body=gzip.compress("".join(half).encode()))
    told = {"sourceBucket": "sources", "destinationBucket": "arn:aws:s3:::store", "fileFormat": "CSV", "files": files}
    text = json.dumps({**told, "fileSchema": schema, **(more or {})})
    s3.put_object(Bucket="store", Key="inventory/manifest.json", Body=text.encode())
    return Argument("s3://store/inventory/manifest.json", manifest=True)


def test_a_report_of_s3_inventory_names_sources_and_their_states(stack: Stack) -> None:
    schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag"
    rows = [
        '"sources","run/b+c.bam","v1","true","false","4","aa"\n',
        '"sources","run/b+c.bam","v0","false","false","4","a0"\n',
        '"sources","run/d%2Be.bam","v2","true","false","5","bb"\n',
        '"sources","run/gone.bam","v3","true","true","",""\n',
        '"sources","run/notes.txt","v4","true","false","6","cc"\n',
        '"sources","run/d.bam.rv","v5","true","false","6","cc"\n',
    ]
    found = list(gathering.found([report(schema, *rows)], {"project": "p"}, ("*.bam",)))
    assert [(one.source, one.version, one.size, one.more) for one in found] == [
        ("s3://sources/run/b c.bam", "4:aa", 4, {"project": "p"}),
        ("s3://sources/run/d+e.bam", "5:bb", 5, {"project": "p"}),
    ]
    # Cut off after the first, it goes on with the second.
    assert list(gathering.found([report(schema, *rows)], {"project": "p"}, ("*.bam",), (0, 1, ""))) == found[1:]
    short = list(gathering.found([report("Bucket, Key", '"sources","a.bam"\n')], {}, ("*.bam",)))
    assert [(one.source, one.version) for one in short] == [("s3://sources/a.bam", "")]


@pytest.mark.parametrize(
    ("schema", "rows", "more", "why"),
    [
        ("Bucket, Key", [], {"fileFormat": "Parquet"}, "set the report's output format to CSV"),
        ("Bucket, Size", [], {}, "no manifest of S3 Inventory"),
        ("Bucket, Key", [], {"files": 7}, "no manifest of S3 Inventory"),
        ("Bucket, Key", ['"sources"\n'], {}, "line 1"),
    ],
)
def test_a_report_that_cannot_be_read_is_refused_with_a_reason(
    stack: Stack, schema: str, rows: list[str], more: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidError, match=why):
        list(gathering.found([report(schema, *rows, more=more)], {}, ("*.bam",)))


def test_what_is_no_manifest_or_no_url_is_refused(stack: Stack) -> None:
    with pytest.raises(InvalidError, match="line 2"):
        list(gathering.found([Argument("m", ["sources,a.bam\n", "nonsense\n"], manifest=True)], {}, ("*.bam",)))
    with pytest.raises(InvalidError, match="no UTF-8"):
        list(gathering.found([Argument("m", ["sources,%ff.bam\n"], manifest=True)], {}, ("*.bam",)))
    with pytest.raises(InvalidError, match="S3 alone"):
        list(gathering.found([Argument("/data/a.bam")], {}, ("*.bam",)))

"""Submissions: paced, and patient with a queue that is busy. Against moto in this process."""

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


def test_what_is_no_manifest_or_no_url_is_refused(stack: Stack) -> None:
    with pytest.raises(InvalidError, match="line 2"):
        list(gathering.found([Argument("m", ["sources,a.bam\n", "nonsense\n"], manifest=True)], {}, ("*.bam",)))
    with pytest.raises(InvalidError, match="S3 alone"):
        list(gathering.found([Argument("/data/a.bam")], {}, ("*.bam",)))

"""AWS for tests, in a process of its own: moto, and what moto only pretends to do, done.

Real here: the template's resources and their references; functions, which run under AWS's own runtime from the zip of
the stack (emulator_functions.py); queues' pollers, topics' subscriptions and rules (emulator_queues.py); the state
machine's language (emulator_machine.py); jobs, which are processes of the image's entry point (emulator_batch.py);
preconditions, versions and tags of S3; conditions and transactions of DynamoDB.

Not real: time (what failed comes back sooner), rights (tests/aws/test_access.py looks at those that moto can check),
quotas, machines, Spot, networks, images, encryption, the lifecycle of buckets (its rules are stored, and nothing
moves), logs' delivery, alarms, the clock of schedules: whoever wants one calls what it calls.

    with emulator() as aws:
        outputs = aws.deploy("stack", SourceBuckets="sources")
        aws.client("sns").publish(TopicArn=outputs["FinishedTopic"], ...)
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.aws.emulator_ground import ACCOUNT, REGION
from tests.servers import free_port, started

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/readvault:test"
# A bucket for what stacks are made of.
_CODE = "code"


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    url: str
    process: subprocess.Popen[str]

    def client(self, service: str) -> Any:
        """A client of boto3; one for each service."""
        return _client(self.url, service)

    def environment(self) -> dict[str, str]:
        """What other programs find the emulator by."""
        return {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
        }

    def plan(self, **changes: Any) -> int:
        """What is to happen to the next jobs (see emulator_batch.Plan); gives how many are held."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(changes) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def deploy(self, name: str, **parameters: object) -> dict[str, str]:
        """Make a stack of the template as it is; gives its outputs."""
        from readvault.aws import template
        from readvault.aws.package import function_zip

        s3, stacks = self.client("s3"), self.client("cloudformation")
        with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=_CODE, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=_CODE, Key=f"{name}.zip", Body=function_zip())
        s3.put_object(Bucket=_CODE, Key=f"{name}.json", Body=template.text().encode())
        given = {"CodeBucket": _CODE, "CodeKey": f"{name}.zip", "Image": IMAGE, **parameters}
        stacks.create_stack(
            StackName=name,
            TemplateURL=f"https://{_CODE}.s3.amazonaws.com/{name}.json",
            Parameters=[{"ParameterKey": key, "ParameterValue": str(value)} for key, value in given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        made = stacks.describe_stacks(StackName=name)["Stacks"][0]
        assert made["StackStatus"] == "CREATE_COMPLETE", made
        return {one["OutputKey"]: one["OutputValue"] for one in made["Outputs"]}


@cache
def _client(url: str, service: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        service,
        endpoint_url=url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        region_name=REGION,
        config=Config(s3={"addressing_style": "path"}, proxies={}, max_pool_connections=64),
    )


@contextlib.contextmanager
def emulator() -> Iterator[Emulator]:
    """An emulator, which ends with the block or with the process that started it."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith(("_PROXY", "MOTO_PORT"))}
    path = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH")]))
    environment = {**kept, "MOTO_PORT": str(port), "PYTHONPATH": path, "MOTO_ENABLE_ISO_REGIONS": "false"}
    # What it says goes to a file, if one is named: READVAULT_EMULATOR_LOG.
    log = Path(os.environ.get("READVAULT_EMULATOR_LOG", os.devnull))
    with (
        log.open("w") as said,
        started(
            [sys.executable, "-m", "tests.aws.emulator"], stdout=subprocess.PIPE, stderr=said, cwd=ROOT, env=environment
        ) as process,
    ):
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("the emulator did not start: READVAULT_EMULATOR_LOG=FILE shows why")
        yield Emulator(f"http://127.0.0.1:{port}", process)


def main() -> None:
    """The process: it serves until its standard input ends, and takes plans from there."""
    from moto.server import ThreadedMotoServer

    from tests.aws import (
        emulator_batch,
        emulator_functions,
        emulator_machine,
        emulator_queues,
        emulator_stack,
        moto_tables,
    )

    # These have only to be loaded.
    assert emulator_machine and emulator_stack and moto_tables
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", int(os.environ["MOTO_PORT"]), verbose=False)
    server.start()
    server.get_host_and_port()
    print("ready", flush=True)
    plan = emulator_batch.PLAN
    for line in sys.stdin:
        for name, value in json.loads(line).items():
            if name == "let_go":
                plan.let_go.set()
            else:
                plan.let_go.clear()
                setattr(plan, name, value)
        print(plan.held, flush=True)
    for part in (emulator_queues, emulator_batch, emulator_functions):
        part.close()
    # Threads that wait for requests are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()

"""What the emulator decides by itself, as Batch's documentation has it."""

import pytest
from readvault.aws.template import build

from tests.aws.emulator_batch import Ended, tried_again


@pytest.mark.parametrize(
    ("code", "reason", "again"),
    [
        (1, "Essential container in task exited", False),
        (2, "Essential container in task exited", False),
        (127, "Essential container in task exited", False),
        (75, "Essential container in task exited", True),
        (137, "Essential container in task exited", True),
        (143, "Essential container in task exited", True),
        (1, "Host EC2 (instance i-0) terminated.", True),
    ],
)
def test_jobs_are_tried_again_by_the_rules_of_the_template(code: int, reason: str, again: bool) -> None:
    strategy = build()["Resources"]["JobDefinition"]["Properties"]["RetryStrategy"]
    rules = [{name[0].lower() + name[1:]: value for name, value in one.items()} for one in strategy["EvaluateOnExit"]]
    assert tried_again(rules, Ended(code, reason, [])) is again

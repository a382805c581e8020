"""The stack's template: what is committed is what is built, and it keeps the promises that are made of it."""

import email
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from readvault.aws import items, template, template_bulk
from readvault.aws.template_batch import JOB_USER
from readvault.aws.template_functions import FUNCTIONS
from readvault.aws.template_machine import definition
from readvault.aws.template_messages import QUEUES, VISIBILITY_PER_TIMEOUT
from readvault.config import Transfers

ROOT = Path(__file__).resolve().parent.parent.parent
COMMITTED = ROOT / "infra" / "template.json"
CFN_LINT = Path(sys.executable).parent / "cfn-lint"

BUILT = template.build()
RESOURCES: dict[str, dict[str, Any]] = BUILT["Resources"]

# What AWS takes in one template, when it comes by way of a bucket.
LONGEST_TEMPLATE = 1 << 20
MOST_RESOURCES = 500

# Where cfn-lint looks whether everything can be had: one of Europe, the first one, and one of each other partition.
REGIONS = ("eu-west-2", "us-east-1", "us-gov-west-1", "cn-north-1")

# Statements that name no resource, by role and Sid, and why.
ALL_RESOURCES = {
    ("MachineRole", "Follow"): "batch:DescribeJobs knows no resources",
    ("BulkMachineRole", "Log"): "delivery of logs is set up for the account",
    ("MachineRole", "Log"): "delivery of logs is set up for the account",
}
# Statements whose action ends with a star, and why.
ALL_ACTIONS = {
    "OnlyTls": "a refusal: whatever it is",
}


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == f"AWS::{kind}"}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy, with the resource that has it."""
    for name, one in RESOURCES.items():
        properties = one["Properties"]
        documents = [inline["PolicyDocument"] for inline in properties.get("Policies", [])]
        documents += [properties[key] for key in ("PolicyDocument", "AssumeRolePolicyDocument") if key in properties]
        for document in documents:
            for statement in document["Statement"]:
                yield name, statement


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def references(value: Any) -> Iterator[str]:
    """The names of parameters, resources and conditions that a part of the template refers to."""
    if isinstance(value, dict):
        if set(value) == {"Ref"}:
            yield value["Ref"]
        elif set(value) == {"Fn::GetAtt"}:
            yield value["Fn::GetAtt"][0]
        elif set(value) == {"Fn::Sub"}:
            text, known = value["Fn::Sub"] if isinstance(value["Fn::Sub"], list) else (value["Fn::Sub"], {})
            yield from (name.split(".")[0] for name in re.findall(r"\$\{([^}!]+)\}", text) if name not in known)
            yield from references(known)
        else:
            for key, one in value.items():
                if key == "Fn::If":
                    yield one[0]
                yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


# --- The file --------------------------------------------------------------------------------------------------------


def test_the_committed_template_is_the_one_that_is_built() -> None:
    assert COMMITTED.read_text() == template.text(), "python -m readvault.aws.template > infra/template.json"


def test_the_module_prints_the_template() -> None:
    done = subprocess.run([sys.executable, "-m", "readvault.aws.template"], capture_output=True, text=True, check=True)
    assert done.stdout == template.text()


def test_building_twice_gives_the_same() -> None:
    assert template.build() == BUILT
    assert template.text().endswith("}\n")


def test_the_template_is_within_what_cloudformation_takes() -> None:
    assert len(template.text()) < LONGEST_TEMPLATE
    assert len(RESOURCES) < MOST_RESOURCES
    assert all(re.fullmatch("[A-Za-z0-9]+", name) for name in RESOURCES)


def lint(path: Path) -> str:
    """What cfn-lint says of a template."""
    command = [str(CFN_LINT), "--regions", *REGIONS, "--", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout or done.returncode == 0, done.stderr
    return done.stdout


def test_cfn_lint_has_nothing_to_say() -> None:
    assert not lint(COMMITTED)


def test_cfn_lint_has_nothing_to_say_of_the_state_machine(tmp_path: Path) -> None:
    # It knows no substitutions there, and no partition but one.
    whole = template.build()
    for one in whole["Resources"].values():
        if one["Type"] == "AWS::StepFunctions::StateMachine":
            del one["Metadata"]
            text = one["Properties"]["DefinitionString"]
            one["Properties"]["DefinitionString"] = text.replace("${Partition}", "aws")
            del one["Properties"]["DefinitionSubstitutions"]["Partition"]
    path = tmp_path / "template.json"
    path.write_text(json.dumps(whole))
    assert not lint(path)


def test_every_name_that_is_referred_to_is_there() -> None:
    known = {*RESOURCES, *BUILT["Parameters"], *BUILT["Conditions"]}
    named = {name for part in ("Resources", "Outputs", "Conditions") for name in references(BUILT[part])}
    assert {name for name in named if not name.startswith("AWS::")} <= known
    conditions = {one["Condition"] for one in RESOURCES.values() if "Condition" in one}
    assert conditions <= set(BUILT["Conditions"])


def test_the_template_is_of_no_partition() -> None:
    text = template.text()
    assert "arn:aws:" not in text and "arn:aws-" not in text
    # EC2 is the one service that has another name in China (CDK's list of principals has it so).
    assert set(re.findall(r"[\w-]+\.amazonaws\.com(?:\.cn)?", text)) == {
        f"{service}.amazonaws.com" for service in ("batch", "ecs-tasks", "events", "lambda", "s3", "sns", "states")
    }
    assert set(BUILT["Mappings"]["Partitions"]) == {"aws", "aws-cn", "aws-us-gov"}


def test_every_parameter_is_used_and_says_what_it_is() -> None:
    used = {name for part in ("Resources", "Outputs", "Conditions") for name in references(BUILT[part])}
    assert set(BUILT["Parameters"]) <= used
    assert all(one["Description"] for one in BUILT["Parameters"].values())


def test_only_what_a_user_must_know_has_no_default() -> None:
    needed = {name for name, one in BUILT["Parameters"].items() if "Default" not in one}
    assert needed == {"CodeBucket", "CodeKey", "Image", "SourceBuckets"}


# --- Rights ----------------------------------------------------------------------------------------------------------


def test_no_statement_allows_more_actions_than_it_names() -> None:
    for name, statement in statements():
        for action in listed(statement["Action"]):
            assert "*" not in action or statement.get("Sid") in ALL_ACTIONS, (name, statement)
            assert "*" not in action or statement["Effect"] == "Deny", (name, statement)


def test_no_statement_is_about_everything_but_those_that_cannot_be_otherwise() -> None:
    found = {
        (name, statement.get("Sid")) for name, statement in statements() if "*" in listed(statement.get("Resource", []))
    }
    assert found == set(ALL_RESOURCES)


def test_no_statement_is_about_every_object_of_every_bucket() -> None:
    for name, statement in statements():
        for one in listed(statement.get("Resource", [])):
            text = json.dumps(one)
            assert ":s3:::*" not in text and "table/*" not in text and "function:*" not in text, (name, one)


def test_only_refusals_are_for_everybody() -> None:
    for name, statement in statements():
        if statement.get("Principal") == "*":
            assert statement["Effect"] == "Deny", name


def test_services_act_on_resources_for_one_source_only() -> None:
    for name, statement in statements():
        if "Resource" in statement and isinstance(statement.get("Principal"), dict):
            told = json.dumps(statement.get("Condition", {}))
            assert "aws:SourceArn" in told, name
    for name, permission in of_type("Lambda::Permission").items():
        assert "SourceArn" in permission, name


def test_every_function_has_a_role_and_a_log_group_of_its_own() -> None:
    functions = of_type("Lambda::Function")
    assert set(functions) == set(FUNCTIONS)
    roles = [one["Role"]["Fn::GetAtt"][0] for one in functions.values()]
    logs = [one["LoggingConfig"]["LogGroup"]["Ref"] for one in functions.values()]
    assert len(set(roles)) == len(set(logs)) == len(functions)
    for name, one in functions.items():
        assert one["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        group = RESOURCES[one["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]
        assert group["LogGroupName"] == {"Fn::Sub": "/aws/lambda/" + one["FunctionName"]["Fn::Sub"]}


def test_only_who_has_something_to_tell_may_announce_it() -> None:
    may = {name: one["Resource"] for name, one in statements() if "sns:Publish" in one["Action"] and "Sid" in one}
    to_archived = {name for name, on in may.items() if on == [{"Ref": "ArchivedTopic"}] and name.endswith("Role")}
    functions = ("Fail", "Downstream", "Tier")
    assert to_archived == {"MachineRole", *(f"{name}FunctionRole" for name in functions)}
    (archived,) = (one for one in of_type("SNS::Subscription").values() if one["TopicArn"] == {"Ref": "ArchivedTopic"})
    assert archived["FilterPolicy"] == {"type": ["archive.recorded"]}


def test_a_function_knows_what_its_role_may_use_and_nothing_else() -> None:
    # Whoever is told of a queue, topic or machine has a right to it: environment and role tell one tale.
    for name, function in of_type("Lambda::Function").items():
        role = set(references(RESOURCES[f"{name}Role"]["Properties"]["Policies"]))
        known = set(references(function["Environment"]["Variables"])) & set(RESOURCES)
        assert known <= role, (name, known - role)


def test_nobody_may_delete_anything() -> None:
    for name, statement in statements():
        if statement["Effect"] == "Allow":
            actions = [action for action in listed(statement["Action"]) if ":Delete" in action]
            # A message that was worked off, and the log deliveries of the machine.
            assert set(actions) <= {"sqs:DeleteMessage", "logs:DeleteLogDelivery"}, name


def test_log_groups_forget_after_the_days_that_were_asked_for() -> None:
    for name, group in of_type("Logs::LogGroup").items():
        assert group["RetentionInDays"] == {"Ref": "LogDays"}, name


def roles_in(policy: str) -> set[str]:
    return {one["Ref"] for one in RESOURCES[policy]["Properties"]["Roles"]}


def roles_that(*actions: str) -> set[str]:
    """The roles that may do one of these with what is the stack's own."""
    return {
        name
        for name, statement in statements()
        if statement["Effect"] == "Allow"
        and RESOURCES[name]["Type"] == "AWS::IAM::Role"
        and any(action.startswith(actions) for action in listed(statement["Action"]))
    }


def test_with_a_key_of_the_users_all_that_is_kept_is_encrypted_with_it() -> None:
    key = {"Ref": "KmsKeyArn"}
    for name, queue in of_type("SQS::Queue").items():
        assert queue["KmsMasterKeyId"]["Fn::If"][:2] == ["HasKmsKey", key], name
        # SQS takes one of the two.
        assert queue["SqsManagedSseEnabled"] == {"Fn::If": ["HasKmsKey", {"Ref": "AWS::NoValue"}, True]}, name
    for name, topic in of_type("SNS::Topic").items():
        assert topic["KmsMasterKeyId"]["Fn::If"][:2] == ["HasKmsKey", key], name
    for name, table in of_type("DynamoDB::Table").items():
        condition, told, otherwise = table["SSESpecification"]["Fn::If"]
        assert (condition, told["KMSMasterKeyId"], otherwise) == ("HasKmsKey", key, {"Ref": "AWS::NoValue"}), name
    for name, bucket in of_type("S3::Bucket").items():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        condition, told, _ = rule["Fn::If"]
        assert (condition, told["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]) == ("HasKmsKey", key), name


def test_whoever_writes_or_reads_what_is_encrypted_may_use_the_key_and_nobody_else() -> None:
    # A queue's sender makes a data key and reads what the queue has of it; whoever receives reads it only.
    writing = roles_that("sqs:SendMessage", "sns:Publish", "s3:PutObject")
    reading = roles_that("sqs:ReceiveMessage", "s3:GetObject", "dynamodb:") | roles_in("SourcePolicy")
    assert roles_in("KeyPolicy") == writing
    assert roles_in("KeyReadPolicy") == reading - writing
    for policy, actions in (("KeyPolicy", {"kms:Decrypt", "kms:GenerateDataKey"}), ("KeyReadPolicy", {"kms:Decrypt"})):
        assert RESOURCES[policy]["Condition"] == "HasKmsKey"
        (statement,) = RESOURCES[policy]["Properties"]["PolicyDocument"]["Statement"]
        assert (set(statement["Action"]), statement["Resource"]) == (actions, [{"Ref": "KmsKeyArn"}])


def test_what_a_function_takes_or_cannot_do_goes_through_encrypted_queues_in_its_name() -> None:
    for mapping in of_type("Lambda::EventSourceMapping").values():
        role = f"{mapping['FunctionName']['Ref']}Role"
        assert role in roles_in("KeyPolicy") | roles_in("KeyReadPolicy")
    for name, function in of_type("Lambda::Function").items():
        assert "DeadLetterConfig" not in function or f"{name}Role" in roles_in("KeyPolicy"), name


# --- Store -----------------------------------------------------------------------------------------------------------


def test_every_bucket_blocks_public_access_and_takes_tls_only() -> None:
    refusing = {one["Bucket"]["Ref"]: one["PolicyDocument"] for one in of_type("S3::BucketPolicy").values()}
    for name, bucket in of_type("S3::Bucket").items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, name
        assert "BucketEncryption" in bucket, name
        (statement,) = refusing[name]["Statement"]
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_nothing_but_work_orders_expires() -> None:
    rules = RESOURCES["StoreBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = [one for one in rules if any("Expir" in key for key in one)]
    assert [one["Prefix"] for one in expiring] == ["work/"]
    (tier,) = (one for one in rules if "Transitions" in one)
    assert tier["TagFilters"] == [{"Key": "lifecycle", "Value": "archive"}]
    assert any("AbortIncompleteMultipartUpload" in one for one in rules)


def test_store_and_catalog_outlive_the_stack() -> None:
    for name in ("StoreBucket", "CatalogTable"):
        assert RESOURCES[name]["DeletionPolicy"] == RESOURCES[name]["UpdateReplacePolicy"] == "Retain"
    table = RESOURCES["CatalogTable"]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    keys = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in table["GlobalSecondaryIndexes"]
    }
    assert keys == {
        "by-sample": ["sample", "created"],
        "by-project": ["project", "created"],
        "by-state": ["state", "updated"],
        "by-waiting": ["waiting", "created"],
    }


# --- Messages --------------------------------------------------------------------------------------------------------


def test_every_queue_has_a_dead_queue_or_is_one() -> None:
    queues = of_type("SQS::Queue")
    dead = {name for name in queues if name.endswith("DeadQueue")}
    for name, queue in queues.items():
        if name in dead:
            assert "RedrivePolicy" not in queue
            continue
        other = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        assert other in dead
        assert queues[other].get("FifoQueue") == queue.get("FifoQueue"), "SQS wants both of one kind"
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 5


def test_every_queue_and_topic_takes_tls_only() -> None:
    for kind, named in (("SQS::Queue", "Queues"), ("SNS::Topic", "Topics")):
        refusing = {
            one["Ref"]
            for policy in of_type(kind + "Policy").values()
            for one in policy[named]
            if policy["PolicyDocument"]["Statement"][0]["Sid"] == "OnlyTls"
        }
        assert refusing == set(of_type(kind))


def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_take() -> None:
    mappings = of_type("Lambda::EventSourceMapping")
    assert {one["EventSourceArn"]["Fn::GetAtt"][0] for one in mappings.values()} == {"WorkQueue", "DoneQueue"}
    for mapping in mappings.values():
        queue = RESOURCES[mapping["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
        function = RESOURCES[mapping["FunctionName"]["Ref"]]["Properties"]
        assert queue["VisibilityTimeout"] >= VISIBILITY_PER_TIMEOUT * function["Timeout"] >= 6 * function["Timeout"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_fifo_queues_have_names_that_end_as_they_must() -> None:
    for queue in of_type("SQS::Queue").values():
        assert queue["QueueName"]["Fn::Sub"].endswith(".fifo") == queue.get("FifoQueue", False)
    assert RESOURCES["WorkQueue"]["Properties"]["FifoQueue"]


def test_what_is_called_without_an_answer_loses_nothing() -> None:
    for name, subscription in of_type("SNS::Subscription").items():
        assert "RedrivePolicy" in subscription, name
        function = RESOURCES[subscription["Endpoint"]["Fn::GetAtt"][0]]["Properties"]
        assert "DeadLetterConfig" in function, name


def test_every_dead_queue_has_an_alarm() -> None:
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in of_type("CloudWatch::Alarm").values()
        for dimension in alarm["Dimensions"]
        if dimension["Name"] == "QueueName"
    }
    assert {name for name in of_type("SQS::Queue") if name.endswith("DeadQueue")} <= watched
    assert set(QUEUES) & watched == {"WorkQueue"}


def test_the_dashboard_is_json() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert json.loads(body)["widgets"]


# --- Jobs ------------------------------------------------------------------------------------------------------------


def test_the_job_runs_with_as_little_as_it_needs() -> None:
    container = RESOURCES["JobDefinition"]["Properties"]["ContainerProperties"]
    assert container["ReadonlyRootFilesystem"] is True
    assert container["Privileged"] is False
    assert container["User"] == JOB_USER and int(JOB_USER) > 0
    assert [one["ContainerPath"] for one in container["LinuxParameters"]["Tmpfs"]] == ["/tmp"]
    assert container["Command"] == ["Ref::order"]


def test_the_folder_that_jobs_of_a_machine_share_is_there_before_them_and_theirs() -> None:
    container = RESOURCES["JobDefinition"]["Properties"]["ContainerProperties"]
    (volume,), (mount,) = container["Volumes"], container["MountPoints"]
    assert mount["SourceVolume"] == volume["Name"]
    assert {"Name": "READVAULT_SCRATCH", "Value": mount["ContainerPath"]} in container["Environment"]
    text = RESOURCES["InstanceTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    # Batch takes nothing that is not in parts.
    whole, part = email.message_from_string(text).walk()
    assert whole.get_content_type() == "multipart/mixed" and not whole.defects
    assert part.get_content_type() == "text/cloud-boothook"
    does = f"install -d -o {JOB_USER} -g {JOB_USER} -m 0755 {volume['Host']['SourcePath']}\n"
    assert does in str(part.get_payload())


@pytest.mark.parametrize(
    ("exit_code", "status_reason", "reason", "again"),
    [
        (75, "Essential container in task exited", "", True),
        (137, "Essential container in task exited", "", True),
        (143, "Essential container in task exited", "", True),
        (1, "Host EC2 (instance i-0) terminated.", "", True),
        (None, "Task failed to start", "CannotPullContainerError: timeout", True),
        (1, "Essential container in task exited", "", False),
        (2, "Essential container in task exited", "", False),
        (127, "Essential container in task exited", "", False),
    ],
)
def test_jobs_are_tried_again_when_that_can_help(
    exit_code: int | None, status_reason: str, reason: str, again: bool
) -> None:
    strategy = RESOURCES["JobDefinition"]["Properties"]["RetryStrategy"]
    rules = strategy["EvaluateOnExit"]
    assert len(rules) <= 5, "Batch takes no more"
    assert strategy["Attempts"] == 6
    told = {
        "OnExitCode": "" if exit_code is None else str(exit_code),
        "OnStatusReason": status_reason,
        "OnReason": reason,
    }

    def matches(rule: dict[str, str]) -> bool:
        return all(
            told[key].startswith(pattern[:-1]) if pattern.endswith("*") else told[key] == pattern
            for key, pattern in rule.items()
            if key != "Action"
        )

    # "If none of the listed conditions match, then the job is retried" (Batch, RetryStrategy).
    action = next((rule["Action"] for rule in rules if matches(rule)), "RETRY")
    assert (action == "RETRY") is again


def test_a_store_that_throttles_is_outlasted_by_the_job_itself() -> None:
    known = RESOURCES["JobDefinition"]["Properties"]["ContainerProperties"]["Environment"]
    (retries,) = (one["Value"] for one in known if one["Name"] == "READVAULT_RETRIES")
    # Waits of up to 0.1 seconds, twice as long each time, 20 at most (core/store/failure.rs).
    longest = sum(min(20, 0.1 * 2**attempt) for attempt in range(1, int(retries) + 1))
    assert int(retries) > Transfers().retries and longest > 30


def test_spot_comes_before_on_demand_and_both_have_a_choice_of_machines() -> None:
    order = RESOURCES["JobQueue"]["Properties"]["ComputeEnvironmentOrder"]
    assert [one["ComputeEnvironment"]["Ref"] for one in order] == ["SpotEnvironment", "OnDemandEnvironment"]
    spot = RESOURCES["SpotEnvironment"]["Properties"]["ComputeResources"]
    assert spot["AllocationStrategy"] == "SPOT_PRICE_CAPACITY_OPTIMIZED"
    families = BUILT["Parameters"]["InstanceTypes"]["Default"].split(",")
    assert len(families) >= 4


def test_nothing_gets_in_to_the_machines() -> None:
    assert all("SecurityGroupIngress" not in group for group in of_type("EC2::SecurityGroup").values())
    options = RESOURCES["InstanceTemplate"]["Properties"]["LaunchTemplateData"]["MetadataOptions"]
    assert options == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def test_the_network_is_made_only_where_none_is_given() -> None:
    for name, one in RESOURCES.items():
        if one["Type"].startswith("AWS::EC2::") and name not in ("JobSecurityGroup", "InstanceTemplate"):
            assert one["Condition"] == "OwnVpc", name


# --- The state machine -----------------------------------------------------------------------------------------------

MACHINE = definition()
STATES: dict[str, dict[str, Any]] = MACHINE["States"]


def next_of(state: dict[str, Any]) -> set[str]:
    found = {state[key] for key in ("Next", "Default") if key in state}
    found |= {choice["Next"] for choice in state.get("Choices", [])}
    return found | {catch["Next"] for catch in state.get("Catch", [])}


def reachable(machine: dict[str, Any]) -> set[str]:
    seen: set[str] = set()
    left = [machine["StartAt"]]
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += next_of(machine["States"][name])
    return seen


def test_the_machine_has_the_states_of_the_pipeline() -> None:
    assert {"Order", "Compress", "Record", "Announce", "Failed"} <= set(STATES)


def test_every_state_that_is_named_is_there_and_is_reached() -> None:
    assert reachable(MACHINE) == set(STATES)


def test_every_state_leads_on_or_ends() -> None:
    for name, state in STATES.items():
        assert state["Type"] in ("Task", "Choice", "Succeed", "Fail"), name
        assert state["Type"] != "Task" or ("Next" in state) != ("End" in state), name
    ends = {name for name, one in STATES.items() if one.get("End") or one["Type"] in ("Succeed", "Fail")}
    assert ends == {"Done", "Announce", "GaveUp"}


def test_every_task_is_tried_again_and_caught() -> None:
    for name, state in STATES.items():
        if state["Type"] != "Task":
            continue
        assert state["TimeoutSeconds"] > 0, name
        for retrier in state["Retry"]:
            assert retrier["MaxAttempts"] >= 3 and retrier["BackoffRate"] >= 2 and retrier["JitterStrategy"] == "FULL"
        assert [one["ErrorEquals"] for one in state["Catch"]] == [["States.ALL"]], name
        (catcher,) = state["Catch"]
        assert catcher["Next"] == ("GaveUp" if name == "Failed" else "Failed")


@pytest.mark.parametrize(
    "error",
    [
        "SourceMissing",
        "SourceChanged",
        "NameClash",
        "ChecksumMismatch",
        "BadMessage",
        "NotOrdered",
        "States.TaskFailed",
    ],
)
def test_what_has_failed_for_good_is_not_tried_again(error: str) -> None:
    for state in STATES.values():
        for retrier in state.get("Retry", []):
            assert not {error, "States.ALL"} & set(retrier["ErrorEquals"])


def test_what_a_handler_calls_passing_is_tried_again() -> None:
    for name in ("Order", "Record", "Failed"):
        assert any("TryAgain" in retrier["ErrorEquals"] for retrier in STATES[name]["Retry"])


def test_the_machine_is_told_of_all_that_it_names_and_may_call_it() -> None:
    machine = RESOURCES["PipelineMachine"]["Properties"]
    assert json.loads(machine["DefinitionString"]) == MACHINE
    named = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
    assert named == set(machine["DefinitionSubstitutions"])
    role = set(references(RESOURCES["MachineRole"]["Properties"]["Policies"]))
    # The job definition is named in the role by its name, for all its revisions.
    assert named - {"JobDefinition", "Partition"} <= role


def test_functions_answer_before_the_machine_stops_listening() -> None:
    for state in STATES.values():
        if state["Type"] == "Task" and state["Resource"].endswith("lambda:invoke"):
            function = state["Parameters"]["FunctionName"].strip("${}")
            assert RESOURCES[function]["Properties"]["Timeout"] < state["TimeoutSeconds"]


# --- The bulk machine ------------------------------------------------------------------------------------------------

BULK = template_bulk.definition()


def machines_in(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A machine, and those that its states hold."""
    yield machine
    for state in machine["States"].values():
        for inner in [state.get("ItemProcessor"), *state.get("Branches", [])]:
            if inner is not None:
                yield from machines_in(inner)


def test_every_state_of_the_bulk_machine_is_there_and_is_reached() -> None:
    for machine in machines_in(BULK):
        assert reachable(machine) == set(machine["States"])


def test_a_bulk_run_goes_on_past_what_fails_at_the_pace_that_it_is_told() -> None:
    maps = {name: one for name, one in BULK["States"].items() if one["Type"] == "Map"}
    assert set(maps) == {"Listing", "Manifest", "Csv"}
    choices = {one["StringEquals"]: one["Next"] for one in BULK["States"]["From"]["Choices"]}
    assert choices == {items.LISTING: "Listing", items.MANIFEST: "Manifest", items.CSV: "Csv"}
    for one in maps.values():
        assert one["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
        assert (one["MaxConcurrencyPath"], one["ToleratedFailurePercentage"]) == ("$.concurrency", 100)


def test_an_execution_that_failed_is_not_started_again_by_a_bulk_run() -> None:
    for machine in machines_in(BULK):
        for state in machine["States"].values():
            for retrier in state.get("Retry", []):
                assert not {"States.TaskFailed", "States.ALL"} & set(retrier["ErrorEquals"])


def test_the_bulk_machine_is_told_of_all_that_it_names_and_may_call_it() -> None:
    machine = RESOURCES["BulkMachine"]["Properties"]
    assert json.loads(machine["DefinitionString"]) == BULK
    named = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
    assert named == set(machine["DefinitionSubstitutions"])
    assert named - {"Partition"} <= set(references(RESOURCES["BulkMachineRole"]["Properties"]["Policies"]))

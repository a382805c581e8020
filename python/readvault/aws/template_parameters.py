"""What can be said of a stack when it is made (parameters), what follows from it (conditions) and from where it is
(mappings), and what it says of itself (outputs).

Lists that may be left out are texts that the template splits: what moto makes of a list's default is no list.
"""

from readvault.aws import environment
from readvault.aws.template_functions import ENVIRONMENT
from readvault.aws.template_store import ARCHIVES
from readvault.aws.template_words import PARTITION, REGION, Json, att, mapped, ref, sub

_BUCKET = "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"


def parameters() -> dict[str, Json]:
    """The parameters."""
    return {
        "CodeBucket": _text("Bucket with the functions' zip"),
        "CodeKey": _text("Key of the functions' zip"),
        "Image": _text("Image of the job, best with its digest"),
        "VaultId": _text("UUID that names this vault in its events; empty: the stack's own", ""),
        "KeyPattern": _text(
            "Pattern of archives' keys, of {name}, {folder}, {project} and {sample}", environment.PATTERN
        ),
        "Level": _choice("How much work goes into an archive", "default", "fast", "max"),
        "VerifyHow": _choice("How much of a published archive is decoded once more", "digest", "sample", "full"),
        "MaxVcpus": _number("Most processors at a time, Spot and on-demand each", 256),
        "JobVcpus": _number("Processors of a job", 8),
        "JobMemory": _number("Memory of a job in MiB", 14000),
        "InstanceTypes": _text(
            "Machines that jobs may run on: families or sizes, of x86, with commas between them",
            "c5,c5a,c6i,c6a,m5,m5a,m6i,m6a",
        ),
        "SourceBuckets": {
            "Type": "CommaDelimitedList",
            "AllowedPattern": _BUCKET,
            "Description": "Buckets that sources are in: eight at most, by name",
        },
        "SourcePrefix": _text("What sources' keys begin with", ""),
        "KmsKeyArn": _text("Key that store, catalog, topics and queues are encrypted with; empty: AWS's own", ""),
        "VpcId": _text("Network for jobs; empty: one of the stack's own", ""),
        "SubnetIds": _text("Subnets of that network, with a way to S3 and ECR, with commas between them", ""),
        "TierAfterDays": _number("Age in days at which archives move without being said to be done; 0: never", 0, 0),
        "TierClass": _choice(
            "Storage class that they move to", "DEEP_ARCHIVE", "GLACIER", "GLACIER_IR", "INTELLIGENT_TIERING"
        ),
        "S3Events": _choice("Whether BAM files that appear in the source buckets are announced by S3", "no", "yes"),
        "LogDays": {
            "Type": "Number",
            "Default": 90,
            "AllowedValues": [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653],
            "Description": "Days that logs are kept",
        },
        "AlarmTopic": _text("ARN of a topic that alarms go to; empty: none", ""),
    }


def _text(about: str, default: str | None = None) -> Json:
    return {"Type": "String", **({} if default is None else {"Default": default}), "Description": about}


def _number(about: str, default: int, least: int = 1) -> Json:
    return {"Type": "Number", "Default": default, "MinValue": least, "Description": about}


def _choice(about: str, default: str, *others: str) -> Json:
    return {"Type": "String", "Default": default, "AllowedValues": [default, *others], "Description": about}


def conditions() -> dict[str, Json]:
    """The conditions."""
    given = {
        "HasAlarmTopic": "AlarmTopic",
        "HasKmsKey": "KmsKeyArn",
        "HasVaultId": "VaultId",
    }
    return {
        **{name: {"Fn::Not": [{"Fn::Equals": [ref(parameter), ""]}]} for name, parameter in given.items()},
        "OwnVpc": {"Fn::Equals": [ref("VpcId"), ""]},
        "FromS3": {"Fn::Equals": [ref("S3Events"), "yes"]},
    }


def mappings() -> dict[str, Json]:
    """What differs between AWS's partitions and has no name in templates."""
    consoles = {
        "aws": "console.aws.amazon.com",
        "aws-cn": "console.amazonaws.cn",
        "aws-us-gov": "console.amazonaws-us-gov.com",
    }
    return {"Partitions": {partition: {"Console": console} for partition, console in consoles.items()}}


def outputs() -> dict[str, Json]:
    """What the commands ask a stack for."""
    return {name: {"Description": about, "Value": value} for name, (about, value) in _outputs().items()}


def _outputs() -> dict[str, tuple[str, Json]]:
    return {
        "VaultId": ("What the events call this vault", ENVIRONMENT["READVAULT_VAULT_ID"]),
        "Store": ("Where archives are", sub(f"s3://${{StoreBucket}}/{ARCHIVES}")),
        "StoreBucket": ("Bucket of archives and work orders", ref("StoreBucket")),
        "Catalog": ("The catalog, for `readvault catalog`", sub("dynamodb://${CatalogTable}")),
        "CatalogTable": ("Table of the catalog", ref("CatalogTable")),
        "FinishedTopic": ("Topic that finished files are announced to", ref("FinishedTopic")),
        "ArchivedTopic": ("Topic that archives are announced to", ref("ArchivedTopic")),
        "WorkQueue": ("Queue of files to archive", ref("WorkQueue")),
        "WorkDeadQueue": ("Files that could not be dispatched", ref("WorkDeadQueue")),
        "NextQueue": ("Queue of the next workflow", ref("NextQueue")),
        "NextDeadQueue": ("What the next workflow could not do", ref("NextDeadQueue")),
        "DoneQueue": ("Queue for those who are done with an archive", ref("DoneQueue")),
        "DoneDeadQueue": ("What could not be noted as done", ref("DoneDeadQueue")),
        "FinishedDeadQueue": ("Announcements that could not be queued", ref("FinishedDeadQueue")),
        "PipelineMachine": ("State machine of the pipeline", ref("PipelineMachine")),
        "BulkMachine": ("State machine of bulk runs", ref("BulkMachine")),
        "JobQueue": ("Batch queue of the jobs", ref("JobQueue")),
        "JobDefinition": ("Batch job definition", ref("JobDefinition")),
        "JobRole": ("Role of the jobs", att("JobRole")),
        "JobLogs": ("Log group of the jobs", ref("JobLogs")),
        "SpotEnvironment": ("Machines on Spot", ref("SpotEnvironment")),
        "OnDemandEnvironment": ("Machines on demand", ref("OnDemandEnvironment")),
        "TierFunction": ("Function that tiers; may be called at any time", ref("TierFunction")),
        "Dashboard": (
            "Dashboard",
            sub(
                "https://${AWS::Region}.${Console}/cloudwatch/home?region=${AWS::Region}#dashboards:name=${Dashboard}",
                Console=mapped("Partitions", PARTITION, "Console"),
            ),
        ),
        "Region": ("Where the stack is", REGION),
    }

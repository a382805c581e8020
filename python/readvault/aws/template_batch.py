"""Where files are compressed: machines that come and go with the work, Spot before on-demand, and the job.

The roles of Batch and of the machines are as AWS maintains them (managed policies): what its scheduler and its agent
need is theirs to say. The job's own role is ours.
"""

from readvault.aws import template_network
from readvault.aws.template_store import ARCHIVES, WORK
from readvault.aws.template_words import (
    REGION,
    STACK,
    Json,
    Resource,
    Resources,
    allow,
    att,
    listed,
    log_group,
    ref,
    resource,
    role,
    sub,
)

# A genome of 70 GB takes 80 minutes on 8 processors; what takes half a day hangs.
_JOB_SECONDS = 12 * 3600
_ATTEMPTS = 6
# Of memory, for the few temporary files that libraries make; everything else streams.
_TMP_MEBIBYTES = 256
# How often a request to the store is sent again without a byte having come [3]: with waits that grow to 20 seconds,
# a store that throttles for half a minute is outlasted. Another attempt of Batch's would begin the file anew.
_RETRIES = 8
# Disk of a machine: its system, the image, and the references that jobs there have fetched; no source is ever on it.
_DISK_GIBIBYTES = 30
# The one service of the stack's that has another name in China.
_EC2 = sub("ec2.${AWS::URLSuffix}")
# Folder that all jobs of a machine share, on its disk, and what they know it by.
_SHARED = "/var/lib/readvault"
_SCRATCH = "/scratch"
# Who the job is in its container; the image knows the same number.
JOB_USER = "10001"

# Batch takes five rules, the first that matches, and tries again what none matches: 75 (the store is busy, the machine
# is going), and 137 and 143 (killed) need none of their own. Codes 1 (failed for good, and it says why), 2 (called
# wrongly), 126 and 127 (no such program in the image) come again however often it is tried.
_ON_EXIT = [
    {"OnStatusReason": "Host EC2*", "Action": "RETRY"},
    {"OnReason": "CannotPullContainerError*", "Action": "RETRY"},
    {"OnExitCode": "1", "Action": "EXIT"},
    {"OnExitCode": "2", "Action": "EXIT"},
    {"OnExitCode": "12*", "Action": "EXIT"},
]


def resources() -> Resources:
    """Environments, queue, job definition and their roles."""
    return {
        "JobLogs": log_group(f"/aws/batch/{STACK}"),
        "BatchServiceRole": role("batch.amazonaws.com", managed=["service-role/AWSBatchServiceRole"]),
        "InstanceRole": role(_EC2, managed=["service-role/AmazonEC2ContainerServiceforEC2Role"]),
        "InstanceProfile": resource("IAM::InstanceProfile", {"Roles": [ref("InstanceRole")]}),
        "InstanceTemplate": _machine(),
        "SpotEnvironment": _environment("SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED"),
        "OnDemandEnvironment": _environment("EC2", "BEST_FIT_PROGRESSIVE"),
        "JobQueue": resource(
            "Batch::JobQueue",
            {
                "JobQueueName": sub(f"{STACK}-jobs"),
                "State": "ENABLED",
                "Priority": 1,
                "ComputeEnvironmentOrder": [
                    {"Order": 1, "ComputeEnvironment": ref("SpotEnvironment")},
                    {"Order": 2, "ComputeEnvironment": ref("OnDemandEnvironment")},
                ],
            },
        ),
        "JobRole": _job_role(),
        "JobDefinition": _job(),
    }


def _machine() -> Resource:
    return resource(
        "EC2::LaunchTemplate",
        {
            "LaunchTemplateName": sub(f"{STACK}-machine"),
            "LaunchTemplateData": {
                "UserData": {"Fn::Base64": _at_boot()},
                # One hop: the machine's own credentials do not reach into containers.
                "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
                "BlockDeviceMappings": [
                    {
                        "DeviceName": "/dev/xvda",
                        "Ebs": {
                            "VolumeType": "gp3",
                            "VolumeSize": _DISK_GIBIBYTES,
                            "Encrypted": True,
                            "DeleteOnTermination": True,
                        },
                    }
                ],
            },
        },
    )


def _at_boot() -> str:
    """What a machine does before its first job: the folder that Docker would make is nobody's but root's. Batch puts
    its own beside it, and wants it in parts for that.
    """
    return "\n".join(
        [
            "MIME-Version: 1.0",
            'Content-Type: multipart/mixed; boundary="=="',
            "",
            "--==",
            'Content-Type: text/cloud-boothook; charset="us-ascii"',
            "",
            "#!/bin/sh",
            f"install -d -o {JOB_USER} -g {JOB_USER} -m 0755 {_SHARED}",
            "",
            "--==--",
            "",
        ]
    )


def _environment(kind: str, strategy: str) -> Resource:
    return resource(
        "Batch::ComputeEnvironment",
        {
            "Type": "MANAGED",
            "State": "ENABLED",
            "ServiceRole": att("BatchServiceRole"),
            "ComputeResources": {
                "Type": kind,
                "AllocationStrategy": strategy,
                "MinvCpus": 0,
                "MaxvCpus": ref("MaxVcpus"),
                "InstanceTypes": listed("InstanceTypes"),
                "Ec2Configuration": [{"ImageType": "ECS_AL2023"}],
                "InstanceRole": att("InstanceProfile"),
                "LaunchTemplate": {
                    "LaunchTemplateId": ref("InstanceTemplate"),
                    "Version": att("InstanceTemplate", "LatestVersionNumber"),
                },
                "Subnets": template_network.subnets(),
                "SecurityGroupIds": [ref("JobSecurityGroup")],
                "Tags": {"Name": sub(f"{STACK}-{'spot' if kind == 'SPOT' else 'on-demand'}")},
            },
        },
        # The empty SubnetIds is no subnet; it is not used where the network is the stack's own.
        Metadata={"cfn-lint": {"config": {"ignore_checks": ["W1033"]}}},
    )


def _job_role() -> Resource:
    archives, work = (sub(f"${{StoreBucket.Arn}}/{part}/*") for part in (ARCHIVES, WORK))
    # No right to delete anything, nor to replace: archives are published where nothing stands.
    return role(
        "ecs-tasks.amazonaws.com",
        allow("Read", ["s3:GetObject", "s3:GetObjectVersion"], archives, work),
        allow("Write", ["s3:PutObject", "s3:AbortMultipartUpload"], archives, work),
        # Without the right to list, what is missing looks like what is forbidden.
        allow("ListStore", ["s3:ListBucket"], att("StoreBucket")),
        only_here=True,
    )


def _job() -> Resource:
    return resource(
        "Batch::JobDefinition",
        {
            "JobDefinitionName": sub(f"{STACK}-compress"),
            "Type": "container",
            "PlatformCapabilities": ["EC2"],
            "PropagateTags": True,
            "RetryStrategy": {"Attempts": _ATTEMPTS, "EvaluateOnExit": _ON_EXIT},
            "Timeout": {"AttemptDurationSeconds": _JOB_SECONDS},
            "ContainerProperties": {
                "Image": ref("Image"),
                "Command": ["Ref::order"],
                "JobRoleArn": att("JobRole"),
                "ResourceRequirements": [
                    {"Type": "VCPU", "Value": sub("${JobVcpus}")},
                    {"Type": "MEMORY", "Value": sub("${JobMemory}")},
                ],
                "User": JOB_USER,
                "Privileged": False,
                "ReadonlyRootFilesystem": True,
                "LinuxParameters": {
                    # Hands SIGTERM on and leaves no dead children.
                    "InitProcessEnabled": True,
                    "Tmpfs": [
                        {
                            "ContainerPath": "/tmp",  # noqa: S108 - the container's own
                            "Size": _TMP_MEBIBYTES,
                            "MountOptions": ["rw", "nosuid", "nodev", "noexec"],
                        }
                    ],
                },
                "Volumes": [{"Name": "scratch", "Host": {"SourcePath": _SHARED}}],
                "MountPoints": [{"SourceVolume": "scratch", "ContainerPath": _SCRATCH, "ReadOnly": False}],
                "Environment": _environment_of_job(),
                "LogConfiguration": {
                    "LogDriver": "awslogs",
                    "Options": {
                        "awslogs-group": ref("JobLogs"),
                        "awslogs-region": REGION,
                        "awslogs-stream-prefix": "compress",
                    },
                },
            },
        },
    )


def _environment_of_job() -> list[Json]:
    known = {
        # Batch tells a container of its job, but not of the region.
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "HOME": "/tmp",  # noqa: S108 - the container's own
        "READVAULT_ORDERS": sub(f"s3://${{StoreBucket}}/{WORK}"),
        "READVAULT_STORE": sub(f"s3://${{StoreBucket}}/{ARCHIVES}"),
        "READVAULT_SCRATCH": _SCRATCH,
        "READVAULT_THREADS": sub("${JobVcpus}"),
        "READVAULT_RETRIES": str(_RETRIES),
    }
    return [{"Name": name, "Value": value} for name, value in known.items()]

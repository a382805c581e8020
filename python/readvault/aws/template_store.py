"""The store's bucket and the catalog's table: what outlives the stack, whatever becomes of it."""

from readvault.aws.template_words import (
    STACK,
    Json,
    Resource,
    Resources,
    att,
    either,
    policy,
    ref,
    refuse_without_tls,
    resource,
    sub,
)

# What a name in the bucket begins with: archives and their sidecars, and work orders and results.
ARCHIVES = "archives"
WORK = "work"
# Manifests of bulk runs, and what became of their children: beside the work orders, and forgotten with them.
BULK = f"{WORK}/bulk"

# Tag of the table: which stack it is of.
STACK_TAG = "readvault:stack"

# Tag of archives that nothing reads any more; the bucket's rules move them.
TIER_TAG = ("lifecycle", "archive")

# A work order and its result are looked at after a failure, not after a month.
_WORK_DAYS = 30
# Parts of an upload that never ended cost money and are in no listing.
_PARTS_DAYS = 7

# Name, and the attributes that order it: one index for each question that is asked again and again.
INDEXES = (
    ("by-sample", "sample", "created"),
    ("by-project", "project", "created"),
    ("by-state", "state", "updated"),
    # Only what is hot is in it: what the function Tier reads every hour grows with that, and not with the catalog.
    ("by-waiting", "waiting", "created"),
)


def resources() -> Resources:
    """Bucket, its policy, and table."""
    return {"StoreBucket": _bucket(), "StoreBucketPolicy": _bucket_policy(), "CatalogTable": _table()}


def _bucket() -> Resource:
    key, value = TIER_TAG
    return resource(
        "S3::Bucket",
        {
            "VersioningConfiguration": {"Status": "Enabled"},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    either(
                        "HasKmsKey",
                        {
                            "BucketKeyEnabled": True,
                            "ServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": ref("KmsKeyArn"),
                            },
                        },
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}},
                    )
                ]
            },
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "tier",
                        "Status": "Enabled",
                        "Prefix": f"{ARCHIVES}/",
                        "TagFilters": [{"Key": key, "Value": value}],
                        "Transitions": [{"StorageClass": ref("TierClass"), "TransitionInDays": 1}],
                    },
                    {
                        # The only rule by which anything goes: earlier versions of archives stay.
                        "Id": "work",
                        "Status": "Enabled",
                        "Prefix": f"{WORK}/",
                        "ExpirationInDays": _WORK_DAYS,
                        "NoncurrentVersionExpiration": {"NoncurrentDays": _WORK_DAYS},
                    },
                    {
                        "Id": "unfinished-uploads",
                        "Status": "Enabled",
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _PARTS_DAYS},
                    },
                ]
            },
        },
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )


def _bucket_policy() -> Resource:
    document = policy(refuse_without_tls(["s3:*"], att("StoreBucket"), sub("${StoreBucket.Arn}/*")))
    return resource("S3::BucketPolicy", {"Bucket": ref("StoreBucket"), "PolicyDocument": document})


def _table() -> Resource:
    names = sorted({"id", *(name for _, *keys in INDEXES for name in keys)})
    return resource(
        "DynamoDB::Table",
        {
            "BillingMode": "PAY_PER_REQUEST",
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            # Without a key of the user's, DynamoDB encrypts with its own.
            "SSESpecification": either(
                "HasKmsKey", {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": ref("KmsKeyArn")}
            ),
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
            "KeySchema": _keys("id"),
            "GlobalSecondaryIndexes": [
                {"IndexName": name, "KeySchema": _keys(*keys), "Projection": {"ProjectionType": "ALL"}}
                for name, *keys in INDEXES
            ],
            # Whoever is given the table alone finds the store by it.
            "Tags": [{"Key": STACK_TAG, "Value": sub(STACK)}],
        },
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )


def _keys(*names: str) -> Json:
    """The attribute that is asked for, and perhaps the one that orders what is found."""
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]

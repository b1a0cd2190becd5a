"""Keys, buckets and secrets."""

from __future__ import annotations

from aws_cdk.assertions import Match
from deploy.plan import Plan
from looked import Templates, check, flat, of

from stedi.contract import ZONES


@check
def every_zone_has_a_bucket_under_a_key_without_public_access_or_old_versions(
    t: Templates, plan: Plan
) -> None:
    for what in (*ZONES, "deliveries", "results"):
        t["storage"].has_resource_properties(
            "AWS::S3::Bucket",
            {
                "BucketName": plan.bucket(what),
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "BucketKeyEnabled": True,
                            "ServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": Match.any_value(),
                            },
                        }
                    ]
                },
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "VersioningConfiguration": Match.absent(),
                "LoggingConfiguration": Match.object_like({"LogFilePrefix": f"{what}/"}),
            },
        )
    t["storage"].resource_count_is("AWS::S3::Bucket", len(ZONES) + 3)


@check
def every_bucket_refuses_what_is_not_encrypted_on_its_way(t: Templates, plan: Plan) -> None:
    del plan
    guarded = set()
    for policy in of(t["storage"], "AWS::S3::BucketPolicy").values():
        for entry in policy["PolicyDocument"]["Statement"]:
            refused = entry["Effect"] == "Deny" and entry["Principal"] in ("*", {"AWS": "*"})
            bare = entry.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            if refused and bare and entry["Action"] == "s3:*" and len(entry["Resource"]) == 2:
                guarded.add(flat(policy["Bucket"]).strip("{}"))
    assert guarded == set(t["storage"].find_resources("AWS::S3::Bucket")), guarded


@check
def unfinished_uploads_go_after_a_day_and_results_too(t: Templates, plan: Plan) -> None:
    for bucket in of(t["storage"], "AWS::S3::Bucket").values():
        rules = bucket["LifecycleConfiguration"]["Rules"]
        aborted = [rule.get("AbortIncompleteMultipartUpload") for rule in rules]
        assert {"DaysAfterInitiation": 1} in aborted, bucket["BucketName"]
        expired = [r["ExpirationInDays"] for r in rules if "ExpirationInDays" in r]
        wanted = {plan.bucket("results"): [1], plan.bucket("logs"): [90]}
        assert expired == wanted.get(bucket["BucketName"], []), bucket["BucketName"]


@check
def what_lasts_is_kept_when_its_stack_goes(t: Templates, plan: Plan) -> None:
    kinds = ["S3::Bucket", "KMS::Key", "SecretsManager::Secret", "Glue::Database", "Glue::Table"]
    keep = {"RetainExceptOnCreate", "Retain"}  # a creation that failed can be repeated
    wanted = keep if plan.settings.keep_data else {"Delete"}
    for stack in ("storage", "catalog"):
        for kind in kinds:
            for name, made in t[stack].find_resources(f"AWS::{kind}").items():
                policies = {made.get("DeletionPolicy"), made.get("UpdateReplacePolicy")}
                logs = made["Properties"].get("BucketName") == plan.bucket("logs")
                assert policies == (keep if logs else wanted), name


@check
def keys_are_rotated_and_secrets_made_by_aws(t: Templates, plan: Plan) -> None:
    for key in of(t["storage"], "AWS::KMS::Key").values():
        assert key["EnableKeyRotation"] is True
    for name in ("pseudonym_key", "forgotten_key"):
        t["storage"].has_resource_properties(
            "AWS::SecretsManager::Secret",
            {
                "Name": f"{plan.settings.name}/{name}",
                "SecretString": Match.absent(),
                "KmsKeyId": Match.any_value(),
                "GenerateSecretString": {
                    "PasswordLength": 64,
                    "ExcludeUppercase": True,
                    "ExcludePunctuation": True,
                    "ExcludeCharacters": "ghijklmnopqrstuvwxyz",
                    "RequireEachIncludedType": False,
                },
            },
        )

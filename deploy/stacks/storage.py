"""Keys, buckets and secrets: what holds people's data, and what it is made unreadable by.

No bucket with rows of people is versioned. Iceberg's snapshots are the history of the tables;
what forgetting removes must be gone with it, not wait as a noncurrent copy.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from deploy.plan import DELIVERIES, LOGS, RESULTS, Plan
from deploy.stacks.base import KEPT, LakeStack, acknowledge, excuse, resource_of
from stedi.contract import ZONES

PSEUDONYM, FORGOTTEN = "pseudonym_key", "forgotten_key"
_USES = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncrypt*", "kms:Describe*"]
_NOT_HEXADECIMAL = "ghijklmnopqrstuvwxyz"

_NO_HISTORY = {
    "s3_bucket_versioning_enabled_check": (
        "Whom the lake forgets must be gone: a noncurrent version would keep them. Iceberg's "
        "snapshots are the history of the tables, and the lake removes them when it forgets."
    ),
    "s3_bucket_object_lock_enabled_check": "What is locked cannot be forgotten.",
}
_NO_EVENTS = {
    "s3_event_notifications_enabled_check": "Nothing waits for files but for delivered ones."
}


class StorageStack(LakeStack):
    """Keys, buckets and secrets."""

    def __init__(self, scope: Construct, plan: Plan) -> None:
        super().__init__(scope, plan, "storage", "Keys, buckets and secrets of the lake")
        self.data_key = self._key("Data", "delivered files and tables")
        self.results_key = self._key("Results", "results of queries")
        self.service_key = self._key("Service", "secrets, logs and alarms")
        self._let_services_encrypt()
        self._logs = self._log_bucket()
        for what in (DELIVERIES, *ZONES):
            self._data_bucket(what)
        self._result_bucket()
        self.secrets = {
            PSEUDONYM: self._secret(PSEUDONYM, "Makes subject_id of an address"),
            FORGOTTEN: self._secret(FORGOTTEN, "Makes the fingerprints of forgotten people"),
        }

    def _key(self, name: str, of: str) -> kms.Key:
        key = kms.Key(
            self,
            f"{name}Key",
            alias=f"alias/{self.plan.named(name.lower())}",
            description=f"Encrypts {of} of the lake {self.plan.settings.name}",
            enable_key_rotation=True,
            removal_policy=self.removal,
        )
        neither = {"kms:GrantIsForAWSResource": "false", "aws:PrincipalIsAWSService": "false"}
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="OnlyServicesOfAwsPassItOn",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["kms:CreateGrant"],
                resources=["*"],
                conditions={"BoolIfExists": neither},
            )
        )
        return key

    def _let_services_encrypt(self) -> None:
        """For the topic of alarms no condition: EventBridge would not meet it, and say nothing."""
        for service in ("events", "cloudwatch"):
            self._let(f"{service}.amazonaws.com")
        group = f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group:*"
        context = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": group}}
        self._let(f"logs.{self.region}.amazonaws.com", context)

    def _let(self, service: str, conditions: dict[str, dict[str, str]] | None = None) -> None:
        self.service_key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=_USES if service.startswith("logs.") else _USES[:3],
                resources=["*"],  # in a key's policy: this key
                conditions=conditions,
            )
        )

    def _log_bucket(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "LogBucket",
            bucket_name=self.plan.bucket(LOGS),
            encryption=s3.BucketEncryption.S3_MANAGED,  # S3 delivers no access logs under a KMS key
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[_unfinished(), _expires(90)],
            removal_policy=KEPT,  # S3 writes into it hours after the last access
        )
        endless = "It is where access logs go; one that logs itself never comes to an end."
        acknowledge(bucket, {"AwsSolutions-S1": endless})
        refused = "S3 delivers no access logs into a bucket under a KMS key of one's own."
        own = {"s3_bucket_logging_enabled_check": endless}
        own["s3_bucket_default_encryption_kms_check"] = refused
        excuse(resource_of(bucket), own | _NO_EVENTS | _NO_HISTORY)
        return bucket

    def _data_bucket(self, what: str) -> None:
        bucket = self._bucket(what, self.data_key, [_unfinished()])
        if what == DELIVERIES:
            own = resource_of(bucket)
            assert isinstance(own, s3.CfnBucket)  # noqa: S101
            own.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
                    event_bridge_enabled=True
                )
            )

    def _result_bucket(self) -> None:
        """Results hold rows: they go within a day or two, since no forgetting looks at them."""
        self._bucket(RESULTS, self.results_key, [_unfinished(), _expires(1)])

    def _bucket(self, what: str, key: kms.Key, rules: list[s3.LifecycleRule]) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            f"{what.capitalize()}Bucket",
            bucket_name=self.plan.bucket(what),
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=False,
            lifecycle_rules=rules,
            server_access_logs_bucket=self._logs,
            server_access_logs_prefix=f"{what}/",
            removal_policy=self.removal,
        )
        excuse(resource_of(bucket), _NO_HISTORY | ({} if what == DELIVERIES else _NO_EVENTS))
        return bucket

    def _secret(self, what: str, description: str) -> secrets.Secret:
        secret = secrets.Secret(
            self,
            what.title().replace("_", ""),
            secret_name=f"{self.plan.settings.name}/{what}",
            description=f"{description}; 256 bits as hexadecimal digits",
            encryption_key=self.service_key,
            generate_secret_string=secrets.SecretStringGenerator(
                password_length=64,
                exclude_uppercase=True,
                exclude_punctuation=True,
                exclude_characters=_NOT_HEXADECIMAL,
                require_each_included_type=False,
            ),
            removal_policy=self.removal,
        )
        reason = "Another key is another pseudonym for everybody, and forgets who was forgotten."
        acknowledge(secret, {"AwsSolutions-SMG4": reason})
        return secret


def _unfinished() -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="abort-unfinished-uploads",
        abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
    )


def _expires(days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(id="expire", expiration=cdk.Duration.days(days))

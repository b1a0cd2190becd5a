"""Who may do what: a role for each of zones/roles.yaml, and what Lake Formation grants by zone.

Tables take the tag of their database, those too that are not made yet: grants by tag hold from
the first deployment on. Single columns are for `filters`, once their tables are there.
"""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lf
from constructs import Construct

from deploy.plan import (
    DELIVERIES,
    HOME,
    OPS,
    RESULTS,
    TABLES,
    UPKEEP,
    Plan,
    operates,
    sees_all,
    writes_of,
    zones_of,
)
from deploy.settings import ACCOUNT
from deploy.stacks.base import LakeStack, allow
from deploy.stacks.catalog import CatalogStack
from deploy.stacks.jobs import WRITE, JobsStack
from deploy.stacks.storage import StorageStack
from stedi.contract import ZONES
from stedi.contract.roles import Role

# Without CREATE_TABLE on its database Lake Formation refuses to say that a table is not there, and
# every run looks at tables that are not made yet. Which a job may make, IAM says (`jobs`).
_LOOKS = ("CREATE_TABLE", "DESCRIBE")
# Whoever forgets looks for older versions and unfinished uploads, and removes them.
_PAST_BUCKETS = ("s3:GetBucketVersioning", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads")
_PAST_OBJECTS = ("s3:GetObjectVersion", "s3:DeleteObjectVersion")

_RESULTS = "Athena names the files of results itself, in a folder that is the role's own."
_EVERY_FILE = "Runs, upkeep and forgetting read and write all files of the lake."
_DELIVERIES = "Delivered files lie at any depth, under names that their senders choose."
_ANY = (
    "Athena's lists and GetDataAccess know no resources; lists tell names, and what is handed out "
    "is what was granted."
)
_LISTED = "The list of databases is asked for as a whole; it tells names, no rows."
_JOBS_LOGS = "The streams of the jobs' logs are named by Glue after each run."
_UNMADE = "Tables that no contract announces, such as `_raw`: what is granted decides."


class AccessStack(LakeStack):
    """Roles of people, their rights, and the grants by zone of people and jobs."""

    def __init__(
        self,
        scope: Construct,
        plan: Plan,
        storage: StorageStack,
        catalog: CatalogStack,
        made: JobsStack,
    ) -> None:
        super().__init__(scope, plan, "access", "Roles and grants of the lake")
        self._storage = storage
        self._tag_key = catalog.tag_key
        self._last: cdk.CfnResource | None = None
        self.roles = {role.name: self._role(role) for role in plan.roles}
        for role in plan.roles:
            self._grant_role(role)
        for job in plan.jobs:
            written = zones_of(writes_of(job))
            self._grant(job.name, made.roles[job.name], ZONES, _LOOKS, ("DESCRIBE",))
            self._grant(job.name, made.roles[job.name], written, (), ("ALTER",))
            self._grant_places(job.name, made.roles[job.name], written)
        upkeep = made.roles[UPKEEP]
        self._grant(UPKEEP, upkeep, ZONES, _LOOKS, ("ALTER", "DESCRIBE"))
        self._grant_places(UPKEEP, upkeep, ZONES)

    def _role(self, role: Role) -> iam.Role:
        made = iam.Role(
            self,
            f"{role.name.capitalize()}Role",
            role_name=self.plan.named(role.name),
            assumed_by=self._principals(role),
            description=role.description,
        )
        self._queries(made, role)
        self._look_up(made, role)
        if operates(role):
            self._operation(made, role)
        return made

    def _principals(self, role: Role) -> iam.IPrincipal:
        given = self.plan.settings.roles[role.name]
        if not given or given == (ACCOUNT,):
            return iam.AccountRootPrincipal()
        return iam.CompositePrincipal(*(iam.ArnPrincipal(arn) for arn in given))

    def _queries(self, made: iam.Role, role: Role) -> None:
        group = self.plan.named(role.name)
        arn = f"arn:{self.partition}:athena:{self.region}:{self.account}:workgroup/{group}"
        reading = ["GetQueryExecution", "GetQueryResults", "ListQueryExecutions", "GetWorkGroup"]
        named = ["ListNamedQueries", "GetNamedQuery", "BatchGetNamedQuery"]
        doing = ["StartQueryExecution", "StopQueryExecution"]
        allow(made, [f"athena:{verb}" for verb in (*reading, *named, *doing)], [arn])
        names = (
            f"arn:{self.partition}:athena:{self.region}:{self.account}:datacatalog/AwsDataCatalog"
        )
        listing = ["GetDataCatalog", "GetDatabase", "ListDatabases"]
        listing += ["GetTableMetadata", "ListTableMetadata"]
        allow(made, [f"athena:{verb}" for verb in listing], [names])
        allow(made, ["athena:ListDataCatalogs", "athena:ListWorkGroups"], ["*"], _ANY)
        own = self.bucket_arn(RESULTS, f"{role.name}/*")
        files = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        allow(made, [*files, "s3:ListMultipartUploadParts"], [own], _RESULTS)
        allow(made, ["s3:GetBucketLocation"], [self.bucket_arn(RESULTS)])
        only = {"StringLike": {"s3:prefix": f"{role.name}/*"}}
        allow(made, ["s3:ListBucket"], [self.bucket_arn(RESULTS)], conditions=only)
        key = self._storage.results_key.key_arn
        allow(made, ["kms:Decrypt", "kms:GenerateDataKey"], [key])

    def _look_up(self, made: iam.Role, role: Role) -> None:
        catalog = self.glue_arn("catalog")
        allow(made, ["glue:GetDatabases"], [catalog, self.glue_arn("database/*")], _LISTED)
        names = [self.plan.database(zone) for zone in role.zones]
        databases = [self.glue_arn(f"database/{name}") for name in names]
        tables = [f"table/{self.plan.database(t.zone)}/{t.name}" for t in role.tables()]
        actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"]
        arns = [self.glue_arn(path) for path in tables]
        allow(made, actions, [catalog, *databases, *arns])
        if sees_all(role):
            every = [self.glue_arn(f"table/{name}/*") for name in names]
            allow(made, actions, every, _UNMADE)
        allow(made, ["lakeformation:GetDataAccess"], ["*"], _ANY)

    def _operation(self, made: iam.Role, role: Role) -> None:
        """Rounds started and watched; `stedi run`, `maintain` and `account` from a machine."""
        workflow = self.glue_arn(f"workflow/{self.plan.named('round')}")
        looked = ["glue:GetWorkflow", "glue:GetWorkflowRun", "glue:GetWorkflowRuns"]
        allow(made, [*looked, "glue:StartWorkflowRun", "glue:StopWorkflowRun"], [workflow])
        runs = [self.glue_arn(f"job/{self.plan.named(step)}") for step in self.plan.steps]
        verbs = ["GetJobRun", "GetJobRuns", "StartJobRun", "BatchStopJobRun"]
        allow(made, [f"glue:{verb}" for verb in verbs], runs)
        groups = f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group"
        told = ["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"]
        allow(made, told, [f"{groups}:{self.plan.logs}/*"], _JOBS_LOGS)
        home = self.bucket_arn(OPS, f"{HOME}/*")
        tables = [self.bucket_arn(zone, f"{TABLES}/*") for zone in ZONES]
        allow(made, WRITE, [home, *tables], _EVERY_FILE)
        buckets = [self.bucket_arn(what) for what in (*ZONES, DELIVERIES)]
        allow(made, ["s3:ListBucket"], buckets)
        delivered = self.bucket_arn(DELIVERIES, "*")
        allow(made, WRITE if role.subjects else ["s3:GetObject"], [delivered], _DELIVERIES)
        if role.subjects:
            allow(made, _PAST_BUCKETS, buckets)
            allow(made, _PAST_OBJECTS, [home, *tables, delivered], _EVERY_FILE)
        databases = [self.plan.database(zone) for zone in ZONES]
        held = [f"table/{self.plan.database(t.zone)}/{t.name}" for t in self.plan.tables]
        paths = ["catalog", *(f"database/{name}" for name in databases), *held]
        allow(made, ["glue:CreateTable", "glue:UpdateTable"], [self.glue_arn(p) for p in paths])
        secrets = [secret.secret_full_arn or "" for secret in self._storage.secrets.values()]
        allow(made, ["secretsmanager:GetSecretValue"], secrets)
        allow(made, ["kms:Decrypt"], [self._storage.service_key.key_arn])
        data = self._storage.data_key.key_arn
        allow(made, ["kms:Decrypt", "kms:GenerateDataKey"], [data])

    def _grant_role(self, role: Role) -> None:
        made = self.roles[role.name]
        if not sees_all(role):
            self._grant(role.name, made, role.zones, ("DESCRIBE",), ())
            return
        writes = operates(role)
        database = ("CREATE_TABLE", "DESCRIBE") if writes else ("DESCRIBE",)
        tables = ("ALTER", "DESCRIBE", "SELECT") if writes else ("DESCRIBE", "SELECT")
        self._grant(role.name, made, role.zones, database, tables)
        if writes:
            self._grant_places(role.name, made, role.zones)

    def _grant(
        self,
        who: str,
        role: iam.Role,
        zones: Sequence[str],
        database: Sequence[str],
        tables: Sequence[str],
    ) -> None:
        """Grants on all databases of zones, and on all tables in them now and later."""
        for kind, permissions in (("DATABASE", database), ("TABLE", tables)):
            if not permissions:
                continue
            expression = lf.CfnPrincipalPermissions.LFTagProperty(
                tag_key=self._tag_key, tag_values=list(zones)
            )
            resource = lf.CfnPrincipalPermissions.ResourceProperty(
                lf_tag_policy=lf.CfnPrincipalPermissions.LFTagPolicyResourceProperty(
                    catalog_id=self.account, resource_type=kind, expression=[expression]
                )
            )
            self._granted(f"{who} {kind} {' '.join(zones)}", role, resource, permissions)

    def _grant_places(self, who: str, role: iam.Role, zones: Sequence[str]) -> None:
        """Whoever makes a table has to be granted the place where it lies."""
        for zone in zones:
            place = lf.CfnPrincipalPermissions.DataLocationResourceProperty(
                catalog_id=self.account, resource_arn=self.bucket_arn(zone)
            )
            resource = lf.CfnPrincipalPermissions.ResourceProperty(data_location=place)
            self._granted(f"{who} place {zone}", role, resource, ["DATA_LOCATION_ACCESS"])

    def _granted(
        self,
        name: str,
        role: iam.Role,
        resource: lf.CfnPrincipalPermissions.ResourceProperty,
        permissions: Sequence[str],
    ) -> None:
        principal = lf.CfnPrincipalPermissions.DataLakePrincipalProperty(
            data_lake_principal_identifier=role.role_arn
        )
        made = lf.CfnPrincipalPermissions(
            self,
            "Grant" + name.title().replace(" ", "").replace("_", ""),
            principal=principal,
            resource=resource,
            permissions=list(permissions),
            permissions_with_grant_option=[],
        )
        if self._last is not None:  # Lake Formation refuses grants that come at once
            made.add_resource_dependency(self._last)
        self._last = made

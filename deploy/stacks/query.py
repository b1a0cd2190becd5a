"""Athena: a workgroup for each role, with the saved queries that the role may run.

One workgroup for all would put everybody's results into one folder, where a scientist could read
what an engineer had looked up.
"""

from __future__ import annotations

from aws_cdk import aws_athena as athena
from constructs import Construct

from deploy.plan import RESULTS, Plan, qualified, queries_of
from deploy.stacks.base import LakeStack, excuse
from deploy.stacks.jobs import ELSEWHERE
from deploy.stacks.storage import StorageStack
from stedi.contract.roles import Role

_GB = 10**9


class QueryStack(LakeStack):
    """Workgroups and named queries."""

    def __init__(self, scope: Construct, plan: Plan, storage: StorageStack) -> None:
        super().__init__(scope, plan, "query", "Athena workgroups of the lake")
        self._key = storage.results_key.key_arn
        for role in plan.roles:
            self._named_queries(role, self._workgroup(role))

    def _workgroup(self, role: Role) -> athena.CfnWorkGroup:
        of = athena.CfnWorkGroup
        encryption = of.EncryptionConfigurationProperty(
            encryption_option="SSE_KMS", kms_key=self._key
        )
        group = of(
            self,
            f"{role.name.capitalize()}Workgroup",
            name=self.plan.named(role.name),
            description=role.description,
            recursive_delete_option=True,  # the history of queries, no data
            work_group_configuration=of.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                requester_pays_enabled=False,
                bytes_scanned_cutoff_per_query=self.plan.settings.scan_limit_gb * _GB,
                engine_version=of.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=of.ResultConfigurationProperty(
                    output_location=f"s3://{self.plan.bucket(RESULTS)}/{role.name}/",
                    expected_bucket_owner=self.account,
                    encryption_configuration=encryption,
                ),
            ),
        )
        excuse(group, {"athena_workgroup_results_encrypted_at_rest_kms_check": ELSEWHERE})
        return group

    def _named_queries(self, role: Role, group: athena.CfnWorkGroup) -> None:
        for query in queries_of(role):
            named = athena.CfnNamedQuery(
                self,
                f"{role.name}_{query.name}".title().replace("_", ""),
                name=query.name,
                description=query.title,
                database=self.plan.database(role.zones[0]),
                query_string=qualified(self.plan, query),
                work_group=group.name,
            )
            named.add_resource_dependency(group)

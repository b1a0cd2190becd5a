"""Databases, the delivered files as tables, and what Lake Formation knows of them.

The Iceberg tables are not here: the lake makes them in its first round, and a stack that owned
them would put an old pointer in place of a new one when it is deployed again.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lf
from constructs import Construct, IDependable

from deploy.plan import DELIVERIES, Plan
from deploy.stacks.base import LakeStack, allow
from deploy.stacks.storage import StorageStack
from stedi.contract import ZONES, Column, Table
from stedi.contract.ddl import raw_type, serde_properties


class CatalogStack(LakeStack):
    """Databases, raw tables, Lake Formation's tag, places and administrators."""

    def __init__(self, scope: Construct, plan: Plan, storage: StorageStack) -> None:
        super().__init__(scope, plan, "catalog", "Databases of the lake")
        self.tag_key = plan.named("zone")
        settings = self._administrators()
        tag = lf.CfnTag(self, "ZoneTag", tag_key=self.tag_key, tag_values=list(ZONES))
        tag.add_resource_dependency(settings)
        self._last: cdk.CfnResource = tag
        for zone in ZONES:
            self._zone(zone, settings)
        for table in plan.feeds:
            self._raw_table(table)
        self._places(storage, settings)

    def _administrators(self) -> lf.CfnDataLakeSettings:
        """CloudFormation may grant: it is added to the account's administrators."""
        synthesizer = self.synthesizer
        assert isinstance(synthesizer, cdk.DefaultStackSynthesizer)  # noqa: S101
        role = cdk.Fn.sub(synthesizer.cloud_formation_execution_role_arn)
        admin = lf.CfnDataLakeSettings.DataLakePrincipalProperty(
            data_lake_principal_identifier=role
        )
        return lf.CfnDataLakeSettings(
            self, "Administrators", admins=[admin], mutation_type="APPEND"
        )

    def _zone(self, zone: str, settings: cdk.CfnResource) -> None:
        database = glue.CfnDatabase(
            self,
            f"{zone.capitalize()}Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self.plan.database(zone),
                description=f"Zone {zone} of the lake {self.plan.settings.name}",
                # None: IAM alone opens no table that is made here.
                create_table_default_permissions=[],
            ),
        )
        database.apply_removal_policy(self.removal)
        database.add_resource_dependency(settings)
        tagged = lf.CfnTagAssociation(
            self,
            f"{zone.capitalize()}Tag",
            resource=lf.CfnTagAssociation.ResourceProperty(
                database=lf.CfnTagAssociation.DatabaseResourceProperty(
                    catalog_id=self.account, name=self.plan.database(zone)
                )
            ),
            lf_tags=[
                lf.CfnTagAssociation.LFTagPairProperty(
                    catalog_id=self.account, tag_key=self.tag_key, tag_values=[zone]
                )
            ],
        )
        tagged.add_resource_dependency(database)
        # One after the other: Lake Formation refuses what comes at once.
        tagged.add_resource_dependency(self._last)
        self._last = tagged

    def _raw_table(self, table: Table) -> None:
        columns = [column for column in table.columns if column.field]
        raw = glue.CfnTable(
            self,
            f"{table.feed.title().replace('_', '')}Raw",
            catalog_id=self.account,
            database_name=self.plan.database(table.zone),
            table_input=glue.CfnTable.TableInputProperty(
                name=f"{table.feed}_raw",
                description=table.description,
                table_type="EXTERNAL_TABLE",
                parameters={"classification": "json", "EXTERNAL": "TRUE"},
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=f"{self.plan.landing}/{table.feed}/",
                    input_format="org.apache.hadoop.mapred.TextInputFormat",
                    output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    columns=[_raw_column(column) for column in columns],
                    serde_info=_serde(table),
                ),
            ),
        )
        raw.apply_removal_policy(self.removal)
        raw.add_resource_dependency(self._last)

    def _places(self, storage: StorageStack, settings: cdk.CfnResource) -> None:
        """Lake Formation hands out the rows of these buckets, by a role of its own."""
        role = iam.Role(
            self,
            "PlacesRole",
            assumed_by=iam.ServicePrincipal(
                "lakeformation.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            ),
            description="Reads delivered files and tables for those to whom they are granted",
        )
        buckets = [DELIVERIES, *ZONES]
        allow(role, ["s3:ListBucket"], [self.bucket_arn(b) for b in buckets])
        why = "Lake Formation reads each object of the buckets that it is asked to hand out."
        allow(role, ["s3:GetObject"], [self.bucket_arn(b, "*") for b in buckets], why)
        allow(role, ["kms:Decrypt"], [storage.data_key.key_arn])
        ready: IDependable = role.node.find_child("DefaultPolicy")
        for what in buckets:
            place = lf.CfnResource(
                self,
                f"{what.capitalize()}Place",
                resource_arn=self.bucket_arn(what),
                use_service_linked_role=False,
                role_arn=role.role_arn,
            )
            place.node.add_dependency(ready, settings)


def _raw_column(column: Column) -> glue.CfnTable.ColumnProperty:
    return glue.CfnTable.ColumnProperty(
        name=column.name, type=raw_type(column), comment=column.description[:255]
    )


def _serde(table: Table) -> glue.CfnTable.SerdeInfoProperty:
    return glue.CfnTable.SerdeInfoProperty(
        serialization_library="org.openx.data.jsonserde.JsonSerDe",
        parameters=serde_properties(table),
    )

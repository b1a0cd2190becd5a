"""What roles see that do not see every column: a filter for each table, and SELECT on it.

A filter lists the columns that are seen, so one that no contract announces is not. It is named
after that list: another list is another filter, granted before the old one goes. Changing the
columns of a grant instead would revoke, after the new grant, what both have in common.
Lake Formation takes a filter only for a table that is there: `up` deploys this stack once the
first round has made them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_lakeformation as lf
from constructs import Construct

from deploy.plan import Plan, sees_all
from deploy.stacks.access import AccessStack
from deploy.stacks.base import LakeStack
from stedi.contract import Table
from stedi.contract.roles import Role


class FiltersStack(LakeStack):
    """Data filters and the grants on them."""

    def __init__(self, scope: Construct, plan: Plan, access: AccessStack) -> None:
        super().__init__(scope, plan, "filters", "Columns that roles of the lake see")
        self._last: cdk.CfnResource | None = None
        for role in plan.roles:
            for table in role.tables() if not sees_all(role) else ():
                self._filter(role, access.roles[role.name].role_arn, table)

    def _filter(self, role: Role, arn: str, table: Table) -> None:
        columns = [column.name for column in role.columns(table)]
        name = filter_name(role, columns)
        made = lf.CfnDataCellsFilter(
            self,
            _id(role, table, "Filter"),
            table_catalog_id=self.account,
            database_name=self.plan.database(table.zone),
            table_name=table.name,
            name=name,
            column_names=columns,
            row_filter=lf.CfnDataCellsFilter.RowFilterProperty(all_rows_wildcard={}),
        )
        self._after_the_last(made)
        on = lf.CfnPrincipalPermissions.DataCellsFilterResourceProperty(
            table_catalog_id=self.account,
            database_name=self.plan.database(table.zone),
            table_name=table.name,
            name=name,
        )
        grant = lf.CfnPrincipalPermissions(
            self,
            _id(role, table, "Grant"),
            principal=lf.CfnPrincipalPermissions.DataLakePrincipalProperty(
                data_lake_principal_identifier=arn
            ),
            resource=lf.CfnPrincipalPermissions.ResourceProperty(data_cells_filter=on),
            permissions=["SELECT"],
            permissions_with_grant_option=[],
        )
        self._after_the_last(grant)

    def _after_the_last(self, made: cdk.CfnResource) -> None:
        if self._last is not None:
            made.add_resource_dependency(self._last)
        self._last = made


def filter_name(role: Role, columns: Sequence[str]) -> str:
    """The role and a digest of what it sees."""
    digest = hashlib.sha256(",".join(columns).encode()).hexdigest()[:12]
    return f"{role.name}_{digest}"


def _id(role: Role, table: Table, what: str) -> str:
    return f"{role.name}_{table.name}_{what}".title().replace("_", "")

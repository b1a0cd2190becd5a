"""Who sees what, by Lake Formation."""

from __future__ import annotations

import re
from typing import Any

from deploy.plan import Plan, operates, sees_all, writes_of
from looked import Templates, check, flat, grants, of, resources_of, role_named

from stedi.contract import ZONES


@check
def whoever_sees_no_identifying_columns_is_granted_the_others_by_name(
    t: Templates, plan: Plan
) -> None:
    filters = of(t["filters"], "AWS::LakeFormation::DataCellsFilter").values()
    found = {(f["TableName"], f["Name"].rpartition("_")[0]): f for f in filters}
    wanted = {(x.name, r.name) for r in plan.roles if not sees_all(r) for x in r.tables()}
    assert set(found) == wanted, set(found) ^ wanted
    for role in plan.roles:
        for table in role.tables() if not sees_all(role) else ():
            made = found[table.name, role.name]
            identifying = {c.name for c in table.columns if c.pii not in role.personal}
            assert made["ColumnNames"] == [c.name for c in role.columns(table)], table.name
            assert not identifying & set(made["ColumnNames"]), table.name
            assert "ColumnWildcard" not in made
            assert made["RowFilter"] == {"AllRowsWildcard": {}}
            assert made["DatabaseName"] == plan.database(table.zone)


@check
def every_filter_is_granted_to_its_role(t: Templates, plan: Plan) -> None:
    filters = of(t["filters"], "AWS::LakeFormation::DataCellsFilter").values()
    granted = [
        (resource["DataCellsFilter"]["Name"], who, permissions)
        for who, resource, permissions in grants(t["filters"])
    ]
    assert sorted(name for name, _, _ in granted) == sorted(f["Name"] for f in filters)
    for name, who, permissions in granted:
        role = name.rpartition("_")[0]
        assert f"{role.capitalize()}Role" in who, (name, who)
        assert plan.named("access") in who
        assert permissions == {"SELECT"}


@check
def nobody_who_may_not_see_a_column_is_granted_its_table(t: Templates, plan: Plan) -> None:
    for role in plan.roles:
        logical = role_named(t["access"], plan.named(role.name))
        granted = [
            (resource["LFTagPolicy"]["ResourceType"], permissions, resource)
            for who, resource, permissions in grants(t["access"])
            if who == f"{{{logical}.Arn}}" and "LFTagPolicy" in resource
        ]
        tables = [entry for entry in granted if entry[0] == "TABLE"]
        assert len(tables) == (1 if sees_all(role) else 0), role.name
        for _, permissions, resource in granted:
            (tag,) = resource["LFTagPolicy"]["Expression"]
            assert tag["TagKey"] == plan.named("zone")
            assert tag["TagValues"] == list(role.zones), role.name
            assert operates(role) or not permissions & {"ALTER", "CREATE_TABLE", "DROP"}


@check
def grants_name_a_tag_a_place_or_a_filter_and_cannot_be_passed_on(t: Templates, plan: Plan) -> None:
    del plan
    known = {"LFTagPolicy", "DataLocation", "DataCellsFilter"}
    for stack in ("access", "filters"):
        entries = of(t[stack], "AWS::LakeFormation::PrincipalPermissions").values()
        for entry in entries:
            assert set(entry["Resource"]) <= known, entry["Resource"]
            assert entry["PermissionsWithGrantOption"] == []
            assert "IAM_ALLOWED" not in str(entry["Principal"])


@check
def every_job_may_make_tables_where_it_writes_and_see_what_there_is(
    t: Templates, plan: Plan
) -> None:
    for job in plan.jobs:
        mine = [
            (resource, permissions)
            for who, resource, permissions in grants(t["access"])
            if re.search(rf"Output(Ref|FnGetAtt){job.name.title().replace('_', '')}Role", who)
        ]
        zones = [zone for zone in ZONES if any(w.zone == zone for w in writes_of(job))]
        assert _tagged(mine, "CREATE_TABLE") == list(ZONES), "to be told that a table is not there"
        assert _tagged(mine, "ALTER") == zones, job.name
        assert _tagged(mine, "DESCRIBE") == list(ZONES), job.name
        places = [flat(r["DataLocation"]["ResourceArn"]) for r, _ in mine if "DataLocation" in r]
        assert places == [f"arn:{{Partition}}:s3:::{plan.bucket(zone)}" for zone in zones]


@check
def upkeep_may_change_the_tables_of_every_zone_and_read_none_by_lake_formation(
    t: Templates, plan: Plan
) -> None:
    mine = [
        (resource, permissions)
        for who, resource, permissions in grants(t["access"])
        if re.search(r"Output(Ref|FnGetAtt)MaintainRole", who)
    ]
    for permission in ("ALTER", "CREATE_TABLE", "DESCRIBE"):
        assert _tagged(mine, permission) == list(ZONES), permission
    known = {"ALTER", "CREATE_TABLE", "DESCRIBE", "DATA_LOCATION_ACCESS"}
    assert {permission for _, granted in mine for permission in granted} == known
    places = [flat(r["DataLocation"]["ResourceArn"]) for r, _ in mine if "DataLocation" in r]
    assert places == [f"arn:{{Partition}}:s3:::{plan.bucket(zone)}" for zone in ZONES]


def _tagged(granted: list[tuple[dict[str, Any], set[str]]], permission: str) -> list[str]:
    found = [
        resource["LFTagPolicy"]["Expression"][0]["TagValues"]
        for resource, permissions in granted
        if "LFTagPolicy" in resource and permission in permissions
    ]
    return list(dict.fromkeys(zone for zones in found for zone in zones))


@check
def people_reach_rows_through_lake_formation_unless_they_run_the_lake(
    t: Templates, plan: Plan
) -> None:
    for role in plan.roles:
        logical = role_named(t["access"], plan.named(role.name))
        own = f"{plan.bucket('results')}/{role.name}/*"
        seen = resources_of(t["access"], logical, "s3:GetObject", "s3:PutObject")
        assert own in seen, role.name
        if not operates(role):
            assert seen == {own}, role.name
        writes = resources_of(t["access"], logical, "s3:DeleteObject")
        assert (f"{plan.bucket('deliveries')}/*" in writes) == role.subjects, role.name


@check
def whoever_forgets_people_may_look_for_older_versions_and_remove_them(
    t: Templates, plan: Plan
) -> None:
    data = {f"{plan.bucket(zone)}/tables/*" for zone in ZONES}
    data |= {f"{plan.bucket('deliveries')}/*", f"{plan.bucket('ops')}/lake/*"}
    for role in plan.roles:
        logical = role_named(t["access"], plan.named(role.name))
        removed = resources_of(t["access"], logical, "s3:DeleteObjectVersion")
        looked = resources_of(t["access"], logical, "s3:ListBucketVersions")
        assert removed == (data if role.subjects else set()), role.name
        assert bool(looked) == role.subjects, role.name

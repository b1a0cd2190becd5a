"""Databases, delivered files as tables, places."""

from __future__ import annotations

from aws_cdk.assertions import Match
from deploy.plan import Plan
from looked import Templates, check, flat, of

from stedi.contract import ZONES


@check
def every_zone_has_a_database_that_opens_no_table_by_default(t: Templates, plan: Plan) -> None:
    databases = of(t["catalog"], "AWS::Glue::Database").values()
    inputs = {d["DatabaseInput"]["Name"]: d["DatabaseInput"] for d in databases}
    assert set(inputs) == {plan.database(zone) for zone in ZONES}
    for name, given in inputs.items():
        assert given["CreateTableDefaultPermissions"] == [], name


@check
def every_database_carries_the_tag_of_its_zone(t: Templates, plan: Plan) -> None:
    t["catalog"].has_resource_properties(
        "AWS::LakeFormation::Tag", {"TagKey": plan.named("zone"), "TagValues": list(ZONES)}
    )
    tagged = {
        entry["Resource"]["Database"]["Name"]: entry["LFTags"][0]["TagValues"]
        for entry in of(t["catalog"], "AWS::LakeFormation::TagAssociation").values()
    }
    assert tagged == {plan.database(zone): [zone] for zone in ZONES}


@check
def delivered_files_are_tables_by_the_feeds_own_field_names(t: Templates, plan: Plan) -> None:
    t["catalog"].resource_count_is("AWS::Glue::Table", len(plan.feeds))
    for table in plan.feeds:
        columns = [c for c in table.columns if c.field]
        mapping = {f"mapping.{c.name}": c.field for c in columns if c.field != c.name}
        t["catalog"].has_resource_properties(
            "AWS::Glue::Table",
            {
                "DatabaseName": plan.database(table.zone),
                "TableInput": {
                    "Name": f"{table.feed}_raw",
                    "StorageDescriptor": {
                        "Location": f"{plan.landing}/{table.feed}/",
                        "Columns": [Match.object_like({"Name": c.name}) for c in columns],
                        "SerdeInfo": {
                            "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
                            "Parameters": {"case.insensitive": "FALSE", **mapping},
                        },
                    },
                },
            },
        )


@check
def lake_formation_hands_out_every_bucket_of_data(t: Templates, plan: Plan) -> None:
    places = of(t["catalog"], "AWS::LakeFormation::Resource").values()
    found = {flat(place["ResourceArn"]) for place in places}
    assert found == {
        f"arn:{{Partition}}:s3:::{plan.bucket(what)}" for what in (*ZONES, "deliveries")
    }
    assert all("PlacesRole" in flat(place["RoleArn"]) for place in places)


@check
def cloudformation_may_grant_and_no_other_administrator_goes(t: Templates, plan: Plan) -> None:
    del plan
    (settings,) = of(t["catalog"], "AWS::LakeFormation::DataLakeSettings").values()
    assert settings["MutationType"] == "APPEND"
    (admin,) = settings["Admins"]
    assert "cfn-exec-role" in flat(admin["DataLakePrincipalIdentifier"])

"""The catalog that a lake's policy names: its names for the tables, and how engines reach it.

Secrets come from the environment alone: STEDI_CATALOG_TOKEN (a bearer token) or
STEDI_CATALOG_CREDENTIAL ("id:secret" for OAuth2) for REST, AWS's usual ways for Glue.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stedi.contract import ZONES
from stedi.errors import LakeError
from stedi.lake.home import Home
from stedi.lake.model import local
from stedi.lake.policy import CatalogPolicy
from stedi.places import address, place

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table as IcebergTable

    from stedi.contract import Table

NAME = "stedi"  # rows of the SQLite catalog carry it, so Spark's catalog must have this name
FILE_IO = "stedi.lake.io.DurableFileIO"
TOKEN_VARIABLE = "STEDI_CATALOG_TOKEN"  # noqa: S105
CREDENTIAL_VARIABLE = "STEDI_CATALOG_CREDENTIAL"

_RETRIES = 3  # of a call of Glue, with growing pauses: a few seconds
_LOCK_WAIT = 30  # seconds, of the SQLite catalog


def namespace(home: Home, zone: str) -> str:
    """What the catalog calls a zone."""
    return home.catalog_policy.prefix + zone


def identifier(home: Home, table: Table) -> tuple[str, str]:
    """What the catalog calls a table."""
    return (namespace(home, table.zone), table.name)


def location(home: Home, table: Table) -> str:
    """Where a table's files lie, whatever the catalog would choose."""
    return address(home.zone(table.zone) / table.name)


def warehouse(home: Home) -> str:
    """Where the catalog would put tables whose place nobody names."""
    return address(home.warehouse)


def owned(home: Home, table: IcebergTable) -> IcebergTable:
    """The table, if it is this lake's; LakeError if its files lie elsewhere."""
    path = place(local(table.metadata.location))
    if path.parent not in [home.zone(zone) for zone in ZONES]:
        raise LakeError(
            f"{'.'.join(table.name())}: the catalog has it at {path}, not in this lake; if the "
            "lake was moved or copied, use it where it was made; if two lakes share a catalog, "
            "give each a prefix of its own below [catalog] in stedi.toml"
        )
    return table


def connect(home: Home) -> Catalog:
    """The REST or Glue catalog of the policy; LakeError if it is not that of this lake.

    What the catalog's libraries raise is for `lake_errors` to explain.
    """
    catalog = _rest(home) if home.catalog_policy.type == "rest" else _glue(home)
    catalog.properties["py-io-impl"] = FILE_IO  # a server may have named another
    _refuse_a_stranger(home, catalog)
    return catalog


def _rest(home: Home) -> Catalog:
    from pyiceberg.catalog.rest import RestCatalog

    return RestCatalog(NAME, **_rest_settings(home.catalog_policy))


def _rest_settings(policy: CatalogPolicy) -> dict[str, str]:
    """What the REST clients of Python and Java call what the policy and the environment say."""
    credential = os.environ.get(CREDENTIAL_VARIABLE, "")
    own = policy.uri.rstrip("/") + "/v1/oauth/tokens" if credential else ""
    settings = {
        "uri": policy.uri,
        "warehouse": policy.warehouse,
        "oauth2-server-uri": policy.token_uri or own,
        "scope": policy.scope,
        "token": os.environ.get(TOKEN_VARIABLE, ""),
        "credential": credential,
    }
    return _given(settings)


def _given(settings: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in settings.items() if value}


def _glue(home: Home) -> Catalog:
    try:
        from pyiceberg.catalog.glue import GlueCatalog
    except ImportError as error:
        raise LakeError(
            f"{home.root}/stedi.toml: a glue catalog needs the AWS library ({error}); "
            "pip install 'stedi-lakehouse[aws]'"
        ) from error
    named = _given({"glue.endpoint": home.catalog_policy.uri, "glue.region": region()})
    return GlueCatalog(NAME, **named, **{"glue.max-retries": _RETRIES})


def region() -> str:
    """The region of the environment: Java reads the first name, boto3 the second."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "")


def _refuse_a_stranger(home: Home, catalog: Catalog) -> None:
    """A lake with tables, none of whose zones the catalog knows, was made with another."""
    made = home.filled()
    if not made:
        return
    known = {name[0] for name in catalog.list_namespaces()}
    if not any(namespace(home, zone) in known for zone in made):
        raise LakeError(
            f"{home.root}/stedi.toml: the {home.catalog_policy.type} catalog knows nothing of the "
            "tables in this lake's warehouse; restore the catalog, or [catalog] as it was when "
            "the lake was made, or choose another --lake and land the feeds again"
        )


def spark_properties(home: Home) -> dict[str, str]:
    """Settings of an Iceberg catalog for Spark that is the same catalog.

    Keys are without `spark.sql.catalog.stedi.`; the catalog must have the name NAME. Values may
    hold the secrets of the environment, `token` and `credential`: keep them out of logs.
    """
    policy = home.catalog_policy
    shared = {"io-impl": "org.apache.iceberg.hadoop.HadoopFileIO"}
    if policy.type == "rest":
        return shared | {"type": "rest"} | _rest_settings(policy)
    if policy.type == "glue":
        named = {"glue.endpoint": policy.uri, "client.region": region()}
        return shared | {"type": "glue", "warehouse": warehouse(home)} | _given(named)
    return shared | {
        "type": "jdbc",
        "uri": f"jdbc:sqlite:{home.catalog}?busy_timeout={_LOCK_WAIT * 1000}&synchronous=FULL",
        "warehouse": warehouse(home),
        "jdbc.schema-version": "V1",
        "jdbc.init-catalog-tables": "false",
    }

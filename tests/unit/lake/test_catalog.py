"""The names of tables in a catalog, and what Spark is told of it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stedi.contract import load_tables
from stedi.errors import LakeError
from stedi.lake.catalog import connect, identifier, location, spark_properties
from stedi.lake.home import Home
from stedi.lake.making import create
from stedi.lake.policy import CatalogPolicy

REST = CatalogPolicy("rest", "http://catalog:8181/", warehouse="w", prefix="a_", scope="s")
GLUE = CatalogPolicy("glue", prefix="a_")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("TOKEN", "CREDENTIAL"):
        monkeypatch.delenv(f"STEDI_CATALOG_{name}", raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    return create(tmp_path / "lake")


def test_the_prefix_is_in_the_name_and_not_in_the_folder(home: Home) -> None:
    table = load_tables()["customer_trusted"]
    folder = f"file://{home.root}/warehouse/trusted/customer_trusted"
    assert identifier(home, table) == ("trusted", "customer_trusted")
    assert location(home, table) == folder

    glue = replace(home, catalog_policy=GLUE)
    assert identifier(glue, table) == ("a_trusted", "customer_trusted")
    assert location(glue, table) == folder


def test_the_sqlite_file_is_waited_for_and_never_made(home: Home) -> None:
    found = spark_properties(home)
    assert found["type"] == "jdbc"
    assert found["uri"] == f"jdbc:sqlite:{home.root}/catalog.db?busy_timeout=30000&synchronous=FULL"
    assert found["jdbc.init-catalog-tables"] == "false"


def test_secrets_come_from_the_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = replace(home, catalog_policy=REST)
    found = spark_properties(rest)
    assert (found["type"], found["uri"], found["scope"]) == ("rest", REST.uri, "s")
    assert not {"token", "credential", "oauth2-server-uri"} & found.keys()

    monkeypatch.setenv("STEDI_CATALOG_TOKEN", "secret")
    assert spark_properties(rest)["token"] == "secret"
    monkeypatch.setenv("STEDI_CATALOG_CREDENTIAL", "id:secret")
    assert spark_properties(rest)["oauth2-server-uri"] == "http://catalog:8181/v1/oauth/tokens"
    elsewhere = replace(home, catalog_policy=replace(REST, token_uri="https://t/x"))
    assert spark_properties(elsewhere)["oauth2-server-uri"] == "https://t/x"


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_glue_has_the_region_of_the_environment(
    home: Home, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    glue = replace(home, catalog_policy=GLUE)
    assert "client.region" not in spark_properties(glue)
    monkeypatch.setenv(name, "eu-west-1")
    assert spark_properties(glue)["client.region"] == "eu-west-1"
    assert spark_properties(glue)["warehouse"] == f"file://{home.root}/warehouse"


def test_glue_without_its_library_names_the_extra(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "pyiceberg.catalog.glue", raising=False)
    with pytest.raises(LakeError, match=r"pip install 'stedi-lakehouse\[aws\]'"):
        connect(replace(home, catalog_policy=GLUE))


def test_the_settings_load_no_library_of_a_catalog() -> None:
    script = "import sys, stedi.lake.catalog; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"pyiceberg", "boto3", "pyspark", "requests"} & set(done.stdout.split())

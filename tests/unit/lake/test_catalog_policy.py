"""[catalog] in stedi.toml: what is refused says what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from stedi.errors import LakeError
from stedi.lake.policy import CatalogPolicy, read_policy
from stedi.lake.template import template

REST = 'type = "rest"\nuri = "http://catalog:8181"\n'
REFUSED = {
    "no section": ('catalog = "rest"', "catalog is 'rest'; make it a section"),
    "an unknown type": ('[catalog]\ntype = "hive"', "type is 'hive'; use sqlite, rest, glue"),
    "a type that is no text": ("[catalog]\ntype = 1", "type is 1; use"),
    "a list of types": ('[catalog]\ntype = ["rest"]', "use sqlite, rest, glue"),
    "rest without an address": ('[catalog]\ntype = "rest"', "needs its address; write uri ="),
    "an empty address": ('[catalog]\ntype = "rest"\nuri = ""', "needs its address"),
    "a secret": (f'[catalog]\n{REST}token = "x"', "has no setting 'token'; .* the environment"),
    "a setting of another type": ('[catalog]\nuri = "http://x"', "a sqlite catalog has no .*'uri'"),
    "a warehouse for glue": (
        '[catalog]\ntype = "glue"\nwarehouse = "s3://x"',
        "a glue catalog has no setting 'warehouse'; it has type, uri, prefix",
    ),
    "a number for text": ('[catalog]\ntype = "glue"\nprefix = 7', 'prefix is 7; write text, in "q'),
    "a prefix that is no name": (
        '[catalog]\ntype = "glue"\nprefix = "Stedi-"',
        "prefix is 'Stedi-'; use only a-z, 0-9 and _",
    ),
}
NO_ADDRESSES = (
    "catalog:8181",
    "file:///tmp",
    "http://",
    "http://user:secret@catalog",
    "https://catalog?token=secret",
    "https://catalog#x",
    "http://catalog:port",
    "http://[::1",
)


def written(folder: Path, section: str) -> Path:
    where = folder / "stedi.toml"
    where.write_text(template("since").partition("[maintain]")[0] + section + "\n")
    return where


@pytest.mark.parametrize(("section", "says"), REFUSED.values(), ids=REFUSED)
def test_a_catalog_that_cannot_be_meant(tmp_path: Path, section: str, says: str) -> None:
    where = written(tmp_path, section)
    with pytest.raises(LakeError, match=says) as caught:
        read_policy(where)
    assert str(where) in str(caught.value)


@pytest.mark.parametrize("setting", ["uri", "token_uri"])
@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_address_is_http_and_holds_no_secret(tmp_path: Path, setting: str, address: str) -> None:
    section = {"uri": "http://catalog:8181"} | {setting: address}
    lines = "\n".join(f'{key} = "{value}"' for key, value in section.items())
    with pytest.raises(LakeError, match=f"{setting} is no address") as caught:
        read_policy(written(tmp_path, f'[catalog]\ntype = "rest"\n{lines}'))
    assert "secret" not in str(caught.value)


def test_a_lake_without_the_section_has_a_sqlite_catalog(tmp_path: Path) -> None:
    assert read_policy(written(tmp_path, "")).catalog == CatalogPolicy()
    assert CatalogPolicy().in_lake


def test_every_setting_is_read(tmp_path: Path) -> None:
    section = REST + 'warehouse = "w"\nprefix = "a_"\ntoken_uri = "https://t/x"\nscope = "s"'
    found = read_policy(written(tmp_path, "[catalog]\n" + section)).catalog
    assert found == CatalogPolicy("rest", "http://catalog:8181", "w", "a_", "https://t/x", "s")
    assert not found.in_lake

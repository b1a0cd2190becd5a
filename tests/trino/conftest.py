"""One lake as on AWS, on S3 with its catalog in Glue, that has a past; one Trino that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sites
import stedi
from catalogs.servers import glue_catalog
from s3.server import OWNER, REGION, S3Server, client
from stedi.api import Lake
from stedi.contract import ZONES
from stedi.places import S3Path
from stedi.simulate import Simulated, simulate
from trino.server import Trino, trino

PREFIX = "team_"
BUCKET = "team"  # and one more for each zone


@pytest.fixture(scope="session")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Feeds of ten people for some seconds of two days, some lines malformed."""
    folder = tmp_path_factory.mktemp("feeds") / "landing"
    return simulate(folder, people=10, days=2, minutes=0.1, dirty=0.05)


@pytest.fixture(scope="session")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Glue Data Catalog."""
    with glue_catalog(tmp_path_factory.mktemp("glue")) as address:
        yield address


@pytest.fixture(scope="session")
def server(glue: str, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trino]:
    """Trino over that catalog and S3."""
    with trino(glue, s3.endpoint, tmp_path_factory.mktemp("trino")) as started:
        yield started


@pytest.fixture(scope="session")
def buckets(s3: S3Server) -> S3Server:
    """S3 with the buckets of the lake."""
    for name in (BUCKET, *(f"{BUCKET}-{zone}" for zone in ZONES)):
        client(s3.endpoint).create_bucket(Bucket=name)
    return s3


@pytest.fixture(scope="session")
def lake(
    server: Trino,
    glue: str,
    buckets: S3Server,
    feeds: Simulated,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lake]:
    """A lake with all its tables: some feeds landed, a person forgotten, the others landed."""
    policy = tmp_path_factory.mktemp("policy") / "stedi.toml"
    policy.write_text(
        'format = 1\nconsent = "since"\n\n'
        f'[catalog]\ntype = "glue"\nuri = "{glue}"\nprefix = "{PREFIX}"\n\n[zones]\n'
        + "".join(f'{zone} = "s3://{BUCKET}-{zone}/tables"\n' for zone in ZONES)
    )
    landing = S3Path(BUCKET, "landing")
    with pytest.MonkeyPatch.context() as patch:
        surround(patch, buckets)
        opened = stedi.create(f"s3://{BUCKET}/lake", policy=policy)
        deliver(feeds, landing, "2026-01-0[45]*")
        opened.run(landing)
        (person,) = opened.sql("SELECT min(email) AS email FROM customer_trusted")
        opened.forget([person["email"]])
        deliver(feeds, landing, "*")
        opened.run(landing)
    with opened:
        yield opened


@pytest.fixture(autouse=True)
def surroundings(buckets: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lake needs to be read, and nothing of this machine's own settings."""
    surround(monkeypatch, buckets)


def surround(patch: pytest.MonkeyPatch, s3: S3Server) -> None:
    """An environment in which the owner of the buckets finds them, and the lake its keys."""
    sites.surround(patch)
    patch.setenv("AWS_ENDPOINT_URL_S3", s3.endpoint)
    patch.setenv("AWS_REGION", REGION)
    patch.setenv("AWS_ACCESS_KEY_ID", OWNER[0])
    patch.setenv("AWS_SECRET_ACCESS_KEY", OWNER[1])
    for variable, key in sites.KEYS.items():
        patch.setenv(variable, key)


def deliver(feeds: Simulated, landing: S3Path, pattern: str) -> None:
    """Upload the files of some days that are not there yet."""
    for file in feeds.out.glob(f"*/{pattern}"):
        there = landing / file.parent.name / file.name
        if file.parent.name != "truth" and not there.exists():
            there.write_bytes(Path(file).read_bytes())

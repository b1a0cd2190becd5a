"""Forgetting on S3: no object, older version or unfinished upload tells of the forgotten."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

import sites
import stedi
import stedi.subject.forget
from behaviour.forgetting import (
    ADAS,
    FEW,
    World,
    _avro,
    contents,
    counts,
    deliver,
    readings,
    rows,
    told,
)
from s3.server import S3Server
from stedi.api import Lake
from stedi.errors import LakeBusyError, StorageError
from stedi.people import pseudonym
from stedi.places import S3Path

ADA, BOB = "ada@test.com", "bob@test.com"
BESIDE = {"ContentType": "application/x-ndjson", "CacheControl": "no-store"}
DELIVERIES = {**FEW, "accelerometer/3.json": readings("bob", BOB, 9)}
CHANGED = ("accelerometer/1.json", "accelerometer/3.json")
BEFORE = DELIVERIES | {name: [*DELIVERIES[name], *readings("bob", BOB, 99)] for name in CHANGED}


SELDOM = pytest.mark.on_request


@pytest.fixture(scope="module", params=[pytest.param("plain", marks=SELDOM), "versioned"])
def built(
    request: pytest.FixtureRequest, s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Ada and Bob, landed twice, in a bucket that keeps versions and in one that does not."""
    with pytest.MonkeyPatch.context() as patch:
        bucket = sites.new_bucket(s3, patch)
        sites.with_keys(patch, tmp_path_factory.mktemp("catalogs"))
        if request.param == "versioned":
            status = {"Status": "Enabled"}
            sites.boto().put_bucket_versioning(Bucket=bucket, VersioningConfiguration=status)
        World(S3Path(bucket, "site"), BEFORE).build()
        world = World(S3Path(bucket, "site"), DELIVERIES)
        for name in CHANGED:
            deliver(world.landing / name, DELIVERIES[name])
        with stedi.open(world.lake) as lake:
            lake.run(world.landing)
        sites.keep(world.root)
        yield world


@pytest.fixture
def world(built: World) -> World:
    return built.restore()


@pytest.fixture
def lake(world: World) -> Iterator[Lake]:
    with stedi.open(world.lake) as opened:
        yield opened


def versions(folder: S3Path) -> list[dict[str, Any]]:
    """All that S3 keeps below a folder, delete markers too."""
    pages = sites.boto().get_paginator("list_object_versions")
    found = pages.paginate(Bucket=folder.bucket, Prefix=f"{folder.key}/")
    return [
        one | {"Marker": kind == "DeleteMarkers"}
        for page in found
        for kind in ("Versions", "DeleteMarkers")
        for one in page.get(kind, [])
    ]


def every_byte(folder: S3Path) -> bytes:
    """Keys, metadata and bytes of all versions below a folder, decoded."""
    found: list[bytes] = []
    for one in versions(folder):
        found.append(one["Key"].encode())
        if not one["Marker"]:
            where = {"Bucket": folder.bucket, "Key": one["Key"], "VersionId": one["VersionId"]}
            answer = sites.boto().get_object(**where)
            found += [
                str(answer["Metadata"]).encode(),
                *_decoded(one["Key"], answer["Body"].read()),
            ]
    return b"\n".join(found).lower()


def _decoded(key: str, data: bytes) -> list[bytes]:
    if key.endswith(".parquet"):
        return [data, str(pq.read_table(pa.BufferReader(data)).to_pylist()).encode()]
    if key.endswith(".gz"):
        return [gzip.decompress(data)]
    if key.endswith(".zst"):
        return [zstandard.ZstdDecompressor().decompressobj().decompress(data)]
    return [data]


def manifests(folder: S3Path) -> bytes:
    """What the Avro files that are there say, decoded."""
    lists = [path for path in sites.files(folder) if path.endswith(".avro") and "snap-" in path]
    return "".join(map(_avro, lists)).lower().encode()


def unfinished(world: World, key: str) -> Callable[[], list[str]]:
    """Begin an upload below the world; a look at those there are."""
    at = world.root / key
    begun = sites.boto().create_multipart_upload(Bucket=at.bucket, Key=at.key)
    part = {"Bucket": at.bucket, "Key": at.key, "UploadId": begun["UploadId"]}
    sites.boto().upload_part(**part, PartNumber=1, Body=b"ada@test.com")

    def look() -> list[str]:
        answer = sites.boto().list_multipart_uploads(Bucket=at.bucket)
        return [one["Key"] for one in answer.get("Uploads", [])]

    assert look() == [at.key]
    return look


# ---------------------------------------------------------------- refused


@SELDOM
def test_an_object_that_changes_in_between_is_not_overwritten(
    world: World, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stedi.erasure import objects

    file = world.landing / "accelerometer" / "1.json"
    newer = [*DELIVERIES["accelerometer/1.json"], *readings("bob", BOB, 55)]
    put = objects._put

    def late(found: Any, path: S3Path, body: Any) -> None:
        if path == file:
            deliver(file, newer)
        put(found, path, body)

    with monkeypatch.context() as patch:
        patch.setattr(objects, "_put", late)
        with pytest.raises(StorageError, match=f"{file}: the file changed .*run again"):
            lake.forget([ADA])
    assert file.read_bytes() == b"".join(text for _, text in newer)
    with pytest.raises(LakeBusyError, match="--resume"):
        lake.run(world.landing)
    assert lake.forget([], resume=True).proved
    assert file.read_bytes() == b"".join(text for who, text in newer if who == "bob")


def test_a_locked_object_stops_it_before_anything_changes(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    bucket = sites.new_bucket(s3, monkeypatch) + "-locked"
    sites.with_keys(monkeypatch, tmp_path)
    boto = sites.boto()
    boto.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    world = World(S3Path(bucket, "site"), FEW).build()
    held = world.landing / "accelerometer" / "1.json"
    boto.put_object_legal_hold(Bucket=bucket, Key=held.key, LegalHold={"Status": "ON"})
    before = sites.files(world.landing)
    with stedi.open(world.lake) as lake:
        for act in (lake.forget, lake.foresee_forgetting):
            with pytest.raises(StorageError, match=f"{held}: the object is locked"):
                act([ADA])
        assert lake.run(world.landing).landed == {}
    assert sites.files(world.landing) == before
    boto.put_object_legal_hold(Bucket=bucket, Key=held.key, LegalHold={"Status": "OFF"})


# ---------------------------------------------------------------- not proved


@SELDOM
def test_what_is_left_prevents_the_certificate(
    world: World, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = world.lake / "notes.txt"
    note.write_text("Ada@test.com called")
    done = lake.forget([ADA])
    assert [(one.path, one.kind) for one in done.proof.findings] == [(str(note), "email")]
    assert rows(lake, "erasures") == []
    note.unlink()
    assert lake.forget([], resume=True).proved
    assert told(every_byte(world.lake), ADAS) == []


@SELDOM
def test_an_older_version_that_stays_prevents_the_certificate(
    world: World, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeps = any(not one["IsLatest"] for one in versions(world.lake))
    with monkeypatch.context() as patch:
        patch.setattr("stedi.erasure.versions.purge", lambda folder: None)
        done = lake.forget([ADA])
    assert done.proved is not keeps
    assert {one.where for one in done.proof.findings} <= {"an older version is kept"}
    assert bool(rows(lake, "erasures")) is not keeps
    if keeps:
        assert lake.forget([], resume=True).proved


# ---------------------------------------------------------------- forgotten


def test_nothing_of_theirs_is_in_any_object_version_or_upload(world: World, lake: Lake) -> None:
    file = world.landing / "accelerometer" / "1.json"
    where = {"Bucket": file.bucket, "Key": file.key}
    sites.boto().put_object(**where, Body=file.read_bytes(), Metadata={"from": "me"}, **BESIDE)
    uploads = unfinished(world, "work/lake/warehouse/landing/x.parquet")
    done = lake.forget([ADA])

    assert done.proved
    assert uploads() == []
    left = every_byte(world.root / "work")
    assert told(left, [*ADAS, pseudonym(lake.home.key(), ADA)]) == []
    assert told(manifests(world.lake), ADAS) == []
    assert told(left, [BOB])
    told_of = [one for one in versions(world.lake) if not one["IsLatest"] or one["Marker"]]
    kept = {str(S3Path(world.root.bucket, one["Key"])) for one in told_of}  # type: ignore[union-attr]
    leases = (f"{world.lake}/lock", f"{world.lake}/readers")
    assert [path for path in kept if not path.startswith(leases)] == []

    head = sites.boto().head_object(**where)
    assert {name: head[name] for name in BESIDE} == BESIDE
    assert head["Metadata"]["from"] == "me"
    assert world.delivered() == world.without("ada")
    with world.fresh() as fresh:
        assert contents(lake, "line") == contents(fresh, "line")
        assert counts(lake) == counts(fresh)


@SELDOM
def test_versions_of_what_never_held_them_stay(world: World, lake: Lake) -> None:
    def kept(name: str) -> int:
        return sum(one["Key"].endswith(name) for one in versions(world.landing))

    before = kept("accelerometer/3.json")
    lake.forget([ADA])
    assert kept("accelerometer/3.json") == before
    assert kept("accelerometer/1.json") == 1


STEPS = [
    "certificate.keep_out",
    "tables.clear_landing",
    "refresh_tables",
    "expire_all",
    "_remove_past",
    "certificate.prove",
    "certificate.publish",
    "Journal.clear",
]


@SELDOM
@pytest.mark.parametrize("step", STEPS)
def test_wherever_it_is_killed_it_is_resumed(
    world: World, lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    calls = {"refresh_tables": 1}  # the first brings the tables up to date
    real = getattr(stedi.subject.forget, step, None) if step in calls else None

    def stop_later(*arguments: Any, **named: Any) -> Any:
        if calls["refresh_tables"]:
            calls["refresh_tables"] -= 1
            return real(*arguments, **named)  # type: ignore[misc]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"stedi.subject.forget.{step}", stop_later if real else stop)
        with pytest.raises(KeyboardInterrupt):
            lake.forget([ADA])
    assert (world.lake / "forgetting.json").exists()
    with stedi.open(world.lake) as again:
        assert again.forget([], resume=True).proved
    assert told(every_byte(world.root / "work"), ADAS) == []
    assert len([row for row in rows(lake, "erasures") if row["step"] == "searched"]) == 1
    with world.fresh() as fresh:
        assert contents(lake, "line") == contents(fresh, "line")

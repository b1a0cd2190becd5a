"""Where tests keep lakes and landing folders: a folder of this machine, or a bucket of S3."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import stedi
from s3.server import OWNER, REGION, S3Server, client
from stedi.api import Lake
from stedi.places import Place, S3Path

# All tests that can: STEDI_S3=all; by default those marked `on_s3`.
ALL = os.environ.get("STEDI_S3") == "all"
PLACES = ("disk", "s3")
KEYS = {
    "STEDI_PSEUDONYM_KEY": "the key of pseudonyms, of tests",
    "STEDI_FORGOTTEN_KEY": "the key of fingerprints, of tests",
}
catalogs = Path("nowhere")  # the folder of the SQLite catalogs of lakes on S3
_numbers = count()
_kept: dict[str, tuple[dict[str, tuple[str, bytes]], dict[str, bytes]]] = {}


def on_s3(item: pytest.Item) -> bool:
    """Whether a test of `place_name` runs on S3."""
    return getattr(getattr(item, "callspec", None), "params", {}).get("place_name") == "s3"


def left_out(item: pytest.Item) -> bool:
    """Whether a test on S3 is for another day: not asked for, on Spark, or only about disks."""
    if not on_s3(item):
        return False
    spark = "spark" in getattr(item, "callspec").params.values()  # noqa: B009
    asked = ALL or item.get_closest_marker("on_s3") is not None
    return spark or not asked


def on_request(item: pytest.Item) -> bool:
    """Whether a test runs only if all of S3 are asked for."""
    return not ALL and item.get_closest_marker("on_request") is not None


def surround(patch: pytest.MonkeyPatch) -> None:
    """Nothing that AWS's clients would find in the environment; no proxy before 127.0.0.1."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "STEDI_")) or "PROXY" in name.upper():
            patch.delenv(name)
    patch.setenv("AWS_CONFIG_FILE", os.devnull)
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def new_bucket(server: S3Server, patch: pytest.MonkeyPatch) -> str:
    """A new bucket, in an environment in which its owner finds it."""
    surround(patch)
    patch.setenv("AWS_ACCESS_KEY_ID", OWNER[0])
    patch.setenv("AWS_SECRET_ACCESS_KEY", OWNER[1])
    patch.setenv("AWS_REGION", REGION)
    patch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)
    name = f"bucket-{os.getpid()}-{next(_numbers)}"
    client(server.endpoint).create_bucket(Bucket=name)
    return name


def with_keys(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """What a lake on S3 needs besides its bucket: keys, and a folder for its catalog."""
    for variable, key in KEYS.items():
        patch.setenv(variable, key)
    patch.setattr("sites.catalogs", folder)


def create(where: Place | str, consent: str = "since", engine: str = "duckdb") -> Lake:
    """Make a lake; one on S3 has its catalog in a file of this machine."""
    if isinstance(where, Path):
        return stedi.create(where, consent, engine)
    return stedi.create(str(where), consent, engine, policy=policy(where))


def policy(where: Place | str) -> Path:
    """A stedi.toml for a lake on S3."""
    file = _catalog(str(where)).with_suffix(".toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{threading.get_ident()}")  # several threads may ask for it
    draft.write_text(
        'format = 1\nconsent = "since"\n\n[catalog]\ntype = "sqlite"\n'
        f'file = "{_catalog(str(where))}"\n\n[maintain]\nkeep_days = 7\nkeep_snapshots = 24\n'
    )
    draft.replace(file)
    return file


def _catalog(where: str) -> Path:
    return catalogs / (where.rstrip("/").removeprefix("s3://").replace("/", "-") + ".db")


def boto() -> Any:
    """A client of S3 that the product has nothing to do with."""
    return client(os.environ["AWS_ENDPOINT_URL_S3"])


def objects(folder: S3Path) -> Iterator[dict[str, Any]]:
    """What S3 lists below a folder."""
    pages = boto().get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=folder.bucket, Prefix=f"{folder.key}/".lstrip("/")):
        yield from page.get("Contents", [])


def files(folder: Place) -> dict[str, bytes]:
    """Every file below a folder."""
    if isinstance(folder, Path):
        found = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path): path.read_bytes() for path in found}
    keys = [one["Key"] for one in objects(folder)]
    found = zip(keys, _bodies(folder.bucket, keys), strict=True)
    return {f"s3://{folder.bucket}/{key}": body for key, body in found}


def _bodies(bucket: str, keys: list[str]) -> list[bytes]:
    """The content of objects, several at once."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(partial(_body, bucket), keys))


def _body(bucket: str, key: str) -> bytes:
    body: bytes = boto().get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def keep(root: Place) -> None:
    """Put a copy of all in `work` below a root aside."""
    if isinstance(root, Path):
        shutil.copytree(root / "work", root / "aside")
        return
    work = root / "work"
    etags = {one["Key"]: one["ETag"] for one in objects(work)}
    bodies = _bodies(root.bucket, list(etags))
    found = dict(zip(etags, zip(etags.values(), bodies, strict=True), strict=True))
    known = {path.name: path.read_bytes() for path in _catalogs_below(work)}
    _kept[str(root)] = found, known


def _catalogs_below(folder: S3Path) -> list[Path]:
    beginning = _catalog(str(folder)).stem
    return [path for path in catalogs.glob("*") if path.name.startswith(beginning)]


def restore(root: Place) -> None:
    """All in `work` as it was put aside."""
    if isinstance(root, Path):
        shutil.rmtree(root / "work")
        shutil.copytree(root / "aside", root / "work")
        return
    found, known = _kept[str(root)]
    now = {one["Key"]: one["ETag"] for one in objects(root / "work")}
    for key in now.keys() - found:
        boto().delete_object(Bucket=root.bucket, Key=key)
    for key, (etag, body) in found.items():
        if now.get(key) != etag:
            boto().put_object(Bucket=root.bucket, Key=key, Body=body)
    for path in _catalogs_below(root / "work"):
        path.unlink()
    for name, content in known.items():
        (catalogs / name).write_bytes(content)


def clear(folder: Place) -> None:
    """Remove a folder and all below it."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
        return
    for one in objects(folder):
        boto().delete_object(Bucket=folder.bucket, Key=one["Key"])
    for path in _catalogs_below(folder):
        path.unlink()


def touch(file: Place) -> None:
    """Let a file be of another time, its content the same."""
    if isinstance(file, Path):
        file.touch()
        return
    time.sleep(1.1)  # S3 tells whole seconds
    boto().put_object(Bucket=file.bucket, Key=file.key, Body=_body(file.bucket, file.key))

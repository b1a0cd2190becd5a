"""Every behaviour on every engine, on a disk and on S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

import sites
from stedi.places import Place, S3Path


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs on S3 by request only, and tell why some tests never do."""
    for item in filter(sites.on_s3, items):
        if mark := item.get_closest_marker("on_disk"):
            item.add_marker(pytest.mark.skip(reason=f"on a disk only: {mark.args[0]}"))
    left = [item for item in items if sites.left_out(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


@pytest.fixture(scope="session", params=sites.PLACES)
def place_name(request: pytest.FixtureRequest) -> str:
    """Every place in turn; the behaviour is the same."""
    return request.param


@pytest.fixture(scope="module")
def new_site(
    place_name: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Place]]:
    """New empty places; those on S3 are folders of a bucket of the module."""
    if place_name == "disk":
        yield lambda: tmp_path_factory.mktemp("site")
        return
    server, numbers = request.getfixturevalue("s3"), count()
    with pytest.MonkeyPatch.context() as patch:
        bucket = sites.new_bucket(server, patch)
        sites.with_keys(patch, tmp_path_factory.mktemp("catalogs"))
        yield lambda: S3Path(bucket, f"site-{next(numbers)}")


@pytest.fixture
def site(place_name: str, new_site: Callable[[], Place], tmp_path: Path) -> Place:
    """Where the test keeps its lakes and its landing folder."""
    return tmp_path if place_name == "disk" else new_site()


@pytest.fixture
def landing(site: Place) -> Place:
    """An empty landing folder with a folder for each feed."""
    for feed in ("customer", "accelerometer", "step_trainer"):
        folder = site / "landing" / feed
        folder.mkdir(parents=True)
        if isinstance(folder, S3Path):  # as the console of AWS makes one
            sites.boto().put_object(Bucket=folder.bucket, Key=f"{folder.key}/", Body=b"")
    return site / "landing"

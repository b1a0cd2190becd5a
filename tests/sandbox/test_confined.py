"""What a confined process can do: read its files. Behind DuckDB and the gate."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

INSIDE = Path(__file__).with_name("inside.py")
STILL = {"read its file", "read the limits", "start a thread"}
ROOTLESS = {"read its own memory", "create in /dev/shm", "open a netlink socket"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Files and servers that are really there."""
    root = tmp_path_factory.mktemp("world")
    for name in ("own", "other"):
        (root / name).write_text(name)
    (root / "link").symlink_to(root / "other")
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        unix.bind(str(root / "unix"))
        for server in (tcp, unix):
            server.listen(8)
        names = {name: str(root / name) for name in ("own", "other", "link", "unix")}
        yield {**names, "tcp": tcp.getsockname()[1], "root": root}


def told(world: dict[str, Any], how: str) -> dict[str, str]:
    """What `inside.py` found, in a folder of its own."""
    folder = world["root"] / how
    (folder / "g").mkdir(parents=True)
    for name in "acf":
        (folder / name).touch()
    request = {**world, "folder": str(folder)}
    del request["root"]
    with (world["root"] / f"{how} out").open("wb") as out:
        done = subprocess.run(
            [sys.executable, str(INSIDE), how],
            input=json.dumps(request).encode(),
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, str] = json.loads(done.stderr)
    return found


@pytest.fixture(scope="module")
def confined_found(confined: None, world: dict[str, Any]) -> dict[str, str]:
    return told(world, "confined")


@pytest.fixture(scope="module")
def loose_found(world: dict[str, Any]) -> dict[str, str]:
    return told(world, "loose")


def test_what_is_tried_can_be_done_elsewhere(loose_found: dict[str, str]):
    failed = {name for name, found in loose_found.items() if found != "done"}
    assert failed <= (ROOTLESS if os.geteuid() else {"open an IPv6 socket"})


def test_nothing_but_reading_its_file_can_be_done_confined(confined_found: dict[str, str]):
    assert {name for name, found in confined_found.items() if found == "done"} == STILL


def test_each_is_forbidden_not_merely_failing(confined_found: dict[str, str]):
    for_limits = {"more memory than it has": "ENOMEM", "more file than it has": "EFBIG"}
    for name, found in confined_found.items():
        if name not in STILL:
            assert found == for_limits.get(name) or found in ("EACCES", "EPERM"), (name, found)


def test_nothing_was_changed(confined_found: dict[str, str], world: dict[str, Any]):
    left = sorted(path.name for path in (world["root"] / "confined").iterdir())
    assert left == ["a", "c", "f", "g"]
    assert (Path(world["own"]).read_text(), Path(world["other"]).read_text()) == ("own", "other")

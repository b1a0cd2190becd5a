"""A lake on a file system of its own: full, then larger; writable, then read-only."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from faults.command import Said, stedi
from faults.nursery import fork, result_of, wait
from faults.shop import Shop, complete, opened, recover, survey

AMPLE = 64 << 20
PAGE = 4096


def refusal(where: Path) -> str:
    """Why no file system can be mounted here; empty if one can."""
    try:
        with mounted(where):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        return f"a tmpfs cannot be mounted ({error})"


@contextmanager
def mounted(where: Path) -> Iterator[None]:
    """A file system of ample size at a folder."""
    where.mkdir(exist_ok=True)
    _do("mount", "-t", "tmpfs", "-o", f"size={AMPLE}", "tmpfs", where)
    try:
        yield
    finally:
        _do("umount", where)


def _remount(where: Path, options: str) -> None:
    _do("mount", "-o", f"remount,{options}", where)


def _do(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def lake_of_its_own(shop: Shop, delivery: int) -> Iterator[None]:
    """The restored lake, alone on a file system."""
    shop.restore(delivery)
    aside = shop.lake.with_name("aside")
    if delivery:
        shop.lake.rename(aside)
    with mounted(shop.lake):
        if delivery:
            shutil.copytree(aside, shop.lake, dirs_exist_ok=True)
        yield


def runs_on_a_full_disk(shop: Shop, delivery: int, shares: Sequence[float]) -> list[str]:
    """What is wrong when runs find shares of the room that an undisturbed one takes."""
    room = room_for_a_run(shop, delivery)
    return [
        f"{share:.0%} of {room} bytes: {w}"
        for share in shares
        for w in run_on_a_full_disk(shop, delivery, int(share * room))
    ]


def reading_on_a_full_disk(shop: Shop, delivery: int) -> list[str]:
    """What is wrong with reading a lake whose disk has no free byte."""
    with lake_of_its_own(shop, delivery):
        _remount(shop.lake, f"size={shutil.disk_usage(shop.lake).used}")
        return result_of(lambda: survey(shop, delivery)) + _still_reads(shop, delivery - 1)


def run_on_a_full_disk(shop: Shop, delivery: int, room: int) -> list[str]:
    """What is wrong when a run finds `room` free bytes, and more the next time."""
    with lake_of_its_own(shop, delivery):
        used = shutil.disk_usage(shop.lake).used
        _remount(shop.lake, f"size={max(used + room, PAGE)}")
        said = stedi(shop.root, *_command(shop))
        wrong = _complaints(said)
        wrong += result_of(lambda: survey(shop, delivery, said.code == 0))
        _remount(shop.lake, f"size={AMPLE}")
        return wrong + result_of(lambda: complete(shop, delivery))


def _command(shop: Shop) -> list[str | Path]:
    return ["run", "--lake", shop.lake, "--landing", shop.landing]


def _complaints(said: Said) -> list[str]:
    """What is wrong with the words of a run that found the disk full."""
    if said.code == 0:
        return []
    wrong = [] if said.code == 1 else [f"exit code {said.code}"]
    wrong += [] if "space" in said.err else ["no word about space"]
    wrong += ["a traceback"] if "Traceback" in said.err else []
    return [f"{w}: {said.err}" for w in wrong]


def room_for_a_run(shop: Shop, delivery: int) -> int:
    """The bytes that an undisturbed run of a delivery needs."""
    with lake_of_its_own(shop, delivery):
        used = shutil.disk_usage(shop.lake).used
        stedi(shop.root, *_command(shop))
        return shutil.disk_usage(shop.lake).used - used


def read_only_lake(shop: Shop, delivery: int, crashed: bool) -> list[str]:
    """What is wrong with a lake whose disk turned read-only after a run reported done."""
    with lake_of_its_own(shop, delivery):
        wait(fork(lambda: _report_and_die(shop))) if crashed else stedi(shop.root, *_command(shop))
        _remount(shop.lake, "ro")
        try:
            wrong = _refused(shop) + _still_reads(shop, delivery)
            return wrong + result_of(lambda: survey(shop, delivery, acknowledged=True))
        finally:
            _remount(shop.lake, "rw")


def run_after_read_only(shop: Shop, delivery: int) -> list[str]:
    """What is wrong when a run finds the disk read-only, and writable the next time."""
    with lake_of_its_own(shop, delivery):
        _remount(shop.lake, "ro")
        wrong = _refused(shop)
        _remount(shop.lake, "rw")
        return wrong + result_of(lambda: recover(shop, delivery))


def _report_and_die(shop: Shop) -> None:
    opened(shop.lake).run(shop.landing)
    os.kill(os.getpid(), signal.SIGKILL)


def _refused(shop: Shop) -> list[str]:
    said = stedi(shop.root, *_command(shop))
    fine = said.code == 1 and "read-only" in said.err and "Traceback" not in said.err
    return [] if fine else [f"run answered {said.code}: {said.err}"]


def _still_reads(shop: Shop, delivery: int) -> list[str]:
    """What is wrong with the answers of the commands that only read."""
    count = "SELECT count(*) AS n FROM accelerometer_trusted"
    asked = {"status": ["status"], "sql": ["sql", count], "account": ["account"]}
    wrong = []
    for name, words in asked.items():
        said = stedi(shop.root, *words, "--lake", shop.lake, "--format", "json")
        if said.code != 0:
            wrong.append(f"{name} answered {said.code}: {said.err}")
        elif name == "sql":
            expected = [{"n": len(shop.contents(delivery)["accelerometer_trusted"])}]
            wrong += [] if json.loads(said.out) == expected else [f"sql counted {said.out}"]
    return wrong

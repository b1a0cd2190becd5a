"""The caller's side: processes come and go, nothing is left, one hurts no other."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from sandbox.asking import Shared, Small, ask, together
from sandbox.watching import children, files, nursery, running
from stedi.engines.spec import Limits
from stedi.lake.model import local
from stedi.sandbox import confine, runner
from stedi.sandbox.runner import Refused, Sandbox

pytestmark = pytest.mark.usefixtures("confined")
LONG = "SELECT count(*) FROM range(100000000000) a, range(1000) b"
COUNT = "SELECT count(*) AS n FROM customers_curated"


async def gone(process: int) -> bool:
    """Whether it has ended; who reaps an orphan is not ours to say."""
    for _ in range(100):
        with suppress(FileNotFoundError):
            text = Path(f"/proc/{process}/stat").read_text()
            if text.rpartition(")")[2].split()[0] not in "ZX":
                await asyncio.sleep(0.02)
                continue
        return True
    return False


async def at_work(process: int) -> dict[str, str]:
    """What it has open once it has let go of all that is not its own."""
    for _ in range(100):
        if len(files(process)) == 5:
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.1)
    return files(process)


def test_the_nursery_has_one_thread_and_no_environment(shared: Shared, small: Small):
    async def look(box: Sandbox) -> None:
        await ask(box, small.spec("SELECT 1"))
        root = Path(f"/proc/{nursery(box)}")
        assert len(list((root / "task").iterdir())) == 1
        held = dict(one.split("=") for one in (root / "environ").read_text().split("\0") if one)
        assert held == runner.SINGLE
        assert (root / "cwd").readlink() == Path("/")
        kinds = {number: name.split(":")[0] for number, name in files(nursery(box)).items()}
        assert list(kinds.values()).count("socket") == 1
        assert kinds["0"] == kinds["1"] == "/dev/null"

    shared.together(look)


def test_a_query_has_three_files_of_its_own_and_no_key(shared: Shared, small: Small):
    async def look(box: Sandbox) -> None:
        both = [asyncio.ensure_future(ask(box, small.spec(LONG))) for _ in range(2)]
        await running(box, 2)
        for child in children(box):
            held = await at_work(child)
            assert {held.pop(number) for number in "012"} == {"/dev/null"}
            pipes = [name for name in held.values() if name.startswith("pipe:")]
            rows = [name for name in held.values() if name.endswith("(deleted)")]
            assert (len(pipes), len(rows), len(held)) == (1, 1, 2), held
            mapped = Path(f"/proc/{child}/maps").read_text()
            assert "pseudonym.key" not in mapped
        for one in both:
            one.cancel()
        await asyncio.wait(both)

    shared.together(look)


def test_a_cancelled_query_is_killed(shared: Shared, small: Small):
    async def cancel(box: Sandbox) -> None:
        task = asyncio.ensure_future(ask(box, small.spec(LONG)))
        child = await running(box)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 1
        assert not Path(f"/proc/{child}").exists()
        assert (await ask(box, small.spec(COUNT))).rows == [{"n": 24}]

    shared.together(cancel)


def test_one_that_waits_for_its_turn_can_be_cancelled(shared: Shared, small: Small):
    async def cancel(box: Sandbox) -> None:
        await ask(box, small.spec("SELECT 1"))
        first = [asyncio.ensure_future(ask(box, small.spec(LONG))) for _ in range(2)]
        await running(box, 2)
        waiting = asyncio.ensure_future(ask(box, small.spec(COUNT)))
        await asyncio.sleep(0.1)
        assert len(children(box)) == 2
        for one in (waiting, *first):
            one.cancel()
        await asyncio.wait([*first, waiting])
        assert waiting.cancelled()
        assert (await ask(box, small.spec(COUNT))).rows == [{"n": 24}]

    shared.together(cancel)


def test_a_nursery_killed_from_outside_is_followed_by_another(shared: Shared, small: Small):
    async def kill(box: Sandbox) -> None:
        task = asyncio.ensure_future(ask(box, small.spec(LONG)))
        child = await running(box)
        first = nursery(box)
        os.kill(first, signal.SIGKILL)
        found = await task
        assert (found.state, "ended" in found.message) == ("limit", True)
        assert await gone(child)
        both = await asyncio.gather(*(ask(box, small.spec(COUNT)) for _ in range(2)))
        assert [one.rows for one in both] == [[{"n": 24}]] * 2
        assert nursery(box) != first

    shared.together(kill)


def test_a_hung_nursery_is_followed_by_another(shared: Shared, small: Small):
    async def hang(box: Sandbox) -> None:
        await ask(box, small.spec("SELECT 1"))
        os.kill(nursery(box), signal.SIGSTOP)
        found = await ask(box, small.spec(COUNT, limits=Limits(seconds=0.3)))
        assert (found.state, found.seconds < 2.3) == ("limit", True)
        assert (await ask(box, small.spec(COUNT))).rows == [{"n": 24}]

    shared.together(hang)


def test_closing_ends_what_runs(shared: Shared, small: Small):
    async def close(box: Sandbox) -> None:
        task = asyncio.ensure_future(ask(box, small.spec(LONG)))
        child = await running(box)
        box.close()
        assert (await task).state == "limit"
        assert await gone(child)

    shared.together(close)


def test_two_sandboxes_at_once(shared: Shared, small: Small):
    async def other(box: Sandbox) -> None:
        second = Sandbox()
        found = await asyncio.gather(ask(box, small.spec(COUNT)), ask(second, small.spec(COUNT)))
        assert [one.rows for one in found] == [[{"n": 24}]] * 2
        second.close()
        assert (await ask(box, small.spec(COUNT))).rows == [{"n": 24}]

    shared.together(other)


def test_a_spec_larger_than_any_message(shared: Shared, small: Small):
    spec = small.spec(COUNT)
    file = local(small.sources["customers_curated"].files[0].path)
    relation = replace(spec.relations[0], files=[file] * 3_000)
    assert len(json.dumps([file] * 3_000)) > 250_000

    async def large(box: Sandbox) -> None:
        found = await ask(box, replace(spec, relations=[relation]))
        assert found.rows == [{"n": 24 * 3_000}]

    shared.together(large)


def test_a_file_that_was_removed(shared: Shared, small: Small, tmp_path: Path):
    spec = small.spec(COUNT)
    gone = replace(spec.relations[0], files=[str(tmp_path / "gone.parquet")])

    async def removed(box: Sandbox) -> None:
        found = await ask(box, replace(spec, relations=[gone]))
        assert (found.state, "removed meanwhile" in found.message) == ("failed", True)

    shared.together(removed)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 1000 + b"PAR1"])
def test_a_broken_file_is_not_named(shared: Shared, small: Small, tmp_path: Path, content: bytes):
    broken = tmp_path / "a folder" / "broken file.parquet"
    broken.parent.mkdir()
    broken.write_bytes(content)
    spec = small.spec("SELECT max(registrationdate) FROM customers_curated")
    relation = replace(spec.relations[0], files=[str(broken)])

    async def read(box: Sandbox) -> None:
        found = await ask(box, replace(spec, relations=[relation]))
        assert found.state == "failed"
        assert "folder" not in found.message
        assert str(tmp_path) not in found.message

    shared.together(read)


def test_without_landlock_no_sql_is_run(small: Small, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(confine, "_landlock_version", lambda: 0)

    async def refused(box: Sandbox) -> None:
        with pytest.raises(Refused, match="needs Landlock") as caught:
            await box.run(small.spec(COUNT))
        assert caught.value.state == "refused"
        assert box._process is None

    together(refused)


@pytest.mark.parametrize(
    "said",
    [b"{", b"[]", b'"x"', b'{"state": "done"}', b'{"state": "x", "message": 1}', b"\xff\xfe"],
)
def test_a_last_word_that_is_none(said: bytes):
    with pytest.raises(Refused, match="left no answer"):
        runner._done(said)


def test_rows_are_let_go_of(shared: Shared, small: Small):
    async def rows(box: Sandbox) -> pa.Table:
        return (await box.run(small.spec("SELECT * FROM range(1000)"))).rows

    table = shared.together(rows)
    assert pa.compute.sum(table["range"]).as_py() == 499_500

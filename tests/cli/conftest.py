"""The command line in this process and in processes of its own, over one small filled lake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stedi
from cli.commands import STEDI, Command, Done
from stedi.cli.app import run
from stedi.simulate import Simulated, simulate


@pytest.fixture(scope="session")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Feeds of ten people for half a minute, some lines malformed."""
    folder = tmp_path_factory.mktemp("feeds") / "landing"
    return simulate(folder, people=10, days=1, minutes=0.5, dirty=0.02)


@pytest.fixture(scope="session")
def filled(feeds: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with these feeds, for tests that only read."""
    root = tmp_path_factory.mktemp("filled") / "lake"
    with stedi.create(root) as lake:
        lake.run(feeds.out)
    return root


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Run one command in this process, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEDI_LAKE", raising=False)
    monkeypatch.delenv("STEDI_PSEUDONYM_KEY", raising=False)
    handler = signal.getsignal(signal.SIGTERM)

    def go(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["stedi", *map(str, arguments)])
        capsys.readouterr()
        code = run()
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    yield go
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def read(command: Command, filled: Path) -> Command:
    """Run one command over the filled lake; it must succeed."""

    def go(*arguments: object) -> Done:
        done = command(*arguments, "--lake", filled)
        assert done.code == 0, done.err
        return done

    return go


@pytest.fixture
def process(tmp_path: Path) -> Command:
    """Run one command as a process of its own, in an empty working directory."""

    def go(*arguments: object, program: tuple[object, ...] = (STEDI,)) -> Done:
        done = subprocess.run(
            [*map(str, program), *map(str, arguments)],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if not k.startswith("STEDI_")},
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return go

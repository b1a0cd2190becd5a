from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.nursery import Nursery
from faults.shop import Shop, build


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """The compiled library between a process and its files; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@pytest.fixture(scope="session")
def needs_shim(shim: Path | None) -> Path:
    if shim is None:
        pytest.skip("needs Linux and a C compiler (cc) for the library between process and files")
    return shim


@pytest.fixture(scope="session")
def nursery(shim: Path | None) -> Iterator[Nursery]:
    """Where runs are started and disturbed."""
    made = Nursery(shim)
    yield made
    made.close()


@pytest.fixture(scope="session")
def shop(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The undisturbed lakes; each test restores the one it disturbs."""
    return nursery.call(build, tmp_path_factory.mktemp("shop"))

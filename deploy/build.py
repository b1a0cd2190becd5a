"""What is built before a deployment: the wheel, the jobs' scripts, the policy, Spark's jars."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import stedi
from deploy.plan import Plan
from stedi.jobs import write_scripts

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "deploy"
SCRIPTS = Path(__file__).with_name("scripts")  # of jobs that make no table
JARS = ROOT / ".venv" / "jars"
VARIABLE = "STEDI_DEPLOY_BUILT"


class BuildError(Exception):
    """Something that a deployment needs is not there; the message says how to make it."""


@dataclass(frozen=True)
class Built:
    """The folder that `build` filled; BuildError if something is missing in it."""

    folder: Path

    @cached_property
    def wheel(self) -> Path:
        """The package."""
        return self._only("*.whl")

    @property
    def policy(self) -> Path:
        """The stedi.toml that the lake begins with."""
        return self._only("stedi.toml")

    @cached_property
    def jars(self) -> list[Path]:
        """What Spark needs beside its own, by name."""
        return sorted((self.folder / "jars").glob("*.jar"))

    def script(self, job: str) -> Path:
        """The script of a job."""
        return self._only(f"scripts/{job}.py")

    def _only(self, pattern: str) -> Path:
        found = sorted(self.folder.glob(pattern))
        if len(found) != 1:
            raise BuildError(
                f"{self.folder}: {len(found)} files {pattern}, wanted one; "
                "`python -m deploy synth` builds them"
            )
        return found[0]


def built() -> Built:
    """What was built last, or what the environment names."""
    return Built(Path(os.environ.get(VARIABLE, FOLDER)))


def build(plan: Plan, folder: Path = FOLDER) -> Built:
    """Build everything anew, from this checkout, without network."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    build_wheel(folder)
    scripts(folder / "scripts")
    (folder / "stedi.toml").write_text(plan.policy(), "utf-8")
    _jars(folder / "jars")
    return Built(folder)


def scripts(folder: Path) -> None:
    """Write the script of every job of a round."""
    write_scripts(folder)
    for script in SCRIPTS.glob("*.py"):
        shutil.copyfile(script, folder / script.name)


def modules() -> list[str]:
    """What the package needs on AWS beside what its wheel asks for, at its own versions."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return list(told["project"]["optional-dependencies"]["aws"])


def build_wheel(folder: Path) -> None:
    """Build the package's wheel into a folder, without network."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    done = subprocess.run(  # noqa: S603
        [*command, *options, str(ROOT)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"the wheel cannot be built: {done.stderr.strip()}")


def _jars(folder: Path) -> None:
    folder.mkdir()
    # Read by itself: the package around it wants the libraries of the engine.
    packages = runpy.run_path(str(Path(stedi.__file__).parent / "engines/spark/packages.py"))
    for coordinate in packages["coordinates"]("glue"):
        _, artifact, version = coordinate.split(":")
        jar = JARS / f"{artifact}-{version}.jar"
        if not jar.is_file():
            raise BuildError(f"{jar}: not there; `make jars` fetches it")
        shutil.copyfile(jar, folder / jar.name)

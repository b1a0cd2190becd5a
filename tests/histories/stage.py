"""Living through a history, the common beginning of many made only once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from histories.directed import BEGINNING
from histories.driver import KEY, Files, History
from histories.steps import Event, Plot


class Stage:
    """Below `root`, the beginning under each policy, to start from as often as needed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, Files] = {}

    def live(
        self, plot: Plot, fresh: bool = True, engines: Sequence[str] = ("duckdb",)
    ) -> list[str]:
        """Live through a history; AssertionError, or an error of the product, if it goes wrong.

        Returns the tables that runs after the beginning made anew as a whole.

        `fresh` compares the end with a full run of a second lake too; the rules always watch.
        """
        begins = len(BEGINNING)
        if plot.steps[:begins] != BEGINNING:
            return live(plot, fresh, engines)
        with _set(plot.wide), self._begun(plot.policy, engines) as history:
            _play(history, plot.steps[begins:], fresh)
            return history.wholes

    def prepare(self) -> None:
        """Make the beginnings now: before a fault is planted."""
        for policy in ("since", "any"):
            self._begin(policy)

    def _begun(self, policy: str, engines: Sequence[str]) -> History:
        """The beginning at the place where it was made: a lake cannot be moved."""
        self._begin(policy)
        shutil.rmtree(self._root / policy)
        shutil.copytree(self._root / f"{policy} begun", self._root / policy)
        return History(self._root / policy, policy, self._files[policy], engines)

    def _begin(self, policy: str) -> None:
        if policy not in self._files:
            with _set(), History(self._root / policy, policy) as history:
                for step in BEGINNING:
                    step.take(history)
                self._files[policy] = dict(history.files)
            shutil.copytree(self._root / policy, self._root / f"{policy} begun")


def live(plot: Plot, fresh: bool = True, engines: Sequence[str] = ("duckdb",)) -> list[str]:
    """The same in a folder of its own, from an empty lake on."""
    with (
        _set(plot.wide),
        tempfile.TemporaryDirectory() as folder,
        History(Path(folder), plot.policy, engines=engines) as history,
    ):
        _play(history, plot.steps, fresh)
        return history.wholes


def _play(history: History, steps: tuple[Event, ...], fresh: bool) -> None:
    for number, step in enumerate(steps):
        try:
            step.take(history)
        except BaseException as error:
            error.add_note(f"at step {number}: {step}")
            raise
    history.settle()
    history.check_end(fresh)


@contextmanager
def _set(wide: float = 2) -> Iterator[None]:
    """One key for all lakes; from which share of the candidates on a part is made as a whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEDI_PSEUDONYM_KEY", KEY)
        patch.setattr("stedi.engines.sql.part.WIDE", wide)
        yield

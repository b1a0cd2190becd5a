"""stedi watch."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from stedi.api import Lake, open_or_create
from stedi.cli.options import (
    ConsentOption,
    EngineName,
    EngineOption,
    LakePath,
    PolicyFile,
    lake_path,
)
from stedi.cli.output import counted, say

if TYPE_CHECKING:
    from stedi.watch import Hear, Ran

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
GRACE = 5.0  # seconds that a run in hand has to come to its end


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(watch)


def watch(
    ctx: typer.Context,
    landing: Annotated[
        str,
        typer.Option(metavar="DIR", help="Folder above customer, accelerometer, step_trainer."),
    ],
    lake: LakePath = None,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.")] = 0.5,
    settle: Annotated[float, typer.Option(help="Seconds a file must stand still.")] = 1.0,
    engine: EngineOption = EngineName.duckdb,
    consent: ConsentOption = None,
    policy: PolicyFile = None,
) -> None:
    """Run as files arrive, until SIGTERM or Ctrl-C.

    A file still being written is left alone until it is complete. One that looks unfinished
    (a cut .gz, half a line) is landed after it has stood still for 30 seconds.
    """
    stop = _Stop()
    with suppress(KeyboardInterrupt), stop.heard():
        chosen = consent.value if consent else None
        opened = open_or_create(lake_path(ctx, lake), chosen, engine.value, policy)
        hear = _load(opened)
        stop.loaded()
        opened.watch(landing, interval, settle, hear, chosen, lambda: stop.asked)
    _say("stopped")


def _load(lake: Lake) -> Hear:
    """Import what runs need; UsageError for an engine that is not there."""
    import stedi.run  # noqa: F401
    from stedi.watch import Hear

    _ = lake.store, lake.engine
    return Hear(lambda ran: _say(_line(ran)), _say)


class _Stop:
    """The first signal asks the watch to stop; a run that goes on for GRACE seconds is ended.

    A run that is ended leaves every table as it was or as it will be. While libraries load
    there is no interrupt, which would abort the process in the middle of an import.
    """

    def __init__(self) -> None:
        self.asked = False
        self._loaded = False

    def __call__(self, number: int, _: object) -> None:
        if number == signal.SIGALRM:
            if self._loaded:
                raise KeyboardInterrupt
        elif not self.asked:
            self.asked = True
            signal.setitimer(signal.ITIMER_REAL, GRACE)

    def loaded(self) -> None:
        """From now on a run may be interrupted."""
        self._loaded = True

    @contextmanager
    def heard(self) -> Iterator[None]:
        before = [signal.signal(number, self) for number in SIGNALS]
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in zip(SIGNALS, before, strict=True):
                signal.signal(number, handler)


def _line(ran: Ran) -> str:
    """What one run did, in one line."""
    parts = [
        f"{feed} {counted(count.landed, 'line')}"
        + (f" ({count.quarantined:,} quarantined)" if count.quarantined else "")
        for feed, count in ran.result.landed.items()
        if count.files
    ]
    did = f"landed {', '.join(parts)}" if parts else "refreshed"
    did = did if ran.result.changed else "nothing new"
    warned = sum(len(refreshed.warnings) for refreshed in ran.result.refreshed)
    warning = f"; {counted(warned, 'warning')}, see `stedi check`" if warned else ""
    return f"{did}; machine_learning_curated: {ran.rows:,} rows; {ran.seconds:.2f} s{warning}"


def _say(text: str) -> None:
    """Talk, though nobody may be there to hear: a watch outlives its terminal."""
    with suppress(OSError):
        say(text)

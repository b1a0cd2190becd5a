"""The command line in a fork: a real process with real signals, without the seconds of a start."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from faults import system_faults
from faults.nursery import fork, wait


@dataclass(frozen=True)
class Said:
    """What a command line answered."""

    code: int
    out: str
    err: str


def stedi(scratch: Path, *arguments: str | Path) -> Said:
    """Run the command line to its end."""
    return heard(scratch, start(scratch, *arguments))


def start(scratch: Path, *arguments: str | Path, below: Path | None = None, nth: int = 0) -> int:
    """Start it; before its nth system call on a file below `below` it stops itself."""
    words = [str(argument) for argument in arguments]
    return fork(lambda: _main(scratch, words, below, nth))


def heard(scratch: Path, child: int) -> Said:
    """Wait for it."""
    code = wait(child)
    return Said(code, (scratch / "out").read_text(), (scratch / "err").read_text())


def _main(scratch: Path, arguments: list[str], below: Path | None, nth: int) -> None:
    from stedi.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(scratch / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if below:
        system_faults.arm(below, nth, system_faults.STOP)
    sys.argv = ["stedi", *arguments]
    main()

"""The command line: a face over `stedi.api`, with no logic of its own."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line; exit 0 done, 1 a check or a run failed, 2 wrong usage."""
    # Importing makes many objects and no garbage: collecting along the way takes a tenth of it.
    gc.set_threshold(200_000, 20, 20)
    from stedi.cli.app import run

    sys.exit(run())

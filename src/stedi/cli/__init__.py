"""The command line: a face over `stedi.api`, with no logic of its own."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exit 0 done, 1 a check or a run failed, 2 wrong usage."""
    from stedi.cli.app import run

    sys.exit(run())

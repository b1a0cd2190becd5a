"""AWS Glue job: upkeep of the lake when it is due, which its policy says; the last of a round."""

from __future__ import annotations

import sys

from stedi.api import open_lake
from stedi.errors import StediError
from stedi.glue.arguments import read


def main() -> None:
    """With --lake and --wait; SystemExit has the exit code where it cannot be done."""
    try:
        given = read(sys.argv)
        with open_lake(given.lake) as lake:
            done = lake.maintain(only_if_due=True, wait=given.wait)
    except StediError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from error
    removed = sum(table.removed for table in done.tables) if done else 0
    told = f"done, {removed} files removed, {done.left} left" if done else "not due"
    sys.stderr.write(f"maintain: {told}\n")


if __name__ == "__main__":
    main()

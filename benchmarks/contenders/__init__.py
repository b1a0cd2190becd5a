"""Who is compared: `stedi run`, and scripts that make the same five tables."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Contender:
    """A process that makes the five tables from a landing folder.

    `exact`: it follows the product's rules, so its row counts must be the expected ones.
    `slow`: it is run a third as often.
    """

    name: str
    title: str
    script: str = ""
    options: tuple[str, ...] = ()
    exact: bool = True
    slow: bool = False

    def command(self, landing: Path, out: Path) -> list[str]:
        """The command that makes the tables in the empty folder `out`."""
        if self.script:
            return [sys.executable, str(_HERE / self.script), str(landing), str(out), *self.options]
        stedi = str(Path(sys.executable).with_name("stedi"))
        return [stedi, "run", "--landing", str(landing), "--lake", str(out / "lake")]


STEDI = Contender("stedi", "stedi run")
OTHERS = (
    Contender("duckdb", "bare DuckDB script", "bare_duckdb.py"),
    Contender("polars", "Polars script", "polars_script.py"),
    Contender("pandas", "pandas script", "pandas_script.py"),
    Contender(
        "pyspark",
        "PySpark, published SQL joined by person",
        "pyspark_published.py",
        ("--by-person",),
        exact=False,
        slow=True,
    ),
    Contender(
        "pyspark-published",
        "PySpark, published SQL as it stands",
        "pyspark_published.py",
        exact=False,
        slow=True,
    ),
)
CONTENDERS = {contender.name: contender for contender in (STEDI, *OTHERS)}

"""Rows of the five tables that a contender wrote, and the rows that are expected.

python tables.py OUT prints the rows as JSON; a process of its own keeps the caller small.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TABLES = (
    "customer_trusted",
    "accelerometer_trusted",
    "customers_curated",
    "step_trainer_trusted",
    "machine_learning_curated",
)


def expected(feeds: Path) -> dict[str, int]:
    """Rows of each table by the simulation's truth, for readings since consent."""
    truth = json.loads((feeds / "truth" / "expected.json").read_text())
    return {table: truth["policies"]["since"][table]["out"] for table in TABLES}


def written(out: Path) -> dict[str, int]:
    """Rows of each table that a contender wrote into `out`, counted in another process."""
    command = [sys.executable, __file__, str(out)]
    counted = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {table: int(rows) for table, rows in json.loads(counted).items()}


def _count(out: Path) -> dict[str, int]:
    if (out / "lake").exists():
        import stedi

        with stedi.open(out / "lake") as lake:
            return {table.table.rpartition(".")[2]: table.rows for table in lake.status()}
    return {table: sum(map(_rows, _files(out, table))) for table in TABLES}


def _files(out: Path, table: str) -> list[Path]:
    single = out / f"{table}.parquet"
    return [single] if single.is_file() else sorted((out / table).rglob("*.parquet"))


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


if __name__ == "__main__":
    counts = _count(Path(sys.argv[1]))
    print(json.dumps({table: counts[table] for table in TABLES}))

"""DuckDB without the gate: its settings hold by themselves, and so does the process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.asking import Small
from stedi.sandbox.runner import SINGLE

BEHIND = Path(__file__).with_name("behind.py")
# In braces as in attempts.py; `out` is a folder that anybody may write to.
STATEMENTS = [
    "SELECT content FROM read_text('{key}')",
    "SELECT content FROM read_blob('{link}')",
    "SELECT content FROM read_text('/proc/self/environ')",
    "SELECT content FROM read_text('/etc/passwd')",
    "SELECT email FROM read_parquet('{other}')",
    "SELECT email FROM '{other}'",
    "SELECT * FROM parquet_schema('{other}')",
    "SELECT * FROM parquet_metadata('file://{other}')",
    "SELECT * FROM read_csv('{key}')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT content FROM read_text(['{lake}/key.check', '{lake}/stedi.toml'])",
    "SELECT 1 FROM glob('{lake}/*') HAVING count(*) > 0 OR error('nothing found') IS NULL",
    "COPY (SELECT 1) TO '{out}/a.csv'",
    "COPY (SELECT 1) TO '{out}/b.parquet' (FORMAT parquet)",
    "COPY (SELECT 1) TO '{out}/own.parquet' (FORMAT parquet, USE_TMP_FILE false)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}/c.csv'",
    "EXPORT DATABASE '{out}/d'",
    "ATTACH '{out}/e.duckdb'",
    "ATTACH '{out}/has.duckdb' AS has (READ_ONLY)",
    "CREATE TABLE t AS FROM read_text('{key}')",
    "SET VARIABLE k = (SELECT content FROM read_text('{key}'))",
]
OF_SETTINGS = [
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET disabled_filesystems",
    "SET memory_limit = '64GB'",
    "SET threads = 64",
    "SET temp_directory = '/tmp'",
    "SET autoload_known_extensions = true",
    "SET home_directory = '/tmp'",
    "PRAGMA enable_profiling",
    "LOAD '{own}'",
    "INSTALL httpfs FROM 'http://127.0.0.1:1'",
    "SELECT * FROM read_parquet('{own}')",
    "COPY (SELECT 1) TO '{own}' (FORMAT parquet, USE_TMP_FILE false)",
]


def said(fence: str, small: Small, out: Path, statements: list[str]) -> Mapping[str, str]:
    """What became of each statement."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    shutil.copy(small.file("customers_curated"), out / "own.parquet")
    import duckdb

    duckdb.connect(str(out / "has.duckdb")).close()
    places = {**small.places, "out": str(out)}
    spec = small.spec("SELECT * FROM customers_curated").to_json().decode()
    request = {"spec": spec, "statements": [text.format(**places) for text in statements]}
    done = subprocess.run(
        [sys.executable, str(BEHIND), fence],
        input=json.dumps(request).encode(),
        capture_output=True,
        env=SINGLE,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, str] = json.loads(done.stdout)
    return found


def let(found: Mapping[str, str]) -> Mapping[str, str]:
    """What was done, or ended in a crash, which proves nothing."""
    return {text: what for text, what in found.items() if what.startswith(("done", "ended by"))}


def left(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def test_without_a_fence_all_can_be_done(small: Small, tmp_path: Path):
    found = said("none", small, tmp_path / "out", STATEMENTS)
    assert {text: what for text, what in found.items() if what != "done"} == {}


def test_the_settings_hold_by_themselves(small: Small, tmp_path: Path):
    before = small.digest()
    found = said("settings", small, tmp_path / "out", STATEMENTS + OF_SETTINGS)
    assert let(found) == {}
    assert left(tmp_path / "out") == ["has.duckdb", "own.parquet"]
    assert small.digest() == before


@pytest.mark.usefixtures("confined")
def test_the_process_holds_by_itself(small: Small, tmp_path: Path):
    before = small.digest()
    found = said("process", small, tmp_path / "out", STATEMENTS + OF_SETTINGS[-1:])
    assert let(found) == {}
    assert left(tmp_path / "out") == ["has.duckdb", "own.parquet"]
    assert small.digest() == before

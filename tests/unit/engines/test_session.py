"""A connection of the embedded engine."""

from __future__ import annotations

from pathlib import Path

from stedi.engines.duckdb.session import connect, pattern

WIDE = "SELECT count(*) FROM (SELECT DISTINCT range, hash(range) FROM range(3000000))"


def test_what_does_not_fit_in_memory_spills_to_a_folder_that_is_not_there_yet(tmp_path: Path):
    connection = connect("60MB", tmp_path / "scratch" / "1")
    connection.execute("SET threads = 1")
    assert connection.execute(WIDE).fetchall() == [(3_000_000,)]
    assert (tmp_path / "scratch" / "1").exists()


def test_a_pattern_names_the_file_of_that_name_alone(tmp_path: Path):
    for name in ("[a].csv", "a.csv", "*.csv", "?.csv"):
        (tmp_path / name).write_text(f'name\n"{name}"\n')
    connection = connect("60MB", tmp_path / "scratch" / "1")
    for name in ("[a].csv", "a.csv", "*.csv", "?.csv"):
        query = f"SELECT name FROM read_csv({pattern(str(tmp_path / name))}, header=true)"
        assert connection.execute(query).fetchall() == [(name,)]

"""`import stedi` is light: faces, engines and lake load when someone asks for them."""

import subprocess
import sys

HEAVY = {
    "boto3",
    "duckdb",
    "jinja2",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pyiceberg",
    "pyspark",
    "rich",
    "sklearn",
    "sqlalchemy",
    "sqlglot",
    "starlette",
    "typer",
    "uvicorn",
}


def loaded_by(statement: str) -> set[str]:
    """The top-level names in sys.modules after `statement` ran in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_stedi_loads_nothing_heavy() -> None:
    loaded = loaded_by("import stedi")

    assert "stedi" in loaded
    assert not loaded & HEAVY

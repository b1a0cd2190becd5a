"""The Java packages that Spark needs for a lake: the one place for their versions.

They belong to the pyspark that pyproject.toml pins, and to AWS Glue 6.0 (Spark 4.1, Scala 2.13).
"""

from __future__ import annotations

ICEBERG = "1.11.0"
RUNTIME = f"org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:{ICEBERG}"
BY_CATALOG = {
    "sqlite": ("org.xerial:sqlite-jdbc:3.53.1.0",),
    "rest": (),
    "glue": (f"org.apache.iceberg:iceberg-aws-bundle:{ICEBERG}",),
}


def coordinates(catalog: str) -> list[str]:
    """The Maven coordinates for a lake with that kind of catalog."""
    return [RUNTIME, *BY_CATALOG[catalog]]


if __name__ == "__main__":
    import sys

    every = [RUNTIME, *(one for found in BY_CATALOG.values() for one in found)]
    sys.stdout.write("\n".join(every) + "\n")

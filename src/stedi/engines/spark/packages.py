"""The Java packages that Spark needs for a lake: the one place for their versions.

They belong to the pyspark that pyproject.toml pins, and to AWS Glue 6.0 (Spark 4.1, Scala 2.13).
"""

from __future__ import annotations

ICEBERG = "1.11.0"
RUNTIME = f"org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:{ICEBERG}"
AWS = f"org.apache.iceberg:iceberg-aws-bundle:{ICEBERG}"
BY_CATALOG = {
    "sqlite": ("org.xerial:sqlite-jdbc:3.53.1.0",),
    "rest": (),
    "glue": (AWS,),
}


# Hadoop's client of S3, on the libraries that Iceberg's bundle for AWS brings along.
S3 = (
    "org.apache.hadoop:hadoop-aws:3.4.2",
    "software.amazon.awssdk:s3-transfer-manager:2.44.4",
    AWS,
)
EXCLUDED = "software.amazon.awssdk:bundle"  # the same libraries once more, 600 MB


def coordinates(catalog: str, on_s3: bool = False) -> list[str]:
    """The Maven coordinates for a lake with that kind of catalog."""
    wanted = [RUNTIME, *BY_CATALOG[catalog], *(S3 if on_s3 else ())]
    return list(dict.fromkeys(wanted))


if __name__ == "__main__":
    import sys

    every = [one for kind in BY_CATALOG for one in coordinates(kind, on_s3=True)]
    sys.stdout.write("\n".join(dict.fromkeys(every)) + "\n")

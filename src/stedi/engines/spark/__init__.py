"""The distributed engine: Apache Spark, on one machine, a cluster or AWS Glue."""

from stedi.engines.spark.engine import SparkEngine

__all__ = ["SparkEngine"]

"""A Spark in a process of its own: one JSON request a line in, one answer a line out.

    {"sql": text, "args": {name: text}, "tables": {view: parquet file}, "out": folder}

Its session is plain Spark 4 as the engine runs it: ANSI, UTC, one locale. Apart from the tests'
process, because there can be one JVM in that, whose jars are chosen when it starts.
"""

from __future__ import annotations

import json
import sys

from pyspark.sql import SparkSession

CONF = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": "-Duser.language=en -Duser.country=US",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}


def main() -> None:
    builder = SparkSession.builder.master("local[1]")
    for key, value in CONF.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    say("ready")
    for request in map(json.loads, sys.stdin):
        try:
            for view, path in request["tables"].items():
                spark.read.parquet(path).createOrReplaceTempView(view)
            result = spark.sql(request["sql"], args=request["args"])
            result.write.mode("overwrite").parquet(request["out"])
            say("done")
        except Exception as error:
            say(json.dumps(str(error)))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

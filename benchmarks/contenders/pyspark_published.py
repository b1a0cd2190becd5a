"""The five SQL statements of the published solutions in local PySpark.

python pyspark_published.py LANDING OUT [--by-person]

As published: e-mail addresses compared as they are spelt, every delivered customer record
counted, readings from before the consent kept, and the last join on the instant alone, which
pairs different people. Its row counts therefore differ from the other contenders'.
`--by-person` mends only what multiplies rows: one record a customer, the last join by person.
The last line on stdout is JSON: seconds until the session stood, and until it was stopped.
"""

import json
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

SCHEMAS = {
    "customer": """
        customerName STRING, email STRING, phone STRING, birthDay STRING, serialNumber STRING,
        registrationDate BIGINT, lastUpdateDate BIGINT, shareWithResearchAsOfDate BIGINT,
        shareWithPublicAsOfDate BIGINT, shareWithFriendsAsOfDate BIGINT""",
    "accelerometer": "user STRING, timestamp BIGINT, x DOUBLE, y DOUBLE, z DOUBLE",
    "step_trainer": "sensorReadingTime BIGINT, serialNumber STRING, distanceFromObject INT",
}
PUBLISHED = {
    "customer_trusted": """
        SELECT * FROM customer_landing WHERE shareWithResearchAsOfDate IS NOT NULL""",
    "accelerometer_trusted": """
        SELECT a.user, a.timestamp, a.x, a.y, a.z
        FROM accelerometer_landing AS a JOIN customer_trusted AS c ON a.user = c.email""",
    "customers_curated": """
        SELECT DISTINCT c.*
        FROM customer_trusted AS c JOIN accelerometer_trusted AS a ON c.email = a.user""",
    "step_trainer_trusted": """
        SELECT s.sensorReadingTime, s.serialNumber, s.distanceFromObject
        FROM step_trainer_landing AS s
        JOIN customers_curated AS c ON s.serialNumber = c.serialNumber""",
    "machine_learning_curated": """
        SELECT s.sensorReadingTime, s.serialNumber, s.distanceFromObject, a.user, a.x, a.y, a.z
        FROM step_trainer_trusted AS s
        JOIN accelerometer_trusted AS a ON s.sensorReadingTime = a.timestamp""",
}
BY_PERSON = {
    "customer_trusted": """
        SELECT * FROM (
            SELECT *, row_number() OVER (
                PARTITION BY lower(email) ORDER BY lastUpdateDate DESC) AS recency
            FROM customer_landing)
        WHERE recency = 1 AND shareWithResearchAsOfDate IS NOT NULL""",
    "machine_learning_curated": """
        SELECT s.sensorReadingTime, s.serialNumber, s.distanceFromObject, a.user, a.x, a.y, a.z
        FROM step_trainer_trusted AS s
        JOIN customers_curated AS c ON c.serialNumber = s.serialNumber
        JOIN accelerometer_trusted AS a
            ON s.sensorReadingTime = a.timestamp AND a.user = c.email""",
}


def session(out: Path) -> SparkSession:
    """A local session on two cores."""
    return (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", str(out / "warehouse"))
        .config("spark.local.dir", str(out / "scratch"))
        .getOrCreate()
    )


def stop(spark: SparkSession) -> None:
    """Stop the session and wait for its Java process, so that its cost is counted."""
    gateway = spark.sparkContext._gateway
    assert gateway is not None
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


def main(landing: Path, out: Path, statements: dict[str, str]) -> None:
    """Write the five tables as Parquet into folders of `out`."""
    begun = time.monotonic()
    spark = session(out)
    standing = time.monotonic() - begun
    for feed, schema in SCHEMAS.items():
        frame = spark.read.schema(schema).json(str(landing / feed))
        frame.createOrReplaceTempView(f"{feed}_landing")
    for table, statement in statements.items():
        path = str(out / table)
        spark.sql(statement).write.parquet(path)
        spark.read.parquet(path).createOrReplaceTempView(table)
    stop(spark)
    print(json.dumps({"start": standing, "all": time.monotonic() - begun}))


if __name__ == "__main__":
    mended = BY_PERSON if "--by-person" in sys.argv[3:] else {}
    main(Path(sys.argv[1]), Path(sys.argv[2]), PUBLISHED | mended)

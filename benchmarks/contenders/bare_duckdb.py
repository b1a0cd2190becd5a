"""The same five tables by a plain DuckDB script: no landing tables, catalog, checks or account.

python bare_duckdb.py LANDING OUT
"""

import sys
from pathlib import Path

import duckdb

CUSTOMER = {
    "customerName": "VARCHAR",
    "email": "VARCHAR",
    "phone": "VARCHAR",
    "birthDay": "DATE",
    "serialNumber": "VARCHAR",
    "registrationDate": "BIGINT",
    "lastUpdateDate": "BIGINT",
    "shareWithResearchAsOfDate": "VARCHAR",  # a number, null, "" or 0
    "shareWithPublicAsOfDate": "VARCHAR",
    "shareWithFriendsAsOfDate": "VARCHAR",
}
ACCELEROMETER = {
    "user": "VARCHAR",
    "timestamp": "BIGINT",
    "x": "DOUBLE",
    "y": "DOUBLE",
    "z": "DOUBLE",
}
STEP_TRAINER = {
    "sensorReadingTime": "BIGINT",
    "serialNumber": "VARCHAR",
    "distanceFromObject": "INTEGER",
}

CUSTOMERS = """
CREATE TEMP TABLE customers AS
SELECT
    customerName, email, phone, birthDay, serialNumber,
    make_timestamptz(registrationDate * 1000) AS registrationDate,
    make_timestamptz(lastUpdateDate * 1000) AS lastUpdateDate,
    {dates},
    lower(trim(email)) AS person
FROM {customer}
"""
DATES = ("shareWithResearchAsOfDate", "shareWithPublicAsOfDate", "shareWithFriendsAsOfDate")
DATE = "make_timestamptz(nullif(TRY_CAST({0} AS BIGINT), 0) * 1000) AS {0}"

# The latest record decides; equally recent records that disagree: the refusal wins.
CONSENT = """
CREATE TEMP TABLE consent AS
SELECT person, max(shareWithResearchAsOfDate) AS since
FROM (FROM customers QUALIFY rank() OVER (PARTITION BY person ORDER BY lastUpdateDate DESC) = 1)
GROUP BY person
HAVING count(*) = count(shareWithResearchAsOfDate)
"""
CUSTOMER_TRUSTED = """
SELECT c.* REPLACE (s.since AS shareWithResearchAsOfDate)
FROM customers AS c JOIN consent AS s USING (person)
QUALIFY row_number() OVER (PARTITION BY person, serialNumber ORDER BY lastUpdateDate DESC) = 1
"""
ACCELEROMETER_TRUSTED = """
SELECT DISTINCT "user", make_timestamptz("timestamp" * 1000) AS "timestamp", x, y, z
FROM {accelerometer} AS r JOIN consent AS s ON s.person = lower(trim(r."user"))
WHERE make_timestamptz("timestamp" * 1000) >= s.since
"""
CUSTOMERS_CURATED = """
FROM customer_trusted
WHERE person IN (SELECT DISTINCT lower(trim("user")) FROM accelerometer_trusted)
"""
# A serial number claimed by several people is nobody's.
STEP_TRAINER_TRUSTED = """
WITH owners AS (
    SELECT serialNumber, min(person) AS person
    FROM customers GROUP BY serialNumber HAVING count(DISTINCT person) = 1
),
people AS (
    SELECT person, max(shareWithResearchAsOfDate) AS since FROM customers_curated GROUP BY person
)
SELECT DISTINCT
    make_timestamptz(sensorReadingTime * 1000) AS sensorReadingTime, serialNumber,
    distanceFromObject
FROM {step_trainer} AS r JOIN owners AS o USING (serialNumber) JOIN people AS p USING (person)
WHERE make_timestamptz(sensorReadingTime * 1000) >= p.since
"""
MACHINE_LEARNING_CURATED = """
WITH devices AS (SELECT DISTINCT person, serialNumber FROM customers_curated),
people AS (
    SELECT person, sha256('a secret' || person) AS subject_id FROM devices GROUP BY person
),
steps AS (
    SELECT person, sensorReadingTime, min(distanceFromObject) AS distanceFromObject
    FROM step_trainer_trusted JOIN devices USING (serialNumber)
    GROUP BY person, sensorReadingTime
    HAVING min(distanceFromObject) = max(distanceFromObject)
)
SELECT DISTINCT subject_id, "timestamp", x, y, z, distanceFromObject
FROM accelerometer_trusted AS r
JOIN people AS p ON p.person = lower(trim(r."user"))
JOIN steps AS s ON s.person = p.person AND s.sensorReadingTime = r."timestamp"
"""
TABLES = {
    "customer_trusted": CUSTOMER_TRUSTED,
    "accelerometer_trusted": ACCELEROMETER_TRUSTED,
    "customers_curated": CUSTOMERS_CURATED,
    "step_trainer_trusted": STEP_TRAINER_TRUSTED,
    "machine_learning_curated": MACHINE_LEARNING_CURATED,
}


def feed(landing: Path, name: str, columns: dict[str, str]) -> str:
    """A table function over the files of one feed."""
    types = ", ".join(f"'{field}': '{kind}'" for field, kind in columns.items())
    return f"read_json('{landing}/{name}/*', format='newline_delimited', columns={{{types}}})"


def main(landing: Path, out: Path) -> None:
    """Write the five tables as Parquet files into `out`."""
    feeds = {
        "customer": feed(landing, "customer", CUSTOMER),
        "accelerometer": feed(landing, "accelerometer", ACCELEROMETER),
        "step_trainer": feed(landing, "step_trainer", STEP_TRAINER),
    }
    connection = duckdb.connect(config={"preserve_insertion_order": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(CUSTOMERS.format(dates=", ".join(map(DATE.format, DATES)), **feeds))
    connection.execute(CONSENT)
    for table, query in TABLES.items():
        path = out / f"{table}.parquet"
        connection.execute(f"COPY ({query.format(**feeds)}) TO '{path}' (COMPRESSION snappy)")
        connection.execute(f"CREATE VIEW {table} AS FROM read_parquet('{path}')")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

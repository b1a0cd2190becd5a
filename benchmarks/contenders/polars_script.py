"""The same five tables by a lazy Polars script on the streaming engine.

python polars_script.py LANDING OUT
"""

import hashlib
import sys
from pathlib import Path

import polars as pl

CUSTOMER = {
    "customerName": pl.String,
    "email": pl.String,
    "phone": pl.String,
    "birthDay": pl.String,
    "serialNumber": pl.String,
    "registrationDate": pl.Int64,
    "lastUpdateDate": pl.Int64,
    "shareWithResearchAsOfDate": pl.String,  # a number, null, "" or 0
    "shareWithPublicAsOfDate": pl.String,
    "shareWithFriendsAsOfDate": pl.String,
}
ACCELEROMETER = {
    "user": pl.String,
    "timestamp": pl.Int64,
    "x": pl.Float64,
    "y": pl.Float64,
    "z": pl.Float64,
}
STEP_TRAINER = {
    "sensorReadingTime": pl.Int64,
    "serialNumber": pl.String,
    "distanceFromObject": pl.Int32,
}
DATES = ("shareWithResearchAsOfDate", "shareWithPublicAsOfDate", "shareWithFriendsAsOfDate")
PERSON = pl.col("email").str.strip_chars().str.to_lowercase().alias("person")
USER = pl.col("user").str.strip_chars().str.to_lowercase().alias("person")


def instant(column: str) -> pl.Expr:
    """Epoch milliseconds as an instant."""
    return pl.from_epoch(column, time_unit="ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC")


def read(landing: Path, feed: str, schema: dict[str, type[pl.DataType]]) -> pl.LazyFrame:
    """The lines of one feed."""
    return pl.scan_ndjson(sorted((landing / feed).iterdir()), schema=schema)


def customers(landing: Path) -> pl.DataFrame:
    """Customer records, typed; a consent date that was not given is null."""
    given = [pl.col(name).cast(pl.Int64, strict=False).replace(0, None) for name in DATES]
    typed = (
        read(landing, "customer", CUSTOMER)
        .with_columns(given)
        .with_columns(
            *map(instant, ("registrationDate", "lastUpdateDate", *DATES)),
            pl.col("birthDay").str.to_date("%Y-%m-%d"),
            PERSON,
        )
    )
    return typed.collect()


def consent(records: pl.DataFrame) -> pl.DataFrame:
    """Who consents since when: the latest record decides, a refusal wins a tie."""
    since = pl.col("shareWithResearchAsOfDate")
    latest = records.filter(
        pl.col("lastUpdateDate") == pl.col("lastUpdateDate").max().over("person")
    )
    found = latest.group_by("person").agg(
        since.max().alias("since"), since.is_null().any().alias("no")
    )
    return found.filter(~pl.col("no")).select("person", "since")


def customer_trusted(records: pl.DataFrame, consenting: pl.DataFrame) -> pl.DataFrame:
    """The latest record of each consenting person and device."""
    newest = records.sort("lastUpdateDate", descending=True).unique(
        ["person", "serialNumber"], keep="first", maintain_order=True
    )
    return newest.join(consenting, on="person").with_columns(
        shareWithResearchAsOfDate=pl.col("since")
    )


def accelerometer_trusted(landing: Path, consenting: pl.DataFrame) -> pl.LazyFrame:
    """Readings of consenting people since their consent, each once."""
    readings = read(landing, "accelerometer", ACCELEROMETER).with_columns(
        instant("timestamp"), USER
    )
    kept = readings.join(consenting.lazy(), on="person").filter(
        pl.col("timestamp") >= pl.col("since")
    )
    return kept.select(*ACCELEROMETER).unique()


def step_trainer_trusted(
    landing: Path, records: pl.DataFrame, curated: pl.DataFrame
) -> pl.LazyFrame:
    """Readings of devices claimed by one person alone, who is in customers_curated."""
    owners = records.group_by("serialNumber").agg(
        pl.col("person").min(), pl.col("person").n_unique().alias("claims")
    )
    owners = owners.filter(pl.col("claims") == 1).join(
        curated.group_by("person").agg(pl.col("since").max()), on="person"
    )
    readings = read(landing, "step_trainer", STEP_TRAINER).with_columns(
        instant("sensorReadingTime")
    )
    kept = readings.join(owners.lazy(), on="serialNumber").filter(
        pl.col("sensorReadingTime") >= pl.col("since")
    )
    return kept.select(*STEP_TRAINER).unique()


def machine_learning_curated(
    readings: pl.LazyFrame, steps: pl.LazyFrame, curated: pl.DataFrame
) -> pl.LazyFrame:
    """Readings of both devices of one person at one instant, under a pseudonym."""
    devices = curated.select("person", "serialNumber")
    people = devices.select("person").unique()
    names = [hashlib.sha256(b"a secret" + p.encode()).hexdigest() for p in people["person"]]
    people = people.with_columns(pl.Series("subject_id", names))
    distance = pl.col("distanceFromObject")
    each = (
        steps.join(devices.lazy(), on="serialNumber")
        .group_by("person", pl.col("sensorReadingTime").alias("timestamp"))
        .agg(distance.min(), distance.max().alias("most"))
        .filter(distance == pl.col("most"))
    )
    paired = readings.with_columns(USER).join(people.lazy(), on="person")
    paired = paired.join(each, on=["person", "timestamp"])
    return paired.select("subject_id", "timestamp", "x", "y", "z", "distanceFromObject").unique()


def save(frame: pl.LazyFrame, out: Path, table: str) -> pl.LazyFrame:
    """Write a table; what was written, to read on from."""
    path = out / f"{table}.parquet"
    frame.sink_parquet(path, compression="snappy")
    return pl.scan_parquet(path)


def main(landing: Path, out: Path) -> None:
    """Write the five tables as Parquet files into `out`."""
    records = customers(landing)
    consenting = consent(records)
    trusted = customer_trusted(records, consenting)
    save(trusted.lazy().drop("person", "since"), out, "customer_trusted")
    readings = save(accelerometer_trusted(landing, consenting), out, "accelerometer_trusted")
    walkers = readings.select(USER).unique().collect(engine="streaming")
    curated = trusted.join(walkers, on="person", how="semi")
    save(curated.lazy().drop("person", "since"), out, "customers_curated")
    steps = save(step_trainer_trusted(landing, records, curated), out, "step_trainer_trusted")
    save(machine_learning_curated(readings, steps, curated), out, "machine_learning_curated")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

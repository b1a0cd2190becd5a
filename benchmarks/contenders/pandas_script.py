"""The same five tables by a pandas script, its JSON read and its Parquet written by Arrow.

python pandas_script.py LANDING OUT
"""

import hashlib
import sys
from pathlib import Path

import pandas as pd

DATES = ["shareWithResearchAsOfDate", "shareWithPublicAsOfDate", "shareWithFriendsAsOfDate"]
DEVICE = ["person", "serialNumber"]


def read(landing: Path, feed: str, **options: object) -> pd.DataFrame:
    """The lines of one feed."""
    files = sorted((landing / feed).iterdir())
    frames = [pd.read_json(path, lines=True, **options) for path in files]
    return pd.concat(frames, ignore_index=True)


def instant(milliseconds: pd.Series) -> pd.Series:
    """Epoch milliseconds as instants."""
    return pd.to_datetime(milliseconds, unit="ms", utc=True)


def person(address: pd.Series) -> pd.Series:
    """Who an e-mail address is."""
    return address.str.strip().str.lower()


def customers(landing: Path) -> pd.DataFrame:
    """Customer records, typed; a consent date that was not given is missing."""
    records = read(landing, "customer", dtype=False)
    for name in DATES:
        given = pd.to_numeric(records[name], errors="coerce")
        records[name] = instant(given.where(given != 0))
    for name in ("registrationDate", "lastUpdateDate"):
        records[name] = instant(records[name])
    born = records["birthDay"].astype("string[pyarrow]").astype("date32[pyarrow]")
    return records.assign(birthDay=born, person=person(records["email"]))


def consent(records: pd.DataFrame) -> pd.Series:
    """Since when each consenting person does: the latest record decides, a refusal wins a tie."""
    newest = records.groupby("person")["lastUpdateDate"].transform("max")
    latest = records[records["lastUpdateDate"] == newest].groupby("person")[DATES[0]]
    return latest.max()[latest.count() == latest.size()]


def customer_trusted(records: pd.DataFrame, since: pd.Series) -> pd.DataFrame:
    """The latest record of each consenting person and device."""
    kept = records[records["person"].isin(since.index)]
    newest = kept.sort_values("lastUpdateDate", ascending=False).drop_duplicates(DEVICE)
    return newest.assign(shareWithResearchAsOfDate=newest["person"].map(since))


def accelerometer_trusted(readings: pd.DataFrame, since: pd.Series) -> pd.DataFrame:
    """Readings of consenting people since their consent, each once."""
    spellings = pd.Series(readings["user"].unique())
    of_spelling = person(spellings).map(since).set_axis(spellings)
    time = instant(readings["timestamp"])
    kept = readings.assign(timestamp=time)[time >= readings["user"].map(of_spelling)]
    return kept.drop_duplicates()


def step_trainer_trusted(
    readings: pd.DataFrame, records: pd.DataFrame, curated: pd.DataFrame, since: pd.Series
) -> pd.DataFrame:
    """Readings of devices claimed by one person alone, who is in customers_curated."""
    claims = records.groupby("serialNumber")["person"].agg(["min", "nunique"])
    owner = claims.loc[claims["nunique"] == 1, "min"]
    of_device = owner[owner.isin(curated["person"])].map(since)
    time = instant(readings["sensorReadingTime"])
    kept = readings.assign(sensorReadingTime=time)[time >= readings["serialNumber"].map(of_device)]
    return kept.drop_duplicates()


def machine_learning_curated(
    readings: pd.DataFrame, steps: pd.DataFrame, curated: pd.DataFrame
) -> pd.DataFrame:
    """Readings of both devices of one person at one instant, under a pseudonym."""
    subject = {
        address: hashlib.sha256(b"a secret" + address.encode()).hexdigest()
        for address in curated["person"]
    }
    devices = curated.drop_duplicates("serialNumber").set_index("serialNumber")
    of_device = devices["person"].map(subject)
    of_user = {user: subject.get(user.strip().lower()) for user in readings["user"].unique()}
    steps = steps.assign(subject_id=steps["serialNumber"].map(of_device))
    keys = ["subject_id", "sensorReadingTime"]
    each = steps.groupby(keys)["distanceFromObject"].agg(["min", "max"]).reset_index()
    each = each[each["min"] == each["max"]].drop(columns="max")
    each.columns = ["subject_id", "timestamp", "distanceFromObject"]
    named = readings.assign(subject_id=readings["user"].map(of_user)).drop(columns="user")
    return named.merge(each, on=["subject_id", "timestamp"]).drop_duplicates()


def save(frame: pd.DataFrame, out: Path, table: str) -> pd.DataFrame:
    """Write a table, and give it back."""
    written = frame.drop(columns="person", errors="ignore")
    written.to_parquet(out / f"{table}.parquet", compression="snappy", index=False)
    return frame


def main(landing: Path, out: Path) -> None:
    """Write the five tables as Parquet files into `out`."""
    records = customers(landing)
    since = consent(records)
    trusted = save(customer_trusted(records, since), out, "customer_trusted")
    phone = read(landing, "accelerometer", engine="pyarrow")
    readings = save(accelerometer_trusted(phone, since), out, "accelerometer_trusted")
    del phone
    walkers = person(pd.Series(readings["user"].unique()))
    curated = save(trusted[trusted["person"].isin(walkers)], out, "customers_curated")
    device = read(landing, "step_trainer", engine="pyarrow")
    steps = step_trainer_trusted(device, records, curated, since)
    save(steps, out, "step_trainer_trusted")
    save(machine_learning_curated(readings, steps, curated), out, "machine_learning_curated")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""The lake as a set of jobs: one that lands, and one for each table that a query makes.

Names come from `job` in the tables' table.yaml, the order from what the queries read.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from stedi.contract import Table, load_tables, refresh_order
from stedi.contract.table import LANDING_JOB
from stedi.errors import UsageError, storage_error
from stedi.places import Place


@dataclass(frozen=True)
class Job:
    """One job: its name, other names of it, the table that it refreshes; None: it lands files."""

    name: str
    also: tuple[str, ...] = ()
    table: Table | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The tables that it reads, or the feeds that it lands."""
        tables = load_tables()
        if self.table is None:
            return tuple(table.feed for table in tables.values() if table.feed)
        return tuple(tables[name].full_name for name in self.table.sources)

    @property
    def writes(self) -> tuple[str, ...]:
        """The tables that it writes, beside those of zone ops."""
        if self.table is not None:
            return (self.table.full_name,)
        return tuple(t.full_name for t in load_tables().values() if t.zone == "landing")

    def refuse(self, landing: Place | str | None, full: bool) -> None:
        """UsageError for what does not go with this job."""
        if self.table is None and landing is None:
            raise UsageError(f"job {self.name} lands files: give --landing DIR")
        if self.table is None and full:
            raise UsageError(f"job {self.name} makes no table anew: leave out --full")
        if self.table is not None and landing is not None:
            raise UsageError(
                f"job {self.name} lands nothing: leave out --landing, and run "
                f"`stedi job {LANDING_JOB} --landing {landing}` before it"
            )


def jobs() -> list[Job]:
    """All jobs in the order in which one after the other does what a run does."""
    made = [Job(table.job[0], table.job[1:], table) for table in refresh_order()]
    return [Job(LANDING_JOB), *made]


def find_job(name: str) -> Job:
    """The job of that name; UsageError lists those there are."""
    known = jobs()
    for job in known:
        if name in (job.name, *job.also):
            return job
    listed = ", ".join(job.name for job in known)
    raise UsageError(f"there is no job {name!r}; there are {listed}")


def write_scripts(folder: Path) -> list[Path]:
    """Write the script of every job as AWS Glue wants it, one file a job; StorageError."""
    shipped = files("stedi") / "glue"
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for job in jobs():
            written.append(folder / f"{job.name}.py")
            written[-1].write_bytes((shipped / f"{job.name}.py").read_bytes())
    except OSError as error:
        raise storage_error(error, str(folder)) from error
    return written

"""What is deployed, derived from the zones: names, places, rights and queries; no CDK here.

Nothing is listed here that `stedi.contract` or `stedi.jobs` know: a new folder in zones/ gives a
database's table its grants, a job, a trigger.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from deploy.settings import Settings
from stedi.athena.names import in_databases
from stedi.contract import ZONES, Table, load_tables
from stedi.contract.queries import SavedQuery, load_queries
from stedi.contract.roles import Role, load_roles
from stedi.contract.roots import ancestors
from stedi.contract.table import PII
from stedi.jobs import Job, jobs

OPS = "ops"
DELIVERIES = "deliveries"
RESULTS = "results"
LOGS = "logs"
HOME = "lake"  # folder of the lake itself, in the bucket of zone ops
TABLES = "tables"  # folder of a zone's tables, in the bucket of the zone
# What whoever holds the lake writes into its own folder: leases, how far it is, scratch.
WORKING = ("lock", "readers/*", "running", "scratch/*")
UPKEEP = "maintain"  # the last job of a round; it makes no table, so `stedi.jobs` knows none
_RECORDS = ("files", "runs")  # what every run writes down; the rest of ops is for forgetting


@dataclass(frozen=True)
class Plan:
    """The names and places of one deployment."""

    settings: Settings

    @cached_property
    def tables(self) -> list[Table]:
        """All tables, in zone order."""
        return list(load_tables().values())

    @cached_property
    def feeds(self) -> list[Table]:
        """The landing tables whose feeds are delivered."""
        return [table for table in self.tables if table.feed]

    @cached_property
    def jobs(self) -> list[Job]:
        """All jobs in the order of their dependencies."""
        return jobs()

    @cached_property
    def roles(self) -> list[Role]:
        """The roles of people."""
        return list(load_roles().values())

    @property
    def steps(self) -> list[str]:
        """The jobs of a round, one after the other: those of the tables, then upkeep."""
        return [*(job.name for job in self.jobs), UPKEEP]

    def named(self, what: str) -> str:
        """The name of a job, role, stack or workgroup of this lake."""
        return f"{self.settings.name}-{what.replace('_', '-')}"

    def bucket(self, what: str) -> str:
        """The bucket of a zone, of DELIVERIES, RESULTS or LOGS."""
        return f"{self.settings.buckets}-{what}"

    def database(self, zone: str) -> str:
        """The Glue database of a zone."""
        return self.settings.database_prefix + zone

    @property
    def lake(self) -> str:
        """The address of the lake, as `--lake` takes it."""
        return f"s3://{self.bucket(OPS)}/{HOME}"

    @property
    def logs(self) -> str:
        """What the names of the jobs' log groups begin with."""
        return f"/{self.settings.name}/jobs"

    @property
    def landing(self) -> str:
        """The address above the feeds' folders, as `--landing` takes it."""
        return f"s3://{self.bucket(DELIVERIES)}"

    def policy(self) -> str:
        """The stedi.toml that the lake begins with."""
        places = (f'{zone} = "s3://{self.bucket(zone)}/{TABLES}"' for zone in ZONES)
        return (
            f'format = 1\nconsent = "{self.settings.consent}"\nmemory = "1200MB"\n\n'
            f'[catalog]\ntype = "glue"\nprefix = "{self.settings.database_prefix}"\n\n'
            "[zones]\n" + "\n".join(places) + "\n"
        )


def operates(role: Role) -> bool:
    """Whether people of a role run the lake: those who see what its runs did."""
    return OPS in role.zones


def sees_all(role: Role) -> bool:
    """Whether a role sees every column of its zones, those that no contract announces too."""
    return set(role.personal) == set(PII)


def reads_of(job: Job) -> list[Table]:
    """The tables whose rows a job reads or writes: what its query reaches, and its own.

    Landing reads who was forgotten and what was landed before.
    """
    tables = load_tables()
    if job.table is None:
        return [table for table in tables.values() if table.zone in ("landing", OPS)]
    names = ancestors(job.table) | {job.table.name}
    return [table for table in tables.values() if table.name in names]


def writes_of(job: Job) -> list[Table]:
    """The tables whose rows a job writes, its records in zone ops included."""
    written = set(job.writes)
    return [
        table
        for table in load_tables().values()
        if table.full_name in written or (table.zone == OPS and table.name in _RECORDS)
    ]


def renews(job: Job) -> list[Table]:
    """Tables of which a job writes the metadata alone: the first of a round brings the columns of
    all that no query makes up to their contracts."""
    tables = load_tables().values() if job.table is None else ()
    return [table for table in tables if not table.query and table not in writes_of(job)]


def home_of(job: Job) -> tuple[str, ...]:
    """What a job writes in the lake's own folder; only the first makes a lake there."""
    begun = ("stedi.toml", "key.check") if job.table is None else ()
    return (*WORKING, *begun)


def zones_of(tables: list[Table]) -> list[str]:
    """The zones of tables, in order, each once."""
    return [zone for zone in ZONES if any(table.zone == zone for table in tables)]


def queries_of(role: Role) -> list[SavedQuery]:
    """The saved queries that a role may run."""
    return [query for query in load_queries() if query.open_to(role)]


def qualified(plan: Plan, query: SavedQuery) -> str:
    """The query with each table's name put behind that of its database, the rest as it stands."""
    return in_databases(query.sql, {zone: plan.database(zone) for zone in ZONES})

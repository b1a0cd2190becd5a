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
    """The tables whose rows a job reads or writes: what its query reaches, and its own."""
    tables = load_tables()
    if job.table is None:
        return [table for table in tables.values() if table.zone == "landing"]
    names = ancestors(job.table) | {job.table.name}
    return [table for table in tables.values() if table.name in names]


def writes_of(job: Job) -> list[Table]:
    """The tables that a job writes, those of zone ops included."""
    written = set(job.writes)
    return [t for t in load_tables().values() if t.full_name in written or t.zone == OPS]


def zones_of(tables: list[Table]) -> list[str]:
    """The zones of tables, in order, each once."""
    return [zone for zone in ZONES if any(table.zone == zone for table in tables)]


def queries_of(role: Role) -> list[SavedQuery]:
    """The saved queries that a role may run."""
    return [query for query in load_queries() if query.open_to(role)]


def qualified(plan: Plan, query: SavedQuery) -> str:
    """The query with each table's name put behind that of its database, the rest as it stands."""
    return in_databases(query.sql, {zone: plan.database(zone) for zone in ZONES})

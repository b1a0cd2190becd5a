"""The CDK app: every stack of one lake. `python -m deploy.app` writes the templates."""

from __future__ import annotations

from deploy import node

node.use_it()

import aws_cdk as cdk  # noqa: E402
import cdk_nag  # noqa: E402

from deploy.build import Built, built  # noqa: E402
from deploy.plan import Plan  # noqa: E402
from deploy.settings import read_settings  # noqa: E402
from deploy.stacks.access import AccessStack  # noqa: E402
from deploy.stacks.catalog import CatalogStack  # noqa: E402
from deploy.stacks.filters import FiltersStack  # noqa: E402
from deploy.stacks.jobs import JobsStack  # noqa: E402
from deploy.stacks.query import QueryStack  # noqa: E402
from deploy.stacks.rounds import RoundsStack  # noqa: E402
from deploy.stacks.storage import StorageStack  # noqa: E402
from deploy.stacks.watch import WatchStack  # noqa: E402

# Here and not in cdk.json, which only the command `cdk` reads.
FLAGS = {
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/core:enablePartitionLiterals": True,
    "@aws-cdk/aws-kms:reduceCrossAccountRegionPolicyScope": True,
    "@aws-cdk/core:stackRelativeExports": True,
    "@aws-cdk/core:validateAgainstDefaultRules": True,
    "aws:cdk:enable-path-metadata": False,
    "aws:cdk:disable-version-reporting": True,
}


def make_app(plan: Plan, made: Built, outdir: str | None = None) -> cdk.App:
    """The app with all stacks; its synthesis fails where a rule of cdk-nag is broken."""
    app = cdk.App(outdir=outdir, context=FLAGS, analytics_reporting=False)
    storage = StorageStack(app, plan)
    catalog = CatalogStack(app, plan, storage)
    jobs = JobsStack(app, plan, storage, made)
    access = AccessStack(app, plan, storage, catalog, jobs)
    rounds = RoundsStack(app, plan)
    filters = FiltersStack(app, plan, access)
    QueryStack(app, plan, storage)
    WatchStack(app, plan, storage)
    catalog.add_stack_dependency(storage)
    jobs.add_stack_dependency(catalog)
    access.add_stack_dependency(jobs)
    rounds.add_stack_dependency(access)
    filters.add_stack_dependency(rounds)
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))
    return app


def main() -> None:
    """Synthesize with the settings and files that the environment names."""
    make_app(Plan(read_settings()), built()).synth()


if __name__ == "__main__":
    main()

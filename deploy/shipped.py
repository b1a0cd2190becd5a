"""Files that a deployment brings along, each under a name that tells its content.

A wheel keeps a name that pip accepts: its digest stands where a wheel has its build number. An
asset as CDK names it, `<hash>.whl`, pip refuses.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk

from deploy.build import Built
from deploy.naming import shipped_name
from deploy.stacks.base import LakeStack


@dataclass(frozen=True)
class Shipped:
    """A file in the account's bucket for assets: its address, and its ARN."""

    url: str
    arn: str


def ship(stack: LakeStack, path: Path) -> Shipped:
    """Have a file uploaded when the stack is deployed."""
    name = shipped_name(path)
    outdir = cdk.Stage.of(stack).asset_outdir  # type: ignore[union-attr]
    shutil.copyfile(path, Path(outdir) / name)
    place = stack.synthesizer.add_file_asset(
        source_hash=name.removesuffix(path.suffix),
        file_name=name,
        packaging=cdk.FileAssetPackaging.FILE,
        display_name=path.name,
    )
    arn = f"arn:{stack.partition}:s3:::{place.bucket_name}/{place.object_key}"
    return Shipped(f"s3://{place.bucket_name}/{place.object_key}", arn)


@dataclass(frozen=True)
class Parts:
    """What the jobs are made of, as shipped."""

    wheel: Shipped
    policy: Shipped
    jars: tuple[Shipped, ...]
    scripts: dict[str, Shipped]


def ship_all(stack: LakeStack, built: Built) -> Parts:
    """Have all that was built uploaded when the stack is deployed."""
    return Parts(
        wheel=ship(stack, built.wheel),
        policy=ship(stack, built.policy),
        jars=tuple(ship(stack, jar) for jar in built.jars),
        scripts={step: ship(stack, built.script(step)) for step in stack.plan.steps},
    )

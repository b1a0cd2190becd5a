"""stedi serve, stedi token."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stedi.cli.options import Form, LakePath, lake_path
from stedi.cli.output import Format, emit, say, show
from stedi.errors import UsageError
from stedi.lake.home import open_home


class RoleName(StrEnum):
    """Who looks at the lake; what each sees stands in zones/roles.yaml."""

    engineer = "engineer"
    scientist = "scientist"
    privacy = "privacy"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)
    app.command()(token)


def serve(
    ctx: typer.Context,
    lake: LakePath = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any that is free.")] = (
        8787
    ),
    role: Annotated[RoleName, typer.Option(help="Whom the one-time link signs in.")] = (
        RoleName.engineer
    ),
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="HOST", help="A host name by which browsers reach it."),
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Speak https with this certificate.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate's private key.")
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Something in front of it speaks https.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time limit of a query.")] = 10,
    memory: Annotated[int, typer.Option(min=64, metavar="MB", help="Memory of a query.")] = 1024,
) -> None:
    """The console: a web page to look at the lake, for engineers, scientists, privacy officers.

    It listens on this machine alone. Elsewhere it needs a token (stedi token), https and a name.
    """
    from stedi.console.server import Listen, limits_of
    from stedi.console.server import serve as listen

    where = Listen(
        host, port, tuple(name or ()), tls_certificate, tls_key, behind_proxy, role.value
    )
    listen(lake_path(ctx, lake), where, say, limits_of(seconds, memory))


def token(
    ctx: typer.Context,
    lake: LakePath = None,
    role: Annotated[RoleName | None, typer.Option(help="Make a token for this role.")] = None,
    name: Annotated[str, typer.Option(help="Whose it is, to tell tokens apart.")] = "",
    days: Annotated[float, typer.Option(help="For how many days it is valid.")] = 90,
    list_: Annotated[bool, typer.Option("--list", help="List the tokens there are.")] = False,
    revoke: Annotated[
        str | None, typer.Option(metavar="ID", help="Take a token back; its sessions end.")
    ] = None,
    form: Form = Format.table,
) -> None:
    """Make, list or take back the tokens by which people sign in to the console.

    A new token is printed once, on stdout, and kept by hash.
    """
    from stedi.console.tokens import Tokens

    if [role is not None, list_, revoke is not None].count(True) != 1:
        raise UsageError("give one of --role, --list, --revoke")
    tokens = Tokens(open_home(lake_path(ctx, lake)))
    tokens.refresh()
    if list_:
        columns = ["id", "role", "name", "made", "expires", "valid"]
        rows = ({key: getattr(one, key) for key in columns} for one in tokens.all())
        return emit(rows, form, columns)
    if revoke is not None:
        gone = tokens.revoke(revoke)
        return say(f"token {gone.id} ({gone.role}) is worth nothing any more")
    if role is not None:
        made, secret = tokens.make(role.value, name, days)
        say(f"token {made.id} ({made.role}), valid until {made.expires}; not shown again:")
        show(secret)
    return None

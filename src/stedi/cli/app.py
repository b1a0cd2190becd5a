"""The commands, put together; errors become messages and exit codes here and only here."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from stedi import __version__
from stedi.cli import (
    demo,
    job,
    maintain,
    prove,
    read,
    report,
    runs,
    serve,
    simulate,
    subject,
    watch,
)
from stedi.cli.output import STDOUT, ReaderGone, plain_streams, say, show
from stedi.errors import StediError

INTERRUPTED = 130

app = typer.Typer(
    name="stedi",
    help="From three JSON feeds to training data, with every row accounted for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = (demo, runs, job, watch, prove, read, serve, report, subject, maintain, simulate)
for module in COMMANDS:
    module.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        show(f"stedi {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    lake: Annotated[
        str | None,
        typer.Option("--lake", envvar="STEDI_LAKE", metavar="PATH", help="The lake's folder."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    ctx.obj = lake


def run() -> int:
    """Run the command line; the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        plain_streams()
        code = int(app(standalone_mode=False) or 0)
        STDOUT.flush()
        return _stopped() if code == INTERRUPTED else code
    except StediError as error:
        say(f"error: {error}")
        return error.exit_code
    except typer.Exit as ended:
        return _stopped() if ended.exit_code == INTERRUPTED else ended.exit_code
    except typer.Abort:
        return _stopped()
    except KeyboardInterrupt:
        return _stopped()
    except ReaderGone:
        return 0
    except typer.TyperException as error:
        show_error = getattr(error, "show", None)
        show_error() if show_error else say(f"error: {error}")
        return 2


def _terminate(*_: object) -> None:
    raise KeyboardInterrupt


def _stopped() -> int:
    say(
        "stopped; the lake is as it was before or after the step in hand, run again to go on "
        "(a forgetting: stedi subject forget --resume)"
    )
    return INTERRUPTED

"""Listening: on this machine alone, or elsewhere if whoever asks for it has made it safe."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from stedi.console.app import make_app
from stedi.console.asking import Asking
from stedi.console.board import Boards
from stedi.console.forgetting import Forgetting
from stedi.console.guard import Address
from stedi.console.results import Results
from stedi.console.sessions import Sessions
from stedi.console.state import Console
from stedi.console.tokens import Tokens
from stedi.engines.spec import Limits
from stedi.errors import LakeError, UsageError
from stedi.lake.home import open_home
from stedi.places import Place
from stedi.sandbox.runner import Sandbox


@dataclass(frozen=True)
class Listen:
    """Where and how to listen.

    `names` are the host names by which browsers reach it from elsewhere; `certificate` and `key`
    files for TLS; `proxied`: something in front speaks TLS. `role` is that of the one-time link.
    """

    host: str = "127.0.0.1"
    port: int = 8787
    names: Sequence[str] = ()
    certificate: Path | None = None
    key: Path | None = None
    proxied: bool = False
    role: str = "engineer"

    @property
    def near(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.certificate is not None or self.proxied


def serve(root: Place, listen: Listen, say: Callable[[str], None], limits: Limits) -> None:
    """Serve the lake until interrupted; UsageError if it could not be done safely."""
    refuse_unsafe(listen, Tokens(open_home(root)))
    with _socket(listen) as ready:
        listen = replace(listen, port=ready.getsockname()[1])
        console, address = make_console(root, listen, limits), address_of(listen)
        _welcome(console, listen, address, say)
        config = uvicorn.Config(
            make_app(console, address),
            access_log=False,
            log_level="warning",
            server_header=False,
            date_header=True,
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=30,
            limit_concurrency=512,
            h11_max_incomplete_event_size=64 * 1024,
            ssl_certfile=str(listen.certificate) if listen.certificate else None,
            ssl_keyfile=str(listen.key) if listen.key else None,
        )
        uvicorn.Server(config).run(sockets=[ready])


def make_console(root: Place, listen: Listen, limits: Limits) -> Console:
    """A console over a lake, not yet listening; LakeError if there is no lake."""
    home = open_home(root)
    tokens, results, sandbox = Tokens(home), Results(), Sandbox()
    boards = Boards(home.root, results.clear)
    return Console(
        root=home.root,
        secure=listen.secure,
        cookie="__Host-stedi" if listen.secure else f"stedi-{listen.port}",
        tokens=tokens,
        sessions=Sessions(tokens, results.drop),
        boards=boards,
        sandbox=sandbox,
        results=results,
        asking=Asking(home.root, boards, sandbox, results, limits),
        forgetting=Forgetting(home.root, boards, results),
        limits=limits,
    )


def refuse_unsafe(listen: Listen, tokens: Tokens) -> None:
    """UsageError if others could reach it without having to sign in safely."""
    if (listen.certificate is None) != (listen.key is None):
        raise UsageError("--tls-certificate and --tls-key belong together")
    if listen.proxied and not listen.names:
        raise UsageError("--behind-proxy: say by which --name browsers reach it")
    if listen.near:
        return
    tokens.refresh()
    if not any(token.valid for token in tokens.all()):
        raise UsageError(
            f"--host {listen.host} lets others reach the lake, and nobody could sign in: make a "
            "token first, `stedi token --role scientist --name ada`"
        )
    if not listen.secure:
        raise UsageError(
            f"--host {listen.host} would send tokens in clear text: give --tls-certificate and "
            "--tls-key, or --behind-proxy if something in front of it speaks https"
        )
    if not listen.names:
        raise UsageError(f"--host {listen.host}: say by which --name browsers reach it")


def address_of(listen: Listen) -> Address:
    """The hosts that a browser may name, with the port unless it is the scheme's own."""
    scheme, port = "https" if listen.secure else "http", listen.port
    near = ["localhost", "127.0.0.1", "[::1]", _name(listen)]
    names = [*(near if not listen.proxied else []), *(name.lower() for name in listen.names)]
    usual = 443 if listen.secure else 80
    hosts = {f"{name}:{port}" for name in names}
    if port == usual or listen.proxied:
        hosts |= set(names)
    return Address(scheme, frozenset(hosts))


def _name(listen: Listen) -> str:
    """How a browser names it: by its first name, else by the address it listens on."""
    if listen.names:
        return listen.names[0].lower()
    return f"[{listen.host}]" if ":" in listen.host else listen.host


def _socket(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off: 40 ms less for each answer.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((listen.host, listen.port))
    except OSError as error:
        made.close()
        raise LakeError(
            f"{listen.host}:{listen.port}: {error.strerror}; choose another --port (0: any)"
        ) from error
    made.set_inheritable(False)
    made.listen()  # who follows the link that is told now waits, and is not turned away
    return made


def _welcome(
    console: Console, listen: Listen, address: Address, say: Callable[[str], None]
) -> None:
    host = listen.names[0] if listen.proxied else f"{_name(listen)}:{listen.port}"
    say(f"the console of {console.root} is at {address.scheme}://{host}/")
    if listen.near:
        code = console.sessions.link(listen.role)
        say(f"sign in once as {listen.role}, within 15 minutes:")
        say(f"  {address.scheme}://{host}/sign-in?code={code}")
        say("others sign in with a token: stedi token --role scientist|engineer|privacy")
    say("Ctrl-C ends it")
    sys.stderr.flush()


def limits_of(seconds: float, megabytes: int) -> Limits:
    """Limits of a query with so much time, and memory for DuckDB; the process has three more GB."""
    memory = megabytes << 20
    return Limits(seconds=seconds, memory=memory, address_space=memory + (3 << 30))

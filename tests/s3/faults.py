"""A proxy before an S3 server that answers some requests as S3 does on a bad day.

It passes requests on as they came, Host included, so that their signatures hold.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest

PIECE = 1 << 16
HOP_BY_HOP = {"connection", "expect", "keep-alive", "proxy-connection", "te", "upgrade"}
ANSWERS = {
    500: ("InternalError", "We encountered an internal error. Please try again."),
    503: ("SlowDown", "Please reduce your request rate."),
}


class Harm(Enum):
    """What becomes of a request."""

    ERROR_500 = 500  # refused with InternalError, not done
    ERROR_503 = 503  # refused with SlowDown, not done
    DROPPED = "dropped"  # the connection ends before the request reaches the server: not done
    LOST = "lost"  # done by the server, but the connection ends before its answer
    CUT = "cut"  # done by the server, but the connection ends in the middle of its answer's body
    NONE = "none"  # done and answered; for a fault that only delays


class Request(NamedTuple):
    """A request as it arrived: key is bucket/key or the bucket alone, query as it stood."""

    method: str
    key: str
    query: str


@dataclass
class Fault:
    """Harm to requests whose method, key and query match these patterns (of fnmatch).

    Of those, counted from 1, the first harmed is number `first`, then every `every`-th, until
    `times` were harmed (None: for good). A harmed request waits `delay` seconds before.
    """

    harm: Harm
    method: str = "*"
    key: str = "*"
    query: str = "*"
    first: int = 1
    every: int = 1
    times: int | None = None
    delay: float = 0.0
    matched: int = 0
    harmed: int = 0

    def strikes(self, request: Request) -> bool:
        """Count the request if it matches; whether it is to be harmed."""
        if not self.concerns(request):
            return False
        self.matched += 1
        due = self.matched >= self.first and (self.matched - self.first) % self.every == 0
        struck = due and (self.times is None or self.harmed < self.times)
        self.harmed += struck
        return struck

    def concerns(self, request: Request) -> bool:
        """Whether method, key and query match."""
        patterns = (self.method, self.key, self.query)
        return all(fnmatchcase(value, like) for value, like in zip(request, patterns, strict=True))


class FaultyProxy:
    """Listens on a port of 127.0.0.1 of its own, and hands on to another."""

    def __init__(self, port: int) -> None:
        self.server_port = port
        self.requests: list[Request] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def endpoint(self) -> str:
        """The address that clients use."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()

    def lead(self, patch: pytest.MonkeyPatch) -> FaultyProxy:
        """Let requests come here from now on; of earlier ones nothing is known any more."""
        with self._lock:
            self.requests.clear()
        patch.setenv("AWS_ENDPOINT_URL_S3", self.endpoint)
        return self

    @contextmanager
    def failing(self, *faults: Fault) -> Iterator[None]:
        """Harm requests so in here; of several faults the first that strikes."""
        with self._lock:
            self._faults.extend(faults)
        try:
            yield
        finally:
            with self._lock:
                self._faults = [fault for fault in self._faults if fault not in faults]

    def count(self, method: str = "*", key: str = "*", query: str = "*") -> int:
        """How many requests that match arrived, harmed ones included."""
        like = Fault(Harm.NONE, method, key, query)
        with self._lock:
            return sum(like.concerns(request) for request in self.requests)

    def arrived(self, request: Request) -> Fault | None:
        """Note the request; the fault that strikes it."""
        with self._lock:
            self.requests.append(request)
            return next((fault for fault in self._faults if fault.strikes(request)), None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: FaultyProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""

    def hang_up(self) -> None:
        """End the connections of all clients."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle_one_request(self) -> None:
        with suppress(OSError):
            super().handle_one_request()
            return
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pytest's output is for failures."""

    def _pass_on(self) -> None:
        path, _, query = self.path.partition("?")
        proxy = self.server.proxy
        fault = proxy.arrived(Request(self.command, unquote(path).strip("/"), query))
        time.sleep(fault.delay if fault else 0)
        harm = fault.harm if fault else Harm.NONE
        if harm is Harm.DROPPED:
            self.close_connection = True
        elif harm in (Harm.ERROR_500, Harm.ERROR_503):
            self._refuse(harm)
        else:
            self._ask(proxy.server_port, harm)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on

    def _refuse(self, harm: Harm) -> None:
        for _ in self._body():
            pass
        code, message = ANSWERS[harm.value]
        text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        self.send_response(harm.value)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _ask(self, port: int, harm: Harm) -> None:
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            try:
                answer = self._answer(connection)
                if harm is Harm.LOST:
                    answer.read()
                    self.close_connection = True
                else:
                    self._tell(answer, harm is Harm.CUT)
            except (OSError, HTTPException):  # to the client, the server has gone
                self.close_connection = True

    def _answer(self, connection: HTTPConnection) -> HTTPResponse:
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP:
                connection.putheader(name, value)
        connection.endheaders()
        for piece in self._body():
            connection.send(piece)
        return connection.getresponse()

    def _body(self) -> Iterator[bytes]:
        """The request's body as it stands on the wire, chunk sizes included."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            yield from self._chunks()
        left = int(self.headers.get("Content-Length", 0))
        while left and (piece := self.rfile.read1(min(left, PIECE))):
            left -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while size := self.rfile.readline():
            yield size
            length = int(size.split(b";")[0], 16)
            yield self.rfile.read(length)
            yield self.rfile.readline()
            if length == 0:
                return

    def _tell(self, answer: HTTPResponse, cut: bool) -> None:
        """Hand the server's answer on, or the half of its body and no more."""
        self.send_response_only(answer.status, answer.reason)
        length = answer.getheader("Content-Length")
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()
        if cut:
            self.wfile.write(answer.read(int(length or 2) // 2))
            self.close_connection = True
            return
        while piece := answer.read1(PIECE):
            self.wfile.write(piece if length else b"%x\r\n%b\r\n" % (len(piece), piece))
        if answer.chunked:
            self.wfile.write(b"0\r\n\r\n")

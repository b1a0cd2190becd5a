"""The process that forks one child for each query of the sandbox: `python -I -m …nursery FD`.

It has an empty environment, no secret, one thread, and the libraries loaded, so that a child is
ready in milliseconds. It says so on a socket of its own (READY) and is then told, in JSON, to
`run` a query, with open files (its spec, where its rows go, where its last word goes, lines to
whoever lends it files of S3), or to `stop` one. The file of the last word is closed only when the
child is gone: that is how the caller knows. When the socket closes, all ends.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from select import select
from typing import Any, BinaryIO

from stedi.engines.duckdb.caged import answer
from stedi.engines.lent import GONE, LINES, WHY, Lines
from stedi.engines.spec import Spec
from stedi.sandbox.confine import confine, die_with_parent

READY = b"ready"
MESSAGE = 4096


@dataclass(frozen=True)
class Child:
    """A query at work: its process, a handle on it (pidfd_open(2)), the file of its last word."""

    process: int
    handle: int
    word: int


class Nursery:
    """The children at work, by the number of their query."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, Child] = {}

    def serve(self) -> None:
        """Until the other side closes the socket."""
        self._control.send(READY)
        while True:
            control = self._control.fileno()
            handles = [child.handle for child in self._children.values()]
            ready, _, _ = select([control, *handles], [], [])
            self._reap(ready)
            if control in ready and not self._hear():
                return self._end()

    def _hear(self) -> bool:
        try:
            text, files, _, _ = socket.recv_fds(self._control, MESSAGE, 3 + LINES)
        except ConnectionError:
            return False
        if not text:
            return False
        request = json.loads(text)
        if request["do"] == "run":
            self._fork(request["query"], *files)
        elif request["query"] in self._children:
            os.kill(self._children[request["query"]].process, signal.SIGKILL)
        return True

    def _fork(self, query: int, spec: int, out: int, word: int, *lines: int) -> None:
        parent = os.getpid()
        process = os.fork()
        if process == 0:
            live(parent, spec, out, word, *lines)
        self._children[query] = Child(process, os.pidfd_open(process), word)
        for file in (spec, out, *lines):
            os.close(file)

    def _reap(self, ready: list[int]) -> None:
        for query, child in list(self._children.items()):
            if child.handle in ready:
                os.waitpid(child.process, 0)
                os.close(child.handle)
                os.close(child.word)
                del self._children[query]

    def _end(self) -> None:
        for child in self._children.values():
            with suppress(ProcessLookupError):
                os.kill(child.process, signal.SIGKILL)


def live(parent: int, *files: int) -> None:
    """A child's life: hear the query, give everything up, answer, end."""
    code = 1
    try:
        die_with_parent(parent)
        spec_file, out_file, word_file, *lines = _alone_with(files)
        with os.fdopen(spec_file, "rb") as file:
            spec = Spec.from_json(file.read())
        with os.fdopen(word_file, "w") as word, os.fdopen(out_file, "wb") as out:  # rows first
            word.write(json.dumps(_answer(spec, out, Lines(lines))))
        code = 0
    finally:
        os._exit(code)


def _alone_with(files: tuple[int, ...]) -> range:
    """The new numbers of these files; all others are closed, but what leads nowhere (0, 1, 2)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a crash may tell of the query
    high = [os.dup2(file, 100 + place) for place, file in enumerate(files)]
    for place, file in enumerate(high):
        os.dup2(file, 3 + place)
    os.closerange(3 + len(files), os.sysconf("SC_OPEN_MAX"))
    return range(3, 3 + len(files))


def _answer(spec: Spec, out: BinaryIO, lines: Lines) -> Mapping[str, Any]:
    try:
        confine(spec.files, spec.limits)
        return answer(spec, out, lines)
    except FileNotFoundError:
        why = WHY[GONE]
    except Exception as error:
        why = f"the query could not be run ({type(error).__name__})"
    return {"state": "failed", "message": why, "position": None}


def main() -> None:
    """Serve on the socket whose number is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir("/")
    gc.collect()
    gc.freeze()
    Nursery(socket.socket(fileno=int(sys.argv[1]))).serve()


if __name__ == "__main__":
    main()

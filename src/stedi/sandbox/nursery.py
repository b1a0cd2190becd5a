"""The process that forks one child for each query of the sandbox: `python -I -m …nursery FD`.

It has an empty environment, no secret, and the libraries loaded, so that a child is ready in
milliseconds. Requests come as JSON on a socket of its own: `run` with three open files (the
query's spec, where its rows go, where its last word goes), `stop` to kill one. A child that ends
closes its files; that is how the caller knows. When the socket closes, all ends.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from select import select

from stedi.engines.duckdb.caged import answer
from stedi.sandbox.confine import confine, die_with_parent
from stedi.sandbox.spec import Spec

MESSAGE = 4096
LOOK = 0.05  # seconds between looks for children that have ended


class Nursery:
    """The children at work, by the number of their query."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, int] = {}

    def serve(self) -> None:
        """Until the other side closes the socket."""
        while True:
            readable, _, _ = select([self._control], [], [], LOOK if self._children else None)
            self._reap()
            if readable and not self._hear():
                return self._end()

    def _hear(self) -> bool:
        text, files, _, _ = socket.recv_fds(self._control, MESSAGE, 3)
        if not text:
            return False
        request = json.loads(text)
        if request["do"] == "run":
            self._fork(request["query"], files)
        elif request["query"] in self._children:
            os.kill(self._children[request["query"]], signal.SIGKILL)
        for file in files:
            os.close(file)
        return True

    def _fork(self, query: int, files: list[int]) -> None:
        child = os.fork()
        if child == 0:
            self._control.close()
            live(*files)
        self._children[query] = child

    def _reap(self) -> None:
        for query, child in list(self._children.items()):
            if os.waitpid(child, os.WNOHANG)[0]:
                del self._children[query]

    def _end(self) -> None:
        for child in self._children.values():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def live(spec_file: int, out_file: int, word_file: int) -> None:
    """A child's life: hear the query, give everything up, answer, end."""
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a crash may tell of the query
        die_with_parent()
        with open(spec_file, "rb") as file:
            spec = Spec.from_json(file.read())
        with open(word_file, "w") as word, open(out_file, "wb") as out:  # rows before the word
            confine([file for relation in spec.relations for file in relation.files], spec.limits)
            word.write(json.dumps(answer(spec, out)))
        code = 0
    finally:
        os._exit(code)


def main() -> None:
    """Serve on the socket whose number is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    Nursery(socket.socket(fileno=int(sys.argv[1]))).serve()


if __name__ == "__main__":
    main()

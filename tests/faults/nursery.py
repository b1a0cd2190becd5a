"""A process that has imported everything and forks: a run costs its work, not its start.

`Nursery.call(function, *arguments)` runs a module-level function in a new fork and returns what
it returns. The forks are single-threaded at birth, so they may fork again, be killed, or arm
faults without anybody else noticing.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

EVERY = os.environ.get("STEDI_FAULTS") == "all"  # every fault there is, not a choice of them
KEY = "a key that every lake of these tests shares"
TESTS = Path(__file__).parent.parent


class Nursery:
    """The client: one nursery process for all tests of a session."""

    def __init__(self, preload: Path | None) -> None:
        self._calls = 0
        self._pipe, theirs = Pipe()
        command = [sys.executable, "-m", "faults.nursery", str(theirs.fileno())]
        env = environment() | ({"LD_PRELOAD": str(preload)} if preload else {})
        self._process = subprocess.Popen(command, env=env, pass_fds=[theirs.fileno()])
        theirs.close()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What `function(*arguments)` returns in a fork; AssertionError with its traceback."""
        self._calls += 1
        self._pipe.send((self._calls, function, arguments))
        fine, result = self._answer()
        if not fine:
            raise AssertionError(result)
        return result

    def _answer(self) -> tuple[bool, Any]:
        """The answer to the latest call; those to calls that timed out are dropped."""
        while True:
            number, fine, result = self._pipe.recv()
            if number == self._calls:
                return fine, result

    def close(self) -> None:
        self._pipe.close()
        self._process.wait()


def environment() -> dict[str, str]:
    """The environment of every process under test."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STEDI_", "FAULTS_"))}
    path = os.pathsep.join(filter(None, [str(TESTS), kept.get("PYTHONPATH", "")]))
    return kept | {"STEDI_PSEUDONYM_KEY": KEY, "PYTHONPATH": path}


def fork(work: Callable[[], object]) -> int:
    """Start `work` in a fork; its process id. It exits 0 if `work` returns, 1 if it raises."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(child: int) -> int:
    """The exit code of a fork, minus the signal if it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def result_of(work: Callable[[], object]) -> Any:
    """What `work` returns in a fork of its own; AssertionError with its traceback."""
    readable, writable = os.pipe()
    child = fork(lambda: _answer(work, writable))
    os.close(writable)
    with os.fdopen(readable, "rb") as answer:
        data = answer.read()
    wait(child)
    fine, result = pickle.loads(data) if data else (False, "the fork died")
    if not fine:
        raise AssertionError(result)
    return result


def _answer(work: Callable[[], object], writable: int) -> None:
    try:
        answer = (True, work())
    except BaseException:
        answer = (False, traceback.format_exc())
    with os.fdopen(writable, "wb") as out:
        pickle.dump(answer, out)


def _serve(pipe: Connection) -> None:
    while True:
        try:
            number, function, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = (number, True, result_of(partial(function, *arguments)))
        except BaseException:
            answer = (number, False, traceback.format_exc())
        pipe.send(answer)


def _warm() -> None:
    """Import what a run imports and fill its caches, by one run of the first delivery."""
    from pyiceberg.utils.concurrent import ExecutorFactory

    import stedi.cli.app  # noqa: F401
    from faults.feeds import deliver
    from faults.shop import Shop, look, run

    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder))
        deliver(shop.landing, 0)
        run(shop)
        look(shop.lake)
    ExecutorFactory.get_or_create().shutdown()
    ExecutorFactory._instance = None


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _warm()
    gc.freeze()
    _serve(Connection(int(sys.argv[1])))
    os._exit(0)

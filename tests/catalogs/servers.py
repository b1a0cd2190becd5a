"""Real catalogs on 127.0.0.1, ended with the test that started them.

`make catalogs` installs them: the REST catalog of Iceberg's own tests, and an emulator of AWS
whose Glue insists on version ids as AWS's does.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REST_JARS = Path(sys.prefix) / "rest-catalog"
GLUE = Path(sys.prefix + "-glue") / "bin" / "ministack"
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # it ends before more would pay
TOKEN = "client-credentials-token:sub=lake"  # what it gives a client named lake
AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def rest_catalog(database: Path) -> Iterator[list[str]]:
    """A REST catalog whose rows are in a SQLite file; its address, and one that wants TOKEN."""
    if not any(REST_JARS.glob("iceberg-core-*-tests.jar")):
        pytest.skip("no REST catalog server: `make catalogs` installs it")
    command = ["java", *QUICK, "-cp", f"{REST_JARS}/*", str(HERE / "RestCatalog.java")]
    with subprocess.Popen(
        [*command, str(database), TOKEN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = process.stdout.readline().split()
        assert ports, "the REST catalog did not start"
        try:
            yield [f"http://127.0.0.1:{port}" for port in ports]
        finally:
            process.stdin.close()
            process.wait(20)


@contextmanager
def glue_catalog(folder: Path) -> Iterator[str]:
    """An empty Glue Data Catalog; its endpoint."""
    pytest.importorskip("boto3", reason="no boto3: it comes with stedi-lakehouse[aws]")
    if not GLUE.exists():
        pytest.skip("no Glue Data Catalog server: `make catalogs` installs it")
    port = free_port()
    with subprocess.Popen(
        [str(GLUE)],
        cwd=folder,
        env=_environment({"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if "PROXY" not in key.upper()} | more


def free_port() -> int:
    """A port that nothing listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/_ministack/health")
                connection.getresponse().read()
                return
        except OSError:
            assert time.monotonic() < deadline, "the Glue Data Catalog did not start"
            time.sleep(0.1)

"""An S3 server on 127.0.0.1, its objects in a folder, ended with the test that started it.

`make catalogs` installs it: SeaweedFS, master, volumes, filer and S3 in one process.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import lru_cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

WEED = Path(sys.prefix + "-glue") / "bin" / "weed"
REGION = "us-east-1"
OWNER = ("owner-key", "owner-secret")  # may do everything
READER = ("reader-key", "reader-secret")  # may read and list every bucket
PORTS = [
    f"{part}.port{kind}"
    for part in ("master", "volume", "filer", "s3", "admin")
    for kind in ("", ".grpc")
] + ["s3.port.iceberg"]
OPTIONS = {
    "ip": "127.0.0.1",
    "ip.bind": "127.0.0.1",
    "master.telemetry": "false",
    "master.electionTimeout": "1s",
    "master.resumeState": "false",  # else it waits for 15 s once it was killed
    "webdav": "false",
    "admin.ui": "false",
    "s3.port.lance": "0",
    "s3.autoCreateBucket": "false",  # AWS makes no bucket by itself
    "s3.allowDeleteBucketNotEmpty": "false",
    "volume.max": "5000",  # each bucket takes one
    "volume.preStopSeconds": "0",
}


class S3Server:
    """SeaweedFS in a folder: killed and started again, it has the same objects and addresses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (folder / "users.json").write_text(json.dumps(_users()))

    @property
    def port(self) -> int:
        """The port of S3."""
        return self.ports["s3.port"]

    @property
    def endpoint(self) -> str:
        """The address of S3."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def catalog(self) -> str:
        """The address of its Iceberg REST catalog, which knows table buckets only."""
        return f"http://127.0.0.1:{self.ports['s3.port.iceberg']}"

    def start(self) -> None:
        """Start it and wait until it answers; a RuntimeError with its last words if it does not."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), cwd=self.folder, env=_environment(), stdout=log, stderr=log
            )
        deadline = time.monotonic() + 30
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError("SeaweedFS did not start:\n" + self._last_words())
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in order; nothing if it does not run."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._ended()

    def kill(self) -> None:
        """End it at once, as a power cut would; nothing if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._ended()

    def restart(self) -> None:
        """Start it on the folder and ports it had, after `kill` or `stop`, or while it runs."""
        self.stop()
        self.start()

    def listens_on(self) -> set[str]:
        """The addresses on which it takes connections; Linux only."""
        assert self._process is not None
        sockets = Path(f"/proc/{self._process.pid}/fd").iterdir()
        owned = {link.readlink().name for link in sockets if link.is_symlink()}
        return {where for inode, where in _listening() if f"socket:[{inode}]" in owned}

    def _ended(self) -> None:
        assert self._process is not None
        self._process.wait(20)
        self._process = None
        for port in self.ports.values():  # sockets it leaves where no option leads
            for left in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
                left.unlink(missing_ok=True)

    def _command(self) -> list[str]:
        options = OPTIONS | {
            "dir": f"{self.folder / 'data'}",
            "s3.config": f"{self.folder / 'users.json'}",
            "filer.localSocket": f"{self.folder / 'filer.sock'}",
            "s3.localSocket": f"{self.folder / 's3.sock'}",
        }
        ports = {name: str(port) for name, port in self.ports.items()}
        return [str(WEED), "mini", *(f"-{key}={value}" for key, value in (options | ports).items())]

    def _answers(self) -> bool:
        """Whether S3 has its users, so that it refuses who does not sign, and room to write."""
        asked = ((self.port, "/"), (self.ports["master.port"], "/dir/assign"))
        return [_status(port, path) for port, path in asked] == [403, 200]

    def _last_words(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-2000:]


def need_server() -> None:
    """Skip the test if the server is not installed; where CI runs it must be."""
    if not WEED.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "no S3 server: `make catalogs` installs it"
        )


def free_ports(count: int) -> list[int]:
    """Different ports that nothing listens on."""
    with ExitStack() as stack:
        probes = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _status(port: int, path: str) -> int | None:
    """With what a server on this port answers; None if there is none."""
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=0.5)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status
    except (OSError, HTTPException):
        return None


def _listening() -> Iterator[tuple[str, str]]:
    """Inode and address of each socket on which this machine takes TCP connections."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = row.split()[:10]
            if state == "0A":
                packed = bytes.fromhex(local.split(":")[0])
                kind = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
                yield inode, socket.inet_ntop(kind, packed[::-1])


def _users() -> dict[str, object]:
    def user(name: str, keys: tuple[str, str], actions: list[str]) -> dict[str, object]:
        credentials = [{"accessKey": keys[0], "secretKey": keys[1]}]
        return {"name": name, "credentials": credentials, "actions": actions}

    everything = ["Admin", "Read", "List", "Tagging", "Write"]
    return {
        "identities": [
            user("owner", OWNER, everything),
            user("reader", READER, ["Read", "List"]),
        ]
    }


def _environment() -> dict[str, str]:
    left_out = ("AWS_", "S3_", "WEED_")
    return {
        key: value
        for key, value in os.environ.items()
        if "PROXY" not in key.upper() and not key.startswith(left_out)
    }


def client(endpoint: str, keys: tuple[str, str] = OWNER, **settings: Any) -> Any:
    """A boto3 client of S3 there, that tries once, unless settings (botocore's) say otherwise.

    One that has no settings is made once a process: that takes longer than what it is asked.
    """
    made = _client if settings else _usual_client
    return made(endpoint, keys, **settings)


def _client(endpoint: str, keys: tuple[str, str], **settings: Any) -> Any:
    import boto3
    from botocore.config import Config

    once = {"retries": {"mode": "standard", "total_max_attempts": 1}}
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        config=Config(**(once | settings)),
    )


_usual_client = lru_cache(maxsize=16)(_client)

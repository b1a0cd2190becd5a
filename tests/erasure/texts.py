"""Text, and what text is wrapped in, that holds an identifier."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import zstandard

Plant = Callable[[Path, str], Path]


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(one):04x}" for one in text)


def _linked(folder: Path, text: str) -> Path:
    path = folder / "link"
    path.symlink_to(folder / text)
    return path


TEXTS: dict[str, Plant] = {
    "json": lambda f, t: write(f, "a.json", json.dumps({"user": t}).encode()),
    "json escapes": lambda f, t: write(f, "a.json", f'{{"u":"{escaped(t)}"}}'.encode()),
    "json in json": lambda f, t: write(f, "a.json", json.dumps(f'{{"u":"{escaped(t)}"}}').encode()),
    "upper case": lambda f, t: write(f, "a.json", f"'{t.upper()}'".encode()),
    "after an escaped newline": lambda f, t: write(f, "a.json", f'"a\\n{t}\\n"'.encode()),
    "after an odd byte": lambda f, t: write(f, "a.json", b"\xff" + t.encode()),
    "after an odd byte in quarantine": lambda f, t: write(f, "a.txt", f"\\xff{t}\\xff".encode()),
    "percent": lambda f, t: write(f, "a.log", f"GET /?q={quote(t, safe='')}&b=1".encode()),
    "percent, all": lambda f, t: write(
        f, "a.log", ("/" + "".join(f"%{b:02X}" for b in t.encode()) + "/").encode()
    ),
    "sql": lambda f, t: write(f, "a.sql", "x = '{}'".format(t.replace("'", "''")).encode()),
    "log": lambda f, t: write(f, "run.log", f"12:00 could not read ({t}).\n".encode()),
    "utf-16": lambda f, t: write(f, "a.txt", f"to {t}!".encode("utf-16")),
    "utf-16, big": lambda f, t: write(f, "a.txt", f"to {t}!".encode("utf-16-be")),
    "hidden": lambda f, t: write(f, ".a", t.encode()),
    "nested folder": lambda f, t: write(f, "a/.b/c/d", t.encode()),
    "binary": lambda f, t: write(f, "core", bytes(range(256)) + t.encode() + bytes(range(256))),
    "gzip": lambda f, t: write(f, "a.gz", gzip.compress(t.encode())),
    "second gzip member": lambda f, t: write(
        f, "a.gz", gzip.compress(b"x") + gzip.compress(t.encode())
    ),
    "metadata": lambda f, t: write(f, "v1.gz.metadata.json", gzip.compress(t.encode())),
    "zstd": lambda f, t: write(f, "a.zst", zstandard.compress(t.encode())),
    "gzip in zstd": lambda f, t: write(f, "a.zst", zstandard.compress(gzip.compress(t.encode()))),
    "bzip2": lambda f, t: write(f, "a.bz2", bz2.compress(t.encode())),
    "xz": lambda f, t: write(f, "a.xz", lzma.compress(t.encode())),
    "file name": lambda f, t: write(f, f"of {t}.json", b""),
    "file name, no suffix": lambda f, t: write(f, t, b""),
    "file name, own suffix": lambda f, t: write(f, f"{t}.part1", b""),
    "file name, percent": lambda f, t: write(f, f"user={quote(t, safe='')}", b""),
    "path in a text": lambda f, t: write(f, "a.json", f'"/in/{t}.json.gz"'.encode()),
    "folder name": lambda f, t: write(f, f"{t}/a", b""),
    "link": _linked,
}

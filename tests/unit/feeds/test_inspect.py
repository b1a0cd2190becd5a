"""The first look at a file: what must not pass as clean, and what may."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from helpers import FEEDS, line
from stedi.errors import StorageError
from stedi.feeds.inspect import Inspected, inspect
from stedi.feeds.raw import RawFile

ONE = line("accelerometer")


def look(folder: Path, content: bytes, feed: str = "accelerometer", name: str = "f.json"):
    (folder / name).write_bytes(content)
    return inspect(RawFile(str(folder / name), len(content), 0), FEEDS[feed])


def test_a_file_that_vanished_is_a_storage_error(tmp_path: Path):
    with pytest.raises(StorageError, match=r"gone\.json: the file has vanished"):
        inspect(RawFile(str(tmp_path / "gone.json"), 0, 0), FEEDS["customer"])


SUSPICIOUS = {
    "an unannounced field": line("accelerometer", note="a"),
    "an unannounced number": line("accelerometer", n=1),
    "a field left out": line("accelerometer", "x"),
    "a number in quotation marks": line("accelerometer", x="1"),
    "a literal": line("accelerometer", x=True),
    "the other literal": line("accelerometer", x=False),
    "a comma in a text": line("accelerometer", user="a,b@test.com"),
    "a quotation mark in a text": line("accelerometer", user='a"b@test.com'),
    "a comma too many": ONE.replace(b"}", b",}"),
    "a repeated name": ONE.replace(b"{", b'{"x":1.0,'),
    "a blank line": ONE + b"\n",
}


@pytest.mark.parametrize("content", SUSPICIOUS.values(), ids=SUSPICIOUS)
def test_a_line_with_something_else_in_it_is_not_clean(tmp_path: Path, content: bytes):
    assert not look(tmp_path, b"\n".join([ONE, content, ONE, b""])).clean


@pytest.mark.parametrize("at", range((1 << 20) - 6, (1 << 20) + 3))
def test_a_literal_across_two_blocks_is_seen(tmp_path: Path, at: int):
    text = b" " * at + b"false" + b" " * 100
    looked = look(tmp_path, text + b'"' * 12 + b"," * 4)
    assert (looked.lines, looked.clean) == (1, False)


def test_the_customer_feed_is_never_clean_because_fields_may_be_absent(tmp_path: Path):
    assert not look(tmp_path, line("customer") + b"\n", "customer").clean


@pytest.mark.parametrize("cut", [12, -1])
def test_a_damaged_file_is_not_clean(tmp_path: Path, cut: int):
    assert not look(tmp_path, gzip.compress(ONE)[:cut], name="f.json.gz").clean


@pytest.mark.parametrize("feed", ["accelerometer", "step_trainer"])
@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_announced_fields_is_clean(tmp_path: Path, feed: str, end: bytes, packed: bool):
    text = b"\n".join([line(feed)] * 3) + end
    stored, name = (gzip.compress(text), "f.json.gz") if packed else (text, "f.json")
    looked = look(tmp_path, stored, feed, name)
    assert (looked.lines, looked.clean) == (3, True)
    assert looked.checksum == hashlib.sha256(stored).hexdigest()


def test_an_empty_file_is_clean_and_has_no_line(tmp_path: Path):
    looked: Inspected = look(tmp_path, b"")
    assert (looked.lines, looked.clean) == (0, True)

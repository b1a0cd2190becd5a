"""Delivered files as numbered lines: damaged ones first, then every way a file may be packed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from stedi.feeds import raw
from stedi.feeds.raw import Damaged, blocks, read_lines

Found = tuple[list[tuple[int, bytes]], list[tuple[int, bytes, str]]]
TEXT = b"one\ntwo\nthree\n"
MANY = b"".join(b"line %d\n" % number for number in range(200_000))


def found(path: Path, size: int = 1 << 25) -> Found:
    """Numbered lines, and what is no line with the reason."""
    parts = list(read_lines(str(path), size))
    lines = [pair for p in parts if not p.flaw for pair in zip(p.numbers, p.lines, strict=True)]
    flaws = [(p.numbers[0], p.lines[0], p.flaw) for p in parts if p.flaw]
    return lines, flaws


def stored(folder: Path, content: bytes, name: str = "f.json") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def zst(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "f.json": bytes,
    "f.json.gz": gzip.compress,
    "f.json.zst": zst,
}
DAMAGED = {
    "no gzip at all": ("f.gz", TEXT),
    "a web page instead of gzip": ("f.gz", b"<html>404</html>"),
    "zstandard under a gzip name": ("f.gz", zst(TEXT)),
    "no zstandard at all": ("f.zst", TEXT),
    "gzip under a zstandard name": ("f.zst", gzip.compress(TEXT)),
    "a gzip header alone": ("f.gz", gzip.compress(TEXT)[:10]),
    "a byte of gzip": ("f.gz", b"\x1f"),
    "half a gzip": ("f.gz", gzip.compress(MANY)[:200_000]),
    "gzip without its checksum": ("f.gz", gzip.compress(TEXT)[:-8]),
    "gzip without its last byte": ("f.gz", gzip.compress(TEXT)[:-1]),
    "half a zstandard": ("f.zst", zst(MANY)[:-1000]),
    "gzip with a flipped checksum": ("f.gz", gzip.compress(TEXT)[:-8] + b"\0" * 8),
    "a second gzip that is cut": ("f.gz", gzip.compress(TEXT) + gzip.compress(TEXT)[:12]),
    "rubbish after gzip": ("f.gz", gzip.compress(TEXT) + b"rubbish"),
}


@pytest.mark.parametrize(("name", "content"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_data_is_a_flaw_after_the_lines_that_can_be_read(
    tmp_path: Path, name: str, content: bytes
):
    path = stored(tmp_path, content, name)
    lines, flaws = found(path)
    with pytest.raises(Damaged, match="the compressed data"):
        list(blocks(str(path)))
    assert flaws[0][2].startswith("the compressed data ")
    assert len(flaws) == 1
    assert flaws[0][0] == len(lines) + 1
    assert [line for _, line in lines] in (
        MANY.split(b"\n")[: len(lines)],
        TEXT.split(b"\n")[: len(lines)],
    )


@pytest.mark.parametrize("size", [1, 7, 1 << 25])
@pytest.mark.parametrize("name", ["f.gz", "f.zst"])
def test_what_cut_data_still_holds_is_kept(tmp_path: Path, name: str, size: int):
    pack = PACKED[f"f.json.{name[2:]}"]
    cut = pack(TEXT) + pack(b"four\nfive\nsix and" + bytes(range(256)) * 40)[:-100]
    lines, flaws = found(stored(tmp_path, cut, name), size)
    assert lines[:3] == [(1, b"one"), (2, b"two"), (3, b"three")]
    assert [number for number, *_ in flaws] == [len(lines) + 1]


@pytest.mark.parametrize("name", PACKED)
def test_an_empty_file_has_no_line(tmp_path: Path, name: str):
    assert found(stored(tmp_path, PACKED[name](b""), name)) == ([], [])


@pytest.mark.parametrize("name", ["f.json", "f.json.gz", "f.json.zst"])
def test_a_file_of_no_bytes_has_no_line(tmp_path: Path, name: str):
    assert found(stored(tmp_path, b"", name)) == ([], [])


CONTENTS = {
    "plain": (TEXT, [(1, b"one"), (2, b"two"), (3, b"three")]),
    "no final newline": (b"one\ntwo", [(1, b"one"), (2, b"two")]),
    "CRLF": (b"one\r\ntwo\r\n", [(1, b"one\r"), (2, b"two\r")]),
    "a byte order mark": (b"\xef\xbb\xbfone\ntwo\n", [(1, b"one"), (2, b"two")]),
    "a second byte order mark": (b"a\n\xef\xbb\xbfb\n", [(1, b"a"), (2, b"\xef\xbb\xbfb")]),
    "nothing but a byte order mark": (b"\xef\xbb\xbf", []),
    "blank lines": (b"\n\none\n \n\t\r\n\ntwo\n\n", [(3, b"one"), (7, b"two")]),
    "blank lines alone": (b"\n\n \n", []),
    "a blank line behind a mark": (b"\xef\xbb\xbf\none\n", [(2, b"one")]),
    "a lone carriage return ends no line": (b"one\rtwo\n", [(1, b"one\rtwo")]),
    "other line ends of Unicode": ("a\u2028b\x85\n".encode(), [(1, "a\u2028b\x85".encode())]),
    "NUL": (b"\0\na\0b\n", [(1, b"\0"), (2, b"a\0b")]),
}


@pytest.mark.parametrize("size", [1, 3, 1 << 25])
@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize(("content", "lines"), CONTENTS.values(), ids=CONTENTS)
def test_lines_keep_their_numbers_however_the_file_is_packed(
    tmp_path: Path, content: bytes, lines: list, packed: str, size: int
):
    stripped = [(number, line.rstrip(b"\r")) for number, line in lines]
    kept, flaws = found(stored(tmp_path, PACKED[packed](content), packed), size)
    assert ([(number, line.rstrip(b"\r")) for number, line in kept], flaws) == (stripped, [])


@pytest.mark.parametrize("name", ["f.json.gz", "f.json.zst"])
def test_members_one_after_the_other_are_one_file(tmp_path: Path, name: str):
    members = [b"one\ntw", b"", b"o\nthree", b"\n"]
    path = stored(tmp_path, b"".join(map(PACKED[name], members)), name)
    assert found(path) == ([(1, b"one"), (2, b"two"), (3, b"three")], [])


@pytest.mark.parametrize("name", PACKED)
def test_lines_of_a_megabyte_are_lines(tmp_path: Path, name: str):
    long = b"x" * (1 << 20)
    path = stored(tmp_path, PACKED[name](b"a\n" + long + b"\n" + long + b"\nb"), name)
    assert found(path, 1 << 18) == ([(1, b"a"), (2, long), (3, long), (4, b"b")], [])


@pytest.mark.parametrize("size", [1 << 16, 1 << 20, 1 << 25])
def test_a_line_over_the_limit_is_one_flaw_and_the_next_lines_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
):
    monkeypatch.setattr(raw, "LONGEST_LINE", 2 << 20)
    path = stored(tmp_path, b"a\n" + b"x" * (5 << 20) + b"\nb\nc")
    lines, flaws = found(path, size)
    assert lines == [(1, b"a"), *[(3, b"b"), (4, b"c")]]
    assert [(number, flaw) for number, _, flaw in flaws] == [(2, "line longer than 2 MiB")]


@pytest.mark.parametrize("size", [1 << 16, 1 << 25])
def test_a_last_line_over_the_limit_is_a_flaw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
):
    monkeypatch.setattr(raw, "LONGEST_LINE", 2 << 20)
    lines, flaws = found(stored(tmp_path, b"a\n" + b"x" * (5 << 20)), size)
    assert lines == [(1, b"a")]
    assert [(number, flaw) for number, _, flaw in flaws] == [(2, "line longer than 2 MiB")]


def test_batches_hold_all_lines_in_order(tmp_path: Path):
    path = stored(tmp_path, MANY)
    assert found(path, 1000)[0] == found(path)[0]
    assert found(path)[0][-1] == (200_000, b"line 199999")

"""Delivered files without a person's lines: compared with a line-by-line oracle."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stedi.erasure import hits, raw
from stedi.erasure.needles import Needle, Needles
from stedi.erasure.pool import each
from stedi.errors import StorageError, UsageError
from stedi.feeds.raw import read_lines

SERIAL = "2f7b0a4e-31c2-4c5c-9d3e-0a1b2c3d4e5f"
THEM = Needles([Needle("email", "Ann@x.com"), Needle("serial", SERIAL)])
NAMED = Needles(
    [Needle("email", "ann@x.com"), Needle("name", "Änn Lee"), Needle("phone", "801555")]
)
THEIRS = [
    b'{"user":"ann@x.com","x":1}',
    b'{"user":"ANN@X.COM","x":1}',
    b'{"user":"\\u0061nn\\u0040x.com"}',
    b'{"user":"ann%40x.com"}',
    b'{"deep":"{\\"user\\":\\"\\\\u0061nn@x.com\\"}"}',
    b'{"serialNumber":"2F7B0A4E-31C2-4C5C-9D3E-0A1B2C3D4E5F"}',
    b'{"serialNumber":"2f7b0a4e31c24c5c9d3e0a1b2c3d4e5f"}',
    b"ann@x.com",
    b'{"user":"ann@x.com","bad":"\xff\xfe',
    b"\xe9\\nann@x.com",
]
OTHERS = [
    b'{"user":"joann@x.com","x":1}',
    b'{"user":"ann@x.com.au","x":1}',
    b'{"user":"o\'ann@x.com"}',
    b'{"user":"ann@x.commerce"}',
    b'{"user":"\\u006aann@x.com"}',
    b'{"user":"bob@x.com","bad":"\xff\xc3"}',
    b'{"serialNumber":"12f7b0a4e-31c2-4c5c-9d3e-0a1b2c3d4e5f"}',
    b"",
    b"  ",
    b"\xef\xbb\xbf",
    b"100% \\ \xc3\xa9",
]
ENDS = [b"\n", b"\r\n"]
PACK = {
    ".json": bytes,
    ".json.gz": lambda data: gzip.compress(data, mtime=0),
    ".JSON.zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


def unpack(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    return zstandard.decompress(data) if path.suffix == ".zst" else data


def parts() -> st.SearchStrategy[list[tuple[bytes, bool]]]:
    """Lines with their ends, and whether each is the person's."""
    mine, other = st.sampled_from(THEIRS), st.sampled_from(OTHERS)
    kinds = st.one_of(mine.map(lambda t: (t, True)), other.map(lambda t: (t, False)))
    ended = st.tuples(kinds, st.sampled_from(ENDS)).map(lambda p: (p[0][0] + p[1], p[0][1]))
    return st.lists(ended, max_size=12)


@settings(max_examples=120)
@given(
    lines=parts(),
    mark=st.booleans(),
    whole=st.booleans(),
    suffix=st.sampled_from(sorted(PACK)),
    block=st.sampled_from([1, 7, 40, 200, 1 << 20]),
)
def test_exactly_the_persons_lines_are_gone(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[tuple[bytes, bool]],
    mark: bool,
    whole: bool,
    suffix: str,
    block: int,
) -> None:
    bom = b"\xef\xbb\xbf" if mark else b""
    if lines and not whole:
        lines[-1] = (lines[-1][0].removesuffix(b"\n"), lines[-1][1])
    before = bom + b"".join(text for text, _ in lines)
    after = bom + b"".join(text for text, theirs in lines if not theirs)
    path = tmp_path_factory.mktemp("raw") / f"f{suffix}"
    path.write_bytes(PACK[suffix](before))
    stored = path.read_bytes()

    found = raw.hits(path, THEM, block)
    done = raw.rewrite_without(path, THEM, block=block)

    gone = [text for text, theirs in lines if theirs]
    assert (found.removed, found.removed_bytes) == (len(gone), sum(map(len, gone)))
    assert (found.lines, found.bytes) == (_filled(before), len(before))
    assert unpack(path) == after
    assert list(path.parent.iterdir()) == [path]
    if not gone:
        assert done is None
        assert path.read_bytes() == stored
        return
    assert done is not None
    assert (done.lines_before, done.lines_removed) == (found.lines, len(gone))
    assert done.lines_left == _filled(after) == _delivered(path)
    assert (done.bytes_before, done.bytes_after) == (len(before), len(after))
    assert done.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (done.size, done.modified) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert raw.rewrite_without(path, THEM) is None


def _filled(text: bytes) -> int:
    return sum(bool(one.strip()) for one in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"))


def _delivered(path: Path) -> int:
    """The lines that the ledger counts."""
    return sum(len(batch.lines) for batch in read_lines(str(path)))


def test_name_and_phone_take_customer_lines_whatever_their_case_and_escapes(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    keep = [
        json.dumps({"customerName": n}).encode() for n in ("Änn Leeson", "Joänn Lee", "Ann Lee")
    ]
    keep.append(b'{"customerName":"Jo-\xc3\xa4nn Lee","phone":"98015551"}')
    theirs = [
        '{"customerName":"ÄNN LEE"}'.encode(),
        b'{"customerName":"\\u00e4nn lee"}',
        '{"customerName":"A\u0308nn Lee"}'.encode(),
        b'{"customerName":"\xc4nn Lee"}',
        b'{"phone":"801555"}',
        b'{"phone":801555}',
    ]
    path.write_bytes(b"\n".join([*theirs, *keep, *theirs]))

    raw.rewrite_without(path, NAMED)

    assert path.read_bytes() == b"\n".join(keep) + b"\n"


def test_many_lines_of_many_people_in_large_blocks(tmp_path: Path) -> None:
    people = [f"person{n}@example.com" for n in range(3000)]
    gone = set(people[::30])
    lines = [
        b'{"user":"%b","x":%d}\n' % (people[(n * 7919) % 3000].encode(), n) for n in range(30_000)
    ]
    path = tmp_path / "a.json"
    path.write_bytes(b"".join(lines))

    raw.rewrite_without(path, Needles(Needle("email", one) for one in gone), block=1 << 17)

    kept = [one for one in lines if json.loads(one)["user"] not in gone]
    assert len(kept) == 29_000
    assert path.read_bytes() == b"".join(kept)


def test_a_line_longer_than_blocks_goes_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a":1}\n' + b"x" * 100_000 + b'"ann@x.com"' + b"y" * 100_000 + b"\nz\n")

    raw.rewrite_without(path, THEM, block=1 << 10)

    assert path.read_bytes() == b'{"a":1}\nz\n'


def test_mode_times_and_owner_stay(tmp_path: Path) -> None:
    path = _delivery(tmp_path)
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 1234)
    os.utime(path, ns=(10**18, 10**18 + 7))
    before = path.stat()

    raw.rewrite_without(path, THEM)

    after = path.stat()
    assert after.st_size < before.st_size
    for field in ("st_mode", "st_uid", "st_gid", "st_mtime_ns"):
        assert getattr(after, field) == getattr(before, field)


def _delivery(folder: Path, name: str = "a.json") -> Path:
    path = folder / name
    path.write_bytes(b'{"user":"ann@x.com"}\n{"user":"bob@x.com"}\n')
    return path


def test_a_link_stays_a_link_and_its_target_is_rewritten(tmp_path: Path) -> None:
    target = _delivery(tmp_path, "target.json")
    link = tmp_path / "link.json"
    link.symlink_to(target)

    raw.rewrite_without(link, THEM)

    assert link.is_symlink()
    assert b"ann" not in target.read_bytes()


@pytest.mark.parametrize("theirs", [True, False])
def test_what_a_killed_run_left_is_removed(tmp_path: Path, theirs: bool) -> None:
    path = _delivery(tmp_path)
    if not theirs:
        path.write_bytes(b'{"user":"bob@x.com"}\n')
    raw.draft_of(path).write_bytes(b"half of a fi")

    raw.rewrite_without(path, THEM)

    assert path.read_bytes() == b'{"user":"bob@x.com"}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _delivery(tmp_path)
    before = path.read_bytes()

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match="free some space"):
        raw.rewrite_without(path, THEM)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_grows_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = _delivery(tmp_path)
    found = raw.hits(path, THEM)
    with path.open("ab") as file:
        file.write(b'{"user":"late@x.com"}\n')
    before = path.read_bytes()

    with pytest.raises(StorageError, match="run again"):
        raw.rewrite_without(path, THEM, found)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_lost_bytes_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _delivery(tmp_path)
    before = path.read_bytes()
    monkeypatch.setattr(hits, "without", lambda data, spans: b"")

    with pytest.raises(StorageError, match="0 bytes were kept instead of 21"):
        raw.rewrite_without(path, THEM)

    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".json.gz", ".json.zst"])
@pytest.mark.parametrize("harm", [lambda d: d[:-5], lambda d: d + b"garbage", lambda d: b"no"])
def test_damaged_files_are_refused_by_name(tmp_path: Path, suffix: str, harm: object) -> None:
    pack = gzip.compress if suffix.endswith("gz") else zstandard.ZstdCompressor().compress
    path = tmp_path / f"a{suffix}"
    path.write_bytes(harm(pack(b'{"user":"ann@x.com"}\n')))  # type: ignore[operator]

    with pytest.raises(StorageError, match=rf"a{suffix}.*deliver it again whole"):
        raw.rewrite_without(path, THEM)


def test_a_vanished_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone\.json"):
        raw.hits(tmp_path / "gone.json", THEM)


@pytest.mark.parametrize("needles", [[], [Needle("email", " ")]])
def test_nothing_to_look_for_is_refused(needles: list[Needle]) -> None:
    with pytest.raises(UsageError, match="name a person"):
        Needles(needles)


def test_a_needle_never_shows_its_value() -> None:
    assert "ann" not in repr(Needle("email", "ann@x.com"))


def test_many_files_at_once_keep_their_order_and_report_the_first_error(tmp_path: Path) -> None:
    paths = [_delivery(tmp_path, f"{n}.json") for n in range(9)]
    for n, path in enumerate(paths):
        path.write_bytes(path.read_bytes() * (n + 1))

    done = each(lambda path: raw.rewrite_without(path, THEM), paths, threads=3)

    assert [one.lines_removed for one in done if one] == list(range(1, 10))
    with pytest.raises(StorageError, match="gone"):
        each(lambda path: raw.hits(path, THEM), [*paths, tmp_path / "gone"], threads=2)


# ---------------------------------------------------------------- what cannot be replaced


def test_files_that_can_be_replaced_are_not_named(tmp_path: Path) -> None:
    path = _delivery(tmp_path)
    path.chmod(0o400)

    assert raw.unwritable([path]) == {}
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_with_a_second_name_is_named(tmp_path: Path) -> None:
    path = _delivery(tmp_path)
    (tmp_path / "again.json").hardlink_to(path)

    assert "hard link" in raw.unwritable([path])[path]


def test_a_vanished_file_cannot_be_replaced(tmp_path: Path) -> None:
    assert list(raw.unwritable([tmp_path / "gone"])) == [tmp_path / "gone"]


def test_a_read_only_file_system_is_named(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a tmpfs cannot be mounted")
    try:
        path, free = _delivery(mount), _delivery(tmp_path)
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)

        refused = raw.unwritable([path, free])

        assert list(refused) == [path]
        assert "read-only" in refused[path]
        with pytest.raises(StorageError, match="read-only"):
            raw.rewrite_without(path, THEM)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_an_immutable_file_is_named(tmp_path: Path) -> None:
    path = _delivery(tmp_path)
    marked = subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False)
    if marked.returncode:
        pytest.skip("files cannot be marked immutable here")
    try:
        assert "immutable" in raw.unwritable([path])[path]
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    path = _delivery(tmp_path)
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert "permission" in raw.unwritable([path])[path]
    finally:
        tmp_path.chmod(stat.S_IRWXU)

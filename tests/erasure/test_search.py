"""The proof must fail when a copy of an identifier is planted anywhere."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pytest

from erasure.avros import AVRO
from erasure.databases import SQLITE
from erasure.parquets import PARQUET, parquet
from erasure.texts import TEXTS, Plant, escaped, write
from stedi.erasure.look import Look
from stedi.erasure.needles import Needle, Needles
from stedi.erasure.search import Finding, search
from stedi.errors import StorageError

EMAIL, NAME, PHONE = "ann.o'lee@x.com", "Ann Lee", "8015551212"
SERIAL = "2f7b0a4e-31c2-4c5c-9d3e-0a1b2c3d4e5f"
NEEDLES = Needles(
    [
        Needle("email", EMAIL),
        Needle("name", NAME),
        Needle("phone", PHONE),
        Needle("serial", SERIAL),
    ]
)
NEAR_MISSES = [
    "joann.o'lee@x.com",
    "mary-ann.o'lee@x.com",
    "ann.o'lee@x.com.au",
    "ann.o'lee@x.comet",
    "Joann Leeson",
    "Ann Lee-Smith",
    "Jo-Ann Lee",
    "18015551212",
    "80155512123",
    "1" + SERIAL,
    SERIAL + "0",
    SERIAL.replace("4c5c", "4c5d"),
]


def kinds(root: Path) -> set[str]:
    return {one.kind for one in search(root, NEEDLES).findings}


PLANTS: dict[str, Plant] = TEXTS | PARQUET | AVRO | SQLITE


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "lake").mkdir()
    return tmp_path / "lake"


@pytest.mark.parametrize("where", PLANTS)
def test_a_planted_copy_is_found(lake: Path, where: str) -> None:
    PLANTS[where](lake, EMAIL)

    found = search(lake, NEEDLES).findings

    assert {one.kind for one in found} == {"email"}
    assert EMAIL not in repr(found).lower()


# What is left of a deleted row cannot be told from its neighbours: there, any occurrence counts.
UNEXPLAINED = ["deleted", "dropped", "orphaned", "default of a column"]


def _unexplained(where: str) -> bool:
    return any(one in where for one in UNEXPLAINED)


@pytest.mark.parametrize("where", [one for one in PLANTS if not _unexplained(one)])
def test_near_misses_and_other_people_are_not_found(lake: Path, where: str) -> None:
    for near in ("joann.o'lee@x.com", "ann.o'lee@x.com.au"):
        PLANTS[where](lake, near)

        assert kinds(lake) <= {"link"}
        _clear(lake)


def _clear(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.parametrize(
    "where", ["json", "json escapes", "parquet, zstd, dictionary", "avro, null"]
)
@pytest.mark.parametrize("kind", ["name", "phone", "serial"])
def test_every_kind_is_found(lake: Path, where: str, kind: str) -> None:
    PLANTS[where](lake, {"name": NAME, "phone": PHONE, "serial": SERIAL}[kind])

    assert kinds(lake) == {kind}


@pytest.mark.parametrize("near", NEAR_MISSES)
def test_near_misses_do_not_count(lake: Path, near: str) -> None:
    for where in (
        "json",
        "json escapes",
        "parquet, snappy, plain",
        "sqlite",
        "sqlite, only in the log",
    ):
        PLANTS[where](lake, near)

    assert kinds(lake) == set()


@pytest.mark.parametrize(
    "spelling",
    [
        SERIAL.upper(),
        SERIAL.replace("-", ""),
        "{" + SERIAL + "}",
        UUID(SERIAL).bytes,
        UUID(SERIAL).bytes_le,
    ],
)
def test_a_serial_number_is_found_in_every_form(lake: Path, spelling: str | bytes) -> None:
    data = spelling if isinstance(spelling, bytes) else spelling.encode()
    write(lake, "a", b"x \0" + data + b"\0 y")

    assert kinds(lake) == {"serial"}


def test_a_uuid_column_is_decoded(lake: Path) -> None:
    column = pa.array([UUID(int=5).bytes, UUID(SERIAL).bytes], pa.binary(16))
    parquet(lake, pa.table({"serial": pa.ExtensionArray.from_storage(pa.uuid(), column)}))

    assert kinds(lake) == {"serial"}


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.uint64()])
@pytest.mark.parametrize("statistics", [True, False])
def test_a_telephone_number_in_a_numeric_column_is_found(
    lake: Path, kind: pa.DataType, statistics: bool
) -> None:
    column = pa.array([1, int(PHONE), 10**11, None], kind)
    parquet(lake, pa.table({"n": column}), write_statistics=statistics)

    assert kinds(lake) == {"phone"}


def test_letters_beyond_ascii_are_found_in_either_case_and_form(lake: Path) -> None:
    needles = Needles([Needle("name", "Zoë Ångström"), Needle("email", "kate@x.com")])
    for number, text in enumerate(
        [
            "ZOË ÅNGSTRÖM",
            "zoe\u0308 a\u030angstro\u0308m",
            "Zo\\u00eb \\u00c5ngstr\\u00f6m",
            "\u212aate@x.com",
        ]
    ):
        write(lake, f"{number}.txt", f"<{text}>".encode())
        write(lake, f"{number}.near", f"<é{text}é>".encode())

    found = {one.path for one in search(lake, needles).findings}

    assert found == {str(lake / f"{number}.txt") for number in range(4)}


# ---------------------------------------------------------------- what cannot be read


def _broken(plant: Plant, harm: Callable[[bytes], bytes]) -> Plant:
    def make(folder: Path, text: str) -> Path:
        path = plant(folder, text)
        path.write_bytes(harm(path.read_bytes()))
        return path

    return make


def _corrupt_page(data: bytes) -> bytes:
    return data[:60] + b"\xff" * 40 + data[100:]


BROKEN: dict[str, Plant] = {
    "parquet without its end": _broken(PLANTS["parquet, zstd, plain"], lambda d: d[:-10]),
    "parquet, a few bytes": _broken(PLANTS["parquet, zstd, plain"], lambda d: d[:6]),
    "parquet, damaged page": _broken(PLANTS["parquet, zstd, plain"], _corrupt_page),
    "parquet, a page without a header": _broken(
        PLANTS["parquet, none, plain"], lambda d: d[:4] + bytes(40) + d[44:]
    ),
    "not parquet": lambda f, t: write(f, "a.parquet", b"nothing of the kind"),
    "gzip without its end": _broken(TEXTS["gzip"], lambda d: d[:-3]),
    "gzip, damaged": _broken(TEXTS["gzip"], lambda d: d[:12] + b"\xff\xff" + d[14:]),
    "gzip, garbage after": _broken(TEXTS["gzip"], lambda d: d + b"garbage"),
    "not gzip": lambda f, t: write(f, "a.json.gz", b"{}"),
    "zstd without its end": _broken(TEXTS["zstd"], lambda d: d[:-3]),
    "xz without its end": _broken(TEXTS["xz"], lambda d: d[:-3]),
    "avro without its end": _broken(AVRO["avro, null"], lambda d: d[:-3]),
    "avro, damaged": _broken(AVRO["avro, deflate"], lambda d: d[:-40] + b"\xff" * 20 + d[-20:]),
    "sqlite, damaged": _broken(SQLITE["sqlite"], lambda d: d[:100] + b"\xff" * 2000 + d[2100:]),
    "zip": lambda f, t: write(f, "a.zip", b"PK\x03\x04..."),
    "packed again and again": lambda f, t: write(f, "a.gz", _repacked(b"x", 6)),
    "pipe": lambda f, t: _pipe(f),
}


def _repacked(data: bytes, times: int) -> bytes:
    return data if not times else gzip.compress(_repacked(data, times - 1))


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


@pytest.mark.parametrize("how", BROKEN)
def test_what_cannot_be_decoded_is_a_finding(lake: Path, how: str) -> None:
    path = BROKEN[how](lake, "bob@x.com")

    found = search(lake, NEEDLES).findings

    assert {(one.path, one.kind) for one in found} == {(str(path), "unreadable")}


@pytest.mark.parametrize("how", ["gzip without its end", "sqlite, damaged", "not gzip"])
def test_what_can_be_read_of_it_is_searched(lake: Path, how: str) -> None:
    path = BROKEN[how](lake, EMAIL)
    if how == "not gzip":
        path.write_bytes(EMAIL.encode())

    assert kinds(lake) == {"unreadable", "email"}


def test_a_link_out_of_the_folder_is_reported_and_not_followed(lake: Path) -> None:
    outside = write(lake.parent, "outside/a.json", EMAIL.encode())
    (lake / "file").symlink_to(outside)
    (lake / "folder").symlink_to(outside.parent)

    assert {(Path(one.path).name, one.kind) for one in search(lake, NEEDLES).findings} == {
        ("file", "link"),
        ("folder", "link"),
    }


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="gone"):
        search(tmp_path / "gone", NEEDLES)


# ---------------------------------------------------------------- the whole


def test_the_proof_counts_files_and_bytes_and_skips_what_it_is_told_to(lake: Path) -> None:
    write(lake, "a.txt", b"x" * 1000)
    write(lake, "a.gz", gzip.compress(b"y" * 5000))
    write(lake, "secret/key", EMAIL.encode())

    proof = search(lake, NEEDLES, skip=lambda path: path.name == "secret")

    assert proof.findings == []
    assert proof.files == 2
    assert proof.bytes_stored == 1000 + (lake / "a.gz").stat().st_size
    assert proof.bytes_searched >= 6000


def test_a_finding_names_file_and_place_and_not_the_person(lake: Path) -> None:
    write(lake, "a.txt", f"to {NAME}".encode())
    write(lake, f"{EMAIL}.txt", b"")

    assert search(lake, NEEDLES).findings == [
        Finding(str(lake / "[email].txt"), "file name", "email"),
        Finding(str(lake / "a.txt"), "text from byte 0", "name"),
    ]


@pytest.mark.parametrize("text", [EMAIL, escaped(EMAIL)])
def test_windows_hide_nothing_and_cut_nothing_short(text: str) -> None:
    """An occurrence at every offset around the seam between two windows."""
    window = 1 << 10
    overlap = Look(NEEDLES, window)._overlap
    for at in range(window + overlap - 150, window + overlap + 20):
        for near in (text, f"jo{text}", f"{text}et"):
            look = Look(NEEDLES, window)
            data = b"." * at + f"\n{near}\n".encode() + b"." * (window + overlap)
            look.stream((data[n : n + 300] for n in range(0, len(data), 300)), "text")

            assert bool(look.found) == (near == text)


def test_many_lines_with_escapes_at_the_seams_of_windows() -> None:
    """Ordinary lines between, so that the lines decoded are not the whole window."""
    filler = b"an ordinary line\n" * 40
    for shift in range(0, 2000, 97):
        look = Look(NEEDLES, 1 << 10)
        data = b"x" * shift + b"\n" + filler * 8 + escaped(EMAIL).encode() + b"\n" + filler * 8
        look.stream([data], "text")
        windows = Look(NEEDLES, 1 << 10)
        windows.stream((data[n : n + 64] for n in range(0, len(data), 64)), "text")

        assert look.found
        assert windows.found


def test_a_file_gone_since_it_was_listed_is_no_finding(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader's, such as the catalog's log, which goes with the last connection."""
    (lake / "gone").write_text("nobody")
    real = Path.is_symlink

    def vanish(path: Path) -> bool:
        if path.name == "gone":
            path.unlink(missing_ok=True)
        return real(path)

    monkeypatch.setattr(Path, "is_symlink", vanish)
    assert search(lake, NEEDLES).findings == []
    assert not (lake / "gone").exists()

"""What S3 keeps besides its objects, removed in few requests; the proof, with few as well."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from erasure.parquets import parquet
from erasure.test_search import EMAIL, NEEDLES
from s3.faults import Fault, FaultyProxy, Harm
from stedi.erasure import versions
from stedi.erasure.hits import hits
from stedi.erasure.raw import unwritable
from stedi.erasure.search import search
from stedi.places import S3Path
from stedi.places.aws import answered
from stedi.places.s3 import remove

Asked = Callable[..., list[str]]


@pytest.fixture
def folder(bucket: str, boto: Any) -> S3Path:
    """In a bucket that keeps versions and locks; beside it an object with an older version."""
    name = f"{bucket}-kept"
    boto.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    for _ in range(2):
        (S3Path(name) / "beside/a").write_bytes(b"")
    return S3Path(name, "folder")


@pytest.fixture
def asked(proxy: FaultyProxy) -> Asked:
    """The requests that match, as `method key?query`, in order."""

    def look(like: str = "*") -> list[str]:
        lines = (f"{one.method} {one.key}?{one.query}" for one in proxy.requests)
        return [line for line in lines if fnmatchcase(line, like)]

    return look


def grown(folder: S3Path, names: int = 3, times: int = 8) -> list[S3Path]:
    """Objects written several times; the last one is removed."""
    paths = [folder / f"{number}.json" for number in range(names)]
    for path in paths:
        for _ in range(times):
            path.write_bytes(b"")
    paths[-1].unlink()
    return paths


def kept(boto: Any, folder: S3Path) -> list[str]:
    """What is kept below a folder besides its objects."""
    found = boto.list_object_versions(Bucket=folder.bucket, Prefix=folder.prefix)
    older = [one["Key"] for one in found.get("Versions", []) if not one["IsLatest"]]
    return older + [one["Key"] for one in found.get("DeleteMarkers", [])]


def begun(boto: Any, path: S3Path) -> str:
    upload = boto.create_multipart_upload(Bucket=path.bucket, Key=path.key)
    return str(upload["UploadId"])


def uploads(boto: Any, bucket: str) -> list[str]:
    return [one["Key"] for one in boto.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


# ---------------------------------------------------------------- what cannot be removed


def test_a_version_that_is_held_is_named_and_its_mark_stays(folder: S3Path, boto: Any) -> None:
    paths = grown(folder, 2, 3)
    (held, *_) = boto.list_object_versions(Bucket=folder.bucket, Prefix=paths[-1].key)["Versions"]
    where = {"Bucket": folder.bucket, "Key": paths[-1].key, "VersionId": held["VersionId"]}
    boto.put_object_legal_hold(**where, LegalHold={"Status": "ON"})
    with pytest.raises(PermissionError, match=f"{paths[-1]}: access denied .*their rights"):
        versions.purge(folder)
    assert kept(boto, folder) == [paths[-1].key] * 2
    assert not paths[-1].exists()
    boto.put_object_legal_hold(**where, LegalHold={"Status": "OFF"})
    versions.purge(folder)
    assert kept(boto, folder) == []


@pytest.mark.parametrize(
    ("code", "error"),
    [("AccessDenied", PermissionError), ("InternalError", ConnectionError)],
)
def test_an_object_that_was_not_removed_is_told(
    folder: S3Path, monkeypatch: pytest.MonkeyPatch, code: str, error: type[OSError]
) -> None:
    told = {"Errors": [{"Key": "folder/gone", "Code": "NoSuchKey", "Message": ""}]}
    monkeypatch.setattr(S3Path, "ask", lambda *_, **__: told)
    remove([folder / "gone"])
    told["Errors"].append({"Key": "folder/a", "Code": code, "Message": "Because."})
    with pytest.raises(error, match=re.escape(f"{folder}/a: ") + f".*{code}: Because"):
        remove([folder / "gone", folder / "a"])


# ---------------------------------------------------------------- few requests


def test_many_versions_go_many_a_request_and_marks_last(
    folder: S3Path, boto: Any, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stedi.places.s3._MOST_AT_ONCE", 10)
    paths = grown(folder)
    assert len(kept(boto, folder)) == 7 + 7 + 8 + 1
    before = len(asked())
    versions.purge(folder)
    steps = [line.split()[0] for line in asked()[before:]]
    assert steps == ["GET", "GET", "GET", *["POST"] * 3, "POST"]  # 22 versions, then the mark
    assert kept(boto, folder) == []
    assert [path.exists() for path in paths] == [True, True, False]
    assert len(kept(boto, folder.with_name("beside"))) == 1


def test_of_some_objects_the_past_goes_and_no_other_is_looked_at(
    folder: S3Path, boto: Any, asked: Asked
) -> None:
    paths = [*grown(folder), *grown(folder / "inner", 1, 3)]
    other = grown(folder.with_name("other"), 1, 3)[0]
    mine, theirs = begun(boto, paths[0]), begun(boto, other)
    assert mine != theirs
    before = len(asked("DELETE *"))
    versions.without_past(paths)
    assert kept(boto, folder) == []
    assert kept(boto, other.parent) != []
    assert uploads(boto, folder.bucket) == [other.key]
    listed = asked("GET *?*uploads*")
    assert len(listed) == 2
    assert all("prefix=folder%2F" in line for line in listed)
    assert len(asked("POST *?delete")) == 2
    assert [mine in line for line in asked("DELETE *")[before:]] == [True]
    versions.purge(folder.with_name("other"))
    assert uploads(boto, folder.bucket) == []


def test_the_last_version_goes_last(folder: S3Path, boto: Any, asked: Asked) -> None:
    path = folder / "journal"
    for text in ("1", "2", "3"):
        path.write_text(text)
    versions.erase(path)
    removals = [line.split()[0] for line in asked() if line.startswith(("POST", "DELETE"))]
    assert removals == ["POST", "DELETE"]
    left = boto.list_object_versions(Bucket=path.bucket, Prefix=path.key)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


def test_an_upload_that_ends_while_its_answer_is_lost_is_no_error(
    folder: S3Path, boto: Any, proxy: FaultyProxy
) -> None:
    begun(boto, folder / "a")
    with proxy.failing(Fault(Harm.LOST, method="DELETE", query="*uploadId*", times=1)):
        versions.purge(folder)
    assert uploads(boto, folder.bucket) == []


def test_an_upload_that_is_gone_is_no_error(
    folder: S3Path, boto: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(boto, folder / "a")
    asked = S3Path.ask

    def gone(self: S3Path, call: str, *arguments: Any, **named: Any) -> Any:
        done = asked(self, call, *arguments, **named)
        if call == "abort_multipart_upload":  # as AWS answers a second time
            raise answered({"Error": {"Code": "NoSuchUpload"}}, str(self))
        return done

    monkeypatch.setattr(S3Path, "ask", gone)
    versions.purge(folder)
    assert uploads(boto, folder.bucket) == []


# ---------------------------------------------------------------- the proof


def test_a_proof_asks_for_each_small_object_once(bucket: str, asked: Asked) -> None:
    root = S3Path(bucket, "lake")
    texts = {f"{number}.json": b"nobody" for number in range(10)} | {"a.txt": EMAIL.encode()}
    for name, text in texts.items():
        (root / name).write_bytes(text)
    before = len(asked())
    proof = search(root, NEEDLES)
    assert [one.path for one in proof.findings] == [str(root / "a.txt")]
    assert (proof.files, proof.bytes_stored) == (11, sum(map(len, texts.values())))
    assert asked("HEAD *") == []
    assert len(asked()) - before == len(texts) + len(["objects", "versioning", "uploads"])


def test_a_long_table_is_searched_in_parts(
    bucket: str, asked: Asked, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    import pyarrow as pa

    for name in ("bulk.FIRST", "window.FIRST"):
        package = "places" if "bulk" in name else "erasure"
        monkeypatch.setattr(f"stedi.{package}.{name}", 1 << 16)
    monkeypatch.setattr("stedi.erasure.window.AHEAD", 1 << 16)
    texts = [f"person{number}@x.com" for number in range(100_000)]
    table = parquet(tmp_path, pa.table({"a": [*texts, EMAIL]}), row_group_size=10_000)
    path = S3Path(bucket, "lake/a.parquet")
    path.write_bytes(table.read_bytes())
    proof = search(path.parent, NEEDLES)
    assert {(one.path, one.where, one.kind) for one in proof.findings} >= {
        (str(path), "row group 10, column a", "email")
    }
    assert proof.bytes_stored == table.stat().st_size
    assert asked("HEAD *") == []
    assert len(asked(f"GET {bucket}/lake/a.parquet*")) < 3 + table.stat().st_size / (1 << 16)


def test_delivered_files_are_looked_at_in_few_requests(bucket: str, asked: Asked) -> None:
    paths = [S3Path(bucket, f"landing/{number}.json") for number in range(10)]
    for path in paths:
        path.write_bytes(EMAIL.encode() + b"\n")
    assert unwritable(paths) == {}
    assert len(asked("HEAD *.json?")) == len(paths)
    before = len(asked())
    assert [hits(path, NEEDLES).removed for path in paths] == [1] * 10
    assert len(asked()) - before == len(paths)

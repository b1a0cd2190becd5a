"""What the product asks of S3, asked of the server that its tests use."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from s3.faults import Fault, FaultyProxy, Harm
from s3.server import OWNER, READER, REGION, S3Server, client, free_ports

pytest.importorskip("boto3", reason="no boto3: it comes with stedi-lakehouse[aws]")

from botocore.exceptions import ClientError, ConnectionClosedError, ResponseStreamingError
from pyarrow.fs import AwsStandardS3RetryStrategy, FileSelector, S3FileSystem

MORE_THAN_A_PAGE = 1005


def bulk(endpoint: str, attempts: int = 1, keys: tuple[str, str] = OWNER) -> Any:
    """Arrow's client of S3 there."""
    return S3FileSystem(
        endpoint_override=endpoint.removeprefix("http://"),
        scheme="http",
        region=REGION,
        access_key=keys[0],
        secret_key=keys[1],
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=attempts),
    )


def patient(endpoint: str) -> Any:
    """A boto3 client that tries four times."""
    return client(endpoint, retries={"mode": "standard", "total_max_attempts": 4})


def refused(call: Callable[..., Any], **arguments: Any) -> str:
    """The code of the error with which S3 answers; `done` if it does not."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def keys_in(boto: Any, bucket: str, prefix: str = "") -> list[str]:
    """The keys of all pages."""
    pages = boto.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ((OWNER[0], "wrong"), "SignatureDoesNotMatch"),
        (("nobody", "wrong"), "InvalidAccessKeyId"),
        (READER, "AccessDenied"),
    ],
    ids=["wrong secret", "unknown key", "reader who writes"],
)
def test_who_may_not_write_is_refused_by_both_clients(
    s3: S3Server, boto: Any, bucket: str, keys: tuple[str, str], code: str
) -> None:
    other = client(s3.endpoint, keys)
    assert refused(other.put_object, Bucket=bucket, Key="a", Body=b"") == code
    with pytest.raises(OSError, match="CreateMultipartUpload"):
        bulk(s3.endpoint, keys=keys).open_output_stream(f"{bucket}/a")
    assert keys_in(boto, bucket) == []


def test_a_reader_reads_and_lists(s3: S3Server, boto: Any, bucket: str) -> None:
    boto.put_object(Bucket=bucket, Key="a", Body=b"seen")
    reader = client(s3.endpoint, READER)
    assert keys_in(reader, bucket) == ["a"]
    assert reader.get_object(Bucket=bucket, Key="a")["Body"].read() == b"seen"
    assert refused(reader.delete_object, Bucket=bucket, Key="a") == "AccessDenied"


def test_what_is_not_there_has_its_own_errors(s3: S3Server, boto: Any, bucket: str) -> None:
    assert refused(boto.get_object, Bucket=bucket, Key="a") == "NoSuchKey"
    assert refused(boto.put_object, Bucket="no-such-bucket", Key="a", Body=b"") == "NoSuchBucket"
    assert refused(boto.head_bucket, Bucket="no-such-bucket") == "404"
    with pytest.raises(FileNotFoundError):
        bulk(s3.endpoint).open_input_file(f"{bucket}/a")


def test_only_one_of_many_creates_an_object(s3: S3Server, bucket: str) -> None:
    clients = [client(s3.endpoint) for _ in range(6)]

    def create(number: int) -> str:
        put = clients[number].put_object
        return refused(put, Bucket=bucket, Key="lock", Body=b"%d" % number, IfNoneMatch="*")

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = sorted(pool.map(create, range(len(clients))))
    assert answers == ["PreconditionFailed"] * 5 + ["done"]


def test_an_object_is_replaced_and_deleted_only_as_it_was_read(boto: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "a"}
    old = boto.put_object(**where, Body=b"1")["ETag"]
    new = boto.put_object(**where, Body=b"2", IfMatch=old)["ETag"]
    assert refused(boto.put_object, **where, Body=b"3", IfMatch=old) == "PreconditionFailed"
    assert refused(boto.delete_object, **where, IfMatch=old) == "PreconditionFailed"
    assert boto.get_object(**where)["Body"].read() == b"2"
    boto.delete_object(**where, IfMatch=new)
    assert keys_in(boto, bucket) == []


def test_answers_carry_the_servers_time(boto: Any, bucket: str) -> None:
    answer = boto.put_object(Bucket=bucket, Key="a", Body=b"")["ResponseMetadata"]
    at = parsedate_to_datetime(answer["HTTPHeaders"]["date"])
    modified = boto.head_object(Bucket=bucket, Key="a")["LastModified"]
    assert abs((modified - at).total_seconds()) <= 2


def test_a_listing_has_all_pages(boto: Any, bucket: str) -> None:
    names = [f"many/{number:04}" for number in range(MORE_THAN_A_PAGE)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: boto.put_object(Bucket=bucket, Key=key, Body=b"x"), names))
    first = boto.list_objects_v2(Bucket=bucket)
    assert (first["KeyCount"], first["IsTruncated"]) == (1000, True)
    assert set(first["Contents"][0]) >= {"Key", "ETag", "LastModified", "Size"}
    assert sorted(keys_in(boto, bucket)) == names
    batch = {"Objects": [{"Key": key} for key in names[:1000]], "Quiet": True}
    assert "Errors" not in boto.delete_objects(Bucket=bucket, Delete=batch)
    assert keys_in(boto, bucket, "many/10") == names[1000:]


def test_metadata_stays_with_the_object(boto: Any, bucket: str) -> None:
    boto.put_object(Bucket=bucket, Key="a", Body=b"", Metadata={"owner": "me"})
    assert boto.head_object(Bucket=bucket, Key="a")["Metadata"] == {"owner": "me"}


def test_a_bucket_with_versions_keeps_what_was_deleted(boto: Any, bucket: str) -> None:
    boto.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        boto.put_object(Bucket=bucket, Key="a", Body=body)
    boto.delete_object(Bucket=bucket, Key="a")
    assert keys_in(boto, bucket) == []
    kept = boto.list_object_versions(Bucket=bucket)
    every = kept["Versions"] + kept["DeleteMarkers"]
    assert len(every) == 3
    for version in every:
        boto.delete_object(Bucket=bucket, Key="a", VersionId=version["VersionId"])
    left = boto.list_object_versions(Bucket=bucket)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


def test_an_unfinished_upload_is_listed_apart_and_aborted(boto: Any, bucket: str) -> None:
    upload = boto.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    part = {"Bucket": bucket, "Key": "a", "UploadId": upload}
    boto.upload_part(**part, PartNumber=1, Body=b"x" * (5 << 20))
    assert keys_in(boto, bucket) == []
    assert [u["Key"] for u in boto.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["a"]
    boto.abort_multipart_upload(**part)
    assert not boto.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_arrow_publishes_the_torso_of_a_write_that_failed(
    s3: S3Server, boto: Any, bucket: str
) -> None:
    def fail() -> None:
        with bulk(s3.endpoint).open_output_stream(f"{bucket}/a") as out:
            out.write(b"half")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert keys_in(boto, bucket) == ["a"]


def test_arrow_leaves_a_marker_where_it_deletes(s3: S3Server, boto: Any, bucket: str) -> None:
    boto.put_object(Bucket=bucket, Key="folder/a", Body=b"")
    bulk(s3.endpoint).delete_file(f"{bucket}/folder/a")
    assert keys_in(boto, bucket) == ["folder/"]


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "stopped"])
def test_objects_outlive_the_server(s3: S3Server, boto: Any, bucket: str, kill: bool) -> None:
    boto.put_object(Bucket=bucket, Key="a", Body=b"x" * 100_000)
    (s3.kill if kill else s3.stop)()
    try:
        with pytest.raises(Exception, match="Could not connect"):
            boto.list_objects_v2(Bucket=bucket)
    finally:
        s3.start()
    assert len(boto.get_object(Bucket=bucket, Key="a")["Body"].read()) == 100_000


def test_nobody_else_on_the_network_reaches_the_server(s3: S3Server) -> None:
    assert s3.listens_on() == {"127.0.0.1"}


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_server_that_is_away_is_given_up(attempts: int, surroundings: None) -> None:
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(OSError, match="NETWORK_CONNECTION"):
        bulk(nobody, attempts).get_file_info("bucket/a")


class TestFaults:
    def test_a_request_is_repeated_and_counted(self, proxy: FaultyProxy, bucket: str) -> None:
        with proxy.failing(Fault(Harm.ERROR_503, method="PUT", times=1)):
            patient(proxy.endpoint).put_object(Bucket=bucket, Key="a", Body=b"1")
        assert proxy.count("PUT", f"{bucket}/a") == 2

    @pytest.mark.parametrize(
        ("harm", "code"), [(Harm.ERROR_500, "InternalError"), (Harm.ERROR_503, "SlowDown")]
    )
    def test_a_request_that_is_refused_is_not_done(
        self, proxy: FaultyProxy, boto: Any, bucket: str, harm: Harm, code: str
    ) -> None:
        put = client(proxy.endpoint).put_object
        with proxy.failing(Fault(harm, method="PUT")):
            assert refused(put, Bucket=bucket, Key="a", Body=b"1") == code
        assert keys_in(boto, bucket) == []

    @pytest.mark.parametrize(("harm", "left"), [(Harm.DROPPED, []), (Harm.LOST, ["a"])])
    def test_an_answer_that_never_comes_tells_nothing(
        self, proxy: FaultyProxy, boto: Any, bucket: str, harm: Harm, left: list[str]
    ) -> None:
        with proxy.failing(Fault(harm, method="PUT")), pytest.raises(ConnectionClosedError):
            client(proxy.endpoint).put_object(Bucket=bucket, Key="a", Body=b"1")
        assert keys_in(boto, bucket) == left

    def test_a_creation_whose_answer_is_lost_meets_itself(
        self, proxy: FaultyProxy, bucket: str
    ) -> None:
        put = patient(proxy.endpoint).put_object
        with proxy.failing(Fault(Harm.LOST, method="PUT", times=1)):
            answer = refused(put, Bucket=bucket, Key="a", Body=b"1", IfNoneMatch="*")
        assert answer == "PreconditionFailed"

    def test_boto_does_not_repeat_a_body_cut_short(
        self, proxy: FaultyProxy, boto: Any, bucket: str
    ) -> None:
        boto.put_object(Bucket=bucket, Key="a", Body=b"x" * 1000)
        with proxy.failing(Fault(Harm.CUT, method="GET", times=1)):
            body = patient(proxy.endpoint).get_object(Bucket=bucket, Key="a")["Body"]
            with pytest.raises(ResponseStreamingError):
                body.read()

    def test_arrow_does_not_repeat_a_short_read_that_is_refused(
        self, proxy: FaultyProxy, boto: Any, bucket: str
    ) -> None:
        for key, size in (("short", 50), ("long", 5000)):
            boto.put_object(Bucket=bucket, Key=key, Body=b"x" * size)
        reads = bulk(proxy.endpoint, attempts=4)
        with proxy.failing(Fault(Harm.ERROR_503, method="GET", times=1)):
            assert reads.open_input_file(f"{bucket}/long").read() == b"x" * 5000
        with (
            proxy.failing(Fault(Harm.ERROR_503, method="GET", times=1)),
            pytest.raises(OSError, match="Failed to flush response stream"),
        ):
            reads.open_input_file(f"{bucket}/short").read()

    def test_arrow_repeats_parts_of_an_upload(
        self, proxy: FaultyProxy, boto: Any, bucket: str
    ) -> None:
        data = os.urandom(12 << 20)
        with (
            proxy.failing(Fault(Harm.DROPPED, method="PUT", every=2)),
            bulk(proxy.endpoint, attempts=4).open_output_stream(f"{bucket}/a") as out,
        ):
            out.write(data)
        assert boto.get_object(Bucket=bucket, Key="a")["Body"].read() == data
        assert proxy.count("PUT") > proxy.count("POST", query="uploadId=*") + 1

    def test_signatures_hold_on_the_way_through(self, proxy: FaultyProxy, bucket: str) -> None:
        through, data = client(proxy.endpoint), os.urandom(10 << 20)
        through.upload_fileobj(io.BytesIO(data), bucket, "ä b+c=1/%20")
        reads = bulk(proxy.endpoint)
        assert reads.open_input_file(f"{bucket}/ä b+c=1/%20").read() == data
        found = reads.get_file_info(FileSelector(bucket, recursive=True))
        assert [info.size for info in found if info.is_file] == [len(data)]

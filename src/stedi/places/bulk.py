"""Reading and writing the bytes of objects: ranges with patience, and whole objects at once.

boto3 tries a request again, but not one whose answer broke off in the middle; that is done here.
What is written gathers on this machine and becomes an object when it is closed: never half of one.
"""

from __future__ import annotations

import io
import re
import tempfile
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from stedi.places.aws import aws_errors, client
from stedi.places.ranges import Ranged

if TYPE_CHECKING:
    from stedi.places.s3 import S3Path

FIRST = 1 << 20  # bytes asked for when an object is opened: most are not larger
AHEAD = 8 << 20  # bytes asked for at once by who reads on and on
TRIES = 5  # of a range whose answer broke off
_SPOOL = 32 << 20  # bytes held in memory until they are put
_TOTAL = re.compile(r"/(\d+)$")


class S3Reader(Ranged):
    """An object, read in ranges.

    `size` in bytes, `modified` and `etag` are of the version that was opened; should another
    take its place while it is read, FileExistsError. `hurried` gives up within some seconds.
    """

    def __init__(self, path: S3Path, hurried: bool = False) -> None:
        super().__init__()
        self._hurried = hurried
        self._path = path
        self._head = b""
        self.modified: datetime
        self.etag = ""
        self._open()

    def _open(self) -> None:
        answer, self._head = self._ask(0, FIRST)
        total = _TOTAL.search(answer.get("ContentRange", ""))
        self.size = int(total[1]) if total else len(self._head)
        self.modified, self.etag = answer["LastModified"], answer["ETag"]

    def _ask(self, start: int, size: int) -> tuple[Any, bytes]:
        """The answer and the bytes of a range, asked for again if it breaks off."""
        from botocore.exceptions import (
            HTTPClientError,
            IncompleteReadError,
            ResponseStreamingError,
        )

        asked: dict[str, Any] = {"Range": f"bytes={start}-{start + size - 1}"}
        if self.etag:
            asked["IfMatch"] = self.etag
        for tried in range(TRIES):
            answer = self._answer(asked)
            try:
                return answer, answer["Body"].read() if "Body" in answer else b""
            except (HTTPClientError, IncompleteReadError, ResponseStreamingError):
                if tried == TRIES - 1:
                    with aws_errors(str(self._path)):
                        raise
                time.sleep(0.1 * 2**tried)
        raise AssertionError("unreachable")

    def _answer(self, asked: dict[str, Any]) -> Any:
        """The beginning of an answer, for which boto3 asks again; of an empty object no body."""
        from botocore.exceptions import ClientError

        where = {"Bucket": self._path.bucket, "Key": self._path.key}
        with aws_errors(str(self._path)):
            try:
                return client("s3", hurried=self._hurried).get_object(**where, **asked)
            except ClientError as error:
                if error.response["Error"]["Code"] in ("InvalidRange", "416"):
                    return client("s3", hurried=self._hurried).head_object(**where)
                raise

    def read_at(self, size: int, start: int) -> bytes:
        """Up to so many bytes from a place on."""
        size = min(size, self.size - start)
        if size <= 0:
            return b""
        if start + size <= len(self._head):
            return self._head[start : start + size]
        return self._ask(start, size)[1]


class S3Writer(io.RawIOBase):
    """An object that is there once this is closed, unless `discard` comes before."""

    def __init__(self, path: S3Path) -> None:
        self._path = path
        self._file = tempfile.SpooledTemporaryFile(_SPOOL)  # noqa: SIM115

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Bytes so far."""
        return self._file.tell()

    def write(self, data: Any) -> int:
        """Add bytes."""
        return self._file.write(data)

    def discard(self) -> None:
        """Let it become nothing."""
        self._file.close()
        super().close()

    def close(self) -> None:
        """Put the object; OSError if that cannot be done."""
        if self.closed:
            return
        super().close()
        with self._file:
            self._file.seek(0)
            with aws_errors(str(self._path)):
                client("s3").upload_fileobj(self._file, self._path.bucket, self._path.key)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        """Forgotten without being closed: nothing was meant to be there."""
        self.discard()

"""Finding delivered files: `customer`, `accelerometer` and `step_trainer` folders at any depth."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stedi.contract import load_tables
from stedi.errors import UsageError
from stedi.feeds.raw import RawFile
from stedi.places import Place, S3Path

ENDINGS = tuple(
    kind + packed for kind in (".json", ".jsonl", ".ndjson") for packed in ("", ".gz", ".zst")
)


@dataclass
class Delivery:
    """What a landing folder holds: files by feed, and files in a feed's folder left alone."""

    feeds: dict[str, list[RawFile]] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def where(self, ready: Callable[[RawFile], bool]) -> Delivery:
        """The same without the files that are not ready."""
        feeds = {feed: [f for f in files if ready(f)] for feed, files in self.feeds.items()}
        return Delivery(feeds, self.ignored)


def find(landing: Place) -> Delivery:
    """All delivered files below `landing`, by path; UsageError if no feed folder is there."""
    feeds = [table.feed for table in load_tables().values() if table.feed]
    refuse_no_folder(landing)
    delivery = Delivery({feed: [] for feed in feeds})
    into = _from_s3 if isinstance(landing, S3Path) else _from_disk
    if not into(landing, feeds, delivery):  # type: ignore[arg-type]
        raise UsageError(
            f"{landing}: no folder named {', '.join(sorted(feeds))} in it; "
            "give --landing the folder above them"
        )
    return delivery


def refuse_no_folder(landing: Place) -> None:
    """UsageError if there is no folder to land from."""
    if not landing.is_dir():
        kind = "not a folder" if landing.exists() else "no such folder"
        raise UsageError(f"{landing}: {kind}; give --landing the folder that holds the feeds")


def _from_s3(landing: S3Path, feeds: list[str], delivery: Delivery) -> bool:
    """Sort in what one listing tells; whether there is a folder of a feed."""
    seen = False
    for path, stat in sorted(landing.below()):
        *inner, name = str(path).removeprefix(f"{landing}/").split("/")
        feed = _feed_of((landing.name or landing.bucket, *inner), feeds)
        if not feed or any(part.startswith((".", "_")) for part in inner):
            continue
        seen = True
        if not name or name.startswith((".", "_")):  # no name: it stands for the folder
            continue
        if name.lower().endswith(ENDINGS) and "" not in inner:
            delivery.feeds[feed].append(RawFile(str(path), stat.st_size, stat.st_mtime_ns))
        else:
            delivery.ignored.append(str(path))
    return seen


def _from_disk(landing: Path, feeds: list[str], delivery: Delivery) -> bool:
    """Sort in every file; whether there is a folder of a feed."""
    seen = False
    for folder, feed in _feed_folders(landing.resolve(), feeds):
        seen = True
        for entry in sorted(os.scandir(folder), key=lambda e: e.name):
            if _is_file(entry) and not entry.name.startswith((".", "_")):
                _sort_in(entry, feed, delivery)
    return seen


def _feed_of(folders: Sequence[str], feeds: list[str]) -> str | None:
    """The feed of the nearest folder named after one."""
    return next((name.lower() for name in reversed(folders) if name.lower() in feeds), None)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads in a circle
        return False


def _sort_in(entry: os.DirEntry[str], feed: str, delivery: Delivery) -> None:
    if not entry.name.lower().endswith(ENDINGS) or not _is_unicode(entry.path):
        delivery.ignored.append(entry.path)
        return
    try:
        stat = entry.stat()
    except OSError:
        return
    delivery.feeds[feed].append(RawFile(entry.path, stat.st_size, stat.st_mtime_ns))


def _is_unicode(path: str) -> bool:
    try:
        return bool(path.encode())
    except UnicodeEncodeError:
        return False


def _feed_folders(landing: Path, feeds: list[str]) -> Iterator[tuple[str, str]]:
    """Every folder below, with the feed of the nearest folder named after one."""
    seen: set[tuple[int, int]] = set()
    for folder, inner, _ in os.walk(landing, followlinks=True):
        stat = Path(folder).stat()
        if (stat.st_dev, stat.st_ino) in seen:
            inner.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        inner[:] = sorted(name for name in inner if not name.startswith((".", "_")))
        feed = _feed_of(Path(folder).relative_to(landing.parent).parts, feeds)
        if feed:
            yield folder, feed

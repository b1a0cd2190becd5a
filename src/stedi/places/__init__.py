"""Where files lie: a folder of this machine, or a bucket of S3, behind the names of pathlib.

Whoever needs more than both have says so by the type: `Path`, or `S3Path`.
"""

from stedi.places.place import (
    LOCAL,
    Listed,
    Place,
    address,
    files_below,
    is_remote,
    place,
    remove_tree,
)
from stedi.places.s3 import S3Path

__all__ = [
    "LOCAL",
    "Listed",
    "Place",
    "S3Path",
    "address",
    "files_below",
    "is_remote",
    "place",
    "remove_tree",
]

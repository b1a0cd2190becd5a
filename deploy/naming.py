"""Names of files that tell their content."""

from __future__ import annotations

import hashlib
from pathlib import Path


def shipped_name(path: Path) -> str:
    """The file's name with a digest of its content; of a wheel, one that pip accepts.

    A wheel's name has room for a build number before its tags; the digest stands there.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    if path.suffix != ".whl":
        return f"{path.stem}-{digest}{path.suffix}"
    name, version, *tags = path.stem.split("-")
    return "-".join([name, version, f"0{digest}", *tags[-3:]]) + path.suffix

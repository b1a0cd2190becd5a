"""STEDI lakehouse: from three JSON feeds to training data, with every row accounted for.

    import stedi
    lake = stedi.open("lake")
    lake.run(landing="landing")
    frame = lake.table("machine_learning_curated").to_polars()

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stedi.api import Lake
    from stedi.api import create_lake as create
    from stedi.api import open_lake as open
    from stedi.rows import Rows

__version__ = "0.1.0"
__all__ = ["Lake", "Rows", "__version__", "create", "open"]

_LAZY = {"Lake": "Lake", "open": "open_lake", "create": "create_lake"}


def __getattr__(name: str) -> Any:
    if name == "Rows":
        from stedi.rows import Rows

        return Rows
    if name not in _LAZY:
        raise AttributeError(f"module 'stedi' has no attribute {name!r}")
    from stedi import api

    return getattr(api, _LAZY[name])

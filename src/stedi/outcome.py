"""What a run tells of itself, while it goes on and at its end: plain data, nothing to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stedi.landing.land import FeedCount
    from stedi.landing.progress import Progress
    from stedi.refresh.tables import Refresh


@dataclass(frozen=True)
class Watch:
    """Who hears of a run: of landing, of each refreshed table and its rows, and of notes."""

    landing: Callable[[Progress], None] = lambda step: None
    refreshed: Callable[[str, int], None] = lambda table, rows: None
    noted: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class RunResult:
    """What a run did: landed lines by feed, refreshed tables, files it left alone."""

    run: str
    landed: Mapping[str, FeedCount] = field(default_factory=dict)
    refreshed: list[Refresh] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was landed or refreshed."""
        return bool(self.landed or self.refreshed)

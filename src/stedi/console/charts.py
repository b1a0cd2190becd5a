"""Row counts over time as a picture: where its steps, points and labels stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 640.0, 190.0
LEFT, RIGHT, TOP, FLOOR = 84.0, 12.0, 14.0, 164.0
GRID = 4  # parts of the height between nothing and the highest line


@dataclass(frozen=True)
class Point:
    """One version of a table: where it stands, when it was made, its rows."""

    x: float
    y: float
    at: datetime
    rows: int


@dataclass(frozen=True)
class Chart:
    """A step chart in the units of its view box; `lines` are heights with their numbers."""

    path: str
    points: Sequence[Point]
    lines: Sequence[tuple[float, int]]
    until: datetime
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    floor: float = FLOOR


def rows_over_time(counts: Sequence[tuple[datetime, int]], until: datetime) -> Chart | None:
    """The rows that a table had from each moment (in order) on, `until` now; None for none."""
    if not counts:
        return None
    step = _step(max(rows for _, rows in counts))
    scale = (FLOOR - TOP) / (step * GRID)
    first, last = counts[0][0], max(until, counts[-1][0])
    wide = (last - first).total_seconds() or 1.0
    points = [
        Point(_x((at - first).total_seconds() / wide), FLOOR - rows * scale, at, rows)
        for at, rows in counts
    ]
    lines = [(FLOOR - part * step * scale, part * step) for part in range(GRID + 1)]
    return Chart(_path(points), points, lines, last)


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _step(most: int) -> int:
    """A round number (1, 2, 2.5 or 5 times a power of ten) GRID of which reach `most`."""
    power = 1
    while power * 10 * GRID <= most:
        power *= 10
    rounds = (power * tenths // 10 for tenths in (10, 20, 25, 50, 100) if power * tenths % 10 == 0)
    return next(step for step in rounds if step * GRID >= most)


def _path(points: Sequence[Point]) -> str:
    path = f"M{points[0].x:.1f} {points[0].y:.1f}"
    for point in points[1:]:
        path += f"H{point.x:.1f}V{point.y:.1f}"
    return f"{path}H{WIDTH - RIGHT:.1f}"

"""The flow of rows as a picture: where each rectangle, ribbon and label stands.

A row of the picture is a chain of tables, each made from the candidate rows of the one before.
Widths are to scale within a group of rows: readings share one scale, customers have another,
since one customer stands for thousands of readings. A width is at least one unit, to be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stedi.account import Line
from stedi.contract import Table, load_tables
from stedi.contract.roles import Role

PITCH, BAR, TALLEST = 330.0, 12.0, 130.0
LEFT, TOP, LABEL, GAP = 8.0, 40.0, 17.0, 46.0
THINNEST = 1.0


@dataclass(frozen=True)
class Node:
    """A table (or what is delivered): a rectangle with its rows. `link`: there is a page of it."""

    name: str
    zone: str
    rows: int
    x: float
    y: float
    height: float
    link: bool


@dataclass(frozen=True)
class Ribbon:
    """Rows on their way; `reason` is empty for those that were promoted, `path` an SVG path."""

    table: str
    reason: str
    rows: int
    path: str
    x: float = 0
    y: float = 0


@dataclass
class Flow:
    """The whole picture in the units of its view box."""

    nodes: list[Node] = field(default_factory=list)
    ribbons: list[Ribbon] = field(default_factory=list)
    width: float = 3 * PITCH + BAR + 250
    height: float = TOP
    zones: Sequence[tuple[str, float]] = (
        ("delivered", LEFT),
        ("landing", LEFT + PITCH),
        ("trusted", LEFT + 2 * PITCH),
        ("curated", LEFT + 3 * PITCH),
    )


def flow(account: Mapping[str, Line], role: Role) -> Flow:
    """The picture of the tables a role sees, from their account."""
    picture = Flow()
    chains = [chain for chain in map(list, _chains(account, role)) if chain]
    tall = {readings: _most(account, chains, readings) for readings in (True, False)}
    for chain in chains:
        _draw(picture, chain, account, role, TALLEST / max(tall[_readings(chain)], 1))
    return picture


def _chains(account: Mapping[str, Line], role: Role) -> Sequence[Sequence[Table]]:
    """Tables one after the other, each judged from the rows of the one before; roles' own."""
    tables = load_tables()
    after = {table.candidates: table for table in tables.values() if table.candidates}
    chains = []
    for feed in (table for table in tables.values() if table.feed):
        chain = [feed]
        while chain[-1].name in after:
            chain.append(after[chain[-1].name])
        chains.append([one for one in chain if one.name in account and role.sees(one)])
    return chains


def _readings(chain: Sequence[Table]) -> bool:
    return any(table.time for table in chain)


def _most(account: Mapping[str, Line], chains: Sequence[Sequence[Table]], readings: bool) -> int:
    chosen = [table for chain in chains if _readings(chain) == readings for table in chain]
    return max((account[table.name].rows_in for table in chosen), default=0)


def _draw(
    picture: Flow, chain: Sequence[Table], account: Mapping[str, Line], role: Role, scale: float
) -> None:
    top, bottom = picture.height, picture.height
    for number, table in enumerate(chain):
        line = account[table.name]
        x = LEFT + PITCH * _column(table)
        if number == 0:
            picture.nodes.append(_origin(line, x - PITCH, top, scale, role))
        height = _height(line.stored, scale)
        picture.nodes.append(Node(table.name, table.zone, line.stored, x, top, height, True))
        bottom = max(bottom, _ribbons(picture, table, line, x, top, scale))
    picture.height = bottom + GAP


def _column(table: Table) -> int:
    return {"landing": 1, "trusted": 2, "curated": 3}[table.zone]


def _origin(line: Line, x: float, y: float, scale: float, role: Role) -> Node:
    """What the first table of a row is made from: a feed, or a table the role may not see."""
    source = next(iter(line.sources))
    found = load_tables().get(source.rpartition(".")[2])
    zone = found.zone if found else "delivered"
    link = found is not None and role.sees(found)
    return Node(source, zone, line.rows_in, x, y, _height(line.rows_in, scale), link)


def _height(rows: int, scale: float) -> float:
    return max(rows * scale, THINNEST)


def _ribbons(picture: Flow, table: Table, line: Line, x: float, top: float, scale: float) -> float:
    """From the bar before the table to its own, and to the label of each reason; the lowest y."""
    start, kept = x - PITCH + BAR, _height(line.rows_out, scale)
    picture.ribbons.append(
        Ribbon(table.name, "", line.rows_out, _ribbon(start, top, x, top, kept, kept))
    )
    at = top + line.rows_out * scale
    label = top + max(kept, _height(line.stored, scale)) + LABEL + 22
    for reason, rows in sorted(line.excluded.items(), key=lambda pair: -pair[1]):
        wide = _height(rows, scale)
        end = x - PITCH + 96
        path = _ribbon(start, at, end, label - 9, wide, min(wide, LABEL - 5))
        picture.ribbons.append(Ribbon(table.name, reason, rows, path, end + 6, label))
        at, label = at + rows * scale, label + LABEL
    return max(label, top + line.rows_in * scale)


def _ribbon(x0: float, y0: float, x1: float, y1: float, wide0: float, wide1: float) -> str:
    """A band between two upright edges, bent like an S."""
    middle = (x0 + x1) / 2
    return (
        f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        f"V{y1 + wide1:.1f}C{middle:.1f} {y1 + wide1:.1f} {middle:.1f} {y0 + wide0:.1f} "
        f"{x0:.1f} {y0 + wide0:.1f}Z"
    )

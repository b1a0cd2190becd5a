"""Refreshing the part of a table of readings that a run touches.

Days in scope are replaced as a whole. On all other days the rows of the people in scope are:
their old rows are left out of the files that hold some, their new ones come in files of their
own. What the published version made of the same part is judged once more from the versions it
was made from, so that the account of the whole table stays exact without reading all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import date

from stedi.contract import load_tables
from stedi.engines.base import MISFIT, Base, Extent, Refreshed, RefreshTask, Tally
from stedi.engines.sql.scope import Scope
from stedi.engines.sql.session import PROMOTED, Session, days_of, rows_on, slices
from stedi.engines.sql.views import of_people, on_days_only, show, theirs
from stedi.lake.durable import remove_files
from stedi.lake.model import DataFile, Source

ROWS_TO_HOLD = 4_000_000
WIDE = 0.5  # of the candidates in scope: from here on making everything anew costs less
MUCH = "so much changed"


def refresh_scope(session: Session, task: RefreshTask, base: Base, scope: Scope) -> Refreshed | str:
    """Replace the days and people in scope; or why all must be made anew.

    That is if the scope is too wide for a part to pay, or if the published version does not
    hold what its account says.
    """
    part = _Part(session, task, base, scope)
    with closing(part), ExitStack() as undo:
        undo.callback(lambda: remove_files(file.path for file in (*part.fresh, *part.carried)))
        if why := part.judge_days() or part.judge_people():
            return why
        undo.pop_all()
    return Refreshed(
        staged=Source(task.table.name, task.target.fields, part.fresh),
        candidates=task.sources[task.table.candidates].rows,
        tally=part.tally,
        before=part.before,
        carried=part.carried,
        removed=part.removed,
        extent=Extent(len(scope.days), scope.people),
    )


class _Part:
    """The part of a table in scope, before and after."""

    def __init__(self, session: Session, task: RefreshTask, base: Base, scope: Scope) -> None:
        self._session = session
        self._task = task
        self._base = base
        self._scope = scope
        self._time = load_tables()[task.table.candidates].time
        self.fresh: list[DataFile] = []
        self.carried: list[DataFile] = []
        self.removed: list[str] = []
        self.tally = Tally()
        self.before = Tally()
        self._held: dict[str, object] = {}

    def judge_days(self) -> str:
        """Replace the days in scope; why it cannot be done, or nothing."""
        days = self._scope.days
        if not days:
            return ""
        now = self._counted(self._task.sources)
        if sum(rows for _, rows in now) > WIDE * self._candidates.rows:
            return MUCH
        self.tally += self._judge_slices(self._task.sources, now, self.fresh)
        self.before += self._judge_slices(
            self._base.sources, self._counted(self._base.sources), None
        )
        gone = [file for file in self._base.published.files if file.within(days)]
        self.removed += [file.path for file in gone]
        return "" if sum(file.rows for file in gone) == self.before.rows_out else MISFIT

    @property
    def _candidates(self) -> Source:
        return self._task.sources[self._task.table.candidates]

    def _counted(self, sources: Mapping[str, Source]) -> list[tuple[date, int]]:
        rows = rows_on(
            self._session, sources[self._task.table.candidates], self._time, self._scope.days
        )
        return days_of(self._session, rows, self._time)

    def _judge_slices(
        self,
        sources: Mapping[str, Source],
        counted: Sequence[tuple[date, int]],
        files: list[DataFile] | None,
    ) -> Tally:
        """Judge days of candidates; write what is promoted if there is a list for the files."""
        total = Tally()
        target = self._task.target if files is not None else None
        for part in slices(counted, self._session.rows_a_slice):
            show(self._session, self._direct(sources), on_days_only(self._session, part.days))
            judged = self._session.judge(self._task.table, self._task.params, target, part)
            if files is not None:
                files += judged.files
            total += judged.tally
        return total

    def _direct(self, sources: Mapping[str, Source]) -> dict[str, Source]:
        return {name: sources[name] for name in self._task.table.sources}

    def judge_people(self) -> str:
        """Replace the rows of the people in scope on other days; why not, or nothing."""
        if not (self._scope.people or self._scope.devices):
            return ""
        if not self._task.erased and not self._judge_theirs():
            return MUCH
        if not self._hold(self._base.sources):
            return MUCH
        before = self._session.judge(self._task.table, self._task.params, None)
        self.before += before.tally
        return "" if self._take_out() == before.rows_out else MISFIT

    def _judge_theirs(self) -> bool:
        if not self._hold(self._task.sources):
            return False
        judged = self._session.judge(self._task.table, self._task.params, self._task.target)
        self.fresh += judged.files
        self.tally += judged.tally
        return True

    def _hold(self, sources: Mapping[str, Source]) -> bool:
        """Read the rows of the people in scope once; False if there are too many to hold."""
        for source in self._direct(sources).values():
            held = f"their_{source.name}"
            time = load_tables()[source.name].time
            select = f"SELECT * FROM {held}" if time else self._session.rows_of(source)
            if time and self._held.get(held) != self._content(source):
                rows = of_people(self._session, self._scope.days)(source, time)
                self._session.hold(held, f"{rows} LIMIT {ROWS_TO_HOLD + 1}")
                self._held[held] = self._content(source)
            self._session.show(source.name, select)
        return all(self._rows(held) <= ROWS_TO_HOLD for held in self._held)

    def _content(self, source: Source) -> object:
        """Equal for two versions that hold the same rows outside the days in scope."""
        landed = load_tables()[source.name].feed and not self._task.erased
        return True if landed else {file.path for file in source.files}

    def _rows(self, table: str) -> int:
        return int(self._session.rows(f"SELECT count(*) FROM {table}")[0][0])

    def _take_out(self) -> int:
        """Write the files that hold old rows of theirs again without; how many rows went."""
        column = self._task.target.day_column
        touched = {day for day, _ in days_of(self._session, PROMOTED, column)}
        gone = 0
        for day in sorted(touched):
            files = [f for f in self._base.published.files if f.touches([day])]
            rest = f"SELECT * FROM ({self._session.rows_of(self._base.published.of(files))}) "
            others = f"{rest} WHERE NOT {theirs(self._task.table.name)}"
            kept = self._session.write(others, self._task.target)
            self.carried += kept
            self.removed += [file.path for file in files]
            gone += sum(file.rows for file in files) - sum(file.rows for file in kept)
        return gone

    def close(self) -> None:
        """Drop what was held."""
        self._session.drop(*self._held)

"""Write, audit, publish: one promoted table at a time, in dependency order.

A table is made anew as far as what it is made from has changed since its published version:
the engine finds the days and people, this module decides whether they can be told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from stedi.contract import Table, refresh_order
from stedi.engines.base import (
    MISFIT,
    Base,
    Engine,
    Erased,
    Finding,
    Params,
    Refreshed,
    RefreshTask,
    Tally,
)
from stedi.errors import CheckFailed, StediError
from stedi.lake.durable import remove_files
from stedi.lake.model import VERSION
from stedi.lake.store import Store
from stedi.refresh.audit import audit
from stedi.refresh.bookmark import (
    ACCOUNT,
    BOOKMARK,
    RUN,
    Account,
    account_of,
    made_from,
)
from stedi.refresh.upstream import base, wanted


class Unbalanced(CheckFailed):
    """The account of a partly refreshed table does not fit: it must be made anew."""


@dataclass(frozen=True)
class Refresh:
    """One refreshed table: its account, and the warnings of its checks."""

    account: Account
    warnings: list[Finding]


def refresh_tables(
    store: Store,
    engine: Engine,
    params: Params,
    run: str,
    progress: Callable[[str, int], None] = lambda table, rows: None,
    full: bool = False,
    erased: Erased | None = None,
    only: Sequence[Table] | None = None,
) -> list[Refresh]:
    """Refresh every promoted table as far as its sources, query or policy changed; all if full.

    `erased` names people whose rows, and no others, have just been taken out of landing; `only`
    names the tables to refresh, in order, if not all.
    """
    done = []
    for table in refresh_order() if only is None else only:
        seen = wanted(store, table, params)
        if full or store.table(table.name).summary.get(BOOKMARK) != seen:
            task = _Task(store, engine, table, params, run, seen, erased)
            done.append(task.refresh(full))
            progress(table.full_name, done[-1].account.rows_out)
    return done


@dataclass(frozen=True)
class _Task:
    """One table to refresh in one run; `seen` is its new bookmark."""

    store: Store
    engine: Engine
    table: Table
    params: Params
    run: str
    seen: str
    erased: Erased | None

    def refresh(self, full: bool) -> Refresh:
        """The part that changed, if the published version and what it was made of allow it."""
        known, why = (None, "asked for") if full else base(self.store, self.table, self.params)
        if known is not None:
            try:
                return self._publish(known, "")
            except Unbalanced:
                why = MISFIT
        return self._publish(None, why)

    def _publish(self, base: Base | None, why: str) -> Refresh:
        started = time.monotonic()
        stored = self.store.table(self.table.name)
        stored.ensure()
        result = self.engine.refresh(self._task(base))
        try:
            account = self._account(base, result, why, started)
            warnings = audit(self.store, self.engine, self.table, self.params, result)
        except StediError:
            remove_files(result.files)
            raise
        # From here on the files may be published, whatever a catalog says: they stay.
        summary = {RUN: self.run, BOOKMARK: self.seen, ACCOUNT: json.dumps(asdict(account))}
        if result.nothing_new:
            stored.publish([], summary | {VERSION: stored.version})
        else:
            stored.publish(result.files, summary, removed=result.removed)
        return Refresh(account, warnings)

    def _task(self, base: Base | None) -> RefreshTask:
        sources = {name: self.store.table(name).source() for name in made_from(self.table)}
        target = self.store.table(self.table.name).target()
        return RefreshTask(self.table, sources, target, self.params, base, self.erased)

    def _account(self, base: Base | None, result: Refreshed, why: str, started: float) -> Account:
        known = account_of(self.store, self.table)
        counted = result.tally
        if result.before is not None and known is not None:
            counted = Tally(known.rows_in, known.rows_out, known.excluded)
            counted = counted - result.before + result.tally
        account = Account(
            table=self.table.full_name,
            source=self.table.candidates,
            rows_in=counted.rows_in,
            rows_out=counted.rows_out,
            excluded=dict(counted.excluded),
            seconds=round(time.monotonic() - started, 4),
            engine=self.engine.name,
            run=self.run,
            scope=_scope(result, why),
        )
        if not account.balanced or account.rows_in != result.candidates:
            raise (Unbalanced if base else CheckFailed)(_imbalance(self.table, account, result))
        return account


def _scope(result: Refreshed, why: str) -> str:
    """How much was made anew, in words."""
    if result.extent is None:
        return f"all: {why or result.why}"
    return f"{result.extent.days} days, {result.extent.people} people"


def _imbalance(table: Table, account: Account, result: Refreshed) -> str:
    return (
        f"{table.full_name}: {result.candidates} rows in {table.candidates}, "
        f"{account.rows_in} judged, {account.rows_out} out, "
        f"{sum(account.excluded.values())} excluded; the account does not balance, "
        "so the previous version stays; check query.sql for a join that repeats rows"
    )

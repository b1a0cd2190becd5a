"""Forgetting people: everywhere, resumable at any point, and proved at the end.

The order makes it safe to be killed anywhere: first the journal and the fingerprints that keep
the people out, then delivered files, landing tables and promoted tables, then every older
version and unreferenced file; then every file under the lake is searched, and only a search
that finds nothing ends in a certificate and takes the journal away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stedi.contract import load_tables, refresh_order
from stedi.engines.base import Engine, Erased, Params
from stedi.erasure import versions
from stedi.erasure.journal import Journal, Removed, pending, same_people
from stedi.erasure.search import Proof
from stedi.errors import UsageError
from stedi.lake.home import Home, open_home
from stedi.lake.naming import lake_errors
from stedi.lake.store import Store
from stedi.landing.keepout import key_of
from stedi.maintain import expire_all
from stedi.places import S3Path, place
from stedi.refresh.bookmark import account_of
from stedi.refresh.record import last_recorded, published_after, record
from stedi.refresh.tables import refresh_tables
from stedi.run import catch_up, new_run, params_of, prepare
from stedi.subject import certificate, tables
from stedi.subject.batch import batch_of, delivered, known_again, refuse_unknown
from stedi.subject.raw import RawFiles

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Forgotten:
    """What was removed, by place, and the search of what is left."""

    erasure: str
    people: int
    removed: dict[str, Removed]
    proof: Proof

    @property
    def proved(self) -> bool:
        """Whether nothing of theirs was found, and every file could be read."""
        return not self.proof.findings


def foresee(
    store: Store, engine: Engine, emails: Sequence[str], tell: Tell = lambda step: None
) -> dict[str, Removed]:
    """What forgetting these people would remove, by place; changes nothing.

    StorageError names delivered files that could not be rewritten.
    """
    journal = _journal(store, engine, emails, "", tell)
    raw = RawFiles(store, journal)
    raw.check_writable()
    found: dict[str, Removed] = {}
    for feed, files in raw.look().items():
        hit = [file for file in files.values() if file.spans]
        lines, size = sum(f.removed for f in hit), sum(f.removed_bytes for f in hit)
        found[f"delivered {feed} files"] = Removed(len(hit), lines, size)
    for table in load_tables().values():
        if table.person is not None:
            rows = tables.count(store, engine, table, journal)
            found[table.full_name] = Removed(0, rows)
    return found


def forget(
    store: Store,
    engine: Engine,
    emails: Sequence[str],
    tell: Tell = lambda step: None,
    resume: bool = False,
) -> Forgotten:
    """Forget people in a lake that is locked by the caller.

    `resume` goes on with a forgetting that was interrupted, whoever it is about. UsageError if
    another is still to be finished, or nobody is named; StorageError, before anything changes,
    names delivered files that cannot be rewritten.
    """
    with lake_errors(store.home.root):
        store.forget()
        store.home = open_home(store.home.root)
        params = params_of(store)
        prepare(store, engine)
        journal = _open(store, engine, params, emails, tell, resume)
        if not journal.proving:
            tell("looking for their lines in delivered files")
            raw = RawFiles(store, journal)
            raw.check_writable()
            raw.look()
            key_of(store)  # that of the fingerprints: without it, nothing is begun
            journal.save(store.home)
            _remove(store, engine, params, journal, raw, tell)
        tell("removing older versions and files that nothing refers to")
        expire_all(store)
        _remove_past(store.home, journal)
        tell("searching every file of the lake")
        proof = certificate.prove(store.home, journal)
        if not proof.findings:
            certificate.publish(store, journal, proof)
            journal.clear(store.home)
        return Forgotten(journal.erasure, len(journal.people), journal.removed, proof)


def _remove_past(home: Home, journal: Journal) -> None:
    """Older versions of objects of the lake, and of the delivered files, where S3 keeps them."""
    home.confirm()
    for folder in home.folders:
        if isinstance(folder, S3Path):
            versions.purge(folder)
    delivered = (place(path) for paths in journal.delivered.values() for path in paths)
    versions.without_past(path for path in delivered if isinstance(path, S3Path))


def _open(
    store: Store,
    engine: Engine,
    params: Params,
    emails: Sequence[str],
    tell: Tell,
    resume: bool,
) -> Journal:
    found = pending(store.home)
    if found is None and resume:
        raise UsageError("no forgetting was interrupted: there is nothing to resume")
    if found is None:
        return _start(store, engine, params, emails, tell)
    if not resume and not same_people(found, batch_of(store, engine, emails).people):
        raise UsageError(
            "a forgetting of other people is not finished; finish it first: "
            "stedi subject forget --resume"
        )
    return found


def _start(
    store: Store, engine: Engine, params: Params, emails: Sequence[str], tell: Tell
) -> Journal:
    """Bring the tables up to date, then find out who is to be forgotten."""
    catch_up(store, engine)
    run = new_run()
    last = last_recorded(store)
    refresh_tables(store, engine, params, run)
    record(store, run, published_after(store, last))
    journal = _journal(store, engine, emails, new_run(), tell)
    for table in refresh_order():
        if account := account_of(store, table):
            journal.removed[table.full_name] = Removed(0, account.rows_out)
            files = store.table(table.name).source().files
            journal.published[table.name] = [file.path for file in files]
    return journal


def _journal(
    store: Store, engine: Engine, emails: Sequence[str], erasure: str, tell: Tell
) -> Journal:
    batch = known_again(store, batch_of(store, engine, emails))
    files = delivered(store, engine, batch)
    refuse_unknown(store, engine, batch)
    journal = Journal(erasure, batch.people, batch.devices, batch.identifiers, files)
    if missing := RawFiles(store, journal).missing:
        tell(
            f"{len(missing)} delivered files with lines of theirs are no longer where they were "
            f"delivered and are not rewritten, such as {missing[0]}"
        )
    return journal


def _remove(
    store: Store,
    engine: Engine,
    params: Params,
    journal: Journal,
    raw: RawFiles,
    tell: Tell,
) -> None:
    certificate.keep_out(store, journal)
    tell("rewriting delivered files")
    cut = raw.cut()
    tell("rewriting landing tables")
    tables.clear_landing(store, engine, journal)
    tables.mend_ledger(store, engine, journal, cut)
    tell("refreshing promoted tables")
    erased = Erased(journal.people, journal.devices)
    last = last_recorded(store)
    refresh_tables(store, engine, params, journal.erasure, erased=erased)
    record(store, journal.erasure, published_after(store, last))
    for table in refresh_order():
        if account := account_of(store, table):
            gone = journal.removed[table.full_name]
            gone.rows -= account.rows_out
            kept = {file.path for file in store.table(table.name).source().files}
            gone.files = len(set(journal.published[table.name]) - kept)
    for path, (lines, size) in journal.cut.items():
        journal.removed[path] = Removed(1, lines, size)
    for path in raw.missing:
        journal.removed[f"not there any more: {path}"] = Removed()
    journal.proving = True
    journal.save(store.home)

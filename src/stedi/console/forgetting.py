"""Forgetting somebody from the console: one at a time, in a thread, followed from any page.

It outlives the page that asked for it. A console that is ended finishes it first; one that is
killed leaves the lake's journal, with which anybody goes on. No address is kept here.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stedi.api import open_lake
from stedi.console.board import Boards
from stedi.console.results import Results
from stedi.errors import LakeBusyError, StediError
from stedi.lake.home import open_home
from stedi.places import Place

if TYPE_CHECKING:
    from stedi.subject.forget import Forgotten

WAIT = 3.0  # seconds for another change of the lake to end
AT_WORK = "a forgetting is at work already; wait until it has ended"
BUSY = (
    "a run or another change of the lake is at work; wait until it has ended and try again. "
    "Nothing was changed."
)


@dataclass
class Job:
    """One forgetting: who asked for it (role and token's name), how far it is, how it ended.

    `outcome` is there once it has ended well, `trouble` if it did not.
    """

    by: str
    resumed: bool
    started: datetime
    steps: list[str] = field(default_factory=list)
    ended: datetime | None = None
    outcome: Forgotten | None = None
    trouble: str = ""

    @property
    def state(self) -> str:
        """One of working; forgotten; unproved: out, but the search found something; failed."""
        if self.ended is None:
            return "working"
        if self.outcome is None:
            return "failed"
        return "forgotten" if self.outcome.proved else "unproved"

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()


class Forgetting:
    """The forgettings of one console; belongs to its event loop. `job` is the latest."""

    def __init__(self, root: Place, boards: Boards, results: Results) -> None:
        self._root = root
        self._boards = boards
        self._results = results
        self._task: asyncio.Task[None] | None = None
        self.job: Job | None = None

    @property
    def working(self) -> bool:
        """Whether one is at work."""
        return self.job is not None and self.job.state == "working"

    async def start(self, by: str, emails: Sequence[str], resume: bool = False) -> Job:
        """Begin to forget people, or to go on with what was interrupted.

        LakeBusyError if one is at work here, or anything else changes the lake.
        """
        if self.working:
            raise LakeBusyError(AT_WORK)
        before, job = self.job, Job(by, resume, datetime.now(UTC))
        self.job = job  # from here on nobody else starts one, while it is seen whether it may be
        try:
            await asyncio.to_thread(_refuse_busy, self._root)
        except BaseException:
            self.job = before
            raise
        self._task = asyncio.create_task(self._work(job, emails, resume))
        return job

    async def _work(self, job: Job, emails: Sequence[str], resume: bool) -> None:
        """To the end, whatever it is; what the console has in memory of the people goes too."""
        try:
            job.outcome = await asyncio.to_thread(
                _forget, self._root, emails, job.steps.append, resume
            )
        except LakeBusyError:
            job.trouble = BUSY
        except StediError as error:
            job.trouble = _without(str(error), emails)
        except Exception as error:  # a fault of ours must not leave the page waiting
            job.trouble = f"something went wrong here ({type(error).__name__})"
            sys.stderr.write(f"fault in a forgetting: {type(error).__name__}\n")
        finally:
            await self._tidy(job)

    async def _tidy(self, job: Job) -> None:
        self._results.clear()
        try:
            await self._boards.look(now=True)
        finally:
            job.ended = datetime.now(UTC)


def _refuse_busy(root: Place) -> None:
    try:
        with open_home(root).lock(WAIT):
            pass
    except LakeBusyError:
        raise LakeBusyError(BUSY) from None


def _forget(
    root: Place, emails: Sequence[str], tell: Callable[[str], None], resume: bool
) -> Forgotten:
    with open_lake(root) as lake:
        return lake.forget(emails, tell, resume, WAIT)


def _without(text: str, emails: Sequence[str]) -> str:
    """A message that stays on the page names nobody."""
    for email in emails:
        text = text.replace(email, "the address")
    return text

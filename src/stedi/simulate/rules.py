"""What each table must hold, worked out from what is known of each recording.

No query is run: consent, ownership and what was delivered twice are known here, so the
product's queries and this module can only agree by both being right.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from stedi.simulate.arrays import Flags, Small
from stedi.simulate.deliveries import AGAIN, COPIES, RESPELT, UNKNOWN
from stedi.simulate.recording import Recording

POLICIES = ("since", "any")
REASONS = {
    "customer_trusted": (
        "no research consent",
        "superseded by a newer record",
        "exact duplicate",
    ),
    "accelerometer_trusted": (
        "unknown customer",
        "no research consent",
        "recorded before consent",
        "exact duplicate",
    ),
    "customers_curated": ("no accelerometer readings",),
    "step_trainer_trusted": (
        "unknown device",
        "device claimed by several people",
        "no research consent",
        "owner has no accelerometer readings",
        "recorded before consent",
        "exact duplicate",
    ),
    "machine_learning_curated": (
        "no step-trainer reading at that instant",
        "step-trainer readings disagree",
        "exact duplicate",
    ),
}


@dataclass
class Account:
    """Rows promoted into one table, and candidates excluded by reason."""

    out: int = 0
    excluded: Counter[str] = field(default_factory=Counter)

    def add(self, other: Account) -> None:
        """Take up the counts of another part."""
        self.out += other.out
        self.excluded.update(other.excluded)

    def as_json(self, table: str) -> dict[str, object]:
        """Rows in and out, and every reason of the table, also those that nothing met."""
        excluded = {reason: self.excluded[reason] for reason in REASONS[table]}
        return {"in": self.out + sum(excluded.values()), "out": self.out, "excluded": excluded}


def eligible(made: Recording, policy: str) -> Flags:
    """Which instants the person's consent covers, (n,)."""
    since = made.person.since
    if since is None:
        return np.zeros(len(made.time), dtype=np.bool_)
    return made.time >= since if policy == "since" else np.ones(len(made.time), dtype=np.bool_)


def accelerometer_trusted(made: Recording, policy: str) -> Account:
    """Readings of people who consent, since they do."""
    way, phone = made.deliveries.phone_way, made.deliveries.phone
    delivered, known = phone * COPIES[way], way != UNKNOWN
    covered = eligible(made, policy)
    repeats = int(phone[covered & (way == AGAIN)].sum())
    outside = "no research consent" if made.person.since is None else "recorded before consent"
    return Account(
        int(delivered[covered & known].sum()) - repeats,
        Counter(
            {
                "unknown customer": int(delivered[~known].sum()),
                outside: int(delivered[~covered & known].sum()),
                "exact duplicate": repeats,
            }
        ),
    )


def step_trainer_trusted(made: Recording, policy: str) -> Account:
    """Readings of the devices of people in customers_curated, since they consent."""
    account = Account()
    for place, count in device_readings(made):
        account.add(_device_account(made, policy, made.person.contested[place], count))
    return account


def _device_account(made: Recording, policy: str, contested: bool, count: Small) -> Account:
    """The account of one device's readings, `count` at each instant."""
    way, covered = made.deliveries.trainer_way, eligible(made, policy)
    delivered, known = count * COPIES[way], way != UNKNOWN
    account = Account(excluded=Counter({"unknown device": int(delivered[~known].sum())}))
    refusal = _refusal(made, policy, contested)
    if refusal:
        account.excluded[refusal] += int(delivered[known].sum())
        return account
    repeats = int(count[covered & (way == AGAIN)].sum())
    account.out = int(delivered[covered & known].sum()) - repeats
    account.excluded["recorded before consent"] += int(delivered[~covered & known].sum())
    account.excluded["exact duplicate"] += repeats
    return account


def _refusal(made: Recording, policy: str, contested: bool) -> str | None:
    """Why a device's readings are all left out, if they are."""
    if contested:
        return "device claimed by several people"
    if made.person.since is None:
        return "no research consent"
    return None if made.person.curated(policy) else "owner has no accelerometer readings"


def machine_learning_curated(made: Recording, policy: str) -> Account:
    """Trusted accelerometer readings beside the one trusted distance of their instant."""
    way, phone = made.deliveries.phone_way, made.deliveries.phone
    # A reading spelt otherwise is a row of its own before, and a repeat once the name is gone.
    candidates = np.where(way == UNKNOWN, 0, phone) * np.where(way == RESPELT, 2, 1)
    candidates = np.where(eligible(made, policy), candidates, 0)
    main, second = trusted_readings(made)
    disagree = main & second & (made.distance != made.second)
    paired = (main | second) & ~disagree
    repeats = int(candidates[paired & (way == RESPELT)].sum()) // 2
    return Account(
        int(candidates[paired].sum()) - repeats,
        Counter(
            {
                "no step-trainer reading at that instant": int(candidates[~main & ~second].sum()),
                "step-trainer readings disagree": int(candidates[disagree].sum()),
                "exact duplicate": repeats,
            }
        ),
    )


def device_readings(made: Recording) -> list[tuple[int, Small]]:
    """Each device used, as its place among the person's, with its readings at each instant."""
    count = made.deliveries.trainer
    return [
        (made.names.main, (count >= 1).astype(np.int32)),
        (made.names.other, (count == 2).astype(np.int32)),
    ]


def trusted_readings(made: Recording) -> tuple[Flags, Flags]:
    """Instants whose first, and whose second, step trainer reading counts, consent aside."""
    known = made.deliveries.trainer_way != UNKNOWN
    count, contested = made.deliveries.trainer, made.person.contested
    return (
        known & (count >= 1) & (not contested[made.names.main]),
        known & (count == 2) & (not contested[made.names.other]),
    )


ACCOUNTS = {
    "accelerometer_trusted": accelerometer_trusted,
    "step_trainer_trusted": step_trainer_trusted,
    "machine_learning_curated": machine_learning_curated,
}

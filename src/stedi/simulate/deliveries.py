"""Which readings of a recording exist, and how each is delivered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stedi.simulate.arrays import Floats, Small
from stedi.simulate.plan import LINES_PER_INSTANT, LINES_WITHOUT_PHONE

# How a stretch of readings is delivered. GONE: the device was off, there are none.
PROMPT, LATE, AGAIN, RESPELT, UNKNOWN, GONE = range(6)
# Copies of each line that are delivered, in the same order.
COPIES = np.array([1, 1, 2, 2, 1, 0])
PHONE_SHARES = np.array([0.93, 0.03, 0.015, 0.01, 0.005, 0.01])
TRAINER_SHARES = np.array([0.94, 0.03, 0.015, 0.0, 0.005, 0.01])
# Shares of instants with 0, 1, 2, ... readings of a device.
EVEN_PHONE = np.array([0.01, 0.0, 0.03, 0.96])
UNEVEN_PHONE = np.array([0.01, 0.01, 0.15, 0.68, 0.15])
TRAINER = np.array([0.015, 0.981, 0.004])
NO_PHONE = np.array([1.0])


@dataclass(frozen=True)
class Deliveries:
    """One entry per instant of a recording.

    `phone` and `trainer` count the readings of each device, `phone_way` and `trainer_way` say
    how they are delivered. Lines delivered add up to what the plan asked for.
    """

    phone: Small
    trainer: Small
    phone_way: Small
    trainer_way: Small

    def __len__(self) -> int:
        return len(self.phone)


def draw(lines: int, rng: np.random.Generator, *, phone: bool, irregular: bool) -> Deliveries:
    """Readings whose delivered lines number exactly `lines` (1 or more).

    The last instant is delivered promptly and, when there is a phone, has a phone reading.
    """
    each = LINES_PER_INSTANT if phone else LINES_WITHOUT_PHONE
    drawn = _drawn(int(0.97 * lines / each), rng, _phone_counts(phone, irregular))
    total = np.cumsum(drawn.phone * COPIES[drawn.phone_way]
                      + drawn.trainer * COPIES[drawn.trainer_way])  # fmt: skip
    kept = int(np.searchsorted(total, lines - 1, side="right"))
    missing = lines - (int(total[kept - 1]) if kept else 0)
    return _completed(drawn, kept, missing, phone=phone)


def _phone_counts(phone: bool, irregular: bool) -> Floats:
    if not phone:
        return NO_PHONE
    return UNEVEN_PHONE if irregular else EVEN_PHONE


def _drawn(
    instants: int,
    rng: np.random.Generator,
    phone_counts: Floats,
) -> Deliveries:
    phone_way = _stretches(PHONE_SHARES, instants, rng)
    trainer_way = _stretches(TRAINER_SHARES, instants, rng)
    return Deliveries(
        phone=_pick(phone_counts, instants, rng) * (phone_way != GONE),
        trainer=_pick(TRAINER, instants, rng) * (trainer_way != GONE),
        phone_way=phone_way,
        trainer_way=trainer_way,
    )


def _pick(shares: Floats, count: int, rng: np.random.Generator) -> Small:
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random(count), side="right").astype(np.int32)


def _stretches(shares: Floats, instants: int, rng: np.random.Generator) -> Small:
    """Ways of delivery that hold for up to 64 instants on end: devices send in batches."""
    length = min(max(instants // 24, 1), 64)
    return np.repeat(_pick(shares, instants // length + 1, rng), length)[:instants]


def _completed(drawn: Deliveries, kept: int, missing: int, *, phone: bool) -> Deliveries:
    """The first `kept` instants and as many plain ones as the `missing` lines fill."""
    phone_tail, trainer_tail = _tail(missing, phone=phone)
    prompt = np.zeros(len(phone_tail), dtype=np.int32)
    return Deliveries(
        phone=np.concatenate([drawn.phone[:kept], phone_tail]),
        trainer=np.concatenate([drawn.trainer[:kept], trainer_tail]),
        phone_way=np.concatenate([drawn.phone_way[:kept], prompt]),
        trainer_way=np.concatenate([drawn.trainer_way[:kept], prompt]),
    )


def _tail(missing: int, *, phone: bool) -> tuple[Small, Small]:
    """Instants of three phone readings and one of the trainer, then the rest of the phone's."""
    if not phone:
        return np.zeros(missing, dtype=np.int32), np.ones(missing, dtype=np.int32)
    full, rest = divmod(missing, 4)
    phones = [3] * full + [rest] * (rest > 0)
    trainers = [1] * full + [0] * (rest > 0)
    return np.array(phones, dtype=np.int32), np.array(trainers, dtype=np.int32)

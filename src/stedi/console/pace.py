"""How often somebody may do something: a bucket that fills at a rate (token bucket)."""

from __future__ import annotations

import time
from collections import OrderedDict

MOST_KNOWN = 4096


class Pace:
    """So many at once, and `rate` a second in the long run."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._seen = time.monotonic()

    def allows(self, cost: float = 1) -> bool:
        """Whether one more may be done now; counts it if so."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left < cost:
            return False
        self._left -= cost
        return True


class Paces:
    """A pace for each of many, by name; the one not seen for longest is forgotten."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._known: OrderedDict[str, Pace] = OrderedDict()

    def of(self, name: str) -> Pace:
        """The pace of that one."""
        pace = self._known.pop(name, None) or Pace(self._rate, self._burst)
        self._known[name] = pace
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return pace

"""The people of a costs lake: who they are, when they consent, what the customer feed says.

Everything follows from the seed and a person's number. Even numbers consent at the beginning.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

PEOPLE_AT_50M = 20_000
FEWEST_PEOPLE = 50
DAY_MS = 86_400_000
START_MS = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1000)
REGISTERED_MS = START_MS - 10 * DAY_MS
CHANGED_MS = START_MS + 365 * DAY_MS

_GIVEN = ("Ada", "Bo", "Cleo", "Dan", "Eva", "Finn", "Gil", "Hana", "Ines", "Jon", "Kim")
_SYLLABLES = [consonant + vowel for consonant in "bdfghjklmnprstv" for vowel in "aeiou"]
_NAMESPACE = uuid.UUID("5ced1500-0000-4000-8000-000000000000")


@dataclass(frozen=True)
class Person:
    """One customer; name, address, phone and device are nobody else's."""

    number: int
    seed: int

    @property
    def name(self) -> str:
        """Given and family name."""
        return f"{_GIVEN[self.number % len(_GIVEN)]} {self._family}"

    @property
    def email(self) -> str:
        """The address as the app sends it."""
        return f"{self._family}.{_GIVEN[self.number % len(_GIVEN)]}@example.test".lower()

    @property
    def serial(self) -> str:
        """The device's serial number."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.seed}-{self.number}"))

    @property
    def consents(self) -> bool:
        """Whether the first record gives research consent."""
        return self.number % 2 == 0

    @property
    def _family(self) -> str:
        """Six letters, different for each of the first 421,875 people."""
        rest, last = divmod((self.number * 7919 + self.seed) % 75**3, 75)
        first, middle = divmod(rest, 75)
        return (_SYLLABLES[first] + _SYLLABLES[middle] + _SYLLABLES[last]).capitalize()

    def record(self, consents: bool, change: int = 0) -> str:
        """A line of the customer feed; of two records, the one of the later `change` counts."""
        fields: dict[str, object] = {
            "customerName": self.name,
            "email": self.email.title() if self.number % 5 == 0 else self.email,
            "phone": str(2_000_000_000 + self.number),
            "birthDay": f"{1930 + self.number % 75}-{1 + self.number % 12:02}-01",
            "serialNumber": self.serial,
            "registrationDate": REGISTERED_MS,
            "lastUpdateDate": CHANGED_MS + 1000 * change if change else REGISTERED_MS,
        }
        if consents:
            fields["shareWithResearchAsOfDate"] = REGISTERED_MS
        return json.dumps(fields, separators=(",", ":")) + "\n"


def number_of_people(readings: int) -> int:
    """20,000 people record 50 million readings, and fewer fewer."""
    return max(FEWEST_PEOPLE, round(readings * PEOPLE_AT_50M / 50_000_000))


def people(count: int, seed: int) -> Iterable[Person]:
    """The first `count` people."""
    return (Person(number, seed) for number in range(count))

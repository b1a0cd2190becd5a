"""A schedule as EventBridge writes it, checked before AWS sees it."""

from __future__ import annotations

import re
from typing import Any

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
# Minutes, hours, day of the month, month, day of the week, year: least, most, names from least.
_FIELDS: tuple[tuple[int, int, list[str]], ...] = (
    (0, 59, []),
    (0, 23, []),
    (1, 31, []),
    (1, 12, _MONTHS),
    (1, 7, _DAYS),
    (1970, 2199, []),
)
_PART = re.compile(r"(\*|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>[1-9]\d*))?")
_SPECIAL = ("L", "LW", "\\d+W", "\\dL", "\\d#[1-5]")
_MONTH = 31
_WANTED = (
    "six fields in cron(): minutes hours day-of-month month day-of-week year, with ? for one of "
    'the days, such as "cron(15 3 * * ? *)"'
)


def cron_fault(value: Any) -> str:
    """What a schedule should be instead; empty if it is one."""
    found = re.fullmatch(r"cron\((.+)\)", value) if isinstance(value, str) else None
    fields = found[1].split() if found else []
    if len(fields) != len(_FIELDS) or (fields[2] == "?") == (fields[4] == "?"):
        return _WANTED
    fits = [_fits(field, index) for index, field in enumerate(fields)]
    return "" if all(fits) else _WANTED


def gap_days(schedule: str) -> int:
    """The most days from one start to the next; what is not counted in weeks, as a month."""
    day, month, weekday, year = schedule.removesuffix(")").split()[2:]
    if month != "*" or year != "*" or day not in ("*", "?"):
        return _MONTH
    starts = _weekdays(weekday) if weekday not in ("*", "?") else set(range(7))
    following = [min((other - one - 1) % 7 for other in starts) + 1 for one in starts]
    return max(following, default=_MONTH)


def _weekdays(field: str) -> set[int]:
    """The days of the week that a field names; none if it counts them within the month."""
    if re.fullmatch("|".join(_SPECIAL), field) or "/" in field:
        return set()
    found: set[int] = set()
    for part in field.split(","):
        first, _, last = part.partition("-")
        begin, end = (_number(name or first, 1, _DAYS) for name in (first, last))
        found |= {(begin + more) % 7 for more in range((end - begin) % 7 + 1)}
    return found


def _fits(field: str, index: int) -> bool:
    if field == "?":
        return index in (2, 4)
    if index in (2, 4) and re.fullmatch("|".join(_SPECIAL), field):
        return True
    return all(_part_fits(part, *_FIELDS[index]) for part in field.split(","))


def _part_fits(part: str, least: int, most: int, names: list[str]) -> bool:
    found = _PART.fullmatch(part)
    if found is None:
        return False
    numbers = [_number(found[key], least, names) for key in ("first", "last") if found[key]]
    return all(least <= number <= most for number in numbers)


def _number(text: str, least: int, names: list[str]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + least
    return int(text) if text.isdecimal() else -1

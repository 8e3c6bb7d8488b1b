"""Calendar arithmetic on day numbers, of unlimited range and without ``datetime``.

A day number counts days since 1970-01-01 in the proleptic Gregorian calendar, which goes on before
year 1 and after year 9999 here. Every function takes Python ints or NumPy arrays (int64, or object
arrays of ints), broadcasts, and returns the same kind. The conversions are those of Howard Hinnant,
"chrono-compatible low-level date algorithms" (2013): a year begins in March, so that the leap day
comes last, and 400 years are one era.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

# int, or an array; the arithmetic is written so that both (and object arrays) take it.
Days: TypeAlias = Any

_ERA_DAYS = 146_097
_EPOCH_SHIFT = 719_468  # days from 0000-03-01 to 1970-01-01


def days_from_civil(year: Days, month: Days, day: Days) -> Days:
    """Return the day number of a date; ``month`` is 1 to 12 and ``day`` 1 to the month's last."""
    march_year = year - (14 - month) // 12
    era = march_year // 400
    year_of_era = march_year - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * _ERA_DAYS + day_of_era - _EPOCH_SHIFT


def civil_from_days(days: Days) -> tuple[Days, Days, Days]:
    """Return (year, month, day) of a day number."""
    shifted = days + _EPOCH_SHIFT
    era = shifted // _ERA_DAYS
    day_of_era = shifted - era * _ERA_DAYS
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_index = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_index + 2) // 5 + 1
    month = (month_index + 2) % 12 + 1
    return year_of_era + era * 400 + (14 - month) // 12, month, day


def weekday(days: Days) -> Days:
    """Return the ISO weekday, 1 Monday to 7 Sunday."""
    return (days + 3) % 7 + 1


def add_months(days: Days, months: Days) -> Days:
    """Return the day ``months`` calendar months later (earlier if negative).

    The day of the month stays, or becomes the month's last where the month is shorter. The result
    never decreases as ``days`` or ``months`` grows.
    """
    year, month, day = civil_from_days(days)
    index = year * 12 + (month - 1) + months
    first = days_from_civil(index // 12, index % 12 + 1, 1)
    after = days_from_civil((index + 1) // 12, (index + 1) % 12 + 1, 1)
    return first + _least(day, after - first) - 1


def _least(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        return min(left, right)
    return np.minimum(left, right)

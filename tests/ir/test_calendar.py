"""Calendar arithmetic against the standard library, and beyond the years it knows."""

from __future__ import annotations

import calendar
from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthtab.ir.calendar import add_months, civil_from_days, days_from_civil, weekday
from synthtab.schema import EPOCH, MAX_DAY, MIN_DAY

ANY_DAY = st.integers(-(10**12), 10**12)
MONTHS = st.integers(-(10**6), 10**6)


@given(st.dates())
def test_days_are_those_of_the_standard_library(day: date) -> None:
    number = (day - EPOCH).days
    assert civil_from_days(number) == (day.year, day.month, day.day)
    assert days_from_civil(day.year, day.month, day.day) == number
    assert weekday(number) == day.isoweekday()


@given(ANY_DAY)
def test_days_go_on_outside_the_years_of_the_standard_library(number: int) -> None:
    year, month, day = civil_from_days(number)
    assert days_from_civil(year, month, day) == number
    # The calendar repeats every 400 years, which are a whole number of weeks.
    assert civil_from_days(number + 146_097) == (year + 400, month, day)
    assert weekday(number + 146_097) == weekday(number)


@given(st.dates(), st.integers(-30_000, 30_000))
def test_months_keep_the_day_or_take_the_last(day: date, months: int) -> None:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if 1 <= year <= 9999:
        last = calendar.monthrange(year, month + 1)[1]
        expected = date(year, month + 1, min(day.day, last))
        assert add_months((day - EPOCH).days, months) == (expected - EPOCH).days


@given(ANY_DAY, ANY_DAY, MONTHS, MONTHS)
def test_adding_months_keeps_the_order(a: int, b: int, m: int, k: int) -> None:
    assert add_months(min(a, b), min(m, k)) <= add_months(max(a, b), max(m, k))


def test_arrays_are_converted_like_ints() -> None:
    days = np.linspace(MIN_DAY, MAX_DAY, 1001).astype(np.int64)
    for array in (days, days.astype(object)):
        found = zip(*civil_from_days(array), strict=True)
        assert list(found) == [civil_from_days(int(d)) for d in days]
        assert list(add_months(array, 13)) == [add_months(int(d), 13) for d in days]
        assert list(weekday(array)) == [weekday(int(d)) for d in days]

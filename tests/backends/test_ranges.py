"""Bounds of numbers, dates and times, exhaustively on small windows, both sides of each."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from outlines_core import Index, Vocabulary

from synthtab.backends.ranges import date_regex, datetime_regex, decimal_regex, escape, number_regex
from synthtab.schema import EPOCH, MAX_DAY, MIN_DAY

WINDOW = range(-24, 116)


def accepted_by_outlines(pattern: str, alphabet: str, longest: int) -> set[str]:
    """Return every string that Outlines' automaton accepts."""
    tokens = {c.encode(): [k] for k, c in enumerate(alphabet)}
    index = Index(pattern, Vocabulary(len(alphabet), tokens))
    found, frontier = set(), [(index.get_initial_state(), "")]
    while frontier:
        state, text = frontier.pop()
        if index.is_final_state(state):
            found.add(text)
        if len(text) < longest:
            tokens_here = [t for t in index.get_allowed_tokens(state) or [] if t < len(alphabet)]
            frontier += [(index.get_next_state(state, t), text + alphabet[t]) for t in tokens_here]
    return found


def test_numbers_of_every_small_range() -> None:
    written = [str(n) for n in WINDOW]
    for lo in WINDOW:
        for hi in range(lo, WINDOW.stop):
            full = re.compile(number_regex(lo, hi)).fullmatch
            assert [s for s in written if full(s)] == [str(n) for n in range(lo, hi + 1)]


@pytest.mark.parametrize("text", ["00", "01", "-0", "-01", "+1", "", "1.0", " 1", "1\n", "٣"])
def test_numbers_have_one_spelling(text: str) -> None:
    assert re.fullmatch(number_regex(-50, 150), text) is None


def test_padded_numbers_of_every_small_range() -> None:
    written = [f"{n:03d}" for n in range(130)]
    for lo in range(115):
        for hi in range(lo, 115):
            full = re.compile(number_regex(lo, hi, width=3)).fullmatch
            assert [s for s in written if full(s)] == [f"{n:03d}" for n in range(lo, hi + 1)]
    assert re.fullmatch(number_regex(5, 20, width=3), "7") is None


def test_padded_negative_numbers() -> None:
    full = re.compile(number_regex(-12, 3, width=2)).fullmatch
    written = [f"{'-' * (n < 0)}{abs(n):02d}" for n in range(-20, 20)]
    assert [s for s in written if full(s)] == written[8:24]


@pytest.mark.parametrize(
    ("lo", "hi"),
    [(-(2**63) + 1, 2**63 - 1), (999, 10_001), (-1, 10**18), (123_456, 654_321), (0, 0), (1, 10)],
)
def test_both_sides_of_large_bounds(lo: int, hi: int) -> None:
    full = re.compile(number_regex(lo, hi)).fullmatch
    for n in (lo, hi, (lo + hi) // 2, lo + 1, hi - 1):
        assert bool(full(str(n))) == (lo <= n <= hi)
    for n in (lo - 1, hi + 1, lo - 10, hi + 10, 10 * hi + 10**20, lo * 10 - 10**20):
        assert full(str(n)) is None


@pytest.mark.parametrize(("lo", "hi"), [(0, 0), (-13, 27), (7, 113), (99, 100), (-120, -9)])
def test_outlines_accepts_exactly_the_same_numbers(lo: int, hi: int) -> None:
    accepted = accepted_by_outlines(number_regex(lo, hi), "-0123456789", 5)
    assert accepted == {str(n) for n in range(lo, hi + 1)}


@pytest.mark.parametrize("scale", [1, 2])
def test_decimals_of_every_small_range(scale: int) -> None:
    window = range(-23, 124) if scale == 1 else range(-12, 118, 3)
    written = {n: f"{Decimal(n).scaleb(-scale):f}" for n in range(-130, 240)}
    for lo in window:
        for hi in range(lo, window.stop, 5):
            full = re.compile(decimal_regex(lo, hi, scale)).fullmatch
            assert [n for n, s in written.items() if full(s)] == list(range(lo, hi + 1))


@pytest.mark.parametrize("text", ["1", "1.", "1.5", ".50", "-0.00", "01.00", "1.000", "1,00"])
def test_decimals_have_one_spelling(text: str) -> None:
    assert re.fullmatch(decimal_regex(-500, 500, 2), text) is None


def day(text: str) -> int:
    return (date.fromisoformat(text) - EPOCH).days


RANGES = [
    ("0001-01-01", "9999-12-31"),
    ("1899-12-31", "2100-03-01"),
    ("2023-02-28", "2024-02-29"),
    ("2000-01-01", "2099-12-31"),
    ("1950-05-05", "2010-05-04"),
    ("2024-02-29", "2024-02-29"),
    ("2023-11-30", "2024-01-01"),
    ("1600-02-29", "1999-12-31"),
]


@pytest.mark.parametrize(("first", "last"), RANGES)
def test_dates_to_the_day(first: str, last: str) -> None:
    lo, hi = day(first), day(last)
    full = re.compile(date_regex(lo, hi)).fullmatch
    near = {d for end in (lo, hi) for d in range(end - 800, end + 801)} | set(range(lo, hi, 97))
    for number in near:
        if MIN_DAY <= number <= MAX_DAY:
            text = (EPOCH + timedelta(days=number)).isoformat()
            assert bool(full(text)) == (lo <= number <= hi), text


@pytest.mark.parametrize("year", [1, 4, 100, 400, 1900, 1999, 2000, 2024, 2100, 9999])
def test_days_that_are_in_no_calendar(year: int) -> None:
    full = re.compile(date_regex(MIN_DAY, MAX_DAY)).fullmatch
    for month in range(14):
        for number in range(34):
            text = f"{year:04d}-{month:02d}-{number:02d}"
            try:
                real = bool(date.fromisoformat(text))
            except ValueError:
                real = False
            assert bool(full(text)) == real, text


def test_outlines_accepts_exactly_the_same_days() -> None:
    lo, hi = day("1999-11-15"), day("2001-03-02")
    accepted = accepted_by_outlines(date_regex(lo, hi), "-0123456789", 10)
    assert accepted == {(EPOCH + timedelta(days=d)).isoformat() for d in range(lo, hi + 1)}


@pytest.mark.parametrize("resolution", [1, 60, 3600])
@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2024-02-28T22:00:00", "2024-03-01T01:00:00"),
        ("2024-02-28T00:00:00", "2024-02-29T23:00:00"),
        ("2024-02-28T13:00:00", "2024-02-28T15:00:00"),
        ("2023-12-31T23:00:00", "2024-01-01T00:00:00"),
    ],
)
def test_datetimes_to_the_tick(first: str, last: str, resolution: int) -> None:
    epoch = datetime(1970, 1, 1)
    lo = int((datetime.fromisoformat(first) - epoch).total_seconds()) // resolution + 2
    hi = int((datetime.fromisoformat(last) - epoch).total_seconds()) // resolution - 1
    if lo > hi:
        lo, hi = hi, hi
    full = re.compile(datetime_regex(lo, hi, resolution)).fullmatch
    step = max(1, 37 // resolution)
    ticks = {*range(lo - 200, hi + 200, step), lo, hi, lo - 1, hi + 1}
    for tick in ticks:
        text = str(epoch + timedelta(seconds=tick * resolution))
        assert bool(full(text)) == (lo <= tick <= hi), text
    if resolution > 1:
        assert full(str(epoch + timedelta(seconds=lo * resolution + 1))) is None


def test_odd_minutes_at_both_ends() -> None:
    lo, hi = 10 * 3600 + 17 * 60 + 31, 12 * 3600 + 5 * 60 + 7
    full = re.compile(datetime_regex(lo, hi, 1)).fullmatch
    for tick in range(lo - 4000, hi + 4000):
        text = str(datetime(1970, 1, 1) + timedelta(seconds=tick))
        assert bool(full(text)) == (lo <= tick <= hi), text


@pytest.mark.parametrize(
    "make",
    [
        lambda: number_regex(2, 1),
        lambda: number_regex(0, 100, width=2),
        lambda: decimal_regex(2, 1, 2),
        lambda: date_regex(2, 1),
        lambda: date_regex(MIN_DAY - 1, 0),
    ],
)
def test_empty_and_impossible_ranges_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"\d"):
        make()


@pytest.mark.parametrize(
    "text", ["a.b", "(x)", "[1-2]", "$5^", "50%", "a|b", "\\", "naïve ☃", "#-"]
)
def test_escaped_text_matches_itself_only(text: str) -> None:
    assert re.fullmatch(escape(text), text)
    assert re.fullmatch(escape(text), text + "x") is None
    alphabet = "".join(dict.fromkeys(c for c in text if c.isascii())) + "z"
    if text.isascii():
        assert accepted_by_outlines(escape(text), alphabet, len(text) + 1) == {text}

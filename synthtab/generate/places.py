"""Positional systems: how the codes of an ordered column are written as a few symbols.

A number is groups of two digits, a date is year, month and day, a datetime goes on with the time of
day, a column of few codes is one symbol. Symbols of a position are numbered from 0 in the order of
what they stand for, so that a prefix of symbols always stands for one interval of codes. NULL is no
business of this module (tokenizer.py adds it), nor is text (characters.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.schema import (
    INT64_MAX,
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    EnumType,
    type_domain,
)
from synthtab.solver.feasible import EMPTY_HI, EMPTY_LO

SMALL_DOMAIN = 200
WIDEST_YEARS = 400

Symbols = NDArray[np.int64]
_GROUP: Codes = np.arange(100)


class Positional(Protocol):
    """One way to write the codes ``lo`` to ``hi`` of a column."""

    @property
    def lo(self) -> int:
        """The least code."""

    @property
    def hi(self) -> int:
        """The greatest code."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many symbols each position has."""

    def encode(self, codes: Codes) -> Symbols:
        """Return the symbols (rows, positions) of codes (rows,) that lie in the domain."""

    def decode(self, symbols: Symbols) -> tuple[Codes, Mask]:
        """Return codes (rows,) and whether each row of symbols is a value at all; code 0 if not."""

    def bounds(self, position: int, prefix: Symbols) -> tuple[Codes, Codes]:
        """Return the least and greatest code (R, S) each next symbol may still become.

        ``prefix`` (R, position) holds the symbols before. Empty (lo > hi) where the symbol is
        impossible. The interval is one of the type: the domain may be narrower.
        """

    def spellings(self) -> list[list[str]] | None:
        """Return each symbol's text per position, or None where every symbol is always right."""


def places_of(column: Column, lo: int, hi: int) -> Choice | Digits | Calendar:
    """Choose the system for a column that is not text and whose codes lie in ``lo`` .. ``hi``."""
    if hi - lo < SMALL_DOMAIN or isinstance(column.type, EnumType | BooleanType):
        return Choice(lo, hi)
    if isinstance(column.type, DateType):
        return Calendar(lo, hi, ())
    if isinstance(column.type, DatetimeType):
        clock = {3600: (24,), 60: (24, 60), 1: (24, 60, 60)}[column.type.resolution]
        return Calendar(lo, hi, clock)
    least, greatest = type_domain(column.type)
    return Digits(max(lo, least), min(hi, greatest))


@dataclass(frozen=True)
class Choice:
    """One position with one symbol per code."""

    lo: int
    hi: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """One position."""
        return (self.hi - self.lo + 1,)

    def encode(self, codes: Codes) -> Symbols:
        """See :class:`Positional`."""
        return (codes - self.lo)[:, None]

    def decode(self, symbols: Symbols) -> tuple[Codes, Mask]:
        """See :class:`Positional`."""
        return symbols[:, 0] + self.lo, np.ones(len(symbols), dtype=bool)

    def bounds(self, position: int, prefix: Symbols) -> tuple[Codes, Codes]:
        """See :class:`Positional`."""
        each = np.broadcast_to(np.arange(self.lo, self.hi + 1), (len(prefix), self.sizes[0]))
        return each, each

    def spellings(self) -> None:
        """Every symbol is a value."""


@dataclass(frozen=True)
class Digits:
    """Groups of two decimal digits, most significant first; the first group carries the sign.

    Groups that ``lo`` and ``hi`` have in common are left out, and the first position has only the
    symbols between theirs: -31000 .. 20000 is three groups, the first of them -3 to -0 and 0 to 2.
    """

    lo: int
    hi: int

    @cached_property
    def _powers(self) -> tuple[int, ...]:
        """What one unit of each position's group is worth."""
        top, unit = 0, 100
        greatest = max(abs(self.lo), abs(self.hi))
        while greatest >= unit and _lead(self.lo, unit) != _lead(self.hi, unit):
            top, unit = top + 1, unit * 100
        return tuple(100**k for k in range(top, -1, -1))

    @cached_property
    def _leads(self) -> tuple[tuple[bool, int], ...]:
        """Each first symbol's sign (negative?) and magnitude, in the order of their values."""
        unit = self._powers[0]
        out = []
        if self.lo < 0:
            least = 0 if self.hi >= 0 else -self.hi // unit
            out += [(True, m) for m in range(-self.lo // unit, least - 1, -1)]
        if self.hi >= 0:
            out += [(False, m) for m in range(max(self.lo, 0) // unit, self.hi // unit + 1)]
        return tuple(out)

    @cached_property
    def _lead_arrays(self) -> tuple[Mask, Codes]:
        negative, magnitude = zip(*self._leads, strict=True)
        return np.array(negative), np.array(magnitude, dtype=np.int64)

    @property
    def width(self) -> int:
        """How many digits a value is spelled with, sign apart."""
        return max(len(str(max(m for _, m in self._leads))), 2) + 2 * (len(self._powers) - 1)

    @property
    def sizes(self) -> tuple[int, ...]:
        """See :class:`Positional`."""
        return (len(self._leads),) + (100,) * (len(self._powers) - 1)

    def encode(self, codes: Codes) -> Symbols:
        """See :class:`Positional`."""
        out = np.empty((len(codes), len(self._powers)), dtype=np.int64)
        magnitude, negative = np.abs(codes), codes < 0
        lead, rest = np.divmod(magnitude, self._powers[0])
        top_negative = max((m for n, m in self._leads if n), default=0)
        zero = sum(n for n, _ in self._leads) - min((m for n, m in self._leads if not n), default=0)
        out[:, 0] = np.where(negative, top_negative - lead, zero + lead)
        for k, power in enumerate(self._powers[1:], 1):
            out[:, k], rest = np.divmod(rest, power)
        return out

    def decode(self, symbols: Symbols) -> tuple[Codes, Mask]:
        """See :class:`Positional`."""
        lo, hi = self.bounds(len(self._powers) - 1, symbols[:, :-1])
        rows = np.arange(len(symbols))
        code, fits = lo[rows, symbols[:, -1]], (lo <= hi)[rows, symbols[:, -1]]
        return np.where(fits, code, 0), fits

    def bounds(self, position: int, prefix: Symbols) -> tuple[Codes, Codes]:
        """See :class:`Positional`."""
        negatives, magnitudes = self._lead_arrays
        unit = self._powers[position]
        limit = INT64_MAX // unit
        if position == 0:
            negative = np.broadcast_to(negatives, (len(prefix), len(negatives)))
            group = np.broadcast_to(magnitudes, negative.shape)
            fits = group <= limit
        else:
            negative = negatives[prefix[:, 0], None]
            before = magnitudes[prefix[:, 0], None]
            for k in range(1, position):
                before = before * 100 + prefix[:, k, None]
            # More than 64 bits hold: nothing that starts this way is a number.
            fits = before <= (limit - _GROUP) // 100
            group = np.where(fits, before, 0) * 100 + _GROUP
        low = np.where(fits, group, 0) * unit
        high = np.minimum(low, INT64_MAX - (unit - 1)) + (unit - 1)
        # There is no minus zero.
        out_lo = np.where(negative, -high, low)
        out_hi = np.where(negative, np.minimum(-low, -1), high)
        return np.where(fits, out_lo, EMPTY_LO), np.where(fits, out_hi, EMPTY_HI)

    def spellings(self) -> list[list[str]]:
        """See :class:`Positional`."""
        # A lone digit is padded: texts of one length cannot be taken apart in two ways.
        digits = self.width - 2 * (len(self._powers) - 1)
        first = [f"{'-' if negative else ''}{m:0{digits}d}" for negative, m in self._leads]
        return [first] + [[f"{m:02d}" for m in range(100)]] * (len(self._powers) - 1)


def _lead(code: int, unit: int) -> tuple[bool, int]:
    return code < 0, abs(code) // unit


@dataclass(frozen=True)
class Calendar:
    """Year, month, day, and the ``clock``: 24 hours, 60 minutes, 60 seconds as far as it goes.

    More than four centuries are written as century and year within it.
    """

    lo: int
    hi: int
    clock: tuple[int, ...]

    @cached_property
    def per_day(self) -> int:
        """How many ticks a day has."""
        return int(np.prod(self.clock, dtype=np.int64))

    @cached_property
    def _years(self) -> tuple[int, int]:
        first, last = (np.array([self.lo, self.hi]) // self.per_day).astype("datetime64[D]").astype(
            "datetime64[Y]"
        ).astype(np.int64) + 1970
        return int(first), int(last)

    @property
    def _split(self) -> bool:
        first, last = self._years
        return last - first >= WIDEST_YEARS

    @property
    def _year_places(self) -> int:
        return 2 if self._split else 1

    @property
    def sizes(self) -> tuple[int, ...]:
        """See :class:`Positional`."""
        first, last = self._years
        years = (last // 100 - first // 100 + 1, 100) if self._split else (last - first + 1,)
        return (*years, 12, 31, *self.clock)

    def encode(self, codes: Codes) -> Symbols:
        """See :class:`Positional`."""
        days, ticks = np.divmod(codes, self.per_day)
        months = days.astype("datetime64[D]").astype("datetime64[M]")
        day = days - months.astype("datetime64[D]").astype(np.int64)
        year, month = np.divmod(months.astype(np.int64) + 1970 * 12, 12)
        first = self._years[0]
        parts = [year // 100 - first // 100, year % 100] if self._split else [year - first]
        parts += [month, day]
        for k in range(len(self.clock)):
            part, ticks = np.divmod(ticks, int(np.prod(self.clock[k + 1 :], dtype=np.int64)))
            parts.append(part)
        return np.stack(parts, axis=1)

    def decode(self, symbols: Symbols) -> tuple[Codes, Mask]:
        """See :class:`Positional`."""
        lo, hi = self.bounds(len(self.sizes) - 1, symbols[:, :-1])
        rows = np.arange(len(symbols))
        code, fits = lo[rows, symbols[:, -1]], (lo <= hi)[rows, symbols[:, -1]]
        return np.where(fits, code, 0), fits

    def bounds(self, position: int, prefix: Symbols) -> tuple[Codes, Codes]:
        """See :class:`Positional`."""
        rows, head = len(prefix), self._year_places
        here = np.broadcast_to(np.arange(self.sizes[position]), (rows, self.sizes[position]))
        known = [prefix[:, k, None] for k in range(position)] + [here]
        first = self._years[0]
        if self._split:
            year = (known[0] + first // 100) * 100
            if position == 0:
                return self._of_years(year, year + 99)
            year = year + known[1]
        else:
            year = known[0] + first
        if position < head:
            return self._of_years(year, year)
        month = year * 12 + known[head]
        start, end = _month_start(month), _month_start(month + 1) - 1
        fits = (year >= 1) & (year <= 9999)
        if position > head:
            start = start + known[head + 1]
            fits = fits & (start <= end)
            end = start
        lo, hi = start * self.per_day, (end + 1) * self.per_day - 1
        worth = self.per_day
        for k, part in enumerate(known[head + 2 :]):
            worth //= self.clock[k]
            lo = lo + part * worth
            hi = lo + worth - 1
        shape = (rows, self.sizes[position])
        return (
            np.broadcast_to(np.where(fits, lo, EMPTY_LO), shape),
            np.broadcast_to(np.where(fits, hi, EMPTY_HI), shape),
        )

    def _of_years(self, first: Codes, last: Codes) -> tuple[Codes, Codes]:
        first, last = np.maximum(first, 1), np.minimum(last, 9999)
        lo = _month_start(first * 12) * self.per_day
        hi = _month_start((last + 1) * 12) * self.per_day - 1
        fits = first <= last
        return np.where(fits, lo, EMPTY_LO), np.where(fits, hi, EMPTY_HI)

    def spellings(self) -> list[list[str]]:
        """See :class:`Positional`."""
        first, last = self._years
        if self._split:
            years = [[f"{c:02d}" for c in range(first // 100, last // 100 + 1)], _two(0, 99)]
        else:
            years = [[f"{y:04d}" for y in range(first, last + 1)]]
        clock = [
            [f"{mark}{t}" for t in _two(0, n - 1)]
            for mark, n in zip("T::", self.clock, strict=False)
        ]
        if clock:
            # Times are always spelled to the second.
            clock[-1] = [t + ":00" * (3 - len(clock)) for t in clock[-1]]
        return [*years, [f"-{m}" for m in _two(1, 12)], [f"-{d}" for d in _two(1, 31)], *clock]


Places = Choice | Digits | Calendar


def _two(first: int, last: int) -> list[str]:
    return [f"{n:02d}" for n in range(first, last + 1)]


def _month_start(month: Codes) -> Codes:
    """Return the day number of the first of a month counted from year 0."""
    return (month - 1970 * 12).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)

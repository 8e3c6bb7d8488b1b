"""What a row's own feasible set leaves of the tokens that a column's automaton allows.

Nothing is compiled for a row. Listed values stand in the order of their texts, so that those which
begin alike are a run of ranks, and whether any of them is feasible is two look-ups in a cumulative
sum. The first digits of a number stand for an interval of codes for each number of digits still to
come, those of a date for one interval: whether a feasible code lies in any is asked of the set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.generate.language.bytewise import BEFORE, IN_NULL, ByteMachine
from synthtab.generate.language.slots import Slot
from synthtab.generate.language.tables import Block, Entries, Ints
from synthtab.schema import (
    DAY_SECONDS,
    INT64_MAX,
    BooleanType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    TextType,
)
from synthtab.solver.feasible import EMPTY_HI, EMPTY_LO, Feasible


@dataclass
class Cursor:
    """Where each of R rows is within one column's value: arrays (R,), changed as rows go on.

    ``state`` is the automaton's; the others add up what was read, as ``Entries`` has it.
    """

    state: Ints
    chars: Ints
    digits: Ints
    amount: Ints
    point: Mask
    decimals: Ints
    minus: Mask

    @classmethod
    def at(cls, state: int, rows: int) -> Cursor:
        """Return rows that have read nothing."""
        zeros = [np.zeros(rows, dtype=np.int64) for _ in range(4)]
        chars, digits, amount, decimals = zeros
        no = [np.zeros(rows, dtype=bool) for _ in range(2)]
        return cls(np.full(rows, state), chars, digits, amount, no[0], decimals, no[1])

    def advance(self, rows: Ints, read: Entries) -> None:
        """Let some rows read one entry (rows,) each."""
        after = self.number(rows, read)
        self.state[rows] = read.next
        self.chars[rows] += read.chars
        self.digits[rows], self.amount[rows] = after.digits, after.amount
        self.point[rows], self.decimals[rows] = after.point, after.decimals
        self.minus[rows] = after.minus

    def number(self, rows: Ints, read: Entries) -> Number:
        """Return what rows have read of a number after one of several entries (rows or 1, w)."""
        shape = (len(rows),) + (1,) * (read.token.ndim - 1)
        digits, amount = self.digits[rows].reshape(shape), self.amount[rows].reshape(shape)
        point, minus = self.point[rows].reshape(shape), self.minus[rows].reshape(shape)
        decimals = self.decimals[rows].reshape(shape)
        return Number(
            digits + read.digits,
            amount * _POWERS[np.minimum(read.digits, 18)] + read.amount,
            point | read.point,
            np.where(point, decimals + read.digits, read.decimals),
            minus | read.minus,
        )


@dataclass(frozen=True)
class Number:
    """The digits read of a value, the number they make, and what was read of point and sign."""

    digits: Ints
    amount: Ints
    point: Mask
    decimals: Ints
    minus: Mask


_POWERS = np.array([10**k for k in range(19)], dtype=np.int64)


class Narrower(Protocol):
    """Says which entries a value may go on with, per row."""

    def __call__(self, cursor: Cursor, block: Block, read: Entries, over: Mask) -> Mask:
        """Return bool (rows of the block, w); ``over`` says which entries end the value."""


def narrower(slot: Slot, machine: ByteMachine, feasible: Feasible) -> Narrower:
    """Return what a column's feasible sets (R,) leave."""
    match slot.column.type:
        case EnumType() | BooleanType():
            return Listed.of(machine, feasible)
        case TextType():
            return Whole(feasible.any() & (feasible.lo <= feasible.hi).any(axis=1))
        case DateType():
            return Calendar(feasible, 8, 0)
        case DatetimeType(resolution):
            return Calendar(feasible, 14, resolution)
        case kind:
            scale = kind.scale if isinstance(kind, DecimalType) else 0
            return Numbers(feasible, scale, max(abs(slot.lo), abs(slot.hi)))


def allowed(
    machine: ByteMachine,
    narrow: Narrower | None,
    feasible: Feasible | None,
    cursor: Cursor,
    block: Block,
    read: Entries,
    length: int | None,
) -> Mask:
    """Say which entries (rows of the block, w) may follow; ``length`` limits characters."""
    rows = block.rows
    mask = np.broadcast_to(block.real, (len(rows), block.index.shape[1]))
    if length is not None:
        cost = read.chars + machine.need[read.next]
        if (cursor.chars[rows].max() + cost.max(initial=0)) > length:
            mask = mask & (cursor.chars[rows, None] + cost <= length)
    if narrow is None or feasible is None:
        return mask
    over = read.next != read.at
    zone = machine.zone[read.at]
    undecided = (zone == BEFORE) & ~over
    null = feasible.null[rows, None]
    fits = narrow(cursor, block, read, over)
    some = feasible.any()[rows, None]
    return mask & np.where(undecided, some, np.where(zone == IN_NULL, null, fits))


@dataclass(frozen=True)
class Listed:
    """Values in the order of their texts: ``below`` (R, n + 1) counts the feasible ones before."""

    machine: ByteMachine
    below: NDArray[np.int64]

    @classmethod
    def of(cls, machine: ByteMachine, feasible: Feasible) -> Listed:
        """Count the feasible values of each row."""
        met = feasible.meets(machine.ranks, machine.ranks)
        below = np.zeros((len(feasible), len(machine.ranks) + 1), dtype=np.int64)
        np.cumsum(met, axis=1, out=below[:, 1:])
        return cls(machine, below)

    def __call__(self, cursor: Cursor, block: Block, read: Entries, over: Mask) -> Mask:
        """See :class:`Narrower`."""
        low = self.machine.low[read.at]
        # Of values that begin alike the shortest comes first: it is the one that may end here.
        high = np.where(over, low + 1, self.machine.high[read.at])
        rows = block.rows[:, None]
        return np.asarray(self.below[rows, high] > self.below[rows, low])


@dataclass(frozen=True)
class Whole:
    """Texts: a set says whether there may be one (R,), and not which."""

    some: Mask

    def __call__(self, cursor: Cursor, block: Block, read: Entries, over: Mask) -> Mask:
        """See :class:`Narrower`."""
        return np.broadcast_to(self.some[block.rows, None], (len(block.rows), read.token.shape[1]))


@dataclass(frozen=True)
class Numbers:
    """Whole numbers and decimals of ``scale`` digits after the point, up to ``top`` either way."""

    feasible: Feasible
    scale: int
    top: int

    def __call__(self, cursor: Cursor, block: Block, read: Entries, over: Mask) -> Mask:
        """See :class:`Narrower`."""
        feasible = self.feasible.take(block.rows)
        seen = cursor.number(block.rows, read)
        # Behind the point, at the end, and after a leading zero one number of digits is to come.
        one = seen.point | over | ((seen.digits > 0) & (seen.amount == 0))
        met = np.zeros(seen.amount.shape, dtype=bool)
        for more in range(max(len(str(self.top)), self.scale) + 1):
            applies = np.where(one, self.scale - seen.decimals == more, more >= self.scale)
            if not applies.any():
                continue
            unit = 10**more
            applies &= seen.amount <= self.top // unit
            low = np.where(applies, seen.amount, 0) * min(unit, INT64_MAX)
            high = low + np.minimum(min(unit - 1, INT64_MAX), self.top - low)
            first = np.where(seen.minus, -high, low)
            last = np.where(seen.minus, -np.maximum(low, 1), high)
            met |= feasible.meets(
                np.where(applies, first, EMPTY_LO), np.where(applies, last, EMPTY_HI)
            )
        return met


@dataclass(frozen=True)
class Calendar:
    """Dates of 8 digits, or dates and times of 14 with ticks of ``resolution`` seconds."""

    feasible: Feasible
    width: int
    resolution: int

    def __call__(self, cursor: Cursor, block: Block, read: Entries, over: Mask) -> Mask:
        """See :class:`Narrower`."""
        feasible = self.feasible.take(block.rows)
        seen = cursor.number(block.rows, read)
        unit = _POWERS[np.clip(self.width - seen.digits, 0, 18)]
        low = seen.amount * unit
        return feasible.meets(
            self._codes(low, upwards=True), self._codes(low + (unit - 1), upwards=False)
        )

    def _codes(self, stamp: Ints, *, upwards: bool) -> Codes:
        """Return the first tick from a stamp (YYYYMMDDhhmmss) on, or the last up to it.

        Stamps need be no dates: 20240231 comes after the last day of February, before the first of
        March.
        """
        if self.width == 8:
            return _day(stamp, upwards=upwards)[0]
        date, clock = np.divmod(stamp, 1_000_000)
        day, exact = _day(date, upwards=upwards)
        hour, minute, second = clock // 10_000, clock // 100 % 100, clock % 100
        # A part that is too great leads into the next unit, or to the end of its own.
        if upwards:
            over = minute > 59
            seconds = hour * 3600 + np.where(second > 59, (minute + 1) * 60, minute * 60 + second)
            seconds = np.where(over, (hour + 1) * 3600, seconds)
            seconds = np.where(hour > 23, DAY_SECONDS, seconds)
            total = day * DAY_SECONDS + np.where(exact, seconds, 0)
            return -(-total // self.resolution)
        seconds = hour * 3600 + np.minimum(minute, 59) * 60
        seconds += np.where(minute > 59, 59, np.minimum(second, 59))
        seconds = np.where(hour > 23, DAY_SECONDS - 1, seconds)
        total = day * DAY_SECONDS + np.where(exact, seconds, DAY_SECONDS - 1)
        return total // self.resolution


def _day(stamp: Ints, *, upwards: bool) -> tuple[Codes, Mask]:
    """Return the first day from YYYYMMDD on, or the last up to it, and whether it is that date."""
    year, month, day = stamp // 10_000, stamp // 100 % 100, stamp % 100
    inside = (month >= 1) & (month <= 12)
    start = _month_start(year * 12 + np.clip(month, 1, 12) - 1)
    length = _month_start(year * 12 + np.clip(month, 1, 12)) - start
    exact = inside & (day >= 1) & (day <= length)
    own = start + day - 1
    if upwards:
        own = np.where(day < 1, start, np.where(day > length, start + length, own))
        outside = np.where(month < 1, _month_start(year * 12), _month_start(year * 12 + 12))
    else:
        own = np.where(day < 1, start - 1, np.where(day > length, start + length - 1, own))
        outside = np.where(month < 1, _month_start(year * 12), _month_start(year * 12 + 12)) - 1
    return np.where(inside, own, outside), exact


def _month_start(month: Ints) -> Codes:
    """Return the day number of the first of a month counted from year 0."""
    return (month - 1970 * 12).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)

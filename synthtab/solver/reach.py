"""What a column can hold in the rows that rules allow: values, NULL, the ends of its range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from synthtab.ir import core
from synthtab.solver.inquiry import Answer, Inquiry


def is_null(column: str) -> core.Cond:
    """Return the condition that a column is NULL."""
    return core.IsNull(core.Var(column))


def is_filled(column: str) -> core.Cond:
    """Return the condition that a column is not NULL."""
    return core.Not(is_null(column))


def equals(column: str, code: int) -> core.Cond:
    """Return the condition that a column has a code."""
    return core.InSet(core.Var(column), (code,))


def differs(column: str, code: int) -> core.Cond:
    """Return the condition that a column has another code, NULL not counting."""
    return core.Not(equals(column, code))


def at_most(column: str, code: int) -> core.Cond:
    """Return ``column <= code``."""
    return core.Cmp("<=", core.Var(column), core.Const(code))


def at_least(column: str, code: int) -> core.Cond:
    """Return ``column >= code``."""
    return core.Cmp("<=", core.Const(code), core.Var(column))


@dataclass(frozen=True)
class End:
    """The least or greatest code of a column in any row; between two codes where not decided."""

    sure: int
    """A code that some row has."""
    possible: int
    """The furthest code not proved out of reach."""
    reason: str = ""

    @property
    def decided(self) -> bool:
        """Whether the end is known exactly."""
        return self.sure == self.possible


def least(inquiry: Inquiry, column: str) -> End | Answer:
    """Return the least code of a column; the Answer where no row with a value was found."""
    return _end(inquiry, column, inquiry.backend.ranges[column][0], 1, at_most)


def greatest(inquiry: Inquiry, column: str) -> End | Answer:
    """Return the greatest code of a column; the Answer where no row with a value was found."""
    return _end(inquiry, column, inquiry.backend.ranges[column][1], -1, at_least)


def _end(
    inquiry: Inquiry,
    column: str,
    outer: int,
    step: int,
    beyond: Callable[[str, int], core.Cond],
) -> End | Answer:
    """Close in on the last code from ``outer``: a yes brings a nearer row, a no a nearer bound."""
    if not len(inquiry.seen(column)):
        first = inquiry.can(is_filled(column))
        if first.verdict != "yes":
            return first
    seen = inquiry.seen(column)
    near = int(seen.min() if step > 0 else seen.max())
    probe = outer
    while near != outer:
        answer = inquiry.can(beyond(column, probe))
        if answer.verdict == "open":
            return End(near, outer, answer.reason)
        if answer.verdict == "no":
            outer = probe + step
        else:
            assert answer.row is not None
            found = answer.row[column]
            assert isinstance(found, int)
            near = min(near, found) if step > 0 else max(near, found)
        probe = (outer + near) // 2 if step > 0 else -((-outer - near) // 2)
    return End(near, near)

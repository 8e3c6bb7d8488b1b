"""Where a calendar part of a column changes: month by month, or over and over each week.

``day(x) = 1`` and ``month(x) in (6, 7)`` are true of stretches of days that begin and end with
months, or with one day of each month; ``weekday(x) <= 5`` repeats after seven days.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.smt import Hidden
from synthtab.ir import core
from synthtab.ir.calendar import civil_from_days, days_from_civil
from synthtab.solver.formula import Atom

Array = NDArray[Any]
MAX_MONTHS = 2_400
"""Months that a column may range over if they are to be told apart: 200 years."""
WEEK = 7


def calendar_shape(
    term: core.Term | core.TextIs | core.TextMatch, column: str
) -> Literal["monthly", "weekly"] | None:
    """Say how a calendar part of the column itself (or of its day) moves; None for other terms."""
    match term:
        case core.CalendarPart("weekday", core.Var(name)) if name == column:
            return "weekly"
        case core.CalendarPart(
            "month" | "quarter" | "day", core.Var(name) | core.FloorDiv(core.Var(name), _)
        ) if name == column:
            return "monthly"
    return None


def per_day(hidden: Mapping[str, Hidden]) -> int:
    """Return the codes a day has of the column whose calendar parts are ``hidden``."""
    for what in hidden.values():
        match what.term:
            case core.CalendarPart(_, core.FloorDiv(_, divisor)):
                return divisor
    return 1


def few_enough(hidden: Mapping[str, Hidden], size: int) -> bool:
    """Say whether a range of ``size`` codes has few enough months to be told apart."""
    return size // per_day(hidden) <= MAX_MONTHS * 30


def month_starts(first: Array, last: Array, ticks: int) -> Array:
    """Return the codes (rows, m) at which months begin from ``first`` to ``last`` (rows,).

    Rows of fewer months go on with later ones.
    """
    begin = _month(first // ticks)
    most = int((_month(last // ticks) - begin).max(initial=0)) + 1
    months = begin[:, None] + np.arange(most + 1)
    return np.asarray(days_from_civil(months // 12, months % 12 + 1, 1) * ticks)


def _month(days: Array) -> Array:
    year, month, _ = civil_from_days(days)
    return np.asarray(year * 12 + month - 1)


def turns(
    atom: Atom, hidden: Mapping[str, Hidden], rest: Array, starts: Array, ticks: int
) -> list[Array]:
    """Return the codes, (rows, m) each, at which the truth of a monthly atom may change.

    ``rest`` (rows, 1) is the atom's sum without its calendar part, ``starts`` (rows, m) where
    months begin.
    """
    found = [starts]
    [(name, factor)] = [(n, a) for n, a in atom.coefficients if n in hidden]
    term = hidden[name].term
    if isinstance(term, core.CalendarPart) and term.part == "day":
        # Beyond a day's number no part of a month is told from another.
        turn = np.clip(-rest // factor, 0, 32)
        for day in (turn, turn + 1, turn + 2):
            later = starts[:, :-1] + np.maximum(day - 1, 0) * ticks
            found.append(np.minimum(later, starts[:, 1:]))
    return found

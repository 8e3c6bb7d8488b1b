"""Lowered conditions evaluated in NumPy, for whole arrays at once.

:func:`truth` works on arrays of any shapes that broadcast, so that a Plan can ask about rows x
values at once. Terms are int64 where their bounds, taken from the data itself, prove that nothing
overflows, and object arrays of Python ints where they do not: slower, and just as exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.ir import core
from synthtab.ir.bounds import CALENDAR_SLACK, Interval, bounds
from synthtab.ir.calendar import add_months, civil_from_days, weekday
from synthtab.schema import INT64_MAX

Env = Mapping[str, tuple[Codes, Mask | None]]

# A value: an int64 or object array, or a Python int; and where it is NULL (None: nowhere).
_Value = tuple[Any, Any]
# TRUE, and FALSE (None: wherever it is not TRUE, so that conditions without NULLs cost one array).
_Truth = tuple[Any, Any]

_NEVER = np.zeros((), dtype=bool)
_ALWAYS = np.ones((), dtype=bool)
# A calendar table larger than this many days is not worth its memory.
_TABLE_DAYS = 100_000


class TextPool:
    """The strings of text columns, with what was once computed about each of them kept.

    Equality and patterns are evaluated once per distinct string and gathered by code.
    """

    def __init__(self, strings: NDArray[np.object_] | None) -> None:
        # One string more than there are, so that the code 0 of a NULL is always an index.
        self._strings: list[str] = [*([] if strings is None else strings), ""]
        self._known: dict[object, NDArray[Any]] = {}

    def lengths(self) -> Codes:
        """Return every string's length in code points, (strings + 1,) int64."""
        return self._of("length", len, np.int64)

    def equal(self, text: str) -> Mask:
        """Say of every string whether it is ``text``, (strings + 1,) bool."""
        return self._of(("is", text), text.__eq__, np.bool_)

    def match(self, pattern: str) -> Mask:
        """Say of every string whether ``pattern`` matches it whole, (strings + 1,) bool."""
        full = re.compile(pattern).fullmatch
        return self._of(("match", pattern), lambda s: full(s) is not None, np.bool_)

    def _of(self, key: object, function: Callable[[str], Any], dtype: Any) -> NDArray[Any]:
        if key not in self._known:
            self._known[key] = np.fromiter(
                map(function, self._strings), dtype=dtype, count=len(self._strings)
            )
        return self._known[key]


def truth(
    cond: core.Cond, env: Env, pool: NDArray[np.object_] | TextPool | None = None
) -> tuple[Mask, Mask]:
    """Return where ``cond`` is TRUE and where it is FALSE; elsewhere it is UNKNOWN.

    ``env`` maps each variable to (codes, nulls): int64 and bool arrays whose shapes broadcast with
    each other; ``nulls`` may be None where no cell is NULL. ``pool`` holds the strings that the
    codes of text variables index. The two bool arrays broadcast with the variables that ``cond``
    mentions, and may be smaller where it does not depend on all of them (shape () for a constant);
    they may share memory and are not to be written to.
    """
    return Evaluator(env, pool).truth(cond)


class Evaluator:
    """Evaluates conditions and terms over one environment; see :func:`truth`.

    Bounds of the arrays and calendar parts are computed once and kept.
    """

    def __init__(self, env: Env, pool: NDArray[np.object_] | TextPool | None = None) -> None:
        self._env = env
        self._pool = pool if isinstance(pool, TextPool) else TextPool(pool)
        self._domains = _ActualDomains(env)
        self._days: dict[core.Term, tuple[Any, Any, Any]] = {}

    def truth(self, cond: core.Cond) -> tuple[Mask, Mask]:
        """Return (true, false) bool arrays."""
        true, false = self._cond(cond)
        if false is None:
            false = ~true
        return np.asarray(true), np.asarray(false)

    def value(self, term: core.Term) -> tuple[Any, Any]:
        """Return (values, nulls): int64 or object array or int, and bool array or None."""
        return self._term(term)

    # Conditions

    def _cond(self, cond: core.Cond) -> _Truth:
        match cond:
            case core.Truth(value):
                return (_ALWAYS if value else _NEVER), (_ALWAYS if value is False else _NEVER)
            case core.Cmp(op, left, right):
                first, nulls = self._term(left)
                second, more = self._term(right)
                return _where_known(_compare(op, first, second), _either(nulls, more))
            case core.InSet(term, values):
                inner, nulls = self._term(term)
                return _where_known(_member(inner, values), nulls)
            case core.IsNull(term):
                nulls = self._term(term)[1]
                return (_NEVER if nulls is None else np.asarray(nulls)), None
            case core.IsTrue(inner_cond):
                return self._cond(inner_cond)[0], None
            case core.TextIs(var, text):
                return self._gather(var, self._pool.equal(text))
            case core.TextMatch(var, pattern):
                return self._gather(var, self._pool.match(pattern))
            case core.And(args):
                return self._all([self._cond(a) for a in args])
            case core.Or(args):
                return _swap(self._all([_swap(self._cond(a)) for a in args]))
            case core.Not(inner_cond):
                return _swap(self._cond(inner_cond))

    def _all(self, parts: list[_Truth]) -> _Truth:
        """Three-valued and: FALSE where any is, TRUE where all are."""
        true, false = parts[0] if parts else (_ALWAYS, None)
        for more_true, more_false in parts[1:]:
            if false is not None or more_false is not None:
                false = _false(true, false) | _false(more_true, more_false)
            true = true & more_true
        return true, false

    def _gather(self, var: core.Var, table: Mask) -> _Truth:
        codes, nulls = self._env[var.name]
        return _where_known(table[codes], nulls)

    # Terms

    def _term(self, term: core.Term) -> _Value:
        match term:
            case core.Var(name):
                return self._env[name]
            case core.Const(value):
                return value, None
            case core.Null():
                return 0, _ALWAYS
            case core.Sum():
                return self._sum(term)
            case core.Product(left, right):
                (first, nulls), (second, more) = self._term(left), self._term(right)
                if not self._fits(term):
                    first, second = _exact(first), _exact(second)
                return first * second, _either(nulls, more)
            case core.FloorDiv(operand, divisor):
                inner, nulls = self._term(operand)
                return (inner if divisor <= INT64_MAX else _exact(inner)) // divisor, nulls
            case core.AddMonths():
                return self._add_months(term)
            case core.CalendarPart(part, days):
                return self._part(part, days), self._term(days)[1]
            case core.TextLength(var):
                codes, nulls = self._env[var.name]
                return self._pool.lengths()[codes], nulls
            case core.Ite(branches, otherwise):
                return self._ite(branches, otherwise)

    def _sum(self, term: core.Sum) -> _Value:
        fits = self._sum_fits(term)
        total: Any = None
        nulls = None
        for coefficient, part in term.parts:
            inner, more = self._term(part)
            inner = inner if fits else _exact(inner)
            scaled = inner if coefficient == 1 else -inner if coefficient == -1 else None
            scaled = inner * coefficient if scaled is None else scaled
            total = scaled if total is None else total + scaled
            nulls = _either(nulls, more)
        if total is None:
            return term.constant, nulls
        return (total + term.constant if term.constant else total), nulls

    def _add_months(self, term: core.AddMonths) -> _Value:
        (base, nulls), (months, more) = self._term(term.base), self._term(term.months)
        steps = core.Sum(((31 * term.per_day, term.months),))
        if not (self._fits(term, CALENDAR_SLACK) and self._fits(steps, CALENDAR_SLACK)):
            base, months = _exact(base), _exact(months)
        if term.per_day == 1:
            return add_months(base, months), _either(nulls, more)
        days = base // term.per_day
        moved = (add_months(days, months) - days) * term.per_day
        return base + moved, _either(nulls, more)

    def _part(self, part: str, days: core.Term) -> Any:
        values = self._term(days)[0]
        if not self._fits(days, CALENDAR_SLACK):
            values = _exact(values)
        if part == "weekday":
            return weekday(values)
        if days not in self._days:
            self._days[days] = self._civil(values, self._bounds(days))
        year, month, day = self._days[days]
        if part == "quarter":
            return (month + 2) // 3
        return {"year": year, "month": month, "day": day}[part]

    def _civil(self, values: Any, interval: Interval) -> tuple[Any, Any, Any]:
        low, high = interval
        # Few distinct days in many rows: convert each day once.
        if high - low < min(_TABLE_DAYS, np.size(values)):
            table = civil_from_days(np.arange(low, high + 1))
            # What stands where the day is NULL may be out of bounds.
            at = np.asarray(np.clip(values, low, high) - low, dtype=np.int64)
            return table[0][at], table[1][at], table[2][at]
        year, month, day = civil_from_days(values)
        return year, month, day

    def _ite(
        self, branches: tuple[tuple[core.Cond, core.Term], ...], otherwise: core.Term
    ) -> _Value:
        result, nulls = self._term(otherwise)
        result = _array(result)
        for condition, term in reversed(branches):
            chosen = self._cond(condition)[0]
            inner, more = self._term(term)
            result = np.where(chosen, _array(inner), result)
            if nulls is not None or more is not None:
                nulls = np.where(
                    chosen, False if more is None else more, False if nulls is None else nulls
                )
        return result, nulls

    # Overflow

    def _bounds(self, term: core.Term) -> Interval:
        return bounds(term, self._domains, _PoolLengths(self._pool))

    def _sum_fits(self, term: core.Sum) -> bool:
        """Say whether no product and no partial sum, taken left to right, leaves int64."""
        low = high = 0
        for coefficient, part in (*term.parts, (1, core.Const(term.constant))):
            ends = [coefficient * end for end in self._bounds(part)]
            low, high = low + min(ends), high + max(ends)
            if max(map(abs, (low, high, coefficient, *ends))) > INT64_MAX:
                return False
        return True

    def _fits(self, term: core.Term, slack: int = 0) -> bool:
        """Say whether the term's every value, and ``slack`` beyond it, is an int64."""
        low, high = self._bounds(term)
        return low - slack >= -INT64_MAX and high + slack <= INT64_MAX


class _ActualDomains(Mapping[str, Interval]):
    """The least and greatest code really in each array, computed when first asked for."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._known: dict[str, Interval] = {}

    def __getitem__(self, name: str) -> Interval:
        if name not in self._known:
            codes = np.asarray(self._env[name][0])
            empty = codes.size == 0
            self._known[name] = (0, 0) if empty else (int(codes.min()), int(codes.max()))
        return self._known[name]

    def __iter__(self) -> Any:
        return iter(self._env)

    def __len__(self) -> int:
        return len(self._env)


class _PoolLengths(dict[str, int]):
    """The length of the longest string, whatever the text variable."""

    def __init__(self, pool: TextPool) -> None:
        super().__init__()
        self._pool = pool

    def get(self, key: str, default: Any = None) -> Any:
        return int(self._pool.lengths().max())


def _compare(op: str, left: Any, right: Any) -> Any:
    if op == "=":
        found = left == right
    elif op == "<":
        found = left < right
    else:
        found = left <= right
    return np.asarray(found)


def _member(values: Any, options: tuple[int, ...]) -> Any:
    if not options:
        return np.zeros(np.shape(values), dtype=bool)
    if options[-1] - options[0] == len(options) - 1 and len(options) > 1:
        return np.asarray((values >= options[0]) & (values <= options[-1]))
    if len(options) <= 4:
        found = np.asarray(values == options[0])
        for option in options[1:]:
            found = found | (values == option)
        return found
    array = np.asarray(values)
    if array.dtype == object:
        among = np.frompyfunc(frozenset(options).__contains__, 1, 1)(array)
        return np.asarray(among, dtype=bool)
    small = [o for o in options if -INT64_MAX <= o <= INT64_MAX]
    return np.isin(array, np.array(small, dtype=np.int64))


def _where_known(found: Any, nulls: Any) -> _Truth:
    if nulls is None:
        return found, None
    known = ~np.asarray(nulls)
    true = found & known
    return true, known & ~found


def _false(true: Any, false: Any) -> Any:
    return ~true if false is None else false


def _swap(pair: _Truth) -> _Truth:
    true, false = pair
    return _false(true, false), None if false is None else true


def _either(first: Any, second: Any) -> Any:
    if first is None or second is None:
        return second if first is None else first
    return first | second


def _array(values: Any) -> Any:
    """Return the values as an array, an int beyond int64 as an object array (never uint64)."""
    if isinstance(values, int):
        return np.array(values, dtype=np.int64 if abs(values) <= INT64_MAX else object)
    return values


def _exact(values: Any) -> Any:
    """Return the values as Python ints: an object array, or the int itself."""
    return values if isinstance(values, int) else np.asarray(values).astype(object)

"""The oracle: rules evaluated on one row of Python values, slowly and obviously.

This file says what the language means; every other backend is compared with it. Numbers are
fractions, dates are day numbers, datetimes are seconds, and None is NULL or UNKNOWN:

- a term is NULL where an operand it needs is NULL, and a comparison with NULL is UNKNOWN;
- ``min`` and ``max`` need all their arguments, ``coalesce`` and ``case`` only the one they choose;
- division by zero is NULL;
- ``and``, ``or`` and ``not`` are three-valued, as in SQL; ``when a then b`` is ``(not a) or b``;
- enum values have the order they were declared in; other strings have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from re import fullmatch
from typing import Any

from synthtab.ir import nodes
from synthtab.ir.calendar import add_months, civil_from_days, weekday
from synthtab.ir.enums import enum_order
from synthtab.schema import DAY_SECONDS, EPOCH, Value

UNIT_SECONDS = {"weeks": 604_800, "days": DAY_SECONDS, "hours": 3600, "minutes": 60, "seconds": 1}
UNIT_MONTHS = {"months": 1, "years": 12}


@dataclass(frozen=True, order=True)
class Day:
    """A date, as days since 1970-01-01; unlike ``datetime.date`` it has no first and no last."""

    number: int


@dataclass(frozen=True, order=True)
class Moment:
    """A date and time, as seconds since 1970-01-01T00:00:00, without first or last either."""

    seconds: int


Known = Fraction | Day | Moment | bool | str
Result = Known | None


def evaluate(
    node: nodes.Node, row: Mapping[str, Value | Known | None], table: nodes.Table
) -> Result:
    """Return the value of a checked term or condition on one row.

    ``row`` has a value, or None for NULL, for each column the node names; ``table`` declares them.
    What looks beyond the row has been put into columns before (ir/context.py).
    Numbers come back as Fraction, dates as :class:`Day`, datetimes as :class:`Moment`; conditions
    as True, False, or None for UNKNOWN.
    """

    def of(inner: nodes.Node) -> Result:
        return evaluate(inner, row, table)

    match node:
        case nodes.Literal(value):
            return _from_python(value)
        case nodes.Quantity(amount, unit):
            return Fraction(amount * UNIT_SECONDS[unit], DAY_SECONDS)
        case nodes.ColumnRef(name):
            found = row[name]
            return None if found is None else _from_python(found)
        case nodes.Negate(operand):
            number = of(operand)
            return None if number is None else -_number(number)
        case nodes.Add() | nodes.Subtract() | nodes.Multiply() | nodes.Divide():
            return _arithmetic(node, of(node.left), of(node.right))
        case nodes.Minimum(args) | nodes.Maximum(args):
            values = [of(arg) for arg in args]
            if any(v is None for v in values):
                return None
            best = min if isinstance(node, nodes.Minimum) else max
            return best(values)  # type: ignore[type-var]
        case nodes.Absolute(operand):
            number = of(operand)
            return None if number is None else abs(_number(number))
        case nodes.Coalesce(args):
            return next((v for v in map(of, args) if v is not None), None)
        case nodes.Case(branches, otherwise):
            for condition, term in branches:
                if of(condition) is True:
                    return of(term)
            return None if otherwise is None else of(otherwise)
        case nodes.Shift(base, amount, unit):
            return _shift(of(base), of(amount), unit)
        case nodes.DatePart(part, operand):
            return _part(part, of(operand))
        case nodes.Length(operand):
            text = of(operand)
            return None if text is None else Fraction(len(_text(text)))
        case nodes.Compare(op, left, right):
            order = () if op in ("=", "!=") else enum_order(table, left, right)
            return _compare(op, of(left), of(right), order)
        case nodes.Between(operand, lo, hi):
            order = enum_order(table, operand, lo, hi)
            inner = of(operand)
            above = _compare(">=", inner, of(lo), order)
            return _and([above, _compare("<=", inner, of(hi), order)])
        case nodes.In(operand, options):
            inner = of(operand)
            return None if inner is None else inner in [of(option) for option in options]
        case nodes.IsNull(operand):
            return of(operand) is None
        case nodes.Like(operand, pattern):
            text = of(operand)
            return None if text is None else _like(_text(text), pattern)
        case nodes.Matches(operand, pattern):
            text = of(operand)
            return None if text is None else fullmatch(pattern, _text(text)) is not None
        case nodes.And(args):
            return _and([_truth(of(arg)) for arg in args])
        case nodes.Or(args):
            return _or([_truth(of(arg)) for arg in args])
        case nodes.Not(operand):
            return _not(_truth(of(operand)))
        case nodes.When(premise, conclusion):
            return _or([_not(_truth(of(premise))), _truth(of(conclusion))])
        case nodes.Iff(left, right):
            return _compare("=", of(left), of(right))
    raise TypeError(f"{type(node).__name__} is about more than one row: see evaluate_tables")


def _compare(
    op: nodes.CompareOp, left: Result, right: Result, order: tuple[str, ...] = ()
) -> bool | None:
    if left is None or right is None:
        return None
    if op == "=":
        return left == right
    if op == "!=":
        return left != right
    first: Any = order.index(left) if isinstance(left, str) else left
    second: Any = order.index(right) if isinstance(right, str) else right
    if op in ("<", "<="):
        return bool(first < second or (op == "<=" and first == second))
    return bool(first > second or (op == ">=" and first == second))


def _and(values: list[bool | None]) -> bool | None:
    if False in values:
        return False
    return None if None in values else True


def _or(values: list[bool | None]) -> bool | None:
    if True in values:
        return True
    return None if None in values else False


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _arithmetic(node: nodes.Node, left: Result, right: Result) -> Result:
    match node, left, right:
        case (_, None, _) | (_, _, None):
            return None
        case nodes.Add(), Fraction(), Fraction():
            return left + right
        case nodes.Multiply(), Fraction(), Fraction():
            return left * right
        case nodes.Divide(), Fraction(), Fraction():
            return None if right == 0 else left / right
        case nodes.Subtract(), Fraction(), Fraction():
            return left - right
        case nodes.Subtract(), Day(), Day():
            return Fraction(left.number - right.number)
        case nodes.Subtract(), Moment(), Moment():
            return Fraction(left.seconds - right.seconds, DAY_SECONDS)
    raise TypeError(f"{type(node).__name__} of {left!r} and {right!r}")


def _shift(base: Result, amount: Result, unit: nodes.ShiftUnit) -> Result:
    if base is None or amount is None:
        return None
    steps = floor(_number(amount))
    match base:
        case Day(number) if unit in UNIT_MONTHS:
            return Day(add_months(number, steps * UNIT_MONTHS[unit]))
        case Day(number):
            return Day(number + steps * UNIT_SECONDS[unit] // DAY_SECONDS)
        case Moment(seconds) if unit in UNIT_MONTHS:
            day, rest = divmod(seconds, DAY_SECONDS)
            return Moment(add_months(day, steps * UNIT_MONTHS[unit]) * DAY_SECONDS + rest)
        case Moment(seconds):
            return Moment(seconds + steps * UNIT_SECONDS[unit])
    raise TypeError(f"{base!r} is not a date or datetime")


def _part(part: nodes.Part, operand: Result) -> Result:
    match operand:
        case None:
            return None
        case Day(number):
            day, second = number, 0
        case Moment(seconds):
            day, second = divmod(seconds, DAY_SECONDS)
        case _:
            raise TypeError(f"{operand!r} is not a date or datetime")
    year, month, day_of_month = civil_from_days(day)
    match part:
        case "date":
            return Day(day)
        case "year":
            return Fraction(year)
        case "quarter":
            return Fraction((month + 2) // 3)
        case "month":
            return Fraction(month)
        case "day":
            return Fraction(day_of_month)
        case "weekday":
            return Fraction(weekday(day))
        case "hour":
            return Fraction(second // 3600)
        case "minute":
            return Fraction(second // 60 % 60)
        case "second":
            return Fraction(second % 60)


def _like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(_like(text[k:], pattern[1:]) for k in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and _like(text[1:], pattern[1:])


def _from_python(value: Value | Known) -> Known:
    match value:
        case bool() | str() | Fraction() | Day() | Moment():
            return value
        case datetime():
            return Moment((value - datetime(1970, 1, 1)) // timedelta(seconds=1))
        case date():
            return Day((value - EPOCH).days)
        case int() | Decimal():
            return Fraction(value)


def _number(value: Known) -> Fraction:
    if not isinstance(value, Fraction):
        raise TypeError(f"{value!r} is not a number")
    return value


def _text(value: Known) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value


def _truth(value: Result) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"{value!r} is not a truth value")
    return value

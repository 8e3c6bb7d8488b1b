"""What can be known of a term or constant without any row: its value, whether it is whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from synthtab.ir import nodes
from synthtab.schema import (
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    IntegerType,
    Value,
)

UNIT_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def constant_value(term: nodes.Node) -> Fraction | None:
    """Return the exact value of a number made of constants only, else None (also for x / 0 in it).

    ``min``, ``case`` and the like of constants are not looked into.
    """
    match term:
        case nodes.Literal(value) if isinstance(value, int | Decimal):
            if isinstance(value, bool) or not Decimal(value).is_finite():
                return None
            return Fraction(value)
        case nodes.Quantity(amount, unit):
            return Fraction(amount * UNIT_SECONDS[unit], 86_400)
        case nodes.Negate(operand):
            inner = constant_value(operand)
            return None if inner is None else -inner
        case nodes.Add(left, right) | nodes.Subtract(left, right) | nodes.Multiply(left, right):
            a, b = constant_value(left), constant_value(right)
            if a is None or b is None:
                return None
            if isinstance(term, nodes.Add):
                return a + b
            return a - b if isinstance(term, nodes.Subtract) else a * b
        case nodes.Divide(left, right):
            a, b = constant_value(left), constant_value(right)
            return None if a is None or not b else a / b
    return None


def is_whole(
    term: nodes.Node,
    columns: Mapping[str, Column],
    beyond: Callable[[nodes.Node], bool] = lambda _: False,
) -> bool:
    """Say whether a number is a whole one in every row, as far as its types tell.

    ``beyond`` answers for what looks beyond the row.
    """
    known = constant_value(term)
    if known is not None:
        return known.denominator == 1

    def whole(part: nodes.Node) -> bool:
        return is_whole(part, columns, beyond)

    match term:
        case nodes.ColumnRef(name):
            kind = columns[name].type if name in columns else IntegerType()
            return isinstance(kind, IntegerType) or (
                isinstance(kind, DecimalType) and kind.scale == 0
            )
        case nodes.Negate(operand) | nodes.Absolute(operand):
            return whole(operand)
        case nodes.Add(left, right) | nodes.Multiply(left, right):
            return whole(left) and whole(right)
        case nodes.Subtract(left, right):
            return all(whole(side) or _is_date(side, columns) for side in (left, right))
        case nodes.Minimum(args) | nodes.Maximum(args) | nodes.Coalesce(args):
            return all(map(whole, args))
        case nodes.Case(branches, otherwise):
            terms = [t for _, t in branches] + ([] if otherwise is None else [otherwise])
            return all(map(whole, terms))
        case nodes.DatePart() | nodes.Length():
            return True
        case nodes.ParentRef() | nodes.Aggregate() | nodes.Previous():
            return beyond(term)
    return False


def finer_than(value: Value, kind: ColumnType) -> bool:
    """Say whether a constant lies between two neighbouring values of a column's type."""
    if isinstance(value, datetime):
        seconds = value.second + 60 * value.minute
        return isinstance(kind, DatetimeType) and seconds % kind.resolution != 0
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    if not isinstance(kind, IntegerType | DecimalType) or not Decimal(value).is_finite():
        return False
    scale = kind.scale if isinstance(kind, DecimalType) else 0
    return bool((Fraction(value) * 10**scale).denominator != 1)


def _is_date(term: nodes.Node, columns: Mapping[str, Column]) -> bool:
    """Say whether a term is a date, so that a difference of two counts whole days."""
    match term:
        case nodes.ColumnRef(name):
            return name in columns and isinstance(columns[name].type, DateType)
        case nodes.Literal(value):
            return not isinstance(value, datetime | int | Decimal | str)
        case nodes.DatePart("date", _):
            return True
        case nodes.Shift(base, _, _):
            return _is_date(base, columns)
    return False

"""What a CHECK says: something about one column's declaration, or a rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlglot import exp

from synthtab.exchange.sqlexpressions import Reader
from synthtab.ir import nodes
from synthtab.schema import (
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    encode_value,
)

_FORMATS = {"%Y-%m-%d %H:%M:00": 60, "%Y-%m-%d %H:00:00": 3600}
_TICKS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}


@dataclass(frozen=True)
class Bound:
    """A column as a check declares it; ``settles`` says that its length is now known."""

    column: Column
    settles: bool = False


Claim = Bound | nodes.Condition | None
"""A column's declaration, a rule's condition, or nothing that its type does not say already."""


def claim(node: exp.Expr, reader: Reader, *, named: bool) -> Claim:
    """Return what a check says. Raises UnsaidError where the language has no words for it.

    A ``named`` one, whose name somebody has given it, stays a rule but where it lists the values of
    a text.
    """
    node = node.unnest()
    if not named:
        carried = _carried(node, reader)
        if carried is not None:
            return carried if isinstance(carried, Bound) else None
    condition = reader.condition(node)
    match condition:
        case nodes.Compare("=", nodes.ColumnRef() as only, nodes.Literal(str()) as value):
            if not named:  # a list of one, as PostgreSQL writes it
                condition = nodes.In(only, (value,))
    if isinstance(condition, nodes.In) and isinstance(condition.operand, nodes.ColumnRef):
        column = reader.columns[condition.operand.name]
        listed = dict.fromkeys(o.value for o in condition.options if isinstance(o.value, str))
        values = tuple(listed) if all(isinstance(o.value, str) for o in condition.options) else ()
        open_text = isinstance(column.type, TextType) and column.type.pattern is None
        if open_text and values and (not named or column.name not in reader.bounded):
            return Bound(replace(column, type=EnumType(values)), settles=True)
        if (
            isinstance(column.type, EnumType)
            and not named
            and set(values) == set(column.type.values)
        ):
            return None
    return condition if named else _declared(condition, reader)


def _carried(node: exp.Expr, reader: Reader) -> Bound | bool | None:
    """Return what a check says about its column's type; True where that is nothing new.

    None where the check is about something else.
    """
    match node:
        case exp.In(this=exp.Typeof()):
            return True
        case exp.NullSafeEQ(this=exp.Column() as left, expression=right):
            column = reader.columns[reader.column(left).name]
            if isinstance(right, exp.Date | exp.TsOrDsToDate) and column.type == DateType():
                return True
            if not isinstance(column.type, DatetimeType):
                return None
            if isinstance(right, exp.TimeToStr):
                return Bound(_ticking(column, _FORMATS.get(right.args["format"].name, 1)))
            return True
        case exp.EQ(this=exp.TimestampTrunc() as cut, expression=exp.Column() as right):
            column = reader.columns[reader.column(right).name]
            return Bound(_ticking(column, _TICKS.get(_unit(cut), 1)))
        case exp.EQ(this=exp.Mod() as rest) if rest.this.name.lower() == "epoch_us":
            name = reader.column(rest.this.expressions[0]).name
            return Bound(_ticking(reader.columns[name], int(rest.expression.name) // 1_000_000))
        case exp.In(this=exp.Column() as left) if [o.name for o in node.expressions] == ["0", "1"]:
            return True if reader.columns[reader.column(left).name].type == BooleanType() else None
        case exp.And() if node.find(exp.Round) and node.find(exp.Abs):
            return True  # the digits of a decimal in SQLite
        case exp.Between(this=exp.Column() as left):
            column = reader.columns[reader.column(left).name]
            if isinstance(column.type, DecimalType) and column.type.scale == 0:
                most = 10**column.type.precision - 1
                ends = node.args["low"].sql().replace(" ", ""), node.args["high"].name
                return True if ends == (f"-{most}", f"{most}") else None
    return None


def _unit(cut: exp.Expr) -> str:
    unit = cut.args.get("unit")
    while isinstance(unit, exp.Cast):
        unit = unit.this
    return "" if unit is None else unit.name.upper()


def _ticking(column: Column, resolution: int) -> Column:
    known = resolution if resolution in _TICKS.values() else 1
    return replace(column, type=DatetimeType(known))


def _declared(condition: nodes.Condition, reader: Reader) -> Claim:
    """Return a range, length or pattern as the column's; any other condition as it is."""
    match condition:
        case nodes.Between(nodes.ColumnRef(name), nodes.Literal(lo), nodes.Literal(hi)):
            return _ranged(reader.columns[name], lo, hi) or condition
        case nodes.Compare(">=", nodes.ColumnRef(name), nodes.Literal(lo)):
            return _ranged(reader.columns[name], lo, None) or condition
        case nodes.Compare("<=", nodes.ColumnRef(name), nodes.Literal(hi)):
            return _ranged(reader.columns[name], None, hi) or condition
        case nodes.Compare(">", nodes.ColumnRef(name), nodes.Literal(lo)):
            return _ranged(reader.columns[name], lo, None, open_by=1) or condition
        case nodes.Compare("<", nodes.ColumnRef(name), nodes.Literal(hi)):
            return _ranged(reader.columns[name], None, hi, open_by=1) or condition
        case nodes.Compare("<=", nodes.Length(nodes.ColumnRef(name)), nodes.Literal(most)):
            column = reader.columns[name]
            if isinstance(column.type, TextType) and type(most) is int and most > 0:
                length = most if name in reader.open else min(most, column.type.max_length)
                return Bound(replace(column, type=replace(column.type, max_length=length)), True)
        case nodes.Matches(nodes.ColumnRef(name), pattern):
            column = reader.columns[name]
            if isinstance(column.type, TextType) and column.type.pattern is None:
                return Bound(replace(column, type=replace(column.type, pattern=pattern)))
        case nodes.And((first, second)):
            both = _declared(first, reader), _declared(second, reader)
            return _joined(*both) or condition
    return condition


def _joined(first: Claim, second: Claim) -> Bound | None:
    """Return two ranges of one column as one; None where they are something else."""
    if not isinstance(first, Bound) or not isinstance(second, Bound):
        return None
    one, two = first.column, second.column
    if one.name != two.name or one.type != two.type:
        return None
    lo = one.lo if two.lo is None else two.lo if one.lo is None else max(one.lo, two.lo)
    hi = one.hi if two.hi is None else two.hi if one.hi is None else min(one.hi, two.hi)
    if lo is not None and hi is not None and lo > hi:
        return None
    return Bound(replace(one, lo=lo, hi=hi), first.settles or second.settles)


def _ranged(column: Column, lo: Any, hi: Any, *, open_by: int = 0) -> Bound | None:
    """Return the column with a narrower range; None where the ends are none of its type's."""
    if isinstance(column.type, EnumType | TextType | BooleanType):
        return None
    try:
        low = None if lo is None else _code(column.type, lo) + open_by
        high = None if hi is None else _code(column.type, hi) - open_by
    except ValueError:
        return None
    if low is not None and column.lo is not None:
        low = max(low, column.lo)
    if high is not None and column.hi is not None:
        high = min(high, column.hi)
    made = replace(
        column,
        lo=column.lo if low is None else low,
        hi=column.hi if high is None else high,
    )
    return Bound(made) if made.lo is None or made.hi is None or made.lo <= made.hi else None


def _code(kind: ColumnType, value: Any) -> int:
    if isinstance(kind, IntegerType) and isinstance(value, Decimal):
        raise ValueError(value)
    if isinstance(kind, DateType) and isinstance(value, datetime):
        raise ValueError(value)
    if isinstance(kind, DatetimeType) and type(value) is date:
        value = datetime(value.year, value.month, value.day)
    return encode_value(kind, value)

"""Conditions and rules of any shape, well typed only where dates are concerned.

Whether ``x + 3 days`` moves a date or adds numbers is settled by the type of ``x``, so sums of
dates and lengths of time are not made here; everything else may be as odd as the nodes allow.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from hypothesis import strategies as st

from synthtab.ir import nodes as n
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

COLUMNS = (
    Column("a", IntegerType()),
    Column("two words", DecimalType(9, 2)),
    Column("end", DateType()),
    Column("days", DateType()),
    Column("at", DatetimeType()),
    Column("flag", BooleanType()),
    Column("unique", EnumType(("x", "it's", "ÿ\u2028"))),
    Column("date", TextType(9)),
)
NAMED = {c.name: n.ColumnRef(c.name) for c in COLUMNS}
Draw = Callable[[st.SearchStrategy[Any]], Any]

LISTS = st.lists(st.sampled_from([c.name for c in COLUMNS]), max_size=2).map(tuple)
NAMES = st.sampled_from(["a", "two words", "of", "where", "per", "distinct", "é", "case"])
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.decimals(-1000, 1000, places=3).filter(lambda v: v != v.to_integral_value()),
    st.booleans(),
    st.text(max_size=5),
).map(n.Literal)
MOMENTS = st.one_of(st.dates(), st.datetimes().map(lambda v: v.replace(microsecond=0, fold=0))).map(
    n.Literal
)
SPAN_UNITS = st.sampled_from(["weeks", "days", "hours", "minutes", "seconds"])
SHIFT_UNITS = SPAN_UNITS | st.sampled_from(["months", "years"])
NUMBER_COLUMNS = st.sampled_from([NAMED[c] for c in ("a", "two words", "flag", "unique", "date")])
DATE_TERMS = st.sampled_from(
    [NAMED["end"], NAMED["days"], NAMED["at"], n.Literal(date(2020, 2, 29))]
)
PATTERNS = st.text(st.sampled_from("ab/\\[]'{}u25 .*\n\u200b"), max_size=6)
COMPARE_OPS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
QUANTITIES = st.builds(n.Quantity, st.integers(-99, 99), SPAN_UNITS)
PARTS = st.sampled_from(["year", "quarter", "month", "day", "weekday", "hour", "minute", "second"])


def number(draw: Draw, depth: int) -> n.Term:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.one_of(NUMBERS, QUANTITIES, NUMBER_COLUMNS))

    def inner() -> n.Term:
        return number(draw, depth - 1)

    kind = draw(
        st.sampled_from(
            [
                *(n.Negate, n.Absolute, n.Length, n.Add, n.Subtract, n.Multiply, n.Divide),
                *(n.Minimum, n.Maximum, n.Coalesce, n.Case, n.DatePart, date),
                *(n.ParentRef, n.Aggregate, n.Previous),
            ]
        )
    )
    if kind is n.ParentRef:
        return n.ParentRef(tuple(draw(st.lists(NAMES, min_size=1, max_size=2))), draw(NAMES))
    if kind is n.Aggregate:
        return aggregate(draw, depth)
    if kind is n.Previous:
        start = inner() if draw(st.booleans()) else None
        return n.Previous(inner(), start, draw(LISTS), draw(LISTS))
    if kind in (n.Negate, n.Absolute, n.Length):
        return kind(inner())
    if kind in (n.Add, n.Subtract, n.Multiply, n.Divide):
        return kind(inner(), inner())
    if kind in (n.Minimum, n.Maximum, n.Coalesce):
        return kind(tuple(inner() for _ in range(draw(st.integers(2, 3)))))
    if kind is n.DatePart:
        return n.DatePart(draw(PARTS), moment(draw, depth - 1))
    if kind is n.Case:
        branches = tuple(
            (condition(draw, depth - 1), inner()) for _ in range(draw(st.integers(1, 2)))
        )
        return n.Case(branches, inner() if draw(st.booleans()) else None)
    return n.Subtract(moment(draw, depth - 1), moment(draw, depth - 1))


def aggregate(draw: Draw, depth: int) -> n.Term:
    function = draw(st.sampled_from(["count", "sum", "avg", "min", "max"]))
    operand = number(draw, depth - 1) if draw(st.booleans()) else None
    distinct = operand is not None and draw(st.booleans())
    where = condition(draw, depth - 1) if draw(st.booleans()) else None
    of = draw(st.none() | st.just("t"))  # the only table whose columns are known
    via = None if of is None else draw(st.none() | NAMES)
    return n.Aggregate(function, operand, distinct, where, of, draw(LISTS), via)


def moment(draw: Draw, depth: int) -> n.Term:
    if depth <= 0 or draw(st.booleans()):
        return draw(DATE_TERMS)
    amount = n.Literal(draw(st.integers(-9, 9))) if draw(st.booleans()) else number(draw, depth - 1)
    return n.Shift(moment(draw, depth - 1), amount, draw(SHIFT_UNITS))


def predicate(draw: Draw, depth: int) -> n.Condition:
    def term() -> n.Term:
        return moment(draw, depth) if draw(st.integers(0, 3)) == 0 else number(draw, depth)

    match draw(st.integers(0, 7)):
        case 0:
            return n.Compare(draw(COMPARE_OPS), term(), term())
        case 1:
            return n.Between(term(), term(), term())
        case 2:
            options = draw(st.lists(NUMBERS | MOMENTS, min_size=1, max_size=3))
            return n.In(term(), tuple(options))
        case 3:
            return n.IsNull(term())
        case 4:
            return n.Like(term(), draw(st.text(max_size=5)))
        case 5:
            return n.Matches(term(), draw(PATTERNS))
        case 6:
            return NAMED["flag"]
        case _:
            return n.Literal(draw(st.booleans()))


def condition(draw: Draw, depth: int) -> n.Condition:
    if depth <= 0 or draw(st.integers(0, 2)) == 0:
        return predicate(draw, max(depth, 0))

    def inner() -> n.Condition:
        return condition(draw, depth - 1)

    kind = draw(st.sampled_from([n.Not, n.And, n.Or, n.When, n.Iff, n.Increasing, n.GapFree]))
    if kind is n.Increasing:
        strict = draw(st.booleans())
        return n.Increasing(number(draw, depth - 1), strict, draw(LISTS), draw(LISTS))
    if kind is n.GapFree:
        return n.GapFree(number(draw, depth - 1), draw(st.integers(-2, 3)), draw(LISTS))
    if kind is n.Not:
        return n.Not(inner())
    if kind in (n.When, n.Iff):
        return kind(inner(), inner())
    return kind(tuple(inner() for _ in range(draw(st.integers(2, 3)))))


@st.composite
def conditions(draw: Draw) -> n.Condition:
    """Return conditions up to three operators deep."""
    return condition(draw, 3)


COLUMN_LISTS = st.lists(st.sampled_from([c.name for c in COLUMNS]), min_size=1, max_size=2).map(
    tuple
)
SHARES = st.none() | st.decimals("0.001", 1, places=3)
TEXTS = st.none() | st.text(max_size=3)


@st.composite
def rules(draw: Draw) -> n.Rule:
    """Return rules of every kind, often by the name that one without a name gets."""
    columns, others = draw(COLUMN_LISTS), draw(COLUMN_LISTS)
    share, text, name = draw(SHARES), draw(TEXTS), draw(st.none() | st.text(min_size=1, max_size=3))
    given = name or "r"
    match draw(st.integers(0, 5)):
        case 0:
            return n.RowRule(given, condition(draw, 2), text, share)
        case 1:
            primary = draw(st.booleans())
            default = "_".join([*columns, "key" if primary else "unique"])
            where = condition(draw, 1) if draw(st.booleans()) else None
            return n.UniqueRule(name or default, columns, primary, text, where, share)
        case 2:
            return n.DeterminesRule(given, columns, others, text, share)
        case 3:
            default = "_".join([*columns, "reference"])
            return n.ReferenceRule(name or default, columns, draw(NAMES), others, text, share)
        case 4:
            return n.NoOverlapRule(given, columns[0], others[0], draw(LISTS), text, share)
        case _:
            first, second = draw(st.tuples(NAMES, NAMES))
            sides = (n.ParentRef((draw(NAMES),), draw(NAMES)) for _ in range(2))
            pair = n.Compare(draw(COMPARE_OPS), *sides)
            return n.PairRule(given, first, second, pair, text, share)

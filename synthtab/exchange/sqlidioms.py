"""How databases write lengths of time, clocks and calendars, in the language's terms.

These are the idioms that backends/sqldialect.py and its kin write as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from synthtab.exchange.unsaid import unsaid
from synthtab.ir import nodes
from synthtab.ir.types import DateT, DatetimeT

if TYPE_CHECKING:
    from synthtab.exchange.sqlexpressions import Reader

_UNITS: Mapping[str, nodes.ShiftUnit] = {
    "year": "years", "yr": "years", "month": "months", "mon": "months", "week": "weeks",
    "day": "days", "hour": "hours", "minute": "minutes", "min": "minutes", "second": "seconds",
    "sec": "seconds",
}  # fmt: skip
_SECONDS = 86_400
_STRFTIME: Mapping[str, nodes.Part] = {
    "%Y": "year", "%m": "month", "%d": "day", "%H": "hour", "%M": "minute", "%S": "second",
}  # fmt: skip
_SPAN = re.compile(r"([+-]?\d+)\s*([a-z]+?)s?(?![a-z])", re.IGNORECASE)
_CLOCK = re.compile(r"(-?)(\d+):(\d\d):(\d\d)$")
_SIZES = {
    "years": ("months", 12), "months": ("months", 1), "weeks": ("days", 7), "days": ("days", 1),
    "hours": ("seconds", 3600), "minutes": ("seconds", 60), "seconds": ("seconds", 1),
}  # fmt: skip
_CLOCK_UNITS: tuple[tuple[int, nodes.ShiftUnit], ...] = ((3600, "hours"), (60, "minutes"))

Span = tuple[nodes.Term, nodes.ShiftUnit]


def interval(node: exp.Expr, reader: Reader) -> Span | None:
    """Return the amount and unit of a length of time; None where it is none."""
    node = node.unnest()
    match node:
        case exp.Interval():
            unit = _UNITS.get((node.text("unit") or "").lower().removesuffix("s"))
            if unit is None or node.this is None:
                raise unsaid(node, "the language has no such length of time")
            if isinstance(node.this, exp.Literal):
                return nodes.Literal(int(node.this.name)), unit
            return reader.term(node.this), unit
        case exp.Cast() if node.args["to"].is_type("interval"):
            return _spelled(node, node.this.name)
        case exp.MakeInterval():
            found = [v for v in node.args.values() if isinstance(v, exp.Kwarg)]
            if len(found) == 1:
                unit = _UNITS[found[0].this.name.lower().removesuffix("s")]
                return reader.term(found[0].expression), unit
        case exp.ToDays():
            return reader.term(node.this), "days"
        case exp.Anonymous() if node.name.lower().startswith("to_"):
            named = _UNITS.get(node.name.lower()[3:].removesuffix("s"))
            if named is not None and len(node.expressions) == 1:
                return reader.term(node.expressions[0]), named
    return None


def signed(amount: nodes.Term, minus: bool) -> nodes.Term:
    """Return an amount, or the opposite one."""
    if not minus:
        return amount
    if isinstance(amount, nodes.Literal) and type(amount.value) is int:
        return nodes.Literal(-amount.value)
    return nodes.Negate(amount)


def _spelled(node: exp.Expr, text: str) -> Span:
    """Read ``18 years``, ``100 years 1 mon`` and ``3 days 02:00:00``."""
    counts = {"months": 0, "days": 0, "seconds": 0}
    rest = text.strip()
    clock = _CLOCK.search(rest)
    if clock is not None:
        sign, hours, minutes, seconds = clock.groups()
        total = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        counts["seconds"] += -total if sign else total
        rest = rest[: clock.start()].strip()
    found = list(_SPAN.finditer(rest))
    units = [_UNITS.get(f.group(2).lower()) for f in found]
    if _SPAN.sub("", rest).strip() or None in units or (not found and clock is None):
        raise unsaid(node, "the language has no such length of time")
    for one, unit in zip(found, units, strict=True):
        kind, size = _SIZES[unit or ""]
        counts[kind] += int(one.group(1)) * size
    return _span(node, counts)


def _span(node: exp.Expr, counts: Mapping[str, int]) -> Span:
    """Return a length of time in the largest unit that it is a whole number of."""
    months, days, seconds = counts["months"], counts["days"], counts["seconds"]
    if months and (days or seconds):
        raise unsaid(node, "the language moves by months or by days, not by both")
    if months:
        whole = months % 12 == 0
        return nodes.Literal(months // 12 if whole else months), "years" if whole else "months"
    if days and not seconds:
        return nodes.Literal(days), "days"
    seconds += days * _SECONDS
    for size, unit in _CLOCK_UNITS:
        if seconds % size == 0:
            return nodes.Literal(seconds // size), unit
    return nodes.Literal(seconds), "seconds"


def read(node: exp.Expr, reader: Reader) -> nodes.Term | None:
    """Return the term that an idiom stands for; None where there is none."""
    match node:
        case exp.DateDiff() if node.text("unit").upper() == "SECOND":
            return _seconds(reader.term(node.this), reader.term(node.expression))
        case exp.Cast(this=exp.Extract() as inner) if inner.name.upper() == "EPOCH":
            return _epoch(inner, reader)
        case exp.Extract() if node.name.upper() == "EPOCH":
            return _epoch(node, reader)
        case exp.Cast() if node.args["to"].is_type(*exp.DataType.INTEGER_TYPES):
            return _whole(node.this.unnest(), reader)
        case exp.Anonymous() if node.name.upper() in ("DATE", "DATETIME"):
            return _moved(node, reader)
        case exp.Least() if _last_day(node):
            return reader.term(node.this)
        case exp.Coalesce() if node.expressions and _after_all(node.expressions[-1]):
            return reader.term(node.this)
        case exp.Add():
            return _weekday(node, reader)
        case exp.Div() if reader.dialect == "sqlite":
            return _quarter(node, reader)
    return None


def _epoch(node: exp.Expr, reader: Reader) -> nodes.Term:
    inner = node.expression.unnest()
    if isinstance(inner, exp.Sub):
        ends = reader.term(inner.this), reader.term(inner.expression)
        if all(isinstance(reader.kind(e), DatetimeT) for e in ends):
            return _seconds(*ends)
    raise unsaid(node, "the language has no count of seconds but between two datetimes")


def _seconds(later: nodes.Term, earlier: nodes.Term) -> nodes.Term:
    return nodes.Multiply(nodes.Subtract(later, earlier), nodes.Literal(_SECONDS))


def _whole(inner: exp.Expr, reader: Reader) -> nodes.Term | None:
    """Read what SQLite makes an integer of: cents, parts of dates, days and seconds."""
    if isinstance(inner, exp.Round) and isinstance(inner.this, exp.Mul):
        product = inner.this
        if isinstance(product.this, exp.Column) and isinstance(product.expression, exp.Literal):
            return _units(product, reader)
    if isinstance(inner, exp.TimeToStr):
        operand = inner.this
        operand = operand.this if isinstance(operand, exp.TsOrDsToTimestamp) else operand
        term, code = reader.dated(reader.term(operand)), inner.args["format"].name
        if code in _STRFTIME:
            return nodes.DatePart(_STRFTIME[code], term)
        if code == "%s":
            is_date = isinstance(reader.kind(term), DateT)
            start: date = date(1970, 1, 1) if is_date else datetime(1970, 1, 1)
            return _seconds(term, nodes.Literal(start))
    if isinstance(inner, exp.Sub):
        ends = [_julian(e.unnest(), reader) for e in (inner.this, inner.expression)]
        if ends[0] is not None and ends[1] is not None:
            return nodes.Subtract(ends[0], ends[1])
    return None


def _units(product: exp.Expr, reader: Reader) -> nodes.Term | None:
    """Read ``round(x * 100)`` of a column that has no more digits than that."""
    name = reader.column(product.this).name
    scale = getattr(reader.columns[name].type, "scale", None)
    factor = int(product.expression.name)
    if scale is None or 10**scale > factor:
        return None
    return nodes.Multiply(nodes.ColumnRef(name), nodes.Literal(factor))


def _julian(node: exp.Expr, reader: Reader) -> nodes.Term | None:
    if isinstance(node, exp.Anonymous) and node.name.lower() == "julianday":
        term = reader.dated(reader.term(node.expressions[0]))
        return term if isinstance(reader.kind(term), DateT) else None
    return None


def _moved(node: exp.Expr, reader: Reader) -> nodes.Term | None:
    """Read ``date(x, '+3 days')`` of SQLite."""
    if len(node.expressions) != 2:
        return None
    base, step = reader.dated(reader.term(node.expressions[0])), node.expressions[1]
    if isinstance(step, exp.Literal):
        amount, unit = _spelled(node, step.name)
    elif isinstance(step, exp.DPipe) and isinstance(step.expression, exp.Literal):
        amount = reader.term(step.this)
        unit = _UNITS[step.expression.name.strip().removesuffix("s")]
    else:
        return None
    if unit in ("months", "years") and not node.find_ancestor(exp.Least, exp.Coalesce):
        raise unsaid(node, "SQLite goes on into the next month where a month is too short")
    return nodes.Shift(base, amount, unit)


def _last_day(node: exp.Expr) -> bool:
    """Say whether ``min(date(x, '+1 months'), ...)`` only takes the month's last day at most."""
    inner = node.this
    last = node.expressions[0] if len(node.expressions) == 1 else None
    return (
        isinstance(inner, exp.Anonymous)
        and isinstance(last, exp.Anonymous)
        and len(inner.expressions) == 2
        and len(last.expressions) >= 4
        and inner.expressions[0] == last.expressions[0]
        and last.expressions[1].name == "start of month"
        and last.expressions[3].name == "-1 day"
    )


def _after_all(node: exp.Expr) -> bool:
    node = node.unnest()
    while isinstance(node, exp.DPipe):
        if isinstance(node.this, exp.Literal) and node.this.name == "~":
            return True
        node = node.this.unnest()
    return False


def _weekday(node: exp.Expr, reader: Reader) -> nodes.Term | None:
    """Read ``(CAST(strftime('%w', x) AS INTEGER) + 6) % 7 + 1``."""
    rest = node.this.unnest()
    if not isinstance(rest, exp.Mod) or rest.expression.name != "7" or node.expression.name != "1":
        return None
    return _strftime(rest.this.unnest(), "%w", "6", "weekday", reader)


def _quarter(node: exp.Expr, reader: Reader) -> nodes.Term | None:
    """Read ``(CAST(strftime('%m', x) AS INTEGER) + 2) / 3``."""
    if node.expression.name != "3":
        return None
    return _strftime(node.this.unnest(), "%m", "2", "quarter", reader)


def _strftime(
    node: exp.Expr, code: str, plus: str, part: nodes.Part, reader: Reader
) -> nodes.Term | None:
    if not isinstance(node, exp.Add) or node.expression.name != plus:
        return None
    inner = node.this.this.unnest() if isinstance(node.this, exp.Cast) else None
    if not isinstance(inner, exp.TimeToStr) or inner.args["format"].name != code:
        return None
    operand = inner.this
    operand = operand.this if isinstance(operand, exp.TsOrDsToTimestamp) else operand
    return nodes.DatePart(part, reader.dated(reader.term(operand)))

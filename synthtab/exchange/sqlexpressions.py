"""SQL conditions, as sqlglot reads them, in the language's terms.

What has no words there, or would mean something else, raises UnsaidError; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import get_args

from sqlglot import exp

from synthtab.exchange import sqlidioms, sqlpatterns
from synthtab.exchange.simplify import simplified
from synthtab.exchange.sqlconstants import listed, literal, moment, number, text
from synthtab.exchange.sqltypes import DATETIMES, ZONED
from synthtab.exchange.unsaid import unsaid
from synthtab.ir import nodes
from synthtab.ir.constants import is_whole
from synthtab.ir.types import BooleanT, DateT, DatetimeT, NumberT, StringT, TermType
from synthtab.ir.typing import infer
from synthtab.ir.walk import columns_of

_COMPARISONS: Mapping[type, nodes.CompareOp] = {
    exp.EQ: "=", exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_SWAPPED: Mapping[str, nodes.CompareOp] = {
    "<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!=",
}  # fmt: skip
_LIKES_SMALL = {"sqlite", "mysql", "tsql"}
_DIVIDES_WHOLE = {"sqlite", "postgres", "tsql"}
_PARTS: Mapping[type, nodes.Part] = {
    exp.Year: "year", exp.Quarter: "quarter", exp.Month: "month", exp.Day: "day",
    exp.DayOfWeekIso: "weekday", exp.DayOfMonth: "day", exp.Hour: "hour", exp.Minute: "minute",
    exp.Second: "second",
}  # fmt: skip
_EXTRACTED: Mapping[str, nodes.Part] = {
    "YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "DAY": "day", "ISODOW": "weekday",
    "HOUR": "hour", "MINUTE": "minute", "SECOND": "second",
}  # fmt: skip
_READ_AS_CONDITIONS = (
    exp.And, exp.Or, exp.Not, exp.Is, exp.NullSafeEQ, exp.Between, exp.In, exp.Like, exp.Escape,
    exp.Glob, exp.RegexpLike, exp.RegexpFullMatch, *_COMPARISONS,
)  # fmt: skip
_CONDITIONS = tuple(
    k for k in get_args(nodes.Condition) if k not in (nodes.ColumnRef, nodes.Literal)
)


class Reader:
    """Reads the conditions of one table in one dialect (as sqlglot names it).

    ``open`` are text columns that no length is known of yet, ``bounded`` those with a CHECK on it.
    """

    def __init__(
        self,
        table: nodes.Table,
        dialect: str,
        open_texts: Collection[str] = (),
        bounded: Collection[str] = (),
    ) -> None:
        self.open = open_texts
        self.bounded = bounded
        self.table = table
        self.dialect = dialect
        self.columns = {c.name: c for c in table.columns}
        self.spelled = {c.name.lower(): c.name for c in table.columns}

    def condition(self, node: exp.Expr) -> nodes.Condition:
        """Return a condition. Raises UnsaidError, showing the part that has no words."""
        made = self._condition(node)
        # SQLite computes with whole cents; elsewhere a factor is somebody's own.
        return simplified(made) if self.dialect == "sqlite" else made

    def kind(self, node: nodes.Node) -> TermType | None:
        """Return the type of a term; None where it has none."""
        if isinstance(node, _CONDITIONS):
            return BooleanT()
        return infer(node, self.table)

    # Conditions

    def _condition(self, node: exp.Expr) -> nodes.Condition:
        match node:
            case exp.Paren():
                return self._condition(node.this)
            case exp.And():
                return _joined(list(self._flat(node, exp.And)), self.dialect)
            case exp.Or():
                return self._or(node)
            case exp.Not():
                return self._not(node)
            case exp.Is() | exp.NullSafeEQ() if isinstance(node.expression, exp.Null):
                return nodes.IsNull(self.term(node.this))
            case exp.NullSafeEQ():
                raise unsaid(node, "an equality that NULL takes part in has no words")
            case exp.Is() if isinstance(node.expression, exp.Boolean):
                raise unsaid(node, "IS TRUE and IS FALSE have no words; compare with = instead")
            case exp.Between():
                ends = self.term(node.args["low"]), self.term(node.args["high"])
                operand = self.term(node.this)
                return nodes.Between(operand, *(self._like_type(e, operand) for e in ends))
            case exp.In():
                return self._in(node, node.this, node.expressions)
            case exp.EQ() if isinstance(node.expression, exp.Any):
                return self._in(node, node.this, listed(node.expression))
            case exp.NEQ() if isinstance(node.expression, exp.All):
                return nodes.Not(self._in(node, node.this, listed(node.expression)))
            case exp.Escape(this=exp.Like() as like):
                return self._like(like, node.expression.name)
            case exp.Like():
                return self._like(node, None)
            case exp.Glob():
                return self._glob(node)
            case exp.RegexpFullMatch():
                pattern = text(node.expression)
                return self._matches(node, lambda: sqlpatterns.checked(pattern))
            case exp.RegexpLike():
                pattern = text(node.expression)
                return self._matches(node, lambda: sqlpatterns.whole(pattern))
            case exp.Boolean():
                return nodes.Literal(bool(node.this))
            case _ if type(node) in _COMPARISONS:
                return self._compare(node, _COMPARISONS[type(node)])
        made = self.term(node)
        if isinstance(self.kind(made), BooleanT):
            return made  # type: ignore[return-value]
        raise unsaid(node, "it is no condition that the language has words for")

    def _flat(self, node: exp.Expr, kind: type[exp.Connector]) -> Iterator[nodes.Condition]:
        for side in (node.this, node.expression):
            inner: exp.Expr = side.unnest()
            if type(inner) is kind:
                yield from self._flat(inner, kind)
            else:
                yield self._condition(inner)

    def _or(self, node: exp.Expr) -> nodes.Condition:
        sides = list(self._flat(node, exp.Or))
        fits = [s for s in sides if isinstance(s, nodes.Matches)]
        if len(fits) == len(sides) and len({s.operand for s in fits}) == 1:
            return nodes.Matches(fits[0].operand, "|".join(s.pattern for s in fits))
        first = sides[0]
        if isinstance(first, nodes.Not):
            rest = sides[1] if len(sides) == 2 else nodes.Or(tuple(sides[1:]))
            return nodes.When(first.operand, rest)
        return nodes.Or(tuple(sides))

    def _not(self, node: exp.Expr) -> nodes.Condition:
        inner = node.this.unnest()
        if isinstance(inner, exp.Glob):
            wanted = sqlpatterns.one_class(text(inner.expression))
            if wanted is not None:
                pattern = f"{sqlpatterns.negated(wanted)}*"
                return nodes.Matches(self.term(inner.this), sqlpatterns.checked(pattern))
        return nodes.Not(self._condition(inner))

    def _compare(self, node: exp.Expr, op: nodes.CompareOp) -> nodes.Condition:
        left, right = self.term(node.this), self.term(node.expression)
        left, right = self._like_type(left, right), self._like_type(right, left)
        if isinstance(left, _CONDITIONS) or isinstance(right, _CONDITIONS):
            if op in ("=", "!="):
                made = nodes.Iff(left, right)  # type: ignore[arg-type]
                return made if op == "=" else nodes.Not(made)
            raise unsaid(node, "conditions have no order")
        if isinstance(left, nodes.Literal) and not isinstance(right, nodes.Literal):
            left, right, op = right, left, _SWAPPED[op]
        kind = self.kind(left)
        ordered = isinstance(kind, StringT) and op not in ("=", "!=")
        if ordered:
            raise unsaid(node, "texts have no order in the language")
        return nodes.Compare(op, left, right)

    def _in(self, node: exp.Expr, operand: exp.Expr, options: list[exp.Expr]) -> nodes.Condition:
        term = self.term(operand)
        made = [self._like_type(self.term(o), term) for o in options]
        literals = [m for m in made if isinstance(m, nodes.Literal)]
        if not made or len(literals) < len(made):
            raise unsaid(node, "`in` takes constants only")
        return nodes.In(term, tuple(literals))

    def _like(self, node: exp.Like, escape: str | None) -> nodes.Condition:
        pattern = text(node.expression)
        if self.dialect in _LIKES_SMALL and any(c.isalpha() for c in pattern):
            raise unsaid(node, f"capitals do not count for LIKE in {self.dialect}, and do here")
        mark = (
            escape if escape is not None else "\\" if self.dialect in ("postgres", "mysql") else ""
        )
        if isinstance(node.expression, exp.Anonymous):  # like_escape(pattern, '')
            mark = node.expression.expressions[1].name
        if mark and mark in pattern:
            raise unsaid(node, "`like` has no escape; use `matching`")
        return nodes.Like(self.term(node.this), pattern)

    def _glob(self, node: exp.Expr) -> nodes.Condition:
        like, pattern = sqlpatterns.from_glob(text(node.expression))
        operand = self.term(node.this)
        if like is not None:
            return nodes.Like(operand, like)
        return nodes.Matches(operand, sqlpatterns.checked(pattern))

    def _matches(self, node: exp.Expr, pattern: Callable[[], str]) -> nodes.Condition:
        try:
            return nodes.Matches(self.term(node.this), pattern())
        except ValueError as error:
            raise unsaid(node, str(error)) from error

    # Terms

    def term(self, node: exp.Expr) -> nodes.Term:
        """Return a term, or a condition where one stands for a truth value."""
        idiom = sqlidioms.read(node, self)
        if idiom is not None:
            return idiom
        match node:
            case exp.Paren():
                return self.term(node.this)
            case exp.Interval():
                return self._quantity(node)
            case exp.Cast() if node.args["to"].is_type("interval"):
                return self._quantity(node)
            case exp.Column():
                return self.column(node)
            case exp.Literal():
                return literal(node)
            case exp.Boolean():
                return nodes.Literal(bool(node.this))
            case exp.Neg():
                inner = self.term(node.this)
                if isinstance(inner, nodes.Literal) and isinstance(inner.value, int | Decimal):
                    return nodes.Literal(-inner.value)
                return nodes.Negate(inner)
            case exp.Add() | exp.Sub():
                return self._sum(node)
            case exp.Mul():
                return nodes.Multiply(self.term(node.this), self.term(node.expression))
            case exp.Div():
                return self._divide(node)
            case exp.Abs():
                return nodes.Absolute(self.term(node.this))
            case exp.Length():
                return nodes.Length(self.term(node.this))
            case exp.Coalesce():
                return nodes.Coalesce(self._alike([node.this, *node.expressions]))
            case exp.Least() | exp.Greatest():
                return self.extreme(node, guarded=False)
            case exp.Case():
                return self._case(node)
            case exp.Cast():
                return self._cast(node)
            case exp.Date() if node.this is not None and not node.expressions:
                return self.as_date(self.term(node.this))
            case exp.TsOrDsToDate():
                return self.as_date(self.term(node.this))
            case exp.Extract():
                part = _EXTRACTED.get(node.name.upper())
                if part is not None:
                    return nodes.DatePart(part, self.dated(self.term(node.expression)))
            case _ if type(node) in _PARTS:
                return nodes.DatePart(_PARTS[type(node)], self.dated(self.term(node.this)))
            case _ if isinstance(node, _READ_AS_CONDITIONS):
                return self._condition(node)  # type: ignore[return-value]
        raise unsaid(node, "the language has no words for it")

    def column(self, node: exp.Expr) -> nodes.ColumnRef:
        """Return the column of that name."""
        name = node.name
        found = name if name in self.columns else self.spelled.get(name.lower())
        if found is None:
            raise unsaid(node, "it is no column of the table that could be read")
        return nodes.ColumnRef(found)

    def dated(self, term: nodes.Term) -> nodes.Term:
        """Return a term, a text constant being the date or datetime it stands for."""
        if isinstance(term, nodes.Literal) and isinstance(term.value, str):
            return nodes.Literal(moment(term.value))
        return term

    def as_date(self, term: nodes.Term) -> nodes.Term:
        """Return the day of a date or datetime."""
        term = self.dated(term)
        return nodes.DatePart("date", term) if isinstance(self.kind(term), DatetimeT) else term

    def extreme(self, node: exp.Expr, *, guarded: bool) -> nodes.Term:
        """Return min or max; ``guarded`` says that it is NULL where an argument is."""
        parts = [node.this, *node.expressions]
        args = self._alike(parts)
        optional = any(self.columns[name].optional for a in args for name in columns_of(a))
        skips = node.args.get("ignore_nulls") or self.dialect == "duckdb"
        if skips and optional and not guarded:
            raise unsaid(node, "it leaves NULLs out, and `min` and `max` of the language do not")
        return nodes.Minimum(args) if isinstance(node, exp.Least) else nodes.Maximum(args)

    def _alike(self, parts: list[exp.Expr]) -> tuple[nodes.Term, ...]:
        terms = [self.term(p) for p in parts]
        known = next((t for t in terms if not isinstance(t, nodes.Literal)), terms[0])
        return tuple(self._like_type(t, known) for t in terms)

    def _like_type(self, term: nodes.Term, other: nodes.Term) -> nodes.Term:
        """Return a constant as one of the other term's type, where SQL writes both alike."""
        if not isinstance(term, nodes.Literal):
            return term
        kind = self.kind(other)
        if isinstance(term.value, str) and isinstance(kind, DateT | DatetimeT):
            value = moment(term.value)
            if isinstance(kind, DatetimeT) and not isinstance(value, datetime):
                value = datetime(value.year, value.month, value.day)
            return nodes.Literal(value)
        if type(term.value) is int and term.value in (0, 1) and isinstance(kind, BooleanT):
            return nodes.Literal(bool(term.value))
        if isinstance(term.value, str) and isinstance(kind, NumberT):
            return nodes.Literal(number(term.value))
        return term

    def _sum(self, node: exp.Expr) -> nodes.Term:
        minus = isinstance(node, exp.Sub)
        span = sqlidioms.interval(node.expression, self)
        left = self.term(node.this)
        if span is not None:
            amount, unit = span
            return nodes.Shift(self.dated(left), sqlidioms.signed(amount, minus), unit)
        right = self.term(node.expression)
        kinds = self.kind(left), self.kind(right)
        if isinstance(kinds[0], DateT) and isinstance(kinds[1], NumberT):
            return nodes.Shift(left, sqlidioms.signed(right, minus), "days")
        if minus:
            return nodes.Subtract(left, right)
        return nodes.Add(left, right)

    def _quantity(self, node: exp.Expr) -> nodes.Term:
        span = sqlidioms.interval(node, self)
        if span is not None and isinstance(span[0], nodes.Literal) and type(span[0].value) is int:
            amount, unit = span[0].value, span[1]
            if unit != "months" and unit != "years":
                return nodes.Quantity(amount, unit)
        raise unsaid(node, "months and years have no fixed length")

    def _divide(self, node: exp.Expr) -> nodes.Term:
        left, right = self.term(node.this), self.term(node.expression)
        both = is_whole(left, self.columns) and is_whole(right, self.columns)
        if both and self.dialect in _DIVIDES_WHOLE:
            raise unsaid(node, f"{self.dialect} drops the rest of a division of whole numbers")
        return nodes.Divide(left, right)

    def _case(self, node: exp.Case) -> nodes.Term:
        default = node.args.get("default")
        guard = node.args["ifs"][0]
        only = len(node.args["ifs"]) == 1 and _is_null(guard.args["true"])
        if only and isinstance(default, exp.Least | exp.Greatest):
            return self.extreme(default, guarded=True)
        branches = []
        for branch in node.args["ifs"]:
            test = branch.this
            if node.this is not None:
                test = exp.EQ(this=node.this.copy(), expression=test.copy())
            if _is_null(branch.args["true"]):
                raise unsaid(node, "the language has no constant NULL")
            branches.append((self._condition(test), self.term(branch.args["true"])))
        last = None if default is None or _is_null(default) else self.term(default)
        terms = [t for _, t in branches] + ([] if last is None else [last])
        known = next((t for t in terms if not isinstance(t, nodes.Literal)), terms[0])
        made = tuple((c, self._like_type(t, known)) for c, t in branches)
        return nodes.Case(made, None if last is None else self._like_type(last, known))

    def _cast(self, node: exp.Expr) -> nodes.Term:
        kind = node.args["to"]
        if _is_null(node):
            return nodes.Divide(nodes.Literal(1), nodes.Literal(0))
        inner = self.term(node.this)
        if kind.is_type("date"):
            return self.as_date(inner)
        if kind.this in DATETIMES | ZONED:
            return self.dated(inner)
        if kind.is_type(*exp.DataType.TEXT_TYPES) or kind.is_type("bpchar"):
            if isinstance(self.kind(inner), StringT):
                return inner
        elif kind.is_type("boolean"):
            if isinstance(self.kind(inner), BooleanT):
                return inner
        elif isinstance(self.kind(inner), NumberT) or isinstance(inner, nodes.Literal):
            value = self._like_type(inner, nodes.Literal(0))
            integral = kind.is_type(*exp.DataType.INTEGER_TYPES)
            if not integral or is_whole(value, self.columns):
                return value
        raise unsaid(node, "a conversion that changes values has no words")


def _is_null(node: exp.Expr) -> bool:
    inner = node.unnest()
    while isinstance(inner, exp.Cast):
        inner = inner.this.unnest()
    return isinstance(inner, exp.Null)


def _joined(sides: list[nodes.Condition], dialect: str) -> nodes.Condition:
    """Return the conjunction, with what a database takes apart put together again.

    PostgreSQL keeps ``between`` as two comparisons; SQLite has a length for a pattern's count.
    """
    made: list[nodes.Condition] = []
    for side in sides:
        last = made[-1] if made else None
        match last, side:
            case nodes.Compare(">=", first, lo), nodes.Compare("<=", second, hi) if (
                first == second and dialect == "postgres"
            ):
                made[-1] = nodes.Between(first, lo, hi)
            case nodes.Matches(first, pattern), nodes.Compare(
                ">=" | "<=" as op, nodes.Length(second), nodes.Literal(int() as count)
            ) if first == second and dialect == "sqlite":
                counted = sqlpatterns.counted(pattern, op, count)
                made[-1:] = [last, side] if counted is None else [nodes.Matches(first, counted)]
            case _:
                made.append(side)
    return made[0] if len(made) == 1 else nodes.And(tuple(made))

"""Rules as SQL conditions of DuckDB, in natural values, three-valued like the rules themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import get_args

from synthtab.backends import sqltext
from synthtab.backends.sqltext import AND, ATOM, COMPARE, NOT, OR, SUM, Number, Sql
from synthtab.ir import nodes
from synthtab.ir.enums import enum_order
from synthtab.ir.normalise import constant_number
from synthtab.ir.typing import DateT, DatetimeT, type_of
from synthtab.schema import DAY_SECONDS, Column, DecimalType, IntegerType, domain, type_domain

_SWAPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_PARTS = {
    # function, least and greatest result; years as far as a TIMESTAMP goes
    "year": ("year", -300_000, 300_000),
    "quarter": ("quarter", 1, 4),
    "month": ("month", 1, 12),
    "day": ("day", 1, 31),
    "weekday": ("isodow", 1, 7),
    "hour": ("hour", 0, 23),
    "minute": ("minute", 0, 59),
    "second": ("second", 0, 59),
}
_MAX_DAYS = 10**10
_INTERVAL_UNITS = {
    "days": "DAY",
    "weeks": "DAY",
    "months": "MONTH",
    "years": "YEAR",
    "hours": "HOUR",
    "minutes": "MINUTE",
    "seconds": "SECOND",
}


class Translator:
    """Translates the conditions of one table.

    ``names`` gives the SQL text of each column, or ``known`` the whole expression where its type is
    not what says how wide it may be. With ``declared`` the columns' declared ranges are trusted
    when deciding where a number may overflow; without it only their types are.
    """

    def __init__(
        self,
        table: nodes.Table,
        names: Mapping[str, str],
        *,
        declared: bool,
        known: Mapping[str, Sql] | None = None,
    ) -> None:
        self.known = known or {}
        self.table = table
        self.names = names
        self.columns = {c.name: c for c in table.columns}
        self.declared = declared

    def node(self, node: nodes.Node) -> Sql:
        """Return a condition or a term; TooWideError as :meth:`condition`."""
        if isinstance(node, get_args(nodes.Term)):
            return self.term(node)
        return self.condition(node)  # type: ignore[arg-type]

    # Conditions

    def condition(self, node: nodes.Condition) -> Sql:
        """Return the condition; raises TooWideError where exact arithmetic may need 39 digits."""
        match node:
            case nodes.Literal(value):
                return Sql("TRUE" if value else "FALSE")
            case nodes.ColumnRef(name):
                return self.known[name] if name in self.known else Sql(self.names[name])
            case nodes.And(args):
                return Sql(" AND ".join(self.condition(a).at(AND) for a in args), AND)
            case nodes.Or(args):
                return Sql(" OR ".join(self.condition(a).at(OR) for a in args), OR)
            case nodes.Not(operand):
                return Sql(f"NOT {self.condition(operand).at(ATOM)}", NOT)
            case nodes.When(premise, conclusion):
                negated = f"NOT {self.condition(premise).at(ATOM)}"
                return Sql(f"{negated} OR {self.condition(conclusion).at(OR)}", OR)
            case nodes.Iff(left, right):
                sides = self.condition(left).at(ATOM), self.condition(right).at(ATOM)
                return Sql(f"{sides[0]} = {sides[1]}", COMPARE)
            case nodes.IsNull(operand):
                return Sql(f"{self.term(operand).at(SUM)} IS NULL", COMPARE)
            case nodes.Like(operand, pattern):
                text = self.term(operand).at(SUM)
                return Sql(f"{text} LIKE {sqltext.string(pattern)}", COMPARE)
            case nodes.Matches(operand, pattern):
                text = self.term(operand).text
                return Sql(f"regexp_full_match({text}, {sqltext.string(pattern)})")
            case nodes.Compare(op, left, right):
                return self._compare(op, left, right)
            case nodes.Between(operand, lo, hi):
                return self._between(operand, lo, hi)
            case nodes.In(operand, options):
                return self._in(operand, options)
            case _:  # a boolean chosen between columns that context was put into
                return self.term(node)  # type: ignore[arg-type]

    def _compare(self, op: str, left: nodes.Term, right: nodes.Term) -> Sql:
        if op not in ("=", "!=") and (order := enum_order(self.table, left, right)):
            return self._compare_positions(op, left, right, order)
        first, second = self.term(left), self.term(right)
        if isinstance(first, Number) and isinstance(second, Number):
            first, second = sqltext.comparable([first, second])
        sign = "<>" if op == "!=" else op
        return Sql(f"{first.at(SUM)} {sign} {second.at(SUM)}", COMPARE)

    def _compare_positions(
        self, op: str, left: nodes.Term, right: nodes.Term, order: tuple[str, ...]
    ) -> Sql:
        """Compare enum values by their place in the declaration; SQL has no such order of text."""
        if isinstance(left, nodes.Literal):
            left, right, op = right, left, _SWAPPED[op]
        if isinstance(right, nodes.Literal):
            at = order.index(str(right.value))
            test: Callable[[int], bool] = {
                "<": at.__gt__,
                "<=": at.__ge__,
                ">": at.__lt__,
                ">=": at.__le__,
            }[op]
            options = [v for k, v in enumerate(order) if test(k)]
            if options:
                shown = ", ".join(map(sqltext.string, options))
                return Sql(f"{self.term(left).at(SUM)} IN ({shown})", COMPARE)
        return Sql(f"{self._position(left, order)} {op} {self._position(right, order)}", COMPARE)

    def _between(self, operand: nodes.Term, lo: nodes.Term, hi: nodes.Term) -> Sql:
        inner, low, high = self.term(operand), self.term(lo), self.term(hi)
        if enum_order(self.table, operand, lo, hi) or (
            isinstance(inner, Number)
            and isinstance(low, Number)
            and isinstance(high, Number)
            and not inner.denominator == low.denominator == high.denominator
        ):
            ends = self._compare(">=", operand, lo), self._compare("<=", operand, hi)
            return Sql(" AND ".join(e.at(AND) for e in ends), AND)
        if isinstance(inner, Number) and isinstance(low, Number) and isinstance(high, Number):
            inner, low, high = sqltext.comparable([inner, low, high])
        text = f"{inner.at(SUM)} BETWEEN {low.at(SUM)} AND {high.at(SUM)}"
        return Sql(text, COMPARE)

    def _in(self, operand: nodes.Term, options: Sequence[nodes.Literal]) -> Sql:
        inner = self.term(operand)
        if not isinstance(inner, Number):
            shown = ", ".join(self.term(o).text for o in options)
            return Sql(f"{inner.at(SUM)} IN ({shown})", COMPARE)
        chosen = []
        for option in options:
            value = sqltext.constant(Fraction(_plain(option)) * inner.denominator)
            if value.scale <= inner.scale:  # else no value of the operand equals it
                chosen.append(value)
        if not chosen:
            return Sql(f"{inner.at(SUM)} <> {inner.at(SUM)}", COMPARE)
        sqltext.comparable([replace(inner, denominator=1), *chosen])
        return Sql(f"{inner.at(SUM)} IN ({', '.join(c.text for c in chosen)})", COMPARE)

    # Terms

    def term(self, node: nodes.Term) -> Sql:
        """Return the term; a :class:`Number` if it is one."""
        value = self._constant(node)
        if value is not None:
            return value
        match node:
            case nodes.Literal(value_):
                return sqltext.literal(value_)
            case nodes.ColumnRef(name) if name in self.known:
                return self.known[name]
            case nodes.ColumnRef(name):
                return self._column(self.columns[name])
            case nodes.Negate(operand):
                return sqltext.negate(self.number(operand))
            case nodes.Add(left, right):
                return sqltext.add(self.number(left), self.number(right))
            case nodes.Multiply(left, right):
                return sqltext.multiply(self.number(left), self.number(right))
            case nodes.Divide(left, right):
                divisor = constant_number(right, self.table)
                if not divisor:
                    return sqltext.null_number()
                return sqltext.over(self.number(left), divisor)
            case nodes.Subtract(left, right):
                return self._subtract(left, right)
            case nodes.Minimum(args):
                return self._extreme("least", args)
            case nodes.Maximum(args):
                return self._extreme("greatest", args)
            case nodes.Absolute(operand):
                return self._absolute(self.number(operand))
            case nodes.Coalesce(args):
                return self._choice(args, lambda texts: f"COALESCE({', '.join(texts)})")
            case nodes.Case(branches, otherwise):
                return self._case(branches, otherwise)
            case nodes.Shift(base, amount, unit):
                return self._shift(base, amount, unit)
            case nodes.DatePart("date", operand):
                return Sql(f"CAST({self.term(operand).text} AS DATE)")
            case nodes.DatePart(part, operand):
                function, lo, hi = _PARTS[part]
                return sqltext.integer(f"{function}({self.term(operand).text})", lo, hi)
            case nodes.Length(operand):
                return sqltext.integer(f"length({self.term(operand).text})", 0, 2**31)
            case nodes.Quantity():
                raise TypeError("a quantity is a constant")
        raise TypeError(f"{type(node).__name__} is a condition, not a term")

    def number(self, node: nodes.Term) -> Number:
        """Return a numeric term."""
        found = self.term(node)
        if not isinstance(found, Number):
            raise TypeError(f"{node!r} is not a number")
        return found

    def _constant(self, node: nodes.Term) -> Number | None:
        if not isinstance(
            node,
            nodes.Literal
            | nodes.Quantity
            | nodes.Negate
            | nodes.Add
            | nodes.Subtract
            | nodes.Multiply
            | nodes.Divide,
        ):
            return None
        value = constant_number(node, self.table)
        return None if value is None else sqltext.constant(value)

    def _column(self, column: Column) -> Sql:
        text = self.names[column.name]
        lo, hi = domain(column) if self.declared else type_domain(column.type)
        match column.type:
            case IntegerType():
                return sqltext.integer(text, lo, hi)
            case DecimalType(_, scale):
                unit = 10**scale
                return sqltext.decimal(text, scale, Fraction(lo, unit), Fraction(hi, unit))
        return Sql(text)

    def _subtract(self, left: nodes.Term, right: nodes.Term) -> Number:
        match type_of(left, self.table):
            case DateT():
                text = f"{self.term(left).at(SUM)} - {self.term(right).at(ATOM)}"
                return sqltext.integer(text, -_MAX_DAYS, _MAX_DAYS, SUM)
            case DatetimeT():
                ends = self.term(right).text, self.term(left).text
                seconds = sqltext.integer(
                    f"date_diff('second', {ends[0]}, {ends[1]})",
                    -_MAX_DAYS * DAY_SECONDS,
                    _MAX_DAYS * DAY_SECONDS,
                )
                return replace(seconds, denominator=DAY_SECONDS)
        return sqltext.add(self.number(left), self.number(right), -1)

    def _absolute(self, number: Number) -> Number:
        ends = abs(number.lo), abs(number.hi)
        low = Fraction(0) if number.lo <= 0 <= number.hi else min(ends)
        text = f"abs({number.text})"
        return replace(number, text=text, level=ATOM, lo=low, hi=max(ends), literal=False)

    def _extreme(self, function: str, args: Sequence[nodes.Term]) -> Sql:
        def build(texts: list[str]) -> str:
            nullable = [
                f"{t} IS NULL"
                for a, t in zip(args, texts, strict=True)
                if not isinstance(a, nodes.Literal | nodes.Quantity)
            ]
            call = f"{function}({', '.join(texts)})"
            guard = " OR ".join(nullable)
            return f"CASE WHEN {guard} THEN NULL ELSE {call} END" if guard else call

        return self._choice(args, build)

    def _case(
        self,
        branches: Sequence[tuple[nodes.Condition, nodes.Term]],
        otherwise: nodes.Term | None,
    ) -> Sql:
        conditions = [self.condition(c).text for c, _ in branches]

        def build(texts: list[str]) -> str:
            whens = [f"WHEN {c} THEN {t}" for c, t in zip(conditions, texts, strict=False)]
            last = [] if otherwise is None else [f"ELSE {texts[-1]}"]
            return " ".join(["CASE", *whens, *last, "END"])

        terms = [t for _, t in branches] + ([] if otherwise is None else [otherwise])
        return self._choice(terms, build)

    def _choice(self, terms: Sequence[nodes.Term], build: Callable[[list[str]], str]) -> Sql:
        made = [self.term(t) for t in terms]
        numbers = [m for m in made if isinstance(m, Number)]
        if not numbers:
            return Sql(build([m.at(SUM) for m in made]))
        aligned = sqltext.one_type(numbers)
        return sqltext.chosen(build([n.at(SUM) for n in aligned]), aligned)

    def _shift(self, base: nodes.Term, amount: nodes.Term, unit: str) -> Sql:
        moved = self.term(base)
        is_date = isinstance(type_of(base, self.table), DateT)
        factor = 7 if unit == "weeks" else 1
        known = constant_number(amount, self.table)
        if known is not None:
            steps = int(known) * factor
            sign = "-" if steps < 0 else "+"
            step = f"INTERVAL {abs(steps)} {_INTERVAL_UNITS[unit]}"
            if is_date and unit in ("days", "weeks"):
                step = str(abs(steps))
            text = f"{moved.at(SUM)} {sign} {step}"
        else:
            number = sqltext.times(self.number(amount), factor)
            if number.denominator != 1:
                raise TypeError(f"the number of {unit} is not whole")
            text = f"{moved.at(SUM)} + {_step(number.text, unit, is_date=is_date)}"
        if is_date and unit in ("months", "years"):
            return Sql(f"CAST({text} AS DATE)")
        return Sql(text, SUM)

    # Enums

    def _position(self, node: nodes.Term, order: tuple[str, ...]) -> str:
        if isinstance(node, nodes.Literal):
            return str(order.index(str(node.value)))
        whens = " ".join(f"WHEN {sqltext.string(v)} THEN {k}" for k, v in enumerate(order))
        return f"CASE {self.term(node).at(SUM)} {whens} END"


def _step(number: str, unit: str, *, is_date: bool) -> str:
    if unit in ("days", "weeks"):
        whole = f"CAST({number} AS INTEGER)"
        return whole if is_date else f"to_days({whole})"
    if unit in ("months", "years"):
        return f"to_{unit}(CAST({number} AS INTEGER))"
    return f"to_{unit}(CAST({number} AS BIGINT))"


def _plain(option: nodes.Literal) -> int | Decimal:
    if isinstance(option.value, int | Decimal):
        return option.value
    raise TypeError(f"{option.value!r} is not a number")

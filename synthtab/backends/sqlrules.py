"""Rules as SQL conditions, in natural values, three-valued like the rules themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import get_args

from synthtab.backends import sqltext
from synthtab.backends.sqldialect import Dialect
from synthtab.backends.sqltext import (
    AND,
    ATOM,
    COMPARE,
    NOT,
    OR,
    SUM,
    NotSaidError,
    Number,
    Sql,
)
from synthtab.ir import lowered, nodes
from synthtab.ir.bounds import bounds
from synthtab.ir.calendar import civil_from_days
from synthtab.ir.enums import enum_order
from synthtab.ir.normalise import constant_number, lower_term
from synthtab.ir.typing import DateT, DatetimeT, type_of
from synthtab.schema import DAY_SECONDS, Column, domain, type_domain

_SWAPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


class Translator:
    """Translates the conditions of one table.

    ``names`` gives the SQL text of each column, or ``known`` the whole expression where its type is
    not what says how wide it may be. With ``declared`` the columns' declared ranges are trusted
    when deciding where a number may overflow; without it only their types are. What the
    ``dialect`` has no words for raises NotSaidError.
    """

    def __init__(
        self,
        table: nodes.Table,
        names: Mapping[str, str],
        *,
        declared: bool,
        known: Mapping[str, Sql] | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        self.known = known or {}
        self.dialect = dialect or Dialect()
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
                return self.dialect.like(self.term(operand).at(SUM), pattern)
            case nodes.Matches(operand, pattern):
                return self.dialect.matches(self.term(operand).at(SUM), pattern)
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
        if first.beyond and second.beyond:
            raise self._two_beyond()
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
        beyond = any(t.beyond for t in (inner, low, high))
        if (
            enum_order(self.table, operand, lo, hi)
            or beyond
            or (
                isinstance(inner, Number)
                and isinstance(low, Number)
                and isinstance(high, Number)
                and not inner.denominator == low.denominator == high.denominator
            )
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
            wanted = Fraction(_plain(option)) * inner.denominator
            value = sqltext.constant(wanted, self.dialect.arithmetic)
            # Else no value of the operand equals it.
            if value.scale <= inner.scale and value.denominator == 1:
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
                return self.dialect.literal(value_)
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
                    return sqltext.null_number(self.dialect.arithmetic)
                return sqltext.over(self.number(left), divisor)
            case nodes.Subtract(left, right):
                return self._subtract(left, right)
            case nodes.Minimum(args):
                return self._extreme(args, greatest=False)
            case nodes.Maximum(args):
                return self._extreme(args, greatest=True)
            case nodes.Absolute(operand):
                return self._absolute(self.number(operand))
            case nodes.Coalesce(args):
                return self._choice(args, lambda texts: f"COALESCE({', '.join(texts)})")
            case nodes.Case(branches, otherwise):
                return self._case(branches, otherwise)
            case nodes.Shift(base, amount, unit):
                return self._shift(base, amount, unit, beyond=self._leaves_calendar(node))
            case nodes.DatePart("date", operand):
                return self.dialect.as_date(self._inside(operand))
            case nodes.DatePart(part, operand):
                return self._part(part, operand)
            case nodes.Length(operand):
                return self.dialect.length(self.term(operand).text)
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
        return None if value is None else sqltext.constant(value, self.dialect.arithmetic)

    def _column(self, column: Column) -> Sql:
        lo, hi = domain(column) if self.declared else _type_domain(column)
        return self.dialect.leaf(column.type, self.names[column.name], lo, hi)

    def _subtract(self, left: nodes.Term, right: nodes.Term) -> Number:
        match type_of(left, self.table):
            case DateT():
                return self.dialect.days_between(self._inside(left), self._inside(right))
            case DatetimeT():
                ends = self._inside(left), self._inside(right)
                seconds = self.dialect.seconds_between(*ends)
                return sqltext.over_unit(seconds, DAY_SECONDS)
        return sqltext.add(self.number(left), self.number(right), -1)

    def _absolute(self, number: Number) -> Number:
        ends = abs(number.lo), abs(number.hi)
        low = Fraction(0) if number.lo <= 0 <= number.hi else min(ends)
        text = f"abs({number.text})"
        return replace(number, text=text, level=ATOM, lo=low, hi=max(ends), literal=False)

    def _extreme(self, args: Sequence[nodes.Term], *, greatest: bool) -> Sql:
        if sum(self.term(a).beyond for a in args) > 1:
            raise self._two_beyond()

        def build(texts: list[str]) -> str:
            nullable = [
                t
                for a, t in zip(args, texts, strict=True)
                if not isinstance(a, nodes.Literal | nodes.Quantity)
            ]
            return self.dialect.extreme(greatest, texts, nullable)

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
            beyond = any(m.beyond for m in made)
            return Sql(build([m.at(SUM) for m in made]), beyond=beyond)
        aligned = sqltext.one_type(numbers)
        return sqltext.chosen(build([n.at(SUM) for n in aligned]), aligned)

    def _shift(
        self, base: nodes.Term, amount: nodes.Term, unit: nodes.ShiftUnit, *, beyond: bool
    ) -> Sql:
        is_date = isinstance(type_of(base, self.table), DateT)
        steps = self.number(amount)
        if unit == "weeks":
            steps, unit = sqltext.times(steps, 7), "days"
        if steps.denominator != 1:
            raise TypeError(f"the number of {unit} is not whole")
        start = self._inside(base)
        return self.dialect.shift(start, steps, unit, is_date=is_date, beyond=beyond)

    def _inside(self, node: nodes.Term) -> Sql:
        """Return a date that its database can compute with."""
        made = self.term(node)
        if made.beyond:
            raise NotSaidError(
                f"{self.dialect.name} can compare dates outside its calendar, not compute with"
                " them; declare narrower ranges for the columns"
            )
        return made

    def _leaves_calendar(self, node: nodes.Shift) -> bool:
        """Say whether a shift may lead out of the years a database has; refuse one too far."""
        days = None if self.dialect.calendar is None else self._days(node)
        if days is None or self.dialect.calendar is None:
            return False
        lo, hi = days
        first, last = self.dialect.sorted_beyond or self.dialect.calendar
        if lo < first or hi > last:
            years = [civil_from_days(day)[0] for day in (lo, hi)]
            raise NotSaidError(
                f"a date moved by {node.unit} may come to the years {years[0]} to {years[1]}, which"
                f" {self.dialect.name} does not have; declare narrower ranges for its columns"
            )
        return lo < self.dialect.calendar[0] or hi > self.dialect.calendar[1]

    def _two_beyond(self) -> NotSaidError:
        return NotSaidError(
            f"{self.dialect.name} cannot compare two dates outside its calendar; declare "
            "narrower ranges for the columns"
        )

    def _days(self, node: nodes.Term) -> tuple[int, int] | None:
        """Return the first and last day number that a date or datetime may have."""
        made = lower_term(node, self.table)
        if not isinstance(made, lowered.Days | lowered.Ticks):
            return None
        room = domain if self.declared else _type_domain
        lo, hi = bounds(made.term, {c.name: room(c) for c in self.table.columns})
        per_day = made.per_day if isinstance(made, lowered.Ticks) else 1
        return lo // per_day, hi // per_day

    def _part(self, part: nodes.Part, operand: nodes.Term) -> Number:
        first = self.dialect.first_year
        if part == "year" and first is not None:
            days = self._days(operand)
            if days is not None and days[0] < first:
                raise NotSaidError(
                    f"{self.dialect.name} numbers the years before 1 otherwise; declare narrower "
                    "ranges for the columns"
                )
        return self.dialect.part(part, self._inside(operand).text)

    # Enums

    def _position(self, node: nodes.Term, order: tuple[str, ...]) -> str:
        if isinstance(node, nodes.Literal):
            return str(order.index(str(node.value)))
        whens = " ".join(f"WHEN {sqltext.string(v)} THEN {k}" for k, v in enumerate(order))
        return f"CASE {self.term(node).at(SUM)} {whens} END"


def _type_domain(column: Column) -> tuple[int, int]:
    return type_domain(column.type)


def _plain(option: nodes.Literal) -> int | Decimal:
    if isinstance(option.value, int | Decimal):
        return option.value
    raise TypeError(f"{option.value!r} is not a number")

"""The types of terms, with what is wrong about them."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal

from synthtab.diagnostics import Span
from synthtab.ir import nodes
from synthtab.ir.constants import constant_value, is_whole
from synthtab.ir.types import (
    BooleanT,
    DateT,
    DatetimeT,
    NumberT,
    StringT,
    TermType,
    describe,
    join,
    type_of_column,
    type_of_value,
)
from synthtab.ir.walk import descendants
from synthtab.schema import type_name

CONDITION_ONLY = (
    nodes.Compare,
    nodes.Between,
    nodes.In,
    nodes.IsNull,
    nodes.Like,
    nodes.Matches,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.When,
    nodes.Iff,
    nodes.Increasing,
    nodes.GapFree,
)
_TIME_PARTS = ("hour", "minute", "second", "date")
_TIME_UNITS = {"hours": 3600, "minutes": 60, "seconds": 1}
Report = Callable[..., None]


class TermChecker(ABC):
    """Walks the terms of one table. A term that is wrong has type None, reported once.

    Those that look beyond the row are ir/contextterms.py's.
    ``report(code, message, span, help=None, *, warning=False)`` takes the findings.
    """

    def __init__(self, table: nodes.Table, report: Report) -> None:
        self.table = table
        self.columns = {c.name: c for c in table.columns}
        self.report = report

    @abstractmethod
    def condition(self, node: nodes.Node) -> None:
        """Check a condition (those of a ``case`` are within terms)."""

    @abstractmethod
    def beyond(self, node: nodes.Node) -> TermType | None:
        """Return the type of a term that looks beyond its row."""

    @abstractmethod
    def whole_beyond(self, node: nodes.Node) -> bool:
        """Say whether a figure from beyond the row is a whole number."""

    def whole(self, term: nodes.Term) -> bool:
        """Say whether a number is a whole one in every row, as far as types tell."""
        return is_whole(term, self.columns, self.whole_beyond)

    def term(self, node: nodes.Node) -> TermType | None:
        """Return the term's type; None after reporting why it has none."""
        match node:
            case nodes.Literal(value):
                return self._literal(value, node.span)
            case nodes.Quantity():
                return NumberT()
            case nodes.ColumnRef(name):
                return self.column(name, node.span)
            case nodes.Subtract(left, right):
                return self._subtract(left, right, node.span)
            case nodes.Negate(operand):
                return self._numbers("-", operand)
            case nodes.Absolute(operand):
                return self._numbers("abs", operand)
            case nodes.Add(left, right):
                return self._numbers("+", left, right)
            case nodes.Multiply(left, right):
                return self._numbers("*", left, right)
            case nodes.Divide(left, right):
                return self._divide(left, right)
            case nodes.Minimum(args):
                return self._extreme("min", args, node.span)
            case nodes.Maximum(args):
                return self._extreme("max", args, node.span)
            case nodes.Coalesce(args):
                return self._choice("coalesce", args, node.span)
            case nodes.Case(branches, otherwise):
                for condition, _ in branches:
                    self.condition(condition)
                terms = [t for _, t in branches]
                terms += [] if otherwise is None else [otherwise]
                return self._choice("case", terms, node.span)
            case nodes.Shift(base, amount, unit):
                return self._shift(base, amount, unit, node.span)
            case nodes.DatePart(part, operand):
                return self._date_part(part, operand)
            case nodes.Length(operand):
                self._string_operand("length", operand)
                return NumberT()
            case nodes.ParentRef() | nodes.Aggregate() | nodes.Previous():
                return self.beyond(node)
        if isinstance(node, CONDITION_ONLY):
            self.condition(node)
            self.report(
                "E213",
                "a condition stands where a value is needed",
                node.span,
                "two conditions compare with `iff`; to make a value of one, write"
                " `case when ... then 1 else 0 end`",
            )
        return None

    def _literal(self, value: object, span: Span | None) -> TermType | None:
        problem = None
        if isinstance(value, Decimal) and not value.is_finite():
            problem = "is not a finite number"
        elif isinstance(value, datetime) and (value.microsecond or value.tzinfo):
            problem = "has fractions of a second or a time zone"
        elif not isinstance(value, bool | int | Decimal | date | str):
            problem = f"is a {type(value).__name__}"
        if problem is None:
            return type_of_value(value)  # type: ignore[arg-type]
        self.report(
            "E230",
            f"the constant {value!r} {problem}",
            span,
            "constants are whole numbers, exact decimals, dates, datetimes to the second,"
            " true, false and text",
        )
        return None

    def column(self, name: str, span: Span | None) -> TermType | None:
        """Return the type of a column of the row."""
        column = self.columns.get(name)
        if column is not None:
            return type_of_column(column.type)
        if name.lower() == "null":
            self.report(
                "E207",
                "`null` is not a value and equals nothing, not even itself",
                span,
                "write `x is null` or `x is not null`",
            )
            return None
        self.unknown_column(self.table, name, span)
        return None

    def unknown_column(self, table: nodes.Table, name: str, span: Span | None) -> None:
        """Report a column that a table does not have."""
        names = list(table.column_names)
        near = difflib.get_close_matches(name, names, 1, 0.6)
        shown = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
        self.report(
            "E201",
            f"table `{table.name}` has no column `{name}`",
            span,
            f"did you mean `{near[0]}`?" if near else f"its columns are {shown}",
        )

    def _numbers(self, word: str, *operands: nodes.Term) -> TermType | None:
        kinds = [self.term(o) for o in operands]
        wrong = False
        for operand, kind in zip(operands, kinds, strict=True):
            if kind is not None and not isinstance(kind, NumberT):
                wrong = True
                dated = isinstance(kind, DateT | DatetimeT)
                self.report(
                    "E211",
                    f"`{word}` needs numbers, but this is {self.shown(operand, kind)}",
                    operand.span,
                    "a date moves by a length of time: `d + 30 days`, `d - 1 years`"
                    if dated
                    else None,
                )
        return None if wrong else NumberT()

    def _subtract(self, left: nodes.Term, right: nodes.Term, span: Span | None) -> TermType | None:
        a, b = self.term(left), self.term(right)
        if a is None or b is None:
            return NumberT()
        if type(a) is type(b) and isinstance(a, DateT | DatetimeT):
            return NumberT()
        if {type(a), type(b)} == {DateT, DatetimeT}:
            self.report(
                "E211",
                f"{self.shown(right, b)} cannot be taken from {self.shown(left, a)}",
                span,
                "`date(...)` takes the date of a datetime",
            )
            return NumberT()
        return self._numbers("-", left, right)

    def _divide(self, left: nodes.Term, right: nodes.Term) -> TermType | None:
        kind = self._numbers("/", left, right)
        if any(isinstance(n, (nodes.ColumnRef, *nodes.CONTEXT)) for n in descendants(right)):
            self.report(
                "E214",
                "only division by a constant is supported",
                right.span,
                "multiply the other side instead: `a / b <= 2` says `a <= 2 * b` where b > 0",
            )
        elif constant_value(right) == 0:
            self.report(
                "W202",
                "division by zero is always NULL, so the rule holds for every row",
                right.span,
                warning=True,
            )
        return kind

    def _extreme(self, word: str, args: Sequence[nodes.Term], span: Span | None) -> TermType | None:
        kind = self._choice(word, args, span)
        if isinstance(kind, StringT | BooleanT):
            self.report(
                "E211", f"`{word}` takes numbers, dates or datetimes, not {describe(kind)}", span
            )
            return None
        return kind

    def _choice(self, word: str, args: Sequence[nodes.Term], span: Span | None) -> TermType | None:
        kinds = [self.term(arg) for arg in args]
        if word != "case" and len(args) < 2:
            self.report("E218", f"`{word}` needs at least two values", span)
        known = [
            (kind, arg.value if isinstance(arg, nodes.Literal) else None)
            for kind, arg in zip(kinds, args, strict=True)
            if kind is not None
        ]
        if not known:
            return None
        joined = join(known)
        if joined is None:
            named = [self.shown(a, k) for a, k in zip(args, kinds, strict=True) if k is not None]
            self.report(
                "E211",
                f"`{word}` mixes {' with '.join(dict.fromkeys(named))}",
                span,
                "all its values need one type",
            )
        return joined

    def _shift(
        self, base: nodes.Term, amount: nodes.Term, unit: str, span: Span | None
    ) -> TermType | None:
        kind, amount_kind = self.term(base), self.term(amount)
        if amount_kind is not None and not isinstance(amount_kind, NumberT):
            self.report(
                "E216", f"the number of {unit} is {self.shown(amount, amount_kind)}", amount.span
            )
        elif amount_kind is not None and not self.whole(amount):
            self.report(
                "E216",
                f"the number of {unit} may not be whole",
                amount.span,
                "use an integer column or constant; a smaller unit may help",
            )
        if kind is None:
            return None
        if isinstance(kind, DatetimeT):
            return DatetimeT(min(kind.resolution, _TIME_UNITS.get(unit, kind.resolution)))
        if isinstance(kind, DateT) and unit not in _TIME_UNITS:
            return kind
        self.report(
            "E215",
            f"{unit} cannot be added to {self.shown(base, kind)}",
            span,
            "a date moves by days, weeks, months or years; smaller units need a datetime",
        )
        return kind if isinstance(kind, DateT) else None

    def _date_part(self, part: str, operand: nodes.Term) -> TermType | None:
        kind = self.term(operand)
        wrong = kind is not None and not isinstance(
            kind, DatetimeT if part in _TIME_PARTS else DateT | DatetimeT
        )
        if wrong and kind is not None:
            needs = "a datetime" if part in _TIME_PARTS else "a date or datetime"
            self.report(
                "E211",
                f"`{part}` needs {needs}, but this is {self.shown(operand, kind)}",
                operand.span,
                "it is a date already: leave `date(...)` out"
                if part == "date" and isinstance(kind, DateT)
                else None,
            )
        return DateT() if part == "date" else NumberT()

    def _string_operand(self, word: str, operand: nodes.Term) -> None:
        kind = self.term(operand)
        if kind is not None and not isinstance(kind, StringT):
            self.report(
                "E211",
                f"`{word}` needs a text, but this is {self.shown(operand, kind)}",
                operand.span,
            )

    def shown(self, node: nodes.Term, kind: TermType) -> str:
        """Name a term and its type for a message: '`age` (integer)', "the text 'x'"."""
        match node:
            case nodes.ColumnRef(name) if name in self.columns:
                return f"`{name}` ({type_name(self.columns[name].type)})"
            case nodes.Literal(value):
                shown = repr(value) if isinstance(value, str) else _plain(value)
                return f"{describe(kind).replace('a ', 'the ', 1)} {shown}"
            case _:
                return describe(kind)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)

"""Type checking: every finding of a model at once, and the type of a checked term.

Declarations (names, ranges, keys) are looked at in ir/declarations.py, conditions here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from synthtab.diagnostics import Diagnostic, Source, Span
from synthtab.ir import nodes
from synthtab.ir.constants import constant_value, finer_than
from synthtab.ir.contextterms import ContextChecker
from synthtab.ir.declarations import check_declarations
from synthtab.ir.patterns import PatternError, check_pattern
from synthtab.ir.relations import check_rule
from synthtab.ir.types import (
    BooleanT,
    DateT,
    DatetimeT,
    NumberT,
    StringT,
    TermType,
    describe,
)
from synthtab.schema import type_name

__all__ = [
    "BooleanT",
    "DateT",
    "DatetimeT",
    "NumberT",
    "StringT",
    "TermType",
    "check",
    "infer",
    "too_deep",
    "type_of",
]


def check(
    tables: Sequence[nodes.Table],
    source: Source | None = None,
    constants: Sequence[nodes.Constant] = (),
) -> list[Diagnostic]:
    """Return every finding about a model, errors and warnings, in the order of the source."""
    found = check_declarations(tables, constants, source)
    for table in tables:

        def report(
            code: str,
            message: str,
            span: Span | None,
            help_: str | None = None,
            *,
            warning: bool = False,
            table: nodes.Table = table,
        ) -> None:
            severity = "warning" if warning else "error"
            place = span or table.span
            found.append(Diagnostic(code, message, place, help_, source, severity))  # type: ignore[arg-type]

        for rule in table.rules:
            checker = _Checker(table, report, tables)
            check_rule(rule, checker)
            try:
                match rule:
                    case nodes.RowRule(condition=condition):
                        checker.condition(condition)
                    case nodes.UniqueRule(where=where) if where is not None:
                        why = "the rows of a unique rule are picked one by one"
                        _Checker(table, report, tables, alone=why).condition(where)
                    case nodes.PairRule(first=first, second=second, condition=condition):
                        pair = (first, second)
                        _Checker(table, report, tables, pair=pair).condition(condition)
            except RecursionError:
                found.append(too_deep(rule.span, source))
    found.sort(key=lambda d: (d.span.line, d.span.column) if d.span else (0, 0))
    return list(dict.fromkeys(found))


def too_deep(span: Span | None, source: Source | None) -> Diagnostic:
    """Return the finding about a condition that is nested deeper than Python's stack."""
    help_ = "break it into several rules, or into sums of parts in parentheses"
    return Diagnostic("E116", "a condition is nested too deeply", span, help_, source)


def type_of(
    term: nodes.Term,
    table: nodes.Table,
    tables: Iterable[nodes.Table] = (),
    *,
    pair: tuple[str, ...] = (),
) -> TermType:
    """Return the type of a term that :func:`check` has no error about; TypeError otherwise.

    ``tables`` are those that references lead to, ``pair`` the names of a forbidden pair's rows.
    """
    problems: list[str] = []

    def report(code: str, message: str, *_: object, warning: bool = False, **__: object) -> None:
        if not warning:
            problems.append(f"{code}: {message}")

    kind = _Checker(table, report, tables, pair=pair).term(term)
    if kind is None or problems:
        raise TypeError("; ".join(problems) or f"{term!r} has no type")
    return kind


def infer(
    term: nodes.Node,
    table: nodes.Table,
    tables: Iterable[nodes.Table] = (),
    *,
    pair: tuple[str, ...] = (),
) -> TermType | None:
    """Return the type of a term, or None where it has none; nothing is reported."""
    return _Checker(table, lambda *_, **__: None, tables, pair=pair).term(term)


class _Checker(ContextChecker):
    """Adds the conditions to the terms."""

    def column(self, name: str, span: Span | None) -> TermType | None:
        if self.pair and name.lower() != "null":
            first, second = self.pair
            self.report(
                "E252",
                f"`{name}` of which row? The pair is `{first}` and `{second}`",
                span,
                f"write `{first}.{name}` or `{second}.{name}`",
            )
            return None
        return super().column(name, span)

    def ordering(self, word: str, term: nodes.Term, kind: TermType) -> None:
        self.ordered(word, term, kind, term, kind, term.span)

    def condition(self, node: nodes.Node) -> None:
        match node:
            case nodes.And(args) | nodes.Or(args):
                for arg in args:
                    self.condition(arg)
                if len(args) < 2:
                    word = "and" if isinstance(node, nodes.And) else "or"
                    self.report("E218", f"`{word}` needs at least two conditions", node.span)
            case nodes.Not(operand):
                self.condition(operand)
            case nodes.When(left, right) | nodes.Iff(left, right):
                self.condition(left)
                self.condition(right)
            case nodes.Compare(op, left, right):
                self.comparison(op, left, right, node.span)
            case nodes.Between(operand, lo, hi):
                self.between(operand, lo, hi, node.span)
            case nodes.In(operand, options):
                self.membership(operand, options, node.span)
            case nodes.IsNull(operand):
                self.term(operand)
            case nodes.Like(operand, _):
                self._string_operand("like", operand)
            case nodes.Matches(operand, pattern):
                self._string_operand("matching", operand)
                self.pattern(pattern, node.span)
            case nodes.Increasing() | nodes.GapFree():
                self.sequence(node)
            case _:
                kind = self.term(node)
                if kind is not None and not (
                    isinstance(kind, BooleanT) and isinstance(node, nodes.ColumnRef | nodes.Literal)
                ):
                    self.not_a_condition(node, kind)

    def not_a_condition(self, node: nodes.Node, kind: TermType) -> None:
        if isinstance(kind, BooleanT):
            help_ = "compare it: `... = true`"
        else:
            help_ = "a condition compares: `x > 0`, `x is not null`, `x in ('a', 'b')` ..."
        self.report("E212", f"this is {describe(kind)}, not a condition", node.span, help_)

    def comparison(self, op: str, left: nodes.Term, right: nodes.Term, span: Span | None) -> None:
        a, b = self.term(left), self.term(right)
        if a is None or b is None:
            return
        if type(a) is not type(b):
            self.mismatch(left, a, right, b, span)
            return
        if op not in ("=", "!="):
            self.ordered(op, left, a, right, b, span)
        self.enum_values(left, a, right, b)
        if op in ("=", "!="):
            self.never_equal(left, right)
            self.never_equal(right, left)

    def between(
        self, operand: nodes.Term, lo: nodes.Term, hi: nodes.Term, span: Span | None
    ) -> None:
        kind = self.term(operand)
        for end in (lo, hi):
            end_kind = self.term(end)
            if kind is None or end_kind is None:
                continue
            if type(kind) is not type(end_kind):
                self.mismatch(operand, kind, end, end_kind, span)
            else:
                self.ordered("between", operand, kind, end, end_kind, span)
                self.enum_values(operand, kind, end, end_kind)
        low, high = constant_value(lo), constant_value(hi)
        if low is not None and high is not None and low > high:
            self.report(
                "W203",
                f"no value is between {low} and {high}",
                span,
                "the lower end comes first",
                warning=True,
            )

    def membership(
        self, operand: nodes.Term, options: Sequence[nodes.Literal], span: Span | None
    ) -> None:
        kind = self.term(operand)
        if not options:
            self.report("E218", "`in` needs at least one value", span, "write `x in (1, 2)`")
        for option in options:
            option_kind = self.term(option)
            if kind is None or option_kind is None:
                continue
            if type(kind) is not type(option_kind):
                self.mismatch(operand, kind, option, option_kind, option.span or span)
            else:
                self.enum_values(operand, kind, option, option_kind)
                self.never_equal(operand, option)

    def mismatch(
        self,
        left: nodes.Term,
        a: TermType,
        right: nodes.Term,
        b: TermType,
        span: Span | None,
    ) -> None:
        self.report(
            "E210",
            f"{self.shown(left, a)} cannot be compared with {self.shown(right, b)}",
            span,
            self.mismatch_help(left, a, right, b),
        )

    def mismatch_help(
        self, left: nodes.Term, a: TermType, right: nodes.Term, b: TermType
    ) -> str | None:
        for kind, other in ((a, right), (b, left)):
            if isinstance(other, nodes.Literal) and isinstance(other.value, str):
                if isinstance(kind, NumberT | DateT | DatetimeT) and other.value[:1].isdigit():
                    return f"write it without quotes: {other.value.replace(' ', 'T')}"
                if isinstance(kind, BooleanT):
                    return "write `true` or `false` without quotes"
            if isinstance(kind, BooleanT) and isinstance(other, nodes.Literal):
                return "write `true` or `false`"
        dated = isinstance(a, DateT | DatetimeT) or isinstance(b, DateT | DatetimeT)
        if dated and (isinstance(left, nodes.Divide) or isinstance(right, nodes.Divide)):
            return "a date is written with hyphens: 2014-01-31"
        if {type(a), type(b)} == {DateT, DatetimeT}:
            return "`date(...)` takes the date of a datetime"
        if isinstance(a, StringT) or isinstance(b, StringT):
            return "a text constant is written in 'single quotes'"
        return None

    def ordered(
        self,
        op: str,
        left: nodes.Term,
        a: TermType,
        right: nodes.Term,
        b: TermType,
        span: Span | None,
    ) -> None:
        if isinstance(a, BooleanT):
            self.report(
                "E217",
                f"true and false have no order for `{op}`",
                span,
                "booleans compare with = and != only",
            )
        if not isinstance(a, StringT) or not isinstance(b, StringT):
            return
        lists = {k.values for k in (a, b) if k.values is not None}
        literal = isinstance(left, nodes.Literal) or isinstance(right, nodes.Literal)
        same = len(lists) == 1 and (literal or a.values == b.values)
        if not same:
            text = not lists or (len(lists) == 1 and not literal)
            what = "text has" if text else "values of two different enums have"
            self.report(
                "E217",
                f"{what} no order for `{op}`",
                span,
                "only an enum's values are ordered, by their position in its list, "
                "and only among themselves",
            )

    def enum_values(self, left: nodes.Term, a: TermType, right: nodes.Term, b: TermType) -> None:
        for kind, subject, other in ((a, left, right), (b, right, left)):
            if not isinstance(kind, StringT) or kind.values is None:
                continue
            for literal in _results(other):
                if isinstance(literal.value, str) and literal.value not in kind.values:
                    self.unknown_value(subject, kind.values, literal)

    def unknown_value(
        self, subject: nodes.Term, values: tuple[str, ...], literal: nodes.Literal
    ) -> None:
        whose = ""
        if isinstance(subject, nodes.ColumnRef):
            whose = f" of `{subject.name}`"
        elif isinstance(subject, nodes.ParentRef):
            whose = f" of `{'.'.join((*subject.path, subject.column))}`"
        shown = ", ".join(f"'{v}'" for v in values[:12]) + (" ..." if len(values) > 12 else "")
        near = difflib.get_close_matches(str(literal.value), values, 1)
        guess = f"did you mean '{near[0]}'? " if near else ""
        self.report(
            "E206",
            f"'{literal.value}' is not a value{whose}",
            literal.span,
            f"{guess}accepted: {shown}",
        )

    def never_equal(self, term: nodes.Term, constant: nodes.Term) -> None:
        if not isinstance(term, nodes.ColumnRef) or not isinstance(constant, nodes.Literal):
            return
        column = self.columns.get(term.name)
        if column is not None and finer_than(constant.value, column.type):
            self.report(
                "W201",
                f"{constant.value} has finer steps than `{column.name}`, "
                f"which is {type_name(column.type)}: they are never equal",
                constant.span,
                "round the constant, or declare the column with more digits",
                warning=True,
            )

    def pattern(self, pattern: str, span: Span | None) -> None:
        try:
            check_pattern(pattern)
        except PatternError as error:
            code = "E225" if error.unsupported else "E224"
            kind = "not supported in a pattern" if error.unsupported else "in this pattern"
            self.report(code, f"{error} (character {error.position + 1}): {kind}", span, error.help)


def _results(term: nodes.Term) -> list[nodes.Literal]:
    """Return the constants that a term may come out as: itself, or those of its branches."""
    match term:
        case nodes.Literal():
            return [term]
        case nodes.Coalesce(args):
            return [literal for arg in args for literal in _results(arg)]
        case nodes.Case(branches, otherwise):
            terms = [t for _, t in branches] + ([] if otherwise is None else [otherwise])
            return [literal for t in terms for literal in _results(t)]
    return []

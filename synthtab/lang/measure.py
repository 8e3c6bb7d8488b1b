"""What can be settled only once all tables and constants are known.

``x + 3 days`` moves a date, but adds to a number (a length of time is a number of days). Which of
the two depends on the type of ``x``, so the parser and the builder leave a Measure, and once the
columns are known :func:`resolve` makes a Shift or a Quantity of it. A name may be a column's or a
constant's: the parser leaves a ColumnRef, which becomes a Literal where it is a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast, get_args

from synthtab.diagnostics import Span
from synthtab.ir import nodes
from synthtab.ir.types import DateT, DatetimeT, TermType
from synthtab.ir.typing import infer
from synthtab.ir.walk import rebuild

Report = Callable[[str, str, Span | None, str | None], None]


@dataclass(frozen=True)
class Measure:
    """``amount unit`` where it is not yet known whether that is a Shift's or a Quantity."""

    amount: nodes.Term
    unit: nodes.ShiftUnit
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class CountedFrom:
    """``gap_free(x, name)`` where it is not yet known what the name stands for."""

    operand: nodes.Term
    start: nodes.Term
    per: tuple[str, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Scope:
    """What names may mean in a rule of ``table``; ``pair`` names the rows of a forbidden pair."""

    table: nodes.Table
    tables: tuple[nodes.Table, ...] = ()
    constants: Mapping[str, nodes.Constant] = field(default_factory=dict)
    pair: tuple[str, ...] = ()

    def kind(self, term: nodes.Node) -> TermType | None:
        """Return the type of a term, None where it has none."""
        return infer(term, self.table, self.tables, pair=self.pair)

    def within(self, of: str) -> Scope:
        """Return the scope of ``sum(... of table)``."""
        child = next((t for t in self.tables if t.name == of), nodes.Table(of, ()))
        return replace(self, table=child, pair=())


def resolve_rule(rule: nodes.Rule, scope: Scope, report: Report) -> nodes.Rule:
    """Return the rule with its conditions resolved."""
    match rule:
        case nodes.RowRule(condition=condition):
            settled = cast(nodes.Condition, resolve(condition, scope, report))
            return replace(rule, condition=settled)
        case nodes.PairRule(first=first, second=second, condition=condition):
            scope = replace(scope, pair=(first, second))
            settled = cast(nodes.Condition, resolve(condition, scope, report))
            return replace(rule, condition=settled)
        case nodes.UniqueRule(where=where) if where is not None:
            settled = cast(nodes.Condition, resolve(where, scope, report))
            return replace(rule, where=settled)
    return rule


def resolve(node: nodes.Node, scope: Scope, report: Report) -> nodes.Node:
    """Return the node with every Measure and every name of a constant in it replaced.

    What cannot be is reported as (code, message, span, help) and replaced by something harmless.
    """

    def own(name: str) -> bool:
        return name in scope.table.column_names

    def settle(node: nodes.Node | Measure | CountedFrom) -> nodes.Node:
        match node:
            case nodes.Add(left, Measure() as measure):
                return moved(settle(left), measure, +1, node)
            case nodes.Subtract(left, Measure() as measure):
                return moved(settle(left), measure, -1, node)
            case nodes.Add(Measure() as measure, right):
                base = settle(right)
                if isinstance(scope.kind(base), DateT | DatetimeT):
                    report(
                        "E215",
                        "a length of time stands before the date it is added to",
                        node.span,
                        "write the date first: `d + 18 years`",
                    )
                    return base
                return nodes.Add(fixed(measure), cast(nodes.Term, base), span=node.span)
            case Measure() as measure:
                return fixed(measure)
            case CountedFrom(operand, start, per):
                operand, start = (cast(nodes.Term, settle(part)) for part in (operand, start))
                return counted(operand, start, per, node.span, report)
            case nodes.ColumnRef(name) if name in scope.constants and not own(name):
                return nodes.Literal(scope.constants[name].value, name, span=node.span)
            case nodes.In(operand, options):
                return listed(node, cast(nodes.Term, settle(operand)), map(settle, options))
            case nodes.Aggregate(of=str(of)):
                inner = scope.within(of)
                return rebuild(node, lambda part: resolve(part, inner, report))
        return rebuild(node, settle)

    def listed(
        whole: nodes.In, operand: nodes.Term, options: Iterable[nodes.Node]
    ) -> nodes.Condition:
        made = []
        for option in options:
            if isinstance(option, nodes.Literal):
                made.append(option)
            else:
                report(
                    "E103",
                    "the values of a list are constants; a text goes in single quotes",
                    option.span,
                    "write `x in ('a', 'b')`, or declare the name: `const a = ...`",
                )
        if not made:
            return nodes.IsNull(operand, span=whole.span)
        return nodes.In(operand, tuple(made), span=whole.span)

    def moved(
        base: nodes.Node, measure: Measure, sign: int, whole: nodes.Add | nodes.Subtract
    ) -> nodes.Node:
        base = cast(nodes.Term, base)
        kind = scope.kind(base)
        amount = cast(nodes.Term, settle(measure.amount))
        literal = isinstance(amount, nodes.Literal) and isinstance(amount.value, int)
        unknown = kind is None and (not literal or measure.unit not in get_args(nodes.SpanUnit))
        if not isinstance(kind, DateT | DatetimeT) and not unknown:
            quantity = fixed(measure)
            made = nodes.Add if sign > 0 else nodes.Subtract
            return made(base, quantity, span=whole.span)
        if sign < 0:
            amount = negated(amount)
        return nodes.Shift(base, amount, measure.unit, span=whole.span)

    def fixed(measure: Measure) -> nodes.Term:
        amount, unit = cast(nodes.Term, settle(measure.amount)), measure.unit
        if unit not in get_args(nodes.SpanUnit):
            report(
                "E215",
                f"{unit} have no fixed length, so they can only be added to a date or datetime",
                measure.span,
                "count in days or weeks",
            )
            unit = "days"
        if isinstance(amount, nodes.Literal) and type(amount.value) is int:
            fixed_unit = cast(nodes.SpanUnit, unit)
            return nodes.Quantity(amount.value, fixed_unit, amount.constant, span=measure.span)
        report(
            "E216",
            f"a length of time needs a whole number before `{unit}`",
            measure.span,
            "a number alone counts days: `left - start <= 1.5`; for a product write `2 * (3 days)`",
        )
        return nodes.Quantity(0, "days", span=measure.span)

    return settle(node)


def counted(
    operand: nodes.Term, start: nodes.Term, per: tuple[str, ...], span: Span | None, report: Report
) -> nodes.GapFree:
    """Return ``gap_free(operand, start)``; the start has to be a whole number, or its name."""
    if isinstance(start, nodes.Literal) and type(start.value) is int:
        return nodes.GapFree(operand, start.value, per, start.constant, span=span)
    message = "`gap_free` counts from a number that is written out"
    help_ = "write a whole number, or a constant that is one: `gap_free(line_no, 0)`"
    report("E211", message, start.span, help_)
    return nodes.GapFree(operand, 1, per, span=span)


def negated(amount: nodes.Term) -> nodes.Term:
    """Return the amount of ``base - amount unit``; a number is negated on the spot."""
    if isinstance(amount, nodes.Literal) and type(amount.value) is int and amount.constant is None:
        return nodes.Literal(-amount.value, span=amount.span)
    return nodes.Negate(amount, span=amount.span)

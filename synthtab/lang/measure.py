"""``18 years``, before it is known what it is added to.

``x + 3 days`` moves a date, but adds to a number (a length of time is a number of days). Which of
the two depends on the type of ``x``, so the parser and the builder leave a Measure, and once the
columns are known :func:`resolve` makes a Shift or a Quantity of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast, get_args

from synthtab.diagnostics import Span
from synthtab.ir import nodes
from synthtab.ir.types import DateT, DatetimeT
from synthtab.ir.typing import infer
from synthtab.ir.walk import rebuild

Report = Callable[[str, str, Span | None, str | None], None]


@dataclass(frozen=True)
class Measure:
    """``amount unit`` where it is not yet known whether that is a Shift's or a Quantity."""

    amount: nodes.Term
    unit: nodes.ShiftUnit
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


def resolve(node: nodes.Node, table: nodes.Table, report: Report) -> nodes.Node:
    """Return the node with every Measure in it replaced, by the types of ``table``'s columns.

    What cannot be is reported as (code, message, span, help) and replaced by something harmless.
    """

    def settle(node: nodes.Node | Measure) -> nodes.Node:
        match node:
            case nodes.Add(left, Measure() as measure):
                return moved(settle(left), measure, +1, node)
            case nodes.Subtract(left, Measure() as measure):
                return moved(settle(left), measure, -1, node)
            case nodes.Add(Measure() as measure, right):
                base = settle(right)
                if isinstance(infer(base, table), DateT | DatetimeT):
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
        return rebuild(node, settle)

    def moved(
        base: nodes.Node, measure: Measure, sign: int, whole: nodes.Add | nodes.Subtract
    ) -> nodes.Node:
        base = cast(nodes.Term, base)
        kind = infer(base, table)
        amount = measure.amount
        literal = isinstance(amount, nodes.Literal) and isinstance(amount.value, int)
        unknown = kind is None and (not literal or measure.unit not in get_args(nodes.SpanUnit))
        if not isinstance(kind, DateT | DatetimeT) and not unknown:
            quantity = fixed(measure)
            made = nodes.Add if sign > 0 else nodes.Subtract
            return made(base, quantity, span=whole.span)
        amount = cast(nodes.Term, settle(amount))
        if sign < 0:
            amount = negated(amount)
        return nodes.Shift(base, amount, measure.unit, span=whole.span)

    def fixed(measure: Measure) -> nodes.Term:
        amount, unit = measure.amount, measure.unit
        if unit not in get_args(nodes.SpanUnit):
            report(
                "E215",
                f"{unit} have no fixed length, so they can only be added to a date or datetime",
                measure.span,
                "count in days or weeks",
            )
            unit = "days"
        if isinstance(amount, nodes.Literal) and type(amount.value) is int:
            return nodes.Quantity(amount.value, cast(nodes.SpanUnit, unit), span=measure.span)
        report(
            "E216",
            f"a length of time needs a whole number before `{unit}`",
            measure.span,
            "a number alone counts days: `left - start <= 1.5`; for a product write `2 * (3 days)`",
        )
        return nodes.Quantity(0, "days", span=measure.span)

    return settle(node)


def negated(amount: nodes.Term) -> nodes.Term:
    """Return the amount of ``base - amount unit``; a constant is negated on the spot."""
    if isinstance(amount, nodes.Literal) and type(amount.value) is int:
        return nodes.Literal(-amount.value, span=amount.span)
    return nodes.Negate(amount, span=amount.span)

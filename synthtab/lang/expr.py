"""Expressions under construction in Python, which operators make terms and conditions of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NoReturn, cast

from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.lang.measure import Measure


@dataclass(frozen=True, eq=False)
class Expr:
    """A term or condition under construction; ``node`` is what it has come to so far.

    Python's operators make comparisons and arithmetic; ``&``, ``|`` and ``~`` are and, or and not.
    """

    node: nodes.Node | Measure

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise UsageError(
            "a condition has no truth of its own: join conditions with & | ~ (in parentheses),"
            " not with `and`, `or`, `not` or a chain such as 0 <= x <= 5"
        )

    # Comparisons.

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return self._compare("=", other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return self._compare("!=", other)

    def __lt__(self, other: object) -> Expr:
        return self._compare("<", other)

    def __le__(self, other: object) -> Expr:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Expr:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Expr:
        return self._compare(">=", other)

    def between(self, lo: object, hi: object) -> Expr:
        """``x between lo and hi``, both ends included."""
        return Expr(nodes.Between(as_term(self), as_term(lo), as_term(hi)))

    def isin(self, *options: object) -> Expr:
        """``x in (a, b, ...)``; the constants come one by one, or as one list, tuple or set."""
        if len(options) == 1 and isinstance(options[0], list | tuple | set | frozenset):
            given = options[0]
            options = tuple(
                sorted(given, key=repr) if isinstance(given, set | frozenset) else given
            )
        return Expr(nodes.In(as_term(self), tuple(as_literal(o) for o in options)))

    def is_null(self) -> Expr:
        """``x is null``."""
        return Expr(nodes.IsNull(as_term(self)))

    def is_not_null(self) -> Expr:
        """``x is not null``."""
        return Expr(nodes.Not(nodes.IsNull(as_term(self))))

    def like(self, pattern: str) -> Expr:
        """``x like 'A_%'``."""
        return Expr(nodes.Like(as_term(self), pattern))

    def matches(self, pattern: str) -> Expr:
        """``x matching /pattern/``: the pattern fits the whole value."""
        return Expr(nodes.Matches(as_term(self), pattern))

    # Conditions.

    def __and__(self, other: object) -> Expr:
        return Expr(nodes.And((*_parts(nodes.And, self), as_condition(other))))

    def __or__(self, other: object) -> Expr:
        return Expr(nodes.Or((*_parts(nodes.Or, self), as_condition(other))))

    def __invert__(self) -> Expr:
        return Expr(nodes.Not(as_condition(self)))

    def iff(self, other: object) -> Expr:
        """``a iff b``."""
        return Expr(nodes.Iff(as_condition(self), as_condition(other)))

    # Arithmetic.

    def __add__(self, other: object) -> Expr:
        return Expr(nodes.Add(as_term(self), as_term(other)))

    def __radd__(self, other: object) -> Expr:
        return Expr(nodes.Add(as_term(other), as_term(self)))

    def __sub__(self, other: object) -> Expr:
        return Expr(nodes.Subtract(as_term(self), as_term(other)))

    def __rsub__(self, other: object) -> Expr:
        return Expr(nodes.Subtract(as_term(other), as_term(self)))

    def __mul__(self, other: object) -> Expr:
        return Expr(nodes.Multiply(as_term(self), as_term(other)))

    def __rmul__(self, other: object) -> Expr:
        return Expr(nodes.Multiply(as_term(other), as_term(self)))

    def __truediv__(self, other: object) -> Expr:
        return Expr(nodes.Divide(as_term(self), as_term(other)))

    def __rtruediv__(self, other: object) -> Expr:
        return Expr(nodes.Divide(as_term(other), as_term(self)))

    def __neg__(self) -> Expr:
        return Expr(nodes.Negate(as_term(self)))

    def __abs__(self) -> Expr:
        return Expr(nodes.Absolute(as_term(self)))

    def length(self) -> Expr:
        """``length(x)``."""
        return Expr(nodes.Length(as_term(self)))

    def part(self, part: nodes.Part) -> Expr:
        """``year(x)``, ``quarter(x)``, ``month(x)`` and so on: see ``nodes.Part``."""
        return Expr(nodes.DatePart(part, as_term(self)))

    def _compare(self, op: nodes.CompareOp, other: object) -> Expr:
        if other is None:
            raise UsageError("nothing equals null: use .is_null() or .is_not_null()")
        return Expr(nodes.Compare(op, as_term(self), as_term(other)))


@dataclass(frozen=True)
class Premise:
    """``when a``, waiting for its :meth:`then`."""

    premise: nodes.Condition

    def then(self, conclusion: object) -> Expr:
        """``when a then b``."""
        return Expr(nodes.When(self.premise, as_condition(conclusion)))


def as_term(value: object) -> nodes.Term:
    """Return what stands for a value: an expression's node, or a constant."""
    if isinstance(value, Expr):
        return cast(nodes.Term, value.node)
    return as_literal(value)


def as_condition(value: object) -> nodes.Condition:
    """Return what stands for a condition."""
    if isinstance(value, Premise):
        raise UsageError("`when(...)` needs its `.then(...)`")
    return cast(nodes.Condition, as_term(value))


def _parts(kind: type[nodes.And] | type[nodes.Or], value: Expr) -> Sequence[nodes.Condition]:
    """Continue a chain: ``a & b & c`` is one And of three."""
    return value.node.args if isinstance(value.node, kind) else (as_condition(value),)


def as_literal(value: object) -> nodes.Literal:
    """Return a constant. Raises UsageError for what the language has none of."""
    if isinstance(value, float):
        refuse_float(value)
    if isinstance(value, Expr) and isinstance(value.node, nodes.Literal):
        return value.node
    if isinstance(value, nodes.Literal):
        return value
    if not isinstance(value, int | Decimal | date | datetime | str):
        raise UsageError(
            f"{value!r} is no constant of the rules language: use int, Decimal, str, bool, date or"
            " datetime"
        )
    return nodes.Literal(value)


def refuse_float(value: float) -> NoReturn:
    """Say what to write instead of a float."""
    raise UsageError(
        f"{value!r} is a float, and rules are exact: write Decimal({str(value)!r}), or an int"
    )

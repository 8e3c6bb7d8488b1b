"""From rules as written (ir/nodes.py) to rules over codes (ir/core.py).

Numbers become an integer term over a common denominator, and comparisons multiply crosswise; dates
are day numbers; datetimes are ticks, those of different resolution being brought to the finer one.
Constants are folded on the way (ir/fold.py), choices between strings are taken apart
(ir/strings.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from synthtab.ir import core, fold, lowered, nodes, strings
from synthtab.ir.constants import UNIT_SECONDS
from synthtab.ir.enums import enum_order
from synthtab.ir.lowered import Flag, Lowered, Number
from synthtab.ir.strings import StringTerm
from synthtab.schema import DAY_SECONDS


def lower(
    condition: nodes.Condition, table: nodes.Table, known: Mapping[str, Lowered] | None = None
) -> core.Cond:
    """Return the lowered form of a checked condition; the two agree on every row.

    Nothing is assumed of the rows but their columns' types: a NULL in a column that is not
    optional, or a code outside the declared range, is treated like any other. ``known`` says what
    columns lower to that hold something else than their type's codes (hidden ones).
    """
    return _Lowering(table, known).condition(condition)


def lower_term(
    term: nodes.Term, table: nodes.Table, known: Mapping[str, Lowered] | None = None
) -> Lowered:
    """Return the lowered form of a checked term, as :func:`lower`."""
    return _Lowering(table, known).term(term)


def constant_number(term: nodes.Term, table: nodes.Table) -> Fraction | None:
    """Return the value of a checked number that is the same in every row; None for any other term.

    None also for a term that is always NULL, such as ``1 / 0``.
    """
    found = _Lowering(table).term(term)
    if isinstance(found, Number) and isinstance(found.term, core.Const):
        return Fraction(found.term.value, found.denominator)
    return None


def like_pattern(pattern: str) -> str:
    """Return the regular expression that matches what SQL's ``like`` does."""
    wild = {"_": "(?s:.)", "%": "(?s:.)*"}
    return "".join(wild.get(c) or (f"\\{c}" if c in "\\.+*?()|[]{}^$" else c) for c in pattern)


class _Lowering:
    """Lowers the terms and conditions of one table."""

    def __init__(self, table: nodes.Table, known: Mapping[str, Lowered] | None = None) -> None:
        self.table = table
        self.known = known or {}
        self.columns = {c.name: c for c in table.columns}

    # Conditions

    def condition(self, node: nodes.Condition) -> core.Cond:
        match node:
            case nodes.Literal(value):
                return core.Truth(bool(value))
            case nodes.ColumnRef(name):
                return fold.compare("=", core.Var(name), core.Const(1))
            case nodes.Compare(op, left, right):
                return self.compare(op, left, right)
            case nodes.Between(operand, lo, hi):
                ends = self.compare(">=", operand, lo), self.compare("<=", operand, hi)
                return fold.conjunction(ends)
            case nodes.In(operand, options):
                return self.member(operand, options)
            case nodes.IsNull(operand):
                return lowered.is_null(self.term(operand))
            case nodes.Like(operand, pattern):
                return self.matches(operand, like_pattern(pattern))
            case nodes.Matches(operand, pattern):
                return self.matches(operand, pattern)
            case nodes.And(args):
                return fold.conjunction(map(self.condition, args))
            case nodes.Or(args):
                return fold.disjunction(map(self.condition, args))
            case nodes.Not(operand):
                return fold.negation(self.condition(operand))
            case nodes.When(premise, conclusion):
                return fold.disjunction(
                    [fold.negation(self.condition(premise)), self.condition(conclusion)]
                )
            case nodes.Iff(left, right):
                return fold.both_or_neither(self.condition(left), self.condition(right))
        found = self.term(node)
        if isinstance(found, Flag):  # a boolean of another row that was put into a column
            return fold.compare("=", found.term, core.Const(1))
        raise TypeError(f"{type(node).__name__} is no condition on one row: see ir/context.py")

    def compare(self, op: str, left: nodes.Term, right: nodes.Term) -> core.Cond:
        first, second = self.term(left), self.term(right)
        order: tuple[str, ...] = ()
        if isinstance(first, StringTerm) and op not in ("=", "!="):
            order = enum_order(self.table, left, right)
        return lowered.compare(op, first, second, order)

    def member(self, operand: nodes.Term, options: Sequence[nodes.Literal]) -> core.Cond:
        term = self.term(operand)
        if isinstance(term, StringTerm):
            return strings.member(term, [str(o.value) for o in options])
        return lowered.member(term, [self.term(o) for o in options])

    def matches(self, operand: nodes.Term, pattern: str) -> core.Cond:
        full = re.compile(pattern).fullmatch
        term = self.string(operand)
        return strings.satisfies(term, lambda text: full(text) is not None, pattern)

    # Terms

    def term(self, node: nodes.Node) -> Lowered:
        match node:
            case nodes.Literal(value):
                return lowered.constant(value)
            case nodes.Quantity(amount, unit):
                return lowered.fraction(Fraction(amount * UNIT_SECONDS[unit], DAY_SECONDS))
            case nodes.ColumnRef(name):
                return self.known.get(name) or lowered.column(self.columns[name])
            case nodes.Negate(operand):
                return lowered.combine((-1, self.number(operand)))
            case nodes.Add(left, right):
                return lowered.combine((1, self.number(left)), (1, self.number(right)))
            case nodes.Subtract(left, right):
                return lowered.difference(self.term(left), self.term(right))
            case nodes.Multiply(left, right):
                return lowered.product(self.number(left), self.number(right))
            case nodes.Divide(left, right):
                return lowered.quotient(self.number(left), self.number(right))
            case nodes.Minimum(args):
                return lowered.extreme("<=", [self.term(a) for a in args])
            case nodes.Maximum(args):
                return lowered.extreme(">=", [self.term(a) for a in args])
            case nodes.Absolute(operand):
                return lowered.absolute(self.number(operand))
            case nodes.Coalesce(args):
                terms = [self.term(a) for a in args]
                known = [(fold.negation(lowered.is_null(t)), t) for t in terms]
                return lowered.choose(known[:-1], terms[-1])
            case nodes.Case(branches, otherwise):
                chosen = [(self.condition(c), self.term(t)) for c, t in branches]
                return lowered.choose(chosen, None if otherwise is None else self.term(otherwise))
            case nodes.Shift(base, amount, unit):
                return lowered.shift(self.term(base), self.number(amount), unit)
            case nodes.DatePart(part, operand):
                return lowered.part(part, self.term(operand))
            case nodes.Length(operand):
                return Number(strings.length(self.string(operand)))
        raise TypeError(f"{type(node).__name__} is a condition, not a term")

    def number(self, node: nodes.Term) -> Number:
        found = self.term(node)
        if not isinstance(found, Number):
            raise TypeError(f"{node!r} is not a number")
        return found

    def string(self, node: nodes.Term) -> StringTerm:
        found = self.term(node)
        if not isinstance(found, StringTerm):
            raise TypeError(f"{node!r} is not a string")
        return found

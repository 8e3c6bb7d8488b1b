"""Row rules as Z3 formulas, for proving, projecting and repairing.

A column is an Int of its codes and, where it may be NULL, a Bool that says it is. Three-valued
logic becomes a pair of formulas, (is TRUE, is FALSE). Terms Z3 cannot eliminate (products, months,
parts of dates, text) become hidden Ints that carry sound linear bounds; :attr:`SmtBackend.hidden`
lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import z3

from synthtab.backends.support import Exact, Relaxed, Supports, Unsupported, answers, beyond_a_row
from synthtab.ir import core, nodes
from synthtab.ir.bounds import bounds
from synthtab.ir.corewalk import show, variables
from synthtab.ir.normalise import lower
from synthtab.schema import TextType, domain

MAX_CASES = 64
# Control characters, which no column name holds, keep flags and hidden terms apart from columns.
NULL_SUFFIX = "\x01null"
HIDDEN_PREFIX = "\x02"


@dataclass(frozen=True)
class Tri:
    """A three-valued condition as two formulas; UNKNOWN is neither."""

    true: z3.BoolRef
    false: z3.BoolRef


@dataclass(frozen=True)
class Hidden:
    """A term the solver sees only as an Int (0/1 for text facts), with what it is computed from."""

    name: str
    term: core.Term | core.TextIs | core.TextMatch
    inputs: tuple[str, ...]
    lo: int
    hi: int
    exact: bool
    """Whether the axioms define the term, rather than only bound it."""


@dataclass(frozen=True)
class _Case:
    guard: z3.BoolRef
    value: z3.ArithRef
    null: z3.BoolRef


@dataclass
class SmtBackend:
    """Translates the row rules of one table; each instance has a Z3 context of its own.

    ``domains`` narrows the columns' ranges (codes, inclusive) below what the table declares.
    """

    table: nodes.Table
    domains: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    supports: ClassVar[Supports] = answers(
        Exact(),
        {
            nodes.Multiply: Relaxed("a product of two columns is a number within its bounds"),
            nodes.Shift: Relaxed("a shift by months or years is bounded to within four days"),
            nodes.DatePart: Relaxed("quarter, month and day are numbers within their bounds"),
            nodes.Length: Relaxed("a length is a number, whatever else is asked of the text"),
            nodes.Like: Relaxed("patterns are facts that do not depend on each other"),
            nodes.Matches: Relaxed("patterns are facts that do not depend on each other"),
            **beyond_a_row("it speaks of several rows"),
            nodes.UniqueRule: Unsupported("it speaks of several rows"),
        },
    )

    def __post_init__(self) -> None:
        self.context = z3.Context()
        self.ranges = {c.name: self.domains.get(c.name, domain(c)) for c in self.table.columns}
        self._optional = {c.name for c in self.table.columns if c.optional}
        self._text = {c.name for c in self.table.columns if isinstance(c.type, TextType)}
        self._hidden: dict[object, Hidden] = {}
        self._axioms: dict[str, list[z3.BoolRef]] = {}
        self._true = z3.BoolVal(True, self.context)
        self._false = z3.BoolVal(False, self.context)

    # Variables.

    def value(self, name: str) -> z3.ArithRef:
        """Return the Int of a column's code, or of a hidden term."""
        return z3.Int(name, self.context)

    def null(self, name: str) -> z3.BoolRef:
        """Return the formula that says a column is NULL: FALSE for one that is not optional."""
        return z3.Bool(name + NULL_SUFFIX, self.context) if name in self._optional else self._false

    @property
    def hidden(self) -> tuple[Hidden, ...]:
        """Return the hidden terms met so far; inner ones come before those made of them."""
        return tuple(self._hidden.values())

    def axioms(self, hidden: Hidden) -> list[z3.BoolRef]:
        """Return what is known of a hidden term besides its range."""
        return self._axioms[hidden.name]

    def range_formula(self, name: str) -> z3.BoolRef:
        """Return ``lo <= column <= hi``; text codes are not restrained."""
        if name in self._text:
            return self._true
        lo, hi = self.ranges[name]
        value = self.value(name)
        return z3.And(value >= lo, value <= hi)

    # Rules.

    def holds(self, rule: nodes.RowRule) -> z3.BoolRef:
        """Return the formula that says a rule is not violated, that is, not FALSE."""
        return self.holds_lowered(lower(rule.condition, self.table))

    def holds_lowered(self, condition: core.Cond) -> z3.BoolRef:
        """Return the formula that says a lowered condition is not FALSE."""
        return z3.simplify(z3.Not(self.condition(condition).false))

    def background(self, names: Iterable[str] | None = None) -> list[z3.BoolRef]:
        """Return the ranges of columns (all, or those named) and of all hidden terms met so far."""
        columns = self.table.column_names if names is None else tuple(names)
        facts = [self.range_formula(c) for c in columns]
        for hidden in self.hidden:
            value = self.value(hidden.name)
            facts += [value >= hidden.lo, value <= hidden.hi, *self.axioms(hidden)]
        return facts

    def smt2(self) -> str:
        """Return the table's rules as an SMT-LIB 2 script that asks for a row they allow."""
        solver = z3.Solver(ctx=self.context)
        rules = [(r.name, self.holds(r)) for r in self.table.row_rules]
        solver.add(*self.background())
        for name, formula in rules:
            solver.assert_and_track(formula, z3.Bool(f"rule {name}", self.context))
        return f"; table {self.table.name}: codes as docs/architecture.md says\n{solver.to_smt2()}"

    # Conditions.

    def condition(self, cond: core.Cond) -> Tri:
        """Translate a lowered condition."""
        match cond:
            case core.Truth(value):
                return Tri(self._bool(value is True), self._bool(value is False))
            case core.Cmp(op, left, right):
                return self._compare(op, left, right)
            case core.InSet(term, values):
                return self._in_set(term, values)
            case core.IsNull(term):
                null = self._null_of(term)
                return Tri(null, z3.Not(null))
            case core.IsTrue(inner):
                true = self.condition(inner).true
                return Tri(true, z3.Not(true))
            case core.TextIs(var) | core.TextMatch(var):
                fact = self.value(self._hide(cond).name) == 1
                known = z3.Not(self.null(var.name))
                return Tri(z3.And(known, fact), z3.And(known, z3.Not(fact)))
            case core.And(args):
                parts = [self.condition(a) for a in args]
                return Tri(self._all(p.true for p in parts), self._some(p.false for p in parts))
            case core.Or(args):
                parts = [self.condition(a) for a in args]
                return Tri(self._some(p.true for p in parts), self._all(p.false for p in parts))
            case core.Not(inner):
                tri = self.condition(inner)
                return Tri(tri.false, tri.true)

    def _compare(self, op: str, left: core.Term, right: core.Term) -> Tri:
        true, false = [], []
        for a in self._cases(left):
            for b in self._cases(right):
                known = z3.And(a.guard, b.guard, z3.Not(a.null), z3.Not(b.null))
                holds = {
                    "=": lambda x, y: x == y,
                    "<": lambda x, y: x < y,
                    "<=": lambda x, y: x <= y,
                }[op](a.value, b.value)
                true.append(z3.And(known, holds))
                false.append(z3.And(known, z3.Not(holds)))
        return Tri(self._some(true), self._some(false))

    def _in_set(self, term: core.Term, values: Sequence[int]) -> Tri:
        true, false = [], []
        for case in self._cases(term):
            known = z3.And(case.guard, z3.Not(case.null))
            inside = self._some(
                case.value == lo if lo == hi else z3.And(case.value >= lo, case.value <= hi)
                for lo, hi in _runs(values)
            )
            true.append(z3.And(known, inside))
            false.append(z3.And(known, z3.Not(inside)))
        return Tri(self._some(true), self._some(false))

    # Terms: a list of cases, so that no if-then-else is left inside arithmetic.

    def _cases(self, term: core.Term) -> list[_Case]:
        match term:
            case core.Var(name):
                return [_Case(self._true, self.value(name), self.null(name))]
            case core.Const(value):
                return [_Case(self._true, self._int(value), self._false)]
            case core.Null():
                return [_Case(self._true, self._int(0), self._true)]
            case core.Sum(parts, constant):
                cases = [_Case(self._true, self._int(constant), self._false)]
                for factor, part in parts:
                    cases = self._limit(
                        [
                            _Case(
                                z3.And(a.guard, b.guard),
                                a.value + factor * b.value,
                                z3.Or(a.null, b.null),
                            )
                            for a in cases
                            for b in self._cases(part)
                        ]
                    )
                return cases
            case core.Ite(branches, otherwise):
                cases = []
                before = self._true
                for cond, branch in branches:
                    taken = self.condition(cond).true
                    cases += [
                        _Case(z3.And(before, taken, c.guard), c.value, c.null)
                        for c in self._cases(branch)
                    ]
                    before = z3.And(before, z3.Not(taken))
                cases += [
                    _Case(z3.And(before, c.guard), c.value, c.null) for c in self._cases(otherwise)
                ]
                return self._limit(cases)
            case _:
                hidden = self._hide(term)
                null = self._some(self._null_of(t) for t in _operands(term))
                return [_Case(self._true, self.value(hidden.name), null)]

    def term(self, term: core.Term) -> tuple[z3.ArithRef, z3.BoolRef]:
        """Return a term's value and the formula that says it is NULL, whatever the value then."""
        case = self._fold(self._cases(term))
        return case.value, case.null

    def _limit(self, cases: list[_Case]) -> list[_Case]:
        """Fold the cases into one if-then-else where their number would explode."""
        return cases if len(cases) <= MAX_CASES else [self._fold(cases)]

    def _fold(self, cases: list[_Case]) -> _Case:
        value, null = cases[-1].value, cases[-1].null
        for case in reversed(cases[:-1]):
            value = z3.If(case.guard, case.value, value)
            null = z3.If(case.guard, case.null, null)
        return _Case(self._true, value, null)

    def _null_of(self, term: core.Term) -> z3.BoolRef:
        return self._some(z3.And(c.guard, c.null) for c in self._cases(term))

    def _hide(self, term: core.Term | core.TextIs | core.TextMatch) -> Hidden:
        known = self._hidden.get(term)
        if known is not None:
            return known
        facts: list[z3.BoolRef] = []
        exact = False
        name = self._name(term)
        if isinstance(term, core.TextIs | core.TextMatch):
            lo, hi = 0, 1
        else:
            lo, hi = bounds(term, self.ranges)
            # Operands first: their hidden terms must come before this one in the list.
            operands = [self._cases(t) for t in _operands(term)]
            if not isinstance(term, core.TextLength):
                facts, exact = self._axioms_of(term, name, operands[0])
        hidden = Hidden(name, term, tuple(sorted(variables(term))), lo, hi, exact)
        self._hidden[term] = hidden
        self._axioms[hidden.name] = [z3.simplify(f) for f in facts]
        return hidden

    def _axioms_of(
        self, term: core.Term, name: str, operand: list[_Case]
    ) -> tuple[list[z3.BoolRef], bool]:
        value = self.value(name)

        def each(fact: Callable[[z3.ArithRef], z3.BoolRef]) -> list[z3.BoolRef]:
            return [z3.Implies(z3.And(c.guard, z3.Not(c.null)), fact(c.value)) for c in operand]

        match term:
            case core.FloorDiv(_, divisor):
                return each(
                    lambda x: z3.And(x - divisor * value >= 0, x - divisor * value < divisor)
                ), True
            case core.CalendarPart("weekday", days):
                week = self.value(self._hide(core.FloorDiv(core.Sum(((1, days),), 3), 7)).name)
                return each(lambda x: value == x + 4 - 7 * week), True
            case core.CalendarPart("year", _):
                # A year is 365.2425 days on average and never strays two days from that line.
                return each(
                    lambda x: z3.And(
                        10_000 * (x + 719_528) >= 3_652_425 * value - 20_000,
                        10_000 * (x + 719_528) <= 3_652_425 * (value + 1) + 20_000,
                    )
                ), False
            case core.AddMonths(_, core.Const(months), per_day):
                least, most = month_span(months)
                return each(
                    lambda x: z3.And(value - x >= least * per_day, value - x <= most * per_day)
                ), False
            case _:
                return [], False

    def _name(self, term: core.Cond | core.Term) -> str:
        """Return a name that no column has and that people can read."""
        name = HIDDEN_PREFIX + show(term)
        taken = sum(h.name.split(" #")[0] == name for h in self._hidden.values())
        return f"{name} #{taken + 1}" if taken else name

    # Small helpers that keep every formula in this instance's context.

    def _bool(self, value: bool) -> z3.BoolRef:
        return self._true if value else self._false

    def _int(self, value: int) -> z3.ArithRef:
        return z3.IntVal(value, self.context)

    def _all(self, parts: Iterable[z3.BoolRef]) -> z3.BoolRef:
        return z3.And([self._true, *parts])

    def _some(self, parts: Iterable[z3.BoolRef]) -> z3.BoolRef:
        return z3.Or([self._false, *parts])


def _operands(term: core.Term) -> tuple[core.Term, ...]:
    match term:
        case core.Product(left, right):
            return left, right
        case core.FloorDiv(operand, _):
            return (operand,)
        case core.AddMonths(base, months, _):
            return base, months
        case core.CalendarPart(_, days):
            return (days,)
        case core.TextLength(var):
            return (var,)
        case _:
            return ()


def _runs(values: Sequence[int]) -> list[tuple[int, int]]:
    """Return sorted integers as maximal runs of neighbours."""
    runs: list[tuple[int, int]] = []
    for value in values:
        if runs and value == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], value)
        else:
            runs.append((value, value))
    return runs


def month_span(months: int) -> tuple[int, int]:
    """Return the least and most days that ``months`` calendar months can span.

    146,097 days make 4,800 months; between a month's first day and the average line lie at most two
    days, and clamping to a month's end takes away at most three more.
    """
    average = months * 146_097 // 4_800
    return average - 4, average + 4

"""Quantifier elimination: what the earlier columns must satisfy so that the later ones can follow.

A conjunction is kept as a list of Z3 formulas. To remove a variable only the conjuncts that mention
it are touched: a NULL flag by trying both values, an Int by Z3's ``qe2`` tactic under a time limit.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import z3

SIMPLIFY_MS = 2_000


@dataclass(frozen=True)
class Eliminated:
    """The conjuncts left, and why they are wider than the true projection, if they are."""

    conjuncts: tuple[z3.BoolRef, ...]
    inexact: str | None = None


class Deadline:
    """A budget of wall-clock seconds that starts now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left_ms(self) -> int:
        """Return the milliseconds left, at least 1, as Z3 takes 0 for no limit."""
        return max(1, int(1000 * (self._end - time.monotonic())))

    def spent(self) -> bool:
        """Say whether the budget is used up."""
        return time.monotonic() >= self._end


def names_in(expr: z3.ExprRef) -> frozenset[str]:
    """Return the names of the constants an expression mentions."""
    found: set[str] = set()
    seen: set[int] = set()
    stack = [expr]
    while stack:
        top = stack.pop()
        if top.get_id() in seen:
            continue
        seen.add(top.get_id())
        if z3.is_const(top) and top.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found.add(top.decl().name())
        stack.extend(top.children())
    return frozenset(found)


def flatten(exprs: Iterable[z3.BoolRef]) -> tuple[z3.BoolRef, ...]:
    """Return the conjuncts of several formulas, without TRUE and without repetition."""
    flat: dict[int, z3.BoolRef] = {}
    stack = list(exprs)[::-1]
    while stack:
        top = stack.pop()
        if z3.is_and(top):
            stack.extend(reversed(top.children()))
        elif not z3.is_true(top):
            flat[top.get_id()] = top
    return tuple(flat.values())


def eliminate_flag(conjuncts: Sequence[z3.BoolRef], flag: z3.BoolRef) -> Eliminated:
    """Remove a Bool: the conjunction holds for one of its two values."""
    name = flag.decl().name()
    touched = [c for c in conjuncts if name in names_in(c)]
    if not touched:
        return Eliminated(tuple(conjuncts))
    rest = [c for c in conjuncts if name not in names_in(c)]
    whole = z3.And(touched)
    context = flag.ctx
    either = z3.Or(
        z3.substitute(whole, (flag, z3.BoolVal(True, context))),
        z3.substitute(whole, (flag, z3.BoolVal(False, context))),
    )
    return Eliminated(flatten([*rest, z3.simplify(either)]))


def eliminate_int(
    conjuncts: Sequence[z3.BoolRef], variable: z3.ArithRef, deadline: Deadline
) -> Eliminated:
    """Remove an Int. Where time runs out, conjuncts are projected one by one, or dropped."""
    name = variable.decl().name()
    touched = [c for c in conjuncts if name in names_in(c)]
    rest = [c for c in conjuncts if name not in names_in(c)]
    if not touched:
        return Eliminated(tuple(rest))
    done = _qe(touched, variable, deadline)
    if done is not None:
        return Eliminated(flatten([*rest, *done]))
    kept: list[z3.BoolRef] = []
    for conjunct in touched:
        single = _qe([conjunct], variable, deadline)
        kept.extend(single or ())
    return Eliminated(flatten([*rest, *kept]), "the solver's time for this column ran out")


def _qe(
    conjuncts: Sequence[z3.BoolRef], variable: z3.ArithRef, deadline: Deadline
) -> tuple[z3.BoolRef, ...] | None:
    """Return ``exists variable. conjuncts`` without quantifiers, or None if time runs out."""
    if deadline.spent():
        return None
    context = variable.ctx
    goal = z3.Goal(ctx=context)
    goal.add(z3.Exists([variable], z3.And(list(conjuncts))))
    try:
        projected = _run(z3.Then("qe2", "simplify", ctx=context), goal, deadline.left_ms())
    except z3.Z3Exception:
        return None
    if any(_quantified(e) for e in projected):
        return None
    small = z3.Goal(ctx=context)
    small.add(*projected)
    try:
        limit = min(SIMPLIFY_MS, deadline.left_ms())
        return _run(z3.Tactic("ctx-solver-simplify", ctx=context), small, limit)
    except z3.Z3Exception:
        return projected


def _run(tactic: z3.Tactic, goal: z3.Goal, limit_ms: int) -> tuple[z3.BoolRef, ...]:
    results = z3.TryFor(tactic, limit_ms, ctx=goal.ctx).apply(goal)
    if len(results) != 1:
        return flatten([results.as_expr()])
    return flatten(results[0])


def _quantified(expr: z3.ExprRef) -> bool:
    stack, seen = [expr], set()
    while stack:
        top = stack.pop()
        if z3.is_quantifier(top):
            return True
        if top.get_id() not in seen:
            seen.add(top.get_id())
            stack.extend(top.children())
    return False

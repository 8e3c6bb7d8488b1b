"""Solve a formula for one column, for many rows at once, in numpy.

With the earlier columns put in, each atom is a function of the column's code alone, and its truth
changes at a few codes only. Between two such codes the formula's truth is constant (or periodic,
where divisibility takes part), so one evaluation per stretch decides it all: no solver call, no
search over values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.smt import Hidden
from synthtab.backends.vector import Evaluator
from synthtab.batch import Mask
from synthtab.ir import core
from synthtab.schema import INT64_MAX
from synthtab.solver.feasible import EMPTY_HI, EMPTY_LO, Feasible
from synthtab.solver.formula import (
    TRUE,
    All,
    Atom,
    Formula,
    atoms,
    conjoin,
    disjoin,
    evaluate,
    linear,
)
from synthtab.solver.months import (
    WEEK,
    few_enough,
    month_starts,
    per_day,
    turns,
)
from synthtab.solver.shapes import Shape, atom_shape

Array = NDArray[Any]
MAX_ENUMERATED = 4096
MAX_CELLS = 4_000_000
"""How many stretches of months are looked at together."""


def solvable(formula: Formula, column: str, hidden: Mapping[str, Hidden], size: int) -> bool:
    """Say whether :func:`solve` is exact for this formula over ``size`` codes of the column."""
    if any(
        isinstance(h.term, core.TextIs | core.TextMatch | core.TextLength) for h in hidden.values()
    ):
        return False
    if size <= MAX_ENUMERATED:
        return True
    for atom in atoms(formula):
        shape = atom_shape(atom, column, hidden)
        if shape == "monthly" and not few_enough(hidden, size):
            return False
        if shape == "other" or (
            atom.kind in {"div", "ndiv"} and shape != "constant" and _touches_hidden(atom, hidden)
        ):
            return False
    return True


def maskable(
    formula: Formula, column: str, hidden: Mapping[str, Hidden], size: int
) -> tuple[Formula, tuple[str, ...]]:
    """Return what of a formula can be solved for: the rest of it is taken to hold.

    With it come the hidden terms, by name, that are the reason for the rest.
    """
    beyond: dict[Atom, None] = {}
    for atom in dict.fromkeys(atoms(formula)):
        mine = {n: hidden[n] for n, _ in atom.coefficients if n in hidden}
        if not solvable(atom, column, mine, size):
            beyond[atom] = None
    reasons = dict.fromkeys(n for a in beyond for n, _ in a.coefficients if n in hidden)
    return _granting(formula, set(beyond)), tuple(reasons)


def _touches_hidden(atom: Atom, hidden: Mapping[str, Hidden]) -> bool:
    return any(name in hidden for name, _ in atom.coefficients)


def solve(
    formula: Formula,
    column: str,
    env: Mapping[str, Array],
    domain: tuple[int, int],
    hidden: Mapping[str, Hidden],
    rows: int,
) -> Feasible:
    """Return the codes of ``column`` within ``domain`` that make ``formula`` true, for each row.

    ``env`` gives every other variable's values, (rows,) each, those of NULL flags as 0 or 1;
    ``hidden`` the terms that become known with this column. The NULL mask of the answer is all
    False.
    """
    known = {k: np.asarray(v)[..., None] for k, v in env.items()}
    # A set ends one past its last code, which for the largest domains is no int64.
    setting = _Setting(column, known, hidden, big=domain[1] >= INT64_MAX)
    if not atoms_touch(formula, column, hidden):
        ok = np.broadcast_to(evaluate(formula, setting.env), (rows, 1))
        lo = np.where(ok, domain[0], EMPTY_LO)
        hi = np.where(ok, domain[1], EMPTY_HI)
        return Feasible(np.zeros(rows, bool), lo, hi)
    by_shape = [(a, atom_shape(a, column, hidden)) for a in dict.fromkeys(atoms(formula))]
    if any(s == "other" or _periodic_hidden(a, s, hidden) for a, s in by_shape):
        return _enumerate(formula, setting, domain, rows)
    monthly = [a for a, s in by_shape if s == "monthly"]
    if monthly:
        return _by_months(formula, monthly, setting, domain, rows)
    points, stride = _turns(by_shape, setting, domain, rows)
    return _between(formula, setting, points, stride, domain)


def _turns(
    by_shape: list[tuple[Atom, Shape]], setting: _Setting, domain: tuple[int, int], rows: int
) -> tuple[list[Array], int]:
    """Return the codes, (rows, m) each, at which atoms turn, and after how many they repeat."""
    points = [np.full((rows, 1), domain[0], dtype=setting.dtype)]
    stride = 1
    for atom, shape in by_shape:
        if shape in {"constant", "monthly"}:
            continue
        if shape == "weekly":
            stride = math.lcm(stride, WEEK)
        elif atom.kind in {"div", "ndiv"}:
            stride = math.lcm(stride, atom.modulus)
        else:
            points += setting.turns(atom, shape, domain, rows)
    return points, stride


def _between(
    formula: Formula,
    setting: _Setting,
    points: list[Array],
    stride: int,
    domain: tuple[int, int],
) -> Feasible:
    """Decide each stretch between two turning points."""
    rows = len(points[0])
    starts = np.sort(np.clip(np.concatenate(points, axis=1), domain[0], domain[1] + 1), axis=1)
    ends = (
        np.concatenate([starts[:, 1:], np.full((rows, 1), domain[1] + 1, starts.dtype)], axis=1) - 1
    )
    lo, hi, ok = _periods(formula, setting, starts, ends, stride)
    if stride == 1:
        lo, hi = _runs(lo, hi, ok)
    else:
        lo, hi = np.where(ok, lo, EMPTY_LO), np.where(ok, hi, EMPTY_HI)
        keep = np.asarray(ok.any(axis=0))
        keep[0] = True  # a set has one piece at least, be it empty
        lo, hi = lo[:, keep], hi[:, keep]
    return Feasible(np.zeros(rows, bool), lo.astype(np.int64), hi.astype(np.int64), stride)


def _by_months(
    formula: Formula,
    monthly: list[Atom],
    setting: _Setting,
    domain: tuple[int, int],
    rows: int,
) -> Feasible:
    """Solve a formula some atoms of which turn with the months.

    What the other atoms leave says which months have to be looked at, row by row.
    """
    ticks = per_day(setting.hidden)
    column, hidden = setting.column, setting.hidden
    by_shape = [(a, atom_shape(a, column, hidden)) for a in dict.fromkeys(atoms(formula))]
    points, stride = _turns(by_shape, setting, domain, rows)
    wide = _between(_granting(formula, set(monthly)), setting, points, stride, domain)
    some = wide.lo <= wide.hi
    first = np.where(some, wide.lo, domain[1]).min(axis=1)
    last = np.where(some, wide.hi, domain[0]).max(axis=1)
    last = np.maximum(first, last)
    rests = {a: setting.rest(a, rows) for a in monthly}
    months = int((last - first).max(initial=0)) // (28 * ticks) + 2
    each = max(1, MAX_CELLS // (months * 4 * stride))
    parts = []
    for begin in range(0, rows, each):
        mine = slice(begin, begin + each)
        starts = month_starts(first[mine], last[mine], ticks)
        more = [
            turn
            for a, rest in rests.items()
            for turn in turns(a, hidden, rest[mine], starts, ticks)
        ]
        own = [p[mine] for p in points]
        parts.append(_between(formula, setting.of(mine, rows), own + more, stride, domain))
    return _stacked(parts, stride)


def _granting(formula: Formula, granted: set[Atom]) -> Formula:
    """Return the formula with some atoms taken for true: no negation stands before any."""
    if isinstance(formula, Atom):
        return TRUE if formula in granted else formula
    join = conjoin if isinstance(formula, All) else disjoin
    return join(_granting(a, granted) for a in formula.args)


def _stacked(parts: list[Feasible], stride: int) -> Feasible:
    width = max(p.lo.shape[1] for p in parts)

    def wide(codes: Array, fill: int) -> Array:
        missing = width - codes.shape[1]
        return np.pad(codes, ((0, 0), (0, missing)), constant_values=fill)

    lo = np.concatenate([wide(p.lo, EMPTY_LO) for p in parts])
    hi = np.concatenate([wide(p.hi, EMPTY_HI) for p in parts])
    return Feasible(np.zeros(len(lo), bool), lo, hi, stride)


def atoms_touch(formula: Formula, column: str, hidden: Mapping[str, Hidden]) -> bool:
    """Say whether the formula's truth can depend on the column."""
    return any(n == column or n in hidden for a in atoms(formula) for n, _ in a.coefficients)


def _periodic_hidden(atom: Atom, shape: Shape, hidden: Mapping[str, Hidden]) -> bool:
    return shape != "constant" and atom.kind in {"div", "ndiv"} and _touches_hidden(atom, hidden)


class _Setting:
    """The known values, (rows, 1), and how to put codes of the column beside them."""

    def __init__(
        self, column: str, env: Mapping[str, Array], hidden: Mapping[str, Hidden], *, big: bool
    ) -> None:
        self.column, self.env, self.hidden = column, env, hidden
        big = big or any(np.asarray(v).dtype == object for v in env.values())
        self.dtype = np.dtype(object) if big else np.dtype(np.int64)

    def at(self, codes: Array) -> dict[str, Array]:
        """Return the environment with the column at ``codes`` and its hidden terms computed."""
        env = {**self.env, self.column: codes}
        if self.hidden:
            known = {k: (np.asarray(v), None) for k, v in env.items()}
            evaluator = Evaluator(known, None)
            for name, hidden in self.hidden.items():
                env[name] = np.asarray(evaluator.value(hidden.term)[0])  # type: ignore[arg-type]
        return env

    def of(self, rows: slice, number: int) -> _Setting:
        """Return the setting of some of ``number`` rows."""
        env = {k: v[rows] if v.shape[0] == number else v for k, v in self.env.items()}
        return _Setting(self.column, env, self.hidden, big=self.dtype == object)

    def rest(self, atom: Atom, rows: int) -> Array:
        """Return the atom's sum, (rows, 1), without the terms made of the column."""
        zero = {**self.env, self.column: np.zeros((1, 1), self.dtype)}
        zero |= {name: np.zeros((1, 1), self.dtype) for name in self.hidden}
        return np.broadcast_to(linear(atom, zero), (rows, 1))

    def turns(self, atom: Atom, shape: Shape, domain: tuple[int, int], rows: int) -> list[Array]:
        """Return the codes, (rows, 1) each, at which the atom's truth may change."""
        lo = domain[0]
        if shape == "affine":
            at_zero = linear(atom, self.at(np.zeros((1, 1), self.dtype)))
            if any(n in self.hidden for n, _ in atom.coefficients):
                slope = linear(atom, self.at(np.ones((1, 1), self.dtype))) - at_zero
            else:
                slope = np.asarray(dict(atom.coefficients)[self.column])
            slope = np.broadcast_to(slope, (rows, 1))
            rest = np.broadcast_to(at_zero, (rows, 1))
            steep = np.where(slope == 0, 1, slope)
            if atom.kind == "le":
                turn = np.where(slope > 0, -rest // steep + 1, -(rest // steep))
                return [np.where(slope == 0, lo, turn)]
            turn = -rest // steep
            return [np.where(slope == 0, lo, turn), np.where(slope == 0, lo, turn + 1)]
        sign = 1 if shape == "up" else -1
        over = self._first(atom, sign, 0 if atom.kind == "le" and sign > 0 else -1, domain, rows)
        if atom.kind == "le":
            return [over]
        return [over, self._first(atom, sign, 0, domain, rows)]

    def _first(
        self, atom: Atom, sign: int, bound: int, domain: tuple[int, int], rows: int
    ) -> Array:
        """Return the least code where ``sign * sum`` exceeds ``bound``, else one past the end."""
        low = np.full((rows, 1), domain[0], dtype=self.dtype)
        high = np.full((rows, 1), domain[1] + 1, dtype=self.dtype)
        for _ in range((domain[1] - domain[0] + 2).bit_length()):
            middle = low + (high - low) // 2
            probe = np.minimum(middle, domain[1])
            past = (sign * linear(atom, self.at(probe)) > bound) | (middle > domain[1])
            low, high = (
                np.where(past, low, np.minimum(middle + 1, high)),
                np.where(past, middle, high),
            )
        return low


def _periods(
    formula: Formula, setting: _Setting, starts: Array, ends: Array, stride: int
) -> tuple[Array, Array, Mask]:
    """Evaluate each stretch once per residue; return first code, last code and truth of each."""
    rows, count = starts.shape
    first = (starts[:, :, None] + np.arange(stride)).reshape(rows, count * stride)
    last = np.repeat(ends, stride, axis=1)
    inside = first <= last
    probe = np.where(inside, first, np.repeat(starts, stride, axis=1))
    truth = np.broadcast_to(evaluate(formula, setting.at(probe)), first.shape)
    return first, last - (last - first) % stride, truth & inside


def _runs(lo: Array, hi: Array, ok: Mask) -> tuple[Array, Array]:
    """Join neighbouring stretches that are true; return them packed to the left."""
    rows = len(ok)
    valid = ok & (lo <= hi)
    # Stretches of no length between two true ones must not split a run: carry truth over them.
    first = np.zeros_like(valid)
    last = np.zeros_like(valid)
    previous = np.zeros(rows, bool)
    for k in range(valid.shape[1]):
        empty = lo[:, k] > hi[:, k]
        now = np.where(empty, previous, valid[:, k])
        first[:, k] = now & ~previous
        last[:, k] = False
        ended = previous & ~now
        if k:
            last[:, k - 1] = ended
        previous = now
    last[:, -1] |= previous
    width = max(1, int(first.sum(axis=1).max(initial=0)))
    out_lo = np.full((rows, width), EMPTY_LO, dtype=lo.dtype)
    out_hi = np.full((rows, width), EMPTY_HI, dtype=hi.dtype)
    for ends, values, out in ((first, lo, out_lo), (last, hi, out_hi)):
        row, at = np.nonzero(ends)
        rank = np.cumsum(ends, axis=1)[row, at] - 1
        out[row, rank] = values[row, at]
    return out_lo, out_hi


def _enumerate(formula: Formula, setting: _Setting, domain: tuple[int, int], rows: int) -> Feasible:
    values = np.arange(domain[0], domain[1] + 1)[None, :]
    truth = np.broadcast_to(evaluate(formula, setting.at(values)), (rows, values.shape[1]))
    codes = np.broadcast_to(values, truth.shape)
    lo, hi = _runs(codes, codes, truth)
    return Feasible(np.zeros(rows, bool), lo.astype(np.int64), hi.astype(np.int64))

"""Quantifier-free integer formulas in two-valued logic: what a projection is made of.

A formula is a tree of ``All`` and ``Some`` over linear atoms. Its variables are columns' codes,
hidden terms' values and NULL flags (0 or 1). Z3's answers are translated into this form once, at
compile time; decoding then evaluates it with numpy and never calls the solver.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import z3
from numpy.typing import NDArray

from synthtab.batch import Mask
from synthtab.schema import INT64_MAX

Range = tuple[int, int]
MAX_RESIDUES = 128
MAX_ATOMS = 200_000
"""A formula is a tree: choices nested in choices, which Z3 shares, are written out in it."""


@dataclass(frozen=True)
class Atom:
    """``s = sum(a * v) + constant``, compared with 0 or divided by ``modulus``.

    ``le``: s <= 0; ``eq``: s = 0; ``ne``: s != 0; ``div`` says that the modulus divides s, ``ndiv``
    that it does not. Coefficients are not 0 and variables are sorted.
    """

    kind: Literal["le", "eq", "ne", "div", "ndiv"]
    coefficients: tuple[tuple[str, int], ...]
    constant: int
    modulus: int = 0


@dataclass(frozen=True)
class All:
    """Every one of ``args``; ``All(())`` is TRUE."""

    args: tuple[Formula, ...]


@dataclass(frozen=True)
class Some:
    """At least one of ``args``; ``Some(())`` is FALSE."""

    args: tuple[Formula, ...]


Formula = Atom | All | Some
TRUE, FALSE = All(()), Some(())


class NotLinearError(Exception):
    """A Z3 expression is outside the linear fragment that formulas can hold."""


def atoms(formula: Formula) -> Iterator[Atom]:
    """Yield the atoms of a formula, left to right, with repetition."""
    if isinstance(formula, Atom):
        yield formula
    else:
        for arg in formula.args:
            yield from atoms(arg)


def variables(formula: Formula) -> set[str]:
    """Return the variables a formula mentions."""
    return {name for atom in atoms(formula) for name, _ in atom.coefficients}


def conjoin(args: Iterable[Formula]) -> Formula:
    """Return the conjunction, flattened, without repetition."""
    return _join(All, args, unit=TRUE, zero=FALSE)


def disjoin(args: Iterable[Formula]) -> Formula:
    """Return the disjunction, flattened, without repetition."""
    return _join(Some, args, unit=FALSE, zero=TRUE)


def _join(
    kind: type[All] | type[Some], args: Iterable[Formula], *, unit: Formula, zero: Formula
) -> Formula:
    flat: dict[Formula, None] = {}
    for arg in args:
        if arg == zero:
            return zero
        if arg != unit:
            flat |= dict.fromkeys(arg.args if isinstance(arg, kind) else (arg,))
    return next(iter(flat)) if len(flat) == 1 else kind(tuple(flat))


def negate(formula: Formula) -> Formula:
    """Return the negation, with no negation sign left."""
    match formula:
        case All(args):
            return disjoin(map(negate, args))
        case Some(args):
            return conjoin(map(negate, args))
        case Atom("le", coefficients, constant):
            return Atom("le", tuple((v, -a) for v, a in coefficients), 1 - constant)
        case Atom(kind, coefficients, constant, modulus):
            other: dict[str, Literal["eq", "ne", "div", "ndiv"]] = {
                "eq": "ne",
                "ne": "eq",
                "div": "ndiv",
                "ndiv": "div",
            }
            return Atom(other[kind], coefficients, constant, modulus)
    raise AssertionError(formula)


def under_ranges(formula: Formula, ranges: Mapping[str, Range]) -> Formula:
    """Return the formula with the atoms decided by the variables' ranges taken out."""
    match formula:
        case All(args):
            return conjoin(under_ranges(a, ranges) for a in args)
        case Some(args):
            return disjoin(under_ranges(a, ranges) for a in args)
        case Atom(kind, coefficients, constant):
            lo = hi = constant
            for name, a in coefficients:
                if name not in ranges:
                    return formula
                low, high = ranges[name]
                lo += min(a * low, a * high)
                hi += max(a * low, a * high)
            if kind == "le":
                return TRUE if hi <= 0 else FALSE if lo > 0 else formula
            if kind in {"eq", "ne"}:
                if lo > 0 or hi < 0:
                    return FALSE if kind == "eq" else TRUE
                if lo == hi:
                    return TRUE if kind == "eq" else FALSE
            return formula
    raise AssertionError(formula)


# Evaluation.


def fits_int64(formula: Formula, ranges: Mapping[str, Range]) -> bool:
    """Say whether no sum in the formula can leave int64 for values within ``ranges``."""
    for atom in atoms(formula):
        size = abs(atom.constant)
        for name, a in atom.coefficients:
            low, high = ranges[name]
            size += abs(a) * (max(abs(low), abs(high)) + 1)
        if size > INT64_MAX // 2:
            return False
    return True


def evaluate(formula: Formula, env: Mapping[str, NDArray[Any]]) -> Mask:
    """Return the formula's truth for arrays of values that broadcast against each other."""
    match formula:
        case Atom():
            return compare(formula, linear(formula, env))
        case All(args):
            truth: Mask = np.True_  # type: ignore[assignment]
            for arg in args:
                truth = truth & evaluate(arg, env)
            return truth
        case Some(args):
            truth = np.False_  # type: ignore[assignment]
            for arg in args:
                truth = truth | evaluate(arg, env)
            return truth
    raise AssertionError(formula)


def linear(
    atom: Atom, env: Mapping[str, NDArray[Any]], skip: frozenset[str] = frozenset()
) -> NDArray[Any]:
    """Return the atom's sum without the variables in ``skip``."""
    total: NDArray[Any] = np.asarray(atom.constant)
    for name, a in atom.coefficients:
        if name not in skip:
            value = env[name]
            total = total + (value if a == 1 else a * value)
    return total


def compare(atom: Atom, total: NDArray[Any]) -> Mask:
    """Compare an atom's sum with zero as its kind says."""
    match atom.kind:
        case "le":
            result = total <= 0
        case "eq":
            result = total == 0
        case "ne":
            result = total != 0
        case "div":
            result = total % atom.modulus == 0
        case "ndiv":
            result = total % atom.modulus != 0
    return np.asarray(result, dtype=bool)


# From Z3.


def from_z3(expr: z3.ExprRef) -> Formula:
    """Translate a quantifier-free Z3 formula over Ints and Bools; a Bool is an Int that is 1.

    Raises NotLinearError where a term is not linear with ``div`` and ``mod`` by small constants,
    and where the formula would be too large to work with.
    """
    if _atoms_in(expr, {}) > MAX_ATOMS:
        raise NotLinearError(f"choices in choices, more than {MAX_ATOMS:,} atoms in all")
    cache: dict[int, Formula] = {}

    def visit(e: z3.ExprRef) -> Formula:
        key = e.get_id()
        if key not in cache:
            cache[key] = _translate(e, visit)
        return cache[key]

    return visit(expr)


def _atoms_in(e: z3.ExprRef, known: dict[int, int]) -> int:
    """Return about how many atoms a condition comes to when nothing is shared any more."""
    key = e.get_id()
    if key not in known:
        args = e.children()
        if not (args and all(map(z3.is_bool, args))):
            sides = [_cases_in(a, known) for a in args]
            found = math.prod(cases for cases, _ in sides) * (1 + sum(g for _, g in sides))
        elif e.decl().kind() in {z3.Z3_OP_ITE, z3.Z3_OP_EQ, z3.Z3_OP_IFF, z3.Z3_OP_XOR}:
            found = 2 * sum(_atoms_in(a, known) for a in args)
        else:
            found = sum(_atoms_in(a, known) for a in args)
        known[key] = found
    return known[key]


def _cases_in(e: z3.ExprRef, known: dict[int, int]) -> tuple[int, int]:
    """Return how many cases a number comes to, and the atoms that tell them apart."""
    args = e.children()
    if e.decl().kind() == z3.Z3_OP_ITE:
        then, other = (_cases_in(a, known) for a in args[1:])
        return then[0] + other[0], 2 * _atoms_in(args[0], known) + then[1] + other[1]
    sides = [_cases_in(a, known) for a in args]
    return math.prod(cases for cases, _ in sides), sum(guards for _, guards in sides)


def _translate(e: z3.ExprRef, go: Callable[[z3.ExprRef], Formula]) -> Formula:
    kind = e.decl().kind()
    args = e.children()
    match kind:
        case z3.Z3_OP_TRUE:
            return TRUE
        case z3.Z3_OP_FALSE:
            return FALSE
        case z3.Z3_OP_AND:
            return conjoin(map(go, args))
        case z3.Z3_OP_OR:
            return disjoin(map(go, args))
        case z3.Z3_OP_NOT:
            return negate(go(args[0]))
        case z3.Z3_OP_IMPLIES:
            return disjoin([negate(go(args[0])), go(args[1])])
        case z3.Z3_OP_ITE:
            test, then, other = map(go, args)
            return conjoin([disjoin([negate(test), then]), disjoin([test, other])])
        case z3.Z3_OP_EQ | z3.Z3_OP_IFF | z3.Z3_OP_XOR | z3.Z3_OP_DISTINCT if z3.is_bool(args[0]):
            left, right = map(go, args)
            same = disjoin([conjoin([left, right]), conjoin([negate(left), negate(right)])])
            return same if kind in {z3.Z3_OP_EQ, z3.Z3_OP_IFF} else negate(same)
        case z3.Z3_OP_UNINTERPRETED if not args:
            return Atom("eq", ((e.decl().name(), 1),), -1)
    comparison = {
        z3.Z3_OP_LE: ("le", 1, 0),
        z3.Z3_OP_LT: ("le", 1, 1),
        z3.Z3_OP_GE: ("le", -1, 0),
        z3.Z3_OP_GT: ("le", -1, 1),
        z3.Z3_OP_EQ: ("eq", 1, 0),
        z3.Z3_OP_DISTINCT: ("ne", 1, 0),
    }.get(kind)
    if comparison is None or len(args) != 2:
        raise NotLinearError(str(e))
    name, sign, shift = comparison
    return disjoin(
        conjoin([*guards, _atom(name, {v: sign * a for v, a in total.items()}, shift)])
        for guards, total in _difference(args[0], args[1])
    )


_ONE = ""
_Linear = dict[str, int]
_Branch = tuple[list[Formula], _Linear]


def _atom(kind: str, total: _Linear, shift: int = 0, modulus: int = 0) -> Formula:
    constant = total.get(_ONE, 0) + shift
    coefficients = {v: a for v, a in total.items() if a and v != _ONE}
    if kind in {"div", "ndiv"}:
        coefficients = {v: a % modulus for v, a in coefficients.items() if a % modulus}
        constant %= modulus
    elif coefficients:
        divisor = int(np.gcd.reduce([abs(a) for a in coefficients.values()]))
        if divisor > 1 and kind == "le":
            constant = -((-constant) // divisor)
            coefficients = {v: a // divisor for v, a in coefficients.items()}
        elif divisor > 1:
            if constant % divisor:
                return FALSE if kind == "eq" else TRUE
            constant //= divisor
            coefficients = {v: a // divisor for v, a in coefficients.items()}
    atom = Atom(kind, tuple(sorted(coefficients.items())), constant, modulus)  # type: ignore[arg-type]
    if coefficients:
        return atom
    return TRUE if bool(compare(atom, np.asarray(constant, dtype=object))) else FALSE


def _difference(left: z3.ExprRef, right: z3.ExprRef) -> list[_Branch]:
    return _combine(_linearise(left), _linearise(right), -1)


def _combine(left: list[_Branch], right: list[_Branch], factor: int) -> list[_Branch]:
    out = []
    for guards, total in left:
        for more, other in right:
            merged = dict(total)
            for v, a in other.items():
                merged[v] = merged.get(v, 0) + factor * a
            out.append(([*guards, *more], merged))
    if len(out) > MAX_RESIDUES:
        raise NotLinearError("too many residue classes")
    return out


def _linearise(e: z3.ExprRef) -> list[_Branch]:
    """Return an Int expression as guarded linear sums; ``mod`` and ``ite`` make branches."""
    kind = e.decl().kind()
    args = e.children()
    if z3.is_int_value(e):
        return [([], {_ONE: e.as_long()})]
    match kind:
        case z3.Z3_OP_UNINTERPRETED if not args:
            return [([], {e.decl().name(): 1})]
        case z3.Z3_OP_ADD | z3.Z3_OP_SUB:
            total = _linearise(args[0])
            for arg in args[1:]:
                total = _combine(total, _linearise(arg), 1 if kind == z3.Z3_OP_ADD else -1)
            return total
        case z3.Z3_OP_UMINUS:
            return _scale(_linearise(args[0]), -1)
        case z3.Z3_OP_MUL:
            factor, rest = 1, []
            for arg in args:
                if z3.is_int_value(arg):
                    factor *= arg.as_long()
                else:
                    rest.append(arg)
            if len(rest) > 1:
                raise NotLinearError(str(e))
            return _scale(_linearise(rest[0]), factor) if rest else [([], {_ONE: factor})]
        case z3.Z3_OP_ITE:
            test = from_z3(args[0])
            return [([test, *g], t) for g, t in _linearise(args[1])] + [
                ([negate(test), *g], t) for g, t in _linearise(args[2])
            ]
        case z3.Z3_OP_MOD if z3.is_int_value(args[1]):
            modulus = abs(args[1].as_long())
            if not 0 < modulus <= MAX_RESIDUES:
                raise NotLinearError(str(e))
            return [
                ([*guards, _atom("div", total, -residue, modulus)], {_ONE: residue})
                for guards, total in _linearise(args[0])
                for residue in range(modulus)
            ]
    raise NotLinearError(str(e))


def _scale(branches: list[_Branch], factor: int) -> list[_Branch]:
    return [(guards, {v: factor * a for v, a in total.items()}) for guards, total in branches]

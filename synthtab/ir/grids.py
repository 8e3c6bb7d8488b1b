"""Sound remainders of lowered terms: the arithmetic progression that all values of a term lie on.

Prices of 0.99 and 1.99 make sums that leave 99 cents a piece when divided by a dollar, and that
says how many pieces there are. Intervals alone (:mod:`synthtab.ir.bounds`) do not see this.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from synthtab.ir import core

Grid = tuple[int, int]
"""An offset and a step: values are the offset plus multiples of the step (0: the offset alone)."""

ANY: Grid = (0, 1)


def grid(term: core.Term, grids: Mapping[str, Grid]) -> Grid:
    """Return (offset, step): the term, where it is not NULL, is the offset plus multiples of step.

    ``grids`` gives the same of variables; those that are not there may hold anything.
    """
    match term:
        case core.Var(name):
            return grids.get(name, ANY)
        case core.Const(value):
            return value, 0
        case core.Sum(parts, constant):
            offset, step = constant, 0
            for coefficient, part in parts:
                first, apart = grid(part, grids)
                offset, step = offset + coefficient * first, gcd(step, coefficient * apart)
            return offset, step
        case core.Product(left, right):
            (a, s), (b, t) = grid(left, grids), grid(right, grids)
            return a * b, gcd(gcd(a * t, b * s), s * t)
        case core.Ite(branches, otherwise):
            ends = [t for t in (*(t for _, t in branches), otherwise) if t != core.Null()]
            found = [grid(end, grids) for end in ends]
            if not found:
                return 0, 0
            offset, step = found[0]
            for other, apart in found[1:]:
                step = gcd(gcd(step, apart), other - offset)
            return offset, step
    return ANY

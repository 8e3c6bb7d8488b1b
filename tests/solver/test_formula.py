"""Formulas from Z3, and solving them for one variable, against plain evaluation."""

import random

import numpy as np
import pytest
import z3

from synthtab.solver.formula import (
    FALSE,
    TRUE,
    All,
    Atom,
    NotLinearError,
    Some,
    evaluate,
    from_z3,
    negate,
    under_ranges,
    variables,
)
from synthtab.solver.pieces import solve

X, Y, Z = z3.Ints("x y z")
GRID = np.arange(-9, 10)


def on_grid(formula):
    x, y = np.meshgrid(GRID, GRID)
    return np.broadcast_to(evaluate(formula, {"x": x, "y": y}), x.shape)


def by_z3(expression):
    out = np.zeros((len(GRID), len(GRID)), bool)
    for i, y in enumerate(GRID):
        for j, x in enumerate(GRID):
            value = z3.simplify(
                z3.substitute(expression, (X, z3.IntVal(int(x))), (Y, z3.IntVal(int(y))))
            )
            out[i, j] = z3.is_true(value)
    return out


@pytest.mark.parametrize(
    "expression",
    [
        X + 2 * Y <= 3,
        z3.Not(X < Y),
        z3.And(X != Y, z3.Or(X > 3, Y < -3)),
        (2 * X + Y) % 3 == 0,
        z3.Not((X - Y) % 4 == 1),
        X % 3 + Y <= 2,
        z3.If(X > 0, X, -X) <= Y,
        z3.Implies(X > 0, z3.Xor(Y > 0, Y % 2 == 0)),
        4 * X == 6 * Y + 1,
        6 * X <= 4 * Y + 1,
    ],
    ids=str,
)
def test_translation_keeps_the_meaning(expression):
    formula = from_z3(expression)
    assert (on_grid(formula) == by_z3(expression)).all()
    assert (on_grid(negate(formula)) == ~by_z3(expression)).all()


def test_what_is_not_linear_is_refused():
    with pytest.raises(NotLinearError):
        from_z3(X * Y <= 3)


def random_formula(rng, depth):
    if depth == 0:
        kind = rng.choice(["le", "eq", "ne", "div", "ndiv"])
        names = rng.choice([("x",), ("x", "y"), ("y",)])
        coefficients = tuple((n, rng.choice([-3, -2, -1, 1, 2, 3])) for n in names)
        return Atom(kind, coefficients, rng.randint(-8, 8), rng.choice([2, 3, 4]))
    parts = tuple(random_formula(rng, depth - 1) for _ in range(rng.randint(1, 3)))
    return rng.choice([All, Some])(parts)


@pytest.mark.parametrize("block", range(4))
def test_solving_for_a_column_finds_exactly_the_codes_that_fit(block):
    nonempty = 0
    for seed in range(block * 150, block * 150 + 150):
        formula = random_formula(random.Random(seed), 2)
        y = GRID
        lo, hi = -7, 8
        found = solve(formula, "x", {"y": y}, (lo, hi), {}, len(y))
        x = np.arange(lo, hi + 1)
        truth = evaluate(formula, {"x": x[None, :], "y": y[:, None]})
        expected = np.broadcast_to(truth, (len(y), len(x)))
        assert (found.meets(x, x) == expected).all(), f"seed {seed}"
        assert (found.any() == expected.any(axis=1)).all(), f"seed {seed}"
        # Wider intervals, as a token prefix stands for: met where any code inside fits.
        wide = np.stack([expected[:, k : k + 3].any(axis=1) for k in range(len(x) - 2)], axis=1)
        assert (found.meets(x[:-2], x[2:]) == wide).all(), f"seed {seed}"
        drawn, nulls = found.uniform(np.random.default_rng(seed))
        fits = found.any()
        assert found.contains(drawn, nulls)[fits].all(), f"seed {seed}"
        nonempty += int(fits.sum())
        simpler = under_ranges(formula, {"x": (lo, hi), "y": (-9, 9)})
        again = evaluate(simpler, {"x": x[None, :], "y": y[:, None]})
        assert (np.broadcast_to(again, expected.shape) == expected).all(), f"seed {seed}"
    assert nonempty > 500


def test_numbers_beyond_64_bits_are_exact():
    big = 2**62
    formula = Atom("le", (("x", 4), ("y", -4)), 0)
    y = np.array([big, -big, 5], dtype=object)
    found = solve(formula, "x", {"y": y}, (-big, big), {}, 3)
    assert found.hi[:, 0].tolist() == [big, -big, 5]


def test_constants():
    assert under_ranges(Atom("le", (("x", 1),), -5), {"x": (0, 5)}) == TRUE
    assert under_ranges(Atom("le", (("x", 1),), -5), {"x": (6, 9)}) == FALSE
    assert variables(All((Atom("eq", (("x", 1),), 0), TRUE))) == {"x"}


def test_choices_nested_too_deep_are_refused_at_once() -> None:
    context = z3.Context()
    value = z3.Int("x0", context)
    for k in range(1, 60):
        other = z3.Int(f"x{k}", context)
        value = z3.If(value > other, value + 1, other)
    with pytest.raises(NotLinearError, match="choices in choices"):
        from_z3(value > 3)

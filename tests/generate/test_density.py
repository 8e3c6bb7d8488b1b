"""Densities: what hints say is drawn, within what rules leave, with the mass that is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import exp, factorial

import numpy as np
import pytest

from synthtab.generate.density import RARE, density
from synthtab.hints import (
    Exponential,
    Hint,
    Lognormal,
    Normal,
    Poisson,
    Shape,
    Uniform,
    Weights,
)
from synthtab.schema import (
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    domain,
)
from synthtab.solver.feasible import Feasible

ROWS = 40_000


def feasible(*pieces: tuple[int, int], stride: int = 1, rows: int = ROWS) -> Feasible:
    lo, hi = (np.tile([p[k] for p in pieces], (rows, 1)) for k in (0, 1))
    return Feasible(np.zeros(rows, dtype=bool), lo, hi, stride)


def drawn(
    kind: ColumnType, shape: Shape | None, allowed: Feasible | None = None, **ends: int
) -> tuple[np.ndarray, np.ndarray]:
    column = Column("x", kind, hint=None if shape is None else Hint(shape), **ends)
    lo, hi = domain(column)
    sets = feasible((lo, hi)) if allowed is None else allowed
    codes, mass = density(column, lo, hi).draw(sets, np.random.default_rng(0))
    assert sets.contains(codes, np.zeros(len(codes), dtype=bool)).all()
    return codes, mass


D = Decimal
MOMENTS: list[tuple[ColumnType, Shape, float, float]] = [
    (IntegerType(), Normal(D(1000), D(50)), 1000, 50),
    (DecimalType(10, 2), Normal(D("52000.5"), D(18000)), 5_200_050, 1_800_000),
    (DecimalType(10, 2), Lognormal(D(900), D(600)), 90_000, 60_000),
    (IntegerType(), Exponential(D(25)), 25, (25 * 26) ** 0.5),
    (IntegerType(), Poisson(D("4.5")), 4.5, 4.5**0.5),
    (IntegerType(), Poisson(D(20_000)), 20_000, 20_000**0.5),
    (DateType(), Normal(date(2015, 6, 30), timedelta(days=400)), 16_616, 400),
    (DatetimeType(), Normal(datetime(2020, 1, 1, 12), timedelta(hours=36)), 1577880000, 129_600),
    (DatetimeType(3600), Normal(datetime(2020, 1, 1), timedelta(days=2)), 438_288, 48),
]


@pytest.mark.parametrize(("kind", "shape", "mean", "spread"), MOMENTS)
def test_moments(kind: ColumnType, shape: Shape, mean: float, spread: float) -> None:
    codes, mass = drawn(kind, shape)
    assert abs(codes.mean() - mean) < 5 * spread / ROWS**0.5
    assert abs(codes.std() / spread - 1) < 0.05
    assert np.allclose(mass, 1)


PMF: list[tuple[Shape, Callable[[int], float]]] = [
    (Poisson(D(3)), lambda k: exp(-3) * 3**k / factorial(k)),
    (Exponential(D(2)), lambda k: (2 / 3) ** k / 3),
    (Uniform(), lambda k: 1 / 21),
]


@pytest.mark.parametrize(("shape", "pmf"), PMF)
def test_probabilities_within_what_is_left(shape: Shape, pmf: Callable[[int], float]) -> None:
    left = [1, 3, 5, 6, 7]
    codes, mass = drawn(IntegerType(), shape, feasible((1, 1), (3, 3), (5, 7)), lo=0, hi=20)
    each = np.array([pmf(k) for k in left])
    whole = sum(pmf(k) for k in range(21))
    assert np.allclose(mass, each.sum() / whole)
    seen = np.array([(codes == k).sum() for k in left])
    expected = ROWS * each / each.sum()
    assert ((seen - expected) ** 2 / expected).sum() < 24  # chi-squared of 4, one in 10,000


def test_strides() -> None:
    codes, mass = drawn(IntegerType(), Normal(D(50), D(20)), feasible((1, 97), stride=3), lo=0)
    assert set(np.unique(codes % 3)) == {1}
    assert abs(codes.mean() - 50) < 1.5
    assert np.allclose(mass, 1 / 3, atol=0.02)


def test_weights() -> None:
    shape = Weights((("a", D(3)), ("c", D(1))))
    codes, mass = drawn(EnumType(("a", "b", "c")), shape)
    assert set(codes) == {0, 2}
    assert abs((codes == 0).mean() - 0.75) < 0.01
    assert np.allclose(mass, 1)
    # What has no weight comes where nothing else is left.
    codes, mass = drawn(EnumType(("a", "b", "c")), shape, feasible((1, 1)))
    assert (codes == 1).all()
    assert (mass <= RARE).all()
    assert (mass > 0).all()
    codes, _ = drawn(BooleanType(), Weights(((True, D(1)),)))
    assert (codes == 1).all()


def test_far_from_the_shape() -> None:
    far = feasible((10**9, 10**9 + 99))
    codes, mass = drawn(IntegerType(), Normal(D(0), D(1)), far)
    assert len(np.unique(codes)) == 100
    assert (mass > 0).all()
    assert (mass < RARE).all()
    # A shape that misses the range altogether says nothing.
    codes, mass = drawn(IntegerType(), Normal(D(-500), D(1)), lo=0, hi=9)
    assert len(np.unique(codes)) == 10
    assert np.allclose(mass, 1)


def test_open_ranges_are_looked_at_from_their_readable_end() -> None:
    codes, mass = drawn(IntegerType(), None)
    assert codes.min() >= 0
    assert codes.max() <= 10_000
    assert np.allclose(mass, 1)
    inside = drawn(IntegerType(), None, feasible((5, 5)))[1]
    outside = drawn(IntegerType(), None, feasible((-7, -7)))[1]
    assert (inside == outside).all()  # one value is one value


def test_the_ends_of_the_integers() -> None:
    lo, hi = domain(Column("x", IntegerType()))
    for shape in (None, Normal(D(0), D(10) ** 30), Uniform()):
        drawn(IntegerType(), shape, feasible((lo, lo + 5), (hi - 5, hi), rows=500))


def test_empty_sets() -> None:
    for shape in (None, Normal(D(3), D(1))):
        sets = feasible((1, 0), rows=5)
        column = Column("x", IntegerType(), lo=0, hi=9, hint=Hint(shape))
        codes, mass = density(column, 0, 9).draw(sets, np.random.default_rng(0))
        assert not codes.any()
        assert not mass.any()


def test_beyond_the_range_the_nearest_come_first() -> None:
    above = feasible((-(10**12), -(10**11)), (20_000, 10**12), rows=500)
    codes, mass = drawn(IntegerType(), None, above)
    assert codes.min() >= 20_000
    assert codes.max() <= 30_000
    assert np.allclose(mass, 1)
    codes, _ = drawn(IntegerType(), None, feasible((-(10**9), -50), rows=500))
    assert codes.min() >= -10_050
    codes, _ = drawn(IntegerType(), None, feasible((7 * 10**5, 10**9), stride=7, rows=500))
    assert len(np.unique(codes)) > 300
    assert codes.max() <= 7 * 10**5 + 10_000


@pytest.mark.parametrize("shape", [None, Uniform(), Normal(D(50), D(10))])
@pytest.mark.parametrize(("pieces", "stride"), [([(0, 99)], 1), ([(0, 39), (60, 99)], 4)])
def test_the_least_of_several_draws(
    shape: Shape | None, pieces: list[tuple[int, int]], stride: int
) -> None:
    column = Column("x", IntegerType(), lo=0, hi=99, hint=None if shape is None else Hint(shape))
    lo = np.array([p[0] for p in pieces])
    hi = np.array([p[1] - (p[1] - p[0]) % stride for p in pieces])
    sets = feasible(*zip(lo.tolist(), hi.tolist(), strict=True), stride=stride)
    base, rng = density(column, 0, 99), np.random.default_rng(0)
    each = np.stack([base.draw(sets, rng)[0] for _ in range(4)]).min(axis=0)
    least, _ = base.draw(sets, rng, np.full(ROWS, 4))
    assert sets.contains(least, np.zeros(ROWS, dtype=bool)).all()
    assert least.mean() == pytest.approx(each.mean(), abs=0.6)
    assert np.quantile(least, 0.9) == pytest.approx(np.quantile(each, 0.9), abs=4)

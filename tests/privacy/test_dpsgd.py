"""Noisy training: no row counts for more than the bound, noise is what it is said to be, and
nothing is read, or decided by what was read, before it is charged for."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch
from synthtab.errors import BudgetError, DataError, UsageError
from synthtab.generate.model import ModelConfig, new_network, position_losses
from synthtab.generate.tokenizer import make_layout
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.privacy.costs import SampledGaussian
from synthtab.privacy.dpsgd import Phase, PrivateConfig, train_private
from synthtab.privacy.dpsgd.clipping import STABILITY, RowGradients, matrices
from synthtab.privacy.dpsgd.course import Stretch, plan_course
from synthtab.privacy.dpsgd.noise import MARGIN, STEP, gaussian, noisy_sum, poisson_sample
from synthtab.privacy.dpsgd.training import Sums, Trainer, TrainStretch
from synthtab.privacy.dpsgd.warm import on_simplex
from synthtab.privacy.dpsgd.weights import position_weights
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.settings import Neighbours
from synthtab.privacy.vault import Vault
from synthtab.schema import Column, EnumType, IntegerType
from synthtab.solver.project import compile_plan

SHAPE = ModelConfig(hidden=16, layers=1, heads=2, kv_heads=1, feed_forward=24)
QUICK = PrivateConfig(
    model=SHAPE,
    warm_rows=500,
    warm=TrainConfig(symbols_seen=4_000),
    batch=32,
    epochs=2.0,
    least_steps=10,
    seconds=math.inf,
)
RULES = """
table t {
  a integer in 0 .. 5
  b integer in 0 .. 5
  big integer in 0 .. 9_999
  kind enum('x', 'y', 'z') optional
  twice integer in 0 .. 10

  rule ordered: a <= b
  rule double: twice = 2 * a
}
"""


def table():
    return Model.parse(RULES).table()


def real(rows, seed=0):
    rng = np.random.default_rng(seed)
    b = rng.integers(0, 6, rows)
    a = np.minimum(rng.integers(0, 6, rows), b)
    codes = np.stack([a, b, rng.integers(0, 100, rows) * 10, rng.integers(0, 3, rows), 2 * a], 1)
    nulls = np.zeros(codes.shape, dtype=bool)
    nulls[:, 3] = rng.random(rows) < 0.2
    return Batch(
        ("a", "b", "big", "kind", "twice"),
        np.where(nulls, 0, codes),
        nulls,
        np.empty(0, dtype=object),
    )


def vault(batch, epsilon=3.0, delta=1e-6, **relation):
    return Vault({"t": batch}, Ledger(epsilon, delta, Neighbours(**relation)))


def small_layout(sizes):
    columns = [
        Column(f"c{k}", EnumType(tuple(map(str, range(n)))))
        if n < 8
        else Column(f"c{k}", IntegerType(), optional=True)
        for k, n in enumerate(sizes)
    ]
    names = tuple(c.name for c in columns)
    nothing = Batch(
        names,
        np.empty((0, len(names)), np.int64),
        np.empty((0, len(names)), bool),
        np.empty(0, dtype=object),
    )
    return make_layout(columns, names, {f"c{k}": (0, n - 1) for k, n in enumerate(sizes)}, nothing)


def made_up(layout, rows, seed):
    random = torch.Generator().manual_seed(seed)
    parts = [torch.randint(0, n, (rows,), generator=random) for n in layout.sizes]
    return torch.stack(parts, dim=1)


def slow_gradient(network, layout, row, weights):
    """One row's gradient by PyTorch's own backward pass."""
    network.zero_grad()
    (position_losses(network, layout, row[None]) * weights).sum().backward()
    return [p.grad for p in matrices(network)]


def norm(gradient):
    return float(sum(g.square().sum() for g in gradient)) ** 0.5


@settings(max_examples=12, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([2, 5, 400, 30_000]), min_size=1, max_size=3),
    layers=st.integers(1, 2),
    hidden=st.sampled_from([8, 32]),
    spread=st.floats(0.02, 2.0),
    rows=st.integers(1, 5),
    bound=st.floats(0.1, 10.0),
    seed=st.integers(0, 1000),
)
def test_clipped_sums_are_those_of_rows_one_by_one(
    sizes, layers, hidden, spread, rows, bound, seed
):
    layout = small_layout(sizes)
    shape = ModelConfig(hidden=hidden, layers=layers, heads=2, kv_heads=1, feed_forward=24)
    network = new_network(shape, layout, seed)
    random = torch.Generator().manual_seed(seed)
    for p in matrices(network):
        p.data.normal_(std=spread, generator=random)
    weights = torch.rand(layout.length, generator=random) + 0.1
    symbols = made_up(layout, rows, seed)
    got = RowGradients(network, layout, bound, weights).clipped(symbols)
    expected = [torch.zeros_like(p) for p in matrices(network)]
    for row in symbols:
        one = slow_gradient(network, layout, row, weights)
        for total, part in zip(expected, one, strict=True):
            total += part * (bound / (norm(one) + STABILITY))
    for found, total in zip(got.sums, expected, strict=True):
        assert torch.allclose(found, total, atol=2e-4 * bound, rtol=2e-3)
    losses = position_losses(network, layout, symbols[:1]).detach()
    assert float(got.losses[0]) == pytest.approx(float((losses * weights).sum()), rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(spread=st.floats(1e-4, 30.0), bound=st.floats(1e-2, 100.0), seed=st.integers(0, 10_000))
def test_one_rows_part_never_passes_the_bound(spread, bound, seed):
    layout = small_layout([3, 400])
    network = new_network(SHAPE, layout, seed)
    random = torch.Generator().manual_seed(seed)
    for p in matrices(network):
        p.data.normal_(std=spread, generator=random)
    gradients = RowGradients(network, layout, bound * (1 - MARGIN))
    assert norm(gradients.clipped(made_up(layout, 1, seed)).sums) <= bound


def test_one_row_more_moves_the_sum_by_no_more_than_the_bound():
    layout = small_layout([5, 400, 30_000])
    network = new_network(SHAPE, layout, 0)
    with Sums(network, layout, 1 - MARGIN, torch.ones(layout.length)) as sums:
        for seed in range(5):
            rows = made_up(layout, 700, seed)
            gone = torch.cat([rows[:seed], rows[seed + 1 :]])
            assert np.linalg.norm(sums.of(rows) - sums.of(gone)) <= 1
        assert not sums.of(rows[:0]).any()


def test_noise_has_the_law_it_is_said_to_have():
    """Each check alarms falsely once in a million runs at most (4.9 standard deviations)."""
    n, noise, bound = 400_000, 1.7, 0.5
    total = np.linspace(-3, 3, n)
    found = (noisy_sum(total, bound, noise) - total) / (noise * bound)
    assert abs(found.mean()) < 4.9 / math.sqrt(n)
    assert abs(found.var() - 1) < 4.9 * math.sqrt(2 / n)
    # Kolmogorov's statistic: P(D > d) is below 2 exp(-2 n d^2), one in a million here.
    ordered = np.sort(found)
    law = 0.5 * (1 + np.vectorize(math.erf)(ordered / math.sqrt(2)))
    gap = np.abs(law - (np.arange(n) + 0.5) / n).max() + 0.5 / n
    assert gap < math.sqrt(math.log(2e6) / (2 * n))
    # Neighbours, and the two halves of Box and Muller's pairs, have nothing to do with each other.
    drawn = gaussian(n)
    assert abs((drawn[1:] * drawn[:-1]).mean()) < 4.9 / math.sqrt(n - 1)
    assert abs((drawn[: n // 2] * drawn[n // 2 :]).mean()) < 4.9 / math.sqrt(n // 2)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.integers(-6, 6))
def test_noisy_sums_lie_on_the_lattice(total, power):
    # With a power of two for a bound every multiple of the step is a float.
    found = noisy_sum(np.array(total), 2.0**power, 1.0) / (2.0**power * STEP)
    assert np.array_equal(found, np.rint(found))


def test_rows_are_drawn_each_by_itself():
    """False alarms: less than one in a million runs (4.9 standard deviations)."""
    rows, rate, times = 4_000, 0.03, 200
    counts = np.zeros(rows)
    sizes = []
    for _ in range(times):
        drawn = poisson_sample(rows, rate)
        counts[drawn] += 1
        sizes.append(len(drawn))
    spread = math.sqrt(rows * rate * (1 - rate))
    assert abs(np.mean(sizes) - rows * rate) < 4.9 * spread / math.sqrt(times)
    # The number drawn varies as a binomial one does; that of each row too.
    assert abs(np.var(sizes) / spread**2 - 1) < 4.9 * math.sqrt(2 / times)
    each = times * rate * (1 - rate)
    assert abs(counts.var() / each - 1) < 4.9 * math.sqrt(2 / rows) * 1.1
    assert len(poisson_sample(0, 0.5)) == 0
    assert len(poisson_sample(50, 1.0)) == 50


class Sealed:
    """Rows that may not be looked at."""

    def __getattr__(self, name):
        raise AssertionError(f"read before it was charged for: {name}")


def course_for(ledger, rows=1000, config=QUICK):
    return plan_course(ledger, config, rows, 0.0, ("t.a",))


def test_what_does_not_fit_is_refused_before_a_row_is_read():
    ledger = Ledger(1.0, 1e-6)
    sealed = Vault({"t": Sealed()}, ledger)
    course = course_for(ledger)
    layout = small_layout([3, 5])
    network = new_network(SHAPE, layout, 0)
    with Sums(network, layout, 1.0, torch.ones(2)) as sums:
        trainer = Trainer(network, layout, course, "t", 1000, sums, None)
        less = replace(course.stretches[0], noise=course.stretches[0].noise * 0.9)
        with pytest.raises(BudgetError, match="nothing was read"):
            sealed.release(TrainStretch(trainer, less, ("t.a",)))
        assert ledger.charges == ()
        with pytest.raises(AssertionError, match="read before"):
            sealed.release(TrainStretch(trainer, course.stretches[0], ("t.a",)))
        assert len(ledger.charges) == 1


def test_a_course_spends_what_is_left_and_no_more():
    for phases in ((Phase(1.0, 1.0),), (Phase(0.5, 1.4), Phase(0.5, 1.0))):
        for epsilon in (0.3, 8.0):
            ledger = Ledger(epsilon, 1e-6)
            course = course_for(ledger, config=replace(QUICK, phases=phases))
            assert course.steps == sum(s.steps for s in course.stretches) == 62
            for stretch in course.stretches:
                assert stretch.cost == SampledGaussian(stretch.noise, 0.032, stretch.steps)
                ledger.spend(TrainStretch(None, stretch, ("t.a",)).charge)
            assert 0.98 * epsilon < ledger.spent()[0] <= epsilon * (1 + 1e-6)
            rates = [course.rate(step) for step in range(course.steps)]
            assert min(rates) > 0
            assert max(rates) <= QUICK.walk / math.sqrt(course.steps)


def test_a_budget_for_no_answer_at_all_is_said_so():
    plan = compile_plan(table())
    for epsilon, rows in ((1e-9, 50), (1e-3, 50), (1.0, 1)):
        held = Vault({"t": Sealed()}, Ledger(epsilon, 1e-6))
        with pytest.raises(BudgetError, match="too small"):
            train_private(held, table(), plan, rows, QUICK)
        assert held.ledger.charges == ()
    with pytest.raises(BudgetError, match="too small for noisy training"):
        course_for(Ledger(1e-7, 1e-6))


def test_the_same_public_facts_are_charged_the_same_whatever_the_rows():
    charges = []
    one = real(1)
    for batch in (
        real(300),
        real(300, seed=5),
        one.take(np.zeros(40, dtype=np.int64)),
        one.take(np.arange(0)),
    ):
        held = vault(batch)
        plan = compile_plan(table())
        # A tree's further levels follow from released counts, so that only training is compared.
        made = train_private(held, table(), plan, 300, replace(QUICK, warm_start=0.0))
        charges.append(held.ledger.charges)
        assert made.trained is None
    assert all(c == charges[0] for c in charges)


def test_rows_drawn_keep_the_rules():
    progress = []
    held = vault(real(400))
    plan = compile_plan(table())
    made = train_private(held, table(), plan, 397, QUICK, progress.append)
    rows = made.draw(300, level="solver", guide=plan, seed=1)
    assert not rows.dead.any()
    backend = VectorBackend(table())
    assert not backend.violated(rows.batch).any()
    assert not backend.out_of_domain(rows.batch).any()
    assert 0.98 * 3 < held.ledger.spent()[0] <= 3 * (1 + 1e-6)
    last = held.ledger.charges[-1]
    assert last.mechanism == "DP-SGD"
    # What the rules compute from others is not looked at.
    assert not any("twice" in read for c in held.ledger.charges for read in c.reads)
    assert [p.step for p in progress] == list(range(1, last.cost.steps + 1))
    # Nobody paid for a loss.
    assert all(math.isnan(p.loss) for p in progress)
    assert made.fingerprints == {}


def test_two_runs_differ():
    plan = compile_plan(table())
    weights = []
    for _ in range(2):
        made = train_private(vault(real(60)), table(), plan, 60, QUICK)
        weights.append(torch.cat([p.detach().flatten() for p in made.network.parameters()]))
    assert not torch.equal(*weights)


def test_with_a_large_budget_it_learns_what_goes_together():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, 2000)
    batch = Batch(
        ("a", "b"),
        np.stack([a, (a + 1) % 3], 1),
        np.zeros((2000, 2), bool),
        np.empty(0, dtype=object),
    )
    both = Model.parse("table t {\n  a enum('x', 'y', 'z')\n  b enum('x', 'y', 'z')\n}\n").table()
    plan = compile_plan(both)
    config = replace(QUICK, batch=200, epochs=12.0)
    made = train_private(vault(batch, epsilon=50.0), both, plan, 2000, config)
    drawn = made.draw(1000, level="grammar", seed=0).batch
    assert ((drawn.codes[:, 0] + 1) % 3 == drawn.codes[:, 1]).mean() > 0.7


def test_bad_input():
    plan = compile_plan(table())
    for rows in (0, -3):
        with pytest.raises(DataError, match=rf"number of rows of table `t` is {rows}"):
            train_private(vault(real(5)), table(), plan, rows, QUICK)
    with pytest.raises(UsageError, match="adding or removing one row"):
        train_private(vault(real(5), kind="replace"), table(), plan, 5, QUICK)
    with pytest.raises(UsageError, match="delta above 0"):
        train_private(vault(real(5), delta=0.0), table(), plan, 5, QUICK)
    texts = Model.parse("table t {\n  name text(5)\n}\n").table()
    with pytest.raises(UsageError, match="'name'"):
        train_private(vault(real(5)), texts, compile_plan(texts), 5, QUICK)
    outside = real(90)
    outside.codes[0, 0] = 77
    with pytest.raises(DataError) as error:
        train_private(vault(outside), table(), plan, 90, QUICK)
    assert "77" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_rows(rows):
    plan = compile_plan(table())
    config = replace(QUICK, epochs=3.0)
    # The noisy number of rows may well be greater than the true one.
    made = train_private(vault(real(rows)), table(), plan, 90, config)
    drawn = made.draw(50, level="solver", guide=plan)
    assert not VectorBackend(table()).violated(drawn.batch).any()


def test_weights_follow_from_the_layout_and_the_rules():
    layout = small_layout([3, 400, 5_000_000])
    # 400 is two groups of digits, 5,000,000 four.
    assert position_weights(layout, ["c0"]).tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert position_weights(layout, ["c1"]).tolist() == [1, 0, 0, 1, 1, 1, 1]


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=8))
def test_shares_are_put_onto_the_simplex_by_the_shortest_way(shares):
    given_ = np.array(shares)
    found = on_simplex(given_)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    # Nearest: the way there is at an obtuse angle to the way to every corner.
    for corner in np.eye(len(given_)):
        assert (given_ - found) @ (corner - found) <= 1e-9


def test_batches_follow_from_the_number_of_rows():
    config = replace(QUICK, batch=500, epochs=10.0, least_steps=250)
    for rows, rate, steps in ((100_000, 0.005, 2000), (12_500, 0.04, 250), (90, 0.04, 250)):
        (only,) = course_for(Ledger(1.0, 1e-6), rows, config).stretches
        assert (only.rate, only.steps) == (pytest.approx(rate), steps)
    # At half a second a row there is time for 24 steps of 500 rows in 100 minutes.
    slow = replace(config, seconds=6000.0)
    assert plan_course(Ledger(1.0, 1e-6), slow, 100_000, 0.5, ()).steps == 24


def test_stretches_are_as_long_as_their_shares():
    config = replace(QUICK, phases=(Phase(0.25, 2.0), Phase(0.75, 1.0)))
    first, second = course_for(Ledger(1.0, 1e-6), config=config).stretches
    assert (first.first, second.first) == (0, first.steps)
    assert first.steps / (first.steps + second.steps) == pytest.approx(0.25, abs=0.02)
    assert first.noise == pytest.approx(2 * second.noise)
    assert isinstance(first, Stretch)

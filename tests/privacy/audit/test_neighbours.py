"""Mechanisms on neighbouring tables: what their answers say, sound ones held, broken ones found.

Draws are from the system's randomness. A sound mechanism passes what it is held to with a
probability of 1e-6 at most (the bounds' confidence); broken ones are missed with a probability
below 1e-9, computed from their laws, or never.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from rooms import batch_of
from scipy import stats

from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.lang.model import Model
from synthtab.privacy.audit import neighbours
from synthtab.privacy.audit.gaussian import gaussian_delta, gaussian_epsilon, guesses_bound
from synthtab.privacy.audit.neighbours import (
    Case,
    booked_mu,
    case_of,
    evidence,
    neighbouring_bounds,
)
from synthtab.privacy.costs import Gaussian, Pure, SampledGaussian
from synthtab.privacy.dpsgd import training
from synthtab.privacy.dpsgd.noise import noisy_sum
from synthtab.privacy.grid import Axis, Grid
from synthtab.privacy.ledger import Charge
from synthtab.privacy.mechanisms import DiscreteGaussian, Exponential, Geometric
from synthtab.privacy.readers import CountCells
from synthtab.privacy.selecting import ChooseMarginal
from synthtab.privacy.settings import Privacy

CONFIDENCE = 1 - 1e-6
RULES = """
table t {
  a enum('x', 'y', 'z')
  b boolean
  c integer in 0 .. 5
  note text(5) optional
  rule x_is_b: when a = 'x' then b
  rule noted: when note is null then c < 5
}
"""
MODEL = Model.parse(RULES)


def rows(seed: int, count: int) -> Batch:
    rng = np.random.default_rng(seed)
    a, c = rng.integers(0, 3, count), rng.integers(0, 5, count)
    codes = np.stack([a, np.where(a == 0, 1, rng.integers(0, 2, count)), c, 0 * a], axis=1)
    return Batch(
        ("a", "b", "c", "note"), codes, np.zeros(codes.shape, bool), np.array(["n"], dtype=object)
    )


@pytest.fixture(scope="module")
def case() -> Case:
    return case_of(MODEL.table(), rows(1, 60), rows(2, 40))


def test_a_case_has_the_columns_and_rules_that_are_not_about_text(case: Case) -> None:
    assert case.table.column_names == ("a", "b", "c")
    assert [r.name for r in case.table.rules] == ["x_is_b"]
    assert len(case.canary) == 1
    assert len(case.side(True)) == len(case.side(False)) + 1 == 61
    broken = rows(3, 4)
    broken.codes[:2, :2] = 0  # 'x' that is not b
    assert len(case_of(MODEL.table(), broken, rows(2, 40)).rows) == 2
    broken.codes[:, :2] = 0
    with pytest.raises(UsageError, match="nothing of table `t` is left"):
        case_of(MODEL.table(), broken, rows(2, 40))
    open_ = Model.parse("table t { n integer }").table()
    with pytest.raises(UsageError, match="n"):
        case_of(open_, batch_of("n", [[1]]), batch_of("n", [[2]]))


AXIS = Axis("x", (0, 1), (0, 1), False)
GRID = Grid((AXIS,))
PAIR = Case(
    Model.parse("table t { x integer in 0 .. 1 }").table(),
    None,  # type: ignore[arg-type]  # no plan is needed to weigh an answer
    batch_of("x", [[0], [1], [1]]),
    batch_of("x", [[1]]),
)


@pytest.mark.parametrize("noise", [Geometric(0.7), DiscreteGaussian(2.0), Geometric(1.0, 2)])
def test_what_a_count_says_is_the_log_of_a_ratio_of_its_laws(noise: Geometric) -> None:
    def law(over: int) -> float:
        if isinstance(noise, DiscreteGaussian):
            return -(over**2) / (2 * noise.sigma**2)
        return -abs(over) * noise.epsilon / noise.l1

    reader = CountCells("t", GRID, ("x",), noise, "why")
    for seen in (-3, 0, 1, 2, 3, 7):
        found = evidence(reader, np.array([99, seen]), PAIR)
        assert found == pytest.approx(law(seen - 3) - law(seen - 2))
    within = replace(reader, within=("x", 0))
    assert evidence(within, np.array([1, 1]), PAIR) == 0.0  # the canary is in another cell
    within = replace(reader, within=("x", 1))
    assert evidence(within, np.array([0, 3]), PAIR) == pytest.approx(law(0) - law(1))


def test_what_a_choice_says_is_the_log_of_a_ratio_of_its_chances() -> None:
    expected = (np.array([1.0, 1.0]), np.array([0.0, 4.0]))
    made = Exponential(3.0, 0.5)
    reader = ChooseMarginal("t", GRID, (("x",), ("x",)), (0.5, 0.5), expected, (0.2, 0.1), made)
    chances = []
    for counts in ([1, 3], [1, 2]):
        scores = [
            0.5 * (np.abs(np.array(counts) - e).sum() - p)
            for e, p in zip(expected, (0.2, 0.1), strict=True)
        ]
        weights = np.exp(3.0 / (2 * 0.5) * np.array(scores))
        chances.append(weights / weights.sum())
    for chosen in (0, 1):
        assert evidence(reader, chosen, PAIR) == pytest.approx(
            math.log(chances[0][chosen] / chances[1][chosen])
        )


def test_charges_of_gaussian_noise_come_to_one_mu() -> None:
    def charge(cost: object) -> Charge:
        return Charge("m", cost, (), "w")  # type: ignore[arg-type]

    both = [charge(Gaussian(2.0)), charge(SampledGaussian(4.0, 1.0, 3))]
    assert booked_mu(both) == pytest.approx(math.sqrt(1 / 4 + 3 / 16))
    assert booked_mu([*both, charge(Pure(0.1))]) is None
    assert booked_mu([charge(SampledGaussian(4.0, 0.5, 3))]) is None


@pytest.mark.parametrize("mu", [0.2, 1.0, 3.0])
def test_epsilons_of_gaussian_noise_are_those_of_its_privacy_loss(mu: float) -> None:
    """Against the integral of what is over e^epsilon times the other law."""
    points = np.linspace(-12, 15, 400_001)
    one, two = stats.norm.pdf(points, mu), stats.norm.pdf(points)
    for epsilon in (0.0, 0.3, 2.0):
        over = np.maximum(one - math.exp(epsilon) * two, 0).sum() * (points[1] - points[0])
        assert gaussian_delta(epsilon, mu) == pytest.approx(over, abs=1e-6)
    for delta in (1e-6, 1e-3):
        epsilon = gaussian_epsilon(mu, delta)
        assert gaussian_delta(epsilon, mu) == pytest.approx(delta, rel=1e-6)
    assert gaussian_epsilon(mu, 0.95) == 0.0
    assert gaussian_delta(1.0, 0.0) == 0.0
    with pytest.raises(UsageError):
        gaussian_epsilon(mu, 0.0)


def test_guesses_stay_below_what_gaussian_noise_allows_and_come_near_it() -> None:
    rng = np.random.default_rng(4)
    mu, bounds = 1.0, []
    for _ in range(60):
        sides = rng.normal(mu**2 / 2, mu, 2_000), rng.normal(-(mu**2) / 2, mu, 2_000)
        bounds.append(guesses_bound(*sides, 1e-6, mu, 0.95))
    stated = bounds[0].stated
    assert stated == pytest.approx(gaussian_epsilon(mu, 1e-6))
    # 5% may be above; more than 13 of 60 would be so with a probability of 1e-6.
    assert sum(b.epsilon > stated for b in bounds) <= 13
    assert np.median([b.epsilon for b in bounds]) >= 0.9 * stated
    wrong = guesses_bound([-1.0] * 4, [1.0] * 4, 1e-6, mu)
    assert wrong.epsilon == 0.0
    for sides in (([], []), ([1.0], [1.0, 2.0]), ([math.nan], [0.0])):
        with pytest.raises(UsageError):
            guesses_bound(*sides, 1e-6, mu)


def settings(mechanism: str, epsilon: float = 8.0, delta: float = 1e-6) -> Privacy:
    return Privacy(epsilon=epsilon, delta=delta, mechanism=mechanism)  # type: ignore[arg-type]


def test_marginals_hold_their_epsilon_and_halved_noise_is_found(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One full run; then what it released, again and again, with the noise it has and with half."""
    runs, privacy = 350, settings("marginals")
    made = neighbours.marginals_run(case, privacy)
    monkeypatch.setitem(neighbours._RUNS, "marginals", lambda _case, _privacy: made)  # type: ignore[index]
    told: list[float] = []
    sound = neighbouring_bounds(case, privacy, runs, CONFIDENCE, told.append)
    assert len(told) == runs
    assert sound[0].epsilon <= sound[0].stated == 8.0
    assert 0.2 * sound[1].stated < sound[1].epsilon <= sound[1].stated < 8.0
    whole = DiscreteGaussian.add
    monkeypatch.setattr(
        DiscreteGaussian,
        "add",
        lambda own, counts: whole(DiscreteGaussian(own.sigma / 2, own.l2), counts),
    )
    broken = neighbouring_bounds(case, privacy, runs, CONFIDENCE)[1]
    mu = booked_mu(made[1])
    assert mu is not None
    # Right guesses are Phi(mu) of all; so few come with a probability of 1e-9, and are too many.
    worst = int(stats.binom.ppf(1e-9, 2 * runs, stats.norm.cdf(0.98 * mu)))
    error = (1 - CONFIDENCE) / 2
    assert stats.beta.ppf(error, worst, 2 * runs - worst + 1) > stats.norm.cdf(mu / 2)
    assert broken.refutes(broken.stated)


def test_perturbed_rows_hold_their_epsilon_and_rows_let_through_are_found(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sound,) = neighbouring_bounds(case, settings("perturb", 2.0), 1_500, CONFIDENCE)
    assert 0.1 < sound.epsilon <= sound.stated == 2.0
    assert sound.event.startswith("perturb, neighbouring runs")
    monkeypatch.setattr(
        "synthtab.privacy.perturb.Randomiser.draw", lambda _own, values: values.copy()
    )
    (broken,) = neighbouring_bounds(case, settings("perturb", 2.0), 400, CONFIDENCE)
    assert broken.refutes(2.0)  # answers never agree, and 200 of each tell that from e^2


def test_noisy_training_holds_its_epsilon_and_a_sum_without_noise_is_found(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "STEPS", 3)
    privacy = settings("dp-sgd", 1.0)
    for bound in neighbouring_bounds(case, privacy, 8, CONFIDENCE):
        assert bound.epsilon <= bound.stated <= 1.0
    monkeypatch.setattr(training, "noisy_sum", lambda total, _bound, _noise: total)
    found = neighbouring_bounds(case, privacy, 8, 0.95)[1]
    # Every guess is right: 16 of 16 are too many at the mu that is booked.
    assert found.event.split(": ")[1].startswith("16 of 16")
    assert found.refutes(found.stated)


def test_halved_noise_on_sums_of_gradients_is_found() -> None:
    """The sums of a training, 4 steps of 20 numbers each, with half of the noise that is booked."""
    rng = np.random.default_rng(5)
    own, steps, noise, runs = rng.normal(size=20), 4, 1.5, 800
    own /= np.linalg.norm(own)

    def run(canary: bool, noise_added: float) -> float:
        total = 0.0
        for _ in range(steps):
            noisy = noisy_sum(own * canary, 1.0, noise_added)
            total += (noisy @ own - 0.5) / noise**2
        return total

    booked = math.sqrt(steps) / noise
    for added, broken in ((noise, False), (noise / 2, True)):
        sides = [[run(side, added) for _ in range(runs)] for side in (True, False)]
        found = guesses_bound(*sides, 1e-6, booked, CONFIDENCE)
        assert found.refutes(found.stated) == broken
    worst = int(stats.binom.ppf(1e-9, 2 * runs, stats.norm.cdf(booked)))
    least = stats.beta.ppf(1 - CONFIDENCE, worst, 2 * runs - worst + 1)
    assert least > stats.norm.cdf(booked / 2)


def test_a_few_runs_are_refused(case: Case) -> None:
    with pytest.raises(UsageError, match="3 runs on each"):
        neighbouring_bounds(case, settings("perturb"), 3)


def test_runs_with_a_row_and_without_are_of_add_remove(case: Case) -> None:
    exchanged = Privacy(epsilon=1.0, delta=1e-6, neighbours="replace")
    with pytest.raises(UsageError, match="with a row and without it"):
        neighbouring_bounds(case, exchanged, 4)

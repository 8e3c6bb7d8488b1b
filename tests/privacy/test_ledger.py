"""The ledger: nothing passes the budget, sums agree with dp-accounting and with brute force."""

from __future__ import annotations

import itertools
import json
import math
import threading

import numpy as np
import pytest
from dp_accounting import dp_event as events
from dp_accounting.rdp import RdpAccountant
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import geometric, largest_ratio

from synthtab.errors import BudgetError, SavedModelError, UsageError
from synthtab.privacy import costs
from synthtab.privacy.costs import (
    Gaussian,
    Nothing,
    Pure,
    SampledGaussian,
    Selection,
    Thresholded,
    epsilon_at,
)
from synthtab.privacy.ledger import SLACK, Charge, Ledger, Part
from synthtab.privacy.settings import Neighbours

gaussians = st.builds(Gaussian, st.floats(0.5, 200.0))
pures = st.builds(Pure, st.floats(0.0, 1.0))
selections = st.builds(Selection, st.floats(0.0, 1.0))
sampled = st.sampled_from([SampledGaussian(2.0, 0.01, 10), SampledGaussian(5.0, 0.1, 3)])
thresholded = st.builds(Thresholded, gaussians, st.floats(0.0, 1e-6))
anything = st.one_of(gaussians, pures, selections, sampled, thresholded, st.just(Nothing()))
parts = st.one_of(st.none(), st.builds(Part, st.sampled_from("uv"), st.sampled_from("abc")))
charges = st.builds(Charge, st.just("noise"), anything, st.just(("t.c",)), st.just("why"), parts)
budgets = st.tuples(st.floats(0.05, 5.0), st.sampled_from([0.0, 1e-9, 1e-6, 1e-3]))
kinds = st.sampled_from(["add-remove", "replace"])


@given(budgets, kinds, st.lists(charges, max_size=25))
@settings(max_examples=60, deadline=None)
def test_no_order_of_calls_spends_more_than_the_budget(
    budget: tuple[float, float], kind: str, wanted: list[Charge]
) -> None:
    ledger = Ledger(*budget, Neighbours(kind))
    booked = []
    for charge in wanted:
        offered = ledger.fits(charge)
        if offered:
            ledger.spend(charge)
            booked.append(charge)
        else:
            with pytest.raises(BudgetError, match="nothing was read"):
                ledger.spend(charge)
        assert ledger.charges == tuple(booked)
        epsilon, delta = ledger.spent()
        assert epsilon <= ledger.epsilon * (1 + SLACK)
        assert delta <= ledger.delta
        assert sum(c.cost.delta for c in booked) <= ledger.delta * (1 + SLACK)


def test_no_threads_together_spend_more_than_the_budget() -> None:
    ledger = Ledger(1.0, 0.0)
    start = threading.Barrier(8)
    booked: list[int] = []

    def spend() -> None:
        start.wait()
        for _ in range(40):
            try:
                ledger.spend(Charge("noise", Pure(0.01), (), "a race"))
            except BudgetError:
                continue
            booked.append(1)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(booked) == len(ledger.charges) == 100
    assert ledger.spent() == (pytest.approx(1.0), 0.0)


@given(st.lists(st.one_of(gaussians, sampled), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_sums_agree_with_dp_accounting(wanted: list[Gaussian | SampledGaussian]) -> None:
    ledger, judge = Ledger(1e6, 1e-6), RdpAccountant()
    for cost in wanted:
        ledger.spend(Charge("noise", cost, (), "why"))
        if isinstance(cost, Gaussian):
            judge.compose(events.GaussianDpEvent(cost.noise))
        else:
            one = events.PoissonSampledDpEvent(cost.rate, events.GaussianDpEvent(cost.noise))
            judge.compose(one, cost.steps)
    assert ledger.spent()[0] == pytest.approx(judge.get_epsilon(1e-6), rel=1e-9)


def test_pure_sums_are_those_of_hand() -> None:
    ledger = Ledger(1.0, 0.0)
    for epsilon in (0.5, 0.25, 0.125):
        ledger.spend(Charge("noise", Pure(epsilon), (), "why"))
    assert ledger.spent() == (0.875, 0.0)
    assert ledger.purse().epsilon == 0.125
    assert ledger.purse().rho is None
    with pytest.raises(BudgetError, match=r"0\.875 of epsilon 1 at delta 0 is spent"):
        ledger.spend(Charge("noise", Selection(0.126), (), "why"))
    ledger.spend(Charge("noise", Selection(0.125), (), "why"))
    assert ledger.spent() == (1.0, 0.0)
    assert ledger.purse().epsilon == 0.0


def test_many_pure_charges_cost_less_than_their_sum_where_there_is_a_delta() -> None:
    """100 of 0.1 are 0.5-zCDP: Bun and Steinke's rho + 2 sqrt(rho ln(1 / delta)) is 5.76."""
    ledger = Ledger(10.0, 1e-6)
    for _ in range(100):
        ledger.spend(Charge("noise", Pure(0.1), (), "why"))
    epsilon, delta = ledger.spent()
    assert delta == 1e-6
    assert 4.0 < epsilon < 0.5 + 2 * math.sqrt(0.5 * math.log(1e6))


def test_without_a_delta_gaussian_noise_is_refused() -> None:
    with pytest.raises(BudgetError):
        Ledger(1e6, 0.0).spend(Charge("noise", Gaussian(100.0), (), "why"))


def test_what_costs_nothing_is_booked_at_nothing() -> None:
    ledger = Ledger(1e-3, 0.0)
    for _ in range(5):
        ledger.spend(Charge("the rules", Nothing(), (), "public"))
    assert ledger.spent() == (0.0, 0.0)
    assert len(ledger.charges) == 5


@given(kinds, st.lists(charges, max_size=12))
@settings(max_examples=60, deadline=None)
def test_parts_are_charged_as_brute_force_says(kind: str, wanted: list[Charge]) -> None:
    """Of each whole a row is in one part, or, exchanged, in one before and another after."""
    ledger = Ledger(1e6, 0.999, Neighbours(kind))
    for charge in wanted:
        ledger.spend(charge)
    used = {c.part for c in wanted if c.part is not None}
    wholes = {w: sorted(p.name for p in used if p.whole == w) for w in "uv"}
    touched = 1 if kind == "add-remove" else 2
    choices = [
        [set(some) for some in itertools.combinations(names, min(touched, len(names)))]
        for names in wholes.values()
    ]
    worst_pure, worst = 0.0, np.zeros_like(costs.ORDERS)
    for seen in itertools.product(*choices):
        own = dict(zip(wholes, seen, strict=True))
        mine = [c for c in wanted if c.part is None or c.part.name in own[c.part.whole]]
        worst_pure = max(worst_pure, sum(c.cost.pure for c in mine))
        worst = np.maximum(worst, sum((c.cost.curve() for c in mine), np.zeros_like(worst)))
    direct = sum(c.cost.delta for c in wanted)
    expected = min(worst_pure, epsilon_at(worst, 0.999 - direct))
    assert ledger.spent()[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kind", ["add-remove", "replace"])
def test_two_parts_leak_as_much_as_is_charged(kind: str) -> None:
    """Geometric counts of two parts, exact laws: the largest ratio over all answers."""
    epsilon, l1 = 0.8, 1 if kind == "add-remove" else 2
    _, law = geometric(epsilon / l1, 60)
    joint = np.outer(law[1:-1], law[1:-1])
    # An added row enters one part; an exchanged one leaves it, and enters the other.
    moved = np.outer(law[2:], law[1:-1] if kind == "add-remove" else law[:-2])
    ledger = Ledger(10.0, 0.0, Neighbours(kind))
    for name in ("a", "b"):
        ledger.spend(Charge("geometric", Pure(epsilon), (), "counts", Part("u", name)))
    charged = ledger.spent()[0]
    assert charged == pytest.approx(epsilon * l1)
    # Each part is charged as if a row were exchanged within it, so half would do for exchanges.
    assert largest_ratio(joint, moved) == pytest.approx(epsilon)
    assert largest_ratio(joint, moved) <= charged + 1e-9


@given(budgets, kinds, st.lists(charges, max_size=12))
@settings(max_examples=25, deadline=None)
def test_the_purse_offers_what_fits_and_nearly_all_of_it(
    budget: tuple[float, float], kind: str, wanted: list[Charge]
) -> None:
    ledger = Ledger(*budget, Neighbours(kind))
    for charge in wanted:
        if ledger.fits(charge):
            ledger.spend(charge)
    purse = ledger.purse()
    if purse.rho is None:
        assert ledger.delta == 0
        if purse.epsilon > 0:
            assert ledger.fits(Charge("", Pure(purse.epsilon), (), ""))
        more = Pure(purse.epsilon + 1e-6)
        assert not ledger.fits(Charge("", more, (), ""))
        return

    def gaussian(rho: float) -> Charge:
        return Charge("", Gaussian(1 / math.sqrt(2 * rho)), (), "")

    if purse.rho > 0:
        assert ledger.fits(gaussian(purse.rho))
        halves = [gaussian(part.rho) for part in (purse.share(0.5), purse.share(0.5)) if part.rho]
        assert ledger.fits(*halves)
    assert not ledger.fits(gaussian(purse.rho * (1 + 1e-6) + 2e-12))


def test_a_release_is_charged_to_the_end_and_no_further() -> None:
    ledger = Ledger(1.0, 1e-6)
    for share in (0.1, 0.5, 0.9, 1.0):
        rho = ledger.purse().share(share).rho
        assert rho is not None
        ledger.spend(Charge("noise", Gaussian(1 / math.sqrt(2 * rho)), (), "why"))
    assert ledger.spent()[0] == pytest.approx(1.0, rel=1e-6)
    assert ledger.purse().rho < 1e-9


@given(budgets, kinds, st.lists(charges, max_size=8))
@settings(max_examples=25, deadline=None)
def test_a_ledger_comes_back_from_json(
    budget: tuple[float, float], kind: str, wanted: list[Charge]
) -> None:
    ledger = Ledger(*budget, Neighbours(kind, "account", 4))
    for charge in wanted:
        if ledger.fits(charge):
            ledger.spend(charge)
    again = Ledger.from_dict(json.loads(json.dumps(ledger.to_dict())))
    assert again.charges == ledger.charges
    assert again.to_dict() == ledger.to_dict()
    assert again.neighbours == ledger.neighbours


def good() -> dict[str, object]:
    ledger = Ledger(1.0, 1e-6)
    ledger.spend(Charge("noise", Gaussian(9.0), ("t.c",), "why", Part("u", "a"), {"sd": 9.0}))
    facts: dict[str, object] = json.loads(json.dumps(ledger.to_dict()))
    return facts


GARBLED = [
    lambda f: f.pop("epsilon"),
    lambda f: f.update(epsilon=-1.0),
    lambda f: f.update(epsilon="much"),
    lambda f: f.update(epsilon=1e-6),
    lambda f: f.update(delta=math.nan),
    lambda f: f.update(neighbours={"kind": "both", "unit": "row", "most": 1}),
    lambda f: f.update(neighbours={"kind": "replace", "unit": "row", "most": 1, "x": 2}),
    lambda f: f.update(neighbours=None),
    lambda f: f.update(charges=None),
    lambda f: f.update(charges=[None]),
    lambda f: f.update(charges=["noise"]),
    lambda f: f.update(charges=[[]]),
    lambda f: f["charges"][0].pop("cost"),
    lambda f: f["charges"][0].update(cost=None),
    lambda f: f["charges"][0].update(cost={"kind": "magic"}),
    lambda f: f["charges"][0].update(cost={"kind": "gaussian", "noise": "loud"}),
    lambda f: f["charges"][0].update(cost={"kind": "pure", "epsilon": -3.0}),
    lambda f: f["charges"][0].update(cost={"kind": "pure", "noise": 3.0}),
    lambda f: f["charges"][0].update(part=["u"]),
    lambda f: f["charges"][0].update(settings=7),
]


@pytest.mark.parametrize("garble", GARBLED, ids=range(len(GARBLED)))
def test_a_garbled_ledger_is_a_garbled_model(garble: object) -> None:
    facts = good()
    garble(facts)
    with pytest.raises(SavedModelError, match="ledger of the saved model is garbled"):
        Ledger.from_dict(facts)
    with pytest.raises(SavedModelError):
        Ledger.from_dict(None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pure(-1.0),
        lambda: Pure(math.nan),
        lambda: Selection(-0.1),
        lambda: Gaussian(-1.0),
        lambda: Gaussian(math.nan),
        lambda: SampledGaussian(1.0, 1.5, 3),
        lambda: SampledGaussian(1.0, 0.5, -3),
        lambda: Thresholded(Gaussian(1.0), -1e-3),
        lambda: Pure(True),
    ],
)
def test_no_cost_pays_budget_back(make: object) -> None:
    with pytest.raises(UsageError):
        make()


@pytest.mark.parametrize("cost", [Gaussian(0.0), SampledGaussian(0.0, 0.5, 1)])
def test_no_noise_at_all_fits_no_budget(cost: object) -> None:
    with pytest.raises(BudgetError):
        Ledger(1e3, 0.5).spend(Charge("none", cost, (), "why"))


def test_a_budget_cannot_be_raised_afterwards() -> None:
    ledger = Ledger(1.0, 1e-6)
    for name in ("epsilon", "delta", "neighbours", "charges"):
        with pytest.raises(AttributeError):
            setattr(ledger, name, 100.0)


def test_the_table_says_what_was_read_and_why() -> None:
    ledger = Ledger(2.0, 0.0)
    for column in "abcdef":
        ledger.spend(Charge("geometric", Pure(0.1), (f"t.{column}",), "one-way counts"))
    ledger.spend(Charge("exponential", Selection(0.5), ("t.a", "t.b"), "a pair"))
    assert ledger.table() == [
        ("6 x geometric", "t.a, t.b, t.c, t.d and 2 more", "one-way counts", "0.6000"),
        ("exponential", "t.a, t.b", "a pair", "0.5000"),
    ]


@pytest.mark.parametrize("delta", [0.0, 1e-6])
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0, 8.0])
def test_what_is_planned_with_is_spent_in_parts_and_never_said_to_pass_the_budget(
    epsilon: float, delta: float
) -> None:
    for many in (1, 3, 7, 49):
        ledger = Ledger(epsilon, delta)
        part = ledger.purse().share(1 / many)
        for _ in range(many):
            cost = Pure(part.epsilon) if part.rho is None else Gaussian((2 * part.rho) ** -0.5)
            ledger.spend(Charge("noise", cost, (), "why"))
        assert epsilon * (1 - 1e-9) < ledger.spent()[0] <= epsilon

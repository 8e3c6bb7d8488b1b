"""What a budget may be, and which settings go together."""

from __future__ import annotations

import math

import pytest

from synthtab.errors import UsageError
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.settings import Neighbours, Privacy


@pytest.mark.parametrize("epsilon", [0, 0.0, -1.0, math.nan, math.inf, -math.inf, True, "1", None])
def test_an_epsilon_that_is_none_is_refused(epsilon: object) -> None:
    for make in (lambda: Privacy(epsilon=epsilon, delta=1e-6), lambda: Ledger(epsilon, 1e-6)):
        with pytest.raises(UsageError, match="epsilon="):
            make()


@pytest.mark.parametrize("delta", [-1e-9, 1, 1.0, 2.0, math.nan, math.inf, False, "0", None])
def test_a_delta_that_is_none_is_refused(delta: object) -> None:
    for make in (lambda: Privacy(epsilon=1.0, delta=delta), lambda: Ledger(1.0, delta)):
        with pytest.raises(UsageError, match="delta="):
            make()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"mechanism": "aim"}, "mechanism='aim'"),
        ({"generator": "forest"}, "generator='forest'"),
        ({"neighbours": "both"}, "neighbours='both'"),
        ({"domains": "guess"}, "domains='guess'"),
        ({"outside": "drop"}, "outside='drop'"),
        ({"most_children": 0}, "most_children=0"),
        ({"mechanism": "dp-sgd", "generator": "graphical"}, "measures none"),
        ({"mechanism": "dp-sgd", "delta": 0}, "delta above 0"),
        ({"mechanism": "dp-sgd", "neighbours": "replace"}, "add-remove"),
        ({"mechanism": "perturb", "neighbours": "add-remove"}, "replace"),
    ],
)
def test_settings_that_do_not_go_are_refused(settings: dict[str, object], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Privacy(**{"epsilon": 1.0, "delta": 1e-6, **settings})


def test_settings_come_back_and_declare_their_relation() -> None:
    made = Privacy(epsilon=0.5, delta=0, neighbours="replace", domains="estimate")
    assert Privacy.from_dict(made.to_dict()) == made
    assert made.relation() == Neighbours("replace")
    assert Privacy(epsilon=1, delta=0).relation().kind == "add-remove"
    assert Privacy(epsilon=1, delta=0, mechanism="perturb").relation().kind == "replace"
    with pytest.raises(TypeError):
        Privacy(1.0, 1e-6)  # keywords only, so that epsilon and delta are not mistaken


def test_a_relation_is_told_in_words() -> None:
    assert Neighbours().in_words() == "adding or removing one row"
    assert Neighbours("replace").in_words() == "exchanging one row"
    assert "row of `account` with all rows" in Neighbours("replace", "account", 3).in_words()


@pytest.mark.parametrize("wrong", [{"kind": "both"}, {"most": 0}, {"most": 1.5}])
def test_a_relation_that_is_none_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Neighbours(**wrong)

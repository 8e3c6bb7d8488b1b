"""The audit's bench: how a best attack is chosen, and the part of Adult that is audited."""

from __future__ import annotations

import numpy as np
import pytest

from bench import privacy_audit


def test_the_best_attack_is_chosen_on_other_splits() -> None:
    areas = np.array([[0.9, 0.5, 0.4], [0.5, 0.6, 0.4], [0.5, 0.6, 0.4]])
    found, picked = privacy_audit.cross_fitted(areas)
    # The split where the first attack was lucky does not choose it for itself.
    assert picked == [1, 0, 0]
    assert found.tolist() == [0.5, 0.5, 0.5]


def test_chance_alone_is_not_raised_by_the_choice() -> None:
    rng = np.random.default_rng(0)
    tables = rng.normal(0.5, 0.01, (2_000, 5, 4))
    means = [privacy_audit.cross_fitted(areas)[0].mean() for areas in tables]
    assert np.mean(means) == pytest.approx(0.5, abs=5e-4)
    assert tables.max(axis=2).mean() > 0.508


def test_the_part_of_adult_has_the_rules_about_its_columns_alone() -> None:
    table = privacy_audit.part_of(privacy_audit.FEW).table()
    assert set(table.column_names) == set(privacy_audit.FEW)
    assert [r.name for r in table.rules] == ["husband_is_male", "wife_is_female", "young_income"]

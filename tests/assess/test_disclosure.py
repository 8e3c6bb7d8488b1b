"""Disclosure in short: copies are found, fresh rows disclose nothing, floors stand beside."""

from __future__ import annotations

import numpy as np
import pandas as pd
from things import COLUMNS, rows

from synthtab.assess.disclosure import disclosure
from synthtab.frames import encode_frame
from synthtab.schema import BooleanType, Column


def test_copied_rows_are_found_and_fresh_ones_are_not() -> None:
    train, holdout, fresh = rows(1, 300), rows(2, 300), rows(3, 300)
    stages: list[float] = []
    leak = disclosure(COLUMNS, train, holdout, train, secrets=("f",), progress=stages.append)
    assert leak.found
    assert stages == sorted(stages)
    attacks = {(a.name, a.measure): a for a in leak.attacks}
    copies = attacks["exact copies", "share of synthetic rows"]
    assert (copies.value, copies.floor, copies.found) == (1, 0, True)
    nearest = attacks["membership by the closest record", "AUC"]
    assert nearest.found
    assert nearest.value > 0.9
    assert nearest.floor is not None
    assert nearest.floor < 0.65
    assert attacks["DCR", "share nearer to training rows"].value > 0.9
    fine = disclosure(COLUMNS, train, holdout, fresh, secrets=("f",))
    assert not fine.found
    assert "No leak was found" in fine.verdict[-1]


def test_a_small_holdout_has_no_floor() -> None:
    found = disclosure(COLUMNS, rows(1, 50), rows(2, 6), rows(3, 50), secrets=())
    assert {a.floor for a in found.attacks if a.measure == "AUC"} == {None}
    assert np.isfinite([a.value for a in found.attacks]).all()


def test_of_many_columns_the_first_are_guessed_and_that_is_said() -> None:
    columns = tuple(Column(f"x{k}", BooleanType()) for k in range(17))
    rng = np.random.default_rng(0)
    names = [c.name for c in columns]
    sides = [
        encode_frame(columns, pd.DataFrame(rng.random((20, 17)) < 0.5, columns=names))
        for _ in range(3)
    ]
    found = disclosure(columns, *sides)
    assert sum(a.name.startswith("guessing ") for a in found.attacks) == 15
    assert any("guessing 2 columns beyond the first 15" in reason for reason in found.skipped)

"""Several branches under a budget without a delta: sums, numbers, order and copies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synthtab.backends.sqltables import SqlTables
from synthtab.batch import Batch
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.privacy.selecting import Plan
from synthtab.privacy.settings import Privacy
from synthtab.privatewhole import PrivateWhole

CLINIC = Model.parse("""
table patient {
  code  text(6) matching /[A-Z]{2}[0-9]{4}/ key
  born  integer in 1980 .. 1999
  total integer in 0 .. 300

  rule sums: total = coalesce(sum(cost of visit), 0)
}

table visit {
  patient_code text(6) -> patient.code
  seq          integer in 1 .. 99
  year         integer in 1990 .. 2020
  cost         integer in 0 .. 90
  key (patient_code, seq)

  rule numbered: gap_free(seq) per patient_code
  rule rising: non_decreasing(year) per patient_code ordered by seq
  rule grown: year >= patient.born + 10
}

table allergy {
  id           integer in 1 .. 100_000 key
  patient_code text(6) -> patient.code
  kind         enum('nuts', 'pollen', 'milk')
  born         integer in 1980 .. 1999
  unique (patient_code, kind)

  rule copied: born = patient.born
}
""")
QUICK = GeneratorConfig(
    model=ModelConfig(hidden=32, layers=1, heads=2, kv_heads=2, feed_forward=64),
    train=TrainConfig(symbols_seen=15_000, max_epochs=2),
)
EFFORT = Plan(picks=1, at_once=12, drawn=5_000, steps=40, last_steps=80)
BUDGET = Privacy(epsilon=20.0, delta=0.0, neighbours="replace", most_children=3)


def clinic(patients: int = 300) -> dict[str, pd.DataFrame]:
    """Return rows that keep all rules."""
    rng = np.random.default_rng(2)
    people, visits, allergies = [], [], []
    for at in range(patients):
        code, born = f"AB{at:04}", int(rng.integers(1980, 2000))
        years = np.sort(rng.integers(born + 10, 2021, rng.integers(0, 4)))
        costs = rng.integers(0, 91, len(years))
        visits += [(code, k + 1, years[k], costs[k]) for k in range(len(years))]
        people.append((code, born, int(costs.sum())))
        for kind in np.array(["nuts", "pollen", "milk"])[rng.random(3) < 0.2]:
            allergies.append((len(allergies) + 1, code, kind, born))
    return {
        "patient": pd.DataFrame(people, columns=["code", "born", "total"]),
        "visit": pd.DataFrame(visits, columns=["patient_code", "seq", "year", "cost"]),
        "allergy": pd.DataFrame(allergies, columns=["id", "patient_code", "kind", "born"]),
    }


class Watched(PrivateWhole):
    """Keeps the database that was drawn, before anything is mended in it."""

    drawn: dict[str, Batch]

    def _learn(self, batches, progress):  # type: ignore[no-untyped-def]
        self.drawn = dict(batches)
        super()._learn(batches, progress)


@pytest.fixture(scope="module")
def fitted() -> Watched:
    made = Watched(CLINIC, BUDGET, config=QUICK, effort=EFFORT)
    made.fit(clinic())
    return made


def test_samples_keep_all_rules(fitted: Watched) -> None:
    frames = fitted.sample(seed=1)
    found = SqlTables(CLINIC.tables).violated(frames, {t.name: t.rules for t in CLINIC.tables})
    assert {name: int(rows.sum()) for name, rows in found.items() if rows.any()} == {}
    assert all(len(frame) for frame in frames.values())


def test_all_of_a_pure_budget_is_spent_and_no_more(fitted: Watched) -> None:
    assert fitted.private is not None
    epsilon, delta = fitted.private.ledger.spent()
    assert 0.95 * BUDGET.epsilon < epsilon <= BUDGET.epsilon * (1 + 1e-9)
    assert delta == 0
    for charge in fitted.private.ledger.charges:
        assert charge.mechanism in ("geometric", "exponential")


def test_what_rules_say_within_a_unit_is_drawn_so(fitted: Watched) -> None:
    """Numbers, order and copies need no mending; the root's columns are those of its row."""
    patient, visit = fitted.drawn["patient"], fitted.drawn["visit"]
    allergy = fitted.drawn["allergy"]
    born = dict(
        zip(patient.pool[patient.column("code")[0]], patient.column("born")[0], strict=True)
    )
    codes = visit.pool[visit.column("patient_code")[0]]
    frame = pd.DataFrame({c: visit.column(c)[0] for c in ("seq", "year")} | {"code": codes})
    for _, mine in frame.groupby("code"):
        ordered = mine.sort_values("seq")
        assert ordered["seq"].tolist() == list(range(1, len(ordered) + 1))
        assert ordered["year"].is_monotonic_increasing
    assert (frame["year"] >= frame["code"].map(born) + 10).all()
    of = allergy.pool[allergy.column("patient_code")[0]]
    assert allergy.column("born")[0].tolist() == [born[c] for c in of]

"""The .rules files that are shipped, and those of the benchmarks, say true things about data."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from real_data import ROOT, paths_of
from statsmodels.datasets import randhie

from synthtab.assess.compliance import compliance
from synthtab.batch import Batch
from synthtab.files import read_batch
from synthtab.frames import encode_frame
from synthtab.ir.nodes import Table
from synthtab.ir.walk import columns_of
from synthtab.lang.model import Model
from synthtab.solver.satisfy import contradictions

# The benchmarks' come first: of two files of one name, EXCEPTIONS speaks of the published rules.
FILES = sorted([*(ROOT / "rules").glob("*.rules"), *(ROOT / "bench/published").glob("*.rules")])

# Rows the published rules are not true of, as the data sets' own notes count them.
EXCEPTIONS = {
    "adult": {"husband_is_male": 1, "wife_is_female": 2},
    "url_phishing": {
        "ip_has_digits": 118, "abnormal_has_digits": 7, "two_subdomains": 14,
        "three_subdomains": 6, "random_domain_long": 52, "tld_in_path_long": 38,
    },
    "heloc": {
        "oldest_before_recent": 7, "total_satisfactory": 786, "total_opened": 125,
        "total_revolving": 219, "total_install": 145, "total_high_utilisation": 68,
        "satisfactory_never_late": 3, "many_trades": 146,
    },
    "cervical_cancer": {"age_first": 2, "cancer_is_diagnosis": 4},
    "kc_house": {},
}  # fmt: skip


def real_rows(name: str, table: Table) -> Batch:
    """Return a data set in codes; ratios are rounded to the digits their columns declare."""
    path = paths_of(name, [table])[table.name]
    if name != "url_phishing":
        return read_batch(path, table.columns, ignore_extra=True)
    frame = pd.read_csv(path).round({"ratio_digits_url": 9, "ratio_digits_host": 9})
    return encode_frame(table.columns, frame, ignore_extra=True)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_file_is_well_formed_and_can_be_satisfied(path: Path) -> None:
    model = Model.load(path)
    assert not model.warnings
    assert not contradictions(model.tables, model.source)
    assert Model.parse(model.to_text()) == model


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_the_rules_hold_on_the_data_but_for_known_exceptions(name: str) -> None:
    path = next(p for p in FILES if p.stem == name)
    table = Model.load(path).table()
    got = compliance(table, real_rows(name, table))
    assert {r.name: r.violated for r in got.broken} == EXCEPTIONS[name]


def test_the_rules_of_the_demo_hold_on_all_its_rows() -> None:
    table = Model.load(ROOT / "rules" / "rand_hie.rules").table()
    batch = encode_frame(table.columns, randhie.load_pandas().data)
    assert len(batch) == 20_190
    assert compliance(table, batch).broken == ()
    across = [r for r in table.row_rules if len(columns_of(r.condition)) > 1]
    assert len(across) >= 6


def test_adults_rules_refuse_what_they_should() -> None:
    table = Model.load(ROOT / "rules" / "adult.rules").table()
    good = {
        "age": 40, "workclass": "Private", "fnlwgt": 100_000, "education": "Doctorate",
        "education_num": 16, "marital_status": "Married-civ-spouse", "occupation": "Sales",
        "relationship": "Husband", "race": "White", "sex": "Male", "capital_gain": 0,
        "capital_loss": 0, "hours_per_week": 40, "native_country": "?", "income": ">50K",
    }  # fmt: skip
    wrong: dict[str, dict[str, object]] = {
        "number_of_education": {"education_num": 15},
        "gain_or_loss": {"capital_gain": 5000, "capital_loss": 1000},
        "gain_size": {"capital_gain": 99},
        "husband_is_male": {"sex": "Female"},
        "wife_is_female": {"relationship": "Wife"},
        "spouse_is_married": {"marital_status": "Divorced"},
        "never_married": {"marital_status": "Never-married"},
        "never_worked": {"workclass": "Never-worked", "income": "<=50K"},
        "unknown_work": {"workclass": "?"},
        "unknown_occupation": {"occupation": "?"},
        "unpaid": {"workclass": "Without-pay"},
        "young_income": {"age": 18},
        "doctorate_age": {"age": 19},
        "age: declaration": {"age": 16},
    }
    frame = pd.DataFrame([good, *({**good, **change} for change in wrong.values())])
    got = compliance(table, encode_frame(table.columns, frame))
    first = {r.name: r.examples for r in got.rules}
    for row, name in enumerate(wrong, start=2):
        assert row in first[name], name
    assert all(1 not in rows for rows in first.values())

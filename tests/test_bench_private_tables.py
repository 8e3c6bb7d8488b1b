"""The pairs of tables that the bench learns under a budget, cut from the shipped rules."""

from __future__ import annotations

import pytest
from real_data import paths_of

from bench.privacy_tables import PAIRS, Pair, cut, read
from bench.wholes import violations
from synthtab.relational.star import star


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: p.name)
def test_pairs_can_be_learned_and_keep_their_rules(pair: Pair) -> None:
    model = cut(pair)
    whole = star(model.tables, pair.most)
    assert [whole.root.table.name, whole.branches[0].table.name] == list(pair.columns)
    for table in model.tables:
        assert table.column_names == pair.columns[table.name]
    paths_of(pair.data, model.tables)
    real = read(pair, model)
    # What is declared beyond the shipped rules holds of the real rows as well.
    assert violations(model.tables, real) == []


def test_rules_across_the_pair_are_kept_in_part() -> None:
    loans, invoices = (cut(pair).tables[1] for pair in PAIRS)
    assert {r.name for r in loans.rules} >= {"instalments", "terms", "after_account"}
    place = next(r for r in invoices.rules if r.name == "place")
    assert "BillingCountry" in str(place)
    assert "BillingCity" not in str(place)

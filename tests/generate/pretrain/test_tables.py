"""Tables to learn from: views of real ones, and imagined ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_domain import COLUMNS, admissions

from synthtab.generate.pretrain.tables import BESIDE, MOST_ROWS, RealTable, imagined


def whole(shown):
    """Say whether all symbols are those of the layout, and mean values."""
    sizes = np.array(shown.layout.sizes)
    inside = ((shown.symbols >= 0) & (shown.symbols < sizes)).all()
    return inside and not any(c.malformed.any() for c in shown.layout.decode(shown.symbols))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_imagined_tables_are_tables(seed):
    shown = imagined(np.random.default_rng(seed))
    assert whole(shown)
    assert not shown.named
    assert 2 <= len(shown.layout.columns) <= 12
    assert shown.counted <= len(shown.symbols) <= MOST_ROWS + BESIDE
    again = imagined(np.random.default_rng(seed))
    assert np.array_equal(again.symbols, shown.symbols)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_a_real_table_is_shown_in_parts(seed, named):
    table = RealTable("admission", COLUMNS, admissions(500))
    shown = table.show(np.random.default_rng(seed), named=named)
    assert whole(shown)
    assert shown.named is named
    names = [c.column.name for c in shown.layout.columns]
    assert len(set(names)) == len(names)
    assert set(names) <= {c.name for c in COLUMNS}
    assert shown.counted <= len(shown.symbols) <= 500


def test_views_differ_and_the_rows_stay_as_they_were():
    table = RealTable("admission", COLUMNS, admissions(300))
    before = table.batch.codes.copy()
    random = np.random.default_rng(0)
    orders = {
        tuple(c.column.name for c in table.show(random, named=True).layout.columns)
        for _ in range(20)
    }
    assert len(orders) > 10
    assert np.array_equal(table.batch.codes, before)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_table_of_few_rows_is_shown_too(rows):
    table = RealTable("admission", COLUMNS, admissions(rows))
    for seed in range(10):
        shown = table.show(np.random.default_rng(seed), named=True)
        assert whole(shown)
        assert shown.counted == rows == len(shown.symbols)


def test_causes_bind_the_columns_of_imagined_tables():
    found = []
    for seed in range(40):
        shown = imagined(np.random.default_rng(seed))
        first = shown.symbols[:, [c.first for c in shown.layout.columns]].astype(float)
        first = first[:, first.std(axis=0) > 0]
        found.append(
            np.abs(np.corrcoef(first.T)[np.triu_indices(first.shape[1], 1)]).max(initial=0)
        )
    assert np.mean(np.array(found) > 0.3) > 0.4

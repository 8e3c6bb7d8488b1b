"""The layout of whole rows: batches to symbols and back, NULL, text, tokens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.batch import Batch
from synthtab.errors import DataError
from synthtab.generate.tokenizer import make_layout
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

COLUMNS = (
    Column("age", IntegerType(), lo=0, hi=120),
    Column("pay", DecimalType(9, 2), optional=True),
    Column("born", DateType(), optional=True),
    Column("seen", DatetimeType(1), optional=True),
    Column("kind", EnumType(("a", "b", "c")), optional=True),
    Column("flag", BooleanType()),
    Column("note", TextType(12), optional=True),
)
DOMAINS = {
    "age": (0, 120),
    "pay": (-500_000, 900_000),
    "born": (-20_000, 20_000),
    "seen": (0, 10**9),
    "kind": (0, 2),
    "flag": (0, 1),
}
ORDER = ("flag", "kind", "age", "pay", "born", "seen", "note")


def make_batch(rows, notes):
    names = tuple(c.name for c in COLUMNS)
    pool = np.array(sorted({n for n in notes if n is not None}), dtype=object)
    index = {text: k for k, text in enumerate(pool)}
    codes = np.zeros((len(rows), len(names)), dtype=np.int64)
    nulls = np.zeros(codes.shape, dtype=bool)
    for r, (row, note) in enumerate(zip(rows, notes, strict=True)):
        for c, value in enumerate([*row, None if note is None else index[note]]):
            codes[r, c], nulls[r, c] = (0, True) if value is None else (value, False)
    return Batch(names, codes, nulls, pool)


@st.composite
def batches(draw):
    def cell(name, optional):
        value = st.integers(*DOMAINS[name])
        return st.none() | value if optional else value

    row = st.tuples(*[cell(c.name, c.optional) for c in COLUMNS[:-1]])
    rows = draw(st.lists(row, min_size=1, max_size=12))
    note = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    notes = draw(st.lists(note, min_size=len(rows), max_size=len(rows)))
    return make_batch(rows, notes)


@settings(max_examples=100, deadline=None)
@given(batches())
def test_batches_round_trip(batch):
    layout = make_layout(COLUMNS, ORDER, DOMAINS, batch)
    symbols = layout.encode(batch)
    assert symbols.shape == (len(batch), layout.length)
    assert (symbols < np.array(layout.sizes)).all()
    for column, cells in zip(layout.columns, layout.decode(symbols), strict=True):
        codes, nulls = batch.column(column.column.name)
        assert not cells.malformed.any()
        np.testing.assert_array_equal(cells.nulls, nulls)
        if cells.texts is None:
            np.testing.assert_array_equal(np.where(nulls, 0, cells.codes), codes)
        else:
            expected = [batch.pool[c] for c, n in zip(codes, nulls, strict=True) if not n]
            assert cells.texts[~nulls].tolist() == expected


def test_tokens_of_positions_do_not_overlap():
    batch = make_batch([(30, None, 5, None, 1, 0)], ["hello"])
    layout = make_layout(COLUMNS, ORDER, DOMAINS, batch)
    assert layout.starts[0] == 1
    np.testing.assert_array_equal(np.diff(layout.starts), layout.sizes)
    assert layout.vocabulary == 1 + sum(layout.sizes)
    assert [c.first for c in layout.columns] == [layout.column_at.index(k) for k in range(7)]


def test_every_symbol_after_null_but_padding_is_malformed():
    batch = make_batch([(30, None, 5, None, 1, 0)], [None])
    layout = make_layout(COLUMNS, ORDER, DOMAINS, batch)
    pay = layout.columns[ORDER.index("pay")]
    good = pay.encode(*batch.column("pay"), batch.pool)
    assert pay.decode(good).nulls.all()
    for position in range(1, good.shape[1]):
        bad = good.copy()
        bad[0, position] = 0
        cells = pay.decode(bad)
        assert cells.malformed.all()
        assert cells.nulls.all()
    padded = np.array([[0, pay.padding(1), 0]])
    assert pay.decode(padded).malformed.all()
    assert not pay.decode(padded).nulls.any()


def test_null_and_padding_have_empty_intervals():
    batch = make_batch([(30, 12, 5, None, 1, 0)], [None])
    layout = make_layout(COLUMNS, ORDER, DOMAINS, batch)
    pay = layout.columns[ORDER.index("pay")]
    lo, hi = pay.bounds(0, np.zeros((2, 0), dtype=np.int64))
    assert (lo[:, pay.null] > hi[:, pay.null]).all()
    assert (lo[:, : pay.null] <= hi[:, : pay.null]).all()
    lo, hi = pay.bounds(1, np.array([[pay.null], [3]]))
    assert (lo[0] > hi[0]).all()
    assert (lo[1, :-1] <= hi[1, :-1]).all()
    assert lo[1, -1] > hi[1, -1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((121, 0, 0, 0, 0, 0), r"'age': code 121 in row 0 lies outside 0 .. 120"),
        ((None, 0, 0, 0, 0, 0), r"'age' is not optional, but row 0 is null"),
    ],
)
def test_what_does_not_fit_is_refused(row, message):
    good = make_batch([(1, 0, 0, 0, 0, 0)], ["x"])
    layout = make_layout(COLUMNS, ORDER, DOMAINS, good)
    with pytest.raises(DataError, match=message):
        layout.encode(make_batch([row], ["x"]))


def test_an_empty_domain_is_refused():
    batch = make_batch([(1, 0, 0, 0, 0, 0)], ["x"])
    with pytest.raises(DataError, match=r"'age' can hold no value: 5 \.\. 4 is empty"):
        make_layout(COLUMNS, ORDER, {**DOMAINS, "age": (5, 4)}, batch)


def test_all_null_text_column_and_long_texts():
    batch = make_batch([(1, 0, 0, 0, 0, 0)], [None])
    layout = make_layout(COLUMNS, ORDER, DOMAINS, batch)
    note = layout.columns[-1]
    assert note.places.alphabet == ()
    assert note.decode(note.encode(*batch.column("note"), batch.pool)).nulls.all()
    known = make_batch([(1, 0, 0, 0, 0, 0)], ["abc"])
    layout = make_layout(COLUMNS, ORDER, DOMAINS, known)
    longer = make_batch([(1, 0, 0, 0, 0, 0)], ["abcabc"])
    cells = layout.columns[-1].decode(layout.encode(longer)[:, layout.columns[-1].first :])
    assert cells.texts.tolist() == ["abc"]

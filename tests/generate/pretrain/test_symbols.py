"""What a network is told of a table's symbols: each once, in numbers of the rows given."""

import numpy as np
from tiny_domain import COLUMNS, admissions, layout_of

from synthtab.batch import Batch
from synthtab.generate.pretrain.symbols import (
    BUCKETS,
    PLACE_FACTS,
    SYMBOL_FACTS,
    describe,
    hashed,
    label_words,
    name_words,
)
from synthtab.generate.tokenizer import make_layout
from synthtab.schema import Column, TextType


def described(rows=50):
    batch = admissions(rows)
    layout = layout_of(batch)
    return layout, layout.encode(batch), describe(layout, layout.encode(batch))


def test_every_symbol_and_every_place_is_described():
    layout, _, told = described()
    assert told.symbols.shape == (layout.vocabulary - 1, SYMBOL_FACTS)
    assert told.places.shape == (layout.length, PLACE_FACTS)
    assert np.isfinite(told.symbols).all()
    assert np.isfinite(told.places).all()
    assert told.position.tolist() == [p for p, n in enumerate(layout.sizes) for _ in range(n)]
    assert tuple(told.column) == layout.column_at
    assert len(told.names[1]) == len(layout.columns)
    assert len(told.labels[1]) == layout.vocabulary - 1


def test_frequencies_are_those_of_the_rows():
    layout, symbols, told = described(400)
    share = np.exp(4 * told.symbols[:, 0])
    for position, size in enumerate(layout.sizes):
        counts = np.bincount(symbols[:, position], minlength=size) + 0.5
        own = share[told.position == position]
        np.testing.assert_allclose(own, counts / counts.sum(), rtol=1e-4)
    nobody = describe(layout, symbols[:0]).symbols
    for position, size in enumerate(layout.sizes):
        np.testing.assert_allclose(
            np.exp(4 * nobody[told.position == position, 0]), 1 / size, rtol=1e-4
        )


def test_null_is_marked_where_there_is_one():
    layout, _, told = described()
    nulls = np.flatnonzero(told.symbols[:, 5])
    assert len(nulls) == 1
    (column,) = [c for c in layout.columns if c.column.optional]
    assert nulls[0] == layout.starts[column.first] - 1 + column.null


def test_words_are_those_of_names_and_labels():
    assert set(name_words("patientAge")) >= {hashed("<patient>"), hashed("<age>")}
    assert set(name_words("PATIENT_AGE")) == set(name_words("patient age"))
    assert hashed("<day>") in label_words("Day")
    assert all(1 <= word < BUCKETS for word in name_words("Ünwärtiges Feld 7"))
    assert name_words("___") == ()
    _, _, told = described()
    first = told.labels[0][told.labels[1][0] : told.labels[1][1]]
    assert set(first) == set(label_words("day"))


def test_text_is_told_by_its_characters():
    column = Column("note", TextType(6), optional=True)
    batch = Batch(
        ("note",),
        np.array([[0], [1], [0]]),
        np.array([[False], [False], [True]]),
        np.array(["ab", "c"], object),
    )
    layout = make_layout([column], ["note"], {}, batch)
    told = describe(layout, layout.encode(batch))
    starts = told.labels[1]
    words = told.labels[0][starts[0] : starts[3]]
    assert words.tolist() == [hashed(f"char {c}") for c in "abc"]
    assert told.symbols[:, 5].sum() == 1
    assert told.symbols[:, 6].sum() == layout.length  # the end, at each place


def test_a_description_is_the_same_each_time_and_another_for_other_names():
    layout, symbols, told = described()
    again = describe(layout, symbols)
    assert all(
        np.array_equal(a, b)
        for a, b in ((told.symbols, again.symbols), (told.places, again.places))
    )
    renamed = [Column("x" + c.name, c.type, c.optional, c.lo, c.hi) for c in COLUMNS]
    batch = admissions(50)
    batch = Batch(tuple("x" + c for c in batch.columns), batch.codes, batch.nulls, batch.pool)
    domains = {f"x{c.column.name}": (c.places.lo, c.places.hi) for c in layout.columns}
    other = describe(make_layout(renamed, list(batch.columns), domains, batch), symbols)
    assert np.array_equal(other.symbols, told.symbols)
    assert not np.array_equal(other.names[0], told.names[0])

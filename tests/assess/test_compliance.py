"""Counting what rows break, in one go and in batches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.assess.compliance import Tally, compliance, valid_rows
from synthtab.frames import encode_frame
from synthtab.lang.model import Model

TABLE = Model.parse(
    """
    table t {
      id  integer in 1 .. 99 key
      a   integer optional
      b   integer optional
      who text(3) unique
      rule order "b comes after a": a <= b
      rule small: a < 50
    }
    """
).table()


def frame(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["id", "a", "b", "who"])


def test_rules_declarations_and_repeats_are_counted() -> None:
    batch = encode_frame(
        TABLE.columns,
        frame(
            [
                (1, 1, 2, "x"),
                (2, 3, 2, "y"),  # order
                (2, 60, 70, "z"),  # small, key
                (4, None, 0, "y"),  # who
                (200, 1, 1, "long"),  # two declarations
                (6, 70, 60, "w"),  # order, small
            ]
        ),
    )
    got = compliance(TABLE, batch)
    counts = {r.name: (r.kind, r.violated, r.examples) for r in got.rules}
    assert counts["order"] == ("row", 2, (2, 6))
    assert counts["small"] == ("row", 2, (3, 6))
    assert counts["id: declaration"] == ("column", 1, (5,))
    assert counts["who: declaration"] == ("column", 1, (5,))
    unique = {r.columns: r for r in got.rules if r.kind == "unique"}
    assert unique[("id",)].examples == (3,)
    assert unique[("who",)].examples == (4,)
    assert (got.rows, got.valid) == (6, 1)
    assert got.share == pytest.approx(1 / 6)
    assert valid_rows(TABLE, batch).tolist() == [True, False, False, False, False, False]
    order = next(r for r in got.rules if r.name == "order")
    assert order.share == pytest.approx(4 / 6)
    assert order.columns == ("a", "b")
    assert order.description == "b comes after a"


def test_no_rows_break_nothing() -> None:
    got = compliance(TABLE, encode_frame(TABLE.columns, frame([])))
    assert got.share == 1
    assert got.broken == ()
    assert all(r.share == 1 for r in got.rules)


CELL = st.none() | st.integers(0, 99)
ROWS = st.lists(
    st.tuples(st.integers(1, 9), CELL, CELL, st.sampled_from(["a", "b", "c", "d"])), max_size=30
)


@given(ROWS, st.lists(st.integers(0, 30), max_size=4))
def test_batches_are_counted_as_the_whole(rows: list[tuple[object, ...]], cuts: list[int]) -> None:
    whole = compliance(TABLE, encode_frame(TABLE.columns, frame(rows)))
    tally = Tally(TABLE)
    ends = sorted({0, *(min(c, len(rows)) for c in cuts), len(rows)})
    for start, end in pairwise(ends):
        # Each piece is encoded by itself, as a streamed file is: text codes differ between them.
        tally.add(encode_frame(TABLE.columns, frame(rows[start:end])))
    assert tally.result() == whole
    good = valid_rows(TABLE, encode_frame(TABLE.columns, frame(rows)))
    assert whole.valid == int(np.sum(good))

"""Stacking batches: text codes belong to pools, and pools are merged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.batch import concat
from synthtab.frames import decode_frame, encode_frame
from synthtab.schema import Column, IntegerType, TextType

COLUMNS = [Column("n", IntegerType(), True), Column("t", TextType(9), True)]
CELLS = st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | st.sampled_from("abcdef")))


@given(st.lists(CELLS, min_size=1, max_size=4))
def test_concat_is_the_batch_of_all_rows(parts: list[list[tuple[int | None, str | None]]]) -> None:
    frames = [
        pd.DataFrame({"n": pd.Series([n for n, _ in p], dtype="Int64"), "t": [t for _, t in p]})
        for p in parts
    ]
    stacked = concat([encode_frame(COLUMNS, f) for f in frames], text=["t"])
    shown = decode_frame(COLUMNS, stacked)
    assert [None if pd.isna(v) else v for v in shown["t"]] == [t for p in parts for _, t in p]
    assert [None if pd.isna(v) else v for v in shown["n"]] == [n for p in parts for n, _ in p]
    assert len(set(stacked.pool)) == len(stacked.pool)


def test_pools_that_differ_need_the_text_columns_named() -> None:
    one, two = (encode_frame(COLUMNS, pd.DataFrame({"n": [1], "t": [t]})) for t in "ab")
    with pytest.raises(ValueError, match="pools differ"):
        concat([one, two])
    assert np.array_equal(concat([one, one]).codes, [[1, 0], [1, 0]])


def test_columns_must_agree() -> None:
    one = encode_frame(COLUMNS, pd.DataFrame({"n": [1], "t": ["a"]}))
    with pytest.raises(ValueError, match="columns differ"):
        concat([one, one.select(["n"])])

"""Cells of the wrong type: planted where said, refused where planted; rates and counts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import violations
from bench.wrongtypes import plant_wrong_types, refused, without, wrong_text
from synthtab.batch import Batch
from synthtab.errors import DataError
from synthtab.files import read_batch, write_frame
from synthtab.frames import decode_frame, encode_frame
from synthtab.lang.model import Model
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

MODEL = Model.parse("""
table sale {
  id     integer in 1 .. 40_000 key
  kind   enum('new', 'used')
  placed date
  paid   date    optional
  net    decimal(8, 2) in 0 .. 1000
  tax    decimal(8, 2) in 0 .. 1000
  gross  decimal(8, 2)
  posted boolean
  note   text(9)
  rule adds_up: gross = net + tax
  rule in_time: paid >= placed
}
""")
TABLE = MODEL.table()


def clean(rows: int = 200) -> dict[str, Batch]:
    at = np.arange(1, rows + 1)
    frame = pd.DataFrame(
        {
            "id": at,
            "kind": np.where(at % 3, "new", "used"),
            "placed": [date(2024, 1 + k % 12, 1 + k % 28) for k in at],
            "paid": [None if k % 5 == 0 else date(2025, 1 + k % 12, 1) for k in at],
            "net": at,
            "tax": at % 7,
            "gross": at + at % 7,
            "posted": at % 2 == 0,
            "note": [f"n {k}" for k in at],
        }
    )
    return {TABLE.name: encode_frame(TABLE.columns, frame)}


def test_wrong_types_are_planted_in_a_share_of_rows_that_are_free() -> None:
    taken = {TABLE.name: frozenset(range(100))}
    cells = plant_wrong_types(MODEL.tables, clean(), 0.2, taken, np.random.default_rng(0))
    assert len(cells) == 40
    assert len({c.row for c in cells}) == 40
    assert min(c.row for c in cells) >= 100
    assert {c.column for c in cells} == {c.name for c in TABLE.columns} - {"note"}
    again = plant_wrong_types(MODEL.tables, clean(), 0.2, taken, np.random.default_rng(0))
    assert again == cells


def test_reading_refuses_the_cells_planted_and_no_other(tmp_path: Path) -> None:
    batch = clean()[TABLE.name]
    cells = plant_wrong_types(MODEL.tables, clean(), 0.3, {}, np.random.default_rng(1))
    bad, counts = refused(TABLE, batch, cells)
    assert {(c.row, batch.index(c.column)) for c in cells} == set(
        zip(*map(np.ndarray.tolist, np.nonzero(bad)), strict=True)
    )
    assert sum(counts.values()) == len(cells)
    left = without(batch, bad)
    assert left.nulls.sum() == batch.nulls.sum() + len(cells)
    assert not left.codes[bad].any()
    # The same as a file: its reader refuses it, naming each column with such cells.
    path = tmp_path / "sale.csv"
    write_frame(path, decode_frame(TABLE.columns, batch), TABLE.columns)
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for cell in cells:
        frame.loc[cell.row, cell.column] = cell.text
    frame.to_csv(path, index=False)
    with pytest.raises(DataError) as caught:
        read_batch(path, TABLE.columns)
    for column in counts:
        assert f"column {column!r}" in str(caught.value)


def test_a_table_without_wrong_cells_is_read_whole() -> None:
    bad, counts = refused(TABLE, clean()[TABLE.name], [])
    assert not bad.any()
    assert counts == {}


kinds = [
    (IntegerType(), 42),
    (IntegerType(), -150),
    (DecimalType(8, 2), Decimal("3.20")),
    (DateType(), date(2024, 2, 29)),
    (BooleanType(), True),
    (EnumType(("a", "b")), "a"),
    (EnumType(tuple("abcdefghijklmnopqrstuvwxyz")), "q"),
    (EnumType(("<=50K", ">50K")), ">50K"),
]


@given(st.sampled_from(kinds), st.integers(0, 1_000))
def test_a_wrong_text_is_no_value(kind, seed: int) -> None:
    column = Column("x", kind[0])
    text = wrong_text(column, kind[1], np.random.default_rng(seed))
    with pytest.raises(DataError, match="column 'x'"):
        encode_frame([column], pd.DataFrame({"x": [text]}))


def test_a_moment_has_wrong_texts_and_a_text_has_none() -> None:
    moment = Column("x", DatetimeType(1))
    for seed in range(20):
        text = wrong_text(
            moment, pd.Timestamp("2024-02-03 10:11:12").to_pydatetime(), np.random.default_rng(seed)
        )
        with pytest.raises(DataError):
            encode_frame([moment], pd.DataFrame({"x": [text]}))
    with pytest.raises(ValueError, match="every text is a value"):
        wrong_text(Column("x", TextType(5)), "a", np.random.default_rng(0))


@pytest.mark.parametrize("rate", violations.RATES)
def test_errors_are_planted_at_the_rate_found_and_mended(rate: float) -> None:
    got = violations.measure(MODEL.tables, clean(400), rate, 0)
    assert got.errors == pytest.approx(400 * rate, abs=1)
    assert got.hit <= min(got.errors, got.flagged)
    typed = got.kinds[violations.WRONG_TYPE]
    assert typed.seen == typed.planted > 0
    for one in got.kinds.values():
        assert one.planted >= one.seen >= one.found >= one.restored >= 0
    assert got.before > 0
    assert (got.after, got.rows_left) == (0, 0)


def test_both_rows_of_a_repeated_key_count_as_flagged() -> None:
    batch = clean(30)[TABLE.name]
    batch.codes[4, 0] = batch.codes[20, 0]
    found = violations._repeated(MODEL.tables, TABLE.name, batch)
    assert np.flatnonzero(found).tolist() == [4]

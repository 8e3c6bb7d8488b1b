"""Scores of synthetic rows: what DuckDB finds broken, what is not defined, what cannot be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.registry import Loaded, entry, load
from bench.scoring import broken, declarations, nearness, readable, scored
from synthtab.assess.compliance import valid_rows
from synthtab.errors import DataError
from synthtab.frames import decode_frame, encode_frame
from synthtab.lang.model import Model

RULES = """
table t {
  id   integer in 1 .. 90 key
  a    integer in 0 .. 9
  b    decimal(3, 1) in 0 .. 20 optional
  kind enum('x', 'y')
  code text(3) matching /[a-z]{1,3}/
  day  date in 2020-01-01 .. 2020-12-31
  rule more: b > a
  rule mostly at least 50%: kind = 'x'
}
"""
TABLE = Model.parse(RULES).table()


def good(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 10, rows)
    return pd.DataFrame(
        {
            "id": np.arange(1, rows + 1),
            "a": a,
            "b": [str(v + 0.5) if v else None for v in a],
            "kind": np.where(a > rng.integers(0, 10, rows), "x", "y"),
            "code": "abc",
            "day": "2020-06-01",
        }
    )


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    good().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "t.rules").write_text(RULES, encoding="utf-8")
    (tmp_path / "t.json").write_text('{"target": "kind"}', encoding="utf-8")
    return load(entry("t", tmp_path))


BREAKS = {
    "a rule": ("b", "0.5", "a", 5),
    "a range, below": ("a", -1, "b", "5"),
    "a range, above": ("a", 10, "b", "15"),
    "a NULL": ("kind", None, "b", None),
    "a pattern": ("code", "A1", "b", None),
    "a length": ("code", "abcd", "b", None),
    "a key": ("id", 2, "b", None),
    "a NULL in the key": ("id", None, "b", None),
    "an unknown word": ("kind", "z", "b", None),
    "half a unit": ("a", 1.5, "b", "9"),
    "too many digits": ("b", "7.25", "a", 2),
    "no date": ("day", "2020-02-30", "b", None),
    "a day out of range": ("day", "2021-01-01", "b", None),
}


@pytest.mark.parametrize("case", BREAKS, ids=str)
def test_a_row_that_breaks_anything_declared_is_not_valid(case: str, loaded: Loaded) -> None:
    column, value, other, with_it = BREAKS[case]
    frame = good().astype(object)
    frame.loc[0, [column, other]] = [value, with_it]
    scores = scored(loaded, frame)
    assert scores.valid == pytest.approx(1 - 1 / 60)


def test_lawful_rows_are_valid_and_every_figure_is_there(loaded: Loaded) -> None:
    scores = scored(loaded, good()[["day", "a", "b", "code", "id", "kind"]])
    assert scores.valid == 1
    assert None not in vars(scores).values()
    assert 0 <= scores.shape <= 1
    assert 0 <= scores.utility_real <= 1


def test_duckdb_and_the_validator_agree_on_broken_rows() -> None:
    rng = np.random.default_rng(1)
    frame = good(80)
    frame["a"] = rng.integers(-1, 12, 80)
    frame["id"] = rng.permutation(80) + 12
    batch, misfits = readable(TABLE.columns, frame)
    assert not misfits.any()
    assert (broken(TABLE, batch) == ~valid_rows(TABLE, batch)).all()


def test_declarations_are_one_rule_each() -> None:
    # Five columns may not be NULL, four have two ends, one a length and a pattern.
    assert len(declarations(TABLE.columns)) == 5 + 8 + 2


def test_figures_that_are_not_defined_are_none(tmp_path: Path) -> None:
    pd.DataFrame({"a": range(30)}).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "t.rules").write_text("table t { a integer in 0 .. 99 }", encoding="utf-8")
    loaded = load(entry("t", tmp_path))
    scores = scored(loaded, pd.DataFrame({"a": [1, 2, 3]}))
    assert (scores.pair, scores.c2st, scores.utility, scores.utility_real) == (None,) * 4
    assert scores.valid == 1
    assert scores.shape is not None


def test_numbers_that_are_classes_are_told_as_classes() -> None:
    loaded = load(entry("modechoice"))
    scores = scored(loaded, decode_frame(loaded.table.columns, loaded.train))
    assert scores.utility == pytest.approx(scores.utility_real)
    assert scores.utility > 0.8
    told_as_number = replace(loaded, entry=replace(loaded.entry, task="regression", target="mode"))
    told_as_class = replace(
        told_as_number, entry=replace(told_as_number.entry, task="classification")
    )
    frame = decode_frame(loaded.table.columns, loaded.train)
    assert scored(told_as_number, frame).utility != scored(told_as_class, frame).utility


def test_rows_of_a_class_that_real_rows_lack_do_no_harm() -> None:
    loaded = load(entry("iris"))
    frame = decode_frame(loaded.table.columns, loaded.train)
    frame = frame[frame["target"] != "virginica"]
    scores = scored(loaded, frame)
    assert scores.valid == 1
    assert scores.utility < scores.utility_real


def test_rows_that_are_not_of_the_table_are_refused(loaded: Loaded) -> None:
    with pytest.raises(DataError, match="column 'day' is missing"):
        scored(loaded, good().drop(columns="day"))
    with pytest.raises(DataError, match="no rows of table t"):
        scored(loaded, good().iloc[:0])


def test_real_rows_are_valid_of_a_table_with_wide_products() -> None:
    """Declared ranges bound the products that DuckDB computes with."""
    table = Model.parse(
        "table t {\n  a integer in 0 .. 1_000_000\n  b integer in 0 .. 1_000_000\n"
        "  c decimal(18, 8) in 0 .. 1_000\n  rule product: a * b * c <= 5\n}"
    ).table()
    frame = pd.DataFrame({"a": [1, 2, 3_000_000], "b": [1, 2, 1], "c": ["4.5", "4.5", "0.1"]})
    assert broken(table, encode_frame(table.columns, frame)).tolist() == [False, True, True]


def test_rows_that_are_copies_lie_nearer_to_what_they_copy(loaded: Loaded) -> None:
    learned, unseen = nearness(loaded, loaded.train), nearness(loaded, loaded.holdout)
    assert learned is not None
    assert unseen is not None
    assert learned > 0.5 > unseen
    assert nearness(loaded, loaded.train.take(np.array([], dtype=np.int64))) is None
    single = replace(loaded, holdout=loaded.holdout.take(np.array([0])))
    assert nearness(single, loaded.train) is None

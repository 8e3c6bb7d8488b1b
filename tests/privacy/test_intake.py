"""Rows on their way in: made to fit, each by itself, and nothing said of them in errors."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.errors import BudgetError, DataError
from synthtab.lang.model import Model
from synthtab.privacy.intake import (
    AS_IS,
    DROPPED,
    MOVED,
    OUTCOME,
    count_outcomes,
    outcomes_of,
    take_in,
)
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.mechanisms import count_noise
from synthtab.privacy.vault import Vault

MODEL = Model.parse(
    """
table visits {
  kind    enum('short', 'long')
  minutes integer in 1 .. 99
  fee     decimal(5, 2) in 0 .. 200
  day     date in 2024-01-01 .. 2024-12-31 optional
  note    text(20) optional
  rule short_is_short: when kind = 'short' then minutes < 30
}
"""
)
TABLE = MODEL.table("visits")
COLUMNS = ["kind", "minutes", "fee", "day", "note"]
FINE = ("short", 20, "7.50", "2024-05-01", "fine")


def frame(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame([dict(zip(COLUMNS, row, strict=True)) for row in rows], columns=COLUMNS)


def outcomes(*rows: tuple[object, ...]) -> list[int]:
    return take_in(TABLE, frame(*rows).astype(object), "clamp").outcomes.codes[:, 0].tolist()


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        (FINE, AS_IS),
        (("long", 70, "7.50", None, None), AS_IS),
        (("long", 4_711, "7.50", None, None), MOVED),
        (("long", -4_711, "7.50", None, None), MOVED),
        (("long", 70, "912.34", None, None), MOVED),
        (("long", 70, "7.50", "1877-07-07", None), MOVED),
        (("short", 77, "7.50", None, None), DROPPED),
        (("medium", 70, "7.50", None, None), DROPPED),
        ((None, 70, "7.50", None, None), DROPPED),
        (("long", "seventy", "7.50", None, None), DROPPED),
        (("long", 10**30, "7.50", None, None), DROPPED),
        (("long", 70, "7.50", "yesterday", None), AS_IS),
        (("long", 70, "7.50", None, "x" * 21), DROPPED),
    ],
)
def test_what_becomes_of_a_row(row: tuple[object, ...], outcome: int) -> None:
    assert outcomes(row) == [outcome]


odd = st.tuples(
    st.sampled_from(["short", "long", "medium", None]),
    st.sampled_from([5, 50, 0, 4711, -3, "seventy", None, 2.5]),
    st.sampled_from(["7.50", "912.34", "x", None]),
    st.sampled_from(["2024-05-01", "1877-07-07", "soon", None]),
    st.sampled_from(["fine", "x" * 30, None]),
)


@given(st.lists(odd, min_size=1, max_size=8), odd)
@settings(max_examples=60, deadline=None)
def test_one_row_more_is_one_row_more_behind_the_door(
    rows: list[tuple[object, ...]], extra: tuple[object, ...]
) -> None:
    """No row's fate depends on another's, so that neighbours stay neighbours."""
    alone = [outcomes(row)[0] for row in (*rows, extra)]
    assert outcomes(*rows, extra) == alone
    assert outcomes(*rows) == alone[:-1]
    taken = take_in(TABLE, frame(*rows).astype(object), "clamp")
    assert len(taken.rows) == sum(o != DROPPED for o in alone[:-1])
    assert taken.outcomes.columns == (OUTCOME,)


def told(error: pytest.ExceptionInfo[DataError]) -> str:
    """Return all that an error and its causes say."""
    said, cause = "", error.value
    while cause is not None:
        said += f"{cause} "
        assert cause.__suppress_context__ or cause.__context__ is None
        cause = cause.__cause__
    return said


@pytest.mark.parametrize(
    "row",
    [
        ("long", 4_711, "7.50", None, None),
        ("short", 77, "7.50", None, None),
        ("medium-rare", 70, "7.50", None, None),
        ("long", "seventy-seven", "7.50", None, None),
        ("long", 70, "912.34", "yesterday", "zebra"),
    ],
)
def test_an_error_tells_no_value_and_no_number(row: tuple[object, ...]) -> None:
    with pytest.raises(DataError, match="outside what the rules file declares") as error:
        take_in(TABLE, frame(FINE, FINE, row).astype(object), "refuse")
    said = told(error)
    for cell in (*row, *FINE):
        if cell not in (None, "long", "short"):
            assert str(cell) not in said
    assert not re.search(r"\d", said)


def test_rows_that_fit_are_taken_by_either_policy() -> None:
    for outside in ("clamp", "refuse"):
        taken = take_in(TABLE, frame(FINE, FINE), outside)
        assert len(taken.rows) == 2
        assert taken.outcomes.codes[:, 0].tolist() == [AS_IS, AS_IS]


BROKEN = {
    "ragged.csv": b"kind,minutes,fee,day,note\nshort,20,7.50,2024-05-01,zebra,zebra\n",
    "latin.csv": b"kind,minutes,fee,day,note\nshort,20,7.50,2024-05-01,z\xe9bra\n",
    "quote.csv": b'kind,minutes,fee,day,note\nshort,20,7.50,2024-05-01,"zebra\n',
    "zip.csv.gz": b"\x1f\x8b zebra",
    "arrow.parquet": b"PAR1 zebra PAR1",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_read_tells_nothing_of_itself(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(BROKEN[name])
    with pytest.raises(DataError, match="may not be said under a privacy budget") as error:
        take_in(TABLE, str(path), "clamp")
    assert "bra" not in told(error)
    assert "20" not in str(error.value)
    assert error.value.__cause__ is None


def test_no_file_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        take_in(TABLE, str(tmp_path / "none.csv"), "clamp")


def test_columns_that_are_not_there_are_named_by_their_declaration() -> None:
    given_ = frame(FINE).drop(columns="fee")
    with pytest.raises(DataError, match="column 'fee' is missing") as error:
        take_in(TABLE, given_, "clamp")
    assert "7.50" not in told(error)
    assert "fine" not in told(error)


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_table_and_a_single_row_are_taken(count: int, tmp_path: Path) -> None:
    rows = frame(*[FINE] * count)
    rows.to_csv(tmp_path / "v.csv", index=False)
    for given_ in (rows, str(tmp_path / "v.csv"), tmp_path / "v.csv"):
        taken = take_in(TABLE, given_, "refuse")
        assert len(taken.rows) == len(taken.outcomes) == count


def test_outcomes_are_counted_under_the_ledger() -> None:
    rows = [FINE] * 500 + [("long", 4_711, "7.50", None, None)] * 300
    rows += [("short", 77, "7.50", None, None)] * 100
    taken = take_in(TABLE, frame(*rows).astype(object), "clamp")
    ledger = Ledger(1.0, 0.0)
    vault = Vault({"visits": taken.rows, outcomes_of("visits"): taken.outcomes}, ledger)
    noise = count_noise(ledger.purse(), ledger.neighbours)
    found = count_outcomes(vault, "visits", noise)
    # Geometric noise at epsilon 1 is beyond 60 with a probability below e^-59.
    assert (np.abs(found - [500, 300, 100]) < 60).all()
    assert ledger.spent() == (1.0, 0.0)
    with pytest.raises(BudgetError):
        count_outcomes(vault, "visits", noise)

"""encode_frame and decode_frame: which cells are values, and that nothing is lost on the way."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.codec import accepted
from synthtab.errors import DataError
from synthtab.frames import decode_frame, encode_frame
from synthtab.schema import (
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    encode_value,
)

INTEGER, MONEY = IntegerType(), DecimalType(10, 2)
DAY, MINUTE, SECOND = DateType(), DatetimeType(60), DatetimeType(1)
FLAG, COLOUR, NAME = BooleanType(), EnumType(("red", "green", "1", " odd ")), TextType(20)


def codes_of(kind: ColumnType, cells: object) -> list[int | None]:
    batch = encode_frame([Column("x", kind, True)], pd.DataFrame({"x": cells}))
    codes, nulls = batch.column("x")
    return [None if gone else int(code) for code, gone in zip(codes, nulls, strict=True)]


@pytest.mark.parametrize(
    ("kind", "cells", "expected"),
    [
        (
            INTEGER,
            ["12", " 7 ", "-3", "+4", "007", "5.0", "1e3", None],
            [12, 7, -3, 4, 7, 5, 1000, None],
        ),
        (INTEGER, [88.0, np.nan, -0.0], [88, None, 0]),
        (INTEGER, np.array([2**63 - 1], dtype=np.uint64), [2**63 - 1]),
        (INTEGER, [Decimal("3"), None], [3, None]),
        (INTEGER, ["9223372036854775807", "-9223372036854775807"], [2**63 - 1, 1 - 2**63]),
        (
            MONEY,
            ["88", "0.10", "-1.5", ".5", "7.", "1e-2", "1.500"],
            [8800, 10, -150, 50, 700, 1, 150],
        ),
        (MONEY, [0.1, 88.0, 1.15, np.nan], [10, 8800, 115, None]),
        (MONEY, np.array([0.1, 2.675 * 0 + 4.35], dtype=np.float32), [10, 435]),
        (MONEY, [3, -4], [300, -400]),
        (MONEY, [Decimal("1.10"), Decimal("2E+2")], [110, 20000]),
        (MONEY, ["99999999.99"], [10**10 - 1]),
        (DAY, ["1970-01-02", "2020-02-29 00:00:00", "0001-01-01"], [1, 18321, -719162]),
        (DAY, [dt.date(1970, 1, 3), None], [2, None]),
        (DAY, pd.to_datetime(["1970-01-02", None]), [1, None]),
        (MINUTE, ["1970-01-01T01:00", "1970-01-02 00:01:00", "1970-01-02"], [60, 1441, 1440]),
        (SECOND, pd.to_datetime(["1969-12-31 23:59:59"]), [-1]),
        (SECOND, ["1970-01-01 00:00:05.000"], [5]),
        (SECOND, [dt.date(1970, 1, 2)], [86400]),
        (FLAG, ["true", "No", " 1 ", "f", "YES", "0", None], [1, 0, 1, 0, 1, 0, None]),
        (FLAG, [True, False], [1, 0]),
        (FLAG, [1, 0], [1, 0]),
        (FLAG, [1.0, np.nan, 0.0], [1, None, 0]),
        (COLOUR, ["green", " red", " odd ", "", None], [1, 0, 3, None, None]),
        (COLOUR, [1, 1], [2, 2]),
        (COLOUR, [1.0, np.nan], [2, None]),
        (COLOUR, pd.Categorical(["green", None, "red"]), [1, None, 0]),
        (EnumType(("", "x")), ["", "x", None], [0, 1, None]),
    ],
)
def test_values_that_are_accepted(
    kind: ColumnType, cells: object, expected: list[int | None]
) -> None:
    assert codes_of(kind, cells) == expected


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        (INTEGER, "12a"),
        (INTEGER, "1_000"),
        (INTEGER, "0x1F"),
        (INTEGER, "5.5"),
        (INTEGER, "٣"),
        (INTEGER, "9223372036854775808"),
        (INTEGER, 2**70),
        (INTEGER, 5.5),
        (INTEGER, True),
        (INTEGER, "1,000"),
        (INTEGER, -(2**63)),
        (MONEY, "0.123"),
        (MONEY, "123456789"),
        (MONEY, "nan"),
        (MONEY, "1e999"),
        (MONEY, 0.1 + 0.2),
        (MONEY, float("inf")),
        (MONEY, 10**9),
        (DAY, "2021-02-29"),
        (DAY, "2020-01-01 10:00"),
        (DAY, "01/02/2020"),
        (DAY, "2020-1-1"),
        (DAY, "2020-13-01"),
        (DAY, pd.Timestamp("2020-01-01 10:00")),
        (DAY, 5),
        (MINUTE, "2020-01-01T10:00:30"),
        (SECOND, "2020-01-01 10:00:00.5"),
        (SECOND, "2020-01-01T25:00"),
        (SECOND, "2020-01-01T10:00:00Z"),
        (SECOND, pd.Timestamp("2020-01-01", tz="UTC")),
        (FLAG, "2"),
        (FLAG, 2),
        (FLAG, "maybe"),
        (COLOUR, "blue"),
        (COLOUR, "Red"),
        (COLOUR, 7),
        (NAME, b"\xff"),
    ],
)
def test_a_refused_value_is_named_with_its_row_and_what_would_do(
    kind: ColumnType, cell: object
) -> None:
    frame = pd.DataFrame({"x": [None, cell]}, dtype=object)
    with pytest.raises(DataError) as caught:
        encode_frame([Column("x", kind, True)], frame)
    message = str(caught.value)
    assert "column 'x'" in message
    assert "in row 2" in message
    assert accepted(kind) in message


def test_all_problems_are_reported_at_once() -> None:
    columns = [Column("a", INTEGER), Column("b", DAY), Column("c", COLOUR)]
    frame = pd.DataFrame({"a": ["x"] * 5, "b": ["2020-01-01"] * 5, "c": ["blue", *["red"] * 4]})
    with pytest.raises(DataError) as caught:
        encode_frame(columns, frame, name="people.csv")
    message = str(caught.value)
    assert "people.csv" in message
    assert "'x' in row 3 and 2 more" in message
    assert "'blue' in row 1; accepted: 'red', 'green'" in message
    assert "column 'b'" not in message


def test_missing_extra_and_double_columns_are_all_named() -> None:
    columns = [Column("age", INTEGER), Column("sex", COLOUR)]
    frame = pd.DataFrame([[1, 2, 3, 4]], columns=["age ", "x", "x", "sex"])
    with pytest.raises(DataError) as caught:
        encode_frame(columns, frame)
    message = str(caught.value)
    assert "'age' is missing; is it 'age '?" in message
    assert "'x' is there 2 times" in message
    assert "'x' is not declared" in message
    assert "declared: age, sex" in message


def test_extra_columns_can_be_let_be() -> None:
    batch = encode_frame(
        [Column("a", INTEGER)], pd.DataFrame({"b": ["?"], "a": [1]}), ignore_extra=True
    )
    assert batch.columns == ("a",)
    assert batch.codes.tolist() == [[1]]


def test_mixed_objects_are_read_through_their_text() -> None:
    assert codes_of(INTEGER, pd.Series([1, "2", 3.0, None], dtype=object)) == [1, 2, 3, None]
    assert codes_of(
        SECOND, pd.Series([dt.datetime(1970, 1, 1, 0, 0, 9), "1970-01-01"], dtype=object)
    ) == [9, 0]


def test_texts_share_one_pool_and_keep_their_blanks() -> None:
    columns = [Column("a", NAME, True), Column("b", NAME, True)]
    batch = encode_frame(columns, pd.DataFrame({"a": ["x", " y ", None], "b": [" y ", "", "x"]}))
    assert len(set(batch.pool)) == len(batch.pool) == 3
    assert batch.codes[1, 0] == batch.codes[0, 1]
    assert batch.codes[0, 0] == batch.codes[2, 1]
    assert batch.nulls.tolist() == [[False, False], [False, False], [True, False]]
    assert decode_frame(columns, batch)["b"].tolist() == [" y ", "", "x"]


@pytest.mark.parametrize("kind", [INTEGER, MONEY, DAY, SECOND, FLAG, COLOUR, NAME])
def test_a_column_of_nothing_but_nulls(kind: ColumnType) -> None:
    column = Column("x", kind, True)
    for cells in ([None, None], [np.nan, np.nan], pd.Series([None, None], dtype="str")):
        batch = encode_frame([column], pd.DataFrame({"x": cells}))
        assert batch.nulls.all()
        assert not batch.codes.any()
        assert decode_frame([column], batch)["x"].isna().all()


@pytest.mark.parametrize("kind", [INTEGER, MONEY, DAY, SECOND, FLAG, COLOUR, NAME])
def test_no_rows(kind: ColumnType) -> None:
    column = Column("x", kind)
    batch = encode_frame([column], pd.DataFrame({"x": []}))
    assert len(batch) == 0
    assert len(decode_frame([column], batch)) == 0


def test_decoded_dtypes() -> None:
    columns = [
        Column("i", INTEGER),
        Column("o", INTEGER, True),
        Column("m", MONEY, True),
        Column("d", DAY),
        Column("f", FLAG),
        Column("g", FLAG, True),
        Column("c", COLOUR),
        Column("t", NAME),
    ]
    frame = pd.DataFrame(
        {
            "i": [1, 2],
            "o": [None, 2],
            "m": ["1.5", None],
            "d": ["2020-01-01"] * 2,
            "f": [True, False],
            "g": [None, True],
            "c": ["red", "green"],
            "t": ["a", "b"],
        }
    )
    out = decode_frame(columns, encode_frame(columns, frame))
    assert [str(t) for t in out.dtypes] == [
        "int64",
        "Int64",
        "decimal128(10, 2)[pyarrow]",
        "datetime64[s]",
        "bool",
        "boolean",
        "str",
        "str",
    ]
    assert out["m"][0] == Decimal("1.50")


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
            st.none() | st.decimals(-(10**7), 10**7, places=2, allow_nan=False),
            st.none() | st.dates(),
            st.none() | st.datetimes().map(lambda d: d.replace(microsecond=0)),
            st.none() | st.booleans(),
            st.none() | st.sampled_from(COLOUR.values),
            st.none() | st.text(max_size=5),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_codes_are_those_of_the_scalar_codec_and_decode_to_the_same_codes(
    rows: list[tuple],
) -> None:
    kinds = [INTEGER, MONEY, DAY, SECOND, FLAG, COLOUR, NAME]
    columns = [Column(f"c{at}", kind, True) for at, kind in enumerate(kinds)]
    frame = pd.DataFrame(
        {c.name: pd.Series([r[at] for r in rows], dtype=object) for at, c in enumerate(columns)}
    )
    batch = encode_frame(columns, frame)
    for at, column in enumerate(columns[:-1]):
        for row, values in enumerate(rows):
            assert batch.nulls[row, at] == (values[at] is None)
            if values[at] is not None:
                assert batch.codes[row, at] == encode_value(column.type, values[at])
    again = encode_frame(columns, decode_frame(columns, batch))
    assert np.array_equal(again.codes, batch.codes)
    assert np.array_equal(again.nulls, batch.nulls)
    assert list(again.pool) == list(batch.pool)


def test_float_columns_are_read_as_they_print() -> None:
    cents = np.arange(0, 100_000)
    assert codes_of(MONEY, cents / 100) == cents.tolist()


def test_a_list_column_is_no_number() -> None:
    frame = pd.DataFrame({"x": pd.Series([[1], [2]], dtype=pd.ArrowDtype(pa.list_(pa.int64())))})
    with pytest.raises(DataError, match=r"\[1\].* in row 1"):
        encode_frame([Column("x", INTEGER)], frame)

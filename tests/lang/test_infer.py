from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synthtab.errors import DataError
from synthtab.frames import encode_frame
from synthtab.lang.model import Model
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
)


def infer(values: object, name: str = "x") -> Column:
    frame = pd.DataFrame({name: values})
    model = Model.from_frame(frame)
    assert Model.parse(model.to_text()) == model
    batch = encode_frame(model.table().columns, frame)
    assert len(batch) == len(frame)
    return model.table().columns[0]


@pytest.mark.parametrize(
    ("values", "kind", "ends"),
    [
        ([3, 1, 2], IntegerType(), (1, 3)),
        (pd.array([3, None, 2], dtype="Int64"), IntegerType(), (2, 3)),
        ([3.0, np.nan, -2.0], IntegerType(), (-2, 3)),
        ([0.1, 0.25, 10.0], DecimalType(4, 2), (10, 1000)),
        (np.array([0.1, 0.2], dtype="float32"), DecimalType(2, 1), (1, 2)),
        ([1e-3, 1e3], DecimalType(7, 3), (1, 10**6)),
        ([True, False, None], BooleanType(), (None, None)),
        (["true", "False"], BooleanType(), (None, None)),
        (["1", "-20"], IntegerType(), (-20, 1)),
        (["1.50", "20"], DecimalType(3, 1), (15, 200)),
        (["01", "20", "30", "41", "52"], TextType(2, "[0-9]{2}"), (None, None)),
        ([Decimal("1.50"), Decimal("2.25"), None], DecimalType(3, 2), (150, 225)),
        ([date(1970, 1, 2), date(1970, 1, 3)], DateType(), (1, 2)),
        (["1970-01-02", "1970-01-03"], DateType(), (1, 2)),
        (["2023-02-30", "1970-01-03"], TextType(10), (None, None)),
        (pd.to_datetime(["1970-01-02", None]), DateType(), (1, 1)),
        (pd.to_datetime(["1970-01-01 02:00"]), DatetimeType(3600), (2, 2)),
        ([datetime(1970, 1, 1, 0, 5)], DatetimeType(60), (5, 5)),
        (["1970-01-01 00:00:05", "1970-01-01T00:00:06"], DatetimeType(1), (5, 6)),
        (["a", "b", "a", "b", "a", "b"], EnumType(("a", "b")), (None, None)),
        (pd.Categorical(["b", "a", "b"] * 2), EnumType(("a", "b")), (None, None)),
        (["a", "a"], EnumType(("a",)), (None, None)),
        (["a"], TextType(1), (None, None)),
        (["", "bc", "def"], TextType(3), (None, None)),
        ([1, "a", "bcd"], TextType(3), (None, None)),
        ([None, None], TextType(1), (None, None)),
        (pd.array([None], dtype="Int64"), IntegerType(), (None, None)),
        (pd.array(["2020-01-01"], dtype=pd.ArrowDtype(pa.string())), DateType(), (18262, 18262)),
        (pd.array([Decimal("1.5")], dtype=pd.ArrowDtype(pa.decimal128(9, 3))),
         DecimalType(2, 1), (15, 15)),
    ],
)  # fmt: skip
def test_types(values: object, kind: ColumnType, ends: tuple[int | None, int | None]) -> None:
    column = infer(values)
    assert column.type == kind
    assert (column.lo, column.hi) == ends
    assert column.optional is bool(pd.Series(values).isna().any())


def test_shapes_of_text() -> None:
    badges = [f"AB-{n:04}x" for n in range(30)]
    assert infer(badges).type == TextType(8, "[A-Z]{2}-[0-9]{4}[a-z]")
    assert infer([*badges, "other"]).type == TextType(8)
    assert infer([f"({n:03}) {n % 7}+" for n in range(30)]).type == TextType(
        8, r"\([0-9]{3}\) [0-9]\+"
    )


def test_many_different_values_are_text() -> None:
    assert isinstance(infer([f"v{k}" for k in range(101)] * 3).type, TextType)
    assert isinstance(infer([f"v{k}" for k in range(100)] * 3).type, EnumType)
    assert isinstance(infer([f"v{k}" for k in range(10)] * 2).type, TextType)


def test_keys() -> None:
    frame = pd.DataFrame(
        {"user_id": [1, 2, 3], "age": [4, 5, 6], "BadgeNo": ["a", "b", "c"], "other_id": [1, 1, 2]}
    )
    rules = Model.from_frame(frame).table().unique_rules
    assert [(r.columns, r.primary) for r in rules] == [(("user_id",), True), (("BadgeNo",), False)]


@pytest.mark.parametrize(
    "name", ["a b", "it's", "select", "naïve ☃", "`", "a\nb", "rule", "1", "  "]
)
def test_odd_names(name: str) -> None:
    assert infer([1, 2], name).name == name


def test_odd_values() -> None:
    odd = ["it's", 'say "x"', "a\nb", "\u2028", "", "back\\slash", "tab\t"]
    assert infer(odd * 3).type == EnumType(tuple(sorted(odd)))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame(), "no columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column 'a' is there 2 times"),
        (pd.DataFrame([[1]], columns=[""]), "column 1 has an empty name"),
        (pd.DataFrame({"a": [1.0, float("inf")]}), "column 'a': it holds infinite"),
        (pd.DataFrame({"a": [1e-18, 1e3]}), "round the column first, to at most 14"),
        (pd.DataFrame({"a": pd.to_timedelta([1])}), "column 'a': duration"),
        (pd.DataFrame({"a": [[1], [2]]}), "column 'a': list<item: int64> is nested"),
        (pd.DataFrame({"a": pd.to_datetime(["2020-01-01 00:00:00.5"])}), "fractions of a second"),
        (pd.DataFrame({"a": pd.to_datetime(["2020-01-01T01"]).tz_localize("UTC")}), "time zone"),
        (pd.DataFrame({"a": pd.array([2**64 - 1], dtype="uint64")}), "64 bits"),
    ],
)
def test_data_that_no_type_holds(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match="cannot infer") as caught:
        Model.from_frame(frame)
    assert message in str(caught.value)


def test_all_problems_are_named() -> None:
    frame = pd.DataFrame({"a": [float("inf")], "b": [1], "c": [[1]]})
    with pytest.raises(DataError) as caught:
        Model.from_frame(frame)
    assert str(caught.value).count("\n") == 2


def test_no_rows() -> None:
    frame = pd.DataFrame({"a": pd.Series([], dtype="int64"), "b": pd.Series([], dtype="str")})
    types = [c.type for c in Model.from_frame(frame).table().columns]
    assert types == [IntegerType(), TextType(1)]

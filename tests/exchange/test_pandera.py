"""pandera: what schema.validate lets pass is what the imported table accepts."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest
from agreement import accepted
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.typing import Series

from synthtab.errors import UsageError
from synthtab.exchange.pandera_schema import from_pandera
from synthtab.exchange.rulesfile import rules_text
from synthtab.frames import encode_frame
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.schema import (
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)


def table_of(schema: Any) -> nodes.Table:
    imported = from_pandera(schema, "t")
    rules_text(imported, "a test")
    return imported.tables[0]


NUMBERS = st.integers(-2, 3)
TEXTS = st.sampled_from(["", "a", "ab", "ba", "aab", "b1"])
BOUNDS = {"ge": pa.Check.ge, "gt": pa.Check.gt, "le": pa.Check.le, "lt": pa.Check.lt,
          "eq": pa.Check.eq, "ne": pa.Check.ne}  # fmt: skip
NUMBER_CHECKS = st.one_of(
    st.builds(lambda name, v: BOUNDS[name](v), st.sampled_from(sorted(BOUNDS)), NUMBERS),
    st.builds(
        lambda ends, a, b: pa.Check.in_range(min(ends), max(ends), include_min=a, include_max=b),
        st.tuples(NUMBERS, NUMBERS).filter(lambda ends: ends[0] + 1 < ends[1]),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(pa.Check.isin, st.lists(NUMBERS, min_size=1, max_size=4)),
    st.builds(pa.Check.notin, st.lists(NUMBERS, min_size=1, max_size=2)),
)
TEXT_CHECKS = st.one_of(
    st.builds(pa.Check.isin, st.lists(TEXTS, min_size=1, max_size=3)),
    st.builds(pa.Check.notin, st.lists(TEXTS, min_size=1, max_size=2)),
    st.builds(pa.Check.eq, TEXTS),
    st.builds(pa.Check.ne, TEXTS),
    st.builds(pa.Check.str_matches, st.sampled_from(["a", "^a+$", "b|ab", r"\w\d", "[^a]"])),
    st.builds(pa.Check.str_contains, st.sampled_from(["a", "^b", r"\d$", "ab"])),
    st.builds(pa.Check.str_startswith, TEXTS),
    st.builds(pa.Check.str_endswith, TEXTS),
    st.builds(lambda n: pa.Check.str_length(min_value=n), st.integers(0, 3)),
    st.builds(lambda n: pa.Check.str_length(1, n), st.integers(1, 3)),
    st.builds(lambda n: pa.Check.str_length(exact_value=n), st.integers(0, 3)),
)


def column(dtype: str, checks: Any) -> st.SearchStrategy[Any]:
    listed = st.lists(checks, max_size=3)
    return st.builds(lambda c, null: pa.Column(dtype, c, nullable=null), listed, st.booleans())


SCHEMAS = st.fixed_dictionaries(
    {
        "n": column("Int64", NUMBER_CHECKS),
        "x": column("float64", NUMBER_CHECKS),
        "s": column("string", TEXT_CHECKS),
    }
)
FRAMES = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | NUMBERS,
            "x": st.none() | st.integers(-4, 6).map(lambda n: n / 2),
            "s": st.none() | TEXTS,
        }
    ),
    min_size=4,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(SCHEMAS, FRAMES)
def test_rows_are_judged_as_pandera_judges_them(columns: Any, rows: list[Any]) -> None:
    schema = pa.DataFrameSchema(columns)
    table = table_of(schema)
    enums = {c.name: c.type.values for c in table.columns if isinstance(c.type, EnumType)}
    x = table.column("x").type
    whole = not (isinstance(x, DecimalType) and x.scale)
    held = [{n: Decimal(str(v)) if isinstance(v, float) else v for n, v in r.items()} for r in rows]
    fits = [
        all(row[n] is None or row[n] in values for n, values in enums.items())
        and not (row["x"] is not None and row["x"] % 1 and whole)
        for row in held
    ]
    ours = [k for k, fit in enumerate(fits) if fit and accepted(table, [held[k]])[0]]
    frame = pd.DataFrame(rows, columns=["n", "x", "s"])
    assert ours == _valid(schema, frame.astype({"n": "Int64", "x": "float64", "s": "string"}))


def _valid(schema: Any, frame: pd.DataFrame) -> list[int]:
    """Return the numbers of the rows that pandera finds nothing wrong with."""
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        wrong = errors.failure_cases["index"]
        assert wrong.notna().all()
        return [k for k in range(len(frame)) if k not in set(wrong)]
    return list(range(len(frame)))


def test_a_frame_that_pandera_accepts_is_read_and_valid() -> None:
    class Order(pa.DataFrameModel):
        id: Series[int] = pa.Field(ge=1, unique=True)
        status: Series[str] = pa.Field(isin=["new", "paid"])
        day: Series[pd.Timestamp] = pa.Field(ge=pd.Timestamp("2020-01-01"))
        net: Series[float] = pa.Field(in_range={"min_value": 0, "max_value": 9.5}, nullable=True)
        size: Series[pd.UInt8Dtype] = pa.Field(lt=200)

        class Config:
            unique = ("status", "day")

    frame = pd.DataFrame(
        {
            "id": [1, 2],
            "status": ["new", "paid"],
            "day": pd.to_datetime(["2020-01-01", "2021-05-06"]).astype("datetime64[ns]"),
            "net": [0.25, None],
            "size": pd.array([0, 199], dtype="UInt8"),
        }
    )
    Order.validate(frame)
    imported = from_pandera(Order)
    (table,) = imported.tables
    assert table.name == "Order"
    assert [c.type for c in table.columns] == [
        IntegerType(), EnumType(("new", "paid")), DatetimeType(), DecimalType(7, 6), IntegerType(),
    ]  # fmt: skip
    assert (table.column("size").lo, table.column("size").hi) == (0, 199)
    assert [(r.name, r.columns) for r in table.unique_rules] == [
        ("id_unique", ("id",)),
        ("status_day_unique", ("status", "day")),
    ]
    assert [n.what for n in imported.notes] == ["a number of any precision"]
    assert len(encode_frame(table.columns, frame)) == 2


def test_types() -> None:
    made = {
        "a": pa.Column(pa.Decimal(10, 2), pa.Check.le(5)),
        "b": pa.Column(pd.CategoricalDtype(["x", "y"])),
        "c": pa.Column(pa.Date),
        "d": pa.Column("int8"),
        "e": pa.Column(str, pa.Check.str_length(max_value=5)),
    }
    table = table_of(pa.DataFrameSchema(made))
    assert [c.type for c in table.columns] == [
        DecimalType(10, 2), EnumType(("x", "y")), DateType(), IntegerType(), TextType(5),
    ]  # fmt: skip
    assert (table.column("d").lo, table.column("d").hi) == (-128, 127)


@pytest.mark.parametrize(
    ("kwargs", "where", "what"),
    [
        ({"checks": pa.Check(lambda s: s > 0)}, "t.x", "the check <lambda>"),
        ({"checks": pa.Check.unique_values_eq([1])}, "t.x", "the check unique_values_eq"),
        ({"checks": pa.Check.ge(1, raise_warning=True)}, "t.x", "the check greater_than_or"),
        ({"checks": pa.Check.ge(1, ignore_na=False), "nullable": True}, "t.x", "the check greater"),
        ({"checks": pa.Check.str_length(1, 2)}, "t.x", "the check str_length(1, 2)"),
        ({"checks": pa.Check.ge("a")}, "t.x", "the bound 'a'"),
        ({"coerce": True}, "t.x", "coerce=True"),
        ({"required": False}, "t.x", "required=False"),
        ({"default": 3}, "t.x", "default=3"),
        ({"unique": True, "nullable": True}, "t", "unique=['x'] of NULLs"),
    ],
)
def test_what_a_column_loses_is_noted(kwargs: Any, where: str, what: str) -> None:
    imported = from_pandera(pa.DataFrameSchema({"x": pa.Column("Int64", **kwargs)}), "t")
    assert any(n.where == where and n.what.startswith(what) for n in imported.notes), imported.notes
    rules_text(imported, "a test")


def test_what_a_schema_loses_is_noted() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = pa.DataFrameSchema(
            {
                "x": pa.Column(int),
                "y_.*": pa.Column(int, regex=True),
                "z": pa.Column(pa.Timedelta),
                "v": pa.Column(),
                3: pa.Column(int),
                "w": pa.Column("datetime64[ns, UTC]"),
            },
            checks=pa.Check(lambda d: d.x > 0, name="positive"),
            index=pa.Index(int, name="i"),
            ordered=True,
        )
    imported = from_pandera(schema, "t")
    assert imported.tables[0].column_names == ("x", "v", "w")
    assert [n.where for n in imported.notes] == [
        "t.y_.*", "t.z", "t.v", "t.3", "t.w", "t", "t", "t",
    ]  # fmt: skip
    assert Model.of(imported.tables)


def test_what_is_no_schema() -> None:
    with pytest.raises(UsageError, match="not a pandera DataFrameSchema"):
        from_pandera(3)
    with pytest.raises(UsageError, match="has no columns"):
        from_pandera(pa.DataFrameSchema({}))

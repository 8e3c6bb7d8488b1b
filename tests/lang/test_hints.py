"""Hints survive printing, are never rules, and are checked."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.errors import ModelError, UsageError
from synthtab.hints import (
    KINDS,
    Exponential,
    Hint,
    Like,
    Lognormal,
    Normal,
    Poisson,
    Shape,
    Uniform,
    Weights,
)
from synthtab.ir import nodes as n
from synthtab.lang.builder import column, like, normal, poisson, table, weights
from synthtab.lang.comments import format_with_comments
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
from synthtab.solver.diff import diff

NUMBERS = st.decimals(Decimal("0.001"), 10**9, allow_nan=False, places=3)
SIGNED = st.decimals(-(10**9), 10**9, allow_nan=False, places=3)
LENGTHS = st.timedeltas(timedelta(seconds=1), timedelta(days=9_999)).map(
    lambda t: timedelta(days=t.days, seconds=t.seconds) or timedelta(1)
)
ENUM = EnumType(("it's", "b", "c"))
NUMERIC = st.one_of(
    st.builds(Uniform),
    st.builds(Normal, SIGNED, NUMBERS),
    st.builds(Lognormal, NUMBERS, NUMBERS),
    st.builds(Exponential, NUMBERS),
)


def weighted(values: tuple[str | bool, ...]) -> st.SearchStrategy[Shape]:
    return st.lists(
        st.tuples(st.sampled_from(values), NUMBERS), min_size=1, unique_by=lambda p: p[0]
    ).map(lambda pairs: Weights(tuple(pairs)))


TYPED: st.SearchStrategy[tuple[ColumnType, Shape]] = st.one_of(
    st.tuples(st.just(IntegerType()), NUMERIC | st.builds(Poisson, NUMBERS)),
    st.tuples(st.just(DecimalType(9, 2)), NUMERIC),
    st.tuples(st.just(DateType()), st.builds(Normal, st.dates(), LENGTHS)),
    st.tuples(
        st.just(DatetimeType()),
        st.builds(Normal, st.datetimes().map(lambda t: t.replace(microsecond=0)), LENGTHS),
    ),
    st.tuples(st.just(ENUM), weighted(ENUM.values)),
    st.tuples(st.just(BooleanType()), weighted((True, False))),
    st.tuples(st.just(TextType(20)), st.builds(Like, st.sampled_from(list(KINDS)))),
)
SHARES = st.none() | st.decimals(0, 1, allow_nan=False, places=4)


@given(st.lists(st.tuples(TYPED, SHARES), min_size=1, max_size=4))
def test_hints_survive_printing(declared: list[tuple[tuple[ColumnType, Shape], Decimal]]) -> None:
    columns = tuple(
        Column(f"c{k}", kind, nulls is not None, hint=Hint(shape, nulls))
        for k, ((kind, shape), nulls) in enumerate(declared)
    )
    model = Model.of([n.Table("t", columns)])
    again = Model.parse(model.to_text())
    assert again == model
    assert again.to_text() == model.to_text()


def test_what_is_built_equals_what_is_written() -> None:
    built = table(
        "t",
        column("a", IntegerType(), hint=poisson(3), optional=True, nulls=Decimal("0.05")),
        column("b", DateType(), hint=normal(date(2020, 1, 1), timedelta(weeks=2))),
        column("c", TextType(9), unique=True, hint=like("email")),
        column("d", BooleanType(), hint=weights({True: 2, False: 1})),
        column("e", DatetimeType(), hint=normal(datetime(2020, 1, 1, 12), timedelta(minutes=90))),
    )
    written = Model.parse("""table t {
      a integer ~ null 5% ~ poisson(3) optional
      b date ~ normal(2020-01-01, 2 weeks)
      c text(9) ~ like_email unique
      d boolean ~ weights(true: 2, false: 1)
      e datetime ~ normal(2020-01-01T12:00, 1.5 hours)
    }""")
    assert Model.of([built]) == written
    with pytest.raises(UsageError, match="exact"):
        column("a", IntegerType(), hint=normal(0.5, 1))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no number for a hint"):
        poisson(True)
    with pytest.raises(ModelError, match="E261"):
        Model.of([table("t", column("a", IntegerType(), hint=like("name")))])
    with pytest.raises(ModelError, match="E260"):
        Model.of([table("t", column("a", TextType(5), hint=like("nme")))])


def test_hints_make_no_difference_to_what_is_allowed() -> None:
    plain = Model.parse("table t {\n  a integer in 0 .. 9\n  b enum('x', 'y')\n}")
    hinted = Model.parse(
        "table t {\n  a integer in 0 .. 9 ~ normal(3, 1)\n  b enum('x', 'y') ~ weights('x': 1)\n}"
    )
    assert plain != hinted
    assert [d.verdict for d in diff(plain.tables, hinted.tables)] == ["equivalent"]


def test_comments_stay_with_hints() -> None:
    text = (
        "table t {\n  # What people earn.\n  pay integer ~ normal(3, 1) # about\n"
        "  mail text(20) unique ~ like_email # made up\n}\n"
    )
    model = Model.parse(text)
    assert model.source is not None
    printed = format_with_comments(model.tables, model.constants, model.source)
    assert re.sub(" +", " ", printed) == re.sub(" +", " ", text)


def test_names_of_shapes_are_names_of_columns_too() -> None:
    model = Model.parse(
        "table t { normal integer ~ uniform uniform integer ~ normal(3, 1) weights text(4)"
        " like_name text(5) ~ like_name rule r: normal > uniform }"
    )
    assert model.table().column_names == ("normal", "uniform", "weights", "like_name")

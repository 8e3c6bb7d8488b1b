"""Values as drivers give them, also those of drivers that are not tested with a database here."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest

from synthtab.codec import encode_arrays
from synthtab.databases.cells import bytes_among, to_arrow
from synthtab.schema import Column, DatetimeType, DecimalType, IntegerType, TextType

MOMENT = datetime(2024, 2, 29, 10)


@pytest.mark.parametrize(
    ("values", "kind", "cells"),
    [
        ([None, None], pa.null(), [None, None]),
        ([1, None], pa.int64(), [1, None]),
        ([True, None], pa.bool_(), [True, None]),
        ([0.1, None], pa.float64(), [0.1, None]),
        (["", "☃"], pa.large_string(), ["", "☃"]),
        ([b"\0", None], pa.large_binary(), [b"\0", None]),
        ([date(1, 1, 1)], pa.date32(), [date(1, 1, 1)]),
        ([MOMENT, None], pa.timestamp("us"), [MOMENT, None]),
        ([MOMENT.replace(tzinfo=UTC)], pa.large_string(), ["2024-02-29T10:00:00+00:00"]),
        ([Decimal("1E+3"), Decimal("0.10")], pa.large_string(), ["1000", "0.10"]),
        ([2**63, 1], pa.large_string(), [str(2**63), "1"]),
        ([1, 0.1, 1e22], pa.large_string(), ["1", "0.1", "1e+22"]),
        ([True, 2, "x", b"\xff"], pa.large_string(), ["true", "2", "x", "x'ff'"]),
        ([date(2024, 1, 2), MOMENT], pa.large_string(), ["2024-01-02", "2024-02-29T10:00:00"]),
        ([time(10, 30)], pa.large_string(), ["10:30:00"]),
    ],
)
def test_values_become_arrays(values: list[object], kind: pa.DataType, cells: list[object]) -> None:
    array = to_arrow(values)
    assert array.type == kind
    assert array.to_pylist() == cells


def test_numbers_of_every_make_have_the_same_codes() -> None:
    column = Column("d", DecimalType(6, 2), True)
    for values in ([1, 0.1, None], ["1.00", ".1", ""], [Decimal(1), Decimal("0.100"), None]):
        batch, problems = encode_arrays([column], [to_arrow(values)])
        assert not problems
        assert batch.codes[:, 0].tolist() == [100, 10, 0]
        assert batch.nulls[:, 0].tolist() == [False, False, True]


def test_a_time_with_a_zone_does_not_fit() -> None:
    column = Column("at", DatetimeType())
    _, problems = encode_arrays([column], [to_arrow([MOMENT.replace(tzinfo=UTC)])], 7)
    assert problems[0].examples == ((7, "2024-02-29T10:00:00+00:00"),)


def test_bytes_are_no_value_of_any_type() -> None:
    for kind in (IntegerType(), TextType(9)):
        found = bytes_among(Column("c", kind), [b"a", None, "b", *[b"\xff"] * 3], 11)
        assert found is not None
        assert found.count == 4
        assert found.examples == ((11, "x'61'"), (14, "x'ff'"), (15, "x'ff'"))
    assert bytes_among(Column("c", kind), ["a", None], 1) is None

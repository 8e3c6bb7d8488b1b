"""Rows and schemas as texts."""

import json
from datetime import date, datetime
from decimal import Decimal

import pytest
from batches import to_batch
from hypothesis import given
from hypothesis import strategies as st
from strategies import make_case

from synthtab.generate.retrieval.query import query_of
from synthtab.generate.retrieval.rowtexts import record_text, row_texts
from synthtab.lang.comments import comments_of
from synthtab.lang.model import Model
from synthtab.schema import Column, IntegerType, TextType

RULES = """# Another table's.
table ward { id integer key }

# Who stays overnight.

table Inpatient {  # of one hospital
  id integer key
  ward_id integer -> ward.id
  birthYear integer in 1900 .. 2030  # by the passport
  dose decimal(6, 2) in 0.50 .. 20
  grade enum('mild', 'severe')
  # Dosing.
  rule low "Severe cases: at least 5": when grade = 'severe' then dose >= 5
  rule room_left: count() per ward_id <= 12
}
# The end.
"""


def test_a_schema_is_told_in_words() -> None:
    model = Model.parse(RULES)
    table = model.table("Inpatient")
    assert query_of(table, model.source).split("\n") == [
        "Inpatient",
        "Who stays overnight.",
        "of one hospital",
        "by the passport",
        "Dosing.",
        "id: whole number",
        "ward id: whole number",
        "birth Year: whole number from 1900 to 2030",
        "dose: number from 0.5 to 20",
        "grade: mild, severe",
        "id key: key (id)",
        "ward id reference: ward_id -> ward.id",
        "Severe cases: at least 5: when grade = 'severe' then dose >= 5",
        "room left: count() per ward_id <= 12",
    ]
    assert "overnight" not in query_of(table)
    assert comments_of(model.table("ward"), model.source) == ("Another table's.",)


@pytest.mark.parametrize("seed", range(20))
def test_any_table_is_a_query_and_its_rows_are_json(seed) -> None:
    case = make_case(seed)
    query = query_of(case.table)
    assert all(rule.name.replace("_", " ") in query for rule in case.table.rules)
    for text, row in zip(row_texts(case.table.columns, case.batch), case.rows, strict=True):
        read = json.loads(text, parse_float=Decimal)
        assert list(read) == list(row)
        for name, value in row.items():
            match value:
                case datetime() | date():
                    assert read[name] == value.isoformat()
                case _:
                    assert read[name] == value


def test_some_columns_of_a_row_are_what_is_known_so_far() -> None:
    columns = (Column("age", IntegerType()), Column('no "te"', TextType(9), optional=True))
    batch = to_batch(columns, [{"age": 40, 'no "te"': None}, {"age": None, 'no "te"': "a\nb"}])
    assert row_texts(columns, batch) == (
        '{"age": 40, "no \\"te\\"": null}',
        '{"age": null, "no \\"te\\"": "a\\nb"}',
    )
    assert row_texts(columns[:1], batch) == ('{"age": 40}', '{"age": null}')
    assert row_texts((), batch) == ("{}", "{}")
    empty = to_batch(columns, [{"age": 1, 'no "te"': None}])
    assert row_texts(columns[1:], empty) == ('{"no \\"te\\"": null}',)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
        max_size=4,
    )
)
def test_records_are_json_whatever_is_in_them(record) -> None:
    read = json.loads(record_text(record.items()))
    for name, value in record.items():
        gone = isinstance(value, float) and value - value != 0
        assert read[name] == (None if gone else value)


def test_decimals_keep_all_their_digits() -> None:
    assert record_text([("a", Decimal("1E+2")), ("b", Decimal("0.10"))]) == '{"a": 100, "b": 0.10}'
    assert (
        record_text([("a", Decimal("NaN")), ("b", b"\x01")]) == '{"a": null, "b": "b\'\\\\x01\'"}'
    )

"""Columns, rows and JSON schemas as grammars."""

from __future__ import annotations

import csv
import io
import json
import random
import re

import pytest
from outlines_core import Index, Vocabulary
from outlines_core.json_schema import build_regex_from_schema
from rule_maker import random_column

from synthtab import schema as s
from synthtab.backends.grammar import column_regex, json_schema, row_regex
from synthtab.ir.nodes import Table


def written(column: s.Column, code: int) -> str:
    value = s.decode_value(column.type, code)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if isinstance(column.type, s.DecimalType) else str(value)


@pytest.mark.parametrize("seed", range(60))
def test_a_column_matches_its_range_and_nothing_beside_it(seed: int) -> None:
    rng = random.Random(seed)
    column = random_column(rng, "x")
    if isinstance(column.type, s.TextType):
        column = s.Column("x", s.IntegerType(), lo=-seed, hi=seed)
    full = re.compile(column_regex(column)).fullmatch
    lo, hi = s.domain(column)
    type_lo, type_hi = s.type_domain(column.type)
    inside = {lo, hi, (lo + hi) // 2, *(rng.randint(lo, hi) for _ in range(20))}
    outside = {c for c in (lo - 1, hi + 1, lo - 10, hi + 10) if type_lo <= c <= type_hi}
    assert all(full(written(column, code)) for code in inside)
    assert not any(full(written(column, code)) for code in outside)


def test_width_pads_integers() -> None:
    column = s.Column("x", s.IntegerType(), lo=8, hi=12)
    full = re.compile(column_regex(column, width=3)).fullmatch
    matched = [t for t in ("008", "012", "013", "007", "8", "12") if full(t)]
    assert matched == ["008", "012"]


def test_text_is_as_long_as_declared() -> None:
    plain = re.compile(column_regex(s.Column("x", s.TextType(3)))).fullmatch
    assert plain("☃\nb")
    assert plain("")
    assert not plain("abcd")
    shaped = re.compile(column_regex(s.Column("x", s.TextType(3, "a|bc")))).fullmatch
    assert shaped("bc")
    assert not shaped("ac")


ROW = Table(
    "t",
    (
        s.Column("n", s.IntegerType(), lo=-3, hi=12),
        s.Column("price", s.DecimalType(6, 2), optional=True, lo=0, hi=99_999),
        s.Column("kind", s.EnumType(("a,b", 'say "x"', "plain", "")), optional=True),
        s.Column("on", s.DateType(), lo=0, hi=365),
        s.Column("at", s.DatetimeType(60)),
        s.Column("ok", s.BooleanType()),
        s.Column("note", s.TextType(8), optional=True),
    ),
)
GOOD = ["-3", "12.30", "a,b", "1970-02-28", "2024-02-29 23:59:00", "true", 'x, "y"']


def line(fields: list[str | None]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="")
    parts = []
    for field in fields:
        out.seek(0)
        out.truncate()
        writer.writerow([field])
        parts.append("" if field is None else out.getvalue())
    return ",".join(parts)


def test_a_row_is_a_csv_line() -> None:
    full = re.compile(row_regex(ROW)).fullmatch
    assert full(line(GOOD))
    for at, value in [
        (1, None),
        (2, None),
        (2, ""),
        (2, 'say "x"'),
        (6, None),
        (6, ""),
        (5, "false"),
    ]:
        changed: list[str | None] = [*GOOD]
        changed[at] = value
        assert full(line(changed)), changed


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, "13"),
        (0, None),
        (1, "12.3"),
        (1, "1000.00"),
        (2, "a"),
        (3, "1971-01-02"),
        (4, "2024-02-29 23:59:30"),
        (4, "2023-02-29 23:59:00"),
        (5, "TRUE"),
        (6, "123456789"),
    ],
)
def test_a_field_out_of_its_column_is_refused(at: int, value: str | None) -> None:
    changed: list[str | None] = [*GOOD]
    changed[at] = value
    assert re.fullmatch(row_regex(ROW), line(changed)) is None


def test_outlines_builds_the_row() -> None:
    tokens = {chr(c).encode(): [c] for c in range(1, 127)}
    index = Index(row_regex(ROW) + "\n", Vocabulary(127, tokens))
    state: int | None = index.get_initial_state()
    for character in line(GOOD) + "\n":
        assert state is not None
        state = index.get_next_state(state, ord(character))
    assert state is not None
    assert index.is_final_state(state)


def test_json_schema_names_every_column() -> None:
    found = json_schema(ROW)
    assert found["required"] == list(ROW.column_names)
    assert found["properties"]["n"] == {
        "type": "integer",
        "minimum": -3,
        "maximum": 12,
        "enum": list(range(-3, 13)),
    }
    assert found["properties"]["note"] == {
        "anyOf": [{"type": "string", "maxLength": 8}, {"type": "null"}]
    }
    pattern = found["properties"]["on"]["pattern"]
    assert re.search(pattern, "1970-12-31")
    assert not re.search(pattern, "1971-01-02")


def test_outlines_keeps_the_ranges_of_the_json_schema() -> None:
    table = Table("t", (ROW.columns[0], ROW.columns[1], ROW.columns[3]))
    full = re.compile(build_regex_from_schema(json.dumps(json_schema(table)))).fullmatch
    assert full('{"n": 12, "price": "12.30", "on": "1970-01-31"}')
    assert full('{"n": -3, "price": null, "on": "1971-01-01"}')
    assert not full('{"n": 13, "price": "12.30", "on": "1970-01-31"}')
    assert not full('{"n": 12, "price": "1000.00", "on": "1970-01-31"}')
    assert not full('{"n": 12, "price": null, "on": "1971-01-02"}')

"""Rows as JSON objects: what is written is read again, and what is no row is refused by name."""

from __future__ import annotations

import json
import random

import pytest
from batches import to_records
from hypothesis import given
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer
from strategies import make_case

from synthtab.generate.rowjson import UnreadableRowError, read_row, row_grammar, write_row
from synthtab.lang.model import Model
from synthtab.schema import Column
from synthtab.solver.rowcells import batch_of, cells_of

COLUMNS = (
    Model.parse(
        """table t {
  n integer in 0 .. 20
  d decimal(5, 2) in -1 .. 10
  e enum('a"b', 'c\\d', '/')
  t text(5) optional
  day date
  at datetime(minute)
  b boolean
}"""
    )
    .table()
    .columns
)
GOOD = {
    "n": "7",
    "d": "1.50",
    "e": '"/"',
    "t": "null",
    "day": '"2024-02-29"',
    "at": '"2024-02-29T23:59:00"',
    "b": "true",
}


def text(**changed: str) -> str:
    return "{" + ", ".join(f'"{k}": {v}' for k, v in (GOOD | changed).items() if v) + "}"


@given(st.integers(0, 5_000))
def test_what_is_written_is_read_again(seed: int) -> None:
    case = make_case(seed, rules=0, rows=3)
    for at in range(len(case.rows)):
        cells = cells_of(case.table, case.batch, at)
        written = write_row(case.table.columns, cells)
        assert list(json.loads(written)) == list(case.table.column_names)
        assert read_row(case.table.columns, f"Sure:\n```{written}```") == cells
        batch = batch_of(case.table, [cells])
        assert to_records(case.table.columns, batch) == [case.rows[at]]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "there is no JSON object in it"),
        ("{'n': 1}", "it is no JSON"),
        ("{" + '"n": [' * 100_000, "nested too deep|it is no JSON"),
        (text(n=""), "it lacks 'n'"),
        (text(extra="1"), "it has 'extra', which is no column"),
        (text()[:-1] + ', "n": 8}', "a key stands in it twice"),
        (text(n="NaN"), "NaN is no value"),
        (text(n="1.5"), "n: "),
        (text(n="true"), "n: True is not a value of integer"),
        (text(n='"7"'), "n: '7' is not a value of integer"),
        (text(n="1e999999999"), "is no number of any column"),
        (text(n="9" * 5_000), "is no number of any column"),
        (text(n=str(2**63)), "n: .* is no integer"),
        (text(n="[1]"), "no object or list"),
        (text(d="1.234"), "d: 1.234 has more than 2 digits"),
        (text(d="12345"), "d: 12345 is no decimal"),
        (text(e='"x"'), "e: 'x' is not one of"),
        (text(t="5"), "t: "),
        (text(t='"\\ud800"'), "half a character"),
        (text(day='"2023-02-29"'), "day: '2023-02-29' is no date"),
        (text(day='"2024-02-29T00:00"'), "day: "),
        (text(at='"2024-02-29T23:59:30"'), "finer than 60 s"),
        (text(at='"2024-02-29T23:59Z"'), "is no datetime"),
        (text(b="1"), "b: "),
    ],
)
def test_what_is_no_row_says_why(said: str, why: str) -> None:
    with pytest.raises(UnreadableRowError, match=why):
        read_row(COLUMNS, said)


def test_values_outside_a_range_are_read() -> None:
    cells = read_row(COLUMNS, text(n="4000", d="-9", t='"too long for it"'))
    assert (cells["n"], cells["d"], cells["t"]) == (4000, -900, "too long for it")
    assert read_row(COLUMNS, text(n="7.0"))["n"] == 7


def accepts(columns: tuple[Column, ...], said: str) -> bool:
    tokenizer = LLTokenizer("byte")
    matcher = LLMatcher(tokenizer, row_grammar(columns))
    assert not matcher.is_error(), matcher.get_error()
    tokens = tokenizer.tokenize_bytes(said.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def test_the_grammar_takes_rows_in_range_alone() -> None:
    assert accepts(COLUMNS, text())
    assert accepts(COLUMNS, text(e='"a\\"b"', t='"ab"'))
    for wrong in (
        text(n="21"),
        text(d="10.01"),
        text(e='"x"'),
        text(t='"abcdef"'),
        text(b="null"),
        text(n=""),
        text() + " ",
    ):
        assert not accepts(COLUMNS, wrong), wrong


def test_rows_of_random_tables_are_in_their_grammar() -> None:
    for seed in random.Random(3).sample(range(1_000), 8):
        case = make_case(seed, rules=0, rows=4)
        if not case.rows:
            continue
        cells = cells_of(case.table, case.batch, 0)
        written = write_row(case.table.columns, cells)
        declared = read_row(case.table.columns, written)
        assert declared == cells
        assert row_grammar(case.table.columns).startswith("start: ")

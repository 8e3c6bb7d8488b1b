"""Mending of keys: told apart, free where they are no value, filled in where they are missing."""

from __future__ import annotations

import pytest
from mended import mended

from synthtab.lang.model import Model


def test_text_keys_are_told_apart_and_kept_in_their_pattern():
    model = Model.parse(
        """
        table badge { code text(8) matching /[A-Z]{2}[0-9]{3}/ key }
        table use { id integer key  code text(8) -> badge.code  other text(8) optional
          rule same: other = badge.code }
        """
    )
    rows = {
        "badge": [{"code": f"AB{k:03d}"} for k in (1, 2, 3, 3, 5)],
        "use": [
            {"id": 1, "code": "AB001", "other": "AB001"},
            {"id": 2, "code": "A-002", "other": None},
            {"id": 3, "code": "AB005", "other": "AB002"},
        ],
    }
    out, after = mended(model, rows)
    assert out.unmended == {}
    assert len({r["code"] for r in after["badge"]}) == 5
    assert after["use"][1]["code"] == "AB002"
    assert len(out.changes) == 3


@pytest.mark.parametrize("wrong", [None, 99], ids=["null", "outside"])
@pytest.mark.parametrize("most", [8, 40])
def test_a_key_that_is_no_value_gets_one_that_is_free(wrong, most):
    model = Model.parse(f"table t {{\n  id integer in 1 .. {most} key\n  n integer\n}}")
    rows = [{"id": at, "n": at} for at in range(1, 9)]
    rows[4]["id"] = wrong
    out, _ = mended(model, {"t": rows})
    assert out.unmended == {}
    assert [(c.row, c.column, c.new) for c in out.changes] == [(4, "id", 5)]


def test_a_part_of_a_key_that_is_null_is_filled_in_though_no_row_is_beside_it():
    model = Model.parse("table t {\n  a integer\n  b integer in 5 .. 9\n  key (a, b)\n}")
    rows = [{"a": at, "b": 5} for at in range(1, 9)]
    rows[4]["b"] = None
    out, after = mended(model, {"t": rows})
    assert out.unmended == {}
    assert [(c.row, c.column) for c in out.changes] == [(4, "b")]
    assert 5 <= after["t"][4]["b"] <= 9

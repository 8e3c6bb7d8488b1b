"""Frictionless descriptors: fields, constraints, keys; what is lost; what is refused."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from agreement import accepted

from synthtab.errors import UsageError
from synthtab.exchange.frictionless import from_frictionless
from synthtab.exchange.rulesfile import rules_text
from synthtab.exchange.settle import settled
from synthtab.lang.model import Model


def read(data: Any, folder: Path | None = None) -> Any:
    imported = settled(from_frictionless(json.dumps(data), "d.json", folder))
    rules_text(imported, "a test")
    return imported


PACKAGE = {
    "name": "shop",
    "resources": [
        {
            "name": "customer",
            "schema": {
                "fields": [
                    {"name": "id", "type": "integer"},
                    {
                        "name": "email",
                        "constraints": {
                            "unique": True,
                            "required": True,
                            "pattern": "[^@]+@.+",
                            "maxLength": 80,
                        },
                    },
                    {
                        "name": "born",
                        "type": "date",
                        "constraints": {"minimum": "1900-01-01", "exclusiveMaximum": "2020-01-01"},
                    },
                    {"name": "tier", "categories": ["basic", {"value": "gold", "label": "Gold"}]},
                    {"name": "since", "type": "year"},
                ],
                "primaryKey": "id",
            },
        },
        {
            "name": "order",
            "schema": {
                "fields": [
                    {"name": "no", "type": "integer", "constraints": {"minimum": 1}},
                    {"name": "customer", "type": "integer", "constraints": {"required": True}},
                    {"name": "rank", "type": "integer", "constraints": {"enum": [1, "2", 4]}},
                    {"name": "total", "type": "number",
                     "constraints": {"enum": ["0.5", "1.25"], "required": True}},
                    {"name": "made", "type": "datetime",
                     "constraints": {"minimum": "2020-01-01T10:00:00Z"}},
                    {"name": "code", "type": "string", "constraints": {"minLength": 2}},
                    {"name": "done", "type": "boolean", "constraints": {"enum": [True]}},
                    {"name": "parent", "type": "integer"},
                ],
                "primaryKey": ["no"],
                "uniqueKeys": [["customer", "made"]],
                "foreignKeys": [
                    {"fields": "customer", "reference": {"resource": "customer", "fields": "id"}},
                    {"fields": ["parent"], "reference": {"fields": ["no"]}},
                ],
            },
        },
    ],
}  # fmt: skip


def test_a_package_becomes_tables() -> None:
    imported = read(PACKAGE)
    assert imported.notes == ()
    assert (
        Model.of(imported.tables).to_text()
        == """table customer {
  id    integer               key
  email text(80) matching /[^@]+@.+/ unique
  born  date                  in 1900-01-01 .. 2019-12-31 optional
  tier  enum('basic', 'gold') optional
  since integer               in -9999 .. 9999 optional
}

table order {
  no       integer       in 1 .. key
  customer integer       -> customer.id
  rank     integer       in 1 .. 4 optional
  total    decimal(3, 2) in 0.5 .. 1.25
  made     datetime      in 2020-01-01T10:00:00 .. optional
  code     text(100000)  optional
  done     boolean       optional
  parent   integer       optional -> order.no

  unique (customer, made)
  rule rank_values: rank in (1, 2, 4)
  rule total_values: total in (0.5, 1.25)
  rule code_length: length(code) >= 2
  rule done_value: done = true
}
"""
    )


@pytest.mark.parametrize(
    ("field", "value", "valid"),
    [
        ({"type": "integer", "constraints": {"minimum": 3}}, 3, True),
        ({"type": "integer", "constraints": {"exclusiveMinimum": 3}}, 3, False),
        ({"type": "integer", "constraints": {"maximum": "3"}}, 4, False),
        ({"type": "number", "constraints": {"maximum": 2.5}}, Decimal("2.5"), True),
        ({"type": "number", "constraints": {"exclusiveMaximum": 2.5}}, Decimal("2.5"), False),
        ({"constraints": {"pattern": "a|b"}}, "ab", False),
        ({"constraints": {"pattern": "a|b"}}, "b", True),
        ({"constraints": {"maxLength": 1}}, "ab", False),
        ({"type": "date", "constraints": {"enum": ["2020-01-01", "2020-01-03"]}},
         date(2020, 1, 2), False),
        ({"type": "datetime", "constraints": {"maximum": "2020-01-01T00:00:00"}},
         datetime(2020, 1, 1), True),
        ({"type": "integer"}, None, True),
        ({"type": "integer", "constraints": {"required": True}}, None, False),
    ],
)  # fmt: skip
def test_constraints(field: Any, value: Any, valid: bool) -> None:
    (table,) = read({"fields": [{"name": "x", **field}]}).tables
    assert accepted(table, [{"x": value}]) == [valid]


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ({"type": "geojson"}, "type geojson"),
        ({"type": "time"}, "type time"),
        ({"format": "email"}, 'format "email"'),
        ({"type": "date", "format": "%d/%m/%Y"}, 'format "%d/%m/%Y"'),
        ({"type": "number", "decimalChar": ","}, 'decimalChar ","'),
        ({"type": "number"}, "a number of any precision"),
        ({"missingValues": ["-"]}, 'missingValues ["-"]'),
        ({"constraints": {"pattern": r"\bx"}}, r'pattern "\\bx"'),
        ({"constraints": {"jsonSchema": {}}}, "jsonSchema {}"),
        ({"type": "boolean", "constraints": {"minimum": True}}, "the bound True"),
        ({"type": "integer", "constraints": {"enum": ["x", 1]}}, 'the value "x"'),
        ({"type": "integer", "constraints": {"minimum": "x"}}, 'minimum "x"'),
        ({"constraints": {"required": "yes"}}, 'required "yes"'),
    ],
)
def test_what_cannot_be_said_is_noted(field: Any, what: str) -> None:
    imported = read({"fields": [{"name": "id", "type": "integer"}, {"name": "x", **field}]})
    assert what in [n.what for n in imported.notes if n.where == "data.x"]


def test_a_reference_that_may_find_several_rows_is_noted() -> None:
    keys = [{"fields": "a", "reference": {"resource": "", "fields": "b"}}]
    fields = [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}]
    imported = read({"fields": fields, "foreignKeys": keys})
    assert imported.tables[0].rules == ()
    assert [(n.where, n.what) for n in imported.notes] == [("data", "rule a_reference")]


def test_a_schema_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"fields": [{"name": "a"}]}', "utf-8")
    package = {"resources": [{"name": "r", "schema": "s.json"}, {"name": "q"},
                             {"name": "p", "schema": "../s.json"}]}  # fmt: skip
    imported = read(package, tmp_path)
    assert [t.name for t in imported.tables] == ["r"]
    assert [n.where for n in imported.notes] == ["q", "p"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "needs a list of `fields`"),
        ('{"fields": []}', "has no field to be a column"),
        ('{"fields": [3]}', "field 1 of `data` has no name"),
        ('{"fields": [{"name": "a", "type": "int"}]}', 'has the type "int"; there are any'),
        ('{"fields": [{"name": "a", "constraints": 3}]}', "the constraints of 'a' are 3"),
        ('{"fields": [{"name": "a"}], "primaryKey": 3}', "'primaryKey' is 3"),
        ('{"fields": [{"name": "a"}], "foreignKeys": 3}', "foreignKeys is 3"),
        ('{"resources": [3]}', "resource 1 is 3, not an object"),
        ('{"resources": [{"name": "a"}]}', "no resource of the package has a schema"),
        ('{"resources": [{"name": "a", "schema": "no.json"}]}', "cannot be read"),
    ],
)
def test_bad_input_is_told(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as told:
        from_frictionless(text, "d.json", tmp_path)
    assert message in str(told.value)

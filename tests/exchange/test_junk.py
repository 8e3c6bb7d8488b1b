"""Descriptors with junk somewhere in them are read with notes, or refused in words."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.errors import ModelError, UsageError
from synthtab.exchange.frictionless import from_frictionless
from synthtab.exchange.imported import Imported
from synthtab.exchange.json_schema import from_json_schema
from synthtab.exchange.rulesfile import rules_text
from synthtab.exchange.settle import settled

JSON_SCHEMA = {
    "title": "t",
    "type": "object",
    "properties": {
        "a": {"type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2},
        "b": {"type": ["string", "null"], "pattern": "^x", "minLength": 1, "maxLength": 3},
        "c": {"enum": ["x", "y"]},
        "d": {"anyOf": [{"type": "number", "multipleOf": 0.5}, {"type": "null"}]},
        "e": {"type": "string", "format": "date"},
        "f": {"$ref": "#/$defs/f"},
    },
    "required": ["a"],
    "dependentRequired": {"b": ["c"]},
    "dependencies": {"c": ["b"]},
    "dependentSchemas": {"e": {"required": ["b"]}},
    "if": {"properties": {"c": {"const": "x"}}},
    "then": {"required": ["b"]},
    "else": {"not": {"required": ["d"]}},
    "oneOf": [{"properties": {"a": {"exclusiveMinimum": 3}}}, {"properties": {"z": {"const": 1}}}],
    "additionalProperties": False,
    "$defs": {"f": {"type": "boolean"}},
}
DESCRIPTOR = {
    "resources": [
        {
            "name": "r",
            "schema": {
                "fields": [
                    {"name": "a", "type": "integer", "constraints": {"minimum": 1, "enum": [1]}},
                    {"name": "b", "constraints": {"pattern": "x", "minLength": 1, "maxLength": 2}},
                    {"name": "c", "type": "date", "format": "default", "missingValues": [""]},
                    {"name": "d", "categories": [{"value": "x"}], "constraints": {"unique": True}},
                ],
                "primaryKey": ["a"],
                "uniqueKeys": [["a", "b"]],
                "foreignKeys": [{"fields": ["a"], "reference": {"resource": "r", "fields": ["a"]}}],
            },
        }
    ]
}
JUNK = st.sampled_from(
    [None, True, 3, -1, 0, 2.5, 1e300, "", "x", "a`b\n}", "#/$defs/f", [], [1], ["a"], [[]], [{}],
     [None, "a", 1], {}, {"a": 1}, {"type": "integer"}, {"": {}}, {"const": None}, "integer"]
)  # fmt: skip


def junked(data: Any) -> st.SearchStrategy[Any]:
    paths = [p for p in places(data) if p]

    def put(changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
        made = copy.deepcopy(data)
        for path, junk in changes:
            target = made
            try:
                for key in path[:-1]:
                    target = target[key]
                target[path[-1]] = copy.deepcopy(junk)
            except (KeyError, IndexError, TypeError):
                continue
        return made

    changes = st.lists(st.tuples(st.sampled_from(paths), JUNK), min_size=1, max_size=3)
    return changes.map(put)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [path, *(p for key, each in items for p in places(each, (*path, key)))]


@pytest.mark.parametrize(
    ("read", "data"),
    [(from_json_schema, JSON_SCHEMA), (from_frictionless, DESCRIPTOR)],
    ids=["json-schema", "frictionless"],
)
def test_junk_is_no_crash(read: Callable[[str, str], Imported], data: Any) -> None:
    rules_text(settled(read(json.dumps(data), "d.json")), "d.json")

    @settings(max_examples=300, deadline=None)
    @given(junked(data))
    def judge(made: Any) -> None:
        with contextlib.suppress(UsageError, ModelError):  # nothing else, least of all a defect
            rules_text(settled(read(json.dumps(made), "d.json")), "d.json")

    judge()

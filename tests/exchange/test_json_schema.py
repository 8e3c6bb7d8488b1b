"""JSON Schema: rows that the jsonschema package accepts are those the imported table accepts."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from agreement import Row, accepted
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.backends.grammar import json_schema
from synthtab.errors import UsageError
from synthtab.exchange.json_schema import from_json_schema
from synthtab.exchange.rulesfile import rules_text
from synthtab.exchange.settle import settled
from synthtab.ir.nodes import Table
from synthtab.lang.model import Model
from synthtab.schema import BooleanType, DateType, DecimalType, EnumType, IntegerType, TextType

RULES = sorted((Path(__file__).parents[2] / "rules").glob("*.rules"))


def read(schema: Any, **kwargs: str) -> Any:
    return from_json_schema(json.dumps(schema, default=float), **kwargs)


def only(schema: Any) -> Table:
    imported = read(schema)
    rules_text(imported, "a test")
    (table,) = imported.tables
    return table


def rules_of(schema: Any) -> list[str]:
    text = Model.of([only(schema)]).to_text()
    return [line.strip() for line in text.splitlines() if line.strip().startswith("rule ")]


# Random schemas and rows. Values and constants come from the same few, so that ends are hit.

NUMBERS = st.integers(-2, 3)
TEXTS = st.sampled_from(["", "a", "ab", "b1", "abab", "1"])
PATTERNS = st.sampled_from(["a", "^a", "b$", "^a|1$", "^(?:ab)+$", r"\d", r"^\w{2}$", "[^a]", "^$"])
COLUMNS = {"n": NUMBERS, "m": NUMBERS, "t": TEXTS, "u": TEXTS, "f": st.booleans()}
DECIMALS = st.integers(-20, 30).map(lambda n: Decimal(n) / 10)
KINDS = {
    "n": "integer",
    "m": "integer",
    "t": "string",
    "u": "string",
    "f": "boolean",
    "d": "number",
}


def leaf(name: str) -> st.SearchStrategy[Any]:
    kind = KINDS[name]
    found = []
    if kind in ("integer", "number"):
        words = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
        found += [st.fixed_dictionaries({word: NUMBERS}) for word in words]
    if kind == "string":
        found += [st.fixed_dictionaries({"pattern": PATTERNS})]
        found += [st.fixed_dictionaries({w: st.integers(0, 3)}) for w in ("minLength", "maxLength")]
    values = {"integer": NUMBERS, "string": TEXTS, "boolean": st.booleans(), "number": NUMBERS}[
        kind
    ]
    found.append(st.fixed_dictionaries({"const": st.none() | values}))
    found.append(
        st.fixed_dictionaries({"enum": st.lists(st.none() | values, min_size=1, max_size=3)})
    )
    if kind != "number":
        listed = st.sampled_from([kind, [kind, "null"], "null", "array"])
        found.append(st.fixed_dictionaries({"type": listed}))
    return st.one_of(found)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.fixed_dictionaries({"anyOf": some}),
        st.fixed_dictionaries({"oneOf": some}),
        st.fixed_dictionaries({"allOf": some}),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"if": inner}, optional={"then": inner, "else": inner}),
    )


def value_schema(name: str) -> st.SearchStrategy[Any]:
    return st.recursive(leaf(name) | st.booleans(), nested, max_leaves=3)


NAMES = st.sampled_from(sorted(KINDS))
ONE = NAMES.flatmap(lambda n: value_schema(n).map(lambda s: {"properties": {n: s}}))
NEEDED = st.lists(NAMES, max_size=2, unique=True)
ROW = st.recursive(
    st.one_of(
        ONE,
        ONE,
        st.fixed_dictionaries({"required": NEEDED}),
        st.fixed_dictionaries({"dependentRequired": st.dictionaries(NAMES, NEEDED, max_size=1)}),
        st.fixed_dictionaries({"dependentSchemas": st.dictionaries(NAMES, ONE, max_size=1)}),
    ),
    nested,
    max_leaves=4,
)


def property_schema(name: str) -> st.SearchStrategy[Any]:
    kind = KINDS[name]
    types = st.sampled_from([kind, kind, [kind, "null"]])
    plain = st.fixed_dictionaries({"type": types})
    made = st.builds(lambda a, b: {**a, **b}, leaf(name).filter(lambda s: "type" not in s), plain)
    made = plain | made
    if kind == "number":
        made = made.map(lambda s: {**s, "multipleOf": Decimal("0.1")})
    return made | st.builds(lambda a, b: {**a, "allOf": [b]}, made, value_schema(name))


SCHEMA = st.builds(
    lambda properties, required, clauses: {
        "type": "object",
        "properties": properties,
        "required": required,
        "allOf": clauses,
    },
    st.fixed_dictionaries({name: property_schema(name) for name in KINDS}),
    st.lists(NAMES, unique=True),
    st.lists(ROW, max_size=3),
)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {n: st.none() | (DECIMALS if KINDS[n] == "number" else COLUMNS[n]) for n in KINDS}
    ),
    min_size=6,
    max_size=12,
)


def instance(schema: Any, row: Row) -> dict[str, Any]:
    """Return a row as JSON: null where the property admits it, else left out."""
    valid = {
        n: jsonschema.Draft202012Validator(s).is_valid(None)
        for n, s in schema["properties"].items()
    }
    return {n: v for n, v in row.items() if v is not None or valid[n]}


@settings(max_examples=60, deadline=None)
@given(SCHEMA, RECORDS)
def test_rows_are_judged_as_jsonschema_judges_them(schema: Any, rows: list[Row]) -> None:
    imported = read(schema)
    lost = [n for n in imported.notes if n.what != "null, or left out"]
    (table,) = settled(imported).tables
    within = [made for row in rows if (made := _fitted(table, row)) is not None]
    judge = jsonschema.Draft202012Validator(schema)
    truth = [judge.is_valid(instance(schema, row)) for row in within]
    ours = accepted(table, within)
    if not lost:
        assert ours == truth
    assert all(mine or not true for mine, true in zip(ours, truth, strict=True))  # never stricter


def _fitted(table: Table, row: Row) -> Row | None:
    """Return a row as its columns hold it; None where one cannot hold such a value at all."""
    kinds = {c.name: c.type for c in table.columns}
    if set(row) != set(kinds):
        return None
    made = dict(row)
    for name, value in row.items():
        kind = kinds[name]
        if isinstance(kind, EnumType) and value is not None and value not in kind.values:
            return None
        if isinstance(kind, IntegerType) and isinstance(value, Decimal):
            if value % 1:
                return None
            made[name] = int(value)
    return made


def test_what_no_value_fits_is_said_so() -> None:
    integer = {"type": "integer"}
    base = {"properties": {"a": {**integer, "minimum": 5, "maximum": 1}, "b": integer}}
    assert rules_of(base) == ["rule a_values: a is null"]
    base = {"properties": {"a": {"enum": ["x"], "const": "y"}}, "anyOf": [False]}
    assert rules_of(base) == ["rule a_values: a is null", "rule any_of: false"]


def test_a_negation_lets_null_be() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "not": {"const": 1}}}}
    assert read(schema).notes == ()
    assert accepted(only(schema), [{"n": 1}, {"n": 2}, {"n": None}]) == [False, True, True]


@pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)
def test_what_we_compile_comes_back(path: Path) -> None:
    for table in Model.load(path).tables:
        made = json_schema(table)
        (back,) = from_json_schema(json.dumps(made)).tables
        assert back.columns == table.columns
        assert (back.row_rules, back.unique_rules) == (table.row_rules, table.unique_rules)
        # A schema that was changed since is read by what it says, not by what it was made of.
        made["properties"][table.columns[0].name] = {"type": "integer", "minimum": 41}
        imported = from_json_schema(json.dumps(made))
        assert imported.tables[0].columns[0].lo == 41
        assert any(n.what == "x-rules" for n in imported.notes)


def test_without_our_word_the_columns_json_has_come_back() -> None:
    model = Model.parse(
        "table t { a integer in -3 .. 5 b integer optional c boolean optional"
        " d enum('x', 'y') e text(9) }"
    )
    made = json_schema(model.tables[0])
    del made["x-rules"]
    imported = from_json_schema(json.dumps(made))
    assert (imported.tables, imported.notes) == (model.tables, ())


def test_types_and_ranges() -> None:
    table = only(
        {
            "title": "Line item",
            "type": "object",
            "properties": {
                "id": {"type": "integer", "minimum": 0.5, "exclusiveMaximum": 10},
                "price": {"type": "number", "multipleOf": 0.01, "exclusiveMinimum": 0,
                          "maximum": 99.5},
                "step": {"type": "number", "multipleOf": 5, "minimum": 0, "maximum": 12},
                "day": {"type": ["string", "null"], "format": "date"},
                "kind": {"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]},
                "sure": {"type": "boolean", "nullable": True},
                "code": {"$ref": "#/$defs/code"},
            },
            "required": ["id", "price", "step", "day", "kind", "sure", "code"],
            "$defs": {"code": {"type": "string", "pattern": "^[A-Z]\\d$", "maxLength": 2}},
        }
    )  # fmt: skip
    assert table.name == "line_item"
    assert [c.type for c in table.columns] == [
        IntegerType(), DecimalType(4, 2), IntegerType(), DateType(), EnumType(("a", "b")),
        BooleanType(), TextType(2, "[A-Z][0-9]"),
    ]  # fmt: skip
    assert [(c.lo, c.hi) for c in table.columns[:3]] == [(1, 9), (1, 9950), (0, 10)]
    assert [c.name for c in table.columns if c.optional] == ["day", "sure"]
    assert accepted(Table("t", table.columns[2:3], table.rules), [{"step": 5}, {"step": 6}]) == [
        True,
        False,
    ]
    day = Table("t", table.columns[3:4])
    assert accepted(day, [{"day": date(2020, 1, 1)}, {"day": None}]) == [True, True]


def test_conditions_become_rules() -> None:
    properties = {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"enum": ["x", "y"]}}
    base = {"properties": properties, "required": ["a", "c"]}
    assert rules_of({**base, "dependentRequired": {"b": ["a"]}}) == []
    assert rules_of({**base, "dependencies": {"a": ["b"]}}) == ["rule dependent: b is not null"]
    chosen = {"if": {"properties": {"c": {"const": "x"}}}, "then": {"required": ["b"]}}
    assert rules_of({**base, **chosen}) == ["rule if_then: when c = 'x' then b is not null"]
    told = {"allOf": [{"description": "x needs b", **chosen}]}
    assert rules_of({**base, **told}) == [
        "rule if_then \"x needs b\": when c = 'x' then b is not null"
    ]
    either = {"anyOf": [{"properties": {"a": {"minimum": 3}}}, {"not": {"required": ["b"]}}]}
    assert rules_of({**base, **either}) == ["rule any_of: a >= 3 or b is null"]


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ({"type": "array", "items": {"properties": {"a": {"type": "integer"}}}}, ["data"]),
        (
            {
                "properties": {
                    "orders": {"type": "array", "items": {"$ref": "#/$defs/order"}},
                    "lines": {"items": {"properties": {"b": {"type": "string"}}}},
                },
                "$defs": {"order": {"properties": {"a": {"type": "integer"}}}},
            },
            ["orders", "lines"],
        ),
        (
            {
                "definitions": {
                    "x": {"properties": {"a": {"type": "integer"}}},
                    "y": {"type": "string"},
                }
            },
            ["x"],
        ),
        ({"$ref": "#row", "$defs": {"r": {"$anchor": "row", "properties": {"a": {"const": 1}}}}},
         ["data"]),
    ],
)  # fmt: skip
def test_where_rows_are_found(schema: Any, names: list[str]) -> None:
    assert [t.name for t in read(schema).tables] == names


@pytest.mark.parametrize(
    ("schema", "lost"),
    [
        ({"type": "integer", "multipleOf": 7}, "multipleOf 7"),
        ({"type": "string", "format": "email"}, 'format "email"'),
        ({"type": "string", "pattern": "(?=a)b"}, 'pattern "(?=a)b"'),
        ({"type": ["string", "integer"]}, "values of several types (integer, string)"),
        ({"type": "array", "items": {"type": "string"}}, "a list or an object"),
        ({"type": "number"}, "a number of any precision"),
        ({"minimum": 3}, "no type"),
        ({"type": "integer", "not": {"multipleOf": 2}}, 'not {"multipleOf": 2}'),
        ({"type": "string", "contentSchema": {}}, "contentSchema {}"),
    ],
)
def test_what_cannot_be_said_is_noted(schema: Any, lost: str) -> None:
    imported = read({"properties": {"id": {"type": "integer"}, "x": schema}})
    assert lost in [n.what for n in imported.notes if n.where == "data.x"]
    assert "# Not imported: " in rules_text(imported, "a test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON: Expecting property name"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ("[1]", "is no JSON schema: it is [1], not an object"),
        ("{}", "describes no rows"),
        ('{"properties": {"a": 3}}', "#/properties/a is 3, not a schema"),
        ('{"properties": [1]}', "#/properties is [1], not an object of schemas"),
        ('{"properties": {"a": {"minLength": -1}}}', "minLength is -1, not a whole number"),
        ('{"enum": 3}', "#/enum is 3, not a list of values"),
        ('{"properties": {"a": {"type": "int"}}}', 'there is no type "int"; JSON has array'),
        ('{"properties": {"a": {"$ref": "#/$defs/b"}}}', "leads nowhere: there is no '$defs'"),
        ('{"properties": {"a": {"$ref": "other.json"}}}', "leads out of the file"),
        ('{"properties": {"a": {"$ref": "#x"}}}', "no schema has this $anchor"),
        ('{"$ref": "#"}', "leads back to itself"),
        ('{"properties": {"a": {"const": 1}}, "required": "a"}', 'required is "a", not a list'),
        ('{"properties": {"a": {"anyOf": {}}}}', "anyOf is {}, not a list of schemas"),
        ('{"properties": {"a": {"type": "array"}}}', "has no property to be a column"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_bad_input_is_told(text: str, message: str) -> None:
    with pytest.raises(UsageError) as told:
        from_json_schema(text, "s.json")
    assert message in str(told.value)

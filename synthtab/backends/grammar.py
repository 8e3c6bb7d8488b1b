"""Columns and rows as regular expressions and as a JSON schema.

What is said here is what one column may hold: its type and its declared range. Rules between
columns are left to the Plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from synthtab.backends.ranges import (
    date_regex,
    datetime_regex,
    decimal_regex,
    escape,
    number_regex,
)
from synthtab.backends.support import Unsupported, answers
from synthtab.ir.nodes import Table
from synthtab.lang.format import format_tables
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    domain,
)

__all__ = [
    "SUPPORTS",
    "column_regex",
    "date_regex",
    "datetime_regex",
    "decimal_regex",
    "json_schema",
    "number_regex",
    "row_regex",
]

SUPPORTS = answers(
    Unsupported("a regular expression says what one column may hold; rules are left to the Plan")
)

# A range of at most this many integers is listed in a JSON schema, because Outlines ignores
# ``minimum`` and ``maximum``.
_MAX_LISTED = 256


def column_regex(column: Column, width: int | None = None) -> str:
    """Return the regular expression of the column's values, written as in a data file; NULL apart.

    ``width`` pads integers with zeros to that many digits. A text column with a pattern has that
    pattern; its length is then not looked at.
    """
    lo, hi = domain(column)
    match column.type:
        case IntegerType():
            return number_regex(lo, hi, width=width)
        case DecimalType(_, scale):
            return decimal_regex(lo, hi, scale)
        case DateType():
            return date_regex(lo, hi)
        case DatetimeType(resolution):
            return datetime_regex(lo, hi, resolution)
        case BooleanType():
            return _any(["false", "true"][lo : hi + 1])
        case EnumType(values):
            return _strings(values[lo : hi + 1])
        case TextType(length, pattern):
            return f"(?s:.){{0,{length}}}" if pattern is None else f"(?:{pattern})"


def row_regex(table: Table) -> str:
    r"""Return the regular expression of a CSV line, without its line end.

    Fields are in quotes where they must be. NULL is an empty field, and an empty string is ``""``.
    A pattern of a text column is taken as it is, so it should match nothing that needs quotes.
    Outlines needs an end after it (``row_regex(table) + "\n"``): its index loses what goes on from
    a complete match over an incomplete one, as a quote that turns out to be the first of two does.
    """
    return ",".join(_field_regex(c) for c in table.columns)


def json_schema(table: Table) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a row as an object, every column a property.

    Decimals, dates and datetimes are strings with a pattern that has their range. Integers have
    ``minimum`` and ``maximum``, and are listed as an ``enum`` as well where they are few. JSON
    Schema has no words for decimals, dates, keys and sums: ``x-rules`` has the table in the rules
    language, without what depends on other rows, for ``rulecheck import`` to find.
    """
    alone = tuple(r for r in table.rules if r in table.row_rules or r in table.unique_rules)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": table.name,
        "type": "object",
        "properties": {c.name: _property(c) for c in table.columns},
        "required": list(table.column_names),
        "additionalProperties": False,
        "x-rules": format_tables([replace(table, rules=alone)]),
    }


def _field_regex(column: Column) -> str:
    lo, hi = domain(column)
    match column.type:
        case EnumType(values):
            found = _strings([_csv_field(v) for v in values[lo : hi + 1]])
        case TextType(length, None):
            found = f'(?:[^",\\r\\n]{{1,{length}}}|"(?:[^"]|""){{0,{length}}}")'
        case _:
            found = column_regex(column)
    return f"(?:{found})?" if column.optional else found


def _csv_field(text: str) -> str:
    plain = text and text == text.strip() and not any(c in text for c in ',"\r\n')
    return text if plain else '"' + text.replace('"', '""') + '"'


def _property(column: Column) -> dict[str, Any]:
    lo, hi = domain(column)
    found: dict[str, Any]
    match column.type:
        case IntegerType():
            found = {"type": "integer", "minimum": lo, "maximum": hi}
            if hi - lo < _MAX_LISTED:
                found["enum"] = list(range(lo, hi + 1))
        case BooleanType():
            found = {"type": "boolean"} if lo < hi else {"const": bool(lo)}
        case EnumType(values):
            found = {"type": "string", "enum": list(values[lo : hi + 1])}
        case TextType(length, None):
            found = {"type": "string", "maxLength": length}
        case DatetimeType(resolution):
            pattern = datetime_regex(lo, hi, resolution, mark="T")
            found = {"type": "string", "pattern": f"^{pattern}$"}
        case _:
            found = {"type": "string", "pattern": f"^{column_regex(column)}$"}
    return {"anyOf": [found, {"type": "null"}]} if column.optional else found


def _strings(texts: Sequence[str]) -> str:
    """Return the expression of several strings, none before one that it is the start of."""
    return _any([escape(t) for t in sorted(texts, key=len, reverse=True)])


def _any(options: list[str]) -> str:
    return options[0] if len(options) == 1 else f"(?:{'|'.join(options)})"

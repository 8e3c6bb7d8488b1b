"""A table's schema as a query in plain words."""

from __future__ import annotations

import re
from decimal import Decimal

from synthtab.diagnostics import Source
from synthtab.ir import nodes
from synthtab.lang.comments import comments_of
from synthtab.lang.format import rule_body
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
    decode_value,
)

_VALUES_NAMED = 20
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def query_of(table: nodes.Table, source: Source | None = None) -> str:
    """Return what a table is about: its names, comments, types, ranges and rules, a line each.

    Names are taken apart into words (``education_num``, ``HireDate``). Comments are those above and
    within the table in ``source``, the text that its model was read from (``model.source``).
    """
    lines = [_words(table.name)]
    if source is not None:
        lines += comments_of(table, source)
    lines += [_column(column) for column in table.columns]
    lines += [_rule(rule) for rule in table.rules]
    return "\n".join(lines)


def _column(column: Column) -> str:
    line = f"{_words(column.name)}: {_type(column.type)}"
    for word, end in (("from", column.lo), ("to", column.hi)):
        if end is not None:
            value = decode_value(column.type, end)
            plain = format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
            line += f" {word} {plain}"
    return line


def _type(kind: ColumnType) -> str:
    match kind:
        case EnumType(values):
            named = ", ".join(values[:_VALUES_NAMED])
            return named + (", ..." if len(values) > _VALUES_NAMED else "")
        case IntegerType():
            return "whole number"
        case DecimalType():
            return "number"
        case DateType():
            return "date"
        case DatetimeType():
            return "date and time"
        case BooleanType():
            return "yes or no"
        case TextType():
            return "text"


def _rule(rule: nodes.Rule) -> str:
    """Return a rule: its description where it has one, and what it says."""
    return f"{rule.description or _words(rule.name)}: {rule_body(rule)}"


def _words(name: str) -> str:
    return " ".join(_HUMP.sub(" ", name).replace("_", " ").split())

"""Printing tables in the rules language, so that parsing the print gives the same tables.

Columns stand in aligned fields; a condition that does not fit a line is broken at its loosest
operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from synthtab.ir import nodes
from synthtab.lang.layout import broken
from synthtab.lang.quoting import write_description, write_name, write_pattern, write_string
from synthtab.lang.tree import default_rule_name
from synthtab.lang.write import format_node, format_value
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

WIDTH = 100
_INDENT = "  "


def format_tables(tables: Sequence[nodes.Table]) -> str:
    """Return tables as the text of a rules file, with a newline at its end."""
    return "\n".join(format_table(table) for table in tables)


def format_table(table: nodes.Table) -> str:
    """Return one table as text, with a newline at its end."""
    attached = _attached(table)
    rest = table.rules[sum(len(words) for words in attached.values()) :]
    lines = [f"table {write_name(table.name)} {{"]
    names = [write_name(c.name) for c in table.columns]
    types = [format_type(c.type) for c in table.columns]
    name_width = min(24, max(map(len, names), default=0))
    type_width = max((len(t) for t in types if len(t) <= 24), default=0)
    for column, name, kind in zip(table.columns, names, types, strict=True):
        extra = " ".join([*_modifiers(column), *attached.get(column.name, ())])
        head = f"{_INDENT}{name:<{name_width}} "
        if len(head) + len(kind) + len(extra) + 1 > WIDTH and isinstance(column.type, EnumType):
            kind = _wrapped_enum(column.type.values, len(head))
        field = f"{kind:<{type_width}}" if extra else kind
        lines.append(f"{head}{field} {extra}".rstrip())
    if rest:
        lines.append("")
    lines.extend(_rule(rule) for rule in rest)
    lines.append("}")
    return "\n".join(lines) + "\n"


def format_type(kind: ColumnType) -> str:
    """Return a column type as text."""
    match kind:
        case IntegerType():
            return "integer"
        case DecimalType(precision, scale):
            return f"decimal({precision}, {scale})"
        case DateType():
            return "date"
        case DatetimeType(resolution):
            return {1: "datetime", 60: "datetime(minute)", 3600: "datetime(hour)"}[resolution]
        case BooleanType():
            return "boolean"
        case EnumType(values):
            return f"enum({', '.join(map(write_string, values))})"
        case TextType(length, pattern):
            return f"text({length})" + (
                f" matching {write_pattern(pattern)}" if pattern is not None else ""
            )


def _attached(table: nodes.Table) -> dict[str, list[str]]:
    """Say which columns carry `key` or `unique`.

    These are the first rules, as far as they stand in the order the parser would make them in.
    """
    words: dict[str, list[str]] = {}
    order = {name: at for at, name in enumerate(table.column_names)}
    last, seen = -1, set[tuple[str, bool]]()
    for rule in table.rules:
        if not isinstance(rule, nodes.UniqueRule) or len(rule.columns) != 1:
            break
        name = rule.columns[0]
        default = default_rule_name(rule.columns, primary=rule.primary)
        at = order.get(name, -1)
        if rule.name != default or rule.description is not None or at < max(last, 0):
            break
        if (name, rule.primary) in seen:
            break
        seen.add((name, rule.primary))
        words.setdefault(name, []).append("key" if rule.primary else "unique")
        last = at
    return words


def _modifiers(column: Column) -> list[str]:
    out = []
    if column.lo is not None or column.hi is not None:
        ends = ["" if end is None else _end(column.type, end) for end in (column.lo, column.hi)]
        out.append(f"in {ends[0]} .. {ends[1]}".replace("  ", " ").rstrip())
    return [*out, "optional"] if column.optional else out


def _end(kind: ColumnType, code: int) -> str:
    """Return an end of a range, without zeros after the last digit that counts."""
    value = decode_value(kind, code)
    return format_value(value.normalize() if isinstance(value, Decimal) else value)


def _wrapped_enum(values: Sequence[str], indent: int) -> str:
    lines: list[str] = []
    line = "enum("
    pad = " " * (indent + len("enum("))
    for at, value in enumerate(values):
        piece = write_string(value) + (", " if at < len(values) - 1 else ")")
        if (
            len(line) + len(piece) > WIDTH - (indent if not lines else 0)
            and line.strip() != "enum("
        ):
            lines.append(line.rstrip())
            line = pad
        line += piece
    return "\n".join([*lines, line])


def _rule(rule: nodes.Rule) -> str:
    head = f"{_INDENT}rule {write_name(rule.name)}"
    if rule.description is not None:
        head += f" {write_description(rule.description)}"
    if isinstance(rule, nodes.UniqueRule):
        word = "key" if rule.primary else "unique"
        what = f"{word} ({', '.join(map(write_name, rule.columns))})"
        default = default_rule_name(rule.columns, primary=rule.primary)
        if rule.name == default and rule.description is None:
            return f"{_INDENT}{what}"
        return f"{head}: {what}"
    line = f"{head}: {format_node(rule.condition)}"
    if len(line) <= WIDTH:
        return line
    pad = _INDENT * 2
    return f"{head}:\n" + "\n".join(pad + part for part in broken(rule.condition, WIDTH - len(pad)))

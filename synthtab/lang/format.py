"""Printing tables in the rules language, so that parsing the print gives the same tables.

Columns stand in aligned fields; a condition that does not fit a line is broken at its loosest
operators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from synthtab.diagnostics import Span
from synthtab.ir import nodes
from synthtab.ir.relations import percent
from synthtab.ir.walk import descendants
from synthtab.lang.hints import write_hint
from synthtab.lang.layout import broken
from synthtab.lang.quoting import (
    write_description,
    write_name,
    write_names,
    write_pattern,
    write_string,
)
from synthtab.lang.ruletree import default_rule_name
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


@dataclass(frozen=True)
class Chunk:
    """A column, a rule, a table's first or last line, or a constant, as it is printed.

    ``line`` is where it began in the source, ``indent`` is for comments above it; ``gap`` says that
    it follows a blank line, ``ends`` that it closes a table.
    """

    text: str
    line: int | None = None
    indent: str = ""
    gap: bool = False
    ends: bool = False


def format_tables(
    tables: Sequence[nodes.Table], constants: Sequence[nodes.Constant] | None = None
) -> str:
    """Return tables as the text of a rules file, with a newline at its end.

    ``constants`` are those that the rules name, unless given.
    """
    known = constants_of(tables) if constants is None else constants
    lines: list[str] = []
    for chunk in chunks(tables, known):
        lines += ["", chunk.text] if chunk.gap and lines else [chunk.text]
    return "\n".join(lines) + "\n"


def chunks(
    tables: Sequence[nodes.Table],
    constants: Sequence[nodes.Constant],
    closing: Sequence[int] = (),
) -> Iterator[Chunk]:
    """Yield the parts of a rules file, in order.

    ``closing`` are the lines on which the source closed its tables, where there is a source.
    """
    for constant in constants:
        text = f"const {write_name(constant.name)} = {format_value(constant.value)}"
        yield Chunk(text, _line(constant.span))
    for at, table in enumerate(tables):
        yield from _table(table, closing[at] if at < len(closing) else None)


def _line(span: Span | None) -> int | None:
    return None if span is None else span.line


def constants_of(tables: Sequence[nodes.Table]) -> tuple[nodes.Constant, ...]:
    """Return the constants that columns and rules of tables name, in the order of first use."""
    found: dict[nodes.Constant, None] = {}
    for column in (column for table in tables for column in table.columns):
        for code, name in ((column.lo, column.lo_name), (column.hi, column.hi_name)):
            if code is not None and name is not None:
                found[nodes.Constant(name, decode_value(column.type, code))] = None
    for rule in (rule for table in tables for rule in table.rules):
        for part in (getattr(rule, "condition", None), getattr(rule, "where", None)):
            for node in () if part is None else descendants(part):
                name = getattr(node, "constant", None)
                if isinstance(node, nodes.Literal) and name is not None:
                    found[nodes.Constant(name, node.value)] = None
                elif isinstance(node, nodes.Quantity) and name is not None:
                    found[nodes.Constant(name, node.amount)] = None
                elif isinstance(node, nodes.GapFree) and name is not None:
                    found[nodes.Constant(name, node.start)] = None
    return tuple(found)


def _table(table: nodes.Table, closing: int | None) -> Iterator[Chunk]:
    yield Chunk(f"table {write_name(table.name)} {{", _line(table.span), gap=True)
    attached = _attached(table)
    rest = table.rules[sum(len(words) for words in attached.values()) :]
    names = [write_name(c.name) for c in table.columns]
    types = [format_type(c.type) for c in table.columns]
    name_width = min(24, max(map(len, names), default=0))
    type_width = max((len(t) for t in types if len(t) <= 24), default=0)
    for column, name, kind in zip(table.columns, names, types, strict=True):
        words = [*_modifiers(column), *attached.get(column.name, ()), *write_hint(column.hint)]
        extra = " ".join(words)
        head = f"{_INDENT}{name:<{name_width}} "
        if len(head) + len(kind) + len(extra) + 1 > WIDTH and isinstance(column.type, EnumType):
            kind = _wrapped_enum(column.type.values, len(head))
        field = f"{kind:<{type_width}}" if extra else kind
        yield Chunk(f"{head}{field} {extra}".rstrip(), _line(column.span), _INDENT)
    for at, rule in enumerate(rest):
        yield Chunk(_rule(rule), _line(rule.span), _INDENT, gap=at == 0)
    yield Chunk("}", closing, _INDENT, ends=True)


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
    """Say which columns carry `key`, `unique` or a reference.

    These are the first rules, as far as they stand in the order the parser would make them in.
    """
    words: dict[str, list[str]] = {}
    order = {name: at for at, name in enumerate(table.column_names)}
    last, seen = -1, set[tuple[str, str]]()
    for rule in table.rules:
        if not isinstance(rule, nodes.UniqueRule | nodes.ReferenceRule) or len(rule.columns) != 1:
            break
        name, word = rule.columns[0], _word(rule)
        at = order.get(name, -1)
        if not _is_plain(rule) or at < max(last, 0) or (name, word) in seen:
            break
        seen.add((name, word))
        words.setdefault(name, []).append(_target(rule) if word == "reference" else word)
        last = at
    return words


def _word(rule: nodes.UniqueRule | nodes.ReferenceRule) -> str:
    if isinstance(rule, nodes.ReferenceRule):
        return "reference"
    return "key" if rule.primary else "unique"


def _is_plain(rule: nodes.UniqueRule | nodes.ReferenceRule) -> bool:
    """Say whether a rule is what a modifier of a column makes."""
    if isinstance(rule, nodes.ReferenceRule) and len(rule.parent_columns) != 1:
        return False
    exceptions = isinstance(rule, nodes.UniqueRule) and rule.where is not None
    named = rule.name != default_rule_name(rule.columns, _word(rule))
    return not (named or exceptions or rule.share is not None or rule.description is not None)


def _target(rule: nodes.Rule) -> str:
    assert isinstance(rule, nodes.ReferenceRule)
    parent, columns = write_name(rule.parent), rule.parent_columns
    if len(columns) == 1:
        return f"-> {parent}.{write_name(columns[0])}"
    return f"-> {parent} ({write_names(columns)})"


def _modifiers(column: Column) -> list[str]:
    out = []
    if column.lo is not None or column.hi is not None:
        given = ((column.lo, column.lo_name), (column.hi, column.hi_name))
        ends = ["" if end is None else _end(column.type, end, name) for end, name in given]
        out.append(f"in {ends[0]} .. {ends[1]}".replace("  ", " ").rstrip())
    return [*out, "optional"] if column.optional else out


def _end(kind: ColumnType, code: int, name: str | None) -> str:
    """Return an end of a range: its name, or without zeros after the last digit that counts."""
    if name is not None:
        return write_name(name)
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
    if rule.share is not None:
        head += f" at least {percent(rule.share)}"
    if rule.description is not None:
        head += f" {write_description(rule.description)}"
    match rule:
        case nodes.RowRule(condition=condition):
            return _with_condition(f"{head}:", condition)
        case nodes.UniqueRule():
            default = default_rule_name(rule.columns, _word(rule))
            bare = rule.name == default and rule.description is None and rule.share is None
            lead = _INDENT if bare else f"{head}: "
            what = f"{lead}{_word(rule)} ({write_names(rule.columns)})"
            return what if rule.where is None else _with_condition(f"{what} where", rule.where)
        case nodes.DeterminesRule():
            names = f"{write_names(rule.determinants)} determines {write_names(rule.dependents)}"
            return f"{head}: {names}"
        case nodes.ReferenceRule():
            columns = write_names(rule.columns)
            own = columns if len(rule.columns) == 1 else f"({columns})"
            return f"{head}: {own} {_target(rule)}"
        case nodes.NoOverlapRule():
            per = f" per {write_names(rule.per)}" if rule.per else ""
            ends = write_names((rule.start, rule.end))
            return f"{head}: no overlap ({ends}){per}"
        case nodes.PairRule():
            pair = write_names((rule.first, rule.second))
            return _with_condition(f"{head}: forbid pair ({pair}):", rule.condition)


def format_rule(rule: nodes.Rule) -> str:
    """Return a rule as it is printed within its table, from its first word on."""
    return _rule(rule).removeprefix(_INDENT)


def rule_body(rule: nodes.Rule) -> str:
    """Return what a rule says, on one line: as it is printed, without name, description, share."""
    # Printed under a name without a colon, so that what follows the first one is the rule.
    bare = format_rule(replace(rule, name="it", description=None, share=None))
    return " ".join(line.strip() for line in bare.split(":", 1)[1].splitlines()).strip()


def _with_condition(head: str, condition: nodes.Condition) -> str:
    """Put a condition after its head, or on lines of its own below it."""
    line = f"{head} {format_node(condition)}"
    if len(line) <= WIDTH:
        return line
    pad = _INDENT * 2
    return f"{head}\n" + "\n".join(pad + part for part in broken(condition, WIDTH - len(pad)))

"""Printing tables in the rules language, so that parsing the print gives the same tables.

Columns stand in aligned fields; a condition that does not fit a line is broken at its loosest
operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from synthtab.ir import nodes
from synthtab.lang.quoting import write_description, write_name, write_pattern, write_string
from synthtab.lang.tree import default_rule_name
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
    Value,
    decode_value,
)

WIDTH = 100
_INDENT = "  "

# How tightly each construct binds; what binds more loosely than its place allows gets parentheses.
WHEN, IFF, OR, AND, NOT, COMPARE, SUM, PRODUCT, MEASURE, ATOM = range(10)


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


def format_value(value: Value) -> str:
    """Return a constant as text."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return write_string(value)
        case datetime():
            # isoformat leaves no year under 1000 without its zeros, as strftime would.
            return value.isoformat(timespec="seconds")
        case date():
            return value.isoformat()
        case Decimal():
            return _grouped(format(value, "f"))
        case _:
            return _grouped(str(value))


def _grouped(digits: str) -> str:
    """Put `_` between thousands from five digits on; years and the like stay as they are."""
    sign, number = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    whole, point, rest = number.partition(".")
    if len(whole) >= 5 and whole.isdigit():
        whole = f"{int(whole):_}"
    return f"{sign}{whole}{point}{rest}"


def format_node(node: nodes.Node) -> str:
    """Return a condition or term on one line."""
    return _write(node, WHEN)


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
        ends = [
            "" if end is None else format_value(decode_value(column.type, end))
            for end in (column.lo, column.hi)
        ]
        out.append(f"in {ends[0]} .. {ends[1]}".replace("  ", " ").rstrip())
    return [*out, "optional"] if column.optional else out


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
    return f"{head}:\n" + "\n".join(
        pad + part for part in _broken(rule.condition, WIDTH - len(pad))
    )


def _broken(node: nodes.Condition, width: int) -> list[str]:
    """Return a condition as lines of at most ``width`` characters, where it can be broken."""
    whole = format_node(node)
    if len(whole) <= width:
        return [whole]
    match node:
        case nodes.When(premise, conclusion):
            return _led("when ", premise, WHEN, width) + _led("then ", conclusion, WHEN, width)
        case nodes.And(args):
            return _joined("and ", args, NOT, width)
        case nodes.Or(args):
            return _joined("or ", args, AND, width)
        case nodes.Iff(left, right):
            return _joined("iff ", (left, right), OR, width)
        case nodes.Not(operand) if _level(node) == NOT:
            return _led("not ", operand, NOT, width)
        case nodes.In(operand, options):
            return _list(f"{_write(operand, SUM)} in (", options, width)
        case nodes.Not(nodes.In(operand, options)):
            return _list(f"{_write(operand, SUM)} not in (", options, width)
    return [whole]


def _joined(word: str, args: Sequence[nodes.Condition], level: int, width: int) -> list[str]:
    lines = _led("", args[0], level, width)
    for arg in args[1:]:
        lines += _led(word, arg, level, width)
    return lines


def _led(word: str, node: nodes.Condition, level: int, width: int) -> list[str]:
    """Break ``word node``; further lines are indented under the first."""
    inner = width - len(word)
    if _level(node) < level:
        parts = _broken(node, inner - 1)
        parts = [f"({parts[0]}", *(f" {p}" for p in parts[1:])]
        parts[-1] += ")"
    else:
        parts = _broken(node, inner)
    return [word + parts[0], *(" " * len(word) + p for p in parts[1:])]


def _list(head: str, options: Sequence[nodes.Literal], width: int) -> list[str]:
    lines: list[str] = []
    line = head
    for at, option in enumerate(options):
        piece = format_value(option.value) + (", " if at < len(options) - 1 else ")")
        if len(line) + len(piece.rstrip()) > width and line.strip():
            lines.append(line.rstrip())
            line = _INDENT
        line += piece
    return [*lines, line]


_LEVELS: dict[type, int] = {
    nodes.When: WHEN,
    nodes.Iff: IFF,
    nodes.Or: OR,
    nodes.And: AND,
    nodes.Compare: COMPARE,
    nodes.Between: COMPARE,
    nodes.In: COMPARE,
    nodes.IsNull: COMPARE,
    nodes.Like: COMPARE,
    nodes.Matches: COMPARE,
    nodes.Add: SUM,
    nodes.Subtract: SUM,
    nodes.Shift: SUM,
    nodes.Multiply: PRODUCT,
    nodes.Divide: PRODUCT,
    nodes.Quantity: PRODUCT,
    nodes.Negate: MEASURE,
}
_PREDICATES = (nodes.Between, nodes.In, nodes.IsNull, nodes.Like, nodes.Matches)


def _level(node: nodes.Node) -> int:
    if isinstance(node, nodes.Not):
        return COMPARE if isinstance(node.operand, _PREDICATES) else NOT
    return _LEVELS.get(type(node), ATOM)


def _write(node: nodes.Node, level: int) -> str:
    """Return a node as text for a place that takes what binds at ``level`` or tighter."""
    text = _bare(node)
    return f"({text})" if _level(node) < level else text


def _bare(node: nodes.Node) -> str:
    match node:
        case nodes.Literal(value):
            return format_value(value)
        case nodes.Quantity(amount, unit):
            return f"{format_value(amount)} {unit}"
        case nodes.ColumnRef(name):
            return write_name(name)
        case nodes.Negate(operand):
            return f"-{_operand_of_minus(operand)}"
        case nodes.Add(left, right):
            return f"{_write(left, SUM)} + {_write(right, PRODUCT)}"
        case nodes.Subtract(left, right):
            return f"{_write(left, SUM)} - {_write(right, PRODUCT)}"
        case nodes.Multiply(left, right):
            return f"{_write(left, PRODUCT)} * {_write(right, MEASURE)}"
        case nodes.Divide(left, right):
            return f"{_write(left, PRODUCT)} / {_write(right, MEASURE)}"
        case nodes.Shift(base, amount, unit):
            return _shift(base, amount, unit)
        case nodes.Minimum(args):
            return _call("min", args)
        case nodes.Maximum(args):
            return _call("max", args)
        case nodes.Coalesce(args):
            return _call("coalesce", args)
        case nodes.Absolute(operand):
            return _call("abs", (operand,))
        case nodes.Length(operand):
            return _call("length", (operand,))
        case nodes.DatePart(part, operand):
            return _call(part, (operand,))
        case nodes.Case(branches, otherwise):
            parts = [f"when {_write(c, IFF)} then {_write(t, SUM)}" for c, t in branches]
            parts += [] if otherwise is None else [f"else {_write(otherwise, SUM)}"]
            return f"case {' '.join(parts)} end"
        case nodes.Compare(op, left, right):
            return f"{_write(left, SUM)} {op} {_write(right, SUM)}"
        case nodes.Not(operand):
            if isinstance(operand, _PREDICATES):
                return _predicate(operand, "not ")
            return f"not {_write(operand, NOT)}"
        case nodes.And(args):
            return " and ".join(_write(a, NOT) for a in args)
        case nodes.Or(args):
            return " or ".join(_write(a, AND) for a in args)
        case nodes.When(premise, conclusion):
            return f"when {_write(premise, WHEN)} then {_write(conclusion, WHEN)}"
        case nodes.Iff(left, right):
            return f"{_write(left, IFF)} iff {_write(right, OR)}"
        case _:
            return _predicate(node, "")


def _predicate(node: nodes.Node, negation: str) -> str:
    match node:
        case nodes.Between(operand, lo, hi):
            ends = f"{_write(lo, SUM)} and {_write(hi, SUM)}"
            return f"{_write(operand, SUM)} {negation}between {ends}"
        case nodes.In(operand, options):
            shown = ", ".join(format_value(o.value) for o in options)
            return f"{_write(operand, SUM)} {negation}in ({shown})"
        case nodes.IsNull(operand):
            return f"{_write(operand, SUM)} is {negation}null"
        case nodes.Like(operand, pattern):
            return f"{_write(operand, SUM)} {negation}like {write_string(pattern)}"
        case nodes.Matches(operand, pattern):
            return f"{_write(operand, SUM)} {negation}matching {write_pattern(pattern)}"
    raise TypeError(f"no text for {type(node).__name__}")


def _call(name: str, args: Sequence[nodes.Term]) -> str:
    return f"{name}({', '.join(_write(a, WHEN) for a in args)})"


def _operand_of_minus(operand: nodes.Term) -> str:
    """A number right after a minus would be read as one negative constant."""
    number = isinstance(operand, nodes.Literal) and isinstance(operand.value, int | Decimal)
    return f"({_bare(operand)})" if number else _write(operand, MEASURE)


def _shift(base: nodes.Term, amount: nodes.Term, unit: str) -> str:
    sign = "+"
    if isinstance(amount, nodes.Literal) and type(amount.value) is int and amount.value < 0:
        sign, amount = "-", nodes.Literal(-amount.value)
    elif isinstance(amount, nodes.Negate) and not isinstance(amount.operand, nodes.Literal):
        sign, amount = "-", amount.operand
    return f"{_write(base, SUM)} {sign} {_write(amount, MEASURE)} {unit}"

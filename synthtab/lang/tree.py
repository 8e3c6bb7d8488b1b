"""From lark's tree to nodes, each with the place it came from."""

# ruff: noqa: D102 (a method is named after the grammar's rule that it handles)

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from lark import Token, Transformer, v_args
from lark.tree import Meta

from synthtab.diagnostics import Diagnostic, Source, Span
from synthtab.ir import nodes
from synthtab.lang.calls import call_node
from synthtab.lang.measure import Measure, resolve
from synthtab.lang.quoting import read_pattern, read_quoted
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
    encode_value,
    type_name,
)

_RESOLUTIONS = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True)
class _Declared:
    """A column with the key and unique rules that its modifiers stand for."""

    column: Column
    rules: tuple[nodes.UniqueRule, ...]


@dataclass
class _Modifiers:
    """The modifiers of one column, as far as they have been read."""

    optional: bool = False
    pattern: str | None = None
    lo: nodes.Literal | None = None
    hi: nodes.Literal | None = None
    rules: list[nodes.UniqueRule] = field(default_factory=list)


def default_rule_name(columns: Sequence[str], *, primary: bool) -> str:
    """Return the name of a key or unique rule that was not given one."""
    return "_".join([*columns, "key" if primary else "unique"])


def _span(meta: Meta) -> Span | None:
    return None if meta.empty else _token_span(meta)


def _token_span(token: Token | Meta) -> Span:
    ends = token.line, token.column, token.end_line, token.end_column
    return Span(*(end or 1 for end in ends))


Predicate = Callable[[nodes.Term, Span | None], nodes.Condition]


@v_args(meta=True)
class ToNodes(Transformer[Token, tuple[nodes.Table, ...]]):
    """Makes the tables; what the grammar lets through but no node can hold goes to ``found``."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self.found: list[Diagnostic] = []

    def _report(self, code: str, message: str, span: Span | None, help_: str | None) -> None:
        """Take one finding."""
        self.found.append(Diagnostic(code, message, span, help_, self.source))

    # Tables and columns.

    def start(self, meta: Meta, tables: list[nodes.Table]) -> tuple[nodes.Table, ...]:
        return tuple(tables)

    def table(self, meta: Meta, items: list[Any]) -> nodes.Table:
        name, *rest = items
        columns = tuple(i.column for i in rest if isinstance(i, _Declared))
        bare = nodes.Table(read_quoted(name), columns)
        rules: list[nodes.Rule] = []
        for item in rest:
            if isinstance(item, _Declared):
                rules.extend(item.rules)
            elif isinstance(item, nodes.RowRule):
                condition = cast(nodes.Condition, resolve(item.condition, bare, self._report))
                rules.append(nodes.RowRule(item.name, condition, item.description, span=item.span))
            else:
                rules.append(item)
        return nodes.Table(bare.name, columns, tuple(rules), span=_token_span(name))

    def name(self, meta: Meta, items: list[Token]) -> Token:
        return items[0]

    def column(self, meta: Meta, items: list[Any]) -> _Declared:
        token, kind, *changes = items
        name, span = read_quoted(token), _span(meta)
        modifiers = _Modifiers()
        seen: set[str] = set()
        for tree in changes:
            self._modify(modifiers, tree, name, seen)
        if modifiers.pattern is not None:
            if isinstance(kind, TextType):
                kind = TextType(kind.max_length, modifiers.pattern)
            else:
                self._report(
                    "E114",
                    f"`{name}` is {type_name(kind)}; only a text can be `matching` a pattern",
                    span,
                    "leave it out, or declare the column text(n)",
                )
        if isinstance(kind, TextType | BooleanType) and "range" in seen:
            self._report(
                "E223",
                f"`{name}` is {type_name(kind)}, which has no range",
                span,
                "leave `in ...` out, or say it with a rule",
            )
        lo, hi = (self._code(name, kind, end) for end in (modifiers.lo, modifiers.hi))
        column = Column(name, kind, modifiers.optional, lo, hi, span)
        return _Declared(column, tuple(modifiers.rules))

    def _modify(self, modifiers: _Modifiers, tree: Any, name: str, seen: set[str]) -> None:
        word, span = tree.data.split("_")[0], _span(tree.meta)
        if word in seen:
            shown = {"range": "in", "pattern": "matching"}.get(word, word)
            self._report("E114", f"`{name}` says `{shown}` twice", span, "say it once")
        seen.add(word)
        match tree.data:
            case "optional":
                modifiers.optional = True
            case "key" | "unique":
                primary = word == "key"
                rule = nodes.UniqueRule(
                    default_rule_name([name], primary=primary), (name,), primary, span=span
                )
                modifiers.rules.append(rule)
            case "pattern":
                modifiers.pattern = read_pattern(tree.children[0])
            case "range_both":
                modifiers.lo, modifiers.hi = tree.children
            case "range_from":
                modifiers.lo = tree.children[0]
            case _:
                modifiers.hi = tree.children[0]

    def _code(self, name: str, kind: ColumnType, end: nodes.Literal | None) -> int | None:
        malformed = isinstance(kind, DecimalType) and not 0 <= kind.scale <= kind.precision
        if end is None or malformed or isinstance(kind, TextType | BooleanType):
            return None
        value = end.value
        if isinstance(kind, IntegerType) and isinstance(value, Decimal):
            whole = value.to_integral_value()
            value = int(whole) if whole == value else value
        try:
            return encode_value(kind, value)
        except ValueError as error:
            shown = value.isoformat() if isinstance(value, dt.date) else str(value)
            self._report(
                "E223",
                f"the range of `{name}` does not fit its type: "
                f"{str(error).replace(repr(value), shown)}",
                end.span,
                f"`{name}` is {type_name(kind)}",
            )
            return None

    def integer_type(self, meta: Meta, items: list[Any]) -> ColumnType:
        return IntegerType()

    def decimal_type(self, meta: Meta, items: list[Token]) -> ColumnType:
        precision, scale = (self._count(token, "decimal") for token in items)
        return DecimalType(precision, scale)

    def date_type(self, meta: Meta, items: list[Any]) -> ColumnType:
        return DateType()

    def datetime_type(self, meta: Meta, items: list[Token | None]) -> ColumnType:
        return DatetimeType(_RESOLUTIONS[items[0]] if items[0] else 1)

    def boolean_type(self, meta: Meta, items: list[Any]) -> ColumnType:
        return BooleanType()

    def enum_type(self, meta: Meta, items: list[Token | None]) -> ColumnType:
        return EnumType(tuple(read_quoted(i) for i in items if i is not None))

    def text_type(self, meta: Meta, items: list[Token]) -> ColumnType:
        return TextType(self._count(items[0], "text"))

    def _count(self, token: Token, word: str) -> int:
        if token.replace("_", "").isdigit():
            return int(token)
        self._report(
            "E221" if word == "text" else "E220",
            f"`{word}` counts digits or characters, and {token} is not a whole number",
            _token_span(token),
            "write for instance text(20) or decimal(10, 2)",
        )
        return 1

    # Rules.

    def row_rule(self, meta: Meta, items: list[Any]) -> nodes.RowRule:
        name, description, condition = items
        text = None if description is None else read_quoted(description)
        return nodes.RowRule(read_quoted(name), condition, text, span=_token_span(name))

    def unique_rule(self, meta: Meta, items: list[Any]) -> nodes.UniqueRule:
        name, description, (columns, primary, _) = items
        text = None if description is None else read_quoted(description)
        return nodes.UniqueRule(read_quoted(name), columns, primary, text, span=_token_span(name))

    def unique_item(self, meta: Meta, items: list[Any]) -> nodes.UniqueRule:
        columns, primary, span = items[0]
        return nodes.UniqueRule(
            default_rule_name(columns, primary=primary), columns, primary, span=span
        )

    def unique_of(self, meta: Meta, items: list[Token]) -> tuple[tuple[str, ...], bool, Any]:
        return tuple(read_quoted(n) for n in items[1:]), False, _span(meta)

    def key_of(self, meta: Meta, items: list[Token]) -> tuple[tuple[str, ...], bool, Any]:
        return tuple(read_quoted(n) for n in items[1:]), True, _span(meta)

    # Conditions.

    def when(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.When(items[0], items[1], span=_span(meta))

    def iff(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.Iff(items[0], items[1], span=_span(meta))

    def or_(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.Or(tuple(items), span=_span(meta))

    def and_(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.And(tuple(items), span=_span(meta))

    def not_(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.Not(items[0], span=_span(meta))

    def compare(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        left, op, right = items
        return nodes.Compare(cast(nodes.CompareOp, str(op)), left, right, span=_span(meta))

    def predicated(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        operand, predicate = items
        return cast(Predicate, predicate)(operand, _span(meta))

    def not_predicated(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.Not(self.predicated(meta, items), span=_span(meta))

    def is_null(self, meta: Meta, items: list[Any]) -> Predicate:
        return lambda operand, span: nodes.IsNull(operand, span=span)

    def is_not_null(self, meta: Meta, items: list[Any]) -> Predicate:
        return lambda operand, span: nodes.Not(nodes.IsNull(operand, span=span), span=span)

    def between(self, meta: Meta, items: list[Any]) -> Predicate:
        lo, hi = items
        return lambda operand, span: nodes.Between(operand, lo, hi, span=span)

    in_range = between

    def in_list(self, meta: Meta, items: list[Any]) -> Predicate:
        return lambda operand, span: nodes.In(operand, tuple(items), span=span)

    def like(self, meta: Meta, items: list[Token]) -> Predicate:
        return lambda operand, span: nodes.Like(operand, read_quoted(items[0]), span=span)

    def matching(self, meta: Meta, items: list[Token]) -> Predicate:
        return lambda operand, span: nodes.Matches(operand, read_pattern(items[0]), span=span)

    # Terms.

    def add(self, meta: Meta, items: list[Any]) -> nodes.Term:
        return nodes.Add(items[0], items[1], span=_span(meta))

    def subtract(self, meta: Meta, items: list[Any]) -> nodes.Term:
        return nodes.Subtract(items[0], items[1], span=_span(meta))

    def multiply(self, meta: Meta, items: list[Any]) -> nodes.Term:
        return nodes.Multiply(items[0], items[1], span=_span(meta))

    def divide(self, meta: Meta, items: list[Any]) -> nodes.Term:
        return nodes.Divide(items[0], items[1], span=_span(meta))

    def measure(self, meta: Meta, items: list[Any]) -> Measure:
        amount, unit = items
        plural = unit if unit.endswith("s") else f"{unit}s"
        return Measure(amount, cast(nodes.ShiftUnit, str(plural)), span=_span(meta))

    def negate(self, meta: Meta, items: list[Any]) -> nodes.Term:
        return nodes.Negate(items[0], span=_span(meta))

    def number(self, meta: Meta, items: list[Token]) -> nodes.Literal:
        return nodes.Literal(_number(items[0]), span=_span(meta))

    def negative(self, meta: Meta, items: list[Token]) -> nodes.Literal:
        return nodes.Literal(-_number(items[0]), span=_span(meta))

    def string(self, meta: Meta, items: list[Token]) -> nodes.Literal:
        return nodes.Literal(read_quoted(items[0]), span=_span(meta))

    def date(self, meta: Meta, items: list[Token]) -> nodes.Literal:
        return self._moment(items[0], dt.date.fromisoformat, dt.date(1970, 1, 1))

    def datetime(self, meta: Meta, items: list[Token]) -> nodes.Literal:
        return self._moment(items[0], dt.datetime.fromisoformat, dt.datetime(1970, 1, 1))

    def _moment(
        self, token: Token, read: Callable[[str], dt.date], instead: dt.date
    ) -> nodes.Literal:
        span = _token_span(token)
        try:
            return nodes.Literal(read(token), span=span)
        except ValueError as error:
            self._report(
                "E111",
                f"there is no such moment as {token}: {error}",
                span,
                "write year-month-day, and T hours:minutes:seconds for a datetime",
            )
            return nodes.Literal(instead, span=span)

    def true(self, meta: Meta, items: list[Any]) -> nodes.Literal:
        return nodes.Literal(True, span=_span(meta))

    def false(self, meta: Meta, items: list[Any]) -> nodes.Literal:
        return nodes.Literal(False, span=_span(meta))

    def column_ref(self, meta: Meta, items: list[Token]) -> nodes.Term:
        return nodes.ColumnRef(read_quoted(items[0]), span=_span(meta))

    name_ref = column_ref

    def call(self, meta: Meta, items: list[Any]) -> nodes.Term:
        name, *args = items
        given = tuple(a for a in args if a is not None)
        return call_node(str(name), given, _span(meta), self._report)

    def branch(self, meta: Meta, items: list[Any]) -> tuple[Any, Any]:
        return items[0], items[1]

    def case(self, meta: Meta, items: list[Any]) -> nodes.Term:
        branches = tuple(i for i in items if isinstance(i, tuple))
        otherwise = next(
            (i for i in items if not isinstance(i, tuple | Token) and i is not None), None
        )
        return nodes.Case(branches, otherwise, span=_span(meta))


def _number(token: str) -> int | Decimal:
    digits = token.replace("_", "")
    if digits.endswith("%"):
        return Decimal(digits[:-1]).scaleb(-2)
    return Decimal(digits) if "." in digits else int(digits)

"""From lark's tree to nodes, each with the place it came from."""

# ruff: noqa: D102 (a method is named after the grammar's rule that it handles)

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast

from lark import Token, v_args
from lark.tree import Meta

from synthtab.diagnostics import Span
from synthtab.hints import Hint, Shape
from synthtab.ir import nodes
from synthtab.lang.hints import HintError, read_shape
from synthtab.lang.measure import Measure, Scope, resolve_rule
from synthtab.lang.quoting import read_pattern, read_quoted
from synthtab.lang.ruletree import (
    RuleNodes,
    default_rule_name,
    read_number,
    span_of,
    token_span,
)
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

# Modifiers as they are written, where that is not what the grammar calls them.
_SHOWN = {"range": "in", "pattern": "matching", "reference": "->", "shape": "~", "null": "~ null"}
_RESOLUTIONS = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True)
class _Declared:
    """A column with the key and unique rules that its modifiers stand for."""

    column: Column
    rules: tuple[nodes.Rule, ...]


@dataclass
class _Modifiers:
    """The modifiers of one column, as far as they have been read."""

    optional: bool = False
    pattern: str | None = None
    lo: nodes.Literal | None = None
    hi: nodes.Literal | None = None
    shape: Shape | None = None
    nulls: Decimal | None = None
    rules: list[nodes.Rule] = field(default_factory=list)


Predicate = Callable[[nodes.Term, Span | None], nodes.Condition]


@dataclass(frozen=True)
class Whole:
    """All that a text declares."""

    tables: tuple[nodes.Table, ...]
    constants: tuple[nodes.Constant, ...] = ()


@v_args(meta=True)
class ToNodes(RuleNodes):
    """Makes the tables and constants; what no node can hold goes to ``found``."""

    # Tables and columns.

    def start(self, meta: Meta, items: list[nodes.Table | nodes.Constant]) -> Whole:
        tables = tuple(i for i in items if isinstance(i, nodes.Table))
        constants = tuple(i for i in items if isinstance(i, nodes.Constant))
        names = {c.name: c for c in reversed(constants)}
        settled = []
        for table in tables:
            scope = Scope(table, tables, names)
            rules = tuple(resolve_rule(r, scope, self._report) for r in table.rules)
            settled.append(replace(table, rules=rules))
        return Whole(tuple(settled), constants)

    def const(self, meta: Meta, items: list[Any]) -> nodes.Constant:
        name, literal = items
        return nodes.Constant(read_quoted(name), literal.value, span=token_span(name))

    def table(self, meta: Meta, items: list[Any]) -> nodes.Table:
        name, *rest = items
        columns = tuple(i.column for i in rest if isinstance(i, _Declared))
        rules: list[nodes.Rule] = []
        for item in rest:
            rules += item.rules if isinstance(item, _Declared) else [item]
        return nodes.Table(read_quoted(name), columns, tuple(rules), span=token_span(name))

    def column(self, meta: Meta, items: list[Any]) -> _Declared:
        token, kind, *changes = items
        name, span = read_quoted(token), span_of(meta)
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
        hinted = modifiers.shape is not None or modifiers.nulls is not None
        hint = Hint(modifiers.shape, modifiers.nulls) if hinted else None
        column = Column(name, kind, modifiers.optional, lo, hi, span, hint)
        return _Declared(column, tuple(modifiers.rules))

    def _modify(self, modifiers: _Modifiers, tree: Any, name: str, seen: set[str]) -> None:
        word, span = tree.data.split("_")[0], span_of(tree.meta)
        if word in seen:
            shown = _SHOWN.get(word, word)
            self._report("E114", f"`{name}` says `{shown}` twice", span, "say it once")
        seen.add(word)
        match tree.data:
            case "optional":
                modifiers.optional = True
            case "key" | "unique":
                primary = word == "key"
                default = default_rule_name([name], word)
                modifiers.rules.append(nodes.UniqueRule(default, (name,), primary, span=span))
            case "reference":
                parent, column = map(read_quoted, tree.children)
                default = default_rule_name([name], word)
                modifiers.rules.append(
                    nodes.ReferenceRule(default, (name,), parent, (column,), span=span)
                )
            case "null_share":
                modifiers.nulls = Decimal(read_number(tree.children[0]))
            case "shape":
                modifiers.shape = self._shape(tree, span)
            case "pattern":
                modifiers.pattern = read_pattern(tree.children[0])
            case "range_both":
                modifiers.lo, modifiers.hi = tree.children
            case "range_from":
                modifiers.lo = tree.children[0]
            case _:
                modifiers.hi = tree.children[0]

    def _shape(self, tree: Any, span: Span | None) -> Shape | None:
        name, *arguments = tree.children
        try:
            return read_shape(read_quoted(name), [a for a in arguments if a is not None])
        except HintError as error:
            self._report(error.code, str(error), span, error.help)
            return None

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
            token_span(token),
            "write for instance text(20) or decimal(10, 2)",
        )
        return 1

    # Conditions.

    def when(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.When(items[0], items[1], span=span_of(meta))

    def iff(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.Iff(items[0], items[1], span=span_of(meta))

    def or_(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.Or(tuple(items), span=span_of(meta))

    def and_(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.And(tuple(items), span=span_of(meta))

    def not_(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.Not(items[0], span=span_of(meta))

    def compare(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        left, op, right = items
        return nodes.Compare(cast(nodes.CompareOp, str(op)), left, right, span=span_of(meta))

    def predicated(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        operand, predicate = items
        return cast(Predicate, predicate)(operand, span_of(meta))

    def not_predicated(self, meta: Meta, items: list[Any]) -> nodes.Condition:
        return nodes.Not(self.predicated(meta, items), span=span_of(meta))

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
        return nodes.Add(items[0], items[1], span=span_of(meta))

    def subtract(self, meta: Meta, items: list[Any]) -> nodes.Term:
        return nodes.Subtract(items[0], items[1], span=span_of(meta))

    def multiply(self, meta: Meta, items: list[Any]) -> nodes.Term:
        return nodes.Multiply(items[0], items[1], span=span_of(meta))

    def divide(self, meta: Meta, items: list[Any]) -> nodes.Term:
        return nodes.Divide(items[0], items[1], span=span_of(meta))

    def measure(self, meta: Meta, items: list[Any]) -> Measure:
        amount, unit = items
        plural = unit if unit.endswith("s") else f"{unit}s"
        return Measure(amount, cast(nodes.ShiftUnit, str(plural)), span=span_of(meta))

    def negate(self, meta: Meta, items: list[Any]) -> nodes.Term:
        return nodes.Negate(items[0], span=span_of(meta))

    def number(self, meta: Meta, items: list[Token]) -> nodes.Literal:
        return nodes.Literal(read_number(items[0]), span=span_of(meta))

    def negative(self, meta: Meta, items: list[Token]) -> nodes.Literal:
        return nodes.Literal(-read_number(items[0]), span=span_of(meta))

    def string(self, meta: Meta, items: list[Token]) -> nodes.Literal:
        return nodes.Literal(read_quoted(items[0]), span=span_of(meta))

    def date(self, meta: Meta, items: list[Token]) -> nodes.Literal:
        return self._moment(items[0], dt.date.fromisoformat, dt.date(1970, 1, 1))

    def datetime(self, meta: Meta, items: list[Token]) -> nodes.Literal:
        return self._moment(items[0], dt.datetime.fromisoformat, dt.datetime(1970, 1, 1))

    def _moment(
        self, token: Token, read: Callable[[str], dt.date], instead: dt.date
    ) -> nodes.Literal:
        span = token_span(token)
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
        return nodes.Literal(True, span=span_of(meta))

    def false(self, meta: Meta, items: list[Any]) -> nodes.Literal:
        return nodes.Literal(False, span=span_of(meta))

    def column_ref(self, meta: Meta, items: list[Token]) -> nodes.Term:
        return nodes.ColumnRef(read_quoted(items[0]), span=span_of(meta))

    name_ref = column_ref

    def parent_ref(self, meta: Meta, items: list[Token]) -> nodes.Term:
        *path, column = map(read_quoted, items)
        return nodes.ParentRef(tuple(path), column, span=span_of(meta))

    def branch(self, meta: Meta, items: list[Any]) -> tuple[Any, Any]:
        return items[0], items[1]

    def case(self, meta: Meta, items: list[Any]) -> nodes.Term:
        branches = tuple(i for i in items if isinstance(i, tuple))
        otherwise = next(
            (i for i in items if not isinstance(i, tuple | Token) and i is not None), None
        )
        return nodes.Case(branches, otherwise, span=span_of(meta))

"""From lark's tree to rules of all kinds, before names and lengths of time are settled."""

# ruff: noqa: D102 (a method is named after the grammar's rule that it handles)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

from lark import Token, Transformer, v_args
from lark.tree import Meta

from synthtab.diagnostics import Diagnostic, Source, Span
from synthtab.ir import nodes
from synthtab.lang.calls import Clauses, call_node
from synthtab.lang.quoting import read_quoted

Names = tuple[str, ...]


@dataclass(frozen=True)
class _Where:
    """The condition of a `where`, told apart from the arguments before it."""

    condition: nodes.Condition


@dataclass(frozen=True)
class _Of:
    """The table of an `of`, and the reference to go by."""

    table: str | None = None
    via: str | None = None


def default_rule_name(columns: Sequence[str], word: str) -> str:
    """Return the name of a key, unique rule or reference that was not given one."""
    return "_".join([*columns, word])


def span_of(meta: Meta) -> Span | None:
    """Return where a tree was written, None for an empty one."""
    return None if meta.empty else token_span(meta)


def token_span(token: Token | Meta) -> Span:
    """Return where a token was written."""
    ends = token.line, token.column, token.end_line, token.end_column
    return Span(*(end or 1 for end in ends))


def read_number(token: str) -> int | Decimal:
    """Return the value of a number; ``5%`` is 0.05."""
    digits = token.replace("_", "")
    if digits.endswith("%"):
        return Decimal(digits[:-1]).scaleb(-2)
    return Decimal(digits) if "." in digits else int(digits)


@v_args(meta=True)
class RuleNodes(Transformer[Token, Any]):
    """Makes the rules; what the grammar lets through but no node can hold goes to ``found``."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self.found: list[Diagnostic] = []
        self.constants: dict[str, nodes.Constant] = {}

    def _report(self, code: str, message: str, span: Span | None, help_: str | None) -> None:
        """Take one finding."""
        self.found.append(Diagnostic(code, message, span, help_, self.source))

    def rule(self, meta: Meta, items: list[Any]) -> nodes.Rule:
        name, _, share, description, body = items
        return self._rule(name, share, description, body)

    def rule_told_first(self, meta: Meta, items: list[Any]) -> nodes.Rule:
        name, description, _, share, body = items
        return self._rule(name, share, description, body)

    def _rule(
        self, name: Token, share: Token | None, description: Token | None, body: Any
    ) -> nodes.Rule:
        if not isinstance(body, nodes.Rule):
            body = nodes.RowRule("", cast(nodes.Condition, body))
        text = None if description is None else read_quoted(description)
        soft = None if share is None else Decimal(read_number(share))
        span = token_span(name)
        made = replace(body, name=read_quoted(name), description=text, share=soft, span=span)
        return cast(nodes.Rule, made)

    def unique_item(self, meta: Meta, items: list[nodes.UniqueRule]) -> nodes.UniqueRule:
        rule = items[0]
        word = "key" if rule.primary else "unique"
        return replace(rule, name=default_rule_name(rule.columns, word))

    def unique_of(self, meta: Meta, items: list[Any]) -> nodes.UniqueRule:
        _, columns, where = items
        condition = where.condition if where else None
        return nodes.UniqueRule("", columns, where=condition, span=span_of(meta))

    def key_of(self, meta: Meta, items: list[Any]) -> nodes.UniqueRule:
        return replace(self.unique_of(meta, items), primary=True)

    def determines(self, meta: Meta, items: list[Names]) -> nodes.DeterminesRule:
        return nodes.DeterminesRule("", items[0], items[1])

    def refers_to(self, meta: Meta, items: list[Any]) -> nodes.ReferenceRule:
        columns, parent, other = items
        theirs = other if isinstance(other, tuple) else (read_quoted(other),)
        return nodes.ReferenceRule("", columns, read_quoted(parent), theirs)

    def no_overlap(self, meta: Meta, items: list[Any]) -> nodes.NoOverlapRule:
        _, start, end, per = items
        return nodes.NoOverlapRule("", read_quoted(start), read_quoted(end), per or ())

    def forbid_pair(self, meta: Meta, items: list[Any]) -> nodes.PairRule:
        _, first, second, condition = items
        return nodes.PairRule("", read_quoted(first), read_quoted(second), condition)

    def names(self, meta: Meta, items: list[Token]) -> Names:
        return tuple(map(read_quoted, items))

    idents = names

    # Calls.

    def call(self, meta: Meta, items: list[Any]) -> nodes.Node:
        name, arguments, per, order = items
        args, clauses = arguments or ((), Clauses())
        clauses = replace(clauses, per=per, ordered_by=order)
        return call_node(str(name), args, clauses, span_of(meta), self._report)

    def arguments(self, meta: Meta, items: list[Any]) -> tuple[tuple[Any, ...], Clauses]:
        of = next((i for i in items if isinstance(i, _Of)), _Of())
        where = next((i.condition for i in items if isinstance(i, _Where)), None)
        distinct = isinstance(items[0], Token)
        beside = Token | _Of | _Where
        args = (i for i in items if i is not None and not isinstance(i, beside))
        return tuple(args), Clauses(distinct, of.table, of.via, where)

    def where(self, meta: Meta, items: list[Any]) -> _Where:
        return _Where(items[1])

    def of(self, meta: Meta, items: list[Any]) -> _Of:
        _, table, via = items
        return _Of(read_quoted(table), None if via is None else read_quoted(via))

    def per(self, meta: Meta, items: list[Token]) -> Names:
        return tuple(read_quoted(i) for i in items if i.type in ("NAME", "QUOTED"))

    ordered = per

    def name(self, meta: Meta, items: list[Token]) -> Token:
        return items[0]

    ident = name
    target = name
    listed = name

"""How a condition comes to its value on one row, step by step, in words and in data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from synthtab.backends.computed import plain_value
from synthtab.ir import nodes
from synthtab.ir.evaluate import Known, Result, evaluate
from synthtab.ir.walk import children, rebuild
from synthtab.lang.write import format_node, format_value
from synthtab.schema import Value

MAX_TEXT = 120
"""Longer expressions are shown with their middle left out."""

_LOGIC = (nodes.And, nodes.Or, nodes.Not, nodes.When, nodes.Iff)
_TESTS = (
    nodes.Compare,
    nodes.Between,
    nodes.In,
    nodes.IsNull,
    nodes.Like,
    nodes.Matches,
)
_CASES = ("the case ", "no case")
_PLAIN = (nodes.Literal, nodes.Quantity)


@dataclass(frozen=True)
class Step:
    """A part of a condition and what it comes to on a row.

    ``expression`` is the part as rules are written, ``filled`` the same with the values met, and
    ``value`` TRUE, FALSE or UNKNOWN, or a value as rules are written. ``parts`` are the steps it
    rests on.
    """

    expression: str
    filled: str
    value: str
    parts: tuple[Step, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the step and those below it as plain data."""
        return {
            "expression": self.expression,
            "filled": self.filled,
            "value": self.value,
            "parts": [part.to_dict() for part in self.parts],
        }

    def lines(self) -> Iterator[str]:
        """Yield sentences, each after those that it rests on."""
        for part in self.parts:
            yield from part.lines()
        word = "is" if self.value in ("TRUE", "FALSE", "UNKNOWN") else "="
        yield f"{self.filled} {'gives' if self.filled.startswith(_CASES) else word} {self.value}"


def evaluated(
    condition: nodes.Condition,
    row: Mapping[str, Value | Known | None],
    table: nodes.Table,
    hidden: Mapping[str, nodes.Node] | None = None,
) -> Step:
    """Return how a condition over one row of ``table`` comes to its value.

    ``hidden`` says which terms the table's hidden columns stand for (ir/context.py); ``row`` has
    their values too. Parts that do not matter for the value are left out: of an ``and`` that is
    FALSE those that are not, of an ``or`` that is TRUE those that are not.
    """
    return _Tracer(row, table, hidden or {}).condition(condition)


def shortened(text: str, most: int = MAX_TEXT) -> str:
    """Return a text without its middle where it is longer than ``most``."""
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 5].rstrip()} ... {text[-end:].lstrip()}"


def written(value: Value | Known | None) -> str:
    """Return a value as rules are written; NULL for None."""
    if value is None:
        return "NULL"
    return value if _odd(value) else format_value(plain_value(value))  # type: ignore[return-value]


def _odd(value: Value | Known) -> bool:
    """Say whether a number or day is shown by a text that is no literal, as 10/3 is."""
    return False if isinstance(value, str) else isinstance(plain_value(value), str)


def truth_word(value: Result) -> str:
    """Return a truth value in capitals."""
    return "UNKNOWN" if value is None else str(bool(value)).upper()


class _Tracer:
    def __init__(
        self,
        row: Mapping[str, Value | Known | None],
        table: nodes.Table,
        hidden: Mapping[str, nodes.Node],
    ) -> None:
        self._row, self._table, self._hidden = row, table, hidden

    def condition(self, node: Any) -> Step:
        found = evaluate(node, self._row, self._table)
        word = truth_word(found)
        text = self._text(node)
        match node:
            case nodes.Not(operand) if isinstance(operand, _TESTS):
                # As one step: "x not in (...)" is what the rule says.
                return Step(text, self._filled(node), word, self.condition(operand).parts)
            case _ if isinstance(node, _LOGIC):
                parts = [self.condition(part) for part in children(node)]
                return Step(text, text, word, tuple(_deciding(node, word, parts)))
            case _ if isinstance(node, _TESTS):
                terms = [t for t in children(node) if not isinstance(t, _PLAIN)]
                steps = tuple(s for t in terms if (s := self._term(t)) is not None)
                return Step(text, self._filled(node), word, steps)
        return Step(text, text, word)

    def _term(self, node: Any) -> Step | None:
        """Return how a term that is computed comes to its value; None where it is a column's."""
        if isinstance(node, nodes.ColumnRef) or not any(True for _ in children(node)):
            return None
        value = written(evaluate(node, self._row, self._table))
        text = self._text(node)
        if isinstance(node, nodes.Case):
            for condition, term in node.branches:
                if evaluate(condition, self._row, self._table) is True:
                    plain = isinstance(term, nodes.Literal)
                    then = "" if plain else f" then {self._text(term)}"
                    return Step(text, f"the case {self._text(condition)}{then}", value)
            other = "" if node.otherwise is None else f" but else {self._text(node.otherwise)}"
            return Step(text, f"no case{other}", value)
        inner = [s for child in children(node) if (s := self._term(child)) is not None]
        cases = tuple(s for s in inner if s.filled.startswith(_CASES))
        return Step(text, f"{text}: {self._text(self._with_values(node))}", value, cases)

    def _with_values(self, node: Any) -> Any:
        if isinstance(node, nodes.ColumnRef):
            value = self._row[node.name]
            if value is None or _odd(value):
                return node
            return nodes.Literal(plain_value(value))
        if isinstance(node, nodes.Case):
            value = evaluate(node, self._row, self._table)
            odd = value is None or _odd(value)
            return node if odd else nodes.Literal(plain_value(value))  # type: ignore[arg-type]
        return rebuild(node, self._with_values)

    def _filled(self, node: Any) -> str:
        def side(term: Any) -> str:
            text = self._text(term)
            if isinstance(term, _PLAIN):
                return text
            return f"{text} ({written(evaluate(term, self._row, self._table))})"

        match node:
            case nodes.Compare(op, left, right):
                return f"{side(left)} {op} {side(right)}"
            case nodes.Between(operand, lo, hi):
                return f"{side(operand)} between {side(lo)} and {side(hi)}"
        subject = node.operand if isinstance(node, nodes.Not) else node
        first: Any = next(iter(children(subject)))
        text, inner = self._text(node), self._text(first)
        return side(first) + text.removeprefix(inner) if text.startswith(inner) else text

    def _text(self, node: Any) -> str:
        def restored(inner: Any) -> Any:
            if isinstance(inner, nodes.ColumnRef) and inner.name in self._hidden:
                return self._hidden[inner.name]
            return rebuild(inner, restored)

        return shortened(format_node(restored(node)))


def _deciding(node: nodes.Node, word: str, parts: list[Step]) -> list[Step]:
    """Return the parts that make a condition what it is."""
    if isinstance(node, nodes.And) and word == "FALSE":
        return [p for p in parts if p.value == "FALSE"]
    if isinstance(node, nodes.Or) and word == "TRUE":
        return [p for p in parts if p.value == "TRUE"]
    return parts

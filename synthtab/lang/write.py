"""Printing conditions and terms on one line, with no more parentheses than the grammar needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from synthtab.ir import nodes
from synthtab.ir.walk import descendants
from synthtab.lang.quoting import write_name, write_names, write_pattern, write_string
from synthtab.schema import Value

# How tightly each construct binds; what binds more loosely than its place allows gets parentheses.
# A figure with lists of names after it (LISTED) stands alone on its side of a comparison: within a
# sum it would read as if the sum were of the last name.
WHEN, IFF, OR, AND, NOT, COMPARE, LISTED, SUM, PRODUCT, MEASURE, ATOM = range(11)


_BARE_NAME = re.compile(r"(?:[^\W\d]\w*|`(?:[^`]|``)+`)(?!\w)(?!\s*[.(])")


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
    return write(node, WHEN)


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


def level_of(node: nodes.Node) -> int:
    """Return how tightly a node binds, from WHEN to ATOM."""
    if isinstance(node, nodes.Not):
        return COMPARE if isinstance(node.operand, _PREDICATES) else NOT
    return LISTED if _has_list(node) else _LEVELS.get(type(node), ATOM)


def write(node: nodes.Node, level: int) -> str:
    """Return a node as text for a place that takes what binds at ``level`` or tighter."""
    text = _bare(node)
    return f"({text})" if level_of(node) < level else text


def _bare(node: nodes.Node) -> str:
    match node:
        case nodes.Literal(value, constant):
            return format_value(value) if constant is None else write_name(constant)
        case nodes.Quantity(amount, unit, constant):
            return f"{_bare(nodes.Literal(amount, constant))} {unit}"
        case nodes.ColumnRef(name):
            return write_name(name)
        case nodes.Negate(operand):
            return f"-{_operand_of_minus(operand)}"
        case nodes.Add(left, right):
            return f"{write(left, SUM)} + {write(right, PRODUCT)}"
        case nodes.Subtract(left, right):
            return f"{write(left, SUM)} - {write(right, PRODUCT)}"
        case nodes.Multiply(left, right):
            return f"{write(left, PRODUCT)} * {write(right, MEASURE)}"
        case nodes.Divide(left, right):
            return f"{write(left, PRODUCT)} / {write(right, MEASURE)}"
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
            parts = [f"when {write(c, IFF)} then {write(t, SUM)}" for c, t in branches]
            parts += [] if otherwise is None else [f"else {write(otherwise, SUM)}"]
            return f"case {' '.join(parts)} end"
        case nodes.ParentRef(path, column):
            return ".".join(map(write_name, (*path, column)))
        case nodes.Aggregate() | nodes.Previous() | nodes.Increasing() | nodes.GapFree():
            return _over_rows(node)
        case nodes.Compare(op, left, right):
            return f"{write(left, LISTED)} {op} {write(right, LISTED)}"
        case nodes.Not(operand):
            if isinstance(operand, _PREDICATES):
                return _predicate(operand, "not ")
            return f"not {write(operand, NOT)}"
        case nodes.And(args):
            return " and ".join(write(a, NOT) for a in args)
        case nodes.Or(args):
            # An `and` within needs no parentheses, but readers do.
            return " or ".join(write(a, NOT) for a in args)
        case nodes.When(premise, conclusion):
            return f"when {write(premise, WHEN)} then {write(conclusion, WHEN)}"
        case nodes.Iff(left, right):
            return f"{write(left, IFF)} iff {write(right, OR)}"
        case _:
            return _predicate(node, "")


def _predicate(node: nodes.Node, negation: str) -> str:
    match node:
        case nodes.Between(operand, lo, hi):
            ends = f"{write(lo, SUM)} and {write(hi, SUM)}"
            return f"{write(operand, SUM)} {negation}between {ends}"
        case nodes.In(operand, options):
            shown = ", ".join(map(_bare, options))
            return f"{write(operand, SUM)} {negation}in ({shown})"
        case nodes.IsNull(operand):
            return f"{write(operand, SUM)} is {negation}null"
        case nodes.Like(operand, pattern):
            return f"{write(operand, SUM)} {negation}like {write_string(pattern)}"
        case nodes.Matches(operand, pattern):
            return f"{write(operand, SUM)} {negation}matching {write_pattern(pattern)}"
    raise TypeError(f"no text for {type(node).__name__}")


def _call(name: str, args: Sequence[nodes.Term]) -> str:
    return f"{name}({', '.join(_arguments(args))})"


def _arguments(args: Sequence[nodes.Node]) -> list[str]:
    """Return the arguments of a call.

    A list of names at the end of one would go on with a name after it: it is put in parentheses.
    """
    texts = [write(a, WHEN) for a in args]
    for at, arg in enumerate(args[:-1]):
        open_ended = not texts[at].endswith(")") and any(map(_has_list, descendants(arg)))
        if open_ended and _BARE_NAME.match(texts[at + 1]):
            texts[at] = f"({texts[at]})"
    return texts


def _has_list(node: nodes.Node) -> bool:
    return bool(getattr(node, "per", ()) or getattr(node, "order", ()))


def _over_rows(
    node: nodes.Aggregate | nodes.Previous | nodes.Increasing | nodes.GapFree,
) -> str:
    match node:
        case nodes.Aggregate(function=name, operand=operand):
            inner = ["distinct"] if node.distinct else []
            inner += [] if operand is None else [write(operand, WHEN)]
            inner += [] if node.of is None else [f"of {write_name(node.of)}"]
            inner += [] if node.via is None else [f"via {write_name(node.via)}"]
            inner += [] if node.where is None else [f"where {write(node.where, WHEN)}"]
            call = f"{name}({' '.join(inner)})"
        case nodes.Previous(operand, start):
            call = _call("previous", (operand,) if start is None else (operand, start))
        case nodes.Increasing(operand, strict):
            call = _call("increasing" if strict else "non_decreasing", (operand,))
        case nodes.GapFree(operand, start, _, constant):
            plain = start == 1 and constant is None
            args = (operand,) if plain else (operand, nodes.Literal(start, constant))
            call = _call("gap_free", args)
    if node.per:
        call += f" per {write_names(node.per)}"
    if isinstance(node, nodes.Previous | nodes.Increasing) and node.order:
        call += f" ordered by {write_names(node.order)}"
    return call


def _operand_of_minus(operand: nodes.Term) -> str:
    """A number right after a minus would be read as one negative constant."""
    if (
        isinstance(operand, nodes.Literal)
        and isinstance(operand.value, int | Decimal)
        and operand.constant is None
    ):
        return f"({_bare(operand)})"
    return write(operand, MEASURE)


def _shift(base: nodes.Term, amount: nodes.Term, unit: str) -> str:
    sign = "+"
    plain = isinstance(amount, nodes.Literal) and amount.constant is None
    if plain and isinstance(amount, nodes.Literal) and type(amount.value) is int:
        if amount.value < 0:
            sign, amount = "-", nodes.Literal(-amount.value)
    elif isinstance(amount, nodes.Negate) and (
        not isinstance(amount.operand, nodes.Literal) or amount.operand.constant is not None
    ):
        sign, amount = "-", amount.operand
    return f"{write(base, SUM)} {sign} {write(amount, MEASURE)} {unit}"

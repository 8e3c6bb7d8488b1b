"""Conditions without the factors databases compute with: ``x * 100 <= 500`` is ``x <= 5``."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from synthtab.ir import nodes
from synthtab.ir.constants import constant_value
from synthtab.ir.walk import rebuild


def simplified(condition: nodes.Condition) -> nodes.Condition:
    """Return the condition with constant factors of comparisons brought to one side."""

    def change(node: nodes.Node) -> nodes.Node:
        node = rebuild(node, change)
        if isinstance(node, nodes.Compare):
            return _compare(node)
        if isinstance(node, nodes.Between):
            return _between(node)
        return _in(node) if isinstance(node, nodes.In) else node

    return change(condition)  # type: ignore[return-value]


def _compare(node: nodes.Compare) -> nodes.Compare:
    (first, left), (second, right) = _factor(node.left), _factor(node.right)
    if first == 1 or first <= 0 or left is None:
        return node
    if right is None:
        value = _literal(second / first)
        return node if value is None else nodes.Compare(node.op, left, value)
    if second <= 0:
        return node
    ratio = _literal(second / first)
    if ratio is None:
        return node
    scaled = right if ratio.value == 1 else nodes.Multiply(ratio, right)
    return nodes.Compare(node.op, left, scaled)


def _between(node: nodes.Between) -> nodes.Between:
    factor, operand = _factor(node.operand)
    ends = [_factor(node.lo), _factor(node.hi)]
    if factor <= 0 or factor == 1 or operand is None or any(rest is not None for _, rest in ends):
        return node
    values = [_literal(value / factor) for value, _ in ends]
    if values[0] is None or values[1] is None:
        return node
    return nodes.Between(operand, values[0], values[1])


def _in(node: nodes.In) -> nodes.In:
    factor, operand = _factor(node.operand)
    if factor in (0, 1) or operand is None:
        return node
    values = [
        _literal(Fraction(o.value) / factor)
        for o in node.options
        if isinstance(o.value, int | Decimal)
    ]
    made = tuple(v for v in values if v is not None)
    return nodes.In(operand, made) if len(made) == len(node.options) else node


def _factor(term: nodes.Term) -> tuple[Fraction, nodes.Term | None]:
    """Split a term into a constant factor and the rest; no rest where it is a constant."""
    value = constant_value(term)
    if value is not None:
        return value, None
    if isinstance(term, nodes.Multiply):
        (first, left), (second, right) = _factor(term.left), _factor(term.right)
        if left is None or right is None:
            return first * second, left or right
        return first * second, nodes.Multiply(left, right)
    return Fraction(1), term


def _literal(value: Fraction) -> nodes.Literal | None:
    """Return a constant; None where it has no end in decimals."""
    if value.denominator == 1:
        return nodes.Literal(int(value))
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return None
    return nodes.Literal(Decimal(value.numerator) / Decimal(value.denominator))

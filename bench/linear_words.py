"""Rules as linear inequalities over numbers, the words a constraint layer has.

PiShield's layer takes sums of columns times constants that are at least a constant; it corrects a
generator's numbers until they hold. Of our rules it can be told comparisons of such sums, and
ranges, over numbers that are never missing. Choices (`or`, `when`), kinds, and products of columns
have no words there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from synthtab.ir import nodes
from synthtab.schema import Column, DecimalType, IntegerType, decode_value

Terms = Mapping[str, Decimal]


@dataclass(frozen=True)
class Linear:
    """``sum of terms >= constant``, or ``>`` where ``strict``."""

    terms: Terms
    constant: Decimal
    strict: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        terms = {name: float(times) for name, times in self.terms.items()}
        return {"terms": terms, "constant": float(self.constant), "strict": self.strict}


def inequalities(table: nodes.Table) -> tuple[list[Linear], list[str]]:
    """Return the inequalities that rules and ranges come to, and the rules that have none."""
    known = {c.name: c for c in table.columns if _counts(c)}
    found: list[Linear] = []
    left_out: list[str] = []
    for rule in table.rules:
        made = None
        if isinstance(rule, nodes.RowRule) and rule in table.row_rules:
            made = _of_condition(rule.condition, known)
        if made is None:
            left_out.append(rule.name)
        else:
            found += made
    for column in known.values():
        for end, sign in ((column.lo, 1), (column.hi, -1)):
            if end is not None:
                value = Decimal(str(decode_value(column.type, end)))
                found.append(Linear({column.name: Decimal(sign)}, sign * value, strict=False))
    return found, left_out


def _counts(column: Column) -> bool:
    return isinstance(column.type, IntegerType | DecimalType) and not column.optional


def _of_condition(condition: nodes.Condition, known: Mapping[str, Column]) -> list[Linear] | None:
    match condition:
        case nodes.And():
            parts = [_of_condition(c, known) for c in condition.args]
            if any(p is None for p in parts):
                return None
            return [one for p in parts if p is not None for one in p]
        case nodes.Between():
            low = nodes.Compare(">=", condition.operand, condition.lo)
            high = nodes.Compare("<=", condition.operand, condition.hi)
            return _of_condition(nodes.And((low, high)), known)
        case nodes.Compare():
            left, right = _sum(condition.left, known), _sum(condition.right, known)
            if left is None or right is None:
                return None
            return _compared(str(condition.op), _plus(left, right, -1))
    return None


def _compared(op: str, difference: dict[str, Decimal]) -> list[Linear] | None:
    """Return ``difference op 0`` as inequalities; the constant of a sum has an empty name."""
    signs = {">=": (1,), ">": (1,), "<=": (-1,), "<": (-1,), "=": (1, -1)}.get(op)
    terms = {name: times for name, times in difference.items() if name and times}
    if signs is None or not terms:
        return None
    constant = difference.get("", Decimal(0))
    return [
        Linear({n: s * t for n, t in terms.items()}, -s * constant, op in ("<", ">")) for s in signs
    ]


def _sum(term: nodes.Term, known: Mapping[str, Column]) -> dict[str, Decimal] | None:
    match term:
        case nodes.ColumnRef(name):
            return {name: Decimal(1)} if name in known else None
        case nodes.Literal(value) if isinstance(value, int | Decimal):
            return {"": Decimal(value)}
        case nodes.Negate():
            return _times(_sum(term.operand, known), Decimal(-1))
        case nodes.Add() | nodes.Subtract():
            left, right = _sum(term.left, known), _sum(term.right, known)
            sign = 1 if isinstance(term, nodes.Add) else -1
            return None if left is None or right is None else _plus(left, right, sign)
        case nodes.Multiply():
            left, right = _sum(term.left, known), _sum(term.right, known)
            if left is None or right is None:
                return None
            for one, other in ((left, right), (right, left)):
                if set(one) == {""}:
                    return _times(other, one[""])
    return None


def _plus(one: Terms, other: Terms, sign: int) -> dict[str, Decimal]:
    made = dict(one)
    for name, times in other.items():
        made[name] = made.get(name, Decimal(0)) + sign * times
    return made


def _times(terms: Terms | None, factor: Decimal) -> dict[str, Decimal] | None:
    return None if terms is None else {name: factor * t for name, t in terms.items()}

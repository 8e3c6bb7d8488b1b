"""Statements about a row that are true or false, and their translation into conditions.

JSON Schema knows no UNKNOWN, our conditions do. A claim says of each atom what it is where its
column is NULL, and is written out in one of two ways: *lax*, as a rule needs it (FALSE exactly
where the claim fails), and *strict*, as a premise needs it (TRUE exactly where the claim holds).
Where the difference does not matter NULLs may stay UNKNOWN, so most conditions say nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from synthtab.ir import nodes

_MOST_EXCLUSIVE = 6


@dataclass(frozen=True)
class Atom:
    """A condition on one column, UNKNOWN where that is NULL; there the claim is ``null``."""

    column: str
    condition: nodes.Condition
    null: bool


@dataclass(frozen=True)
class Present:
    """The column is not NULL."""

    column: str


@dataclass(frozen=True)
class Constantly:
    """True of every row, or of none."""

    value: bool


@dataclass(frozen=True)
class Negation:
    """The claim does not hold."""

    claim: Claim


@dataclass(frozen=True)
class Every:
    """All of them hold; there are at least two."""

    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Some:
    """At least one of them holds; there are at least two."""

    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Implied:
    """Where the premise holds, so does the conclusion."""

    premise: Claim
    conclusion: Claim


Claim = Atom | Present | Constantly | Negation | Every | Some | Implied

YES, NO = Constantly(True), Constantly(False)


def negation(claim: Claim) -> Claim:
    """Return the claim that another does not hold."""
    if isinstance(claim, Constantly):
        return Constantly(not claim.value)
    return claim.claim if isinstance(claim, Negation) else Negation(claim)


def every(claims: Iterable[Claim]) -> Claim:
    """Return the claim that all hold; of none, that is true."""
    flat: dict[Claim, None] = {}
    for claim in claims:
        flat.update(dict.fromkeys(claim.claims if isinstance(claim, Every) else (claim,)))
    if NO in flat:
        return NO
    left = tuple(c for c in flat if c != YES)
    return YES if not left else left[0] if len(left) == 1 else Every(left)


def some(claims: Iterable[Claim]) -> Claim:
    """Return the claim that at least one holds; of none, that is false."""
    flat: dict[Claim, None] = {}
    for claim in claims:
        flat.update(dict.fromkeys(claim.claims if isinstance(claim, Some) else (claim,)))
    if YES in flat:
        return YES
    left = tuple(c for c in flat if c != NO)
    return NO if not left else left[0] if len(left) == 1 else Some(left)


def implied(premise: Claim, conclusion: Claim) -> Claim:
    """Return the claim that one implies the other."""
    match premise, conclusion:
        case (Constantly(True), _):
            return conclusion
        case (Constantly(False), _) | (_, Constantly(True)):
            return YES
        case (_, Constantly(False)):
            return negation(premise)
    return Implied(premise, conclusion)


def exactly_one(claims: Sequence[Claim]) -> Claim | None:
    """Return the claim that one holds and no two do; None where there are too many for that."""
    if len(claims) > _MOST_EXCLUSIVE:
        return None
    pairs = (negation(every(pair)) for pair in combinations(claims, 2))
    return every([some(claims), *pairs])


def where_null(claim: Claim, value: bool) -> Claim:
    """Return a claim about one column with another value where that column is NULL."""
    match claim:
        case Atom():
            return replace(claim, null=value)
        case Negation(inner):
            return negation(where_null(inner, not value))
        case Every(inner):
            return every(where_null(c, value) for c in inner)
        case Some(inner):
            return some(where_null(c, value) for c in inner)
        case Implied(premise, conclusion):
            return implied(where_null(premise, not value), where_null(conclusion, value))
        case Present() | Constantly():
            return claim


def condition(claim: Claim, optional: frozenset[str], *, strict: bool = False) -> nodes.Condition:
    """Return the condition that says a claim; ``optional`` names the columns that may be NULL.

    The claim is not constant. A lax condition is FALSE exactly where the claim fails, a strict one
    TRUE exactly where it holds.
    """
    match claim:
        case Atom(column, inner, null):
            return _atom(column, inner, null, column in optional, strict)
        case Present(column):
            return nodes.Not(nodes.IsNull(nodes.ColumnRef(column)))
        case Negation(Present(column)):
            return nodes.IsNull(nodes.ColumnRef(column))
        case Negation(inner):
            return _not(condition(inner, optional, strict=not strict))
        case Every(inner):
            return nodes.And(tuple(condition(c, optional, strict=strict) for c in inner))
        case Some(inner):
            return nodes.Or(tuple(condition(c, optional, strict=strict) for c in inner))
        case Implied(premise, conclusion):
            return nodes.When(
                condition(premise, optional, strict=not strict),
                condition(conclusion, optional, strict=strict),
            )
        case Constantly(value):
            raise ValueError(f"a claim that is always {value} is no condition")


def _atom(
    column: str, inner: nodes.Condition, null: bool, optional: bool, strict: bool
) -> nodes.Condition:
    """UNKNOWN will do for TRUE in a rule and for FALSE in a premise."""
    if not optional or null != strict:
        return inner
    reference = nodes.ColumnRef(column)
    if null:
        return nodes.Or((nodes.IsNull(reference), inner))
    return nodes.And((nodes.Not(nodes.IsNull(reference)), inner))


_OPPOSITE: dict[nodes.CompareOp, nodes.CompareOp] = {
    "=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
}  # fmt: skip


def _not(inner: nodes.Condition) -> nodes.Condition:
    """Negate, by the opposite operator where there is one: UNKNOWN stays UNKNOWN."""
    match inner:
        case nodes.Compare(op, left, right):
            return nodes.Compare(_OPPOSITE[op], left, right)
        case nodes.Not(operand):
            return operand
    return nodes.Not(inner)

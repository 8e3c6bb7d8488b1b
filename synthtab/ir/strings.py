"""String-valued terms in lowered form: choices between columns and constants.

A string has no integer that means the same everywhere (an enum's codes are positions in its own
list, a text's are indices into its batch), so comparisons are made case by case instead:
``case when c then a else 'x' end = b`` becomes ``(C and a = b) or (not C and 'x' = b)``, with C for
``c is true``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from synthtab.ir import core, fold


@dataclass(frozen=True)
class EnumLeaf:
    """An enum column."""

    var: core.Var
    values: tuple[str, ...]


@dataclass(frozen=True)
class TextLeaf:
    """A text column."""

    var: core.Var


@dataclass(frozen=True)
class Constant:
    """A string, or NULL."""

    text: str | None


Leaf = EnumLeaf | TextLeaf | Constant


@dataclass(frozen=True)
class StringTerm:
    """One leaf per case; the guards are two-valued, and exactly one of them is TRUE in any row."""

    cases: tuple[tuple[core.Cond, Leaf], ...]


NULL_STRING = StringTerm(((fold.TRUE, Constant(None)),))


def leaf(what: Leaf) -> StringTerm:
    """Return the term that is one column or constant."""
    return StringTerm(((fold.TRUE, what),))


def choose(branches: Iterable[tuple[core.Cond, StringTerm]], otherwise: StringTerm) -> StringTerm:
    """Return the string of the first branch that is TRUE, else ``otherwise``."""
    cases: list[tuple[core.Cond, Leaf]] = []
    earlier: list[core.Cond] = []
    for condition, term in [*branches, (fold.TRUE, otherwise)]:
        holds = fold.is_true(condition)
        chosen = [fold.negation(e) for e in earlier] + [holds]
        for guard, what in term.cases:
            whole = fold.conjunction([*chosen, guard])
            if whole != fold.FALSE:
                cases.append((whole, what))
        earlier.append(holds)
    return StringTerm(tuple(cases))


def is_null(term: StringTerm) -> core.Cond:
    """Return ``term is null``."""
    return _each(term, _leaf_null)


def length(term: StringTerm) -> core.Term:
    """Return the term's length in code points."""
    return fold.choose(
        [(g, _leaf_length(w)) for g, w in term.cases[:-1]], _leaf_length(term.cases[-1][1])
    )


def satisfies(term: StringTerm, test: Callable[[str], bool], pattern: str) -> core.Cond:
    """Return whether the string matches ``pattern``, which ``test`` decides for known strings."""

    def of(what: Leaf) -> core.Cond:
        match what:
            case Constant(None):
                return fold.UNKNOWN
            case Constant(text):
                return core.Truth(test(text or ""))
            case EnumLeaf(var, values):
                return fold.member(var, [k for k, v in enumerate(values) if test(v)])
            case TextLeaf(var):
                return core.TextMatch(var, pattern)

    return _each(term, of)


def member(term: StringTerm, options: Sequence[str]) -> core.Cond:
    """Return ``term in options``."""

    def of(what: Leaf) -> core.Cond:
        if isinstance(what, EnumLeaf):
            return fold.member(what.var, [k for k, v in enumerate(what.values) if v in options])
        return fold.disjunction(_leaf_equal(what, Constant(text)) for text in options)

    return _each(term, of)


def compare(op: str, left: StringTerm, right: StringTerm, order: tuple[str, ...] = ()) -> core.Cond:
    """Return ``left op right``; other than for = and !=, by the places in ``order``."""
    if op == "!=":
        return fold.negation(compare("=", left, right))

    def of(first: Leaf, second: Leaf) -> core.Cond:
        if op == "=":
            return _leaf_equal(first, second)
        return fold.compare(op, _position(first, order), _position(second, order))

    return _each(left, lambda first: _each(right, lambda second: of(first, second)))


def _each(term: StringTerm, of: Callable[[Leaf], core.Cond]) -> core.Cond:
    """Return ``of`` the leaf that the guards choose."""
    if len(term.cases) == 1:
        return of(term.cases[0][1])
    return fold.disjunction(fold.conjunction([guard, of(what)]) for guard, what in term.cases)


def _leaf_null(what: Leaf) -> core.Cond:
    if isinstance(what, Constant):
        return core.Truth(what.text is None)
    return core.IsNull(what.var)


def _leaf_length(what: Leaf) -> core.Term:
    match what:
        case Constant(text):
            return fold.NULL if text is None else core.Const(len(text))
        case TextLeaf(var):
            return core.TextLength(var)
        case EnumLeaf(var, values):
            lengths = sorted({len(v) for v in values})
            branches: list[tuple[core.Cond, core.Term]] = [
                (fold.member(var, [k for k, v in enumerate(values) if len(v) == n]), core.Const(n))
                for n in lengths
            ]
            return fold.choose(branches, fold.NULL)


def _position(what: Leaf, order: tuple[str, ...]) -> core.Term:
    match what:
        case Constant(text):
            return fold.NULL if text is None else core.Const(order.index(text))
        case TextLeaf():
            raise TypeError("text has no order")
        case EnumLeaf(var):
            return var


def _leaf_equal(first: Leaf, second: Leaf) -> core.Cond:
    match first, second:
        case (Constant(None), _) | (_, Constant(None)):
            return fold.UNKNOWN
        case Constant(a), Constant(b):
            return core.Truth(a == b)
        case Constant(), _:
            return _leaf_equal(second, first)
        case TextLeaf(var), Constant(text):
            return core.TextIs(var, text or "")
        case TextLeaf(var), TextLeaf(other):
            return fold.compare("=", var, other)
        case EnumLeaf(var, values), Constant(text):
            return fold.member(var, [k for k, v in enumerate(values) if v == text])
        case EnumLeaf(var, values), EnumLeaf(other, others) if values == others:
            return fold.compare("=", var, other)
        case EnumLeaf(var, values), _:
            # One case per value both may have; apart from those, unequal unless one is NULL.
            equal = [
                fold.conjunction([core.Cmp("=", var, core.Const(k)), same])
                for k, v in enumerate(values)
                if (same := _leaf_equal(second, Constant(v))) != fold.FALSE and not _never(same)
            ]
            either = fold.disjunction([_leaf_null(first), _leaf_null(second)])
            return fold.disjunction([*equal, fold.conjunction([either, fold.UNKNOWN])])
        case _:
            return _leaf_equal(second, first)


def _never(cond: core.Cond) -> bool:
    """Say whether the condition is FALSE or UNKNOWN in every row, by its form."""
    match cond:
        case core.Truth(value):
            return value is not True
        case core.And(args):
            return any(map(_never, args))
    return False

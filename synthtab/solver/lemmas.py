"""What is true of the terms Z3 sees only as numbers: products, calendar arithmetic, facts of text.

:func:`at_start` gives facts that hold everywhere. :func:`where_wrong` answers a model that gave a
term a wrong value with facts that hold around that model, so that asking again gets closer: each is
true of all rows, and so a proof that uses it is a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from re import compile as compile_pattern

import z3

from synthtab.backends.smt import Hidden, SmtBackend
from synthtab.ir import core
from synthtab.ir.bounds import bounds
from synthtab.ir.calendar import add_months, civil_from_days, days_from_civil
from synthtab.schema import TextType

Fact = core.TextIs | core.TextMatch | core.TextLength
# Gives a term's exact value on the row at hand, None for NULL.
Exactly = Callable[[core.Term], int | None]


@dataclass(frozen=True)
class Lemma:
    """``fact`` is always true; where ``here`` holds too, the term has its exact value."""

    fact: z3.BoolRef
    here: z3.BoolRef


def text_facts(backend: SmtBackend, column: str) -> list[tuple[Fact, Hidden]]:
    """Return the facts about a text column that formulas have spoken of so far."""
    return [
        (h.term, h)
        for h in backend.hidden
        if isinstance(h.term, core.TextIs | core.TextMatch | core.TextLength)
        and h.term.var.name == column
    ]


def fact_value(fact: Fact, text: str) -> int:
    """Return what a fact about a text column is for one string: a length, or 0 or 1."""
    match fact:
        case core.TextIs(_, other):
            return int(text == other)
        case core.TextMatch(_, pattern):
            return int(compile_pattern(pattern).fullmatch(text) is not None)
        case core.TextLength():
            return len(text)


def at_start(backend: SmtBackend, hidden: Iterable[Hidden]) -> list[z3.BoolRef]:
    """Return facts about new hidden terms that hold in every row, beyond the backend's own."""
    facts: list[z3.BoolRef] = []
    for one in hidden:
        if isinstance(one.term, core.Product):
            facts += _envelope(backend, one, one.term)
    return facts


def share_facts(backend: SmtBackend, columns: Iterable[str]) -> list[z3.BoolRef]:
    """Return what the facts about text columns say about each other; makes facts where missing.

    A column that equals a string has its length and matches what it matches; columns that are equal
    agree on all facts.
    """
    texts = [c for c in columns if isinstance(backend.table.column(c).type, TextType)]
    asked = {_about(f, "") for c in texts for f, _ in text_facts(backend, c)}
    if len(texts) > 1:
        for column in texts:
            for fact in asked:
                _mention(backend, _about(fact, column))
    out: list[z3.BoolRef] = []
    for column in texts:
        out += list(_of_one_column(backend, column))
    for one, other in combinations(texts, 2):
        same = backend.value(one) == backend.value(other)
        facts = {_about(f, ""): h for f, h in text_facts(backend, other)}
        for fact, hidden in text_facts(backend, one):
            mine, its = backend.value(hidden.name), backend.value(facts[_about(fact, "")].name)
            out.append(z3.Implies(same, mine == its))
            if isinstance(fact, core.TextIs):
                out.append(z3.Implies(z3.And(mine == 1, its == 1), same))
    return out


def where_wrong(
    backend: SmtBackend, model: z3.ModelRef, exactly: Exactly, operand: Exactly
) -> list[Lemma]:
    """Return a lemma for each hidden number to which ``model`` gives a wrong value.

    ``exactly`` computes a hidden term on the model's row, ``operand`` any term.
    """
    lemmas = []
    for hidden in backend.hidden:
        term = hidden.term
        if isinstance(term, core.TextIs | core.TextMatch | core.TextLength) or hidden.exact:
            continue
        right = exactly(term)
        if right is None:
            continue
        given = model.eval(backend.value(hidden.name))
        if not z3.is_int_value(given) or given.as_long() != right:
            lemma = _lemma(backend, hidden, term, operand)
            if lemma is not None:
                lemmas.append(lemma)
    return lemmas


def _lemma(backend: SmtBackend, hidden: Hidden, term: core.Term, operand: Exactly) -> Lemma | None:
    value = backend.value(hidden.name)
    match term:
        case core.Product(left, right):
            here, there = operand(left), operand(right)
            if here is None or there is None:
                return None
            first, first_null = backend.term(left)
            second, second_null = backend.term(right)
            fixed = first == here
            known = z3.And(z3.Not(first_null), z3.Not(second_null))
            facts = [
                z3.Implies(fixed, value == here * second),
                *_tangents(first, second, value, here, there),
            ]
            return Lemma(z3.Implies(known, z3.And(facts)), fixed)
        case core.CalendarPart(part, days):
            return _calendar(backend, value, part, days, operand(days))
        case core.AddMonths(base, months, per_day):
            start, steps = operand(base), operand(months)
            if start is None or steps is None:
                return None
            count, _ = backend.term(months)
            moment, null = backend.term(base)
            fact, here_ = _moved(moment, value, start // per_day, steps, per_day)
            fixed = z3.And(count == steps, here_)
            return Lemma(z3.Implies(z3.And(z3.Not(null), fixed), fact), fixed)
    return None


def _tangents(
    x: z3.ArithRef, y: z3.ArithRef, product: z3.ArithRef, a: int, b: int
) -> list[z3.BoolRef]:
    """Return on which side of its tangent plane at (a, b) a product lies, by quadrants."""
    plane = b * x + a * y - a * b
    same = z3.Or(z3.And(x <= a, y <= b), z3.And(x >= a, y >= b))
    across = z3.Or(z3.And(x <= a, y >= b), z3.And(x >= a, y <= b))
    return [z3.Implies(same, product >= plane), z3.Implies(across, product <= plane)]


def _calendar(
    backend: SmtBackend, value: z3.ArithRef, part: str, days: core.Term, day: int | None
) -> Lemma | None:
    """Say what a part of a date is within the year or month of ``day``."""
    if day is None:
        return None
    year, month, _ = civil_from_days(day)
    expr, null = backend.term(days)
    if part == "year":
        first, after = days_from_civil(year, 1, 1), days_from_civil(year + 1, 1, 1)
        right: z3.ArithRef | int = year
    else:
        first, after = _month_of(year * 12 + month - 1)
        right = {"month": month, "quarter": (month + 2) // 3, "day": expr - (first - 1)}[part]
    here = z3.And(expr >= first, expr < after)
    fact = value == right
    if part == "year":  # the other direction holds as well
        return Lemma(z3.Implies(z3.Not(null), here == fact), here)
    return Lemma(z3.Implies(z3.And(z3.Not(null), here), fact), here)


def _moved(
    moment: z3.ArithRef, value: z3.ArithRef, day: int, steps: int, per_day: int
) -> tuple[z3.BoolRef, z3.BoolRef]:
    """Say where the ticks of the month of ``day`` get when moved by ``steps`` months."""
    year, month, _ = civil_from_days(day)
    first, after = _month_of(year * 12 + month - 1)
    target = add_months(first, steps)
    there, beyond = _month_of(year * 12 + month - 1 + steps)
    whole = min(after - first, beyond - there)
    facts = [
        z3.Implies(moment < (first + whole) * per_day, value == moment + (target - first) * per_day)
    ]
    # The days the other month has not become its last day.
    for late in range(first + whole, after):
        own = z3.And(moment >= late * per_day, moment < (late + 1) * per_day)
        facts.append(z3.Implies(own, value == moment + (beyond - 1 - late) * per_day))
    here = z3.And(moment >= first * per_day, moment < after * per_day)
    return z3.And(facts), here


def _month_of(index: int) -> tuple[int, int]:
    """Return the first day of a month (counted from year 0) and the first day after it."""
    return (
        days_from_civil(index // 12, index % 12 + 1, 1),
        days_from_civil((index + 1) // 12, (index + 1) % 12 + 1, 1),
    )


def _envelope(backend: SmtBackend, hidden: Hidden, term: core.Product) -> list[z3.BoolRef]:
    """Return the four planes a product of two bounded numbers lies between (McCormick)."""
    (a, b), (c, d) = (bounds(t, backend.ranges) for t in (term.left, term.right))
    x, x_null = backend.term(term.left)
    y, y_null = backend.term(term.right)
    product = backend.value(hidden.name)
    known = z3.And(z3.Not(x_null), z3.Not(y_null))
    planes = [
        product >= a * y + c * x - a * c,
        product >= b * y + d * x - b * d,
        product <= b * y + c * x - b * c,
        product <= a * y + d * x - a * d,
    ]
    return [z3.Implies(known, p) for p in planes]


def _of_one_column(backend: SmtBackend, column: str) -> Iterator[z3.BoolRef]:
    kind = backend.table.column(column).type
    assert isinstance(kind, TextType)
    facts = text_facts(backend, column)
    for fact, hidden in facts:
        value = backend.value(hidden.name)
        if isinstance(fact, core.TextLength):
            yield value <= kind.max_length
        elif isinstance(fact, core.TextMatch) and fact.pattern == kind.pattern:
            yield value == 1
        elif isinstance(fact, core.TextIs):
            fits = kind.pattern is None or compile_pattern(kind.pattern).fullmatch(fact.text)
            if not fits or len(fact.text) > kind.max_length:
                yield value == 0
            for other, its in facts:
                if other is not fact:
                    right = fact_value(other, fact.text)
                    yield z3.Implies(value == 1, backend.value(its.name) == right)


def _about(fact: Fact, column: str) -> Fact:
    """Return the same fact about another column."""
    match fact:
        case core.TextIs(_, text):
            return core.TextIs(core.Var(column), text)
        case core.TextMatch(_, pattern):
            return core.TextMatch(core.Var(column), pattern)
        case core.TextLength():
            return core.TextLength(core.Var(column))


def _mention(backend: SmtBackend, fact: Fact) -> None:
    if isinstance(fact, core.TextLength):
        backend.term(fact)
    else:
        backend.condition(fact)

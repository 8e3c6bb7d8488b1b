"""Every lemma is true of all values, and where its place is, it pins the term down."""

from __future__ import annotations

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.backends.smt import SmtBackend
from synthtab.ir import core
from synthtab.ir.calendar import add_months, civil_from_days
from synthtab.ir.nodes import Table
from synthtab.schema import Column, DatetimeType, DateType, IntegerType
from synthtab.solver import lemmas

X, Y = core.Var("x"), core.Var("y")
DAYS = st.integers(-30_000, 30_000)


def check(table: Table, term: core.Term, at: dict[str, int], probe: dict[str, int], value) -> None:
    """Make the lemma for the row ``at`` and put the row ``probe`` with its true value in."""
    backend = SmtBackend(table)
    backend.term(term)
    (hidden,) = (h for h in backend.hidden if h.term == term)
    solver = z3.Solver(ctx=backend.context)
    solver.add(*(backend.value(c) == v for c, v in at.items()))
    solver.add(backend.value(hidden.name) == value(at) + 1_000_000_007)
    assert solver.check() == z3.sat

    def operand(inner: core.Term) -> int:
        if isinstance(inner, core.Const):
            return inner.value
        return at[inner.name] if isinstance(inner, core.Var) else value(at)

    (lemma,) = lemmas.where_wrong(backend, solver.model(), lambda _: value(at), operand)
    facts = [lemma.fact, *lemmas.at_start(backend, [hidden])]
    real = [(backend.value(c), z3.IntVal(v, backend.context)) for c, v in probe.items()]
    real.append((backend.value(hidden.name), z3.IntVal(value(probe), backend.context)))
    for fact in facts:
        assert z3.is_true(z3.simplify(z3.substitute(fact, *real))), (at, probe, fact)
    # At the row itself, nothing but the true value is left.
    solver = z3.Solver(ctx=backend.context)
    solver.add(*facts, *(backend.value(c) == v for c, v in at.items()))
    assert solver.check() == z3.sat
    assert solver.model().eval(backend.value(hidden.name)).as_long() == value(at)
    solver.add(backend.value(hidden.name) != value(at))
    assert solver.check() == z3.unsat
    assert z3.is_true(
        z3.simplify(
            z3.substitute(
                lemma.here,
                *((backend.value(c), z3.IntVal(v, backend.context)) for c, v in at.items()),
            )
        )
    )


@settings(max_examples=60, deadline=None)
@given(*(st.integers(-50, 50) for _ in range(4)))
def test_products(a: int, b: int, c: int, d: int) -> None:
    table = Table(
        "t",
        (
            Column("x", IntegerType(), lo=-50, hi=50),
            Column("y", IntegerType(), lo=-50, hi=50),
        ),
    )
    check(table, core.Product(X, Y), {"x": a, "y": b}, {"x": c, "y": d}, lambda r: r["x"] * r["y"])


@pytest.mark.parametrize("part", ["year", "quarter", "month", "day"])
@settings(max_examples=40, deadline=None)
@given(at=DAYS, step=st.integers(-40, 40))
def test_parts_of_dates(part: str, at: int, step: int) -> None:
    table = Table("t", (Column("x", DateType()),))

    def value(row: dict[str, int]) -> int:
        year, month, day = civil_from_days(row["x"])
        return {"year": year, "quarter": (month + 2) // 3, "month": month, "day": day}[part]

    check(table, core.CalendarPart(part, X), {"x": at}, {"x": at + step}, value)


@settings(max_examples=60, deadline=None)
@given(at=DAYS, step=st.integers(-40, 40), months=st.integers(-30, 30))
def test_months(at: int, step: int, months: int) -> None:
    table = Table("t", (Column("x", DateType()),))
    term = core.AddMonths(X, core.Const(months))
    check(table, term, {"x": at}, {"x": at + step}, lambda r: add_months(r["x"], months))


@settings(max_examples=60, deadline=None)
@given(at=st.integers(-400_000, 400_000), step=st.integers(-900, 900), months=st.integers(-30, 30))
def test_months_of_hours(at: int, step: int, months: int) -> None:
    table = Table("t", (Column("x", DatetimeType(3600)),))
    term = core.AddMonths(X, core.Const(months), 24)

    def value(row: dict[str, int]) -> int:
        return add_months(row["x"] // 24, months) * 24 + row["x"] % 24

    check(table, term, {"x": at}, {"x": at + step}, value)


@settings(max_examples=40, deadline=None)
@given(at=DAYS, step=st.integers(-40, 40), one=st.integers(-9, 9), other=st.integers(-9, 9))
def test_months_of_a_column(at: int, step: int, one: int, other: int) -> None:
    table = Table("t", (Column("x", DateType()), Column("y", IntegerType(), lo=-9, hi=9)))
    check(
        table,
        core.AddMonths(X, Y),
        {"x": at, "y": one},
        {"x": at + step, "y": other},
        lambda r: add_months(r["x"], r["y"]),
    )

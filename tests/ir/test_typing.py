from datetime import date, datetime
from decimal import Decimal

import pytest
from strategies import make_case

from synthtab.ir import nodes as n
from synthtab.ir.constants import constant_value, is_whole
from synthtab.ir.typing import (
    BooleanT,
    DateT,
    DatetimeT,
    NumberT,
    StringT,
    TermType,
    check,
    type_of,
)
from synthtab.ir.walk import columns_of, descendants, rebuild
from synthtab.lang.model import Model
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

TABLE = n.Table(
    "t",
    (
        Column("i", IntegerType()),
        Column("m", DecimalType(9, 2)),
        Column("d", DateType()),
        Column("h", DatetimeType(3600)),
        Column("q", DatetimeType(60)),
        Column("b", BooleanType()),
        Column("e", EnumType(("x", "y"))),
        Column("f", EnumType(("y", "x"))),
        Column("s", TextType(5)),
    ),
)
C = {c.name: n.ColumnRef(c.name) for c in TABLE.columns}
ONE = n.Literal(1)


@pytest.mark.parametrize(
    ("term", "kind"),
    [
        (C["i"], NumberT()),
        (n.Quantity(3, "hours"), NumberT()),
        (n.Literal(Decimal("1.5")), NumberT()),
        (n.Literal(True), BooleanT()),
        (n.Literal("x"), StringT()),
        (n.Literal(date(2020, 1, 1)), DateT()),
        (n.Literal(datetime(2020, 1, 1, 5)), DatetimeT(3600)),
        (n.Literal(datetime(2020, 1, 1, 5, 3)), DatetimeT(60)),
        (n.Literal(datetime(2020, 1, 1, 5, 3, 1)), DatetimeT(1)),
        (C["e"], StringT(("x", "y"))),
        (C["s"], StringT()),
        (n.Subtract(C["d"], C["d"]), NumberT()),
        (n.Subtract(C["h"], C["q"]), NumberT()),
        (n.Shift(C["d"], ONE, "months"), DateT()),
        (n.Shift(C["h"], ONE, "minutes"), DatetimeT(60)),
        (n.Shift(C["h"], ONE, "years"), DatetimeT(3600)),
        (n.Maximum((C["h"], C["q"])), DatetimeT(60)),
        (n.Coalesce((C["e"], n.Literal("x"))), StringT(("x", "y"))),
        (n.Coalesce((C["e"], n.Literal("z"))), StringT()),
        (n.Coalesce((C["e"], C["f"])), StringT()),
        (n.Case(((C["b"], C["d"]),)), DateT()),
        (n.DatePart("date", C["h"]), DateT()),
        (n.DatePart("hour", C["h"]), NumberT()),
        (n.Length(C["e"]), NumberT()),
    ],
)
def test_types(term: n.Term, kind: TermType) -> None:
    assert type_of(term, TABLE) == kind


def test_a_term_without_type_is_an_error() -> None:
    with pytest.raises(TypeError, match="E201"):
        type_of(n.ColumnRef("zz"), TABLE)
    with pytest.raises(TypeError, match="E211"):
        type_of(n.Add(C["i"], C["s"]), TABLE)


@pytest.mark.parametrize("seed", range(100))
def test_well_typed_rules_have_no_errors(seed: int) -> None:
    table = make_case(seed).table
    assert [d.render() for d in check([table]) if d.severity == "error"] == []
    for rule in table.row_rules:
        for node in descendants(rule.condition):
            if isinstance(node, n.Add | n.Subtract | n.Shift | n.DatePart | n.Case | n.ColumnRef):
                assert type_of(node, table)


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (n.Compare("=", C["i"], C["s"]), "E210"),
        (n.Compare("=", C["d"], C["h"]), "E210"),
        (n.Compare("<", C["e"], C["f"]), "E217"),
        (n.Compare("<", C["s"], C["s"]), "E217"),
        (n.Compare("<", C["b"], C["b"]), "E217"),
        (n.Compare("=", C["e"], n.Literal("z")), "E206"),
        (n.Compare("=", n.Coalesce((C["e"], C["e"])), n.Literal("z")), "E206"),
        (n.Compare("=", C["e"], n.Case(((C["b"], n.Literal("z")),))), "E206"),
        (n.Compare("=", n.Coalesce((C["s"], n.Literal("z"))), C["e"]), "E206"),
        (n.Compare("=", C["i"], n.Literal(Decimal("NaN"))), "E230"),
        (n.Compare("=", C["i"], n.Literal(1.5)), "E230"),  # type: ignore[arg-type]
        (n.Compare("=", C["h"], n.Literal(datetime(2020, 1, 1, 0, 0, 0, 5))), "E230"),
        (n.Compare("=", C["i"], n.ColumnRef("null")), "E207"),
        (n.Compare("=", C["h"], n.Literal(datetime(2020, 1, 1, 0, 30))), "W201"),
        (n.Compare("=", C["i"], n.Literal(Decimal("0.5"))), "W201"),
        (n.In(C["i"], ()), "E218"),
        (n.In(C["e"], (n.Literal("x"), n.Literal("q"))), "E206"),
        (n.And((C["b"],)), "E218"),
        (n.Not(C["i"]), "E212"),
        (n.Coalesce((C["b"], C["b"])), "E212"),
        (n.IsNull(n.IsNull(C["b"])), "E213"),
        (n.Compare("=", n.Shift(C["d"], n.Literal(Decimal("0.5")), "days"), C["d"]), "E216"),
        (n.Compare("=", n.Shift(C["i"], ONE, "days"), C["d"]), "E215"),
        (n.Compare("=", n.Shift(C["d"], ONE, "seconds"), C["d"]), "E215"),
        (n.Compare("=", n.Divide(C["i"], C["i"]), ONE), "E214"),
        (n.Compare("=", n.Divide(C["i"], n.Subtract(ONE, ONE)), ONE), "W202"),
        (n.Compare("=", n.Minimum((C["e"], C["e"])), C["e"]), "E211"),
        (n.Like(C["i"], "a"), "E211"),
        (n.Matches(C["s"], "("), "E224"),
        (n.Matches(C["s"], r"\d"), "E225"),
    ],
)
def test_one_finding_each(condition: n.Condition, code: str) -> None:
    table = n.Table("t", TABLE.columns, (n.RowRule("r", condition),))
    assert [d.code for d in check([table])] == [code]


@pytest.mark.parametrize(
    "condition",
    [
        n.Compare("<", C["e"], n.Literal("y")),
        n.Compare(">=", n.Coalesce((C["e"], n.Literal("x"))), C["e"]),
        n.Compare("=", C["e"], C["f"]),
        n.Compare("!=", C["s"], C["e"]),
        n.Compare("=", C["b"], n.Literal(True)),
        n.Compare("<", C["h"], C["q"]),
        n.Compare("=", n.Shift(C["d"], n.Subtract(C["d"], C["d"]), "days"), C["d"]),
        n.Compare("=", n.Divide(C["i"], n.Add(ONE, ONE)), ONE),
        n.Between(C["e"], n.Literal("x"), n.Literal("y")),
        n.Literal(True),
    ],
)
def test_nothing_to_find(condition: n.Condition) -> None:
    assert check([n.Table("t", TABLE.columns, (n.RowRule("r", condition),))]) == []


@pytest.mark.parametrize(
    ("column", "code"),
    [
        (Column("", IntegerType()), "E232"),
        (Column("c", DecimalType(19, 0)), "E220"),
        (Column("c", DecimalType(3, 4)), "E220"),
        (Column("c", DecimalType(0, 0)), "E220"),
        (Column("c", TextType(0)), "E221"),
        (Column("c", EnumType(())), "E302"),
        (Column("c", EnumType(("a", "a"))), "E222"),
        (Column("c", DatetimeType(7)), "E233"),
        (Column("c", IntegerType(), lo=2, hi=1), "E302"),
        (Column("c", BooleanType(), lo=0), "E223"),
        (Column("c", TextType(3), hi=0), "E223"),
        (Column("c", IntegerType(), hi=2**63), "E223"),
        (Column("c", EnumType(("a",)), lo=1), "E223"),
        (Column("c", DecimalType(3, 1), hi=5000), "W203"),
        (Column("c", TextType(3, "a{4}")), "E302"),
        (Column("c", TextType(3, "(")), "E224"),
    ],
)
def test_declarations(column: Column, code: str) -> None:
    assert [d.code for d in check([n.Table("t", (column,))])] == [code]


def test_constants() -> None:
    assert constant_value(n.Quantity(12, "hours")) == Decimal("0.5")
    assert constant_value(n.Divide(ONE, n.Literal(0))) is None
    assert constant_value(C["i"]) is None
    assert is_whole(n.Quantity(2, "weeks"), {})
    assert not is_whole(n.Quantity(1, "hours"), {})


def test_walking() -> None:
    condition = n.When(n.In(C["i"], (ONE,)), n.Compare("=", n.Add(C["m"], C["i"]), ONE))
    assert columns_of(condition) == ("i", "m")
    assert rebuild(condition, lambda node: node) is condition
    changed = rebuild(condition, lambda node: n.Not(node))  # type: ignore[arg-type]
    assert changed == n.When(n.Not(condition.premise), n.Not(condition.conclusion))


def test_findings_come_in_the_order_of_the_source() -> None:
    text = "table t { a integer rule r: b > 1 rule q: a = 'x' }"
    with pytest.raises(Exception, match="E201") as caught:
        Model.parse(text)
    assert [d.code for d in caught.value.diagnostics] == ["E201", "E210"]  # type: ignore[attr-defined]

"""Rules across rows and tables built in Python equal those written as text."""

from datetime import date
from decimal import Decimal

import pytest

from synthtab.errors import ModelError, UsageError
from synthtab.ir import nodes as n
from synthtab.ir.evaluate import evaluate
from synthtab.lang.builder import (
    Declaration,
    average,
    coalesce,
    col,
    column,
    const,
    count,
    days,
    determines,
    forbid_pair,
    gap_free,
    greatest,
    increasing,
    key,
    least,
    maximum,
    no_overlap,
    non_decreasing,
    previous,
    reach,
    references,
    rule,
    table,
    total,
    unique,
    when,
    years,
)
from synthtab.lang.format import format_tables
from synthtab.lang.model import Model
from synthtab.schema import BooleanType, DateType, DecimalType, EnumType, IntegerType, TextType

HEADER = """const legal_age = 18

table team {
  id      integer key
  site    integer
  name    text(20) unique
  payroll decimal(12, 2)
  opened  date
  unique (site, id)
}

table person {
  id      integer key
  team_id integer -> team.id
  boss    integer optional -> person.id
  site    integer
  pay     decimal(10, 2)
  born    date
  hired   date
  left_on date optional
  active  boolean
"""
TEAM = table(
    "team",
    column("id", IntegerType(), key=True),
    column("site", IntegerType()),
    column("name", TextType(20), unique=True),
    column("payroll", DecimalType(12, 2)),
    column("opened", DateType()),
    unique("site", "id"),
)
PERSON: tuple[Declaration, ...] = (
    column("id", IntegerType(), key=True),
    column("team_id", IntegerType(), to=("team", "id")),
    column("boss", IntegerType(), optional=True, to=("person", "id")),
    column("site", IntegerType()),
    column("pay", DecimalType(10, 2)),
    column("born", DateType()),
    column("hired", DateType()),
    column("left_on", DateType(), optional=True),
    column("active", BooleanType()),
)
pay, hired, born, site = col("pay"), col("hired"), col("born"), col("site")
CASES: list[tuple[str, n.Rule]] = [
    ("rule r: pay < team_id.payroll", rule("r", pay < reach("team_id", "payroll"))),
    (
        "rule r: hired > boss.team.opened + 3 days",
        rule("r", hired > reach("boss", "team", "opened") + days(3)),
    ),
    ("rule r: count() per boss <= 12", rule("r", count(per="boss") <= 12)),
    (
        "rule r: count(distinct site where active) per team_id, boss <= 3",
        rule(
            "r",
            count(col("site"), distinct=True, where=col("active"), per=["team_id", "boss"]) <= 3,
        ),
    ),
    ("rule r: count(of person) <= 12", rule("r", count(of="person") <= 12)),
    (
        "rule r: sum(pay of person via boss where active) < 9",
        rule("r", total(pay, of="person", via="boss", where=col("active")) < 9),
    ),
    (
        "rule r: coalesce(sum(pay) per site, 0) < team.payroll",
        rule("r", coalesce(total(pay, per="site"), 0) < reach("team", "payroll")),
    ),
    (
        "rule r: avg(pay) per site between min(pay) and max(pay)",
        rule("r", average(pay, per="site").between(least(pay), greatest(pay))),
    ),
    (
        "rule r: max((max(hired) per site), born) > min(hired) per site",
        rule("r", maximum(greatest(hired, per="site"), born) > least(hired, per="site")),
    ),
    (
        "rule r: hired >= born + legal_age years",
        rule("r", hired >= born + years(const("legal_age", 18))),
    ),
    (
        "rule r: pay = (previous(pay, 0) per site ordered by id) + 1",
        rule("r", pay == previous(pay, 0, per="site", ordered_by="id") + 1),
    ),
    (
        "rule r: increasing(hired) per site ordered by hired, id",
        rule("r", increasing(hired, per="site", ordered_by=["hired", "id"])),
    ),
    (
        "rule r: when active then non_decreasing(pay) ordered by id",
        rule("r", when(col("active")).then(non_decreasing(pay, ordered_by="id"))),
    ),
    ("rule r: gap_free(id, 0) per site", rule("r", gap_free(col("id"), 0, per="site"))),
    ('rule r at least 97.5% "x": pay > 0', rule("r", pay > 0, "x", share=Decimal("0.975"))),
    ('rule r "x" at least 50%: pay > 0', rule("r", pay > 0, "x", share=Decimal("0.5"))),
    (
        'rule r at least 99% "x": team_id determines site, boss',
        determines("r", "team_id", ["site", "boss"], "x", share=Decimal("0.99")),
    ),
    (
        "rule r: (site, team_id) -> team (site, id)",
        references(["site", "team_id"], "team", ["site", "id"], name="r"),
    ),
    ("rule r: site -> team.id", references("site", "team", "id", name="r")),
    (
        "rule r: no overlap (hired, left_on) per site, team_id",
        no_overlap("r", "hired", "left_on", per=["site", "team_id"]),
    ),
    (
        "rule r: forbid pair (a, b): a.site = b.site and a.hired + 3 days < b.hired",
        forbid_pair(
            "r",
            ("a", "b"),
            (reach("a", "site") == reach("b", "site"))
            & (reach("a", "hired") + days(3) < reach("b", "hired")),
        ),
    ),
    ("unique (site, hired) where active", unique("site", "hired", where=col("active"))),
    (
        "rule r at least 90%: unique (site, hired) where active",
        unique("site", "hired", name="r", where=col("active"), share=Decimal("0.9")),
    ),
]


@pytest.mark.parametrize(("text", "made"), CASES, ids=[text for text, _ in CASES])
def test_equal_to_the_text(text: str, made: n.Rule) -> None:
    written = Model.parse(f"{HEADER}  {text}\n}}")
    built = Model.of([TEAM, table("person", *PERSON, made)])
    assert built == written
    assert Model.parse(built.to_text()) == built
    assert repr(Model.parse(written.to_text()).tables) == repr(written.tables)
    assert Model.parse(written.to_text()).constants == written.constants


def test_constants_are_gathered_from_the_rules() -> None:
    person = table("p", column("x", IntegerType()), rule("r", col("x") < const("most", 9)))
    model = Model.of([person])
    assert model.constants == (n.Constant("most", 9),)
    assert model.to_text().startswith("const most = 9\n\ntable p {")
    other = table("q", column("x", IntegerType()), rule("r", col("x") < const("most", 8)))
    with pytest.raises(ModelError) as caught:
        Model.of([person, other])
    assert [d.code for d in caught.value.diagnostics] == ["E253"]


def test_what_python_can_get_wrong() -> None:
    with pytest.raises(UsageError, match="and then a column"):
        reach("a")
    with pytest.raises(UsageError, match=r"Decimal\('0.9'\)"):
        rule("r", col("a") > 1, share=0.9)  # type: ignore[arg-type]
    with pytest.raises(ModelError) as caught:
        Model.of([table("t", column("a", IntegerType()), key("a", name="k"), rule("r", pay > 1))])
    assert [d.code for d in caught.value.diagnostics] == ["E201"]


def test_constants_stand_in_lists_and_where_counting_begins() -> None:
    text = """const first = 0
const vip = 'gold'
const most = 9
const later = 1

table p {
  g integer
  n integer
  s enum('basic', 'gold')

  rule numbers: gap_free(n, first) per g
  rule others: gap_free(n, later) per g
  rule listed: n in (1, 5, most) and s not in ('basic', vip)
}
"""
    model = Model.parse(text)
    assert model.to_text() == text
    (made,) = model.tables
    assert format_tables([made]).startswith("const first = 0\nconst later = 1\n")
    numbers, others, _ = (r.condition for r in made.rules if isinstance(r, n.RowRule))
    assert (numbers, others) == (
        n.GapFree(n.ColumnRef("n"), 0, ("g",)),
        n.GapFree(n.ColumnRef("n"), 1, ("g",)),
    )
    row = {"g": 1, "n": 9, "s": "gold"}
    assert evaluate(made.row_rules[0].condition, row, made) is False
    assert evaluate(made.row_rules[0].condition, {**row, "n": 4, "s": None}, made) is False
    built = table(
        "p",
        column("g", IntegerType()),
        column("n", IntegerType()),
        column("s", EnumType(("basic", "gold"))),
        rule("numbers", gap_free(col("n"), const("first", 0), per="g")),
        rule("others", gap_free(col("n"), const("later", 1), per="g")),
        rule(
            "listed",
            col("n").isin(1, 5, const("most", 9)) & ~col("s").isin("basic", const("vip", "gold")),
        ),
    )
    assert Model.of([built]) == model
    assert Model.parse(Model.of([built]).to_text()) == model


@pytest.mark.parametrize("start", ["vip", "nothing", "half", "g"])
def test_counting_begins_at_a_whole_number(start: str) -> None:
    text = f"const vip = 'x' const half = 0.5 table p {{ g integer rule r: gap_free(g, {start}) }}"
    with pytest.raises(ModelError, match=r"E211.*counts from a number"):
        Model.parse(text)
    with pytest.raises(UsageError, match="counts from a whole number"):
        gap_free(col("g"), const("half", Decimal("0.5")))


def test_constants_stand_at_the_ends_of_ranges() -> None:
    text = """const oldest = 120
const half = 0.5
const `first day` = 2020-01-01

table p {
  age  integer             in 0 .. oldest
  rate decimal(4, 2)       in half .. 1 optional
  date date                in `first day` ..
  size enum('s', 'm', 'l') in .. 'm'
  open integer             in 1 ..
  more integer             in oldest ..
  last integer             in 0 .. oldest
  text text(9)
  from date
  day  date                in .. `first day`
}
"""
    model = Model.parse(text)
    assert model.to_text() == text
    (made,) = model.tables
    assert (made.column("age").hi, made.column("rate").lo) == (120, 50)
    assert (made.column("open").hi, made.column("more").lo) == (None, 120)
    built = table(
        "p",
        column("age", IntegerType(), lo=0, hi=const("oldest", 120)),
        column("rate", DecimalType(4, 2), lo=const("half", Decimal("0.5")), hi=1, optional=True),
        column("date", DateType(), lo=const("first day", date(2020, 1, 1))),
        column("size", EnumType(("s", "m", "l")), hi="m"),
        column("open", IntegerType(), lo=1),
        column("more", IntegerType(), lo=const("oldest", 120)),
        column("last", IntegerType(), lo=0, hi=const("oldest", 120)),
        column("text", TextType(9)),
        column("from", DateType()),
        column("day", DateType(), hi=const("first day", date(2020, 1, 1))),
    )
    assert Model.of([built]) == model
    assert Model.parse(Model.of([built]).to_text()) == model


@pytest.mark.parametrize(
    ("declaration", "code"),
    [
        ("a integer in 1 .. m", "E201"),
        ("a integer in m .. 3 b text(3)", "E201"),
        ("a integer in half .. 3", "E223"),
        ("a date in .. five", "E223"),
        ("a text(3) in five .. five", "E223"),
        ("a integer in 9 .. five", "E302"),
    ],
)
def test_ends_that_are_wrong(declaration: str, code: str) -> None:
    with pytest.raises(ModelError) as told:
        Model.parse(f"table t {{ {declaration} }} const five = 5 const half = 0.5")
    assert [d.code for d in told.value.diagnostics] == [code]

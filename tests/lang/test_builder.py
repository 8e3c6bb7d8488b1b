"""What is built in Python equals what is written as text."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from synthtab.errors import ModelError, UsageError
from synthtab.ir import nodes as n
from synthtab.lang.builder import (
    Expr,
    case,
    coalesce,
    col,
    column,
    days,
    hours,
    key,
    lit,
    maximum,
    minimum,
    minutes,
    months,
    rule,
    seconds,
    table,
    unique,
    weeks,
    when,
    years,
)
from synthtab.lang.model import Model
from synthtab.schema import (
    BooleanType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

HEADER = """table staff {
  id      integer key
  grade   enum('junior', 'senior')
  pay     decimal(10, 2) in 0 .. 1000.5
  bonus   decimal(10, 2) optional
  born    date in 1930-01-01 ..
  hired   date
  tenure  integer in .. 60
  seen    datetime(minute)
  active  boolean
  email   text(40) unique
"""
COLUMNS = (
    column("id", IntegerType(), key=True),
    column("grade", EnumType(("junior", "senior"))),
    column("pay", DecimalType(10, 2), lo=0, hi=Decimal("1000.5")),
    column("bonus", DecimalType(10, 2), optional=True),
    column("born", DateType(), lo=date(1930, 1, 1)),
    column("hired", DateType()),
    column("tenure", IntegerType(), hi=60),
    column("seen", DatetimeType(60)),
    column("active", BooleanType()),
    column("email", TextType(40), unique=True),
)
pay, bonus, born, hired = col("pay"), col("bonus"), col("born"), col("hired")
seen, active, email, grade = col("seen"), col("active"), col("email"), col("grade")

PAIRS: list[tuple[str, Expr]] = [
    ("pay > 3", pay > 3),
    ("pay >= 3 and pay <= 5 and pay != 4", (pay >= 3) & (pay <= 5) & (pay != 4)),
    ("pay < 3 or pay = 5", (pay < 3) | (pay == 5)),
    ("not (pay < 3 or active)", ~((pay < 3) | active)),
    ("active iff pay > 2", active.iff(pay > 2)),
    ("when grade = 'senior' then pay > 80", when(grade == "senior").then(pay > 80)),
    ("hired >= born + 18 years", hired >= born + years(18)),
    ("hired - 2 months > born", hired - months(2) > born),
    ("hired + tenure weeks > born", hired + weeks(col("tenure")) > born),
    ("hired - tenure days > born", hired - days(col("tenure")) > born),
    ("hired - born > 10 days", hired - born > days(10)),
    ("hired - born + 2 weeks > 10", hired - born + weeks(2) > 10),
    ("seen + 3 hours - 5 minutes > seen + 1 second",
     seen + hours(3) - minutes(5) > seen + seconds(1)),
    ("bonus <= 0.30 * pay", bonus <= Decimal("0.30") * pay),
    ("1 - pay / 2 + -bonus * 3 > abs(pay)", 1 - pay / 2 + -bonus * 3 > abs(pay)),
    ("5 + pay > 1", 5 + pay > 1),
    ("1 / 3 > pay", lit(1) / 3 > pay),
    ("pay between 1 and 2", pay.between(1, 2)),
    ("grade in ('junior', 'senior')", grade.isin("junior", "senior")),
    ("pay not in (1, 2.5)", ~pay.isin([1, Decimal("2.5")])),
    ("bonus is null or bonus is not null", bonus.is_null() | bonus.is_not_null()),
    ("email like '%@%' and not email like 'x%'", email.like("%@%") & ~email.like("x%")),
    ("email matching /[a-z]+\\/x/", email.matches("[a-z]+/x")),
    ("length(email) > 3", email.length() > 3),
    ("year(born) < 2000 and date(seen) > born",
     (born.part("year") < 2000) & (seen.part("date") > born)),
    ("case when active then 1 when pay > 2 then 2 else 3 end > 1",
     case((active, 1), (pay > 2, 2), otherwise=3) > 1),
    ("case when active then pay end > 1", case((active, pay)) > 1),
    ("coalesce(bonus, 0) + min(pay, 3) < max(pay, 5, bonus)",
     coalesce(bonus, 0) + minimum(pay, 3) < maximum(pay, 5, bonus)),
    ("hired > 2014-05-02", hired > date(2014, 5, 2)),
    ("seen > 2014-05-02T10:00", seen > datetime(2014, 5, 2, 10)),
    ("active = true", active == True),  # noqa: E712
    ("active", active),
]  # fmt: skip


@pytest.mark.parametrize(("text", "built"), PAIRS, ids=[text for text, _ in PAIRS])
def test_equal_to_the_text(text: str, built: Expr) -> None:
    written = Model.parse(f'{HEADER}  rule r "why": {text}\n}}')
    made = Model.of([table("staff", *COLUMNS, rule("r", built, "why"))])
    assert made == written
    assert Model.parse(made.to_text()) == made


def test_keys_and_unique_rules() -> None:
    text = """table t {
  a integer
  b integer
  key (a, b)
  rule two "both": unique (b, a)
}"""
    made = table(
        "t",
        column("a", IntegerType()),
        column("b", IntegerType()),
        key("a", "b"),
        unique("b", "a", name="two", description="both"),
    )
    assert Model.of([made]) == Model.parse(text)


def test_floats_are_refused_with_what_to_write() -> None:
    with pytest.raises(UsageError, match=r"Decimal\('0.3'\)"):
        _ = pay * 0.3
    with pytest.raises(UsageError, match="exact"):
        column("x", DecimalType(3, 1), lo=0.5)  # type: ignore[arg-type]


def test_python_operators_that_cannot_work() -> None:
    with pytest.raises(UsageError, match="&"):
        _ = pay > 3 and pay < 5
    with pytest.raises(UsageError, match="&"):
        _ = 0 <= pay <= 5
    with pytest.raises(UsageError, match="is_null"):
        _ = pay == None  # noqa: E711
    with pytest.raises(UsageError, match="then"):
        _ = active & when(active)
    with pytest.raises(UsageError, match="constant"):
        _ = pay > object()
    with pytest.raises(TypeError):
        hash(pay)


def test_ranges_must_fit() -> None:
    with pytest.raises(UsageError, match="`x`: lo='a'"):
        column("x", IntegerType(), lo="a")


def test_findings_of_built_models() -> None:
    with pytest.raises(ModelError) as caught:
        Model.of([table("t", column("a", IntegerType()), rule("r", col("b") > "x"))])
    assert [d.code for d in caught.value.diagnostics] == ["E201"]
    with pytest.raises(ModelError) as caught:
        table("t", column("a", IntegerType()), rule("r", col("a") > months(3)))
    assert [d.code for d in caught.value.diagnostics] == ["E215"]
    with pytest.raises(ModelError, match="E115"):
        Model.of([])
    with pytest.raises(UsageError, match="takes column"):
        table("t", col("a"))  # type: ignore[arg-type]


def test_a_chain_is_one_node() -> None:
    chain = (active & active & active).node
    assert isinstance(chain, n.And)
    assert len(chain.args) == 3

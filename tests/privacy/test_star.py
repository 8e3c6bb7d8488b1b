"""Which models of several tables can be learned under a budget, and what is learned of each."""

from __future__ import annotations

import pytest
from unit_shop import RULES, shop_star

from synthtab.errors import UsageError

FULL = "count(of orders) <= 4"


def test_a_shop_is_a_star() -> None:
    whole = shop_star()
    (branch,) = whole.branches
    assert whole.root.key == "id"
    assert whole.root.learned.column_names == ("segment", "level", "number of orders")
    assert branch.learned.column_names == (
        "customer.segment",
        "customer.level",
        "customer.number of orders",
        "size",
        "paid",
    )
    assert {r.name for r in branch.learned.row_rules} == {"within", "large_paid"}
    assert {r.name for r in whole.ruled.row_rules} >= {"few", "no_school"}


@pytest.mark.parametrize(
    ("most", "rules", "bound"),
    [
        (10, RULES, 4),
        (3, RULES, 3),
        (10, RULES.replace(FULL, "count(of orders) in (0, 2, 6)"), 6),
        (10, RULES.replace("customer_id integer in 1 .. 90_000", "customer_id integer unique"), 1),
        (10, RULES.replace(f"rule few: {FULL}", ""), 10),
    ],
)
def test_rules_bound_how_many_rows_are_looked_at(most: int, rules: str, bound: int) -> None:
    whole = shop_star(most, rules)
    assert whole.most == whole.branches[0].most == bound
    assert whole.root.learned.column("number of orders").hi == bound


LINE = """
table line {
  number integer in 1 .. 9 key
  order_number integer -> orders.number
}
"""


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (RULES + LINE, "`line.order_number` -> `orders` does not lead to `customer`"),
        (RULES + "table other { id integer key }", "`customer`, `other` refer to no other"),
        (
            RULES.replace("1 .. 90_000 -> customer.id", "1 .. 90_000 optional -> customer.id"),
            "`orders.customer_id` -> `customer` may be missing",
        ),
        (
            RULES.replace("  size ", "  payer integer -> customer.id\n  size ", 1)
            .replace("<= customer.level", "<= customer_id.level")
            .replace("count(of orders)", "count(of orders via payer)"),
            "`orders` refers to `customer` by customer_id, payer",
        ),
        (RULES.replace("segment enum('home', 'office', 'school')", "segment text(9)"), "free text"),
        (RULES.replace("size        integer in 1 .. 5", "size integer"), "no declared range"),
        (
            RULES.replace("rule few", "rule low: id <= level * 1000\n rule few"),
            "the key `customer.id` cannot be made up",
        ),
        (
            """
            table room { hotel integer in 1 .. 9 number integer in 1 .. 99 key (hotel, number) }
            table stay {
              hotel integer number integer nights integer in 1 .. 9
              rule at: (hotel, number) -> room (hotel, number)
            }
            """,
            "has 2 columns",
        ),
    ],
)
def test_what_is_no_star_is_refused_by_name(rules: str, says: str) -> None:
    text = rules.replace("segment = 'school'", "level = 9") if "text(9)" in rules else rules
    with pytest.raises(UsageError) as error:
        shop_star(3, text)
    assert says in str(error.value).replace("\n", " ")

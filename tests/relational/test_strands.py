"""Rows that follow an order by another reference than the one they come by."""

from __future__ import annotations

import pandas as pd
from test_without_data import mended, sampled

from synthtab.lang.model import Model
from synthtab.relational.orders import Order
from synthtab.relational.structure import Home, structure

BOOKS = """
table account {
  no   integer in 100 .. 999 key
  kind enum('asset', 'other')
}
table entry {
  id     integer key
  day    date in 2020-01-01 .. 2020-12-31
  amount decimal(9, 2) in 1 .. 5_000
  rule two: count(of line) >= 2
  rule debits: amount = coalesce(sum(debit of line), 0)
  rule credits: amount = coalesce(sum(credit of line), 0)
}
table line {
  entry_id   integer -> entry.id
  number     integer in 1 ..
  account_no integer -> account.no
  position   integer in 1 ..
  debit      decimal(9, 2) in 0 .. 5_000
  credit     decimal(9, 2) in 0 .. 5_000
  balance    decimal(14, 2)
  key (entry_id, number)
  unique (account_no, position)
  rule one_side: (debit > 0 and credit = 0) or (debit = 0 and credit > 0)
  rule numbered: gap_free(number) per entry_id
  rule positions: gap_free(position) per account_no
  rule in_time: non_decreasing(entry.day) per account_no ordered by position
  rule runs: balance = (previous(balance, 0) per account_no ordered by position) + debit - credit
  rule there: when account.kind = 'asset' then balance >= 0
}
"""


def home(text: str, table: str, *, chains: bool = True) -> Home:
    return structure(Model.parse(text).tables, chains=chains).homes[table]


def test_the_strand_is_found_beside_the_siblings() -> None:
    line = home(BOOKS, "line")
    assert line.lead is not None
    assert line.lead.columns == ("entry_id",)
    assert line.strand is not None
    assert line.strand.reference.columns == ("account_no",)
    assert line.strand.order == Order(("position",), ("position", 1))
    assert [(len(steps), column) for steps, column in line.strand.rising] == [(1, "day")]
    assert "position" in line.settled
    assert home(BOOKS, "line", chains=False).strand is None


def test_what_rises_only_is_sorted_and_makes_no_strand() -> None:
    kept = [line for line in BOOKS.splitlines() if "rule runs" not in line]
    text = "\n".join(kept).replace("non_decreasing(entry.day)", "non_decreasing(balance)")
    assert home(text, "line").strand is None


def test_books_are_kept_while_they_are_written() -> None:
    got = sampled(BOOKS, {"account": 12, "entry": 40})
    assert mended(got) == 0
    line = got.frames["line"].merge(
        got.frames["entry"][["id", "day"]], left_on="entry_id", right_on="id"
    )
    line = line.merge(got.frames["account"], left_on="account_no", right_on="no")
    line["day"] = pd.to_datetime(line["day"])
    for _, rows in line.sort_values("position").groupby("account_no"):
        assert list(rows["position"]) == list(range(1, len(rows) + 1))
        assert rows["day"].is_monotonic_increasing
        moves = (rows["debit"] - rows["credit"]).astype(object)
        assert list(moves.cumsum()) == list(rows["balance"])
    assert (line.loc[line["kind"] == "asset", "balance"] >= 0).all()
    assert (line["kind"] == "asset").any()


def test_a_strand_along_a_column_that_is_written() -> None:
    got = sampled(
        "table guest { id integer key }"
        "table room { id integer key }"
        "table stay { guest_id integer -> guest.id nth integer in 1 .. room_id integer -> room.id"
        " day date in 2020-01-01 .. 2024-12-31 meter integer in 0 .. used integer in 1 .. 50"
        " key (guest_id, nth)"
        " rule numbered: gap_free(nth) per guest_id"
        " rule first: when (previous(nth) per guest_id ordered by nth) is null then nth = 1"
        " rule most: count() per guest_id <= 3"
        " rule meters: meter = (previous(meter, 0) per room_id ordered by day) + used"
        " unique (room_id, day) }",
        {"guest": 30, "room": 8},
    )
    assert mended(got) == 0
    assert (got.frames["stay"].groupby("room_id").size() > 1).any()

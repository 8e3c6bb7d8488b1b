"""The shipped rules of a ledger: good books break none, and each mistake breaks what it should."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from synthtab.assess.compliance import Audit
from synthtab.frames import encode_frame
from synthtab.lang.model import Model

ROOT = Path(__file__).parents[1]

# Books of two days, without a mistake.
BOOKS: dict[str, list[dict[str, object]]] = {
    "account": [
        {"number": 1000, "name": "Assets", "kind": "asset", "group_no": None},
        {"number": 1200, "name": "Bank", "kind": "asset", "group_no": 1000},
        {"number": 3000, "name": "Capital", "kind": "equity", "group_no": None},
        {"number": 5000, "name": "Rent", "kind": "expense", "group_no": None},
    ],
    "period": [
        {"id": 1, "first_day": "2024-01-01", "end_day": "2024-02-01", "closed": True},
        {"id": 2, "first_day": "2024-02-01", "end_day": "2024-03-01", "closed": False},
    ],
    "entry": [
        {"id": 1, "period_id": 1, "number": 1, "booked_on": "2024-01-02", "text": "founded",
         "amount": "25000", "approved_by": "bo", "reverses": None},
        {"id": 2, "period_id": 1, "number": 2, "booked_on": "2024-01-02", "text": "rent",
         "amount": "800", "approved_by": None, "reverses": None},
        {"id": 3, "period_id": 2, "number": 1, "booked_on": "2024-02-02", "text": "not rent",
         "amount": "800", "approved_by": None, "reverses": 2},
    ],
    "line": [
        {"entry_id": e, "line_no": n, "account_no": a, "position": p, "debit": d, "credit": c,
         "balance": b}
        for e, n, a, p, d, c, b in [
            (1, 1, 1200, 1, "25000", "0", "25000"), (1, 2, 3000, 1, "0", "25000", "-25000"),
            (2, 1, 5000, 1, "800", "0", "800"), (2, 2, 1200, 2, "0", "800", "24200"),
            (3, 1, 1200, 3, "800", "0", "25000"), (3, 2, 5000, 2, "0", "800", "0"),
        ]
    ],
    "invoice": [
        {"id": 1, "customer": "Lo", "country": "AT", "currency": "EUR", "issued_on": "2024-01-03",
         "due_on": "2024-02-03", "paid_on": None, "entry_id": None, "net": "100.01",
         "tax_rate": "19%", "tax": "19.00", "gross": "119.01"},
    ],
}  # fmt: skip


def broken_books(table: str = "", row: int = 0, **change: object) -> set[str]:
    """Return the rules that the books break after a change to one row."""
    model = Model.load(ROOT / "rules" / "ledger.rules")
    audit = Audit(model.tables)
    for t in model.tables:
        base = {c.name: None for c in t.columns}
        rows = [dict(base, **r) for r in BOOKS[t.name]]
        for extra in rows:
            extra.update({"opened_on": "2024-01-01"} if t.name == "account" else {})
            extra.update({"made_by": "al"} if t.name == "entry" else {})
        if t.name == table:
            rows[row].update(change)
        frame = pd.DataFrame(rows)[list(t.column_names)].astype(object)
        audit.add(t.name, encode_frame(t.columns, frame.where(frame.notna(), None)))
    return {rule.name for result in audit.results().values() for rule in result.broken}


def test_good_books_break_nothing() -> None:
    assert broken_books() == set()


@pytest.mark.parametrize(
    ("table", "row", "change", "rules"),
    [
        ("account", 1, {"kind": "income"}, {"assets", "income", "group_is_of_the_kind"}),
        ("account", 1, {"group_no": 1100}, {"group_no_reference"}),
        ("period", 1, {"first_day": "2024-01-20"}, {"apart", "no_gap"}),
        ("period", 0, {"closed": False}, set()),
        ("entry", 0, {"approved_by": None}, {"four_eyes"}),
        ("entry", 0, {"approved_by": "al"}, {"not_by_oneself"}),
        ("entry", 1, {"number": 3}, {"numbered"}),
        ("entry", 1, {"amount": "801"}, {"debits", "credits", "reversal_is_equal"}),
        ("line", 0, {"debit": "0"}, {"one_side", "debits", "running_balance"}),
        ("line", 4, {"balance": "1"}, {"running_balance"}),
        ("line", 5, {"position": 3}, {"positions"}),
        ("line", 5, {"line_no": 3}, {"numbered"}),
        ("line", 3, {"account_no": 1201}, {"account_no_reference", "positions", "running_balance"}),
        ("invoice", 0, {"tax": "18.00", "gross": "118.01"}, {"taxed"}),
        ("invoice", 0, {"due_on": "2024-08-03"}, {"due_in_time"}),
    ],
)  # fmt: skip
def test_each_mistake_in_the_books_is_told(
    table: str, row: int, change: dict[str, object], rules: set[str]
) -> None:
    assert broken_books(table, row, **change) == rules

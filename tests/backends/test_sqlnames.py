"""Names of indexes: never those of another table, never too long, and a rule's name comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.backends.sqlnames import MAX_NAME, Names, indexed, without_table

NAMES = st.text("ab.~é", min_size=1, max_size=5) | st.text("aé.", min_size=20, max_size=90)


@given(st.lists(st.tuples(NAMES, NAMES), min_size=2, max_size=30, unique=True))
def test_no_two_tables_share_a_name(pairs: list[tuple[str, str]]) -> None:
    made = [indexed(table, name) for table, name in pairs]
    assert len(set(made)) == len(made)
    assert all(len(name.encode()) <= MAX_NAME for name in made)


@given(NAMES, NAMES)
def test_a_rule_gets_its_name_back(table: str, name: str) -> None:
    back = without_table(indexed(table, name), table)
    assert name.startswith(back)
    if len(name.encode()) <= 43:
        assert back == name


@pytest.mark.parametrize(
    ("table", "rule", "made"),
    [
        ("orders", "id_key", "orders.id_key"),
        ("o" * 60, "id_key", "o" * 47 + "~5b846d92.id_key"),
        ("my.orders", "id_key", "my.orders~d9b976c6.id_key"),
    ],
)
def test_names_as_they_are_written(table: str, rule: str, made: str) -> None:
    assert indexed(table, rule) == made


def test_names_of_others_stay_as_they_are() -> None:
    assert without_table("orders_pkey", "orders") == "orders_pkey"
    assert without_table("lines.id_key", "orders") == "lines.id_key"
    assert without_table("lines~0123abcd.id_key", "orders") == "lines~0123abcd.id_key"


def test_names_used_twice_are_numbered() -> None:
    names = Names(["orders", "a.b"])
    assert names.of("orders", "ends_later") == "ends_later"
    assert names.of("lines", "ends_later") == "ends_later"
    assert names.of("lines", "Ends_later") == "Ends_later 2"
    assert names.of("a", "b", index=True) == "a.b 2"

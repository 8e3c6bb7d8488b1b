"""Forbidden pairs that a sort keeps apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.backends.tables import TablesBackend
from synthtab.batch import Batch
from synthtab.lang.model import Model
from synthtab.relational.rearranging import Monotone, monotone, rearranged, rising

RULE = "forbid pair (a, b): a.state = b.state and a.salary {} b.salary and a.rate {} b.rate"


def model(*operators: str) -> Model:
    rule = RULE.format(*operators)
    return Model.parse(
        "table tax { state integer  salary integer optional  rate integer\n"
        f"rule progressive: {rule} }}"
    )


@pytest.mark.parametrize(
    ("operators", "rising"), [((">", "<"), True), (("<", ">"), True), ((">", ">"), False)]
)
def test_the_kind_is_recognised(operators: tuple[str, str], rising: bool) -> None:
    rule = model(*operators).tables[0].rules[0]
    assert monotone(rule) == Monotone(("state",), "salary", "rate", rising)


def test_other_pairs_are_not() -> None:
    assert monotone(model(">=", "<").tables[0].rules[0]) is None
    assert monotone(model("=", "<").tables[0].rules[0]) is None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.one_of(st.none(), st.integers(0, 6)), st.integers(0, 6)),
        max_size=30,
    ),
    st.sampled_from([(">", "<"), ("<", "<"), ("<", ">")]),
)
def test_afterwards_no_pair_is_forbidden_and_nothing_is_lost(rows, operators) -> None:
    made = model(*operators)
    codes = np.array([[s, w or 0, r] for s, w, r in rows], dtype=np.int64).reshape(-1, 3)
    nulls = np.zeros(codes.shape, dtype=bool)
    nulls[:, 1] = [w is None for _, w, _ in rows]
    batch = Batch(("state", "salary", "rate"), codes, nulls, np.empty(0, dtype=object))
    after = rearranged(made.tables, {"tax": batch})["tax"]
    assert not TablesBackend(made.tables).violated({"tax": after})["tax", "progressive"].any()
    assert (after.codes[:, :2] == codes[:, :2]).all()
    for state in range(3):
        mine = codes[:, 0] == state
        assert sorted(after.codes[mine, 2]) == sorted(codes[mine, 2])


SEQUENCE = """
table race {
  year integer
  round integer
  day integer in 0 .. 9
  unique (year, round)
  rule in_order: increasing(day) per year ordered by round
}
"""


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8), st.integers(0, 9)), max_size=24),
)
def test_sequences_are_put_in_order_and_equal_values_moved_apart(rows) -> None:
    made = Model.parse(SEQUENCE)
    some = list({(year, at): (year, at, day) for year, at, day in rows}.values())
    codes = np.array(some, dtype=np.int64).reshape(-1, 3)
    batch = Batch(
        ("year", "round", "day"), codes, np.zeros(codes.shape, bool), np.empty(0, dtype=object)
    )
    after = rearranged(made.tables, {"race": batch})["race"]
    assert not TablesBackend(made.tables).violated({"race": after})["race", "in_order"].any()
    assert (after.codes[:, :2] == codes[:, :2]).all()
    assert ((after.codes[:, 2] >= 0) & (after.codes[:, 2] <= 9)).all()
    for year in range(3):
        mine = codes[codes[:, 0] == year, 2]
        if len(set(mine.tolist())) == len(mine):
            assert sorted(after.codes[codes[:, 0] == year, 2]) == sorted(mine)


def test_a_sequence_of_words_is_not_sorted() -> None:
    table = Model.parse(SEQUENCE.replace("day integer in 0 .. 9", "day enum('a', 'b')")).tables[0]
    (rule,) = (r for r in table.rules if r.name == "in_order")
    assert rising(rule, table) is None

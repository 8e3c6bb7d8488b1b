"""Keys, sums and numbers of children that must fit each other: no seed may end in an error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.batch import Batch
from synthtab.draw import METHODS
from synthtab.errors import InfeasibleError
from synthtab.frames import encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.ir import core
from synthtab.ir.grids import grid
from synthtab.lang.model import Model
from synthtab.relational.database import (
    Database,
    Drawn,
    fit_database,
    rows_asked,
    write_database,
)
from synthtab.relational.judging import broken_rules
from synthtab.relational.picking import others, unlike
from synthtab.relational.recounting import lowered
from synthtab.relational.repeats import Repeats
from synthtab.relational.rulesonly import rules_database
from synthtab.relational.settling import settle
from synthtab.relational.structure import structure
from synthtab.wholemodel import WholeModel

TINY = GeneratorConfig(
    model=ModelConfig(hidden=16, layers=1, heads=2, kv_heads=2, feed_forward=32),
    train=TrainConfig(symbols_seen=4_000),
)
SOLVER = METHODS["solver"]
Frames = dict[str, pd.DataFrame]


def fitted(rules: str, frames: Frames) -> Database:
    model = Model.parse(rules)
    rows = {t.name: encode_frame(t.columns, frames[t.name]) for t in model.tables}
    assert broken_rules(model.tables, rows) == {}
    return fit_database(model.tables, rows, config=TINY, seed=1)


def drawn(database: Database, seed: int, scale: float = 1.0) -> Drawn:
    asked = rows_asked(database, scale)
    return write_database(database, asked, SOLVER, np.random.default_rng(seed))


# Keys from a list.

AIRPORTS = """
table airline { code text(2) key\n name text(12) }
table airport { faa text(3) key\n height integer in 0 .. 9000 }
table flight {
  number  integer in 1 .. 999
  carrier enum('AA', 'BB', 'CC', 'ZZ') -> airline.code
  origin  enum('EWR', 'JFK') -> airport.faa
  dest    text(3)
  rule to at least 90%: dest -> airport.faa
  unique (number, carrier)
}
"""


def airports() -> Frames:
    rng = np.random.default_rng(1)
    faa = ["EWR", "JFK", *(f"{a}{b}X" for a in "ABCDE" for b in "ABCDEF")]
    height = [9, 4, *rng.integers(100, 9000, len(faa) - 2)]
    flight = pd.DataFrame({"number": range(1, 121)})
    flight["carrier"] = rng.choice(["AA", "BB", "CC"], 120, p=[0.7, 0.2, 0.1])
    flight["origin"] = rng.choice(["EWR", "JFK"], 120)
    flight["dest"] = rng.choice(faa[2:], 120)
    return {
        "airline": pd.DataFrame({"code": ["AA", "BB", "CC"], "name": ["Alpha", "Beta", "Gamma"]}),
        "airport": pd.DataFrame({"faa": faa, "height": height}),
        "flight": flight,
    }


@pytest.fixture(scope="module")
def flights() -> Database:
    return fitted(AIRPORTS, airports())


@pytest.mark.parametrize("seed", range(3))
def test_keys_that_children_have_a_list_of_are_dealt_out(flights: Database, seed: int) -> None:
    got = drawn(flights, seed).batches
    assert broken_rules(flights.tables, got) == {}
    codes, _ = got["airline"].column("code")
    assert sorted(got["airline"].pool[codes]) == ["AA", "BB", "CC"]
    names = got["airport"].pool[got["airport"].column("faa")[0]].tolist()
    assert names.count("EWR") == names.count("JFK") == 1
    assert len(set(names)) == len(names) == 32
    # A reference that most rows have leads to a row as often as in the real rows.
    dest, missing = got["flight"].column("dest")
    assert np.isin(got["flight"].pool[dest[~missing]].astype(str), names).mean() >= 0.9


def test_the_network_reads_what_is_dealt(flights: Database) -> None:
    read = [r for r in flights.models["airport"].reads if r.kind == "dealt"]
    assert [r.feature.words for r in read] == [("EWR", "JFK")]
    # No flight leaves from an airport that flights cannot name.
    got = drawn(flights, 7)
    links = next(
        rows for rule, rows in got.written["flight"].links.items() if rule.columns == ("origin",)
    )
    faa, _ = got.batches["airport"].column("faa")
    assert set(got.batches["airport"].pool[faa[links]]) <= {"EWR", "JFK"}


def test_rows_beyond_the_list_have_other_keys(flights: Database) -> None:
    got = settle(flights, drawn(flights, 1, 3.0).batches, SOLVER, np.random.default_rng(1))
    assert got.broken == {}
    codes, _ = got.batches["airline"].column("code")
    names = got.batches["airline"].pool[codes].tolist()
    assert {"AA", "BB", "CC"} < set(names)
    assert len(names) == 9


def test_an_enum_that_is_a_key_is_dealt_out_and_has_an_end() -> None:
    rules = "table size { name enum('S', 'M', 'L') key\n chest integer in 80 .. 120 }\n"
    rules += "table shirt { id integer key\n size enum('S', 'M', 'L') -> size.name }"
    model = Model.parse(rules)
    (deal,) = structure(model.tables).homes["size"].deals
    assert (deal.column, deal.words) == ("name", ("S", "M", "L"))
    size = pd.DataFrame({"name": ["S", "M", "L"], "chest": [88, 96, 104]})
    shirt = pd.DataFrame({"id": range(1, 21), "size": ["S", "M", "L", "M"] * 5})
    whole = WholeModel(model, config=TINY).fit({"size": size, "shirt": shirt}, seed=1)
    for seed in range(3):
        assert sorted(whole.sample(seed=seed)["size"]["name"]) == ["L", "M", "S"]
    with pytest.raises(InfeasibleError, match=r"cannot have 6 rows: .* only 3 different values"):
        whole.sample(2.0)


def test_keys_are_dealt_out_without_data() -> None:
    database = rules_database(Model.parse(AIRPORTS).tables)
    sizes = {"airline": 4, "airport": 5, "flight": 30}
    got = write_database(database, sizes, SOLVER, np.random.default_rng(1)).batches
    codes, _ = got["airline"].column("code")
    assert sorted(got["airline"].pool[codes]) == ["AA", "BB", "CC", "ZZ"]
    assert len(got["flight"]) == 30


# Numbers of children.

BILLS = """
table bill {
  id    integer in 1 .. 40 key
  total decimal(5, 2) in 0.99 .. 20
  rule sum: sum(price of line) = total
  rule few: count(of line) in (1, 2, 4)
}
table song { id integer in 1 .. 30 key\n price decimal(4, 2) in 0.99 .. 1.99 }
table line {
  id      integer in 1 .. 80 key
  bill_id integer -> bill.id
  song_id integer -> song.id
  price   decimal(4, 2)
  rule listed: price = song.price
}
"""


def bills() -> Frames:
    rng = np.random.default_rng(3)
    price = np.where(np.arange(30) % 4 == 0, 199, 99)
    numbers = [1] * 16 + [2] * 16 + [4] * 8
    lines = [(b + 1, int(s)) for b, n in enumerate(numbers) for s in rng.integers(0, 30, n)]
    total = np.bincount([b for b, _ in lines], [price[s] for _, s in lines])[1:]
    line = pd.DataFrame(lines, columns=["bill_id", "song_id"])
    line["price"] = price[line["song_id"]] / 100
    line["song_id"] += 1
    line.insert(0, "id", range(1, len(line) + 1))
    return {
        "bill": pd.DataFrame({"id": range(1, 41), "total": total / 100}),
        "song": pd.DataFrame({"id": range(1, 31), "price": price / 100}),
        "line": line,
    }


@pytest.fixture(scope="module")
def shop() -> Database:
    assert len(bills()["line"]) == 80
    return fitted(BILLS, bills())


@pytest.mark.parametrize("seed", range(6))
def test_no_more_children_than_their_key_has_numbers(shop: Database, seed: int) -> None:
    got = drawn(shop, seed)
    assert len(got.batches["bill"]) == 40
    assert len(got.batches["line"]) <= 80
    # Prices lie on a grid, so that a total says how many lines there are, and all of them add up.
    broken = broken_rules(shop.tables, got.batches)
    assert broken == {}


def test_siblings_are_no_more_than_there_are_numbers_for_them() -> None:
    rules = "table a { id integer key }\ntable b { a_id integer -> a.id\n n integer in 1 .. 3\n"
    rules += " key (a_id, n)\n rule numbered: gap_free(n) per a_id }"
    model = Model.parse(rules)
    database = rules_database(model.tables)
    got = write_database(database, {"a": 50}, SOLVER, np.random.default_rng(1))
    assert int(np.bincount(got.batches["b"].column("a_id")[0]).max()) == 3
    assert broken_rules(database.tables, got.batches) == {}


def test_siblings_are_no_more_than_different_rows_they_may_refer_to() -> None:
    rules = "table a { id integer key }\ntable c { id integer key\n n integer in 1 .. 5 }\n"
    rules += "table b { a_id integer -> a.id\n c_id integer -> c.id\n key (a_id, c_id) }"
    rng = np.random.default_rng(1)
    pairs = [(a, c) for a in range(1, 11) for c in range(1, 9) if rng.random() < 0.7]
    frames = {
        "a": pd.DataFrame({"id": range(1, 11)}),
        "c": pd.DataFrame({"id": range(1, 9), "n": rng.integers(1, 6, 8)}),
        "b": pd.DataFrame(pairs, columns=["a_id", "c_id"]),
    }
    database = fitted(rules, frames)
    for seed in range(3):
        sizes = {"a": 10, "c": 4}
        got = write_database(database, sizes, SOLVER, np.random.default_rng(seed)).batches
        assert broken_rules(database.tables, got) == {}
        assert len(got["b"]) > 10
    sizes = {"a": 10, "c": 4, "b": 41}
    with pytest.raises(InfeasibleError, match="`b` cannot have 41 rows"):
        write_database(database, sizes, SOLVER, np.random.default_rng(1))


def test_numbers_are_lowered_to_lawful_ones_only() -> None:
    rng = np.random.default_rng(1)
    numbers = np.array([1, 2, 4, 6, 9, 14, 14, 14])
    lawful = np.array([1, 2, 4, 6, 9, 14])

    def allows(some: np.ndarray) -> np.ndarray:
        return np.isin(some, lawful)

    most = np.full(8, 14)
    for total in (63, 40, 20, 8):
        got = lowered(numbers, most, total, allows, rng)
        assert got.sum() <= total
        assert allows(got).all()
        assert (got <= numbers).all()
    assert lowered(numbers, most, 5, allows, rng).sum() == 8  # each has one at least
    assert lowered(numbers, np.full(8, 5), None, allows, rng).tolist() == [1, 2, 4, 4, 4, 4, 4, 4]
    assert (lowered(numbers, most, None, allows, rng) == numbers).all()


# Parts.


def test_others_takes_those_with_room_and_then_anyone() -> None:
    rng = np.random.default_rng(1)
    slots = np.array([2, 0, 3, -1, 10**12])
    got = others(slots, np.array([0, 0]), 500, rng)
    assert set(got.tolist()) <= {2, 4}
    few = others(np.array([1, 0, -1, 2]), np.array([3]), 6, rng)
    assert np.bincount(few, minlength=4)[2] == 0
    assert {0, 3} <= set(few.tolist()) <= {0, 1, 3}
    assert (others(np.array([-1, -1]), np.array([], dtype=np.int64), 2, rng) == -1).all()


def test_unlike_siblings() -> None:
    rng = np.random.default_rng(1)
    group = np.array([0, 0, 0, 1, 1, 0])
    links = np.array([3, 3, 3, 3, 0, 2])
    slots = np.array([1, 0, 5, 5, -1])
    got = unlike(np.array([1, 2]), group, links, slots, rng)
    assert sorted(got.tolist()) == [0, 1]  # neither what siblings have nor what may not be had
    assert unlike(np.array([3]), group, links, slots, rng).tolist()[0] in (2, 3)
    full = unlike(np.array([1]), np.zeros(3, np.int64), np.array([0, 1, 1]), np.zeros(2, int), rng)
    assert full.tolist() == [1]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans()), max_size=30))
def test_repeats_are_what_a_set_says(rows: list[tuple[int, int, bool]]) -> None:
    codes = np.array([(a, b) for a, b, _ in rows], dtype=np.int64).reshape(-1, 2)
    nulls = np.array([(n, False) for *_, n in rows], dtype=bool).reshape(-1, 2)
    batch = Batch(("a", "b"), codes, nulls, np.empty(0, dtype=object))
    memory = Repeats(("b", "a"))
    half = len(rows) // 2
    memory.remember(batch.take(np.arange(half)))
    seen = {(a, b) for a, b, n in rows[:half] if not n}
    expected = []
    for a, b, none in rows[half:]:
        expected.append(not none and (a, b) in seen)
        if not none:
            seen.add((a, b))
    assert memory.of(batch.take(np.arange(half, len(rows)))).tolist() == expected


x, y = core.Var("x"), core.Var("y")
TERMS = st.recursive(
    st.sampled_from([x, y]) | st.integers(-5, 5).map(core.Const),
    lambda inner: (
        st.builds(
            lambda parts, c: core.Sum(tuple(parts), c),
            st.lists(st.tuples(st.integers(-3, 3), inner), min_size=1, max_size=3),
            st.integers(-4, 4),
        )
        | st.builds(core.Product, inner, inner)
    ),
    max_leaves=6,
)


def value(term: core.Term, row: dict[str, int]) -> int:
    match term:
        case core.Var(name):
            return row[name]
        case core.Const(number):
            return number
        case core.Sum(parts, constant):
            return constant + sum(a * value(t, row) for a, t in parts)
        case core.Product(left, right):
            return value(left, row) * value(right, row)
    raise AssertionError(term)


@settings(deadline=None)
@given(
    TERMS,
    st.tuples(st.integers(-9, 9), st.integers(0, 6)),
    st.tuples(st.integers(-9, 9), st.integers(0, 6)),
    st.integers(-3, 3),
    st.integers(-3, 3),
)
def test_values_lie_on_the_grid(
    term: core.Term, one: tuple[int, int], other: tuple[int, int], i: int, j: int
) -> None:
    offset, step = grid(term, {"x": one, "y": other})
    found = value(term, {"x": one[0] + i * one[1], "y": other[0] + j * other[1]})
    assert found == offset if step == 0 else (found - offset) % step == 0

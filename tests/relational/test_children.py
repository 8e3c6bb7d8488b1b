"""Numbers of children are those of real rows, whatever a network makes of them."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.batch import Batch
from synthtab.draw import METHODS
from synthtab.frames import encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.relational.children import children_of
from synthtab.relational.database import fit_database, write_database
from synthtab.relational.features import Feature
from synthtab.relational.structure import structure
from synthtab.relational.views import views

NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=60)


def batch(kinds):
    codes = np.array(kinds, dtype=np.int64)[:, None]
    return Batch(("kind",), codes, np.zeros(codes.shape, bool), np.empty(0, dtype=object))


def learned(numbers, kinds=None):
    kinds = np.zeros(len(numbers), dtype=np.int64) if kinds is None else kinds
    feature = Feature("kind", edges=tuple(np.unique(kinds).tolist()))
    return children_of(np.array(numbers, dtype=np.int64), [feature], batch(kinds))


def drawn_like(children, drawn, kinds=None, eligible=None, seed=0):
    drawn = np.array(drawn, dtype=np.int64)
    kinds = np.zeros(len(drawn), dtype=np.int64) if kinds is None else kinds
    eligible = np.ones(len(drawn), dtype=bool) if eligible is None else eligible
    return children.like(drawn, batch(kinds), eligible, np.random.default_rng(seed))


@settings(deadline=None)
@given(NUMBERS, st.integers(0, 2**32 - 1), st.randoms())
def test_as_many_rows_have_the_very_numbers_in_the_order_drawn(numbers, seed, random):
    drawn = [random.randint(0, 40) for _ in numbers]
    made = drawn_like(learned(numbers), drawn, seed=seed)
    assert sorted(made) == sorted(numbers)
    for one, other in zip(np.argsort(drawn), np.argsort(drawn)[1:], strict=False):
        assert drawn[one] == drawn[other] or made[one] <= made[other]


@settings(deadline=None)
@given(NUMBERS, st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_of_any_number_of_rows_each_share_is_kept_to_the_row(numbers, rows, seed):
    made = drawn_like(learned(numbers), np.zeros(rows, np.int64), seed=seed)
    for number in set(numbers):
        share = numbers.count(number) / len(numbers)
        assert abs((made == number).sum() - share * rows) < 1


def test_rows_of_one_kind_have_the_numbers_of_their_kind():
    # Zero for most, many for some: a network that draws about 4 for all of them is put right.
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 2, 400)
    numbers = np.where(kinds == 1, rng.integers(20, 40, 400), 0)
    children = learned(numbers, kinds)
    assert children.feature is not None
    made = drawn_like(children, rng.integers(3, 6, 400), kinds)
    assert sorted(made) == sorted(numbers)
    assert made[kinds == 0].max() == 0
    assert made[kinds == 1].min() >= 20


def test_one_child_at_most_stays_one_child_at_most():
    made = drawn_like(learned([0] * 9 + [1]), [1] * 500)
    assert made.sum() == 50
    assert set(made.tolist()) == {0, 1}


def test_rows_that_may_have_no_children_have_none_and_the_others_their_numbers():
    numbers = [0] * 10 + [3] * 10
    eligible = np.arange(20) % 2 == 0
    made = drawn_like(learned(numbers), [5] * 20, eligible=eligible)
    assert made[~eligible].tolist() == [0] * 10
    assert made[eligible].tolist() == [3] * 10


def test_a_kind_seen_too_seldom_has_the_numbers_of_all():
    numbers = np.array([2] * 30 + [9])
    kinds = np.array([0] * 30 + [1])
    children = learned(numbers, kinds)
    made = drawn_like(children, [0] * 31, np.ones(31, dtype=np.int64))
    assert sorted(made) == sorted(numbers)


SHOPS = """
table shop { id integer key  kind enum('stall', 'store') }
table article { id integer key }
table sale {
  id         integer key
  shop_id    integer -> shop.id
  article_id integer -> article.id
  pieces     integer in 1 .. 9
}
table sign { id integer key  shop_id integer unique -> shop.id  words integer in 1 .. 9 }
"""


def test_a_network_that_learned_little_leaves_numbers_of_children_as_they_were():
    rng = np.random.default_rng(0)
    store = rng.random(120) < 0.3
    sales = np.where(store, rng.integers(5, 30, 120), 0)
    signs = rng.random(120) < np.where(store, 0.9, 0.2)
    ids = np.arange(120)
    owners = np.repeat(ids, sales)
    rows = {
        "shop": {"id": ids, "kind": np.where(store, "store", "stall")},
        "sale": {
            "id": np.arange(len(owners)),
            "shop_id": owners,
            "article_id": np.minimum(rng.geometric(0.2, len(owners)), 12),
            "pieces": rng.integers(1, 10, len(owners)),
        },
        "sign": {"id": ids[signs], "shop_id": ids[signs], "words": rng.integers(1, 10, 120)[signs]},
        "article": {"id": np.arange(1, 13)},
    }
    model = Model.parse(SHOPS)
    real = {t.name: encode_frame(t.columns, pd.DataFrame(rows[t.name])) for t in model.tables}
    config = GeneratorConfig(
        model=ModelConfig(hidden=16, layers=1, heads=2, kv_heads=2, feed_forward=32),
        train=TrainConfig(symbols_seen=2_000),
    )
    database = fit_database(model.tables, real, config=config)
    sizes = {"shop": 120, "article": 12}
    made = write_database(database, sizes, METHODS["solver"], np.random.default_rng(1)).batches
    for child, key in (("sale", "shop_id"), ("sale", "article_id"), ("sign", "shop_id")):
        numbers = [
            np.unique(batch.column(key)[0], return_counts=True)[1]
            for batch in (real[child], made[child])
        ]
        assert sorted(numbers[0]) == sorted(numbers[1]), (child, key)
    kinds = made["shop"].column("kind")[0]
    selling = np.isin(made["shop"].column("id")[0], made["sale"].column("shop_id")[0])
    assert selling[kinds == 1].mean() > selling[kinds == 0].mean() + 0.6


def test_numbers_that_a_rule_speaks_of_together_are_told():
    model = Model.parse(
        """
        table a { id integer key  rule more: count(of b) <= count(of c) }
        table b { id integer key  a_id integer -> a.id }
        table c { id integer key  a_id integer -> a.id }
        table d { id integer key  a_id integer -> a.id }
        """
    )
    view = views(structure(model.tables), dict.fromkeys("abcd", frozenset()), {})["a"]
    by_child = {child: column for column, (child, _) in view.counts.items()}
    assert [view.alone(by_child[child]) for child in "bcd"] == [False, False, True]

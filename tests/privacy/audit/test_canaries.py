"""Canaries: chosen where rows are rare, looked for where they would show."""

from __future__ import annotations

import numpy as np
import pytest

from synthtab.batch import Batch, concat
from synthtab.privacy.audit.bounds import one_run_bound
from synthtab.privacy.audit.canaries import (
    Fitted,
    PairCells,
    canary_bound,
    cell_scores,
    rare_rows,
)
from synthtab.privacy.audit.membership import auc
from synthtab.schema import BooleanType, Column, EnumType, IntegerType, TextType

COLUMNS = (
    Column("kind", EnumType(tuple("abcdefgh"))),
    Column("place", EnumType(tuple("pqrstuvw"))),
    Column("amount", IntegerType(), True, 0, 9_999),
    Column("flag", BooleanType()),
    Column("name", TextType(9), True),
)
POOL = np.array(["x", "y", "z"], dtype=object)


def uniform(seed: int, count: int) -> Batch:
    """Return rows drawn from all that may be."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, n, count) for n in (8, 8, 10_000, 2, 3)], axis=1)
    nulls = np.zeros(codes.shape, dtype=bool)
    nulls[:, 2] = rng.random(count) < 0.05
    nulls[:, 4] = rng.random(count) < 0.05
    codes[nulls] = 0
    return Batch(tuple(c.name for c in COLUMNS), codes, nulls, POOL)


def usual(seed: int, count: int) -> Batch:
    """Return rows as they are: kind goes with place, amounts are small."""
    rows = uniform(seed, count)
    rows.codes[:, 1] = rows.codes[:, 0]
    rows.codes[:, 2] //= 50
    return rows


ROWS = usual(1, 1_000)


def test_cells_tell_values_null_and_what_lies_beyond_the_data_apart() -> None:
    cells = PairCells.of(COLUMNS, ROWS)
    rows = uniform(2, 6)
    rows.nulls[:] = False
    rows.codes[:, 2] = [-5, 0, 100, 199, 200, 9_999]
    rows.nulls[1, 2] = rows.nulls[0, 4] = True
    rows.codes[1, 2] = rows.codes[0, 4] = 0
    found, sizes = cells.cells(rows)
    assert sizes[:2] == (9, 9)
    assert found[:, 0].tolist() == rows.codes[:, 0].tolist()
    below, null, inside, last, beyond, far = found[:, 2]
    assert below == 0
    assert null == sizes[2] - 1
    assert beyond == far == sizes[2] - 2
    assert below < inside < last < beyond
    assert found[0, 4] == sizes[4] - 1
    other = Batch(rows.columns, rows.codes, rows.nulls, np.array(["z", "new", "x"], dtype=object))
    again = cells.cells(other)[0][:, 4]
    assert again[rows.codes[:, 4] == 1].tolist() == [3] * int((rows.codes[:, 4] == 1).sum())
    assert (found >= 0).all()
    assert (found < np.array(sizes)).all()


def test_shared_cells_are_those_counted_one_by_one() -> None:
    few, others = uniform(3, 20), usual(4, 50)
    cells = PairCells.of(COLUMNS, ROWS)
    own, theirs = cells.cells(few)[0], cells.cells(others)[0]
    pairs = [(a, b) for a in range(5) for b in range(a + 1, 5)]
    for (a, b), (there, here) in zip(pairs, cells.shared(few, others), strict=True):
        for row in range(20):
            mine = own[row, [a, b]]
            same = [(side[:, [a, b]] == mine).all(axis=1).sum() for side in (theirs, own)]
            assert [there[row], here[row]] == same
    one = [r.select(["kind"]) for r in (ROWS, few, others)]
    (there, here), *rest = PairCells.of(COLUMNS[:1], one[0]).shared(one[1], one[2])
    assert not rest
    assert there.tolist() == [int((others.codes[:, 0] == k).sum()) for k in few.codes[:, 0]]
    assert here.min() >= 1


def test_canaries_are_rows_of_the_pool_where_hardly_any_row_is() -> None:
    pool = uniform(5, 2_000)
    chosen = rare_rows(COLUMNS, pool, ROWS, 100)
    assert len(chosen) == 100
    whole = {tuple(r) for r in pool.codes.tolist()}
    picked = {tuple(r) for r in chosen.codes.tolist()}
    assert len(picked) == 100
    assert picked <= whole
    cells = PairCells.of(COLUMNS, ROWS)

    def signal(rows: Batch) -> float:
        return float(np.mean([1 / (there + here) for there, here in cells.shared(rows, ROWS)]))

    # What they show, beside the real rows and each other, against as many rows at random.
    assert signal(chosen) > 1.1 * signal(pool.take(np.arange(100)))
    twice = concat([pool.take(np.arange(5))] * 3, ["name"])
    assert len(rare_rows(COLUMNS, twice, ROWS, 100)) == 5


def smoothed(rows: Batch, share: float, seed: int) -> Batch:
    """Return rows of which a share keeps kind and place of a row that was learned, no more."""
    rng = np.random.default_rng(seed)
    made = usual(seed + 1, 4 * len(rows))
    like = rng.random(len(made)) < share
    made.codes[like, :2] = rows.codes[rng.integers(0, len(rows), like.sum()), :2]
    return made


def test_pairs_that_are_kept_show_what_whole_rows_do_not() -> None:
    canaries = rare_rows(COLUMNS, uniform(6, 4_000), ROWS, 200)
    coin = np.random.default_rng(7).random(200) < 0.5
    learned = concat([ROWS, canaries.take(np.flatnonzero(coin))], ["name"])
    made, without = smoothed(learned, 0.9, 8), smoothed(ROWS, 0.9, 9)
    score = cell_scores(PairCells.of(COLUMNS, ROWS), canaries, made, without, 4.0)
    assert auc(score[coin], score[~coin]) > 0.6
    nothing = smoothed(ROWS, 0.9, 10)
    score = cell_scores(PairCells.of(COLUMNS, ROWS), canaries, nothing, without, 4.0)
    assert abs(auc(score[coin], score[~coin]) - 0.5) < 0.15


def remembering(rows: Batch) -> Fitted:
    """A model whose rows tell nothing, and that finds what it has seen a little likelier."""
    seen = {tuple(r) for r in rows.codes.tolist()}
    rng = np.random.default_rng()

    def likely(asked: Batch) -> np.ndarray:
        known = np.array([tuple(r) in seen for r in asked.codes.tolist()])
        return known + rng.normal(-20, 0.5, len(asked))

    return Fitted(usual(11, 500), likely)


def test_a_model_that_finds_its_rows_likelier_is_found_by_that() -> None:
    canaries = rare_rows(COLUMNS, uniform(12, 4_000), ROWS, 300)
    found = canary_bound(remembering, COLUMNS, ROWS, canaries, 2, 0.0, 0.999)
    assert found.epsilon > 1
    assert found.trials == 600
    assert found.event.startswith("likelihood: ")
    silent = canary_bound(
        lambda rows: Fitted(usual(13, 500), lambda _rows: None),
        *(COLUMNS, ROWS, canaries, 2, 0.0, 0.999),
    )
    assert silent.epsilon < 0.5  # above 0 once in a thousand
    never = canary_bound(
        lambda rows: Fitted(usual(13, 500), lambda r: np.full(len(r), -np.inf)),
        *(COLUMNS, ROWS, canaries, 1, 0.0, 0.999),
    )
    assert never.epsilon < 0.5


def test_exchanged_rows_keep_the_number_of_rows() -> None:
    canaries = rare_rows(COLUMNS, uniform(14, 400), ROWS, 40)
    sizes: list[int] = []

    def learn(rows: Batch) -> Fitted:
        sizes.append(len(rows))
        return Fitted(usual(15, 100))

    canary_bound(
        learn, COLUMNS, ROWS, canaries, 2, 0.0, copies=3, spare=lambda count: uniform(16, count)
    )
    assert sizes == [1_120] * 3


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_copies_are_so_many_steps(copies: int) -> None:
    """At delta 0 the bound is divided; a delta is that of all the steps together."""
    rng = np.random.default_rng(17)
    coin = rng.random(2_000) < 0.5
    scores = np.where(rng.random(2_000) < 0.9, coin, ~coin).astype(float)
    one = one_run_bound(scores, coin, 0.0)
    several = one_run_bound(scores, coin, 0.0, copies=copies)
    assert several.epsilon == pytest.approx(one.epsilon / copies)
    less = one_run_bound(scores, coin, 1e-4, copies=copies)
    assert 0 < less.epsilon < several.epsilon

"""What rows are good for: learners, targets, classes that are missing, a small BERT."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import r2_score, roc_auc_score
from things import COLUMNS, WITH_TEXT, rows

from synthtab.assess import rowbert
from synthtab.assess.features import COMMON, Indicators, for_trees
from synthtab.assess.learners import Examples, Task
from synthtab.assess.utility import check_target, metric, score, utility
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.frames import encode_frame
from synthtab.schema import Column, EnumType, IntegerType, TextType


def with_column(batch: Batch, name: str, codes: np.ndarray) -> Batch:
    every = batch.codes.copy()
    every[:, batch.index(name)] = codes
    nulls = batch.nulls.copy()
    nulls[:, batch.index(name)] = False
    return Batch(batch.columns, every, nulls, batch.pool)


def test_rows_of_the_source_are_as_good_as_real_ones_and_shuffled_targets_are_not() -> None:
    train, made, test = (rows(seed, 400) for seed in (1, 2, 3))
    found = utility(COLUMNS, "f", train, made, test)
    assert (found.task, found.metric, found.train_rows, found.test_rows) == (
        "classification",
        "AUC",
        400,
        400,
    )
    assert [item.name for item in found.learners] == ["XGBoost", "logistic regression"]
    for item in found.learners:
        assert (item.on_real or 0) > 0.85
        assert (item.loss_interval or (1, 1))[0] < 0.02
        assert 0 <= (1 if item.floor is None else item.floor) < 0.1
    flags = np.random.default_rng(0).permutation(made.column("f")[0])
    spoilt = utility(COLUMNS, "f", train, with_column(made, "f", flags), test)
    for item in spoilt.learners:
        assert (item.loss_interval or (0, 0))[0] > 0.1


def test_numbers_are_judged_by_r2() -> None:
    train, made, test = (rows(seed, 400) for seed in (1, 2, 3))
    found = utility(COLUMNS, "m", train, made, test)
    assert (found.task, found.metric) == ("regression", "R2")
    assert [item.name for item in found.learners] == ["XGBoost", "ridge regression"]
    assert all((item.on_synthetic or 0) > 0.7 for item in found.learners)


def test_a_class_that_synthetic_rows_lack_has_no_chance_and_is_told() -> None:
    columns = (Column("x", IntegerType()), Column("k", EnumType(("a", "b", "c"))))
    x = np.arange(300)
    whole = encode_frame(columns, pd.DataFrame({"x": x, "k": np.array(["a", "b", "c"])[x // 100]}))
    lacking = whole.take(np.flatnonzero(whole.column("k")[0] < 2))
    found = utility(columns, "k", whole, lacking, whole)
    assert found.notes == ("the synthetic training rows lack 1 values of k",)
    trees = found.learners[0]
    assert trees.on_real == pytest.approx(1, abs=0.01)
    # Two classes are told (one of them among c, which looks like b), the third at 0.5.
    assert 0.6 < (trees.on_synthetic or 0) < 0.95
    one_class = whole.take(np.arange(100))
    assert utility(columns, "k", whole, one_class, whole).learners[0].on_synthetic == 0.5


def test_metrics_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200).astype(float)
    shares = rng.dirichlet([1, 1, 1], 200)
    expected = roc_auc_score(truth, shares, multi_class="ovr")
    assert metric(truth, shares, np.arange(3)) == pytest.approx(expected)
    two = np.flatnonzero(truth < 2)
    expected = roc_auc_score(truth[two], shares[two, 1])
    assert metric(truth[two], shares[two], np.arange(2)) == pytest.approx(expected)
    guesses = truth + rng.normal(0, 1, 200)
    expected = r2_score(truth, guesses)
    assert metric(truth, guesses[:, None], np.empty(0, dtype=np.int64)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("mm", "no column 'mm'; is it 'm'"),
        ("zzz", "no column 'zzz' The columns: n, m"),
        ("t", "target 't' is text"),
    ],
)
def test_a_target_that_is_none_is_refused_with_near_names(target: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_target(WITH_TEXT, target)


def test_what_cannot_be_told_is_refused() -> None:
    real = rows(1, 100)
    with pytest.raises(UsageError, match="nothing to tell: fewer than two values"):
        utility(COLUMNS, "f", real, real, with_column(real, "f", np.ones(100, dtype=np.int64)))
    with pytest.raises(UsageError, match="20 rows with a 'f' on each side: there are 100, 10, 100"):
        utility(COLUMNS, "f", real, real.take(np.arange(10)), real)
    with pytest.raises(UsageError, match="no column but text"):
        utility((COLUMNS[4], WITH_TEXT[5]), "f", real, real, real)
    flat = with_column(real, "m", np.full(100, 7))
    with pytest.raises(UsageError, match="nothing to tell: 'm' is the same in all real rows"):
        utility(COLUMNS, "m", flat, real, real)
    with pytest.raises(UsageError, match="'m' is the same in all of the hold-out"):
        utility(COLUMNS, "m", real, real, flat)
    assert score(COLUMNS, real, with_column(real, "f", np.ones(100, dtype=np.int64)), "f") == 0.5


def test_unseen_and_rare_values_are_no_harm_to_features() -> None:
    values = tuple(f"v{k}" for k in range(300))
    columns = (Column("e", EnumType(values), True), Column("t", TextType(5), True))
    one = encode_frame(columns, pd.DataFrame({"e": values[:100], "t": ["ab", None] * 50}))
    other = encode_frame(columns, pd.DataFrame({"e": values[200:], "t": ["zz", None] * 50}))
    encoder = Indicators.of(columns, one)
    assert encoder.points(one).shape == encoder.points(other).shape == (100, 1 + COMMON)
    assert not encoder.points(other).any()
    (first, second), types = for_trees(columns, one, (one, other))
    assert first.shape == second.shape
    assert types == ["q"] * first.shape[1]
    assert np.isnan(first[1, 1])


def test_a_small_bert_learns_the_same_again_and_leaves_randomness_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rowbert, "STEPS", 40)
    monkeypatch.setattr(rowbert, "WIDTH", 16)
    train, test = rows(1, 400), rows(3, 300)
    rest = tuple(c for c in COLUMNS if c.name not in ("f", "m"))
    flags = Examples(train, train.column("f")[0].astype(np.float64))
    state = torch.random.get_rng_state()
    found = [rowbert.small_bert(Task(rest, 2), flags, test, 7) for _ in range(2)]
    assert torch.equal(state, torch.random.get_rng_state())
    assert np.array_equal(*found)
    assert found[0].sum(axis=1) == pytest.approx(1)
    assert metric(test.column("f")[0] * 1.0, found[0], np.arange(2)) > 0.8
    numbers = Examples(train, train.column("m")[0].astype(np.float64))
    guesses = rowbert.small_bert(Task(rest, None), numbers, test, 7)
    assert guesses.shape == (300, 1)
    assert np.corrcoef(guesses[:, 0], test.column("m")[0])[0, 1] > 0.5


def test_words_of_a_row_are_bins_values_others_and_null() -> None:
    train = rows(1, 200)
    words = rowbert.Words.of(COLUMNS, train)
    sentences = words.sentences(rows(2, 200))
    assert sentences.shape == (200, 1 + len(COLUMNS))
    assert sentences.max() < words.count
    for at, column in enumerate(COLUMNS):
        nulls = rows(2, 200).column(column.name)[1]
        assert (sentences[nulls, 1 + at] == words.first[at]).all()
        assert (sentences[~nulls, 1 + at] > words.first[at]).all()

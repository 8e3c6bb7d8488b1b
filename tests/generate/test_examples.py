"""Rows that stand before a row as examples: which they are, and rows written after them."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synthtab.batch import Batch
from synthtab.generate.automaton import automata
from synthtab.generate.decode import Walk
from synthtab.generate.examples import Index
from synthtab.generate.model import ModelConfig, new_network, position_losses, tokens_of
from synthtab.generate.step import Cache, Stepper
from synthtab.generate.tokenizer import BOS, make_layout
from synthtab.schema import BooleanType, Column, EnumType, IntegerType

COLUMNS = [
    Column("a", EnumType(("x", "y", "z"))),
    Column("n", IntegerType(), optional=True),
    Column("b", BooleanType(), optional=True),
]
NAMES = ("a", "n", "b")
DOMAINS = {"a": (0, 2), "n": (0, 300), "b": (0, 1)}


def drawn_batch(rows, seed=4):
    random = np.random.default_rng(seed)
    codes = np.stack([random.integers(0, hi + 1, rows) for _, hi in DOMAINS.values()], axis=1)
    nulls = (random.random((rows, 3)) < 0.2) & [False, True, True]
    return Batch(NAMES, np.where(nulls, 0, codes), nulls, np.empty(0, dtype=object))


LAYOUT = make_layout(COLUMNS, NAMES, DOMAINS, drawn_batch(1))
LAWFUL = LAYOUT.encode(drawn_batch(400))


def loud(layout, examples, kv_heads=2):
    """A network whose distributions are far from even, with norms that are not all ones."""
    config = ModelConfig(hidden=32, layers=3, heads=4, kv_heads=kv_heads, feed_forward=40)
    network = new_network(config, layout, 3, examples)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(12)
            else:
                parameter.copy_(torch.linspace(0.5, 1.5, len(parameter)))
    return network.eval()


def some_rows(layout, rows, seed=0):
    random = np.random.default_rng(seed)
    return np.stack([random.integers(0, n, rows) for n in layout.sizes], axis=1)


@torch.no_grad()
def log_probabilities(network, layout, sequences):
    """Log-probability (rows, positions) of the last row's symbols, by transformers' own pass."""
    tokens = tokens_of(layout, torch.from_numpy(sequences))
    inputs = torch.cat([torch.full((*tokens.shape[:2], 1), BOS), tokens], dim=2).flatten(1)
    logits = network(input_ids=inputs).logits[:, -layout.length - 1 : -1]
    out = []
    for p in range(layout.length):
        own = logits[:, p, layout.starts[p] : layout.starts[p + 1]].log_softmax(-1)
        out.append(own[torch.arange(len(own)), torch.from_numpy(sequences[:, -1, p])].numpy())
    return np.stack(out, axis=1)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize(("examples", "known"), [(1, 0), (3, 0), (2, 2)])
def test_steps_after_examples_agree_with_the_forward_pass(kv_heads, examples, known):
    network = loud(LAYOUT, examples, kv_heads)
    rows = some_rows(LAYOUT, 40 * (examples + 1)).reshape(40, examples + 1, -1)
    wanted = log_probabilities(network, LAYOUT, rows)
    stepper = Stepper(network, LAYOUT, examples)
    cache = Cache.empty(stepper, 40)
    before, own = torch.from_numpy(rows[:, :-1]), torch.from_numpy(rows[:, -1])
    stepper.begin(own[:, :known], cache, before)
    order = torch.arange(40)
    for position in range(known, LAYOUT.length):
        last = own[:, position - 1] if position else torch.zeros(40, dtype=torch.int64)
        logits = stepper.logits(position, last[order], cache).log_softmax(-1)
        got = logits[torch.arange(40), own[order, position]]
        np.testing.assert_allclose(got.numpy(), wanted[order.numpy(), position], atol=5e-4)
        if position == known:
            # Rows may change places on the way.
            order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
            cache = cache.take(order, position + 1)


def test_the_loss_is_that_of_the_last_row():
    network, rows = loud(LAYOUT, 2), some_rows(LAYOUT, 90).reshape(30, 3, -1)
    losses = position_losses(network, LAYOUT, torch.from_numpy(rows)).detach().numpy()
    wanted = -log_probabilities(network, LAYOUT, rows).mean(axis=0)
    np.testing.assert_allclose(losses, wanted, rtol=1e-4)


@pytest.mark.parametrize("most", [2048, 3])
def test_rows_follow_what_the_network_gives_after_their_examples(most, monkeypatch):
    monkeypatch.setattr("synthtab.generate.decode.NODES", most)
    columns = [Column("a", IntegerType()), Column("c", IntegerType())]
    layout = make_layout(columns, ("a", "c"), {"a": (0, 2), "c": (0, 1)}, drawn_batch(1))
    network = loud(layout, 2)
    shown = np.array(list(itertools.product(range(3), range(2))))
    lists = np.array([[0, 5], [3, 1], [5, 0]])
    picked = np.random.default_rng(0).integers(0, 3, 6_000)
    walk = Walk(
        layout,
        Stepper(network, layout, 2),
        automata(layout),
        shown=shown,
        examples=lists[picked],
    )
    with torch.inference_mode():
        drawn = walk.draw(6_000, torch.Generator().manual_seed(0), None)
    for number, some in enumerate(lists):
        mine = drawn.symbols[picked == number]
        for row in shown:
            sequence = np.concatenate([shown[some], row[None]])[None]
            share = np.exp(log_probabilities(network, layout, sequence).sum())
            found = (mine == row).all(axis=1).mean()
            assert abs(found - share) < 5 * np.sqrt(share * (1 - share) / len(mine)) + 1e-3


def slow_distance(layout, rows, entry, row):
    """Gower's distance with squares, of decoded cells, against the ranks of ``rows``."""
    total = 0.0
    for column, known in zip(layout.columns, layout.decode(rows), strict=True):
        place = slice(column.first, column.first + len(column.sizes))
        one, two = (column.decode(r[None, place]) for r in (entry, row))
        if one.nulls[0] or two.nulls[0]:
            if one.nulls[0] and two.nulls[0]:
                continue
            total += 1.0
        if isinstance(column.column.type, IntegerType):
            there = known.codes[~known.nulls]

            def rank(cells, there=there):
                if cells.nulls[0]:
                    return 0.5
                below = (there < cells.codes[0]).sum() + (there <= cells.codes[0]).sum()
                return below / (2 * max(1, len(there)))

            total += (rank(one) - rank(two)) ** 2
        elif one.nulls[0] or two.nulls[0]:
            total += 0.5
        else:
            total += float(one.codes[0] != two.codes[0])
    return total


@given(st.integers(0, 10_000), st.integers(2, 25), st.integers(1, 6))
def test_the_examples_are_the_nearest_rows_that_differ(seed, rows, number):
    random = np.random.default_rng(seed)
    pool = LAWFUL[random.integers(0, len(LAWFUL), rows)]
    index = Index.of(LAYOUT, pool)
    near = index.near(pool, number)
    assert near.shape == (rows, number)
    np.testing.assert_array_equal(near, index.near(pool, number))
    for row, places in zip(pool, near, strict=True):
        differ = [k for k, entry in enumerate(index.shown) if (entry != row).any()]
        if not differ:
            assert set(places) == {0}
            continue
        assert set(places) <= set(differ)
        assert len(set(places)) == min(number, len(differ))
        found = [slow_distance(LAYOUT, index.shown, index.shown[k], row) for k in places]
        all_of_them = sorted(
            slow_distance(LAYOUT, index.shown, index.shown[k], row) for k in differ
        )
        best = all_of_them[: len(set(places))]
        again = [best[k % len(best)] for k in range(number)]
        np.testing.assert_allclose(found[::-1], again, atol=2e-3)

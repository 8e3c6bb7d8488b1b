"""Distributions, masks and weights; merging and dealing out rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.generate.dealing import NODES, deal
from synthtab.generate.sampling import choices


def test_only_allowed_symbols_are_drawn_in_the_right_shares():
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0], [3.0, 0.0, 0.0, 0.0]])
    allowed = np.array([[True, False, True, True], [False, True, True, False]])
    options = choices(logits, allowed, 1.0)
    node = torch.arange(2).repeat_interleave(20_000)
    drawn = options.draw(node, torch.Generator().manual_seed(5)).reshape(2, -1)
    for row in range(2):
        share = np.bincount(drawn[row], minlength=4) / 20_000
        weight = np.where(allowed[row], np.exp(logits[row].numpy()), 0.0)
        np.testing.assert_allclose(share, weight / weight.sum(), atol=0.012)
        assert (share[~allowed[row]] == 0).all()
        mass = weight.sum() / np.exp(logits[row].numpy()).sum()
        assert options.log_mass[row] == pytest.approx(np.log(mass), abs=1e-5)
    assert not options.dead.any()


def test_a_mask_that_leaves_nothing_is_told_and_dropped():
    logits = torch.zeros(3, 4)
    allowed = np.array([[True] * 4, [False] * 4, [True, False, False, False]])
    options = choices(logits, allowed, 1.0)
    assert options.dead.tolist() == [False, True, False]
    np.testing.assert_allclose(options.log_mass, [0.0, 0.0, np.log(0.25)], atol=1e-6)
    drawn = options.draw(torch.ones(400, dtype=torch.int64), torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == {0, 1, 2, 3}


def test_a_symbol_far_below_the_others_is_drawn_when_it_alone_is_allowed():
    logits = torch.tensor([[200.0, 0.0, -300.0]])
    options = choices(logits, np.array([[False, False, True]]), 1.0)
    assert options.draw(torch.zeros(9, dtype=torch.int64), torch.Generator()).unique().tolist() == [
        2
    ]
    assert options.log_mass[0] == pytest.approx(-500, abs=1e-3)


def test_temperature_flattens_and_sharpens():
    logits = torch.tensor([[0.0, 2.0]])
    node = torch.zeros(5000, dtype=torch.int64)
    shares = [
        choices(logits, None, t).draw(node, torch.Generator().manual_seed(0)).float().mean().item()
        for t in (0.5, 1.0, 4.0)
    ]
    np.testing.assert_allclose(shares, [1 / (1 + np.exp(-2 / t)) for t in (0.5, 1, 4)], atol=0.02)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 6000),
    st.sampled_from(["one", "few", "many", "own"]),
    st.integers(1, 50),
    st.booleans(),
    st.sampled_from([NODES, 30]),
    st.integers(0, 2**32 - 1),
)
def test_dealing_keeps_every_row_its_prefix_and_its_symbol(rows, kind, size, separate, most, seed):
    random = np.random.default_rng(seed)
    rows = min(rows, most) if kind == "own" else rows
    nodes = {"one": 1, "few": min(7, rows), "many": min(most, rows), "own": rows}[kind]
    node = random.permutation(np.append(np.arange(nodes), random.integers(0, nodes, rows - nodes)))
    drawn = random.integers(0, size, rows)
    seen = np.zeros(rows, dtype=int)
    for part in deal(node, drawn, nodes, size, separate, most):
        mine = np.arange(rows) if part.rows is None else part.rows
        parents = np.arange(nodes) if part.parents is None else part.parents
        seen[mine] += 1
        assert len(part.chosen) == len(parents) <= max(most, nodes)
        np.testing.assert_array_equal(parents[part.node], node[mine])
        np.testing.assert_array_equal(part.chosen[part.node], drawn[mine])
        if separate:
            assert len(np.unique(part.node)) == len(mine)
    assert (seen == 1).all()

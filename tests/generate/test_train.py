"""Training: it learns, keeps the best weights, and leaves nothing behind when interrupted."""

import numpy as np
import pytest
import torch

from synthtab.batch import Batch
from synthtab.generate.model import ModelConfig, new_network, position_losses
from synthtab.generate.shards import Shards
from synthtab.generate.tokenizer import make_layout
from synthtab.generate.train import TrainConfig, _Course, train
from synthtab.schema import Column, IntegerType

TINY = ModelConfig(hidden=16, layers=1, heads=2, kv_heads=1, feed_forward=24)


def problem(rows=2000, seed=0):
    """Two columns where b is a, or a + 1, with even odds: ln 4 + ln 2 nats a row."""
    random = np.random.default_rng(seed)
    a = random.integers(0, 4, rows)
    codes = np.stack([a, a + random.integers(0, 2, rows)], axis=1)
    batch = Batch(("a", "b"), codes, np.zeros(codes.shape, bool), np.empty(0, dtype=object))
    columns = [Column("a", IntegerType()), Column("b", IntegerType())]
    layout = make_layout(columns, ["a", "b"], {"a": (0, 3), "b": (0, 4)}, batch)
    return layout, layout.encode(batch)


def mean_loss(network, layout, rows):
    with torch.no_grad():
        return position_losses(network, layout, rows).sum()


def test_it_learns_what_there_is_to_learn_and_no_more():
    layout, symbols = problem()
    network = new_network(TINY, layout, 0)
    told = []
    done = train(network, layout, symbols, TrainConfig(symbols_seen=60_000), 0, told.append)
    assert done.loss == pytest.approx(np.log(8), abs=0.04)
    assert done.position_loss == pytest.approx([np.log(4), np.log(2)], abs=0.04)
    fresh = torch.from_numpy(problem(seed=9)[1])
    assert float(mean_loss(network, layout, fresh)) == pytest.approx(np.log(8), abs=0.05)
    assert [p.step for p in told] == list(range(1, done.steps + 1))
    assert told[-1].step == told[-1].total
    assert told[-1].seconds_left == 0


def test_the_seed_decides_the_weights_and_nothing_global_changes():
    layout, symbols = problem(rows=100)
    config = TrainConfig(symbols_seen=3_000)
    state = torch.random.get_rng_state()
    threads = torch.get_num_threads()
    weights = []
    for seed in (1, 1, 2):
        network = new_network(TINY, layout, seed)
        train(network, layout, symbols, config, seed)
        weights.append(torch.cat([p.detach().ravel() for p in network.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_the_weights_kept_are_those_whose_loss_is_told():
    layout, symbols = problem(rows=30)
    network = new_network(TINY, layout, 0)
    # So few rows that none is held out: the loss told is that of the training rows.
    done = train(network, layout, symbols, TrainConfig(symbols_seen=20_000), 0)
    held = mean_loss(network, layout, torch.from_numpy(symbols))
    assert float(held) == pytest.approx(done.loss, abs=1e-3)


def test_losses_are_those_of_the_positions_own_symbols():
    layout, symbols = problem(rows=50)
    network = new_network(TINY, layout, 0)
    losses = position_losses(network, layout, torch.from_numpy(symbols))
    # Weights drawn this small tell nothing yet: every symbol of a position is as likely.
    assert losses.tolist() == pytest.approx([np.log(4), np.log(5)], abs=0.02)


def test_threads_compute_what_one_would():
    layout, symbols = problem(rows=256)
    rows = torch.from_numpy(symbols)
    outcomes = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            network = new_network(TINY, layout, 0)
            optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
            with Shards(network, layout, len(rows)) as shards:
                losses = [shards.step(rows, optimizer, clip=1.0) for _ in range(4)]
                losses.append(float(shards.evaluate(rows).sum()))
            assert torch.get_num_threads() == threads
            assert losses[-1] == pytest.approx(float(mean_loss(network, layout, rows)), abs=1e-4)
            outcomes.append(losses)
    finally:
        torch.set_num_threads(before)
    assert outcomes[0] == pytest.approx(outcomes[1], abs=1e-4)
    assert outcomes[0][0] > outcomes[0][-1]


def test_interruption_passes_through():
    layout, symbols = problem(rows=200)

    def stop(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(new_network(TINY, layout, 0), layout, symbols, TrainConfig(), 0, stop)


def test_the_rate_rises_and_falls_and_can_be_told_to_fall_early():
    config = TrainConfig(learning_rate=1.0, warm_up=0.1, cool_down=0.4)
    course = _Course(config, 1000)
    rates = np.array([course.rate(step) for step in range(1000)])
    assert rates.argmax() in (99, 100)
    assert rates.max() == pytest.approx(1.0)
    assert rates[0] < 0.02
    assert (np.diff(rates[100:]) < 0).all()
    assert rates[550] == pytest.approx(0.5)
    assert 0 < rates[-1] < 1e-4
    early = course.cooled(step=300, good=240)
    assert (early.cooling, early.end) == (300, 460)
    assert early.rate(300) == pytest.approx(rates[300])
    assert early.rate(380) == pytest.approx(rates[300] / 2)
    assert course.cooled(step=590, good=590).end <= 1000

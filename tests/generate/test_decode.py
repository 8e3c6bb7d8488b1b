"""Drawing rows with networks of random weights, where every probability can be worked out."""

import itertools

import numpy as np
import pytest
import torch

from synthtab.batch import Batch
from synthtab.generate.automaton import automata
from synthtab.generate.decode import Walk
from synthtab.generate.model import ModelConfig, new_network, tokens_of
from synthtab.generate.step import Cache, Stepper
from synthtab.generate.tokenizer import BOS, make_layout
from synthtab.schema import Column, DateType, EnumType, IntegerType, TextType
from synthtab.solver.feasible import Feasible

TINY = ModelConfig(hidden=16, layers=2, heads=4, kv_heads=2, feed_forward=24)


def layout_of(columns, domains, texts=()):
    names = tuple(c.name for c in columns)
    pool = np.array(sorted(set(texts)), dtype=object)
    rows = max(1, len(pool))
    codes = np.zeros((rows, len(names)), dtype=np.int64)
    nulls = np.zeros(codes.shape, dtype=bool)
    for k, column in enumerate(columns):
        if isinstance(column.type, TextType):
            codes[:, k], nulls[:, k] = np.arange(rows), not len(pool)
    return make_layout(columns, names, domains, Batch(names, codes, nulls, pool))


def loud(layout, config=TINY, seed=3):
    """A network whose weights are large enough for its distributions to be far from even."""
    network = new_network(config, layout, seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(12)
    return network.eval()


@torch.no_grad()
def log_probabilities(network, layout, symbols):
    """Log-probability of each position (rows, positions), by transformers' own forward pass."""
    tokens = tokens_of(layout, torch.from_numpy(symbols))
    inputs = torch.nn.functional.pad(tokens[:, :-1], (1, 0), value=BOS)
    logits = network(input_ids=inputs).logits
    out = []
    for p in range(layout.length):
        own = logits[:, p, layout.starts[p] : layout.starts[p + 1]].log_softmax(-1)
        out.append(own[torch.arange(len(symbols)), torch.from_numpy(symbols[:, p])].numpy())
    return np.stack(out, axis=1)


def draw(layout, network, rows, *, masked=True, guide=None, seed=0, temperature=1.0):
    walk = Walk(
        layout, Stepper(network, layout), automata(layout) if masked else None, guide, temperature
    )
    with torch.inference_mode():
        return walk.draw(rows, torch.Generator().manual_seed(seed), None)


class Table:
    """A guide that knows the rows that are allowed, all of them listed."""

    def __init__(self, names, rows):
        self.names, self.rows = names, np.array(rows)

    def constrained(self, column):
        return True

    def feasible(self, column, known, pool):
        count = len(next(iter(known.values()))[0]) if known else 1
        at = self.names.index(column)
        pieces = []
        for r in range(count):
            fits = np.ones(len(self.rows), dtype=bool)
            for name, (codes, _) in known.items():
                fits &= self.rows[:, self.names.index(name)] == codes[r]
            pieces.append(np.unique(self.rows[fits, at]))
        width = max(map(len, pieces))
        lo, hi = np.ones((count, width), np.int64), np.zeros((count, width), np.int64)
        for r, piece in enumerate(pieces):
            lo[r, : len(piece)] = hi[r, : len(piece)] = piece
        return Feasible(np.zeros(count, dtype=bool), lo, hi)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_steps_agree_with_the_forward_pass_of_transformers(kv_heads):
    columns = [
        Column("a", EnumType(("x", "y", "z"))),
        Column("n", IntegerType(), optional=True),
        Column("d", DateType()),
    ]
    layout = layout_of(columns, {"a": (0, 2), "n": (-500, 70_000), "d": (0, 900)})
    config = ModelConfig(hidden=32, layers=3, heads=4, kv_heads=kv_heads, feed_forward=40)
    network = loud(layout, config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "norm" in name:
                parameter.copy_(torch.linspace(0.5, 1.5, len(parameter)))
    random = np.random.default_rng(0)
    symbols = np.stack([random.integers(0, n, 50) for n in layout.sizes], axis=1)
    wanted = log_probabilities(network, layout, symbols)
    stepper = Stepper(network, layout)
    cache = Cache.empty(stepper, 50)
    before = torch.zeros(50, dtype=torch.int64)
    order = torch.arange(50)
    for position in range(layout.length):
        logits = stepper.logits(position, before, cache)
        before = torch.from_numpy(symbols[:, position])
        got = logits.log_softmax(-1)[order, before]
        np.testing.assert_allclose(got.numpy(), wanted[:, position], atol=2e-4)
        if position == 2:
            # Rows may change places on the way.
            order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
            cache, symbols, wanted = (
                cache.take(order, position + 1),
                symbols[order.numpy()],
                wanted[order.numpy()],
            )
            before, order = before[order], torch.arange(50)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("given", [0, 1, 4])
def test_positions_that_are_given_are_computed_together_as_one_by_one(kv_heads, given):
    columns = [Column("a", EnumType(("x", "y", "z"))), Column("n", IntegerType(), optional=True)]
    layout = layout_of(columns, {"a": (0, 2), "n": (-500, 70_000)})
    config = ModelConfig(hidden=32, layers=3, heads=4, kv_heads=kv_heads, feed_forward=40)
    network = loud(layout, config)
    random = np.random.default_rng(0)
    symbols = np.stack([random.integers(0, n, 50) for n in layout.sizes], axis=1)
    wanted = log_probabilities(network, layout, symbols)
    stepper = Stepper(network, layout)
    cache = Cache.empty(stepper, 50)
    stepper.begin(torch.from_numpy(symbols[:, :given]), cache)
    for position in range(given, layout.length):
        before = torch.from_numpy(symbols[:, position - 1] if position else np.zeros(50, np.int64))
        logits = stepper.logits(position, before, cache).log_softmax(-1)
        got = logits[torch.arange(50), torch.from_numpy(symbols[:, position])]
        np.testing.assert_allclose(got.numpy(), wanted[:, position], atol=2e-4)


class Attentive:
    """A guide that allows all, and sees that each row comes with its own context."""

    def constrained(self, column):
        return True

    def feasible(self, column, known, pool):
        assert column == "c"
        np.testing.assert_array_equal(known["d"][0], 2 * known["a"][0] + known["b"][0])
        rows = len(known["d"][0])
        return Feasible(np.zeros(rows, bool), np.zeros((rows, 1), int), np.full((rows, 1), 3))


@pytest.mark.parametrize("apart", [False, True])
def test_rows_go_on_from_what_is_given_in_the_shares_that_the_network_gives(apart):
    columns = [Column("a", IntegerType()), Column("b", IntegerType()), Column("c", IntegerType())]
    layout = layout_of(columns, {"a": (0, 2), "b": (0, 1), "c": (0, 3)})
    network = loud(layout)
    rows = 12_000
    begun = np.random.default_rng(0).integers(0, [3, 2], (rows, 2))
    guide = Attentive() if apart else None
    context = {"d": (begun @ [2, 1], np.zeros(rows, bool))} if apart else {}
    walk = Walk(layout, Stepper(network, layout), None, guide, given=begun, context=context)
    with torch.inference_mode():
        drawn = walk.draw(rows, torch.Generator().manual_seed(0), None)
    np.testing.assert_array_equal(drawn.symbols[:, :2], begun)
    some = np.array([[a, b, c] for a in range(3) for b in range(2) for c in range(4)])
    expected = np.exp(log_probabilities(network, layout, some)[:, 2])
    for (a, b, c), share in zip(some, expected, strict=True):
        mine = (begun == (a, b)).all(axis=1)
        found = (drawn.symbols[mine, 2] == c).mean()
        assert abs(found - share) < 5 * np.sqrt(share * (1 - share) / mine.sum()) + 1e-3


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_rows_come_in_the_shares_that_the_network_gives(temperature):
    columns = [Column(c, IntegerType()) for c in "abc"]
    layout = layout_of(columns, {"a": (0, 3), "b": (0, 4), "c": (0, 2)})
    network = loud(layout)
    every = np.array(list(itertools.product(range(4), range(5), range(3))))
    if temperature == 1.0:
        wanted = np.exp(log_probabilities(network, layout, every).sum(axis=1))
    else:
        tokens = tokens_of(layout, torch.from_numpy(every))
        with torch.no_grad():
            logits = network(torch.nn.functional.pad(tokens[:, :-1], (1, 0))).logits / temperature
        wanted = np.ones(len(every))
        for p in range(3):
            own = logits[:, p, layout.starts[p] : layout.starts[p + 1]].softmax(-1).numpy()
            wanted *= own[np.arange(len(every)), every[:, p]]
    walked = draw(layout, network, 40_000, temperature=temperature)
    number = walked.symbols @ np.array([15, 3, 1])
    shares = np.bincount(number, minlength=60) / 40_000
    assert wanted.sum() == pytest.approx(1, abs=1e-5)
    assert np.abs(shares - wanted).sum() / 2 < 0.02
    assert (walked.log_weight == 0).all()
    assert not walked.dead.any()


def test_the_rows_of_one_prefix_do_not_follow_each_other():
    """Rows are dealt out by their prefix; the result must not show it."""
    layout = layout_of([Column(c, IntegerType()) for c in "ab"], {"a": (0, 5), "b": (0, 9999)})
    walked = draw(layout, loud(layout), 9000)
    first = walked.symbols[:, 0]
    same = (first[1:] == first[:-1]).mean()
    shares = np.bincount(first) / len(first)
    assert same == pytest.approx((shares**2).sum(), abs=0.03)


def test_a_guide_masks_and_the_weight_is_the_product_of_what_it_left():
    names = ["a", "b", "n"]
    columns = [Column("a", IntegerType()), Column("b", IntegerType()), Column("n", IntegerType())]
    layout = layout_of(columns, {"a": (0, 3), "b": (0, 4), "n": (-300, 1200)})
    rows = [
        (0, 1, -257),
        (0, 1, 1043),
        (0, 4, 5),
        (2, 0, 7),
        (2, 3, 1199),
        (2, 3, 1198),
        (3, 3, -1),
    ]
    network = loud(layout)
    walked = draw(layout, network, 3000, guide=Table(names, rows))
    cells = layout.decode(walked.symbols)
    found = {tuple(r) for r in np.stack([c.codes for c in cells], axis=1).tolist()}
    assert found == set(rows)
    assert not walked.dead.any()
    symbols, first = np.unique(walked.symbols, axis=0, return_index=True)
    # The share of a row among the drawn is its probability over its weight.
    log_p = log_probabilities(network, layout, symbols).sum(axis=1)
    weight = walked.log_weight[first]
    drawn_share = np.exp(log_p - weight)
    assert drawn_share.sum() == pytest.approx(1, abs=1e-4)
    shares = np.array([(walked.symbols == s).all(axis=1).mean() for s in symbols])
    np.testing.assert_allclose(shares, drawn_share, atol=0.03)


def test_a_guide_that_leaves_nothing_marks_the_row_and_goes_on():
    class Wall(Table):
        def feasible(self, column, known, pool):
            if column == "b":
                count = len(known["a"][0])
                one = np.ones((count, 1), dtype=np.int64)
                blocked = (known["a"][0] == 1)[:, None]
                return Feasible(np.zeros(count, bool), one, np.where(blocked, 0, one * 3))
            return super().feasible(column, known, pool)

    columns = [Column("a", IntegerType()), Column("b", IntegerType())]
    layout = layout_of(columns, {"a": (0, 1), "b": (0, 4)})
    walked = draw(layout, loud(layout), 500, guide=Wall(["a", "b"], [(0, 0), (1, 0)]))
    np.testing.assert_array_equal(walked.dead, walked.symbols[:, 0] == 1)
    alive = walked.symbols[~walked.dead, 1]
    assert set(alive.tolist()) <= {1, 2, 3}


def test_nulls_follow_the_guide():
    class Nulls:
        def constrained(self, column):
            return column == "n"

        def feasible(self, column, known, pool):
            first = known["a"][0]
            one = np.ones((len(first), 1), dtype=np.int64)
            # a = 0: must be null; a = 1: must not be; a = 2: as it likes, up to 4000.
            return Feasible(first != 1, one, np.where(first[:, None] == 0, 0, one * 4000))

    columns = [Column("a", IntegerType()), Column("n", IntegerType(), optional=True)]
    layout = layout_of(columns, {"a": (0, 2), "n": (0, 99_999)})
    walked = draw(layout, new_network(TINY, layout, 0).eval(), 3000, guide=Nulls())
    a, n = layout.decode(walked.symbols)
    assert not walked.dead.any()
    assert not n.malformed.any()
    assert n.nulls[a.codes == 0].all()
    assert not n.nulls[a.codes == 1].any()
    assert 0 < n.nulls[a.codes == 2].mean() < 1
    assert ((n.codes >= 1) & (n.codes <= 4000))[~n.nulls].all()


def test_grammar_keeps_every_cell_in_its_domain_and_free_does_not():
    columns = [
        Column("n", IntegerType(), optional=True),
        Column("d", DateType(), optional=True),
        Column("t", TextType(6, "[AB]{2}[0-9]{1,4}"), optional=True),
    ]
    layout = layout_of(columns, {"n": (-777, 1234), "d": (-100, 700)}, ["AA1", "AB1234"])
    network = new_network(TINY, layout, 0).eval()
    masked = draw(layout, network, 4000)
    n, d, t = layout.decode(masked.symbols)
    for cells in (n, d, t):
        assert not cells.malformed.any()
        assert 0 < cells.nulls.mean() < 1
    assert not masked.dead.any()
    assert (masked.log_weight < 0).mean() > 0.9
    assert ((n.codes >= -777) & (n.codes <= 1234))[~n.nulls].all()
    assert ((d.codes >= -100) & (d.codes <= 700))[~d.nulls].all()
    import re

    assert all(re.fullmatch("[AB]{2}[0-9]{1,4}", s) for s in t.texts[~t.nulls])

    free = draw(layout, network, 4000, masked=False)
    n, d, t = layout.decode(free.symbols)
    assert n.malformed.any()
    assert d.malformed.any()
    assert (free.log_weight == 0).all()


def test_the_same_seed_gives_the_same_rows_and_progress_adds_up():
    columns = [Column("a", IntegerType()), Column("n", IntegerType())]
    layout = layout_of(columns, {"a": (0, 9), "n": (0, 99_999)})
    network = loud(layout)
    one, two, other = (draw(layout, network, 7000, seed=s).symbols for s in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
    told = []
    walk = Walk(layout, Stepper(network, layout))
    with torch.inference_mode():
        walk.draw(7000, torch.Generator(), lambda done, of: told.append((done, of)))
    assert told[-1] == (7000, 7000)
    assert told == sorted(told)

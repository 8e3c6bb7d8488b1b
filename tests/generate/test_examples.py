"""Rows that stand before a row as examples: which they are, and rows written after them."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from synthtab.batch import Batch
from synthtab.errors import DataError, SavedModelError, UsageError
from synthtab.frames import decode_frame
from synthtab.generate.automaton import automata
from synthtab.generate.decode import Walk
from synthtab.generate.examples import Index, Retrieval, Surroundings
from synthtab.generate.generator import GeneratorConfig, RowGenerator
from synthtab.generate.guide import Given
from synthtab.generate.model import ModelConfig, new_network, position_losses, tokens_of
from synthtab.generate.step import Cache, Stepper
from synthtab.generate.tokenizer import BOS, make_layout
from synthtab.generate.train import TrainConfig
from synthtab.schema import BooleanType, Column, EnumType, IntegerType
from synthtab.solver.feasible import Feasible

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


@settings(max_examples=25)
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


QUICK = GeneratorConfig(
    ModelConfig(hidden=16, layers=1, heads=2, kv_heads=1, feed_forward=24),
    TrainConfig(symbols_seen=4_000),
    examples=3,
)


@pytest.fixture(scope="module")
def fitted():
    return RowGenerator.fit(COLUMNS, NAMES, DOMAINS, drawn_batch(150), QUICK, seed=1)


def test_held_out_rows_are_examples_of_none():
    rows, held = torch.from_numpy(LAWFUL[:60]), torch.from_numpy(LAWFUL[60:70])
    retrieval = Retrieval(LAYOUT, 4)
    found = retrieval.sequences(held, retrieval.among(rows.numpy()), 0).every
    assert found.shape == (10, 5, LAYOUT.length)
    torch.testing.assert_close(found[:, -1], held)
    among = {tuple(r) for r in rows.tolist()}
    assert {tuple(r) for r in found[:, :-1].reshape(-1, LAYOUT.length).tolist()} <= among


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 9))
@settings(max_examples=25)
def test_examples_lie_around_a_row_near_by_and_are_never_the_row(seed, rows, number):
    random = np.random.default_rng(seed)
    pool = LAWFUL[random.integers(0, len(LAWFUL), rows)]
    circle = Surroundings.of(Index.of(LAYOUT, pool), 2 * number).circle(pool)
    at = random.integers(0, rows, 30)
    picked = circle.pick(at, number, random)
    assert picked.shape == (30, number)
    for row, examples in zip(at, picked, strict=True):
        alone = len(circle.shown) == 1
        assert alone or circle.own[row] not in examples
        np.testing.assert_array_equal(circle.shown[circle.own[row]], pool[row])
        middles = [m for m in circle.near[row] if set(examples) <= {m, *circle.around[m]}]
        assert middles


def test_examples_do_not_tell_the_row_in_their_middle():
    columns = [Column(name, EnumType(("x", "y", "z"))) for name in "abcde"]
    layout = make_layout(columns, "abcde", dict.fromkeys("abcde", (0, 2)), drawn_batch(1))
    every = np.array(list(itertools.product(range(3), repeat=5)))
    sets = Retrieval(layout, 8).examples(every, 0)
    each = len(sets.lists) // len(every)

    def told(lists, rows):
        """How often the most frequent values of the examples are the row's."""
        votes = (sets.shown[lists][..., None] == np.arange(3)).sum(axis=1).argmax(axis=2)
        return (votes == rows).all(axis=1).mean()

    nearest = Index.of(layout, every).near(every, 8)
    assert told(nearest, every) > 0.8
    assert told(sets.lists, np.repeat(every, each, axis=0)) < 0.2


def test_what_is_kept_follows_from_rows_and_seed(fitted):
    symbols = LAYOUT.encode(drawn_batch(150))
    kept, again = fitted.examples, Retrieval(LAYOUT, 3).examples(symbols, 1)
    assert kept.number == 3
    assert len(kept.lists) == 150 * (4_000 // 150)
    np.testing.assert_array_equal(kept.shown, again.shown)
    np.testing.assert_array_equal(kept.lists, again.lists)
    assert (Retrieval(LAYOUT, 3).examples(symbols, 2).lists != kept.lists).any()


def test_many_rows_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr("synthtab.generate.examples.MOST_SHOWN", 7)
    index = Index.of(LAYOUT, LAWFUL)
    assert len(index.shown) == 7
    assert {tuple(r) for r in index.shown} <= {tuple(r) for r in LAWFUL}
    assert index.near(LAWFUL, 9).max() < 7


def test_saved_and_loaded_it_draws_the_same(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = RowGenerator.load(tmp_path)
    one, two = (g.draw(90, level="grammar", seed=4).batch for g in (fitted, loaded))
    np.testing.assert_array_equal(one.codes, two.codes)
    assert (one.codes != fitted.draw(90, level="grammar", seed=5).batch.codes).any()


def test_without_examples_no_file_tells_of_them(tmp_path):
    config = replace(QUICK, examples=0)
    made = RowGenerator.fit(COLUMNS, NAMES, DOMAINS, drawn_batch(30), config)
    made.save(tmp_path)
    assert not (tmp_path / "examples.safetensors").exists()
    assert "examples_before" not in (tmp_path / "config.json").read_text()
    assert RowGenerator.load(tmp_path).examples is None


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda a: None, "cannot be read"),
        (lambda a: {"shown": a["shown"]}, "cannot be read"),
        (lambda a: a | {"lists": a["lists"][:, :2].copy()}, "3 rows of"),
        (lambda a: a | {"lists": a["lists"][:0]}, "3 rows of"),
        (lambda a: a | {"shown": a["shown"][:, 1:].copy()}, "3 rows of"),
        (lambda a: a | {"shown": a["shown"].astype(np.float32)}, "3 rows of"),
        (lambda a: a | {"shown": a["shown"] + 1}, "symbols that the layout lacks"),
        (lambda a: a | {"lists": a["lists"] - 200}, "rows that are not there"),
        (lambda a: a | {"shown": a["shown"][:2].copy()}, "rows that are not there"),
    ],
)
def test_damaged_examples_are_refused(fitted, tmp_path, harm, message):
    fitted.save(tmp_path)
    path = tmp_path / "examples.safetensors"
    harmed = harm(load_file(path))
    if harmed is None:
        path.unlink()
    else:
        save_file(harmed, path)
    with pytest.raises(SavedModelError, match=message):
        RowGenerator.load(tmp_path)


@pytest.mark.parametrize("number", ["two", None, [3], True, -3, 3.5, 0])
def test_a_configuration_that_does_not_say_how_many_is_refused(fitted, tmp_path, number):
    fitted.save(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"examples_before": number}))
    with pytest.raises(SavedModelError, match=r"config\.json .*(stand before|does not read)"):
        RowGenerator.load(tmp_path)


def test_learning_more_keeps_the_examples(fitted):
    more = fitted.further(drawn_batch(40, seed=9), TrainConfig(symbols_seen=400), seed=2)
    assert more.examples is fitted.examples
    weights = [torch.cat([p.ravel() for p in g.network.parameters()]) for g in (fitted, more)]
    assert not torch.equal(*weights)


def test_what_examples_cannot_do_is_refused(fitted):
    assert not fitted.tells
    with pytest.raises(UsageError, match="no probability"):
        fitted.log_likelihood(drawn_batch(5))
    begun = drawn_batch(5)
    columns = Batch(("a",), begun.codes[:, :1], begun.nulls[:, :1], begun.pool)
    with pytest.raises(UsageError, match="what is given of a row"):
        fitted.draw(5, given=Given(columns))
    with pytest.raises(UsageError, match="examples=-1"):
        GeneratorConfig(examples=-1)
    with pytest.raises(UsageError, match="examples=True"):
        GeneratorConfig(examples=True)
    most = 8_192 // (LAYOUT.length + 1) - 1
    with pytest.raises(UsageError, match=f"{most:,} examples at most fit"):
        RowGenerator.fit(COLUMNS, NAMES, DOMAINS, drawn_batch(9), replace(QUICK, examples=most + 1))
    with pytest.raises(UsageError, match="say how many"):
        GeneratorConfig(corpus="public")


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_tiny_tables_can_be_learned(rows):
    made = RowGenerator.fit(COLUMNS, NAMES, DOMAINS, drawn_batch(rows), QUICK)
    assert len(made.draw(20, level="grammar").batch) == 20


def test_a_guide_sees_the_row_alone(fitted):
    class Guide:
        def constrained(self, column):
            return True

        def feasible(self, column, known, pool):
            assert set(known) == set(NAMES[: NAMES.index(column)])
            rows = len(next(iter(known.values()))[0]) if known else 1
            one = np.zeros((rows, 1), dtype=np.int64)
            return Feasible(np.zeros(rows, bool), one, one)

    drawn = fitted.draw(30, level="solver", guide=Guide())
    assert not drawn.batch.codes.any()
    assert not drawn.batch.nulls.any()


def public(folder, columns=NAMES, rows=50):
    frame = decode_frame(COLUMNS, drawn_batch(rows, seed=6))
    folder.mkdir()
    frame[list(columns)].assign(more=1).to_csv(folder / "rows.csv", index=False)
    frame[list(columns)].to_parquet(folder / "other.parquet")
    return folder


def test_public_rows_stand_in_for_real_ones(tmp_path):
    folder = public(tmp_path / "public")
    (folder / "notes.txt").write_text("no rows here")
    config = replace(QUICK, corpus=folder)
    # Rows beyond what is learned are of no use as examples.
    domains = DOMAINS | {"n": (0, 200)}
    some = drawn_batch(60)
    some = some.take(some.column("n")[0] <= 200)
    made = RowGenerator.fit(COLUMNS, NAMES, domains, some, config)
    layout = made.layout
    others = drawn_batch(50, seed=6)
    others = others.take(others.column("n")[0] <= 200)
    np.testing.assert_array_equal(made.examples.shown, np.unique(layout.encode(others), axis=0))
    assert len(made.draw(10, level="grammar").batch) == 10


@pytest.mark.parametrize(
    ("files", "kind", "message"),
    [
        (None, UsageError, "is no folder"),
        ({}, UsageError, "has no rows to serve as examples"),
        ({"a.csv": "a,n\nx,1\n"}, DataError, "b"),
        ({"a.csv": "a,n,b\nx,one,true\n"}, DataError, "one"),
        ({"a.csv": "a,n,b\n"}, DataError, "have no rows"),
        ({"a.csv": "a,n,b\nx,7000,true\n"}, DataError, "none of the 1 rows"),
    ],
)
def test_a_corpus_without_such_rows_is_refused(tmp_path, files, kind, message):
    folder = tmp_path / "public"
    for name, text in (files or {}).items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    if files == {}:
        folder.mkdir()
    with pytest.raises(kind, match=message):
        RowGenerator.fit(COLUMNS, NAMES, DOMAINS, drawn_batch(20), replace(QUICK, corpus=folder))

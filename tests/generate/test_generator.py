"""The generator as a whole: fit, draw, save, load."""

import json

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from synthtab.batch import Batch
from synthtab.errors import DataError, SavedModelError, UsageError
from synthtab.generate.generator import GeneratorConfig, RowGenerator
from synthtab.generate.model import ModelConfig
from synthtab.generate.train import TrainConfig
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)
from synthtab.solver.feasible import Feasible

QUICK = GeneratorConfig(
    ModelConfig(hidden=16, layers=1, heads=2, kv_heads=1, feed_forward=24),
    TrainConfig(symbols_seen=150_000, max_epochs=30),
)
COLUMNS = (
    Column("n", IntegerType()),
    Column("pay", DecimalType(9, 2), optional=True),
    Column("born", DateType()),
    Column("seen", DatetimeType(3600), optional=True),
    Column("kind", EnumType(("a", "b", "c"))),
    Column("flag", BooleanType(), optional=True),
    Column("code", TextType(8, "[A-Z]{2}[0-9]{2}")),
    Column("note", TextType(20), optional=True),
)
DOMAINS = {
    "n": (-400, 2000),
    "pay": (0, 500_000),
    "born": (0, 9_000),
    "seen": (400_000, 480_000),
    "kind": (0, 2),
    "flag": (0, 1),
}
ORDER = ("kind", "flag", "n", "born", "pay", "seen", "code", "note")


def table(rows, seed=0):
    random = np.random.default_rng(seed)
    letters = np.array(list("ABCDEFGHIJ"))
    words = np.array(["red", "green", "blue", "small", "large", "round"])
    columns, nulls, pool = [], [], []

    def text(values):
        known = sorted(set(values))
        start = len(pool)
        pool.extend(known)
        return np.array([start + known.index(v) for v in values])

    for column in COLUMNS:
        if column.name == "code":
            parts = letters[random.integers(0, 10, (rows, 2))]
            values = text([f"{a}{b}{random.integers(0, 100):02d}" for a, b in parts])
        elif column.name == "note":
            values = text([" ".join(random.choice(words, 2)) for _ in range(rows)])
        else:
            lo, hi = DOMAINS[column.name]
            values = random.integers(lo, hi + 1, rows)
        columns.append(values)
        nulls.append(random.random(rows) < 0.2 if column.optional else np.zeros(rows, bool))
    codes, empty = np.stack(columns, axis=1), np.stack(nulls, axis=1)
    names = tuple(c.name for c in COLUMNS)
    return Batch(names, np.where(empty, 0, codes), empty, np.array(pool, dtype=object))


@pytest.fixture(scope="module")
def fitted():
    return RowGenerator.fit(COLUMNS, ORDER, DOMAINS, table(300), QUICK, seed=1)


class Anything:
    def constrained(self, column):
        return False

    def feasible(self, column, known, pool):
        raise AssertionError("not asked about what is not constrained")


@pytest.mark.parametrize("level", ["grammar", "solver"])
def test_rows_are_values_of_their_types(fitted, level):
    guide = Anything() if level == "solver" else None
    drawn = fitted.draw(500, level=level, guide=guide, seed=3)
    assert len(drawn.batch) == 500
    assert drawn.batch.columns == tuple(c.name for c in COLUMNS)
    assert not drawn.malformed.any()
    assert not drawn.dead.any()
    assert drawn.log_weight.dtype == np.float64
    assert (drawn.log_weight <= 0).all()
    assert (drawn.batch.codes[drawn.batch.nulls] == 0).all()
    for column in COLUMNS:
        codes, nulls = drawn.batch.column(column.name)
        if column.optional:
            assert 0.05 < nulls.mean() < 0.4
        else:
            assert not nulls.any()
        if column.name in DOMAINS:
            lo, hi = DOMAINS[column.name]
            assert ((codes >= lo) & (codes <= hi))[~nulls].all()
        elif column.name == "code":
            texts = drawn.batch.pool[codes]
            assert all(len(t) == 4 and t[:2].isupper() and t[2:].isdigit() for t in texts)


def test_training_texts_are_not_written_again(fitted):
    batch = table(300)
    drawn = fitted.draw(400, level="grammar", seed=5)
    for name in ("code", "note"):
        codes, nulls = batch.column(name)
        seen = set(batch.pool[codes[~nulls]])
        codes, nulls = drawn.batch.column(name)
        copies = np.array([t in seen for t in drawn.batch.pool[codes]]) & ~nulls
        assert not (copies & ~drawn.copied).any()
    assert drawn.copied.mean() < 0.02


def test_learning_more_makes_another_generator_and_leaves_this_one(fitted):
    batch = table(300)
    before = [p.detach().clone() for p in fitted.network.parameters()]
    config = TrainConfig(symbols_seen=30_000, max_epochs=10)
    plain = fitted.further(batch, config, seed=2)
    heavy = fitted.further(batch, config, emphasis={"kind": 50.0}, seed=2)
    for own, old in zip(fitted.network.parameters(), before, strict=True):
        assert torch.equal(own, old)
    weights = [torch.cat([p.ravel() for p in g.network.parameters()]) for g in (plain, heavy)]
    assert not torch.equal(*weights)
    assert heavy.layout is fitted.layout
    # Texts that were not learned from could not be recognised: their rows are left out.
    assert fitted.recognised(batch).all()
    others = table(60, seed=77)
    assert fitted.recognised(others).mean() < 0.5
    unknown = others.take(~fitted.recognised(others))
    with pytest.raises(DataError, match="no rows to learn more from"):
        fitted.further(unknown, config)


def test_columns_have_temperatures_of_their_own(fitted):
    same = fitted.draw(200, level="grammar", seed=3, temperature={})
    plain = fitted.draw(200, level="grammar", seed=3)
    assert np.array_equal(same.batch.codes, plain.batch.codes)
    cold = fitted.draw(200, level="grammar", seed=3, temperature={"kind": 1e-4})
    kinds, _ = cold.batch.column("kind")
    assert len(np.unique(kinds)) == 1
    flags, _ = cold.batch.column("flag")
    assert len(np.unique(flags)) == 2
    with pytest.raises(UsageError, match="temperature 0 is not above 0"):
        fitted.draw(5, temperature={"kind": 0})


def test_texts_that_cannot_be_but_copies_are_marked():
    columns = [Column("t", TextType(1, "[AB]"))]
    pool = np.array(["A", "B"], dtype=object)
    batch = Batch(("t",), np.array([[0], [1]] * 10), np.zeros((20, 1), bool), pool)
    generator = RowGenerator.fit(columns, ["t"], {}, batch, QUICK)
    drawn = generator.draw(50, level="grammar")
    assert drawn.copied.all()
    assert set(drawn.batch.pool) == {"A", "B"}


def test_the_seed_decides_the_rows(fitted):
    one, two, other = (fitted.draw(200, level="grammar", seed=s).batch for s in (1, 1, 2))
    np.testing.assert_array_equal(one.codes, two.codes)
    np.testing.assert_array_equal(one.nulls, two.nulls)
    assert one.pool.tolist() == two.pool.tolist()
    assert (one.codes != other.codes).any()
    random = torch.Generator().manual_seed(1)
    first, second = (fitted.draw(200, level="grammar", seed=random).batch for _ in range(2))
    np.testing.assert_array_equal(first.codes, one.codes)
    assert (second.codes != first.codes).any()


def test_the_guide_sees_texts_by_their_pool(fitted):
    class Reader:
        asked = 0

        def constrained(self, column):
            return column == "note"

        def feasible(self, column, known, pool):
            codes, _ = known["code"]
            assert all(len(pool[c]) == 4 for c in codes)
            Reader.asked += 1
            one = np.zeros((len(codes), 1), dtype=np.int64)
            starts_low = np.array([pool[c] < "F" for c in codes])
            # Low codes have no note, the others must have one.
            return Feasible(starts_low, one, np.where(starts_low[:, None], -1, one + 2**62))

    drawn = fitted.draw(300, level="solver", guide=Reader(), seed=2)
    codes, _ = drawn.batch.column("code")
    _, nulls = drawn.batch.column("note")
    np.testing.assert_array_equal(nulls, [t < "F" for t in drawn.batch.pool[codes]])
    assert Reader.asked


def test_saved_and_loaded_it_draws_the_same(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = RowGenerator.load(tmp_path)
    assert loaded.columns == fitted.columns
    assert loaded.layout == fitted.layout
    a, b = (g.draw(150, level="grammar", seed=4) for g in (fitted, loaded))
    np.testing.assert_array_equal(a.batch.codes, b.batch.codes)
    np.testing.assert_array_equal(a.copied, b.copied)
    assert a.batch.pool.tolist() == b.batch.pool.tolist()
    assert not [p for p in tmp_path.iterdir() if p.suffix not in {".json", ".safetensors"}]


def test_no_training_text_is_in_the_files(fitted, tmp_path):
    fitted.save(tmp_path)
    batch = table(300)
    stored = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert not [t for t in batch.pool if len(t) >= 4 and t.encode() in stored]


def test_the_network_opens_with_transformers(fitted, tmp_path):
    fitted.save(tmp_path)
    opened = LlamaForCausalLM.from_pretrained(tmp_path, local_files_only=True).eval()
    tokens = torch.tensor([[0, 2, 5]])
    with torch.no_grad():
        torch.testing.assert_close(opened(tokens).logits, fitted.network(tokens).logits)


FILES = ("config.json", "model.safetensors", "layout.json", "fingerprints.safetensors")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["missing", "cut", "emptied"])
def test_damaged_files_are_refused_by_name(fitted, tmp_path, name, harm):
    fitted.save(tmp_path)
    path = tmp_path / name
    if harm == "missing":
        path.unlink()
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * 2 // 3] if harm == "cut" else b"")
    with pytest.raises(SavedModelError, match=name):
        RowGenerator.load(tmp_path)


def _edit(path, change):
    data = json.loads(path.read_text("utf-8"))
    change(data)
    path.write_text(json.dumps(data), "utf-8")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("layout.json", lambda d: d.update(format=99), "has format 99"),
        ("layout.json", lambda d: d["order"].pop(), "is not a layout|tokens"),
        ("layout.json", lambda d: d["columns"][0].update(domain=[0, 3]), "tokens"),
        ("layout.json", lambda d: d["columns"][0]["type"].update(kind="x"), "is not a layout"),
        ("config.json", lambda d: d.update(vocab_size=7), "7 tokens"),
        ("config.json", lambda d: d.update(intermediate_size=40), "weights"),
        ("config.json", lambda d: d.update(num_hidden_layers=2), "weights"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(fitted, tmp_path, name, change, message):
    fitted.save(tmp_path)
    _edit(tmp_path / name, change)
    with pytest.raises(SavedModelError, match=message):
        RowGenerator.load(tmp_path)


def _same(rows):
    one = table(1)
    return one.take(np.zeros(rows, dtype=np.int64))


@pytest.mark.parametrize("batch", [table(1), table(5), _same(40)], ids=["one", "five", "same"])
def test_tiny_tables_can_be_fitted_and_drawn(batch):
    generator = RowGenerator.fit(COLUMNS, ORDER, DOMAINS, batch, QUICK)
    drawn = generator.draw(20, level="grammar")
    assert len(drawn.batch) == 20
    assert not drawn.malformed.any()


def test_all_null_columns_stay_null():
    batch = table(40)
    empty = batch.nulls | np.array([c.optional for c in COLUMNS])
    batch = Batch(batch.columns, np.where(empty, 0, batch.codes), empty, batch.pool)
    drawn = RowGenerator.fit(COLUMNS, ORDER, DOMAINS, batch, QUICK).draw(200, level="grammar")
    optional = [k for k, c in enumerate(COLUMNS) if c.optional]
    assert drawn.batch.nulls[:, optional].mean() > 0.8


def test_wrong_arguments_are_refused(fitted):
    with pytest.raises(UsageError, match="0 rows were asked for"):
        fitted.draw(0)
    with pytest.raises(UsageError, match="'reject' is none of free, grammar, solver"):
        fitted.draw(1, level="reject")
    with pytest.raises(UsageError, match="needs a guide"):
        fitted.draw(1, level="solver")
    with pytest.raises(UsageError, match="temperature 0"):
        fitted.draw(1, temperature=0)
    with pytest.raises(DataError, match="no rows to learn from"):
        RowGenerator.fit(COLUMNS, ORDER, DOMAINS, table(5).take(np.empty(0, np.int64)), QUICK)


def test_interruption_of_a_draw_passes_through(fitted):
    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted.draw(100, progress=stop)


def test_probabilities_of_all_rows_there_can_be_add_up_to_one():
    columns = (Column("kind", EnumType(("a", "b", "c"))), Column("small", IntegerType(), True))
    kind, small = (a.ravel() for a in np.meshgrid(np.arange(3), np.arange(-1, 5)))
    nulls = np.stack([kind < 0, small < 0], axis=1)
    codes = np.where(nulls, 0, np.stack([kind, small], axis=1))
    every = Batch(("kind", "small"), codes, nulls, np.empty(0, dtype=object))
    some = every.take(np.array([0, 0, 0, 5, 9, 9, 12, 17] * 8))
    domains = {"kind": (0, 2), "small": (0, 4)}
    made = RowGenerator.fit(columns, ("small", "kind"), domains, some, QUICK)
    assert made.tells
    likely = np.exp(made.log_likelihood(every))
    assert likely.sum() == pytest.approx(1.0, abs=1e-4)
    # As often as it is drawn: three standard deviations.
    drawn = made.draw(4_000, seed=1).batch
    share = np.mean((drawn.codes == codes[0]).all(axis=1) & (drawn.nulls == nulls[0]).all(axis=1))
    assert share == pytest.approx(likely[0], abs=3 * np.sqrt(likely[0] / 4_000))
    beyond = Batch(every.columns, every.codes + 5, every.nulls & False, every.pool)
    assert (made.log_likelihood(beyond) == -np.inf).all()
    assert made.log_likelihood(every.take(np.arange(0))).shape == (0,)
    nowhere = Batch(every.columns, every.codes, every.nulls | True, every.pool)
    assert (made.log_likelihood(nowhere) == -np.inf).all()  # kind is not optional


def test_text_has_no_probability(fitted):
    assert not fitted.tells
    with pytest.raises(UsageError, match="'code' is text"):
        fitted.log_likelihood(table(5))

"""Rows written by causal language models of random weights, in every decoding mode."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from tiny_models import SHAPES, byte_level, network, save_tiny, tiny

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch
from synthtab.choices import COMMON_MODES
from synthtab.draw import draw_rows
from synthtab.errors import SavedModelError, UsageError
from synthtab.generate import pretrained
from synthtab.generate.language.generator import FACTS, LanguageGenerator
from synthtab.generate.language.loading import Base, load_base, make_base
from synthtab.generate.language.session import way_of
from synthtab.lang.model import Model
from synthtab.learnable import enforced
from synthtab.schema import Column, EnumType, IntegerType, TextType
from synthtab.solver.feasible import Feasible
from synthtab.solver.project import compile_plan

RULES = """
table person {
  age    integer in 0 .. 90
  kind   enum('child', 'adult', 'senior "x"')
  hired  date in 2000-01-01 .. 2020-12-31 optional
  left   date in 2000-01-01 .. 2023-12-31 optional
  seen   datetime(minute) in 2020-01-01T00:00 .. 2020-01-31T23:59
  pay    decimal(7, 2) in 0 .. 5_000
  bonus  decimal(7, 2) in 0 .. 5_000
  total  decimal(8, 2)
  ok     boolean
  code   text(6) matching /[A-C]{2}[0-9]{1,2}/
  note   text(8) optional

  rule grown: age >= 18 iff kind != 'child'
  rule old: when kind = 'senior "x"' then age >= 65
  rule hired_first: left > hired
  rule left_needs_hired: when hired is null then left is null
  rule adds: total = pay + bonus
  rule small: bonus <= 0.5 * pay
}
"""
MODEL = Model.parse(RULES)
TABLE = enforced(MODEL.table())
PLAN = compile_plan(TABLE)
DOMAINS = {c.name: PLAN.domains[c.name] for c in TABLE.columns if not isinstance(c.type, TextType)}


def generator(base: Base, **options) -> LanguageGenerator:
    return LanguageGenerator.of(base, TABLE.columns, PLAN.order, DOMAINS, **options)


@pytest.fixture(scope="module")
def bases() -> dict[str, Base]:
    return {shape: tiny(shape) for shape in SHAPES} | {"piece": tiny("llama", "piece")}


@pytest.mark.parametrize("name", [*SHAPES, "piece"])
def test_rows_under_the_plan_keep_every_rule(bases, name):
    assert PLAN.exact
    drawn = generator(bases[name], prompt="People:\n").draw(12, level="solver", guide=PLAN, seed=3)
    assert not drawn.malformed.any()
    backend = VectorBackend(TABLE)
    assert not backend.violated(drawn.batch).any()
    assert not backend.out_of_domain(drawn.batch).any()
    assert (drawn.log_weight < 0).all()


SMALL = Model.parse(
    """
    table t {
      n     integer in 0 .. 9
      kind  enum('low', 'high')
      rule split: kind = 'low' iff n < 5
    }
    """
).table()


@cache
def learned(shape: str) -> LanguageGenerator:
    """A network that has seen rows of a small table, a few of which break its rule."""
    words = byte_level()
    base = make_base(network(shape, len(words), positions=64), words)
    plan = compile_plan(SMALL)
    made = LanguageGenerator.of(base, SMALL.columns, plan.order, plan.domains)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 10, (400, 1))
    codes = np.hstack([codes, (codes >= 5) ^ (rng.random((400, 1)) < 0.2)]).astype(np.int64)
    batch = Batch(("n", "kind"), codes, np.zeros(codes.shape, bool), np.empty(0, dtype=object))
    rows = [ids for ids, _ in made.template.row_tokens(batch)]
    steps = torch.optim.AdamW(base.network.parameters(), lr=0.01)
    for k in [*range(0, 400, 20)] * (4 if shape == "gpt2" else 2):
        part = torch.nn.utils.rnn.pad_sequence(
            [torch.tensor([*made.prompt_tokens, *ids]) for ids in rows[k : k + 20]], True, -100
        )
        loss = base.network(input_ids=part.clamp(min=0), labels=part).loss
        loss.backward()
        steps.step()
        steps.zero_grad()
    base.network.eval()
    return made


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", COMMON_MODES)
def test_every_mode_works_with_every_shape(shape, mode):
    rows, counts = draw_rows(SMALL, learned(shape), compile_plan(SMALL), 20, mode=mode, seed=1)
    assert len(rows) == 20
    assert not VectorBackend(SMALL).out_of_domain(rows).any()
    if mode not in ("free", "grammar"):
        assert not VectorBackend(SMALL).violated(rows).any()
    if mode in ("grammar", "solver"):
        assert counts.malformed == 0


def test_a_language_model_writes_its_broken_rows_again():
    """With random weights it hits upon a lawful row by chance, asked often enough."""
    base, plan = tiny("llama", positions=2048), compile_plan(SMALL)
    made = LanguageGenerator.of(base, SMALL.columns, plan.order, plan.domains)
    told = []
    rows, counts = draw_rows(
        SMALL,
        made,
        plan,
        8,
        mode="feedback",
        seed=2,
        rounds=2,
        progress=lambda done, total: told.append((done, total)),
    )
    assert len(rows) == counts.returned == 8
    assert not VectorBackend(SMALL).violated(rows).any()
    assert counts.talk[0].asked >= counts.mended > 0
    assert counts.talk[0].answer_tokens > 0
    assert counts.drawn == 8 + counts.broken + counts.malformed + counts.surplus
    assert told[-1] == (8, 8)


def test_a_model_that_cannot_read_the_correction_says_so():
    base, plan = tiny("llama", positions=64), compile_plan(SMALL)
    made = LanguageGenerator.of(base, SMALL.columns, plan.order, plan.domains)
    with pytest.raises(UsageError, match="the model reads 64 tokens, and the prompt takes"):
        draw_rows(SMALL, made, plan, 8, mode="feedback", seed=2)


def test_correction_without_llguidance_is_refused_before_rows_are_drawn(monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    monkeypatch.setattr(LanguageGenerator, "draw", lambda *given, **named: pytest.fail("drawn"))
    made = learned("llama")
    with pytest.raises(UsageError, match=r"takes llguidance: pip install 'synthtab\[translate\]'"):
        draw_rows(SMALL, made, compile_plan(SMALL), 8, mode="feedback", seed=2)


def test_rows_with_a_training_text_are_known(bases):
    pool = np.array(["AB1", "hello", "AC22"], dtype=object)
    first = generator(bases["llama"]).draw(3, level="solver", guide=PLAN, seed=1).batch
    codes = np.tile(np.arange(3)[:, None], (1, len(first.columns)))
    seen = Batch(first.columns, codes, np.zeros_like(first.nulls), pool)
    made = generator(bases["llama"], batch=seen.take(np.array([0, 1])))
    texts = [c.name for c in TABLE.columns if isinstance(c.type, TextType)]
    assert texts
    assert made.copied(seen).tolist() == [True, True, False]
    nulls = np.ones_like(seen.nulls)
    assert not made.copied(Batch(seen.columns, seen.codes, nulls, pool)).any()


def test_the_same_seed_gives_the_same_rows_and_another_gives_others(bases):
    made = generator(bases["llama"])
    first, again, other = (made.draw(6, level="grammar", seed=s).batch for s in (1, 1, 2))
    assert made.template.texts(first) == made.template.texts(again)
    assert made.template.texts(first) != made.template.texts(other)


def test_batches_of_any_size_give_as_many_rows_and_tell_progress(bases):
    told = []
    made = LanguageGenerator.of(
        bases["llama"], TABLE.columns[:2], ["age", "kind"], DOMAINS, prompt="x\n"
    )
    small = LanguageGenerator(made.base, made.columns, made.template, "x\n", {}, most_rows=4)
    drawn = small.draw(10, level="grammar", progress=lambda done, of: told.append((done, of)))
    assert len(drawn.batch) == 10
    assert told == [(4, 10), (8, 10), (10, 10)]


@pytest.mark.parametrize("name", [*SHAPES, "piece"])
def test_training_sees_the_tokens_that_decoding_puts_in(bases, name):
    """What was drawn is, as training has it, the row's text; its values are marked and no more."""
    made = generator(bases[name])
    batch = made.draw(5, level="solver", guide=PLAN, seed=2).batch
    words = bases[name].vocabulary
    for (ids, drawn), text in zip(
        made.template.row_tokens(batch), made.template.texts(batch), strict=True
    ):
        assert words.spelled(ids).decode() == text + "\n"
        assert ids[: len(made.template.first)] == made.template.first
        assert len(ids) == len(drawn)
        own = words.spelled(i for i, is_drawn in zip(ids, drawn, strict=True) if is_drawn).decode()
        for value in text[1:-1].split(", "):
            assert value.split(": ")[1].strip('"') in own


def test_training_tokens_are_those_that_the_tokenizer_writes_itself(bases):
    made = generator(bases["llama"])
    batch = made.draw(8, level="solver", guide=PLAN, seed=5).batch
    rows = made.template.row_tokens(batch)
    for (ids, _), text in zip(rows, made.template.texts(batch), strict=True):
        assert list(ids) == bases["llama"].vocabulary.encoded(text + "\n")


class Fixed:
    """A guide that leaves the same set to a column in every row."""

    def __init__(self, name: str, lo: list[int], hi: list[int]) -> None:
        self._name, self._set = name, (lo, hi)

    def constrained(self, column: str) -> bool:
        return column == self._name

    def feasible(self, column, known, pool) -> Feasible:
        rows = len(next(iter(known.values()))[0]) if known else 1
        lo, hi = (np.tile(np.array(side), (rows, 1)) for side in self._set)
        return Feasible(np.zeros(rows, bool), lo, hi)


def exact_law(made: LanguageGenerator, codes: list[int]) -> np.ndarray:
    """The law of a one-column row given that its value is one of ``codes``, over token paths."""
    template, words = made.template, made.base.vocabulary
    (slot,) = template.slots
    begun = [*made.prompt_tokens, *template.first]

    def paths(text: bytes, rest: bytes) -> list[list[int]]:
        """All ways to write a text, and at least one byte of what follows."""
        out = []
        for number, token in words.tokens.items():
            if len(token) <= len(text) and text.startswith(token):
                out += [[number, *more] for more in paths(text[len(token) :], rest)]
            elif token.startswith(text) and rest.startswith(token[len(text) :]):
                out.append([number])
        return out

    law = []
    for code in codes:
        total = 0.0
        for path in paths(slot.opening + str(code).encode(), slot.after):
            ids = torch.tensor([[*begun, *path]])
            with torch.inference_mode():
                logs = made.base.network(input_ids=ids).logits[0].double().log_softmax(-1)
            at = len(begun) - 1
            total += float(torch.exp(sum(logs[at + k, token] for k, token in enumerate(path))))
        law.append(total)
    return np.array(law) / sum(law)


def test_weights_make_up_for_what_masks_distort():
    """Of 10, 20 and 29 the model's own shares: masks alone count a first digit as all its ends."""
    column = Column("n", IntegerType(), lo=0, hi=99)
    base = make_base(network("llama", len(byte_level(300)), seed=4), byte_level(300))
    with torch.inference_mode():
        base.network.lm_head.weight.mul_(6.0)
    made = LanguageGenerator.of(base, [column], ["n"], {"n": (0, 99)})
    codes = [10, 20, 29, 31, 45, 46, 47, 48, 7]
    guide = Fixed("n", sorted(codes), sorted(codes))
    exact = exact_law(made, codes)
    drawn = made.draw(4000, level="solver", guide=guide, seed=0)
    found = drawn.batch.codes[:, 0]
    masked = np.array([(found == c).mean() for c in codes])
    weight = np.exp(drawn.log_weight - drawn.log_weight.max())
    weighted = np.array([weight[found == c].sum() for c in codes]) / weight.sum()
    assert np.abs(masked - exact).sum() > 0.1
    assert np.abs(weighted - exact).sum() < 0.5 * np.abs(masked - exact).sum()


def test_free_rows_that_are_values_are_kept_and_others_told():
    """A model that writes one value whatever it reads: free rows are what it writes."""
    column = Column("n", EnumType(("aa", "bb")))
    base = make_base(network("llama", len(byte_level(300)), seed=4), byte_level(300))
    made = LanguageGenerator.of(base, [column], ["n"], {"n": (0, 1)})
    drawn = made.draw(20, level="free", seed=0)
    assert drawn.malformed.sum() >= 15
    assert (drawn.log_weight == 0).all()
    seen = made.draw(20, level="grammar", seed=0)
    assert not seen.malformed.any()
    assert set(seen.batch.codes[:, 0].tolist()) <= {0, 1}


def test_a_guide_that_leaves_nothing_marks_rows_and_goes_on(bases):
    columns = (Column("n", IntegerType(), lo=0, hi=9), Column("m", IntegerType(), lo=0, hi=9))
    made = LanguageGenerator.of(bases["llama"], columns, ["n", "m"], {"n": (0, 9), "m": (0, 9)})
    drawn = made.draw(4, level="solver", guide=Fixed("n", [1], [0]), seed=0)
    assert drawn.dead.all()
    assert drawn.malformed.all()


def test_a_network_that_minds_padding_is_read_anew(bases):
    """One whose positions count the padding as well is found out, and its rows are still lawful."""
    base = bases["gpt2"]
    forgetful = Base(base.network, base.tokenizer, base.vocabulary)
    forgetful.__dict__["arguments"] = frozenset({"input_ids", "attention_mask"})
    assert way_of(forgetful) == "anew"
    drawn = generator(forgetful).draw(3, level="solver", guide=PLAN)
    assert not VectorBackend(TABLE).violated(drawn.batch).any()


def test_saved_and_loaded_it_writes_the_same_rows(bases, tmp_path):
    base = load_base(save_tiny(tmp_path / "model"))
    pool = np.array(["AB1", "hello", "AC22"], dtype=object)
    first = generator(base).draw(1, level="solver", guide=PLAN)
    seen = Batch(
        first.batch.columns,
        np.zeros_like(first.batch.codes),
        np.zeros_like(first.batch.nulls),
        pool,
    )
    made = generator(base, batch=seen, prompt="Rows:\n")
    for name, kept in (("own", Base(base.network, base.tokenizer, base.vocabulary)), ("by", base)):
        folder = tmp_path / name
        folder.mkdir()
        made.with_base(kept).save(folder)
        again = LanguageGenerator.load(folder)
        assert (folder / "base").is_dir() == (name == "own")
        rows = [g.draw(4, level="grammar", seed=9).batch for g in (made, again)]
        assert made.template.texts(rows[0]) == again.template.texts(rows[1])
        assert again.fingerprints.keys() == {"code", "note"}
    (tmp_path / "by" / FACTS).write_text("{}", encoding="utf-8")
    with pytest.raises(SavedModelError, match="format None"):
        LanguageGenerator.load(tmp_path / "by")
    (tmp_path / "own" / "base" / "config.json").unlink()
    with pytest.raises(UsageError, match=r"config\.json"):
        LanguageGenerator.load(tmp_path / "own")


def seen_texts(*texts: str) -> Batch:
    codes = np.arange(len(texts))[:, None]
    return Batch(("t",), codes, np.zeros(codes.shape, bool), np.array(texts, dtype=object))


def test_copies_of_training_texts_are_not_written(bases):
    column = Column("t", TextType(4))
    seen = seen_texts("a", "bb", "ab", "bbbb")
    made = LanguageGenerator.of(bases["llama"], [column], ["t"], {}, seen)
    drawn = made.draw(60, level="grammar", seed=0)
    texts = drawn.batch.pool[drawn.batch.codes[:, 0]]
    assert not {"a", "bb", "ab"} & set(texts)
    assert len(set(texts)) >= 5
    # At the greatest length there is nothing to go on with.
    assert (drawn.copied == (texts == "bbbb")).all()


def test_where_there_is_nothing_but_copies_they_are_told(bases):
    column = Column("t", TextType(2, "aa?|b"), True)
    seen = seen_texts("a", "aa")
    made = LanguageGenerator.of(bases["llama"], [column], ["t"], {}, seen)
    drawn = made.draw(60, level="grammar", seed=0)
    texts = np.where(drawn.batch.nulls[:, 0], None, drawn.batch.pool[drawn.batch.codes[:, 0]])
    assert set(texts) >= {"b", None}
    assert not drawn.dead.any()
    assert (drawn.copied == np.isin(texts.astype(str), ["a", "aa"])).all()
    assert drawn.copied.any()


# What is refused.

"""Passages that each row reads of its own, found by its first columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import byte_level, network, tiny

from synthtab.backends.vector import VectorBackend
from synthtab.errors import UsageError
from synthtab.generate.language import session
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.loading import make_base
from synthtab.generate.language.prompt import render_own
from synthtab.generate.language.recall import TOKENS, Recall
from synthtab.generate.language.settings import Pretrained
from synthtab.generate.language.vllm import ServedGenerator
from synthtab.generate.language.whole import draw_whole
from synthtab.generate.retrieval.corpus import Corpus
from synthtab.generate.retrieval.documents import Document, Passage
from synthtab.generate.retrieval.rowtexts import row_texts
from synthtab.lang.model import Model
from synthtab.solver.project import compile_plan

RULES = """
table visits {
  kind     enum('short', 'long')
  reason   text(6) optional
  minutes  integer in 1 .. 99
  fee      decimal(5, 2) in 0 .. 99
  rule short_is_short: when kind = 'short' then minutes < 30
  rule dear: fee >= minutes - 1
}
"""
TABLE = Model.parse(RULES).table()
PLAN = compile_plan(TABLE)
NOTES = [
    "A short visit takes less than 30 minutes.",
    "Long visits are paid by the minute, at least.",
    "Whoever comes without a reason pays all the same.",
]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.of([Document(text, f"note {k}", "text") for k, text in enumerate(NOTES)])


def generator(prompt: str = "Rows:\n", positions: int = 1024) -> LanguageGenerator:
    base = tiny("llama", positions=positions)
    return LanguageGenerator.of(base, TABLE.columns, PLAN.order, PLAN.domains, prompt=prompt)


class Silent:
    """A corpus that finds what it is told to, and remembers what it was asked."""

    def __init__(self, *found: str) -> None:
        self.found, self.asked = found, list[str]()

    def search_many(self, queries: list[str], k: int) -> list[list[Passage]]:
        self.asked += queries
        return [[Passage(text, "", "text", 1.0) for text in self.found[:k]] for _ in queries]


def recalled(made: LanguageGenerator, corpus: Any, passages: int = 1, after: int | None = None):
    recall = Recall.of(corpus, passages, len(made.template.slots), after)
    return replace(made, recall=recall)


@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("way", ["shared", "kept", "anew"])
def test_rows_that_find_nothing_are_written_as_without(after: int, way: session.Way) -> None:
    """The row so far is read again, and that changes nothing."""
    plain, silent = generator(), Silent()
    found = recalled(plain, silent, after=after)
    for made in (plain, found):
        made.__dict__["_way"] = way
    first, second = (made.draw(12, level="solver", guide=PLAN, seed=4) for made in (plain, found))
    assert plain.template.texts(first.batch) == plain.template.texts(second.batch)
    assert np.allclose(first.log_weight, second.log_weight, atol=1e-4)
    columns = [slot.column for slot in plain.template.slots[:after]]
    assert set(silent.asked) == set(row_texts(columns, first.batch))
    assert len(silent.asked) == len(set(silent.asked))


def test_each_row_reads_its_passages_before_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    made = recalled(generator(), Silent("Look here.", "And there."), passages=2, after=2)
    read: list[list[int]] = []
    feed = session.Shared.feed

    def watched(own: Any, tokens: Any, real: Any) -> torch.Tensor:
        if not own._seen.shape[1]:  # a session's first chunk: a row begins
            read.extend([] for _ in tokens)
        for row, new, some in zip(read[-len(tokens) :], tokens, real, strict=True):
            row.extend(new[some].tolist())
        return feed(own, tokens, real)

    monkeypatch.setattr(session.Shared, "feed", watched)
    assert made._way == "shared"  # tried before anything is watched
    read.clear()
    drawn = made.draw(3, level="grammar", seed=1)
    own = render_own(["Look here.", "And there."])
    vocabulary = made.base.vocabulary
    for row, text in zip(read[3:], made.template.texts(drawn.batch), strict=True):
        spelled = vocabulary.spelled(row).decode()
        assert spelled.startswith(own)
        assert text.startswith(spelled.removeprefix(own)[:-1])
        assert len(spelled) > len(own) + len(text) // 2


def test_rows_with_passages_keep_the_rules_and_differ(corpus: Corpus) -> None:
    plain = generator()
    made = recalled(plain, corpus, passages=2)
    drawn = made.draw(40, level="solver", guide=PLAN, seed=2)
    assert not drawn.malformed.any()
    assert not VectorBackend(TABLE).violated(drawn.batch).any()
    other = plain.draw(40, level="solver", guide=PLAN, seed=2)
    texts, others = plain.template.texts(drawn.batch), plain.template.texts(other.batch)
    assert texts != others
    first = plain.template.columns[0]
    assert (drawn.batch.column(first)[0] == other.batch.column(first)[0]).all()


def test_passages_that_do_not_fit_are_left_out() -> None:
    encode = generator().base.vocabulary.encoded
    long = "word " * TOKENS
    columns = TABLE.columns[:1]
    batch = generator().draw(2, level="grammar", seed=1).batch

    def found(*passages: str) -> tuple[int, ...]:
        recall = Recall(Silent(*passages), 2, 1)  # type: ignore[arg-type]
        one, other = recall.tokens(columns, batch, encode)
        assert one == other
        return one

    assert found("short", long) == tuple(encode(render_own(["short"])))
    assert found(long, "short") == ()
    assert found() == ()
    assert len(found("short", "brief")) <= TOKENS


def test_saved_and_loaded_it_reads_the_same_passages(corpus: Corpus, tmp_path: Path) -> None:
    made = recalled(generator(), corpus, passages=2, after=3)
    made.save(tmp_path)
    loaded = LanguageGenerator.load(tmp_path)
    assert loaded.recall is not None
    assert (loaded.recall.passages, loaded.recall.after) == (2, 3)
    one, other = (m.draw(6, level="solver", guide=PLAN, seed=3).batch for m in (made, loaded))
    assert made.template.texts(one) == made.template.texts(other)


def refusals(corpus: Corpus) -> Iterator[tuple[str, Any]]:
    made = generator()
    slots = len(made.template.slots)
    found = recalled(made, corpus)
    rows = made.draw(1, level="grammar", seed=0).batch
    yield "after 0 of 4 there is nothing to retrieve by", lambda: Recall.of(corpus, 1, slots, 0)
    yield "after 4 of 4 there is nothing to be written", lambda: Recall.of(corpus, 1, slots, 4)
    yield "after 1 of 1 there is nothing to be written", lambda: Recall.of(corpus, 1, 1)
    yield "in a chat format is the model's turn", lambda: replace(found, chat=True)
    yield "have no likelihood under one prompt", lambda: found.log_likelihood(rows)
    yield "an engine writes all rows after one prompt", lambda: ServedGenerator.of(found, None)  # type: ignore[arg-type]
    yield "whole rows are written after one prompt", lambda: draw_whole(found, 2)
    yield "give corpus as well", lambda: Pretrained("x", epochs=0, row_passages=1)
    tuned = {"corpus": corpus, "row_passages": 1}
    yield "for a model that is told, not tuned", lambda: Pretrained("x", **tuned)
    yield "give row_passages as well", lambda: Pretrained("x", epochs=0, row_after=1)
    short = make_base(network("llama", len(byte_level()), positions=TOKENS), byte_level())
    yield "and a row at least 2", lambda: replace(found, base=short).draw(1)


@pytest.mark.parametrize("at", range(11))
def test_what_cannot_be_is_refused(corpus: Corpus, at: int) -> None:
    message, act = list(refusals(corpus))[at]
    with pytest.raises(UsageError, match=message):
        act()

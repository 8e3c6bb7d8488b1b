"""How likely a language model finds rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import byte_level, network, tiny

from synthtab.batch import Batch
from synthtab.draw import Telling
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.loading import make_base
from synthtab.schema import Column, EnumType, IntegerType, TextType

COLUMNS = (
    Column("age", IntegerType(), True, 0, 9),
    Column("sex", EnumType(("Male", "Female"))),
    Column("name", TextType(4), True),
)
DOMAINS = {"age": (0, 9), "sex": (0, 1)}
NAMES = np.array(["ab", "ba", "abab", "abc", "ababa"], dtype=object)


def batch(rows: list[tuple[int | None, int | None, int | None]]) -> Batch:
    nulls = np.array([[cell is None for cell in row] for row in rows])
    codes = np.array([[cell or 0 for cell in row] for row in rows], dtype=np.int64)
    return Batch(("age", "sex", "name"), codes, nulls, NAMES)


TRAINED = batch([(1, 0, 0), (2, 1, 1), (None, 1, 2)])


def made(**options) -> LanguageGenerator:
    return LanguageGenerator.of(
        options.pop("base", None) or tiny(),
        COLUMNS,
        ("sex", "age", "name"),
        DOMAINS,
        TRAINED,
        prompt="Rows:\n",
    )


def test_it_is_the_probability_of_the_tokens_that_are_drawn():
    generator = made()
    found = generator.log_likelihood(TRAINED)
    for row, (ids, drawn) in enumerate(generator.template.row_tokens(TRAINED)):
        before = len(generator.prompt_tokens)
        whole = torch.tensor([[*generator.prompt_tokens, *ids]])
        with torch.inference_mode():
            logs = generator.base.network(input_ids=whole).logits[0].double().log_softmax(dim=1)
        own = sum(float(logs[before + k - 1, t]) for k, t in enumerate(ids) if drawn[k])
        assert found[row] == pytest.approx(own, rel=1e-4)
    assert isinstance(generator, Telling)
    assert generator.tells


def test_values_take_no_more_than_masks_leave():
    """The masks' share is that of all values in all their ways into tokens."""
    columns = (Column("sex", EnumType(("a", "b"))),)
    generator = LanguageGenerator.of(tiny(), columns, ("sex",), {"sex": (0, 1)}, prompt="Rows:\n")
    both = Batch(("sex",), np.array([[0], [1]]), np.zeros((2, 1), dtype=bool), NAMES[:0])
    told = np.exp(generator.log_likelihood(both))
    left = np.exp(generator.draw(200, level="grammar").log_weight)
    assert 0 < told.sum() <= left.max() + 1e-6


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ((10, 0, 0), "above its domain"),
        ((1, None, 0), "no value where there has to be one"),
        ((1, 0, 3), "a character that no name has"),
        ((1, 0, 4), "longer than any name"),
    ],
)
def test_what_cannot_be_written_has_no_probability(row, why):
    found = made().log_likelihood(batch([(1, 0, 0), row, (None, 1, None)]))
    assert found[1] == -np.inf, why
    assert np.isfinite(found[[0, 2]]).all()


def test_a_row_beyond_what_the_model_reads_has_none():
    whole = made()
    sizes = sorted(len(ids) for ids, _ in whole.template.row_tokens(TRAINED))
    room = len(whole.prompt_tokens) + sizes[-1] - 1
    short = made(base=make_base(network("llama", len(byte_level()), positions=room), byte_level()))
    found = short.log_likelihood(TRAINED)
    assert np.isinf(found).sum() == sum(size == sizes[-1] for size in sizes)


def test_of_no_rows_there_is_nothing_to_tell():
    assert made().log_likelihood(TRAINED.take(np.arange(0))).shape == (0,)


def test_batches_do_not_matter():
    many = TRAINED.take(np.arange(40) % 3)
    found = made().log_likelihood(many)
    assert np.allclose(found, found[np.arange(40) % 3], rtol=1e-4)

"""What there is too much of: tokens for what a network reads, rows for the memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import byte_level, network, tiny

from synthtab.errors import UsageError
from synthtab.generate.language.batching import batch_rows
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.loading import Base, make_base
from synthtab.generate.language.walk import Walk
from synthtab.schema import Column, EnumType, IntegerType, TextType

COLUMNS = (Column("kind", EnumType(("low", "high"))), Column("n", IntegerType(), lo=0, hi=99))
DOMAINS = {"kind": (0, 1), "n": (0, 99)}


def generator(base: Base, **options: Any) -> LanguageGenerator:
    return LanguageGenerator.of(base, COLUMNS, list(DOMAINS), DOMAINS, **options)


def test_batches_are_as_large_as_memory_allows():
    made = generator(tiny())
    lengths = (1, 10**6, 10**9)
    sizes = [batch_rows(made.base, made.template, n, "kept") for n in lengths]
    shared = [batch_rows(made.base, made.template, n, "shared") for n in lengths]
    assert shared[0] == sizes[0]
    assert shared[2] == 1
    # What a prompt costs each row grows with the layers where it is kept with the row.
    deep = make_base(network("llama", len(byte_level())), byte_level())
    deep.network.config.num_hidden_layers = 500
    long = [batch_rows(deep, made.template, 30_000, way) for way in ("kept", "shared")]
    assert long[1] > 10 * long[0]
    assert sizes[0] == 256
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] == 1


def test_a_prompt_that_is_too_long_is_refused_with_the_numbers():
    made = generator(tiny(positions=128), prompt="word " * 200)
    with pytest.raises(UsageError, match=r"reads 128 tokens; the prompt takes"):
        made.draw(1)
    column = Column("note", TextType(150, "[b-z]{150}"))
    long = LanguageGenerator.of(tiny(positions=32), [column], ["note"], {})
    with pytest.raises(UsageError, match=r"reads 32 tokens, and no row ends"):
        long.draw(9, level="grammar")


def test_rows_that_outgrow_the_model_are_told_and_others_go_on():
    """Of columns of one letter or many, rows of which the first kind fits."""
    columns = [Column("a", TextType(40, "[a]|[b-z]{40}")), Column("n", IntegerType())]
    made = LanguageGenerator.of(tiny(positions=20), columns, ["a", "n"], {"n": (0, 9)})
    drawn = made.draw(60, level="grammar", seed=0)
    short = drawn.batch.pool[drawn.batch.codes[:, 0]] == "a"
    assert short.any()
    assert drawn.malformed.any()
    assert not (short & drawn.malformed).any()
    assert (drawn.malformed == drawn.dead).all()


def test_memory_that_does_not_suffice_while_rows_are_written_is_told(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    made = generator(tiny())
    monkeypatch.setattr(Walk, "draw", full)
    with pytest.raises(UsageError, match=r"to write rows with this model: free some .*8 bits"):
        made.draw(3, level="grammar")
    monkeypatch.setattr(Walk, "draw", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        made.draw(3, level="grammar")

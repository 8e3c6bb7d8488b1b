"""A row's layout: forced text, values of any characters, and what cannot be written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_models import tiny
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from synthtab.batch import Batch
from synthtab.errors import DataError, UsageError
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.template import Template
from synthtab.generate.language.vocabulary import Vocabulary
from synthtab.schema import Column, EnumType, IntegerType, TextType


def test_cells_that_the_template_cannot_write_are_refused_and_texts_are_cut():
    columns = (Column("a", IntegerType(), lo=0, hi=9), Column("t", TextType(9), True))
    pool = np.array(["abc"], dtype=object)
    seen = Batch(("a", "t"), np.array([[1, 0]]), np.zeros((1, 2), bool), pool)
    template = Template.of(tiny().vocabulary, columns, ["a", "t"], {"a": (0, 9)}, seen)
    other = Batch(
        ("a", "t"), np.array([[1, 0]]), np.zeros((1, 2), bool), np.array(["cab?ab"], dtype=object)
    )
    (row,) = template.row_tokens(other)
    assert tiny().vocabulary.spelled(row[0]) == b'{"a": 1, "t": "cab"}\n'
    with pytest.raises(DataError, match=r"outside 0 \.\. 9"):
        template.row_tokens(Batch(("a", "t"), np.array([[10, 0]]), np.zeros((1, 2), bool), pool))
    nulls = np.array([[True, True]])
    with pytest.raises(DataError, match="not optional"):
        template.row_tokens(Batch(("a", "t"), np.array([[0, 0]]), nulls, pool))


@pytest.mark.parametrize("tokenizer", ["byte", "piece"])
def test_names_and_values_of_any_characters_are_written(tokenizer):
    """Forced text may end within a character that a token before has begun."""
    names = ('é"x', "a b", "ключ", "日本\\")
    kinds = (
        EnumType(("née", 'q"', "ü", "日")),
        IntegerType(),
        EnumType(("да", "нет")),
        TextType(6),
    )
    columns = [
        Column(n, kind, k % 2 == 1) for k, (n, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    seen = Batch(
        names, np.array([[0, 5, 0, 0]]), np.zeros((1, 4), bool), np.array(['"é日\n'], dtype=object)
    )
    domains = {names[0]: (0, 3), names[1]: (-99, 99), names[2]: (0, 1)}
    base = tiny("llama", tokenizer)
    made = LanguageGenerator.of(base, columns, names, domains, seen)
    drawn = made.draw(20, level="grammar", seed=1)
    assert not drawn.malformed.any()
    texts = made.template.texts(drawn.batch)
    assert {json.loads(text)[names[0]] for text in texts} & {"née", "ü", "日"}
    for text, (ids, _) in zip(texts, made.template.row_tokens(drawn.batch), strict=True):
        assert list(json.loads(text)) == list(names)
        assert base.vocabulary.spelled(ids).decode().lstrip() == text + "\n"


def letters(text: str, **options) -> Vocabulary:
    """A vocabulary of some single characters."""
    words = {c: k for k, c in enumerate(["</s>", "<unk>", *text])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", **options
    )
    return Vocabulary.of(fast, len(words))


PLAIN = '{"}: ,0123456789-.\nnulrow'


def test_a_character_that_cannot_be_spelled_is_named():
    columns = [Column("row", EnumType(("u", "xé")))]
    with pytest.raises(UsageError, match=r"no token for 'x' 'é', which column 'row' needs"):
        Template.of(letters(PLAIN), columns, ["row"], {"row": (0, 1)})
    with pytest.raises(UsageError, match=r"no token for 'q', which the names of the columns"):
        Template.of(letters(PLAIN), [Column("q", IntegerType())], ["q"], {"q": (0, 1)})


def test_a_text_that_cannot_be_spelled_is_named_rather_than_learned_without_a_letter():
    columns = [Column("row", TextType(9))]
    texts = np.array(["uno", "noé"], dtype=object)
    batch = Batch(("row",), np.array([[0], [1]]), np.zeros((2, 1), bool), texts)
    with pytest.raises(UsageError, match=r"no token for 'é', which a text of column 'row' needs"):
        Template.of(letters(PLAIN), columns, ["row"], {}, batch)
    assert Template.of(letters(PLAIN + "éoabc"), columns, ["row"], {}, batch).slots


def test_whole_characters_do_where_there_are_no_bytes():
    columns = [Column("row", EnumType(("u", "oé")))]
    words = letters(PLAIN + "é")
    template = Template.of(words, columns, ["row"], {"row": (0, 1)})
    assert words.spelled(template.value_tokens(template.slots[0], '"oé"')[0]).decode() == 'oé"'

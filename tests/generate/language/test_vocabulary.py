"""The bytes of tokens, and tokenizers that rows cannot be written with."""

from __future__ import annotations

import pytest
from tiny_models import byte_level, sentencepiece
from tokenizers import Tokenizer, normalizers
from transformers import PreTrainedTokenizerFast

from synthtab.errors import UsageError
from synthtab.generate.language.vocabulary import Vocabulary


def test_a_tokenizer_without_an_end_is_refused():
    endless = PreTrainedTokenizerFast(tokenizer_object=byte_level().backend_tokenizer)
    with pytest.raises(UsageError, match="no token that ends a text"):
        Vocabulary.of(endless, 600)


def test_a_tokenizer_that_changes_text_is_refused():
    tokenizer = Tokenizer.from_str(byte_level().backend_tokenizer.to_str())
    tokenizer.normalizer = normalizers.Lowercase()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")
    with pytest.raises(UsageError, match="it changes text"):
        Vocabulary.of(fast, 600)


def test_bytes_of_fallback_are_tokens_and_special_ones_are_not():
    words = Vocabulary.of(sentencepiece(), 700)
    assert words.numbers[b"\xc3"] in words.tokens
    assert b" " in words.numbers
    assert not {"<s>", "</s>", "<unk>"} & {t.decode("latin-1") for t in words.tokens.values()}
    assert words.spelled(words.encoded("é€")).decode().strip() == "é€"
    byte = Vocabulary.of(byte_level(), 600)
    assert byte.end not in byte.tokens
    assert {len(t) for t in byte.tokens.values()} >= {1, 2, 3}

"""Directories and networks that hold no causal language model."""

from __future__ import annotations

import pytest
from tiny_models import byte_level
from transformers import BertConfig, BertForMaskedLM, BertLMHeadModel

from synthtab.errors import UsageError
from synthtab.generate.language.loading import load_base, make_base


def test_a_directory_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no directory"):
        load_base("some/hub-name")
    with pytest.raises(UsageError, match=r"has no config\.json"):
        load_base(tmp_path)


def test_encoders_are_refused(tmp_path):
    size = {"vocab_size": len(byte_level()), "hidden_size": 16, "intermediate_size": 16}
    config = BertConfig(**size, num_hidden_layers=1, num_attention_heads=1, pad_token_id=0)
    BertForMaskedLM(config).save_pretrained(tmp_path)
    byte_level().save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=r"BertForMaskedLM.* is an encoder"):
        load_base(tmp_path)
    with pytest.raises(UsageError, match="is an encoder"):
        make_base(BertLMHeadModel(config).eval(), byte_level())

"""Directories and networks that hold no causal language model."""

from __future__ import annotations

import pytest
from tiny_models import byte_level, network, save_tiny
from transformers import BertConfig, BertForMaskedLM, BertLMHeadModel, BertModel

from synthtab.errors import SavedModelError, UsageError
from synthtab.generate.language.hub import located
from synthtab.generate.language.loading import load_base, load_reader, make_base


def test_a_directory_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no directory"):
        load_base("some/hub-name")
    with pytest.raises(UsageError, match=r"has no config\.json"):
        load_base(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match=r"but adapters for one .* or give that model's directory"):
        load_base(tmp_path)


def test_encoders_are_refused(tmp_path):
    size = {"vocab_size": len(byte_level()), "hidden_size": 16, "intermediate_size": 16}
    config = BertConfig(**size, num_hidden_layers=1, num_attention_heads=1, pad_token_id=0)
    BertForMaskedLM(config).save_pretrained(tmp_path)
    byte_level().save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=r"BertForMaskedLM.* is an encoder"):
        load_base(tmp_path)
    BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=r"BertModel.* is an encoder"):
        load_reader(tmp_path)
    with pytest.raises(UsageError, match="is an encoder"):
        make_base(BertLMHeadModel(config).eval(), byte_level())


def test_a_file_in_the_place_of_a_directory_is_told(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"x")
    for given in (file, str(file)):
        with pytest.raises(UsageError, match=r"model\.safetensors is a file; .* the directory"):
            located(given)


def test_a_tokenizer_of_another_model_is_told(tmp_path):
    with pytest.raises(SavedModelError, match=r"token \d+ is beyond the network's 300"):
        make_base(network("llama", 300), byte_level())


def test_a_tokenizer_without_an_end_is_told_with_its_place(tmp_path):
    save_tiny(tmp_path / "endless")
    settings = tmp_path / "endless" / "tokenizer_config.json"
    settings.write_text(settings.read_text().replace('"eos_token"', '"no_token"'))
    with pytest.raises(UsageError, match=r"endless has no token that ends a text"):
        load_reader(tmp_path / "endless")

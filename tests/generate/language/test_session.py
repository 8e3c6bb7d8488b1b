"""How a network reads on: which way it can, and that all ways give what reading anew gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import SHAPES, byte_level, network, tiny
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    Gemma3Config,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    MptConfig,
    OpenAIGPTConfig,
)

from synthtab.generate.language.loading import make_base
from synthtab.generate.language.session import begin, way_of


@pytest.mark.parametrize("name", SHAPES)
def test_a_cache_with_padding_gives_what_reading_anew_gives(name):
    base = tiny(name)
    assert way_of(base) == "shared"
    prompt = np.array([5, 6, 7])
    one, other, anew = (begin(base, prompt, way).fork(3) for way in ("shared", "kept", "anew"))
    rng = np.random.default_rng(0)
    for width in (2, 1, 3, 1, 40, 1, 2):
        tokens = rng.integers(0, 300, (3, width))
        real = np.arange(width) >= rng.integers(0, width + 1, (3, 1))
        read = real[:, -1]
        found = anew.feed(tokens, real)[read]
        assert torch.allclose(one.feed(tokens, real)[read], found, atol=1e-4)
        assert torch.allclose(other.feed(tokens, real)[read], found, atol=1e-4)
        assert (one.lengths == anew.lengths).all()


@pytest.mark.parametrize(
    ("config", "more", "way"),
    [
        (MistralConfig, {"sliding_window": None}, "shared"),
        (MistralConfig, {"sliding_window": 64}, "kept"),  # forgets the prompt
        (MistralConfig, {"sliding_window": 8}, "anew"),  # padding drives out what it is to see
        (MixtralConfig, {"num_local_experts": 2, "sliding_window": None}, "shared"),
        (Gemma2Config, {"sliding_window": 512, "head_dim": 16}, "kept"),  # caps its scores
        (BloomConfig, {}, "kept"),  # adds to its scores by distance
        (MptConfig, {"d_model": 32, "n_heads": 2, "n_layers": 2}, "anew"),  # padding is distance
        (MambaConfig, {}, "anew"),  # has a state instead of a cache
        (OpenAIGPTConfig, {}, "anew"),  # keeps nothing
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_a_network_can_do_is_found_out(config, more, way, dtype):
    size = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": len(byte_level())}
    heads = {"intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}
    ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    given = config(**size, **heads, **ends, **more, initializer_range=0.3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = AutoModelForCausalLM.from_config(given, dtype=dtype).eval()
    base = make_base(made, byte_level())
    before = made.config._attn_implementation
    assert way_of(base) == way
    assert made.config._attn_implementation == before


def test_the_parts_of_a_network_that_sees_as_well_keep_their_attention():
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16}
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    kinds = {"layer_types": ["full_attention"] * 2, "vocab_size": len(byte_level())}
    sight = {**size, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    given = Gemma3Config(
        text_config={**heads, **size, **ends, **kinds}, vision_config=sight, mm_tokens_per_image=4
    )
    made = AutoModelForCausalLM.from_config(given).eval()
    made.config.vision_config._attn_implementation = "eager"
    parts = (made.config, made.config.text_config, made.config.vision_config)
    before = [part._attn_implementation for part in parts]
    assert way_of(make_base(made, byte_level())) == "shared"
    assert [part._attn_implementation for part in parts] == before


def test_too_little_memory_is_no_sign_of_a_network_that_minds_padding():
    base = make_base(network("llama", len(byte_level())), byte_level())
    base.network.register_forward_pre_hook(lambda *_: torch.empty(1 << 55) and None)
    with pytest.raises(RuntimeError, match="memory"):
        way_of(base)

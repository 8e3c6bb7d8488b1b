"""Causal language models of random weights in three shapes, with tokenizers of several families."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from tiny_llama import RULES
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from bench.byte_level import byte_level as train
from synthtab.generate.language.loading import Base, make_base

SHAPES = ("llama", "gpt2", "qwen")


def _texts() -> list[str]:
    rows = [
        f'{{"age": {k}, "name": "Xy z{k % 7}", "on": "2024-{k % 12 + 1:02d}-1{k % 9}"}}\n'
        for k in range(400)
    ]
    return [path.read_text(encoding="utf-8") for path in RULES[:3]] + rows


@cache
def byte_level(size: int = 600) -> PreTrainedTokenizerFast:
    """A tokenizer like GPT-2's."""
    return train(_texts(), size)


CHAT = (
    "{% for turn in messages %}<|{{ turn['role'] }}|>\n{{ turn['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


@cache
def chatting(template: str = CHAT) -> PreTrainedTokenizerFast:
    """A tokenizer that knows of turns."""
    made = train(_texts(), 600)
    made.add_special_tokens({"additional_special_tokens": ["<|user|>", "<|assistant|>"]})
    made.chat_template = template
    return made


@cache
def sentencepiece(*, fallback: bool = True) -> PreTrainedTokenizerFast:
    """A tokenizer like Llama 2's: a space is ``▁``, one comes first, unknown bytes are spelled."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=fallback, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    spelled = [f"<0x{b:02X}>" for b in range(256)] if fallback else []
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=["<unk>", "<s>", "</s>", *spelled], show_progress=False
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def network(shape: str, size: int, *, positions: int = 1024, seed: int = 0) -> Any:
    """A network of random weights."""
    common = {"vocab_size": size, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if shape == "gpt2":
            made: Any = GPT2LMHeadModel(
                GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=positions, **common)
            )
        else:
            config, kind = {
                "llama": (LlamaConfig, LlamaForCausalLM),
                "qwen": (Qwen2Config, Qwen2ForCausalLM),
            }[shape]
            made = kind(
                config(
                    hidden_size=32,
                    intermediate_size=64,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    num_key_value_heads=1,
                    max_position_embeddings=positions,
                    **common,
                )
            )
    return made.eval()


@cache
def tiny(shape: str = "llama", tokenizer: str = "byte", positions: int = 1024) -> Base:
    """A base of a shape with a tokenizer: ``byte`` level or ``piece``."""
    made = byte_level() if tokenizer == "byte" else sentencepiece()
    return make_base(network(shape, len(made), positions=positions), made)


def save_tiny(directory: Path, shape: str = "llama", **options: Any) -> Path:
    """Save a model as transformers does, and return its directory."""
    tokenizer = byte_level()
    network(shape, len(tokenizer), **options).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory

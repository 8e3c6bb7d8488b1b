"""A language model of random weights, with a byte-level tokenizer trained on the rules files."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bench.byte_level import byte_level

RULES = sorted((Path(__file__).parents[1] / "rules").glob("*.rules"))


def save_tiny_llama(directory: Path, *, positions: int = 4096, seed: int = 0) -> Path:
    """Save the model as transformers would, and return its directory."""
    lines = (line for path in RULES for line in path.read_text("utf-8").splitlines(keepends=True))
    tokenizer = byte_level(lines, 600)
    tokenizer.save_pretrained(directory)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=positions,
                bos_token_id=None,
                eos_token_id=0,
                pad_token_id=0,
            )
        )
    network.save_pretrained(directory)
    return directory

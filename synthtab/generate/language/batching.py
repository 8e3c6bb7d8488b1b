"""How many rows are written at a time."""

from __future__ import annotations

import os

import torch

from synthtab.generate.language.loading import Base
from synthtab.generate.language.session import Way
from synthtab.generate.language.template import Template

MOST_ROWS = 256
_LEAST = 512 * 2**20
_OF_CPU, _OF_GPU = 1 / 16, 1 / 4


def batch_rows(
    base: Base,
    template: Template,
    prompt: int,
    way: Way,
    most: int = MOST_ROWS,
    *,
    extra: int = 0,
) -> int:
    """Return as many rows as fit, with a prompt of so many tokens, into a part of all memory.

    Each row has up to ``extra`` tokens of its own before it.

    Rows that share what is kept of the prompt have only scores of it, of one layer at a time. All
    memory that there is, not what is free: the same seed is to give the same rows on one machine.
    """
    config = base.network.config.get_text_config(decoder=True)
    heads = int(getattr(config, "num_attention_heads", 1) or 1)
    kv = int(getattr(config, "num_key_value_heads", None) or heads)
    hidden = int(getattr(config, "hidden_size", 1))
    size = int(getattr(config, "head_dim", None) or hidden // heads)
    layers = int(getattr(config, "num_hidden_layers", 1))
    wide = torch.finfo(getattr(base.network, "dtype", torch.float32)).bits // 8
    own = extra + 2 * template.least_tokens + sum(slot.length for slot in template.slots)
    shared = way == "shared"
    kept = own if shared else prompt + own
    together = 1 + max(len(slot.forced[-1]) for slot in template.slots)
    scores = heads * together * (prompt + own) if shared else 0
    # Keys and values twice, as they are copied when they grow; logits and scores a few times over.
    per_row = 2 * 2 * wide * layers * kv * size * kept + 6 * 4 * (base.vocabulary.size + scores)
    return max(1, min(most, _room(base.device) // per_row))


def _room(device: torch.device) -> int:
    """Return how many bytes a batch may take."""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        return max(_LEAST, int(total * _OF_GPU))
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on every system
        return _LEAST
    return max(_LEAST, int(total * _OF_CPU))

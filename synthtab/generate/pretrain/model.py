"""A domain model: a network's body and the encoder that gives it any table's symbols."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaForCausalLM

from synthtab.generate.model import ModelConfig, blank_network
from synthtab.generate.pretrain.encoder import Facts, SymbolEncoder
from synthtab.generate.tokenizer import Layout


@dataclass(frozen=True)
class DomainModel:
    config: ModelConfig
    body: LlamaForCausalLM
    encoder: SymbolEncoder

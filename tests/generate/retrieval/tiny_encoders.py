"""Encoders of random weights, saved as transformers and sentence-transformers save theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
    T5Config,
    T5Model,
)

WORDS = ["A patient of 40 years takes a statin, the dose is 20 mg.", "Rows, tables; rules & keys!"]
SIDE = 32


def _save_tokenizer(directory: Path, *, most: int) -> int:
    """Save a byte-level tokenizer and return how many tokens it has; 0 pads, 2 ends a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "<start>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(WORDS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<start>",
        eos_token="<end>",
        model_max_length=most,
    )
    fast.save_pretrained(directory)
    return tokenizer.get_vocab_size()


def _small(positions: int) -> dict[str, Any]:
    # Weights larger than usual, so that an untrained network tells texts apart.
    return {
        "initializer_range": 0.3,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": positions,
    }


def save_tiny_bert(directory: Path, *, seed: int = 0, positions: int = 32) -> Path:
    vocabulary = _save_tokenizer(directory, most=positions)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertModel(BertConfig(vocab_size=vocabulary, **_small(positions))).save_pretrained(directory)
    return directory


def save_tiny_roberta(directory: Path) -> Path:
    """Save a model of 30 positions, two of which are none, with a tokenizer that knows no limit."""
    vocabulary = _save_tokenizer(directory, most=10**30)
    config = RobertaConfig(vocab_size=vocabulary, pad_token_id=1, **_small(30))
    with torch.random.fork_rng(devices=[]):
        RobertaModel(config).save_pretrained(directory)
    return directory


def save_tiny_t5(directory: Path) -> Path:
    vocabulary = _save_tokenizer(directory, most=32)
    config = T5Config(
        vocab_size=vocabulary,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        T5Model(config).save_pretrained(directory)
    return directory


def save_sentence_model(
    directory: Path, *, pooling: dict[str, object], dense: int | None = None, prompts: bool = False
) -> Path:
    """Save a model in the layout of sentence-transformers."""
    directory.mkdir()
    save_tiny_bert(directory / "0_Transformer")
    kinds = ["Transformer", "Pooling", *(["Dense"] if dense else []), "Normalize"]
    modules = [
        {
            "idx": at,
            "name": str(at),
            "path": f"{at}_{kind}",
            "type": f"sentence_transformers.models.{kind}",
        }
        for at, kind in enumerate(kinds)
    ]
    (directory / "modules.json").write_text(json.dumps(modules))
    (directory / "1_Pooling").mkdir()
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    limit = {"max_seq_length": 24, "do_lower_case": False}
    (directory / "0_Transformer" / "sentence_bert_config.json").write_text(json.dumps(limit))
    if dense:
        home = directory / "2_Dense"
        home.mkdir()
        facts = {
            "in_features": 16,
            "out_features": dense,
            "bias": True,
            "activation_function": "torch.nn.modules.activation.Tanh",
        }
        (home / "config.json").write_text(json.dumps(facts))
        weights = torch.randn(dense, 16, generator=torch.Generator().manual_seed(5)) / 4
        save_file(
            {"linear.weight": weights, "linear.bias": torch.zeros(dense)},
            home / "model.safetensors",
        )
    if prompts:
        said = {"prompts": {"query": "query: ", "document": "text: "}, "default_prompt_name": None}
        (directory / "config_sentence_transformers.json").write_text(json.dumps(said))
    return directory


def save_tiny_clip(directory: Path, *, seed: int = 0) -> Path:
    vocabulary = _save_tokenizer(directory, most=20)
    text = {"vocab_size": vocabulary, **_small(20), "eos_token_id": 2, "bos_token_id": 1}
    vision = {**_small(20), "image_size": SIDE, "patch_size": 8}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        CLIPModel(config).save_pretrained(directory)
    size = {"height": SIDE, "width": SIDE}
    CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=size).save_pretrained(directory)
    return directory


def save_tiny_siglip(directory: Path) -> Path:
    vocabulary = _save_tokenizer(directory, most=16)
    text = {"vocab_size": vocabulary, **_small(16), "projection_size": 16}
    vision = {**_small(16), "image_size": SIDE, "patch_size": 8}
    with torch.random.fork_rng(devices=[]):
        SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(directory)
    SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(directory)
    return directory

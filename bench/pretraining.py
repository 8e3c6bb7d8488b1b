"""A language model of our own, for what is measured of language models: 26 million parameters.

A Llama with a byte-level tokenizer of 32,000 tokens, trained from scratch on the texts of
bench/language_texts.py in about ten minutes on one core. It knows how rows, prompts and corrections
look, and little else.
"""

from __future__ import annotations

import json
import math
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from bench.byte_level import byte_level
from bench.language_texts import corrections, prompted, repository, tables
from synthtab.atomic import atomic_directory
from synthtab.generate.language.loading import Base, make_base
from synthtab.generate.language.settings import Tuning
from synthtab.generate.language.training import rate

NAME = "base"
FACTS = "training.json"
DOCUMENTS, TURNS = 12, 60
"""Texts of each table: prompts with rows, and corrections."""


@dataclass(frozen=True)
class Recipe:
    """How the model is made.

    ``tokens`` are read in all, ``length`` of each text and ``at_once`` texts a step; ``text``,
    ``tables`` and ``corrections`` are the shares of each kind. The rate rises and falls as that of
    :class:`Tuning`. ``sampled`` tokens stand for all that a step does not write.
    """

    vocabulary: int = 32_000
    hidden: int = 512
    layers: int = 3
    tokens: int = 1_400_000
    length: int = 1_024
    at_once: int = 4
    rate: float = 1.5e-3
    warm_up: float = 0.05
    sampled: int = 2_048
    text: float = 0.1
    tables: float = 0.3
    corrections: float = 0.6

    @property
    def shares(self) -> Mapping[str, float]:
        """The share of each kind of text."""
        return {"text": self.text, "tables": self.tables, "corrections": self.corrections}


@dataclass(frozen=True)
class Facts:
    """What came of it: losses are in nats a token, of texts of each kind that were held out."""

    parameters: int
    vocabulary: int
    tokens: int
    steps: int
    seconds: float
    before: Mapping[str, float]
    after: Mapping[str, float]


def options(parser: ArgumentParser) -> None:
    """Add what says how long it is trained."""
    parser.add_argument(
        "--tokens", type=int, default=Recipe.tokens, help="read in training; fewer are quicker"
    )


def command(given: Namespace) -> None:
    """Train the model into the folder ``--work``; SystemExit where none is given."""
    if given.work is None:
        raise SystemExit("bench: say where the model is to be kept: --work FOLDER")
    path = made(given.work, Recipe(tokens=given.tokens), given.seed)
    print(f"{path}: {described(facts(path))}")


def made(work: Path, recipe: Recipe | None = None, seed: int = 0) -> Path:
    """Return the directory of the model in a folder; it is trained first where it is not there."""
    path = work / NAME
    if not (path / FACTS).is_file():
        work.mkdir(parents=True, exist_ok=True)
        train(path, recipe or Recipe(), seed)
    return path


def facts(path: Path) -> Facts:
    """Return what is known of a model that was trained here; SystemExit where it was not."""
    try:
        return Facts(**json.loads((path / FACTS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SystemExit(f"bench: {path / FACTS} does not tell of a model: {error}") from error


def described(known: Facts) -> str:
    """Return a model's size and training in words."""
    losses = ", ".join(
        f"{kind} {known.before[kind]:.1f} to {known.after[kind]:.2f}" for kind in known.after
    )
    return (
        f"a Llama of {known.parameters / 1e6:.0f} million parameters and {known.vocabulary:,} "
        f"byte-level tokens, trained on {known.tokens:,} tokens in {known.seconds / 60:.1f} "
        f"minutes of one core (nats a token, held out: {losses})"
    )


def train(
    path: Path, recipe: Recipe, seed: int = 0, kinds: Mapping[str, Sequence[str]] | None = None
) -> Facts:
    """Train the model and save it as transformers does, with what came of it beside it.

    ``kinds`` are the texts, those of :func:`texts` where none are given.
    """
    began = time.process_time()
    kinds = texts(seed) if kinds is None else kinds
    tokenizer = byte_level((t for some in kinds.values() for t in some), recipe.vocabulary)
    streams = {k: Stream.of(tokenizer, some, recipe.length, seed) for k, some in kinds.items()}
    _say(f"{sum(len(s.parts) for s in streams.values()):,} texts of {recipe.length:,} tokens")
    network = new_network(recipe, len(tokenizer), seed)
    before = {kind: _loss(network, s.held_out) for kind, s in streams.items()}
    steps = max(1, recipe.tokens // (recipe.length * recipe.at_once))
    _learn(network, recipe, streams, steps, seed)
    found = Facts(
        parameters=sum(p.numel() for p in network.parameters()),
        vocabulary=len(tokenizer),
        tokens=steps * recipe.length * recipe.at_once,
        steps=steps,
        seconds=time.process_time() - began,
        before=before,
        after={kind: _loss(network, s.held_out) for kind, s in streams.items()},
    )
    with atomic_directory(path) as folder:
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / FACTS).write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    return found


def texts(seed: int) -> dict[str, list[str]]:
    """Return all texts by their kind."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[str]] = {"text": repository(), "tables": [], "corrections": []}
    for loaded in tables():
        found["tables"] += prompted(loaded, DOCUMENTS, rng)
        found["corrections"] += corrections(loaded, TURNS, rng)
    return found


@dataclass(frozen=True)
class Stream:
    """Texts of one kind behind each other, cut into parts (parts, length); few are held out."""

    parts: NDArray[np.int64]
    held_out: NDArray[np.int64]

    @classmethod
    def of(
        cls, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], length: int, seed: int
    ) -> Stream:
        """Put texts together in an order by the seed, each ended by the token for that."""
        order = np.random.default_rng(seed).permutation(len(texts))
        ids: list[int] = []
        for at in order.tolist():
            ids += [*tokenizer.encode(texts[at]), tokenizer.eos_token_id]
        while len(ids) < 2 * (length + 1):
            ids += ids
        whole = len(ids) // (length + 1)
        parts = np.array(ids[: whole * (length + 1)], dtype=np.int64).reshape(whole, -1)
        held = max(1, min(4, whole // 10))
        return cls(parts[held:], parts[:held])

    def forever(self, seed: int) -> Iterator[NDArray[np.int64]]:
        """Yield parts, all of them before any again."""
        random = np.random.default_rng(seed)
        while True:
            yield from self.parts[random.permutation(len(self.parts))]


def untrained(recipe: Recipe, seed: int = 0) -> Base:
    """Return a model of random weights, with a tokenizer of the text in this repository."""
    tokenizer = byte_level(repository(), recipe.vocabulary)
    return make_base(new_network(recipe, recipe.vocabulary, seed).eval(), tokenizer)


def new_network(recipe: Recipe, size: int, seed: int) -> LlamaForCausalLM:
    """Return a Llama of random weights for so many tokens."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=size,
                hidden_size=recipe.hidden,
                intermediate_size=recipe.hidden * 11 // 4,
                num_hidden_layers=recipe.layers,
                num_attention_heads=max(1, recipe.hidden // 64),
                max_position_embeddings=4_096,
                tie_word_embeddings=True,
                bos_token_id=None,
                eos_token_id=0,
                pad_token_id=0,
            )
        )


def _learn(
    network: LlamaForCausalLM,
    recipe: Recipe,
    streams: Mapping[str, Stream],
    steps: int,
    seed: int,
) -> None:
    """Make so many steps of AdamW, each on texts of the kinds that are behind their share."""
    running = {kind: stream.forever(seed) for kind, stream in streams.items()}
    taken = dict.fromkeys(streams, 0)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.rate, betas=(0.9, 0.95), weight_decay=0.05, fused=True
    )
    random = torch.Generator().manual_seed(seed)
    how = Tuning(rate=recipe.rate, warm_up=recipe.warm_up)
    network.train()
    began = time.monotonic()
    for step in range(steps):
        chosen = []
        for _ in range(recipe.at_once):
            kind = min(taken, key=lambda k: taken[k] / recipe.shares[k])
            taken[kind] += 1
            chosen.append(next(running[kind]))
        ids = torch.from_numpy(np.stack(chosen))
        for group in optimizer.param_groups:
            group["lr"] = rate(how, step, steps)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            read = network.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
            loss = sampled_loss(
                read.flatten(0, 1),
                ids[:, 1:].flatten(),
                network.lm_head.weight,
                recipe.sampled,
                random,
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 19:
            spent = time.monotonic() - began
            left = spent / (step + 1) * (steps - step - 1)
            now = float(loss.detach())
            _say(f"step {step + 1:,} of {steps:,}, loss {now:.3f}, {left:.0f} s to go")
    network.eval()


def sampled_loss(
    read: Tensor, wanted: Tensor, output: Tensor, sampled: int, random: torch.Generator
) -> Tensor:
    """Return the mean −log P of the tokens wanted (n,) after what was read (n, hidden).

    Of the tokens that none of the n places wants, only ``sampled`` are looked at, drawn evenly, and
    each stands for as many as there are to one drawn: the sum below the softmax is estimated
    without bias (Bengio and Senécal, 2008).
    """
    own, place = wanted.unique(return_inverse=True)
    unwanted = torch.ones(len(output), dtype=torch.bool)
    unwanted[own] = False
    others = unwanted.nonzero().flatten()
    drawn = others[torch.randperm(len(others), generator=random)[:sampled]]
    logits = (read @ output[torch.cat([own, drawn])].T).float()
    if len(drawn):
        stands = torch.zeros(logits.shape[1])
        stands[len(own) :] = math.log(len(others) / len(drawn))
        logits = logits + stands
    return functional.cross_entropy(logits, place)


@torch.inference_mode()
def _loss(network: LlamaForCausalLM, parts: NDArray[np.int64]) -> float:
    """Return the mean loss of texts in nats a token, over the whole vocabulary."""
    network.eval()
    ids = torch.from_numpy(parts)
    found = [
        functional.cross_entropy(network(input_ids=row[None, :-1]).logits[0], row[1:])
        for row in ids
    ]
    return float(torch.stack(found).mean())


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)

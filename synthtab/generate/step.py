"""One more position for many rows: the network's forward pass, made for decoding.

The same function as transformers' forward with a cache (a test holds the two together), arranged
for rows of a fixed layout on a CPU. Every row of a batch is at the same position, so the rotary
embedding is one fixed matrix per position and is multiplied into the query and key weights
beforehand, as are the norms' gains and the attention's scale. The input of the first layer depends
on one symbol only: its query, key and value are looked up, not computed. The output layer is cut to
the position's own symbols. Keys and values lie in preallocated, contiguous buffers, row by row.

Positions are those of the row that is written. Where other rows stand before it as examples, theirs
come before position 0: each begins as the row does, and has one input more, its last symbol.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from synthtab.generate.model import rope_theta
from synthtab.generate.tokenizer import BOS, Layout


@dataclass(frozen=True)
class _Layer:
    """Weights of one layer, transposed for ``x @ w``.

    ``qkv`` holds one matrix (hidden, queries + 2 x keys) per position; in the first layer one
    (symbols, queries + 2 x keys) of finished rows instead.
    """

    qkv: tuple[Tensor, ...]
    out: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True)
class Cache:
    """Keys and values per layer, each (rows, kv heads, positions, head size); filled in place.

    ``before`` positions are those of examples; the row's own are counted from there.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    before: int = 0

    @classmethod
    def empty(cls, stepper: Stepper, rows: int) -> Cache:
        """Return a cache for rows of which no position is known yet."""
        shape = (rows, stepper.kv_heads, stepper.positions, stepper.head_size)
        keys, values = ([torch.empty(shape) for _ in range(stepper.layers)] for _ in range(2))
        return cls(tuple(keys), tuple(values), stepper.before)

    def take(self, rows: Tensor, filled: int) -> Cache:
        """Return a new cache of the rows picked by index; ``filled`` positions are in use."""
        used = self.before + filled
        return Cache(
            tuple(_picked(k, rows, used) for k in self.keys),
            tuple(_picked(v, rows, used) for v in self.values),
            self.before,
        )

    def put(self, rows: Tensor, other: Cache, start: int, end: int) -> None:
        """Take over positions ``start`` to ``end`` (without it) of the rows of another cache."""
        start, end = self.before + start, self.before + end
        for own, given in zip(self.keys + self.values, other.keys + other.values, strict=True):
            own[rows, :, start:end] = given[:, :, start:end]


def _picked(source: Tensor, rows: Tensor, filled: int) -> Tensor:
    out = torch.empty((len(rows), *source.shape[1:]))
    out[:, :, :filled] = source[:, :, :filled].index_select(0, rows)
    return out


class Stepper:
    """A network's weights, prepared for decoding rows of one layout. Holds no state of any row.

    ``examples`` rows stand before each.
    """

    @torch.inference_mode()
    def __init__(self, network: LlamaForCausalLM, layout: Layout, examples: int = 0) -> None:
        config = network.config
        self.layers = int(config.num_hidden_layers)
        self.heads = int(config.num_attention_heads)
        self.kv_heads = int(config.num_key_value_heads or config.num_attention_heads)
        self.hidden = int(config.hidden_size)
        self.head_size = self.hidden // self.heads
        self.before = examples * (layout.length + 1)
        self.positions = self.before + layout.length
        self._eps = float(config.rms_norm_eps)
        self._feed_forward = int(config.intermediate_size)
        weights = {k: v.detach().float() for k, v in network.state_dict().items()}
        embedding, output = weights["model.embed_tokens.weight"], weights["lm_head.weight"]
        edges = [BOS, *layout.starts.tolist()]
        # What stands before position p is the start for p = 0, else a symbol of position p - 1.
        inputs = [embedding[a:b].clone() for a, b in pairwise(edges)]
        self._inputs = inputs * examples + inputs[: layout.length]
        gain = weights["model.norm.weight"]
        self._outputs = [
            (output[edges[p + 1] : edges[p + 2]] * gain).T.contiguous()
            for p in range(layout.length)
        ]
        theta = rope_theta(network)
        self._blocks = [self._layer(weights, layer, theta) for layer in range(self.layers)]

    def _layer(self, weights: dict[str, Tensor], layer: int, theta: float) -> _Layer:
        def weight(name: str) -> Tensor:
            return weights[f"model.layers.{layer}.{name}.weight"]

        gain = weight("input_layernorm")
        query = weight("self_attn.q_proj") * gain / math.sqrt(self.head_size)
        key, value = weight("self_attn.k_proj") * gain, weight("self_attn.v_proj") * gain
        fused = []
        for position in range(self.positions):
            turned = [_rotate(w, position, self.head_size, theta) for w in (query, key)]
            matrix = torch.cat([*turned, value]).T.contiguous()
            fused.append(self._norm(self._inputs[position]) @ matrix if layer == 0 else matrix)
        gain = weight("post_attention_layernorm")
        gate_up = torch.cat([weight("mlp.gate_proj"), weight("mlp.up_proj")]) * gain
        return _Layer(
            tuple(fused),
            weight("self_attn.o_proj").T.contiguous(),
            gate_up.T.contiguous(),
            weight("mlp.down_proj").T.contiguous(),
        )

    def _norm(self, x: Tensor) -> Tensor:
        return torch.nn.functional.rms_norm(x, (self.hidden,), None, self._eps)

    @torch.inference_mode()
    def begin(self, symbols: Tensor, cache: Cache, examples: Tensor | None = None) -> None:
        """Fill the first positions of a cache: those of ``symbols`` (rows, positions), all known.

        ``examples`` (rows, K, positions) are the rows before, where the network reads such. All are
        computed together, and of the last layer only what later positions look back on.
        """
        # Rows begin with a symbol 0 that is all there is, the start.
        pad = torch.nn.functional.pad
        before = pad(symbols, (1, 0))[:, : symbols.shape[1]]
        if examples is not None:
            before = torch.cat([pad(examples, (1, 0)).flatten(1), before], dim=1)
        rows, given = before.shape
        if not given:
            return
        size, width = self.head_size, self.heads * self.head_size
        group, keys_width = self.heads // self.kv_heads, self.kv_heads * self.head_size
        later = torch.ones(given, given, dtype=torch.bool).triu(1).repeat(group, 1)
        # (positions, rows, hidden): every position has weights of its own.
        x = torch.stack([self._inputs[p].index_select(0, before[:, p]) for p in range(given)])
        for number, block in enumerate(self._blocks):
            if number == 0:
                picked = [block.qkv[p].index_select(0, before[:, p]) for p in range(given)]
                qkv = torch.stack(picked)
            else:
                qkv = torch.bmm(self._norm(x), torch.stack(block.qkv[:given]))
            query, key, value = torch.split(qkv, [width, keys_width, keys_width], dim=2)
            by_head = (given, rows, self.kv_heads, size)
            keys = key.reshape(by_head).permute(1, 2, 0, 3)
            values = value.reshape(by_head).permute(1, 2, 0, 3)
            cache.keys[number][:, :, :given] = keys
            cache.values[number][:, :, :given] = values
            if number == self.layers - 1:
                return
            queries = query.reshape(given, rows, self.kv_heads, group, size)
            queries = queries.permute(1, 2, 3, 0, 4).reshape(-1, group * given, size)
            scores = torch.bmm(queries, keys.reshape(-1, given, size).transpose(1, 2))
            scores = scores.masked_fill_(later, float("-inf")).softmax(dim=-1)
            mixed = torch.bmm(scores, values.reshape(-1, given, size))
            mixed = mixed.view(rows, self.heads, given, size).permute(2, 0, 1, 3)
            x = x + mixed.reshape(given, rows, width) @ block.out
            gate, up = torch.split(self._norm(x) @ block.gate_up, self._feed_forward, dim=2)
            x = x + torch.nn.functional.silu(gate).mul_(up) @ block.down

    @torch.inference_mode()
    def logits(self, position: int, before: Tensor, cache: Cache) -> Tensor:
        """Return the logits (rows, symbols of the position).

        ``before`` (rows,) int64 is each row's symbol at the position before (all 0 at position 0).
        ``cache`` holds the positions before and is given this one.
        """
        rows, size, width = len(before), self.head_size, self.heads * self.head_size
        group, keys_width = self.heads // self.kv_heads, self.kv_heads * self.head_size
        at = self.before + position
        x = self._inputs[at].index_select(0, before)
        for number, block in enumerate(self._blocks):
            if number == 0:
                qkv = block.qkv[at].index_select(0, before)
            else:
                qkv = self._norm(x) @ block.qkv[at]
            query, key, value = torch.split(qkv, [width, keys_width, keys_width], dim=1)
            keys, values = cache.keys[number], cache.values[number]
            keys[:, :, at] = key.view(rows, self.kv_heads, size)
            values[:, :, at] = value.view(rows, self.kv_heads, size)
            known_keys = keys.view(rows * self.kv_heads, -1, size)[:, : at + 1]
            known_values = values.view(rows * self.kv_heads, -1, size)[:, : at + 1]
            queries = query.reshape(rows * self.kv_heads, group, size)
            scores = torch.bmm(queries, known_keys.transpose(1, 2)).softmax(dim=-1)
            mixed = torch.bmm(scores, known_values).view(rows, width)
            x = torch.addmm(x, mixed, block.out)
            gate, up = torch.split(self._norm(x) @ block.gate_up, self._feed_forward, dim=1)
            x = torch.addmm(x, torch.nn.functional.silu(gate).mul_(up), block.down)
        return torch.mm(self._norm(x), self._outputs[position])


def _rotate(weight: Tensor, position: int, size: int, theta: float) -> Tensor:
    """Return the weight (heads x size, hidden) with the rotary embedding of a position applied."""
    frequency = theta ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angle = (position * frequency).repeat(2)[:, None]
    heads = weight.double().view(-1, size, weight.shape[1])
    first, second = torch.split(heads, size // 2, dim=1)
    turned = heads * angle.cos() + torch.cat([-second, first], dim=1) * angle.sin()
    return turned.reshape(weight.shape).float()

"""What a backend makes of each construct of the language: exactly it, a relaxation, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from synthtab.ir import nodes


@dataclass(frozen=True)
class Exact:
    """The backend means by it what the oracle (ir/evaluate.py) means, on every row."""


@dataclass(frozen=True)
class Relaxed:
    """The backend allows everything that is right, and by ``reason`` some of what is not."""

    reason: str


@dataclass(frozen=True)
class Unsupported:
    """The backend leaves the construct to others; ``reason`` says why."""

    reason: str


Support = Exact | Relaxed | Unsupported
Supports = Mapping[type, Support]

NODE_CLASSES: tuple[type, ...] = tuple(
    dict.fromkeys((*get_args(nodes.Term), *get_args(nodes.Condition), *get_args(nodes.Rule)))
)
"""Every construct a backend has to answer for: terms, conditions, rules."""


def answers(default: Support, exceptions: Mapping[type, Support] | None = None) -> Supports:
    """Return an answer for every construct: ``default`` but for the exceptions."""
    return {**dict.fromkeys(NODE_CLASSES, default), **(exceptions or {})}


def beyond_a_row(reason: str) -> dict[type, Support]:
    """Return the exceptions of a backend that leaves what is about several rows to others."""
    rules = (nodes.DeterminesRule, nodes.ReferenceRule, nodes.NoOverlapRule, nodes.PairRule)
    return dict.fromkeys((*nodes.CONTEXT, *rules), Unsupported(reason))

"""Rows that share a prefix share a node: merging them after a draw, and dealing them out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.generate.places import Symbols

# The most nodes of one batch: their activations still fit a core's cache.
NODES = 2048
# Merging costs a copy of the network's cache: not worth it where nearly each row has its own node.
MERGED = 0.8


@dataclass(frozen=True)
class Part:
    """Some of a front's rows after a draw: which (None: all), and the nodes they are at.

    Node k follows the front's node ``parents[k]`` (None: its own number) by symbol ``chosen[k]``.
    """

    rows: NDArray[np.int64] | None
    node: NDArray[np.int64]
    parents: NDArray[np.int64] | None
    chosen: Symbols


def deal(
    node: NDArray[np.int64],
    drawn: Symbols,
    nodes: int,
    size: int,
    separate: bool = False,
    most: int = NODES,
) -> list[Part]:
    """Merge rows of one node that drew one symbol, and split what is too much for one batch.

    ``node`` and ``drawn`` (n,) are each row's node, of ``nodes``, and symbol, of ``size``; every
    node has a row. Where ``separate``, every row gets a node of its own. A part has at most
    ``most`` nodes, or as many as there were.
    """
    rows = len(node)
    if nodes == rows:
        drawn = drawn[np.argsort(node)]
        return [Part(None, node, None, drawn)]
    keys, following = np.unique(node * size + drawn, return_inverse=True)
    if rows <= most and (separate or len(keys) > MERGED * rows):
        return [Part(None, np.arange(rows), node, drawn)]
    if separate:
        order = np.argsort(following, kind="stable")
        pieces = np.array_split(order, -(-rows // most))
        return [Part(p, np.arange(len(p)), node[p], drawn[p]) for p in pieces]
    parents, chosen = np.divmod(keys, size)
    if len(keys) <= most:
        same = len(keys) == nodes and bool((parents == np.arange(nodes)).all())
        return [Part(None, following, None if same else parents, chosen)]
    order = np.argsort(following, kind="stable")
    edges = np.linspace(0, len(keys), -(-len(keys) // most) + 1).astype(np.int64)
    cuts = np.searchsorted(following[order], edges)
    return [
        Part(order[i:j], following[order[i:j]] - a, parents[a:b], chosen[a:b])
        for a, b, i, j in zip(edges, edges[1:], cuts, cuts[1:], strict=False)
    ]

"""Columns of which one is never greater than another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import permutations

import numpy as np

from synthtab.batch import Codes
from synthtab.ir import nodes
from synthtab.learn.evidence import LEAST_SURPRISE, Found, Options, worth
from synthtab.learn.fields import LARGEST, Field, reduced, slug

_MOST_COLUMNS = 60
_GLANCE = 1_000
_NEAR = 3  # units within which as many rows lie as would be equal if they could


def orders(
    fields: Sequence[Field], options: Options, settled: Collection[frozenset[str]] = ()
) -> list[Found]:
    """Return ``a <= b`` and ``a < b``, without those that others or ranges imply.

    ``settled`` are pairs of columns about which more is known.
    """
    suited = [f for f in fields if f.measure and f.changes and f.filled][:_MOST_COLUMNS]
    holding: dict[tuple[int, int], Found] = {}
    for (a, first), (b, second) in permutations(enumerate(suited), 2):
        if first.measure != second.measure or frozenset((first.label, second.label)) in settled:
            continue
        if _depth(first) and _depth(second):
            continue
        made = _order(first, second, options)
        if made is not None:
            holding[a, b] = made
    exact = {edge for edge, made in holding.items() if not made.broken}
    told = reduced(exact, suited)
    soft = {edge for edge in holding if edge not in exact}
    through = {
        (a, b)
        for a, b in soft
        if any((a, via) in holding and (via, b) in holding for via in range(len(suited)))
    }
    return [holding[edge] for edge in sorted(told | (soft - through))]


def _depth(field: Field) -> bool:
    return isinstance(field.term, nodes.ParentRef)


def _order(first: Field, second: Field, options: Options) -> Found | None:
    ours, theirs = _alike(first, second)
    if ours is None or theirs is None:
        return None
    both = ~first.nulls & ~second.nulls
    glance = both[:_GLANCE]
    wrong = ours > theirs
    if (wrong[:_GLANCE] & glance).sum() > (1.1 - options.soft) * max(1, glance.sum()):
        return None
    support, broken = int(both.sum()), int((wrong & both).sum())
    if support < options.least_support:
        return None
    after = np.sort(theirs[both])
    own = ours[both]
    below = np.searchsorted(after, own, side="left")
    expected = float(below.sum()) / len(after)
    if not worth(expected, broken, support, options):
        return None
    ties = float((np.searchsorted(after, own, side="right") - below).sum()) / len(after)
    equal = int(((ours == theirs) & both).sum())
    near = (theirs - ours)[both]
    ties = max(ties, float(((near > 0) & (near <= _NEAR)).sum()) / _NEAR)
    strict = not equal and not broken and ties >= LEAST_SURPRISE
    op: nodes.CompareOp = "<" if strict else "<="
    word = "below" if strict else "at_most"
    if first.measure != "number":
        word = "before" if strict else "not_after"
    rule = nodes.RowRule(
        slug(first.label, word, second.label), nodes.Compare(op, first.term, second.term)
    )
    return Found("orders", rule, support, expected, broken)


def _alike(first: Field, second: Field) -> list[Codes | None]:
    """Return the codes of two columns in one unit; None where that leaves 64 bits."""
    most = max(first.scale, second.scale)
    finest = min(first.resolution, second.resolution)
    made: list[Codes | None] = []
    for field in (first, second):
        factor = 10 ** (most - field.scale) * (field.resolution // finest)
        largest = int(np.abs(field.codes).max())
        made.append(field.codes * factor if largest * factor <= LARGEST else None)
    return made

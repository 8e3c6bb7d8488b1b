"""Figures of references and sequences as scores, each beside its noise floor.

They are those of :mod:`synthtab.assess.relations`. They have no interval: what would be drawn again
is parents with all their children, of which few tables have enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synthtab.assess.assessment import Form, Relation, Score
from synthtab.assess.relations import (
    ReferenceDistance,
    Relations,
    SequenceDistance,
    compare_relations,
    relations_floor,
)
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.ir import nodes

CHILDREN = (
    "Wasserstein-1 distance of the numbers of children that parents have, a real parent's mean "
    "number being 1."
)
PAIR = (
    "The mean over columns of the child and of the parent of the total variation of their "
    "contingency tables."
)
STEPS = (
    "The mean over columns of the total variation of contingency tables of a value and the next."
)
LAG = "The mean over columns of the difference of the correlations of a value and the next."


def relation_scores(
    tables: Sequence[nodes.Table],
    real: Mapping[str, Batch],
    synthetic: Mapping[str, Batch],
    seed: int = 0,
) -> tuple[Relation, ...]:
    """Return the figures of every reference and sequence of some tables.

    Raises UsageError where a table that is referred to has no real rows.
    """
    found = compare_relations(tables, real, synthetic)
    floor: Relations | None
    try:
        floor = relations_floor(tables, real, seed)
    except UsageError:  # too few parents for two halves
        floor = None
    links = [
        _reference(one, None if floor is None else floor.references[at])
        for at, one in enumerate(found.references)
    ]
    orders = [
        _sequence(one, None if floor is None else floor.sequences[at])
        for at, one in enumerate(found.sequences)
    ]
    return (*links, *orders)


def _reference(found: ReferenceDistance, floor: ReferenceDistance | None) -> Relation:
    name = f"{found.child}.{', '.join(found.columns)} -> {found.parent}"
    scores = [
        _score("children", found.children, None if floor is None else floor.children, CHILDREN)
    ]
    if found.pair is not None:
        usual = None if floor is None else floor.pair
        scores.append(_score("pair", found.pair, usual, PAIR, "percent"))
    return Relation(name, tuple(scores))


def _sequence(found: SequenceDistance, floor: SequenceDistance | None) -> Relation:
    per = f" per {', '.join(found.per)}" if found.per else ""
    name = f"{found.table}{per} ordered by {', '.join(found.order)}"
    scores = []
    steps = _mean([c.variation for c in found.columns])
    if steps is not None:
        usual = None if floor is None else _mean([c.variation for c in floor.columns])
        scores.append(_score("steps", steps, usual, STEPS, "percent"))
    lag = _mean([c.correlation for c in found.columns])
    if lag is not None:
        usual = None if floor is None else _mean([c.correlation for c in floor.columns])
        scores.append(_score("step_correlation", lag, usual, LAG))
    return Relation(name, tuple(scores))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _score(
    name: str, value: float, floor: float | None, definition: str, form: Form = "number"
) -> Score:
    return Score(name, value, None, floor, None, "lower", definition, form)

"""What rows are refined towards: the marginals of real rows, or those that a budget paid for.

Bins are those that fidelity is measured in (synthtab.assess.fidelity): numbers, dates and datetimes
in 20 quantile bins of the real rows, enums and booleans as they are, texts by length, NULL apart.
Under a privacy budget they are the cells of the estimate, and its marginals the targets: nothing
here sees more than was released.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from synthtab.assess import fidelity
from synthtab.batch import Batch
from synthtab.errors import DataError
from synthtab.privacy.chain import Chain
from synthtab.refine.levels import Floats, Levels, Pair
from synthtab.schema import Column

EXACT = 200_000
"""So many rows are drawn from an estimate to have its marginals."""


@dataclass(frozen=True)
class Targets:
    """Marginals that rows should have.

    ``known`` are the rows, as levels, whose shares the targets are; ``pairs`` those pairs of its
    columns that are aimed at. ``place`` puts rows into the same levels.
    """

    known: Levels
    pairs: tuple[Pair, ...]
    place: Callable[[Batch], Levels]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that have targets."""
        return self.known.columns


@dataclass(frozen=True)
class Lessons:
    """What a model is refined by: targets, and rows to learn more from, if there are any.

    ``source`` says in words what the targets are; ``left_out`` counts real rows that are not used.
    With ``budgeted`` targets, which a privacy budget has paid for, no real row may be looked at.
    """

    targets: Targets
    practice: Batch | None
    source: str
    left_out: int = 0
    budgeted: bool = False


@dataclass(frozen=True)
class PairErrors:
    """The total variation (pairs,) of each pair's table from its target, and their mean."""

    pairs: tuple[Pair, ...]
    each: Floats

    @property
    def mean(self) -> float:
        """The mean over the pairs; 0 where there are none."""
        return float(self.each.mean()) if len(self.each) else 0.0

    def by_column(self, columns: Sequence[str]) -> Mapping[str, float]:
        """Return the mean over the pairs that each column is in; 0 where it is in none."""
        mine: dict[str, list[float]] = {name: [] for name in columns}
        for pair, error in zip(self.pairs, self.each, strict=True):
            for axis in pair:
                mine[columns[axis]].append(float(error))
        return {name: float(np.mean(errors)) if errors else 0.0 for name, errors in mine.items()}


def of_rows(columns: Sequence[Column], real: Batch) -> Targets:
    """Return the marginals of all pairs of columns of real rows, of which there is at least one.

    Raises DataError where there are fewer than two columns, as no pair can be off.
    """
    if len(columns) < 2:
        raise DataError(
            f"rows of {len(columns)} column{'' if len(columns) == 1 else 's'} without keys have no "
            "pairs of columns to be refined by; at least two are needed"
        )

    def place(batch: Batch) -> Levels:
        placed = [fidelity.levels(c, real, batch) for c in columns]
        return _levels([c.name for c in columns], [(one[1], one[2]) for one in placed])

    known = place(real)
    return Targets(known, known.pairs, place)


def of_estimate(chain: Chain, bring: Callable[[Batch], Batch], seed: int) -> Targets:
    """Return the marginals of an estimate: those of the pairs that it ties to each other.

    ``bring`` turns rows into those that the estimate is of, one for one. Raises DataError where no
    two columns are tied, as in an estimate of a small budget.
    """
    grid = chain.grid
    pairs = {
        tuple(sorted((grid.columns.index(a), grid.columns.index(b))))
        for link in chain.links
        for a, b in combinations((*link.given, link.column), 2)
    }
    if not pairs:
        raise DataError(
            "the estimate ties no two columns to each other, so that there is no pair to be "
            "refined by: a larger budget measures pairs"
        )

    def levels(cells: Floats | np.ndarray) -> Levels:
        sizes = tuple(axis.size for axis in grid.axes)
        return Levels(grid.columns, sizes, np.ascontiguousarray(cells.T, dtype=np.int32))

    drawn = chain.draw(EXACT, np.random.default_rng(seed))
    return Targets(
        levels(drawn),
        tuple((int(a), int(b)) for a, b in sorted(pairs)),
        lambda batch: levels(grid.cells(bring(batch))),
    )


def pair_errors(targets: Targets, rows: Levels, weights: Floats | None = None) -> PairErrors:
    """Return how far rows, weighted or not, are from each pair's target: from 0 to 1."""
    each = [
        float(np.abs(targets.known.shares(p) - rows.shares(p, weights)).sum() / 2)
        for p in targets.pairs
    ]
    return PairErrors(targets.pairs, np.array(each))


def expected_errors(targets: Targets, rows: int) -> PairErrors:
    """Return how far ``rows`` perfect rows would be from the targets by chance alone.

    Counts of cells are taken for normal, with the targets' own noise and the rows': a mean absolute
    deviation is sqrt(2 / pi) standard deviations, and never more than twice the share.
    """
    noise = 1 / len(targets.known) + 1 / rows
    each = []
    for pair in targets.pairs:
        share = targets.known.shares(pair)
        spread = np.sqrt(2 / np.pi * share * (1 - share) * noise)
        each.append(float(np.minimum(spread, 2 * share).sum() / 2))
    return PairErrors(targets.pairs, np.array(each))


def _levels(names: Sequence[str], placed: Sequence[tuple[np.ndarray, int]]) -> Levels:
    at = np.stack([own for own, _ in placed]).astype(np.int32)
    return Levels(tuple(names), tuple(size for _, size in placed), at)

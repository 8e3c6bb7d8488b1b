"""Which marginals to measure: those that the estimate so far gets most wrong.

AIM (McKenna, Mullins, Sheldon and Miklau, "AIM: an adaptive and iterative mechanism for
differentially private synthetic data", 2022), with two changes. Several marginals are chosen from
one set of scores before the estimate is made anew, because that is what takes the time. And cells
that the rules leave empty are neither scored nor measured: they are known.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from synthtab.privacy.estimate import Estimate, Measured, Zeros, estimate, size_mb
from synthtab.privacy.grid import Cells, Grid
from synthtab.privacy.ledger import Charge, Purse
from synthtab.privacy.mechanisms import CountNoise, Exponential, count_noise, selection
from synthtab.privacy.readers import CountCells, real_cells
from synthtab.privacy.vault import Room, Vault

Clique = tuple[str, ...]
Floats = NDArray[np.float64]
Occupied = Mapping[Clique, NDArray[np.bool_]]


@dataclass(frozen=True)
class Plan:
    """How to go about it.

    ``first`` is the share of the purse for single columns, ``choosing`` the share of the rest for
    choices; ``picks`` marginals per column would be paid for at the first price, ``at_once`` of
    them are chosen between two estimates; ``largest`` is the model's size in megabytes at the end,
    ``drawn`` how many rows the estimate's own marginals are counted on.
    """

    first: float = 0.1
    choosing: float = 0.1
    picks: int = 3
    at_once: int = 8
    largest: float = 4.0
    drawn: int = 100_000
    degree: int = 2
    most_cells: int = 20_000
    steps: int = 300
    last_steps: int = 1500


ENOUGH = 1e-6
"""What is left of a purse when it counts as empty."""
Progress = Callable[[float, str], None]
"""Is told which share of the budget is spent, and what is being done."""


@dataclass(frozen=True)
class ChooseMarginal:
    """Which of some marginals the estimate gets most wrong, beyond what noise would leave.

    A candidate's score is weight * (sum of |real - estimated| - expected noise of its cells). A row
    changes one cell by one, so that the sensitivity is the largest weight (replacing: twice that).
    """

    table: str
    grid: Grid
    candidates: tuple[Clique, ...]
    weights: tuple[float, ...]
    expected: tuple[Floats, ...]
    penalties: tuple[float, ...]
    mechanism: Exponential

    @property
    def charge(self) -> Charge:
        """The choice's cost."""
        settings = {"candidates": float(len(self.candidates))}
        why = "which columns to measure together"
        return Charge(self.mechanism.name, self.mechanism.cost, (self.table,), why, None, settings)

    def read(self, room: Room) -> int:
        """Return the position of the chosen one."""
        cells = real_cells(room, self.table, self.grid)

        def counts(clique: Clique) -> Cells:
            return room.kept(
                (self.table, self.grid, clique), partial(self.grid.count, cells, clique)
            )

        return self.mechanism.choose(self.scores(counts))

    def scores(self, counts: Callable[[Clique], Cells]) -> Floats:
        """Return the candidates' scores for data whose marginals ``counts`` gives."""
        scores = np.empty(len(self.candidates))
        for k, clique in enumerate(self.candidates):
            wrong = np.abs(counts(clique) - self.expected[k]).sum()
            scores[k] = self.weights[k] * (wrong - self.penalties[k])
        return scores


def learn(
    vault: Vault,
    table: str,
    grid: Grid,
    zeros: Occupied,
    purse: Purse,
    rows: float,
    *,
    plan: Plan = Plan(),
    most: int = 1,
    told: Sequence[Measured] = (),
    progress: Progress | None = None,
) -> Estimate:
    """Measure marginals until the purse is empty, and return the distribution they make.

    ``zeros`` has, for cliques of columns that rules tie, the cells that a row can lie in; ``rows``
    is about how many rows there are, ``most`` how many of them one unit may have. ``told`` is
    known beforehand, at no cost: its columns are measured together with others only. Raises
    BudgetError where the purse pays for nothing that says anything.
    """
    return _Learner(vault, table, grid, zeros, purse, rows, plan, most, told, progress).run()


class _Learner:
    """What was measured so far, the estimate of it, and what is left to spend."""

    def __init__(
        self,
        vault: Vault,
        table: str,
        grid: Grid,
        zeros: Occupied,
        purse: Purse,
        rows: float,
        plan: Plan,
        most: int,
        told: Sequence[Measured],
        progress: Progress | None,
    ) -> None:
        self._vault, self._table, self._grid, self._plan = vault, table, grid, plan
        self._zeros, self._whole, self._rows, self._most = zeros, purse, rows, most
        self._progress = progress
        self._measured: list[Measured] = list(told)
        self._told = {c for m in told for c in m.columns}
        self._spent = 0.0
        self._made: Estimate | None = None
        self._rng = np.random.default_rng()
        self._known = _affordable(grid, zeros, plan.largest / 2)

    def run(self) -> Estimate:
        plan, columns = self._plan, self._grid.columns
        singles = [(c,) for c in columns if c not in self._told]
        self._tell("measures single columns")
        for clique in singles:
            self._measure(clique, plan.first / len(singles))
        self._fit(plan.steps)
        # A pick is a choice and a measurement; so many would be paid for at the first price.
        price = (1 - plan.first) / (plan.picks * len(columns))
        while self._spent < 1 - ENOUGH:
            if not self._round(price):
                price *= 4
            self._fit(plan.steps if self._spent < 1 - ENOUGH else plan.last_steps)
        assert self._made is not None
        return self._made

    def _round(self, price: float) -> bool:
        """Choose and measure a few marginals; say whether most of them told something new.

        Where two rounds would cost more than is left, this one spends all of it.
        """
        plan, told = self._plan, []
        candidates = self._candidates()
        expected = self._expected(candidates)
        picks = min(plan.at_once, len(candidates))
        last = 1 - self._spent < 2 * picks * price
        for done in range(picks):
            if not candidates:
                break
            if last:
                price = (1 - self._spent) / min(picks - done, len(candidates))
            noise = self._noise((1 - plan.choosing) * price)
            k = self._choose(candidates, expected, noise, plan.choosing * price)
            clique, before = candidates[k], expected[k]
            self._spent += plan.choosing * price
            counts = self._measure(clique, (1 - plan.choosing) * price)
            usual = math.sqrt(2 / math.pi) * noise.spread * self._cells(clique)
            told.append(float(np.abs(counts - before).sum()) > usual)
            rest = [at for at, c in enumerate(candidates) if at != k and self._room_for(c)]
            candidates, expected = [candidates[at] for at in rest], [expected[at] for at in rest]
            self._tell(f"measured {' x '.join(clique)}")
        if not told:
            self._spent = 1.0
        return sum(told) * 2 >= len(told)

    def _noise(self, price: float) -> CountNoise:
        return count_noise(self._whole.share(price), self._vault.neighbours, self._most)

    def _choose(
        self,
        candidates: Sequence[Clique],
        expected: Sequence[Floats],
        noise: CountNoise,
        price: float,
    ) -> int:
        weights = tuple(len(c) / 2 for c in candidates)
        one = self._vault.neighbours.l1 * self._most
        reader = ChooseMarginal(
            self._table,
            self._grid,
            tuple(candidates),
            weights,
            tuple(expected),
            tuple(math.sqrt(2 / math.pi) * noise.spread * self._cells(c) for c in candidates),
            selection(self._whole.share(price), max(weights) * one),
        )
        return self._vault.release(reader)

    def _measure(self, clique: Clique, price: float) -> Floats:
        noise = self._noise(price)
        why = "single columns" if len(clique) == 1 else "columns together"
        counts = self._vault.release(
            CountCells(self._table, self._grid, clique, noise, why)
        ).astype(np.float64)
        mask = self._zeros.get(clique)
        if mask is not None:
            counts = np.where(mask, counts, 0.0)
        self._measured.append(Measured(clique, counts, noise.spread))
        self._spent += price
        return counts

    def _candidates(self) -> list[Clique]:
        """Return the marginals that leave the model small enough, for what is spent so far."""
        return [
            clique
            for degree in range(1, self._plan.degree + 1)
            for clique in itertools.combinations(self._grid.columns, degree)
            if not set(clique) <= self._told
            and self._grid.size(clique) <= self._plan.most_cells
            and self._room_for(clique)
        ]

    def _room_for(self, clique: Clique) -> bool:
        have = {*(m.columns for m in self._measured), *(z.columns for z in self._known)}
        if any(set(clique) <= set(c) for c in have):
            return True
        limit = self._plan.largest * max(self._spent, 0.25)
        return size_mb(self._grid, [*have, clique]) <= limit

    def _expected(self, candidates: Sequence[Clique]) -> list[Floats]:
        assert self._made is not None
        cells = self._made.chain.draw(self._plan.drawn, self._rng)
        scale = self._rows / self._plan.drawn
        return [self._grid.count(cells, c).astype(np.float64) * scale for c in candidates]

    def _cells(self, clique: Clique) -> int:
        mask = self._zeros.get(clique)
        return self._grid.size(clique) if mask is None else int(mask.sum())

    def _fit(self, steps: int) -> None:
        self._tell("fits an estimate")
        self._made = estimate(
            self._grid, self._measured, self._known, self._rows, steps=steps, start=self._made
        )

    def _tell(self, what: str) -> None:
        if self._progress is not None:
            self._progress(min(self._spent, 1.0), what)


def _affordable(grid: Grid, zeros: Occupied, limit: float) -> tuple[Zeros, ...]:
    """Return the zeros that the model is told: those that say most, while it stays small."""
    found: list[Zeros] = []
    telling = [(mask.mean(), clique) for clique, mask in zeros.items() if not mask.all()]
    for _, clique in sorted(telling):
        if size_mb(grid, [*(z.columns for z in found), clique]) <= limit:
            found.append(Zeros(clique, zeros[clique]))
    return tuple(found)

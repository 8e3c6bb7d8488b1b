"""Mechanisms run again and again on two neighbouring tables, and looked at by who knows both.

The attacker knows the table but for one row, the canary, and sees every answer that the mechanism's
readers gave, before anything is made of it: all that is released follows from these. What the
answers say for the canary is the log of the ratio of their probabilities with and without it, which
no other attack on the same answers beats.

``marginals`` is run once in full to learn which readers it lets in; these are then let in again,
each time by a new ledger and into a new vault. ``dp-sgd`` is trained anew each time, by a few steps
that take all rows (a sampled row would hide the canary from whoever does not know the sample).
``perturb`` changes rows one by one, so that the table is one row, the canary or another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, concat
from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of
from synthtab.privacy.audit.bounds import Bound, paired_bound
from synthtab.privacy.audit.canaries import rare_rows
from synthtab.privacy.audit.gaussian import guesses_bound
from synthtab.privacy.costs import Gaussian, SampledGaussian
from synthtab.privacy.domains import refuse_undeclared
from synthtab.privacy.ledger import Charge, Ledger
from synthtab.privacy.mechanisms import DiscreteGaussian, Geometric
from synthtab.privacy.perturb import row_reader
from synthtab.privacy.readers import CountCells
from synthtab.privacy.selecting import ChooseMarginal
from synthtab.privacy.selecting import Plan as Choosing
from synthtab.privacy.settings import Mechanism, Neighbours, Privacy
from synthtab.privacy.vault import Reader, Vault
from synthtab.schema import TextType
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan

T = TypeVar("T")
Floats = NDArray[np.float64]
Run = Callable[[bool], float]
"""Runs a mechanism with the canary or without, and returns what its answers say for the canary."""
Progress = Callable[[float], None]

CHOOSING = Choosing(picks=2, steps=50, last_steps=1, drawn=10_000)
"""How ``marginals`` is run in full: the estimates between measurements need not be good."""
STEPS = 10
"""Steps of ``dp-sgd``."""
LEAST_RUNS = 4


class Listening(Vault):
    """A vault whose answers are written down, each with its reader. They are released anyway."""

    __slots__ = ("heard",)

    def __init__(self, batches: Mapping[str, Batch], ledger: Ledger) -> None:
        super().__init__(batches, ledger)
        self.heard: list[tuple[Reader[Any], Any]] = []

    def release(self, reader: Reader[T]) -> T:
        """Release, and write down what was."""
        answer = super().release(reader)
        self.heard.append((reader, answer))
        return answer


@dataclass(frozen=True)
class Case:
    """Two neighbouring tables: ``rows`` and the canary, one row; or ``rows`` alone.

    All columns of ``table`` have declared domains, ``plan`` is its rules compiled.
    """

    table: nodes.Table
    plan: Plan
    rows: Batch
    canary: Batch

    def side(self, canary: bool) -> Batch:
        """Return the rows of one side."""
        return concat([self.rows, self.canary]) if canary else self.rows


def part_of(table: nodes.Table, names: Collection[str]) -> nodes.Table:
    """Return a table with some of its columns, and the row rules that speak of these alone."""
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name in names),
        rules=tuple(r for r in table.row_rules if set(columns_of(r.condition)) <= set(names)),
    )


def case_of(table: nodes.Table, rows: Batch, pool: Batch) -> Case:
    """Return the case of a table's rows and the rarest row of ``pool``, which keeps the rules.

    Of the table those columns count whose values are not free text, with the hard rules about
    single rows that speak of these alone; rows that break one are left out. Raises UsageError where
    a range is not declared, nothing is left, or no row keeps the rules.
    """
    part = part_of(table, [c.name for c in table.columns if not isinstance(c.type, TextType)])
    columns = part.columns
    refuse_undeclared(part)
    kept, pool = (b.select([c.name for c in columns]) for b in (rows, pool))
    backend = VectorBackend(part)
    wrong = backend.violated(kept).any(axis=1) | backend.out_of_domain(kept).any(axis=1)
    kept = kept.take(np.flatnonzero(~wrong))
    if not columns or not len(kept) or not len(pool):
        raise UsageError(
            f"nothing of table `{table.name}` is left for neighbouring runs: they need columns "
            "that are not text, and rows that keep the rules"
        )
    return Case(part, compile_plan(part), kept, rare_rows(columns, pool, kept, 1))


def neighbouring_bounds(
    case: Case,
    privacy: Privacy,
    runs: int,
    confidence: float = 0.95,
    progress: Progress | None = None,
) -> tuple[Bound, ...]:
    """Run a mechanism ``runs`` times on each of two neighbouring tables, and bound its epsilon.

    The first bound takes nothing for granted and is held to the epsilon of ``privacy``. Where all
    noise is booked as Gaussian a second one says more, and is held to what the charges for that
    noise come to. Both together hold with ``confidence``.

    Raises UsageError for fewer than four runs, and for a mechanism other than ``perturb`` whose
    neighbours are those of ``replace``: these tables differ by one row more.
    """
    if runs < LEAST_RUNS:
        raise UsageError(
            f"{runs} runs on each of two neighbouring tables say nothing: {LEAST_RUNS} at least, "
            "and hundreds for a useful bound"
        )
    how = privacy.mechanism
    if how != "perturb" and privacy.relation().kind == "replace":
        raise UsageError(
            f"neighbouring runs of {how!r} are with a row and without it, and neighbours='replace' "
            "promises nothing of these by itself: leave it at 'add-remove'"
        )
    run, charges = _RUNS[how](case, privacy)
    sides: tuple[list[float], list[float]] = ([], [])
    for number in range(runs):
        for side, canary in zip(sides, (True, False), strict=True):
            side.append(run(canary))
        if progress is not None:
            progress((number + 1) / runs)
    mu = booked_mu(charges)
    each = confidence if mu is None else 1 - (1 - confidence) / 2
    plain = paired_bound(*sides, privacy.delta, each)
    found = [replace(plain, stated=privacy.epsilon)]
    if mu is not None:
        found.append(guesses_bound(*sides, privacy.delta, mu, each))
    return tuple(replace(b, event=f"{how}, neighbouring runs: {b.event}") for b in found)


def booked_mu(charges: Sequence[Charge]) -> float | None:
    """Return the mu that Gaussian charges come to together; None where one is of another kind."""
    total = 0.0
    for charge in charges:
        cost = charge.cost
        if isinstance(cost, Gaussian):
            total += 1 / cost.noise**2
        elif isinstance(cost, SampledGaussian) and cost.rate == 1:
            total += cost.steps / cost.noise**2
        else:
            return None
    return math.sqrt(total)


def marginals_run(case: Case, privacy: Privacy) -> tuple[Run, tuple[Charge, ...]]:
    """Return a run of the readers that count, as `marginals` let them in once, and their charges.

    Choices of what to measure are left out where there is a delta: what is booked for them is not
    Gaussian noise, and it is a tenth of the budget.
    """
    from synthtab.privacy.marginals import learn_marginals  # mbi and jax, an extra

    vault = Listening({case.table.name: case.rows}, _ledger(privacy))
    rows, order = float(len(case.rows)), case.plan.order
    learn_marginals(vault, case.table, case.table.name, order, rows, plan=CHOOSING)
    readers = [r for r, _ in vault.heard if privacy.delta == 0 or isinstance(r, CountCells)]

    def run(canary: bool) -> float:
        again = Listening({case.table.name: case.side(canary)}, _ledger(privacy))
        for reader in readers:
            again.release(reader)
        return sum(evidence(reader, answer, case) for reader, answer in again.heard)

    return run, tuple(r.charge for r in readers)


def sgd_run(case: Case, privacy: Privacy) -> tuple[Run, tuple[Charge, ...]]:
    """Return a run of noisy training from scratch, and what it is charged."""
    from synthtab.privacy.dpsgd.course import PrivateConfig  # torch, which other audits need not
    from synthtab.privacy.dpsgd.fit import train_private  # torch
    from synthtab.privacy.dpsgd.watch import GradientEvidence  # torch

    rows = len(case.rows)
    config = PrivateConfig(
        warm_start=0.0, batch=rows, epochs=STEPS, least_steps=STEPS, seconds=math.inf
    )
    charges: list[Charge] = []

    def run(canary: bool) -> float:
        ledger = _ledger(privacy)
        vault = Vault({case.table.name: case.side(canary)}, ledger)
        seen = GradientEvidence(case.rows, case.canary, config.bound)
        train_private(vault, case.table, case.plan, rows, config, watch=seen)
        charges[:] = ledger.charges
        return seen.total

    run(False)
    return run, tuple(charges)


def perturb_run(case: Case, privacy: Privacy) -> tuple[Run, tuple[Charge, ...]]:
    """Return a run on a table of one row: the canary, or that real row which is the easiest told.

    Its one charge is pure.
    """
    relation = Neighbours("replace")
    left = Ledger(privacy.epsilon, privacy.delta, relation).epsilon_left()
    reader, _ = row_reader(case.table, left)
    ours, theirs = reader.grid.cells(case.canary)[0], reader.grid.cells(case.rows)
    laws = [np.log(m.probabilities()) for m in reader.mechanisms]
    apart = np.zeros(len(theirs))
    for k, law in enumerate(laws):
        apart += law[ours[k], ours[k]] - law[theirs[:, k], ours[k]]
    other = int(np.argmax(apart))
    sides = {True: case.canary, False: case.rows.take(np.array([other]))}

    def run(canary: bool) -> float:
        ledger = Ledger(privacy.epsilon, privacy.delta, relation)
        released = Vault({case.table.name: sides[canary]}, ledger).release(reader)[0]
        return float(
            sum(
                law[ours[k], released[k]] - law[theirs[other, k], released[k]]
                for k, law in enumerate(laws)
            )
        )

    return run, (reader.charge,)


_RUNS: Mapping[Mechanism, Callable[[Case, Privacy], tuple[Run, tuple[Charge, ...]]]] = {
    "marginals": marginals_run,
    "dp-sgd": sgd_run,
    "perturb": perturb_run,
}


def evidence(reader: Reader[Any], answer: Any, case: Case) -> float:
    """Return the log of how many times likelier an answer is with the canary than without.

    It is 0 for readers of other kinds than counts and choices of marginals.
    """
    if isinstance(reader, CountCells):
        return _of_count(reader, answer, case)
    if isinstance(reader, ChooseMarginal):
        scores = []
        for rows in (case.side(True), case.rows):
            cells = reader.grid.cells(rows)
            scores.append(reader.scores(partial(reader.grid.count, cells)))
        made = reader.mechanism
        tops = [made.epsilon / (2 * made.sensitivity) * s for s in scores]
        logs = [t[answer] - np.logaddexp.reduce(t) for t in tops]
        return float(logs[0] - logs[1])
    return 0.0


def _of_count(reader: CountCells, answer: Any, case: Case) -> float:
    at = reader.grid.cells(case.canary)
    cells = reader.grid.cells(case.rows)
    if reader.within is not None:
        column, cell = reader.within
        place = reader.grid.columns.index(column)
        if at[0, place] != cell:
            return 0.0
        cells = cells[cells[:, place] == cell]
    mine = tuple(at[0, reader.grid.columns.index(c)] for c in reader.columns)
    over = float(answer[mine] - reader.grid.count(cells, reader.columns)[mine])
    noise = reader.noise
    if isinstance(noise, DiscreteGaussian):
        return (over - 0.5) / noise.sigma**2
    if isinstance(noise, Geometric):
        return (abs(over) - abs(over - 1)) * noise.epsilon / noise.l1
    return 0.0


def _ledger(privacy: Privacy) -> Ledger:
    return Ledger(privacy.epsilon, privacy.delta)

"""The decoding modes: how rows are drawn, checked, thrown away or mended until enough are there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask, concat
from synthtab.choices import MODES, Mode
from synthtab.errors import InfeasibleError, UsageError
from synthtab.feedback import ROUNDS, Rewriter, Round, Talk
from synthtab.generate.drawn import Drawn
from synthtab.generate.guide import Guide, Level
from synthtab.ir import nodes
from synthtab.schema import Column, TextType
from synthtab.solver.plan import Plan
from synthtab.solver.repair import repair

RowProgress = Callable[[int, int], None]

# Where rows get lost a round draws a little more than is missing, so that few are needed.
SPARE = 1.02
# Rows drawn in a row that may bring nothing before the sampler gives up and says why.
PATIENCE = 10_000
# The same of rows that are talked about, which takes seconds a row.
TALK_PATIENCE = 100
# Rows in a round at most.
ROUND = 200_000
# Of rows thinned out by weights, this share is kept at least, at the price of truncated weights.
LEAST_KEPT = 0.02
# Drawing stops when fewer than this share of all rows drawn could be used.
LEAST_YIELD = 1e-4


class RowSource(Protocol):
    """What draws rows: a fitted generator, or one that knows the rules alone."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the rows drawn."""

    def draw(
        self, rows: int, *, level: Level = ..., guide: Guide | None = None, seed: int = 0
    ) -> Drawn:
        """Draw rows, obeying as ``level`` says; the same seed gives the same rows."""


@runtime_checkable
class Talking(Protocol):
    """A source of rows that writes a row again when it is told what is wrong with it."""

    def rewriter(self, columns: Sequence[Column], seed: int) -> Rewriter:
        """Return what writes rows of these columns again; its answers follow from the seed."""

    def copied(self, rows: Batch) -> Mask:
        """Say which rows (rows,) have a free text of a real one."""


@runtime_checkable
class Telling(Protocol):
    """A source of rows that can tell how likely it finds one, unless ``tells`` says otherwise."""

    @property
    def tells(self) -> bool:
        """Whether the rows it draws have a probability that it can compute."""

    def log_likelihood(self, rows: Batch) -> NDArray[np.float64]:
        """Return the log of the probability of each row (rows,), in nats, without any masks."""


def log_likelihood(source: RowSource, rows: Batch) -> NDArray[np.float64] | None:
    """Return how likely a source finds rows; None where it cannot tell."""
    return source.log_likelihood(rows) if isinstance(source, Telling) and source.tells else None


@dataclass(frozen=True)
class Method:
    """A mode taken apart.

    ``level`` is how rows are decoded; ``broken`` what is done about those that break rules: nothing
    (``keep``), ``redraw`` or ``mend`` them, or ``talk``: whoever wrote them is told why and writes
    them again, and those still broken are drawn anew; ``weighted`` whether importance weights thin
    them out.
    """

    level: Level
    broken: Literal["keep", "redraw", "mend", "talk"]
    weighted: bool = False


METHODS: dict[Mode, Method] = {
    "free": Method("free", "keep"),
    "reject": Method("free", "redraw"),
    "repair": Method("free", "mend"),
    "grammar": Method("grammar", "keep"),
    "grammar+repair": Method("grammar", "mend"),
    "solver": Method("solver", "mend"),
    "solver+weighted": Method("solver", "mend", weighted=True),
    "feedback": Method("grammar", "talk"),
}


@dataclass(frozen=True)
class Counts:
    """What became of every row drawn.

    ``drawn`` = ``returned`` + ``malformed`` (a cell that is no value of its type, or a dead end)
    + ``copied`` (a free text equal to a real one) + ``broken`` (thrown away for breaking a rule)
    + ``duplicates`` (a unique rule) + ``thinned`` (taken out by importance weights) + ``surplus``.
    ``mended`` rows, repaired or corrected in the ``talk``, are among those returned. ``clipped`` is
    the share of weights above the bound they were divided by; where it is 0 and no row was mended
    or copied, rows follow P(row | rules).
    ``divergence`` is how far masks alone take rows from that: the Kullback-Leibler divergence, in
    nats, of rows as they were decoded (before any were thinned out) from P(row | what masks
    enforce), estimated from their weights. It is 0 where nothing was masked.
    """

    asked: int
    returned: int
    drawn: int
    malformed: int
    copied: int
    broken: int
    duplicates: int
    thinned: int
    surplus: int
    mended: int
    clipped: float
    divergence: float
    seconds: float
    talk: tuple[Round, ...] = ()


def draw_rows(
    table: nodes.Table,
    generator: RowSource,
    plan: Plan,
    n: int,
    *,
    mode: Mode,
    seed: int,
    rounds: int | None = None,
    progress: RowProgress | None = None,
) -> tuple[Batch, Counts]:
    """Draw ``n`` rows of the generator's columns.

    In every mode but ``free`` and ``grammar`` no row breaks a row rule or a unique rule over those
    columns. In the mode ``feedback`` a row is written again at most ``rounds`` times (ROUNDS where
    None). Raises InfeasibleError, naming the rules in the way, where so many rows cannot be had;
    UsageError for an unknown mode, n < 1, ``rounds`` below 1 or in another mode, and where the mode
    is ``feedback`` and the generator is no language model.
    """
    if mode not in METHODS:
        raise UsageError(f"unknown mode {mode!r}; the modes are {', '.join(MODES)}")
    if n < 1:
        raise UsageError(f"cannot sample {n} rows; ask for at least 1")
    method = METHODS[mode]
    if method.broken == "talk" and not isinstance(generator, Talking):
        raise UsageError(
            f"in the mode 'feedback' a language model writes rows of table {table.name!r} again "
            "that break rules, and these are written by none: fit with a pretrained model, or use "
            "the mode 'repair' or 'solver'"
        )
    if rounds is not None and method.broken != "talk":
        raise UsageError(f"rounds of correction are held in the mode 'feedback', not in {mode!r}")
    loop = _Loop(table, generator, plan, method, n, seed, ROUNDS if rounds is None else rounds)
    started = time.perf_counter()
    while loop.missing:
        loop.round(progress)
        if progress is not None:
            progress(n - loop.missing, n)
    return loop.result(time.perf_counter() - started)


def _bound(log_weight: NDArray[np.float64]) -> float:
    """Return the logarithm of what weights are divided by.

    That is the largest of them, or the largest number by which a share of LEAST_KEPT is kept:
    weights above it are truncated (Ionides, "Truncated importance sampling", 2008).
    """
    high = float(log_weight.max())
    low = high - 700.0
    if np.exp(log_weight - high).mean() >= LEAST_KEPT:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        kept = np.exp(np.minimum(log_weight - middle, 0.0)).mean()
        low, high = (middle, high) if kept >= LEAST_KEPT else (low, middle)
    return low


class _Weights:
    """What the weights of rows drawn so far come to.

    Rows under masks have the law q(row) = P(row | rules) * Z / weight(row), where Z, the share of
    rows that keep the rules, is the mean weight under q. So KL(q, P) = log Z - mean log weight.
    """

    def __init__(self) -> None:
        self._rows, self._logs, self._log_sum = 0, 0.0, -math.inf
        self._masked = False

    def add(self, log_weight: NDArray[np.float64]) -> None:
        """Count the logarithms of some rows' weights."""
        if len(log_weight):
            self._rows += len(log_weight)
            self._masked |= bool(log_weight.any())
            self._logs += float(log_weight.sum())
            self._log_sum = float(np.logaddexp(self._log_sum, np.logaddexp.reduce(log_weight)))

    @property
    def divergence(self) -> float:
        """KL(q, P) in nats; 0 where no row was masked."""
        if not self._masked:
            return 0.0
        return max(0.0, self._log_sum - math.log(self._rows) - self._logs / self._rows)


class _Loop:
    """Rows gathered so far, and the tally of those that were not."""

    def __init__(
        self,
        table: nodes.Table,
        generator: RowSource,
        plan: Plan,
        method: Method,
        n: int,
        seed: int,
        rounds: int,
    ) -> None:
        columns = {c.name for c in generator.columns}
        self._table = nodes.Table(
            table.name,
            tuple(c for c in table.columns if c.name in columns),
            tuple(
                r
                for r in table.rules
                if r in table.row_rules or (r in table.unique_rules and set(r.columns) <= columns)
            ),
        )
        self._generator, self._plan, self._method, self._n = generator, plan, method, n
        self._backend = VectorBackend(self._table)
        self._seeds = np.random.SeedSequence(seed)
        self._rng = np.random.default_rng(self._seeds.spawn(1)[0])
        self._kept: list[Batch] = []
        self._have = 0
        self._tally = dict.fromkeys(
            ("drawn", "malformed", "copied", "broken", "duplicates", "thinned", "mended"), 0
        )
        self._blame = dict.fromkeys((r.name for r in self._table.rules), 0)
        self._barren = 0
        self._bound: float | None = None
        self._clipped = 0
        self._weights = _Weights()
        self._talk: Talk | None = None
        self._rounds = rounds
        self._held: list[Round] = []
        if method.broken == "talk" and isinstance(generator, Talking):
            writer = generator.rewriter(self._table.columns, seed)
            self._talk = Talk(self._table, writer, rounds=rounds)

    @property
    def missing(self) -> int:
        return max(0, self._n - self._have)

    def round(self, progress: RowProgress | None = None) -> None:
        """Draw about as many rows as are missing, and keep the good ones."""
        useful = self._have / self._tally["drawn"] if self._have else 1.0
        spare = SPARE if useful < 1 else 1.0
        most = max(4 * self._n + 64, 2 * self._barren)
        want = min(math.ceil(self.missing / max(useful, LEAST_YIELD) * spare), most, ROUND)
        seed = int(self._seeds.spawn(1)[0].generate_state(1)[0])
        drawn = self._generator.draw(want, level=self._method.level, guide=self._plan, seed=seed)
        self._tally["drawn"] += want
        batch = self._clean(drawn)
        if self._method.broken != "keep":
            batch = self._distinct(self._lawful(batch, progress))
        self._barren = 0 if len(batch) else self._barren + want
        self._kept.append(batch)
        self._have += len(batch)
        if self.missing and (
            self._barren >= (PATIENCE if self._talk is None else TALK_PATIENCE)
            or (self._tally["drawn"] > 100_000 and self._have < LEAST_YIELD * self._tally["drawn"])
        ):
            raise InfeasibleError(self._why())

    def _clean(self, drawn: Drawn) -> Batch:
        """Take out rows that cannot be used whatever the rules say, then thin by weight."""
        copied = drawn.copied & ~drawn.malformed
        self._tally["malformed"] += int(drawn.malformed.sum())
        self._tally["copied"] += int(copied.sum())
        usable = ~(drawn.malformed | copied)
        self._weights.add(drawn.log_weight[usable])
        if self._method.weighted:
            accepted = self._accept(drawn, usable)
            self._tally["thinned"] += int((usable & ~accepted).sum())
            usable &= accepted
        return drawn.batch.take(usable)

    def _accept(self, drawn: Drawn, usable: Mask) -> Mask:
        """Keep a row with probability weight / bound (rejection by importance weight).

        Masking draws a row with probability q(row) = P(row) / weight, so that rows kept with
        probability proportional to their weight follow P(row | rules). The bound is 1, the largest
        weight there can be, where that is affordable; else the largest weight of the first round,
        or less where a few weights are so large that hardly a row would be kept.
        """
        # In logarithms: the weights of rows of many columns may all be too small for a float.
        weight = drawn.log_weight
        if self._bound is None:
            own = weight[usable]
            affordable = len(own) == 0 or np.exp(own).mean() >= 0.25
            self._bound = 0.0 if affordable else _bound(own)
        self._clipped += int((weight[usable] > self._bound).sum())
        return self._rng.random(len(weight)) < np.exp(np.minimum(weight - self._bound, 0.0))

    def _lawful(self, batch: Batch, progress: RowProgress | None) -> Batch:
        violated = self._backend.violated(batch)
        outside = self._backend.out_of_domain(batch)
        bad = np.asarray(violated.any(axis=1) | outside.any(axis=1))
        if not bad.any():
            return batch
        for rule, count in zip(self._table.row_rules, violated.sum(axis=0), strict=True):
            self._blame[rule.name] += int(count)
        if self._method.broken == "redraw":
            self._tally["broken"] += int(bad.sum())
            return batch.take(~bad)
        if self._talk is not None:
            return self._corrected(self._talk, batch, bad, progress)
        mended = repair(self._table, batch, rng=self._rng, domains=self._plan.domains)
        self._tally["broken"] += int(mended.failed.sum())
        self._tally["mended"] += int((bad & ~mended.failed).sum())
        return mended.batch.take(~mended.failed)

    def _corrected(
        self, talk: Talk, batch: Batch, bad: Mask, progress: RowProgress | None
    ) -> Batch:
        """Return rows after talk about those that are bad, without those it left so."""
        assert isinstance(self._generator, Talking)
        broken, sound = batch.take(bad), batch.take(~bad)
        have = self._have + len(sound)

        def told(done: int, total: int) -> None:
            del total  # grows with each round
            if progress is not None:
                progress(min(self._n, have + done // self._rounds), self._n)

        made = talk.correct(broken, told)
        self._held += made.rounds
        copied = made.valid & self._generator.copied(made.batch)
        good = made.valid & ~copied
        self._tally["copied"] += int(copied.sum())
        self._tally["broken"] += int((~made.valid).sum())
        self._tally["mended"] += int(good.sum())
        return self._pile([sound, made.batch.select(batch.columns).take(good)])

    def _distinct(self, batch: Batch) -> Batch:
        """Drop rows whose key was drawn before, in this round or an earlier one."""
        for rule in self._table.unique_rules:
            pile = self._pile([*self._kept, batch])
            repeated = self._backend.duplicates(pile, rule)[len(pile) - len(batch) :]
            self._tally["duplicates"] += int(repeated.sum())
            self._blame[rule.name] += int(repeated.sum())
            batch = batch.take(~repeated)
        return batch

    def _pile(self, batches: Sequence[Batch]) -> Batch:
        return concat(
            batches, [c.name for c in self._table.columns if isinstance(c.type, TextType)]
        )

    def _why(self) -> str:
        blamed = sorted(((c, r) for r, c in self._blame.items() if c), reverse=True)
        rules = ", ".join(f"{name} ({count:,} rows)" for count, name in blamed[:5])
        tally = ", ".join(f"{v:,} {k}" for k, v in self._tally.items() if v and k != "mended")
        found = (
            f"asked for {self._n:,} rows of table {self._table.name!r} and found only "
            f"{self._have:,} ({tally})"
        )
        free = self._method.level == "free"
        if free and not rules and 2 * self._tally["malformed"] > self._tally["drawn"]:
            return (
                f"{found}; what is written freely is hardly ever a row: take a mode that decodes "
                "under the grammar or the rules (grammar+repair, solver)"
            )
        return (
            found
            + (f"; rules in the way: {rules}" if rules else "")
            + "; ask for fewer rows, loosen the rules, or widen the domains of their columns"
        )

    def result(self, seconds: float) -> tuple[Batch, Counts]:
        rows = self._pile(self._kept)
        surplus = len(rows) - self._n
        # Rows come sorted by what they begin with: taking the first ones would favour some.
        rows = rows.take(self._rng.permutation(len(rows))[: self._n])
        weighed = self._tally["drawn"] - self._tally["malformed"] - self._tally["copied"]
        return rows, Counts(
            asked=self._n,
            returned=len(rows),
            surplus=surplus,
            clipped=self._clipped / max(1, weighed),
            divergence=self._weights.divergence,
            seconds=seconds,
            talk=tuple(self._held),
            **self._tally,
        )

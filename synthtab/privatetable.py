"""One table learned under a privacy budget: real rows into a vault, noise, then rows as ever."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from synthtab.affordable import check
from synthtab.batch import Batch
from synthtab.choices import Mode, Violations
from synthtab.draw import Counts, RowProgress, RowSource
from synthtab.errors import BudgetError, SavedModelError, UsageError
from synthtab.generate.generator import GeneratorConfig, RowGenerator
from synthtab.generate.language.learning import Subject
from synthtab.generate.language.settings import Pretrained
from synthtab.generate.train import Progress, ProgressHook
from synthtab.generate.uniform import UniformGenerator
from synthtab.ir import nodes
from synthtab.keys import Draws, free_keys
from synthtab.keys import Sequence as Numbers
from synthtab.lang.model import Model
from synthtab.learners import Kept, kind_of, read_generator
from synthtab.onetable import OneTable
from synthtab.privacy.completed import Completed
from synthtab.privacy.domains import complete, refuse_undeclared
from synthtab.privacy.dpsgd import train_private
from synthtab.privacy.graphical import GraphicalGenerator
from synthtab.privacy.intake import count_outcomes, outcomes_of, take_in
from synthtab.privacy.learned import PrivateReport
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.mechanisms import count_noise, refuse_seed
from synthtab.privacy.perturb import perturb_rows
from synthtab.privacy.restored import RestoredGenerator
from synthtab.privacy.settings import Privacy, refuse_violations
from synthtab.privacy.vault import Vault
from synthtab.refine.targets import Lessons, of_estimate
from synthtab.schema import Column, TextType, domain
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan
from synthtab.sources import Rows
from synthtab.store import read_manifest, save_directory

Saved = Kept | GraphicalGenerator | RestoredGenerator
COUNTING = 0.01
"""The share of the budget for the number of rows, and of rows outside what is declared."""
DOMAINS = 0.1
"""The share of what is then left for ranges and categories that are not declared."""
TOLD = 4.0
"""A number of rows counts as known when it is so many standard deviations of its noise."""
LEAST_LEARNED, MOST_LEARNED = 20_000, 100_000
"""The network is trained on four times as many rows of the estimate as there are, within these."""


class PrivateTable(OneTable):
    """Learns one table under a privacy budget, and writes rows that satisfy its rules.

    The rules are public: they are enforced as ever, and cost nothing. A pretrained model
    (``generator``) is told of, and tuned on, rows drawn from measured marginals, and sees no real
    ones; other mechanisms refuse it.
    """

    def __init__(
        self,
        model: Model,
        privacy: Privacy,
        *,
        config: GeneratorConfig | None = None,
        generator: Pretrained | None = None,
        solver_budget_s: float = 10.0,
    ) -> None:
        check(privacy, generator, config or GeneratorConfig())
        super().__init__(model, config=config, generator=generator, solver_budget_s=solver_budget_s)
        self.privacy = privacy
        self.private: PrivateReport | None = None
        self._completed: Completed | None = None
        self._estimate: GraphicalGenerator | None = None

    @property
    def default_mode(self) -> Mode:
        """The mode in which rows are drawn where none is given: weighted, where weights mean it."""
        return "solver" if self._noisy else "solver+weighted"

    @property
    def _noisy(self) -> bool:
        """Whether rows are drawn by noisy training.

        Columns that rules compute were not trained on, and would spoil the weights of rows.
        """
        alone = isinstance(self._generator, UniformGenerator)
        return self.privacy.mechanism == "dp-sgd" and not alone

    def fit(
        self,
        data: Rows,
        *,
        violations: Violations = "drop",
        seed: int | None = None,
        progress: ProgressHook | None = None,
    ) -> PrivateTable:
        """Learn from real rows under the budget; return self.

        Rows that break a rule about single rows are left out, one by one: ``violations`` can be
        nothing else than ``drop``. Raises UsageError for a seed, and for columns whose domains are
        neither declared nor to be estimated; BudgetError where the budget says nothing of so few
        rows; DataError where the data do not fit, without a word on which values do not.
        """
        refuse_seed(seed)
        refuse_violations(violations)
        started = time.perf_counter()
        table, privacy = self._hard_table, self.privacy
        sequences, draws = free_keys(table)
        apart = _apart(sequences, draws)
        if privacy.domains == "refuse":
            refuse_undeclared(table, apart)
        ledger = Ledger(privacy.epsilon, privacy.delta, privacy.relation())
        taken = take_in(table, data, privacy.outside)
        vault = Vault({table.name: taken.rows, outcomes_of(table.name): taken.outcomes}, ledger)
        del taken, data  # from here on, readers alone see real rows
        noise = count_noise(ledger.purse().share(COUNTING), ledger.neighbours)
        as_is, moved, left_out = (int(n) for n in count_outcomes(vault, table.name, noise))
        rows = as_is + moved
        _enough(table.name, rows, noise.spread)
        share = ledger.purse().share(DOMAINS)
        completed = complete(vault, table, privacy.domains, share, leave_out=apart)
        if not completed.table.columns:
            raise UsageError(
                f"nothing of table `{table.name}` can be learned under a privacy budget: its "
                "columns are keys or texts that too many rows have for themselves"
            )
        self._plan = _plan(table, completed, self._budget)
        self._generator = self._learned(vault, completed, rows, progress)
        self._sequences, self._draws, self._kept = sequences, draws, table
        self._completed = completed
        self.private = PrivateReport(
            table=table.name,
            rows=rows,
            moved=moved,
            left_out=left_out,
            spread=noise.spread,
            estimated=completed.in_words(),
            privacy=privacy,
            ledger=ledger,
            seconds=time.perf_counter() - started,
        )
        return self

    def _learned(
        self, vault: Vault, completed: Completed, rows: float, progress: ProgressHook | None
    ) -> Saved:
        """Return what draws rows, with the rest of the budget spent on it."""
        plan = compile_plan(completed.table, budget_s=self._budget)
        how = self.privacy.mechanism
        if how == "dp-sgd":
            held = replace(completed.table, name=completed.rows)
            trained = train_private(vault, held, plan, round(rows), progress=progress)
            return _restored(trained, plan, completed)
        rng = np.random.default_rng()
        # What is drawn here is no longer private.
        if how == "perturb":
            batch = perturb_rows(vault, completed.table, rows=completed.rows).batch
        else:
            drawing = self._marginals(vault, completed, plan, rows, progress)
            self._estimate = drawing
            if self.privacy.generator == "graphical":
                return _restored(drawing, plan, completed)
            many = int(np.clip(4 * rows, LEAST_LEARNED, MOST_LEARNED))
            drawn = drawing.draw(many, guide=plan, seed=secrets.randbits(32))
            batch = drawn.batch.take(~drawn.dead)
        assert self._plan is not None
        names = set(completed.learned)
        subject = Subject(
            self._hard_table,
            tuple(completed.original.column(n) for n in completed.learned),
            tuple(c for c in self._plan.order if c in names),
            {c: self._plan.domains[c] for c in names},
            completed.restore(batch, rng),
            self.model.source,
            budgeted=True,
        )
        return self._learner.learn(subject, seed=secrets.randbits(32), progress=progress).generator

    def _marginals(
        self,
        vault: Vault,
        completed: Completed,
        plan: Plan,
        rows: float,
        progress: ProgressHook | None,
    ) -> GraphicalGenerator:
        from synthtab.privacy.marginals import learn_marginals  # mbi and jax, an extra

        return learn_marginals(
            vault,
            completed.table,
            completed.rows,
            plan.order,
            rows,
            zeros=self.privacy.structural_zeros,
            solver_s=2 * self._budget,
            progress=_told(progress),
        )

    def draw(
        self,
        n: int,
        *,
        mode: Mode,
        seed: int,
        source: RowSource | None = None,
        rounds: int | None = None,
        progress: RowProgress | None = None,
    ) -> tuple[Batch, Counts]:
        """Draw ``n`` rows of the generator's columns; reads no real ones."""
        if mode == "solver+weighted" and self._noisy:
            raise UsageError(
                "the mode 'solver+weighted' thins out rows by weights, which noisy training leaves "
                "without meaning where rules compute a column; the mode for dp-sgd is 'solver'"
            )
        return super().draw(
            n, mode=mode, seed=seed, source=source, rounds=rounds, progress=progress
        )

    def lessons(self, data: Rows | None, seed: int) -> Lessons:
        """Return what refinement aims at: marginals of the estimate, and rows drawn from it.

        The estimate is made of released measurements alone, so that nothing is charged. Raises
        UsageError for data, whose looks would not be, and where no marginals were measured.
        """
        if data is not None:
            raise UsageError(
                "under a privacy budget rows are refined by the marginals that it has paid for; "
                "a look at real rows now would be charged to no budget: give no data"
            )
        generator, _ = self._fitted()
        if self._estimate is None or self._completed is None:
            raise UsageError(
                f"this model has no measured marginals to be refined by (mechanism "
                f"{self.privacy.mechanism!r}): fit with the mechanism 'marginals'"
            )
        chain, completed = self._estimate.chain, self._completed
        practice = None
        if isinstance(generator, RowGenerator):
            plan = compile_plan(completed.table, budget_s=self._budget)
            drawn = self._estimate.draw(LEAST_LEARNED, guide=plan, seed=seed)
            rng = np.random.default_rng(np.random.SeedSequence([seed, 11]))
            practice = completed.restore(drawn.batch.take(~drawn.dead), rng)
        targets = of_estimate(chain, completed.moved, seed)
        return Lessons(targets, practice, "the marginals of the estimate", budgeted=True)

    def with_model(self, model: Model) -> OneTable:
        """Return a copy that decodes under other rules over the same columns: no new training."""
        copy = super().with_model(model)
        copy._weightless = self._noisy
        return copy

    def rows_at(self, scale: float | Mapping[str, int]) -> int:
        """Return how many rows a scale asks for: a multiple of the noisy number, or a number."""
        if isinstance(scale, Mapping):
            return super().rows_at(scale)
        if not scale > 0:
            raise UsageError(f"the scale {scale} is not above 0; 1.0 gives as many rows as learned")
        self._fitted()
        assert self.private is not None
        return max(1, round(self.private.rows * scale))

    # Saving.

    def save(self, path: str | Path) -> None:
        """Save to a directory (JSON and safetensors), with the ledger."""
        generator, plan = self._fitted()
        assert self.private is not None
        assert self._completed is not None
        assert isinstance(generator, Saved)
        inner = generator.inner if isinstance(generator, RestoredGenerator) else generator

        def write(folder: Path) -> None:
            (folder / "model.rules").write_text(self.model.to_text(), encoding="utf-8")
            generator.save(folder)
            if self._estimate is not None and self._estimate is not inner:
                self._estimate.save(folder)

        facts = {
            "kind": "private",
            "order": list(plan.order),
            "graphical": isinstance(inner, GraphicalGenerator),
            "generator": kind_of(inner),
            "estimate": self._estimate is not None,
            "restored": list(generator.plan.order)
            if isinstance(generator, RestoredGenerator)
            else None,
            "completed": self._completed.to_dict(),
            "private": self.private.to_dict(),
        }
        save_directory(path, facts, write)

    @classmethod
    def load(cls, path: str | Path) -> PrivateTable:
        """Load a saved model; SavedModelError says what is wrong where it cannot be."""
        facts, folder = read_manifest(path), Path(path)
        try:
            report = PrivateReport.from_dict(facts["private"])
            loaded = cls(Model.load(folder / "model.rules"), report.privacy)
            table = loaded._hard_table
            completed = Completed.from_dict(table, facts["completed"])
            order, graphical, restored = facts["order"], facts["graphical"], facts["restored"]
        except (KeyError, TypeError) as error:
            raise SavedModelError(f"{folder}: the manifest lacks or garbles {error}") from error
        loaded._sequences, loaded._draws = free_keys(table)
        loaded._plan = _plan(table, completed, loaded._budget, order)
        if restored is None and not graphical:
            loaded._generator = read_generator(folder, facts)
        else:
            names = completed.table.column_names
            plan = compile_plan(completed.table, order=restored or [c for c in order if c in names])
            columns = completed.table.columns
            inner = (
                GraphicalGenerator.load(folder, columns) if graphical else RowGenerator.load(folder)
            )
            loaded._generator = _restored(inner, plan, completed)
        if facts.get("estimate"):  # a model saved before there was refinement does not tell
            loaded._estimate = GraphicalGenerator.load(folder, completed.table.columns)
        loaded.private, loaded._kept, loaded._completed = report, table, completed
        return loaded


def _apart(sequences: Sequence[Numbers], draws: Sequence[Draws]) -> set[str]:
    """Return the columns that are made up when rows are sampled, whatever the real ones hold."""
    return {s.column for s in sequences} | {c.name for d in draws for c in d.columns}


def _plan(
    table: nodes.Table, completed: Completed, budget_s: float, order: Sequence[str] | None = None
) -> Plan:
    """Return the Plan of the table as declared, within the ranges that became known."""
    known = {c.name: domain(c) for c in completed.table.columns}
    domains = {c.name: known[c.name] for c in table.columns if _ranged(c, known)}
    return compile_plan(table, domains=domains, order=order, budget_s=budget_s)


def _ranged(column: Column, known: Mapping[str, tuple[int, int]]) -> bool:
    return column.name in known and not isinstance(column.type, TextType)


def _restored(inner: RowGenerator | GraphicalGenerator, plan: Plan, completed: Completed) -> Saved:
    """Return a generator of the declared columns: the inner one, where these are its own."""
    same = completed.table.columns == tuple(completed.original.column(n) for n in completed.learned)
    return inner if same else RestoredGenerator(inner, plan, completed)


def _enough(table: str, rows: int, spread: float) -> None:
    """Raise BudgetError where a noisy number of rows, the sum of two counts, tells nothing."""
    give = math.sqrt(2) * spread
    if rows < TOLD * give:
        raise BudgetError(
            f"the budget is too small for any answer: the number of rows of table `{table}` came "
            f"out as {rows:,} with a standard deviation of {give:,.0f}, which cannot be told from "
            "none; raise epsilon, or learn from more rows"
        )


def _told(progress: ProgressHook | None) -> Any:
    """Return what the measuring of marginals tells, as far as a bar can show it."""
    if progress is None:
        return None
    started = time.monotonic()

    def told(share: float, _what: str) -> None:
        spent = time.monotonic() - started
        left = spent * (1 - share) / share if share > 0 else float("nan")
        progress(Progress(round(1000 * share), 1000, float("nan"), left, "measuring"))

    return told

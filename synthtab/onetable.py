"""One table whose rules are about single rows and keys: fit, sample, save and load. Wiring only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from synthtab.assess.compliance import valid_rows
from synthtab.batch import Batch, beside
from synthtab.choices import Mode, Violations
from synthtab.draw import Counts, RowProgress, RowSource, draw_rows
from synthtab.errors import DataError, SavedModelError, UsageError
from synthtab.frames import decode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.language.learning import Subject
from synthtab.generate.language.settings import Pretrained
from synthtab.generate.train import ProgressHook
from synthtab.generate.uniform import UniformGenerator
from synthtab.ir import nodes
from synthtab.keyed import keyed
from synthtab.keys import Draws, Sequence, free_keys, surrogate_keys
from synthtab.lang.model import Model
from synthtab.learnable import enforced, lawful, seen, soft_as_hard, writable
from synthtab.learners import FromPretrained, Kept, kind_of, learner, read_generator
from synthtab.outcomes import FitReport, Sample
from synthtab.refine.targets import Lessons, of_rows
from synthtab.schema import Column, TextType
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan
from synthtab.sources import Rows, read_rows
from synthtab.store import read_manifest, save_directory


class OneTable:
    """Learns one table and writes rows like it that satisfy its rules.

    ``generator`` names a pretrained model to learn with; without one, ``config`` is that of a small
    network of the table's own. Without data, :meth:`rules_only` takes the place of :meth:`fit`.
    """

    def __init__(
        self,
        model: Model,
        *,
        config: GeneratorConfig | None = None,
        generator: Pretrained | None = None,
        solver_budget_s: float = 10.0,
    ) -> None:
        self.model = model
        self.table = model.table()
        self._hard_table = enforced(self.table)
        self._config = config or GeneratorConfig()
        self._learner = learner(generator, self._config)
        self._budget = solver_budget_s
        self._generator: RowSource | None = None
        self._plan: Plan | None = None
        self._sequences: tuple[Sequence, ...] = ()
        self._draws: tuple[Draws, ...] = ()
        # The rules that rows are made to keep.
        self._kept = self._hard_table
        # Whether weights would mislead: what was learned kept the rules that new rows are made to
        # keep, or was learned with noise.
        self._weightless = False
        self.report: FitReport | None = None

    @property
    def default_mode(self) -> Mode:
        """The mode in which rows are drawn where none is given.

        Rows learned keep the rules: masks undo slips, and weights would make rare what slips hit.
        Of rules alone, or rules that came later, P(row | rules) is wanted, which takes weights.
        """
        return "solver" if self._weightless else "solver+weighted"

    def fit(
        self,
        data: Rows,
        *,
        violations: Violations = "error",
        seed: int = 0,
        progress: ProgressHook | None = None,
    ) -> OneTable:
        """Learn from a DataFrame, a CSV or Parquet file, or a database's URL; return self.

        Real rows that break rules are an error, are dropped, or are repaired first, as
        ``violations`` says; :attr:`report` counts them by rule. ``progress`` is told how far
        training is.

        Raises DataError where the data do not fit the columns, RuleViolationError as above,
        InfeasibleError where the rules contradict each other, and UsageError where the table has
        rules across rows or tables, which rows cannot be made to keep yet.
        """
        if violations not in ("error", "drop", "repair"):
            raise UsageError(f"violations={violations!r}; it is 'error', 'drop' or 'repair'")
        whole = self._read(data)
        batch, broken, cells = lawful(self._hard_table, whole, violations, seed)
        subject, plan, sequences = self._subject(batch)
        learned = self._learner.learn(subject, seed=seed, progress=progress)
        self._generator, self._plan, self._sequences = learned.generator, plan, sequences
        self._draws, self._kept, self._weightless = (), self._hard_table, True
        self.report = FitReport(
            *(len(whole), len(batch), broken, violations, cells, seed),
            trained=learned.trained,
            prompt=learned.prompt,
            real_rows=learned.real_rows,
        )
        return self

    def subject(self, data: Rows | None, *, violations: Violations = "error") -> Subject:
        """Return what :meth:`fit` would tell a language model of; without data, of the rules."""
        if data is None:
            plan = compile_plan(self._hard_table, budget_s=self._budget)
            columns = self.table.columns
            order = tuple(c for c in plan.order if c in self.table.column_names)
            return Subject(self._hard_table, columns, order, plan.domains, source=self.model.source)
        batch, _, _ = lawful(self._hard_table, self._read(data), violations, 0)
        return self._subject(batch)[0]

    def _read(self, data: Rows) -> Batch:
        """Return real rows, at least one."""
        whole = read_rows(self.table.name, self.table.columns, data)
        if len(whole) == 0:
            raise DataError(f"there are no rows to learn table {self.table.name!r} from")
        return whole

    def _subject(self, batch: Batch) -> tuple[Subject, Plan, tuple[Sequence, ...]]:
        """Return what is to be learned of lawful rows, their Plan, and keys that are numbers."""
        sequences = surrogate_keys(self._hard_table, batch)
        learned = [c for c in self.table.columns if c.name not in {s.column for s in sequences}]
        domains, sizes = seen(self.table, batch)
        plan = compile_plan(self._hard_table, domains=domains, sizes=sizes, budget_s=self._budget)
        names = [c.name for c in learned]
        subject = Subject(
            self._hard_table,
            tuple(learned),
            tuple(c for c in plan.order if c in names),
            {c: plan.domains[c] for c in names},
            batch.select(names),
            self.model.source,
        )
        return subject, plan, sequences

    def rules_only(self) -> OneTable:
        """Make rows of the rules and hints alone, without data; return self.

        Keys that nothing else speaks of are numbered, or drawn without a repeat. Soft rules about
        single rows are kept by every row where a Plan is exact about all of them. Raises
        InfeasibleError where the hard rules contradict each other, UsageError where a pretrained
        model was to write the rows.
        """
        if isinstance(self._learner, FromPretrained):
            raise UsageError(
                "rows made of rules alone are drawn evenly, not by a pretrained model; call fit() "
                "with a few rows, with epochs=0 if nothing is to be trained"
            )
        table, plan = soft_as_hard(self.table, self._hard_table, self._budget)
        sequences, draws = free_keys(table)
        apart = {s.column for s in sequences} | {c.name for d in draws for c in d.columns}
        columns = tuple(c for c in table.columns if c.name not in apart)
        rules = [r for r in table.unique_rules if not apart & set(r.columns)]
        self._generator = UniformGenerator(
            replace(table, columns=columns, rules=(*table.row_rules, *rules)),
            plan.domains,
            tuple(c for c in plan.order if c not in apart),
        )
        self._plan, self._sequences, self._draws, self._kept = plan, sequences, draws, table
        self.report, self._weightless = None, False
        return self

    def sample(
        self,
        n: int,
        *,
        mode: Mode | None = None,
        seed: int | None = None,
        rounds: int | None = None,
        progress: RowProgress | None = None,
    ) -> pd.DataFrame:
        """Return ``n`` synthetic rows; see :meth:`sample_report` for what became of rows drawn.

        Without a ``seed`` every call gives other rows. In every mode but ``free`` and ``grammar``
        no row breaks a rule. ``rounds`` is how often a row is written again in the mode
        ``feedback``, at most (3 where None). Raises InfeasibleError, naming the rules, where ``n``
        rows cannot be had, and UsageError as :func:`draw_rows`.
        """
        return self.sample_report(n, mode=mode, seed=seed, rounds=rounds, progress=progress).frame

    def sample_report(
        self,
        n: int,
        *,
        mode: Mode | None = None,
        seed: int | None = None,
        rounds: int | None = None,
        progress: RowProgress | None = None,
    ) -> Sample:
        """Return ``n`` synthetic rows with the counts behind them, as :meth:`sample`."""
        chosen = secrets.randbits(32) if seed is None else seed
        keys = self._keys(n, chosen) if n > 0 else []
        how = mode or self.default_mode
        batch, counts = self.draw(n, mode=how, seed=chosen, rounds=rounds, progress=progress)
        return Sample(self._beside(batch, keys), how, chosen, counts)

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
        """Draw ``n`` rows of the generator's columns, lacking keys that are made up.

        ``source`` takes the place of what was learned, with the same columns. Raises as
        :meth:`sample`.
        """
        generator, plan = self._source(n, seed)
        return draw_rows(
            self._kept,
            source or generator,
            plan,
            n,
            mode=mode,
            seed=seed,
            rounds=rounds,
            progress=progress,
        )

    def finished(self, batch: Batch, seed: int) -> pd.DataFrame:
        """Return rows of the generator's columns as the table's, with keys for each of them."""
        return self._beside(batch, self._keys(len(batch), seed))

    def _beside(self, batch: Batch, keys: list[Batch]) -> pd.DataFrame:
        texts = [c.name for c in self.table.columns if isinstance(c.type, TextType)]
        whole = beside([batch, *keys], texts)
        return decode_frame(self.table.columns, whole.select(self.table.column_names))

    def lessons(self, data: Rows | None, seed: int) -> Lessons:
        """Return what refinement aims at: the marginals of real rows, which are learned from too.

        Rows that break rules, or hold what the model cannot write, are left out and counted. Raises
        UsageError where there are no data or nothing was learned, DataError where they do not fit.
        """
        del seed  # nothing is drawn
        generator, plan = self._fitted()
        if isinstance(generator, UniformGenerator):
            raise UsageError(
                "refinement corrects what was learned from data, and these rows are made of rules "
                "alone: call fit() first"
            )
        if self.report is None:  # a copy, under other rules, of what a budget was spent on
            raise UsageError(
                "this was learned under a privacy budget; a look at real rows now would be charged "
                "to no budget: refine with the rules that it was fitted with, and without data"
            )
        if data is None:
            raise UsageError(
                "refinement compares with real rows: give those that the model was fitted on"
            )
        real = read_rows(self.table.name, self.table.columns, data)
        good = valid_rows(self._hard_table, real) & writable(generator.columns, plan.domains, real)
        if not good.any():
            raise DataError(
                f"none of the {len(real):,} real rows keeps the rules and lies in the ranges that "
                "were learned; give the rows that the model was fitted on"
            )
        used = real.take(good).select([c.name for c in generator.columns])
        targets = of_rows(generator.columns, used)
        return Lessons(targets, used, f"{len(used):,} real rows", len(real) - len(used))

    def rows_at(self, scale: float | Mapping[str, int]) -> int:
        """Return how many rows a scale asks for: a multiple of those learned, or a number."""
        if isinstance(scale, Mapping):
            unknown = [n for n in scale if n != self.table.name]
            if unknown:
                raise UsageError(
                    f"there is no table `{unknown[0]}`; the model has `{self.table.name}`"
                )
            return scale[self.table.name] if scale else self.rows_at(1.0)
        if not scale > 0:
            raise UsageError(f"the scale {scale} is not above 0; 1.0 gives as many rows as learned")
        self._fitted()
        assert self.report is not None
        return max(1, round(self.report.rows_used * scale))

    def _source(self, n: int, seed: int) -> tuple[RowSource, Plan]:
        """Return what draws ``n`` rows, and the Plan it is to keep to."""
        generator, plan = self._fitted()
        if not isinstance(generator, UniformGenerator):
            return generator, plan
        random = _random(seed, 1)
        dense = keyed(self._kept, generator, n, random, budget_s=self._budget)
        return (generator, plan) if dense is None else dense

    def _keys(self, n: int, seed: int) -> list[Batch]:
        """Return the columns that are not the generator's, in batches of ``n`` rows."""
        random = _random(seed, 0)
        return [s.batch(n) for s in self._sequences] + [d.batch(n, random) for d in self._draws]

    @property
    def generator(self) -> RowSource:
        """What draws rows, before they are checked: what was learned, or the rules alone."""
        return self._fitted()[0]

    @property
    def config(self) -> GeneratorConfig:
        """The network's shape and how it is trained."""
        return self._config

    @property
    def unenforced(self) -> tuple[str, ...]:
        """The soft rules by name: learned like everything else, not enforced."""
        kept = {r.name for r in self._kept.rules}
        return tuple(r.name for r in self.table.table_rules if r.name not in kept)

    @property
    def plan(self) -> Plan:
        """The compiled rules the model decodes under."""
        return self._fitted()[1]

    def with_model(self, model: Model) -> OneTable:
        """Return a copy that decodes under other rules over the same columns: no new training."""
        generator, plan = self._fitted()
        table = model.table()
        if _without_hints(table) != _without_hints(self.table):
            raise UsageError(
                "the columns of the new rules differ from those the model was trained on; "
                "rules may change after training, columns may not"
            )
        copy = OneTable(model, config=self._config, solver_budget_s=self._budget)
        if isinstance(generator, UniformGenerator):
            return copy.rules_only()
        copy._generator, copy.report = generator, self.report
        copy._sequences, copy._draws = self._sequences, self._draws
        copy._plan = compile_plan(
            copy._hard_table, domains=plan.domains, order=plan.order, budget_s=self._budget
        )
        return copy

    # Saving.

    def save(self, path: str | Path) -> None:
        """Save to a directory (JSON and safetensors), replacing a model that is there."""
        generator, plan = self._fitted()
        if self.report is None or not isinstance(generator, Kept):
            raise UsageError(
                "rows made of rules alone, or by other rules than a budget was spent under, need "
                "no saved model: keep the rules (Model.to_text) and call rules_only() or "
                "with_model() again"
            )

        def write(folder: Path) -> None:
            (folder / "model.rules").write_text(self.model.to_text(), encoding="utf-8")
            generator.save(folder)

        facts = {
            "order": list(plan.order),
            "domains": {c: list(v) for c, v in plan.domains.items()},
            "sequences": [asdict(s) for s in self._sequences],
            "report": asdict(self.report),
            "generator": kind_of(generator),
            "mode": self.default_mode,
        }
        save_directory(path, facts, write)

    @classmethod
    def load(cls, path: str | Path) -> OneTable:
        """Load a saved model; SavedModelError says what is wrong where it cannot be."""
        facts = read_manifest(path)
        folder = Path(path)
        loaded = cls(Model.load(folder / "model.rules"))
        loaded._weightless = facts.get("mode", "solver") == "solver"
        try:
            loaded._sequences = tuple(Sequence(**s) for s in facts["sequences"])
            loaded._plan = compile_plan(
                loaded.table,
                domains={c: (lo, hi) for c, (lo, hi) in facts["domains"].items()},
                order=facts["order"],
            )
            loaded.report = FitReport.from_json(facts["report"])
        except (KeyError, TypeError, ValueError) as error:
            raise SavedModelError(f"{folder}: the manifest lacks or garbles {error}") from error
        loaded._generator = read_generator(folder, facts)
        return loaded

    def _fitted(self) -> tuple[RowSource, Plan]:
        if self._generator is None or self._plan is None:
            raise UsageError(
                "this Synthesizer has learned nothing yet: call fit() or load(), or rules_only() "
                "for rows without data"
            )
        return self._generator, self._plan


def _random(seed: int, purpose: int) -> np.random.Generator:
    """Return random numbers of their own for a purpose, apart from those that draw rows."""
    return np.random.default_rng(np.random.SeedSequence([seed, purpose]))


def _without_hints(table: nodes.Table) -> tuple[Column, ...]:
    return tuple(replace(c, hint=None) for c in table.columns)

"""One table learned under a privacy budget: real rows into a vault, noise, then rows as ever."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from synthtab.errors import BudgetError, SavedModelError, UsageError
from synthtab.generate.generator import GeneratorConfig, RowGenerator
from synthtab.generate.train import Progress, ProgressHook
from synthtab.ir import nodes
from synthtab.keys import free_keys
from synthtab.lang.model import Model
from synthtab.onetable import OneTable, Violations
from synthtab.privacy.graphical import GraphicalGenerator
from synthtab.privacy.intake import count_outcomes, outcomes_of, take_in
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.mechanisms import count_noise, refuse_seed
from synthtab.privacy.settings import Privacy
from synthtab.privacy.statement import statement
from synthtab.privacy.vault import Vault
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan
from synthtab.sources import Rows
from synthtab.store import read_manifest, save_directory

COUNTING = 0.01
"""The share of the budget for the number of rows, and of rows outside what is declared."""
TOLD = 4.0
"""A number of rows counts as known when it is so many standard deviations of its noise."""
LEAST_LEARNED, MOST_LEARNED = 20_000, 100_000
"""The network is trained on four times as many rows of the estimate as there are, within these."""


@dataclass(frozen=True)
class PrivateReport:
    """What learning under a budget met; all of it may be published.

    ``rows``, ``moved`` and ``left_out`` are noisy counts: of all rows that were used, of those with
    a number moved into its range, and of those that do not keep the rules; ``spread`` is their
    standard deviation.
    """

    table: str
    rows: int
    moved: int
    left_out: int
    spread: float
    privacy: Privacy
    ledger: Ledger
    seconds: float

    @property
    def statement(self) -> str:
        """The guarantee in plain language."""
        return statement(self.ledger, self.privacy)

    @property
    def met(self) -> tuple[str, ...]:
        """What was met in the data, a sentence each."""
        return (
            f"learned about {self.rows:,} rows of {self.table}; about {max(0, self.moved):,} of "
            f"them with numbers moved into their ranges, about {max(0, self.left_out):,} more left "
            f"out (each give or take {self.spread:,.0f})",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        plain = {k: getattr(self, k) for k in ("table", "rows", "moved", "left_out", "spread")}
        return {
            **plain,
            "seconds": self.seconds,
            "privacy": self.privacy.to_dict(),
            "ledger": self.ledger.to_dict(),
            "statement": self.statement,
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> PrivateReport:
        """Return the report that :meth:`to_dict` made ``facts`` of. Raises SavedModelError."""
        rest = {k: v for k, v in facts.items() if k not in ("privacy", "ledger", "statement")}
        try:
            return cls(
                **rest,
                privacy=Privacy.from_dict(facts["privacy"]),
                ledger=Ledger.from_dict(facts["ledger"]),
            )
        except (KeyError, TypeError, UsageError) as error:
            raise SavedModelError(f"the saved privacy report is garbled: {error}") from error


class PrivateTable(OneTable):
    """Learns one table under a privacy budget, and writes rows that satisfy its rules.

    The rules are public: they are enforced as ever, and cost nothing.
    """

    def __init__(
        self,
        model: Model,
        privacy: Privacy,
        *,
        config: GeneratorConfig | None = None,
        solver_budget_s: float = 10.0,
    ) -> None:
        super().__init__(model, config=config, solver_budget_s=solver_budget_s)
        self.privacy = privacy
        self.private: PrivateReport | None = None

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
        if violations != "drop":
            raise UsageError(
                f"violations={violations!r}: under a privacy budget rows that break rules are left "
                "out, whatever they are; an error or a repair would tell of them"
            )
        started = time.perf_counter()
        table = self._hard_table
        sequences, draws = free_keys(table)
        apart = {s.column for s in sequences} | {c.name for d in draws for c in d.columns}
        learned = replace(
            table,
            columns=tuple(c for c in table.columns if c.name not in apart),
            rules=tuple(r for r in table.rules if isinstance(r, nodes.RowRule)),
        )
        plan = compile_plan(table, budget_s=self._budget)
        ledger = Ledger(self.privacy.epsilon, self.privacy.delta, self.privacy.relation())
        taken = take_in(table, data, self.privacy.outside)
        vault = Vault({table.name: taken.rows, outcomes_of(table.name): taken.outcomes}, ledger)
        del taken
        noise = count_noise(ledger.purse().share(COUNTING), ledger.neighbours)
        as_is, moved, left_out = (int(n) for n in count_outcomes(vault, table.name, noise))
        rows = as_is + moved
        # Two of the counts make it up.
        give = math.sqrt(2) * noise.spread
        if rows < TOLD * give:
            raise BudgetError(
                f"the budget is too small for any answer: the number of rows of table "
                f"`{table.name}` came out as {rows:,} with a standard deviation of "
                f"{give:,.0f}, which cannot be told from none; raise epsilon, or learn "
                "from more rows"
            )
        self._generator = self._learned(vault, learned, plan, rows, progress)
        self._plan, self._sequences, self._draws = plan, sequences, draws
        self._kept = table
        self.private = PrivateReport(
            table.name,
            rows,
            moved,
            left_out,
            noise.spread,
            self.privacy,
            ledger,
            time.perf_counter() - started,
        )
        return self

    def _learned(
        self,
        vault: Vault,
        table: nodes.Table,
        plan: Plan,
        rows: float,
        progress: ProgressHook | None,
    ) -> RowGenerator | GraphicalGenerator:
        """Return what draws rows, with the rest of the budget spent on it."""
        from synthtab.privacy.marginals import learn_marginals  # mbi and jax, an extra

        order = tuple(c for c in plan.order if c in table.column_names)
        drawing = learn_marginals(
            vault,
            table,
            order,
            rows,
            zeros=self.privacy.structural_zeros,
            solver_s=2 * self._budget,
            progress=_told(progress),
        )
        if self.privacy.generator == "graphical":
            return drawing
        # From here on nothing is private any more.
        many = int(np.clip(4 * rows, LEAST_LEARNED, MOST_LEARNED))
        batch = drawing.draw(many, guide=plan, seed=secrets.randbits(32)).batch
        return RowGenerator.fit(
            table.columns,
            order,
            {c: plan.domains[c] for c in order},
            batch,
            config=self._config,
            seed=secrets.randbits(32),
            progress=progress,
        )

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
        assert isinstance(generator, RowGenerator | GraphicalGenerator)

        def write(folder: Path) -> None:
            (folder / "model.rules").write_text(self.model.to_text(), encoding="utf-8")
            generator.save(folder)

        facts = {
            "kind": "private",
            "order": list(plan.order),
            "graphical": isinstance(generator, GraphicalGenerator),
            "sequences": [asdict(s) for s in self._sequences],
            "private": self.private.to_dict(),
        }
        save_directory(path, facts, write)

    @classmethod
    def load(cls, path: str | Path) -> PrivateTable:
        """Load a saved model; SavedModelError says what is wrong where it cannot be."""
        facts, folder = read_manifest(path), Path(path)
        try:
            report = PrivateReport.from_dict(facts["private"])
            order, graphical = facts["order"], facts["graphical"]
        except KeyError as error:
            raise SavedModelError(f"{folder}: the manifest lacks {error}") from error
        loaded = cls(Model.load(folder / "model.rules"), report.privacy)
        table = loaded._hard_table
        loaded._sequences, loaded._draws = free_keys(table)
        apart = {s.column for s in loaded._sequences}
        apart |= {c.name for d in loaded._draws for c in d.columns}
        loaded._plan = compile_plan(table, order=order)
        columns = tuple(c for c in table.columns if c.name not in apart)
        loaded._generator = (
            GraphicalGenerator.load(folder, columns) if graphical else RowGenerator.load(folder)
        )
        loaded.private, loaded._kept = report, table
        return loaded


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

"""Several tables learned under a privacy budget, a unit being a row of one with all its children.

The root table, with its numbers of children, and each table that refers to it, with the root's
columns beside its own, are measured one after the other. A database is drawn from the estimates,
what breaks rules is mended, and a model of several tables learns it as it learns any other.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from synthtab.batch import Batch
from synthtab.choices import Mode, Violations
from synthtab.errors import BudgetError, DataError, SavedModelError, UsageError
from synthtab.frames import decode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import Progress
from synthtab.lang.model import Model
from synthtab.privacy.intake import count_outcomes
from synthtab.privacy.learned import PrivateWholeReport, TableCounted
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.mechanisms import count_noise, refuse_seed
from synthtab.privacy.settings import Privacy, refuse_violations
from synthtab.privacy.units import count_rows, count_units, take_units
from synthtab.privacy.vault import Vault
from synthtab.relational.database import FitProgress, SampleProgress
from synthtab.relational.rearranging import rearranged
from synthtab.relational.saving import read_database, write_files
from synthtab.relational.star import Star, star
from synthtab.sources import Rows, Sources, is_collection
from synthtab.store import read_manifest, save_directory
from synthtab.wholemodel import Data, WholeModel, WholeSample

if TYPE_CHECKING:
    from synthtab.privacy.selecting import Plan as Effort

COUNTING = 0.04
"""The share of the budget for numbers of rows, and of units with rows that are not as declared."""
TOLD = 4.0
"""A number of units counts as known when it is so many standard deviations of its noise."""
LEAST_DRAWN = 3_000
"""A database of so many units is drawn to learn from, where there are fewer and keys suffice."""


class PrivateWhole(WholeModel):
    """Learns a root table and those that refer to it under a privacy budget, per row of the root.

    The rules are public: they are enforced as ever, and cost nothing.
    """

    def __init__(
        self,
        model: Model,
        privacy: Privacy,
        *,
        config: GeneratorConfig | None = None,
        solver_budget_s: float = 10.0,
        effort: Effort | None = None,
    ) -> None:
        """Prepare to learn; ``effort`` is how marginals are chosen, None for the usual way.

        Raises UsageError where the tables, or the settings, are none that can be learned so.
        """
        super().__init__(model, config=config, solver_budget_s=solver_budget_s)
        _check_settings(privacy)
        self.privacy = privacy
        self.private: PrivateWholeReport | None = None
        self._effort = effort
        self._star = star(model.tables, privacy.most_children)

    def fit(
        self,
        data: Data,
        *,
        violations: Violations = "drop",
        seed: int | None = None,
        progress: FitProgress | None = None,
    ) -> PrivateWhole:
        """Learn from rows per table, a directory of files, or a database's URL; return self.

        Rows that break rules are left out, unit by unit: ``violations`` can be nothing else than
        ``drop``. Raises UsageError for a seed; BudgetError where the budget says nothing of so few
        units; DataError where the data do not fit, without a word on which values do not.
        """
        from synthtab.privatedrawing import Drawing  # mbi and jax, an extra

        refuse_seed(seed)
        refuse_violations(violations)
        started = time.perf_counter()
        whole, settings = self._star, self.privacy
        root = whole.root.table.name
        relation = settings.relation(root, whole.most)
        ledger = Ledger(settings.epsilon, settings.delta, relation)
        names = [t.name for t in self.model.tables]
        with Sources() as sources:
            given = _given(names, data, sources)
            vault = Vault(take_units(whole.root, whole.branches, given, settings.outside), ledger)
        counted = _counted(vault, whole)
        shares = _shares(whole, counted)
        told = None if progress is None else _measuring(progress, names)
        drawing = Drawing(whole, settings, self._budget, self._effort, told)
        drawing.measure(vault, {n: c.rows for n, c in counted.items()}, shares)
        # From here on nothing is private any more.
        del vault
        rows = drawing.database(_drawn(whole, counted), np.random.default_rng())
        self._learn(rows, None if progress is None else _learning(progress))
        tables = {
            name: TableCounted(**{**asdict(c), "share": shares[name]})
            for name, c in counted.items()
        }
        self.private = PrivateWholeReport(
            root=root,
            tables=tables,
            privacy=settings,
            ledger=ledger,
            seconds=time.perf_counter() - started,
        )
        return self

    def rules_only(self) -> PrivateWhole:
        """Make rows of the rules and hints alone; nothing is learned, so no budget is spent."""
        super().rules_only()
        self.private = None
        return self

    def _learn(self, batches: Mapping[str, Batch], progress: FitProgress | None) -> None:
        """Learn a drawn database as one learns any other, mended first."""
        tables = self.model.tables
        ready = rearranged(tables, batches)
        frames = {t.name: decode_frame(t.columns, ready[t.name]) for t in tables}
        super().fit(frames, violations="repair", seed=secrets.randbits(32), progress=progress)
        # It tells of drawn rows; what was met in the real ones is in the private report.
        self.report = None

    def sample_report(
        self,
        scale: float | Mapping[str, int] = 1.0,
        *,
        mode: Mode = "solver",
        seed: int | None = None,
        mend_budget_s: float | None = None,
        progress: SampleProgress | None = None,
    ) -> WholeSample:
        """Return synthetic tables; a scale multiplies the noisy number of the root's rows."""
        if self.private is not None and isinstance(scale, int | float):
            if not scale > 0:
                raise UsageError(
                    f"the scale {scale} is not above 0; 1.0 gives as many rows as learned"
                )
            root = self.private.root
            scale = {root: max(1, round(self.private.tables[root].rows * scale))}
        return super().sample_report(
            scale, mode=mode, seed=seed, mend_budget_s=mend_budget_s, progress=progress
        )

    # Saving.

    def save(self, path: str | Path) -> None:
        """Save to a directory (JSON and safetensors), with the ledger."""
        database, private = self._fitted(), self.private
        if private is None:
            super().save(path)
            return

        def write(folder: Path) -> None:
            (folder / "model.rules").write_text(self.model.to_text(), encoding="utf-8")
            write_files(database, folder)

        save_directory(path, {"kind": "private-whole", "private": private.to_dict()}, write)

    @classmethod
    def load(cls, path: str | Path) -> PrivateWhole:
        """Load a saved model; SavedModelError says what is wrong where it cannot be."""
        facts, folder = read_manifest(path), Path(path)
        if "private" not in facts:
            raise SavedModelError(f"{folder}: the manifest lacks 'private'")
        report = PrivateWholeReport.from_dict(facts["private"])
        loaded = cls(Model.load(folder / "model.rules"), report.privacy)
        loaded._database = read_database(loaded.model.tables, folder, loaded._budget)
        loaded.private = report
        return loaded


def _check_settings(privacy: Privacy) -> None:
    """Raise UsageError where several tables cannot be learned as the settings say."""
    if privacy.mechanism != "marginals":
        raise UsageError(
            f"mechanism={privacy.mechanism!r} protects rows of one table; several tables, where "
            "one row with all its children is protected, are learned by 'marginals'"
        )
    if privacy.generator != "language-model":
        raise UsageError(
            f"generator={privacy.generator!r} draws rows of one table; several tables are written "
            "by the language model, which is trained on a database drawn from the estimates: "
            "generator='language-model'"
        )
    if privacy.domains != "refuse":
        raise UsageError(
            f"domains={privacy.domains!r}: of several tables all ranges and categories are to be "
            "declared in the rules file"
        )


def _given(names: list[str], data: Data, sources: Sources) -> dict[str, Rows]:
    """Return what each table is read from. Raises DataError where a table has nothing."""
    if isinstance(data, Mapping):
        given = dict(data)
    elif is_collection(str(data)):
        given = dict(sources.some(str(data), names))
    else:
        raise DataError(
            f"{data} is no directory and no database; several tables are learned from a directory "
            "with a file named after each, a database's URL, or a mapping of tables to files or "
            "DataFrames"
        )
    wrong = [f"there is no table `{n}`" for n in given if n not in names]
    wrong += [f"there are no data for table `{n}`" for n in names if n not in given]
    if wrong:
        raise DataError(f"{'; '.join(wrong)}; the rules declare {', '.join(names)}")
    return given


def _counted(vault: Vault, whole: Star) -> dict[str, TableCounted]:
    """Return noisy counts of all tables, each for an equal part of the share for counting.

    Raises BudgetError where units cannot be told from none.
    """
    one = vault.ledger.purse().share(COUNTING / (1 + 2 * len(whole.branches)))
    root = whole.root.table.name
    noise = count_noise(one, vault.neighbours)
    as_is, moved, left_out = (int(n) for n in count_outcomes(vault, root, noise))
    units, give = as_is + moved, math.sqrt(2) * noise.spread
    if units < TOLD * give:
        raise BudgetError(
            f"the budget is too small for any answer: the number of rows of table `{root}` came "
            f"out as {units:,} with a standard deviation of {give:,.0f}, which cannot be told from "
            "none; raise epsilon, or learn from more rows"
        )
    # There are no more rows than keys, and that is public.
    units = min(units, whole.room(root))
    counted = {
        root: TableCounted(units, give, moved, left_out, 0, noise.spread, 1, 0.0),
    }
    for branch in whole.branches:
        _, moved, left_out, beyond = (int(n) for n in count_units(vault, branch, noise))
        each = count_noise(one, vault.neighbours, branch.most)
        name = branch.table.name
        rows = min(max(1, count_rows(vault, branch, each)), whole.room(name))
        counted[name] = TableCounted(
            rows, each.spread, moved, left_out, beyond, noise.spread, branch.most, 0.0
        )
    return counted


def _shares(whole: Star, counted: Mapping[str, TableCounted]) -> dict[str, float]:
    """Return each table's share of the budget for marginals; they add up to one.

    The noise on a marginal of a table is in proportion to most * sqrt(columns / share), and counts
    for the more the fewer rows there are. Shares in proportion to (most * sqrt(columns) / rows) to
    the power of 2/3 make the sum of these errors over tables the least.
    """
    columns = {whole.root.table.name: len(whole.root.learned.columns)}
    columns |= {b.table.name: len(b.learned.columns) for b in whole.branches}
    weight = {
        name: (counted[name].most * math.sqrt(many) / counted[name].known) ** (2 / 3)
        for name, many in columns.items()
    }
    for branch in whole.branches:
        if not branch.own:
            weight[branch.table.name] = 0.0
    total = sum(weight.values())
    return {name: w / total for name, w in weight.items()}


def _drawn(whole: Star, counted: Mapping[str, TableCounted]) -> int:
    """Return how many units to draw: as many as there are, more where they are few."""
    root = whole.root.table.name
    return min(max(counted[root].rows, LEAST_DRAWN), whole.room(root))


def _measuring(progress: FitProgress, names: list[str]) -> Callable[[str, float, str], None]:
    started = time.monotonic()

    def told(table: str, share: float, _what: str) -> None:
        spent = time.monotonic() - started
        left = spent * (1 - share) / share if share > 0 else math.nan
        state = Progress(round(1000 * share), 1000, math.nan, left, "measuring")
        progress(f"marginals of {table}", names.index(table), 2 * len(names), state)

    return told


def _learning(progress: FitProgress) -> FitProgress:
    def told(table: str, number: int, tables: int, state: Progress) -> None:
        progress(table, tables + number, 2 * tables, state)

    return told

"""A model of several tables, or of one with rules across rows: fit, sample, save and load."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from synthtab.batch import Batch
from synthtab.choices import MODES, Mode, Violations
from synthtab.databases.address import hidden
from synthtab.distinct.tuples import capacity
from synthtab.draw import METHODS
from synthtab.errors import DataError, InfeasibleError, RuleViolationError, UsageError
from synthtab.frames import decode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.relational.database import (
    Database,
    FitProgress,
    SampleProgress,
    fit_database,
    rows_asked,
    write_database,
)
from synthtab.relational.judging import Broken, broken_rules, named_rows
from synthtab.relational.patience import mending_time
from synthtab.relational.rulesonly import rules_database
from synthtab.relational.saving import read_database, write_files
from synthtab.relational.settling import settle
from synthtab.solver.mend import mend
from synthtab.sources import Rows, Sources, is_collection, read_rows
from synthtab.store import read_manifest, save_directory

Data = Mapping[str, Rows] | str | Path


@dataclass(frozen=True)
class TableReport:
    """What fitting met in one table: rows read and used, and how many broke each rule."""

    rows_read: int
    rows_used: int
    violated: Mapping[str, int]


@dataclass(frozen=True)
class WholeReport:
    """What fitting met, by table; what was done about rows that broke rules; cells repaired.

    ``later`` names the rules that cannot be kept while rows are written: they are mended when all
    rows are there.
    """

    tables: Mapping[str, TableReport]
    violations: str
    cells_repaired: int
    seed: int
    later: tuple[str, ...]


@dataclass(frozen=True)
class TableCounts:
    """What became of one table's rows.

    ``drawn`` rows were written in all, ``returned`` of them kept; ``mended`` cells were changed so
    that rules across rows hold. ``again`` rows were left broken by that, and replaced by others.
    """

    asked: int | None
    returned: int
    drawn: int
    mended: int
    again: int = 0


@dataclass(frozen=True)
class WholeSample:
    """Sampled tables and what became of the rows drawn for them; ``broken`` counts rows by rule."""

    frames: Mapping[str, pd.DataFrame]
    mode: Mode
    seed: int
    counts: Mapping[str, TableCounts]
    broken: Mapping[str, int]
    seconds: float


class WholeModel:
    """Learns the tables of a model together, and writes tables like them that keep all its rules.

    whole = WholeModel(Model.load("berka_bank.rules")).fit("bank/")
    tables = whole.sample({"account": 5000}, seed=1)
    """

    def __init__(
        self,
        model: Model,
        *,
        config: GeneratorConfig | None = None,
        solver_budget_s: float = 10.0,
    ) -> None:
        self.model = model
        self._config = config or GeneratorConfig()
        if self._config.examples:
            what = "several tables" if len(model.tables) > 1 else "rules across rows"
            raise UsageError(
                "examples stand before the rows of one table whose rules are about single rows; "
                f"this model has {what}: leave the examples out"
            )
        self._budget = solver_budget_s
        self._database: Database | None = None
        self.report: WholeReport | None = None

    # Fitting.

    def fit(
        self,
        data: Data,
        *,
        violations: Violations = "error",
        seed: int = 0,
        progress: FitProgress | None = None,
    ) -> WholeModel:
        """Learn from rows per table, a directory of files named after tables, or a database's URL.

        Rows are a DataFrame, a file or URL, or a :class:`~synthtab.sources.Source`. Real rows that
        break hard rules are an error, are dropped (with the rows that refer to them), or are
        repaired first, as ``violations`` says; :attr:`report` counts them. Raises DataError where
        data are missing or do not fit the columns, RuleViolationError as above, InfeasibleError
        where rules contradict each other.
        """
        if violations not in ("error", "drop", "repair"):
            raise UsageError(f"violations={violations!r}; it is 'error', 'drop' or 'repair'")
        read = _read(self.model, data)
        used, broken, cells = self._lawful(read, violations, seed)
        self._database = fit_database(
            self.model.tables,
            used,
            config=self._config,
            seed=seed,
            budget_s=self._budget,
            progress=progress,
        )
        tables = {
            name: TableReport(len(read[name]), len(used[name]), broken.get(name, {}))
            for name in used
        }
        later = tuple(
            f"{name}.{rule}"
            for name, model in self._database.models.items()
            for rule in model.view.left
        )
        self.report = WholeReport(tables, violations, cells, seed, later)
        return self

    def rules_only(self) -> WholeModel:
        """Make rows of the rules and hints alone, without data; return self.

        Raises InfeasibleError where hard rules contradict each other.
        """
        self._database = rules_database(self.model.tables, budget_s=self._budget)
        self.report = None
        return self

    def _lawful(
        self, batches: dict[str, Batch], violations: Violations, seed: int
    ) -> tuple[dict[str, Batch], dict[str, dict[str, int]], int]:
        """Return rows that break no hard rule, how many broke each, how many cells were mended."""
        tables = self.model.tables
        broken = broken_rules(tables, batches)
        counts = {
            name: {rule: int(mask.sum()) for rule, mask in rules.items()}
            for name, rules in broken.items()
        }
        if not broken:
            return batches, {}, 0
        if violations == "error":
            raise RuleViolationError(_complain(broken, batches))
        cells = 0
        if violations == "repair":
            mended = mend(tables, batches, rng=np.random.default_rng(seed))
            batches, cells = dict(mended.batches), len(mended.changes)
            broken = broken_rules(tables, batches)
        while broken:
            for name, rules in broken.items():
                wrong = np.logical_or.reduce(list(rules.values()))
                batches = batches | {name: batches[name].take(~wrong)}
                if not len(batches[name]):
                    raise RuleViolationError(
                        f"no row of table `{name}` is left: all break {', '.join(rules)}, or refer "
                        "to rows that were dropped; check the rules against the data with "
                        "'rulecheck validate'"
                    )
            broken = broken_rules(tables, batches)
        return batches, counts, cells

    # Sampling.

    def sample(
        self,
        scale: float | Mapping[str, int] = 1.0,
        *,
        mode: Mode = "solver",
        seed: int | None = None,
        mend_budget_s: float | None = None,
        progress: SampleProgress | None = None,
    ) -> dict[str, pd.DataFrame]:
        """Return synthetic rows of all tables; see :meth:`sample_report` for what became of them.

        ``scale`` multiplies the numbers of real rows, or gives numbers of rows by table. In every
        mode but ``free`` and ``grammar`` no hard rule is broken. What cannot be kept while rows are
        written is mended, for ``mend_budget_s`` seconds at most; without a number, two minutes or
        ten times as long as the rows took to write, whichever is more. Raises InfeasibleError,
        naming the rules, where such tables cannot be had or the time was up before they were, and
        UsageError for a scale or time that is none.
        """
        report = self.sample_report(
            scale, mode=mode, seed=seed, mend_budget_s=mend_budget_s, progress=progress
        )
        return dict(report.frames)

    def sample_report(
        self,
        scale: float | Mapping[str, int] = 1.0,
        *,
        mode: Mode = "solver",
        seed: int | None = None,
        mend_budget_s: float | None = None,
        progress: SampleProgress | None = None,
    ) -> WholeSample:
        """Return synthetic tables with the counts behind them, as :meth:`sample`."""
        database = self._fitted()
        if mode not in MODES:
            raise UsageError(f"unknown mode {mode!r}; the modes are {', '.join(MODES)}")
        method = METHODS[mode]
        if method.broken == "talk":
            raise UsageError(
                "in the mode 'feedback' a pretrained model writes rows of one table, and tables "
                "that refer to each other are written otherwise; the mode 'solver' is the one for "
                "several tables"
            )
        if method.weighted:
            raise UsageError(
                "the mode 'solver+weighted' thins out rows one by one, which tables that refer to "
                "each other do not allow; the mode 'solver' is the one for several tables"
            )
        if mend_budget_s is not None and not mend_budget_s > 0:
            raise UsageError(f"mend_budget_s={mend_budget_s:g}: mending takes more than 0 seconds")
        chosen = secrets.randbits(32) if seed is None else seed
        sizes = rows_asked(database, scale)
        _check_room(self.model.tables, _expected(database, scale) | sizes)
        started = time.perf_counter()
        rng = np.random.default_rng(chosen)
        drawn = write_database(database, sizes, method, rng, progress)
        batches, changed = dict(drawn.batches), dict.fromkeys(drawn.batches, 0)
        tries = {name: written.tries for name, written in drawn.written.items()}
        again = dict.fromkeys(batches, 0)
        broken: Broken = broken_rules(self.model.tables, batches)
        limit: float | None = None
        if broken and method.broken == "mend":
            limit = mend_budget_s or mending_time(time.perf_counter() - started)
            told = _mending(progress)
            settled = settle(database, batches, method, rng, told, budget_s=limit)
            limit = limit if settled.late else None
            batches, broken, changed = dict(settled.batches), settled.broken, settled.mended
            again = {name: settled.again.get(name, 0) for name in batches}
            tries = {name: number + settled.tries.get(name, 0) for name, number in tries.items()}
        if broken and method.broken != "keep":
            raise InfeasibleError(_why(self.model, broken, batches, limit))
        counts = {
            name: TableCounts(
                sizes.get(name), len(batches[name]), tries[name], changed[name], again[name]
            )
            for name in batches
        }
        frames = {t.name: decode_frame(t.columns, batches[t.name]) for t in self.model.tables}
        left = {f"{n}.{r}": int(m.sum()) for n, rules in broken.items() for r, m in rules.items()}
        return WholeSample(frames, mode, chosen, counts, left, time.perf_counter() - started)

    # Saving.

    def save(self, path: str | Path) -> None:
        """Save to a directory (JSON and safetensors), replacing a model that is there."""
        database = self._fitted()
        if self.report is None:
            raise UsageError(
                "there is nothing learned to save: the rules say it all; save them "
                "(Model.to_text) and call rules_only() again"
            )

        def write(folder: Path) -> None:
            (folder / "model.rules").write_text(self.model.to_text(), encoding="utf-8")
            write_files(database, folder)

        save_directory(path, {"kind": "whole", "report": asdict(self.report)}, write)

    @classmethod
    def load(cls, path: str | Path) -> WholeModel:
        """Load a saved model; SavedModelError says what is wrong where it cannot be."""
        facts = read_manifest(path)
        folder = Path(path)
        loaded = cls(Model.load(folder / "model.rules"))
        loaded._database = read_database(loaded.model.tables, folder, loaded._budget)
        report = facts["report"]
        tables = {name: TableReport(**t) for name, t in report["tables"].items()}
        loaded.report = WholeReport(**{**report, "tables": tables, "later": tuple(report["later"])})
        return loaded

    def _fitted(self) -> Database:
        if self._database is None:
            raise UsageError("this model has learned nothing yet: call fit() or load()")
        return self._database


def _expected(database: Database, scale: float | Mapping[str, int]) -> dict[str, int]:
    """Return how many rows tables are to come to where all grow by a factor."""
    if isinstance(scale, Mapping):
        return {}
    return {name: round(model.rows * scale) for name, model in database.models.items()}


def _check_room(tables: tuple[nodes.Table, ...], sizes: Mapping[str, int]) -> None:
    """Raise InfeasibleError where a key has fewer values than the rows its table is to have."""
    for table in tables:
        for rule in table.unique_rules:
            columns = [table.column(c) for c in rule.columns]
            if any(c.optional for c in columns) or table.name not in sizes:
                continue
            most = capacity(columns)
            if most < sizes[table.name]:
                raise InfeasibleError(
                    f"table `{table.name}` cannot have {sizes[table.name]:,} rows: `{rule.name}` "
                    f"has only {most:,} different values; ask for fewer rows"
                )


def _mending(progress: SampleProgress | None) -> Callable[[str, float], None] | None:
    if progress is None:
        return None
    return lambda what, share: progress("mending", round(share * 1000), 1000)


def _read(model: Model, data: Data) -> dict[str, Batch]:
    """Read each table's rows. Raises DataError naming the tables without any."""
    names = [t.name for t in model.tables]
    with Sources() as sources:
        given: Mapping[str, Rows]
        if isinstance(data, Mapping):
            given = data
        elif is_collection(str(data)):
            given = sources.some(str(data), names)
        elif len(names) == 1:
            given = {names[0]: data}
        else:
            raise DataError(
                f"{data} is no directory and no database; several tables are learned from a "
                "directory with a file named after each, a database's URL, or a mapping of tables "
                "to files or DataFrames"
            )
        unknown = [n for n in given if n not in names]
        if unknown:
            raise DataError(
                f"the rules declare no table `{unknown[0]}`; they declare "
                + ", ".join(f"`{n}`" for n in names)
            )
        missing = [n for n in names if n not in given]
        if missing:
            place = f" in {hidden(str(data))}" if isinstance(data, str | Path) else ""
            raise DataError(
                f"there are no data for table{'s' * (len(missing) > 1)} "
                + ", ".join(f"`{n}`" for n in missing)
                + place
            )
        return {t.name: read_rows(t.name, t.columns, given[t.name]) for t in model.tables}


def _complain(broken: Mapping[str, Mapping[str, np.ndarray]], batches: Mapping[str, Batch]) -> str:
    lines = ["real rows break the rules:"]
    for name, rules in broken.items():
        for rule, mask in rules.items():
            rows = np.flatnonzero(mask)
            first = ", ".join(str(r + 1) for r in rows[:5])
            more = ", ..." if len(rows) > 5 else ""
            lines.append(
                f"  {name}.{rule}: {len(rows):,} of {len(batches[name]):,} rows ({first}{more})"
            )
    lines.append("drop them (violations='drop'), repair them ('repair'), or correct the rules")
    return "\n".join(lines)


def _why(model: Model, broken: Broken, batches: Mapping[str, Batch], limit: float | None) -> str:
    """Say what is still broken; ``limit`` is the time, in seconds, that was not enough."""
    what = "no tables were found that keep all rules"
    if limit is not None:
        what = f"the tables were not mended within {limit:,.3g} s"
    lines = [f"{what}; rows that still break rules:"]
    for table in model.tables:
        batch = batches[table.name]
        for rule, mask in broken.get(table.name, {}).items():
            which = named_rows(table, batch, mask)
            lines.append(f"  {table.name}.{rule}: {mask.sum():,} of {len(batch):,} rows ({which})")
    if limit is None:
        lines.append("try another seed or scale, or see with 'rulecheck check' whether they agree")
    else:
        lines.append(
            f"ask for fewer rows, allow more time (mend_budget_s={math.ceil(10 * limit)}), or "
            "leave out rules that most rows break: they are not kept while rows are written"
        )
    return "\n".join(lines)

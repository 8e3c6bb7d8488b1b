"""The Synthesizer: fit on real tables, sample synthetic rows that break no rule. Wiring only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthtab.batch import Batch
from synthtab.choices import Mode, Violations
from synthtab.draw import log_likelihood
from synthtab.errors import UsageError
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.language.settings import Pretrained
from synthtab.lang.model import Model
from synthtab.onetable import OneTable
from synthtab.outcomes import FitReport, Sample
from synthtab.privacy.settings import Privacy
from synthtab.refine.rounds import RoundProgress
from synthtab.refining import Refined, refine
from synthtab.store import read_manifest
from synthtab.wholemodel import WholeModel, WholeReport, WholeSample

if TYPE_CHECKING:
    from synthtab.privacy.learned import PrivateReport, PrivateWholeReport

__all__ = [
    "FitReport",
    "Refined",
    "Sample",
    "Synthesizer",
    "Violations",
    "WholeReport",
    "WholeSample",
]

Engine = OneTable | WholeModel


class Synthesizer:
    """Learns the tables of a model and writes rows like them that satisfy its rules.

    synthesizer = Synthesizer(Model.load("adult.rules")).fit("adult.csv.gz", violations="drop")
    rows = synthesizer.sample(50_000, seed=1)

    synthesizer = Synthesizer(Model.load("shop.rules")).fit({"customer": df, "order": df2})
    tables = synthesizer.sample(scale=2.0)

    Without data, :meth:`rules_only` takes the place of :meth:`fit`.
    """

    def __init__(
        self,
        model: Model,
        *,
        config: GeneratorConfig | None = None,
        generator: Pretrained | None = None,
        solver_budget_s: float = 10.0,
        privacy: Privacy | None = None,
    ) -> None:
        """Prepare to learn the tables of a model, under a privacy budget if one is given.

        A ``generator`` is a pretrained language model that writes the rows of one table; without
        one, small networks of the tables' own do, of the shape that ``config`` says.
        """
        self._engine: Engine
        if generator is not None:
            refuse_several(model)
        if privacy is not None:
            self._engine = _private(model, privacy, config, generator, solver_budget_s)
        elif needs_whole(model):
            self._engine = WholeModel(model, config=config, solver_budget_s=solver_budget_s)
        else:
            self._engine = OneTable(
                model, config=config, generator=generator, solver_budget_s=solver_budget_s
            )

    @classmethod
    def _of(cls, engine: Engine) -> Synthesizer:
        made = cls.__new__(cls)
        made._engine = engine
        return made

    @property
    def model(self) -> Model:
        """The model whose rules rows keep."""
        return self._engine.model

    @property
    def table(self) -> Any:
        """The one table of the model. Raises UsageError where there are several."""
        return self._one("table").table

    @property
    def plan(self) -> Any:
        """The compiled rules that the one table's rows are decoded under."""
        return self._one("plan").plan

    @property
    def report(self) -> FitReport | WholeReport | None:
        """What fitting met; None before."""
        return self._engine.report

    @property
    def private(self) -> bool:
        """Whether rows are learned under a privacy budget."""
        return hasattr(self._engine, "privacy")

    @property
    def privacy_report(self) -> PrivateReport | PrivateWholeReport | None:
        """What learning under a privacy budget met and spent; None without one, or before."""
        return getattr(self._engine, "private", None)

    @property
    def unenforced(self) -> tuple[str, ...]:
        """The rules, by name, that are learned like everything else, not enforced."""
        return self._engine.unenforced if isinstance(self._engine, OneTable) else ()

    def fit(
        self,
        data: Any,
        *,
        violations: Violations | None = None,
        seed: int | None = None,
        progress: Callable[..., None] | None = None,
    ) -> Synthesizer:
        """Learn from real rows; return self.

        ``data`` is a DataFrame or a file for one table; for several a mapping of tables to these,
        a directory with a file named after each table, or a database's URL. Real rows that break
        hard rules are an ``error`` (the default), are left out (``drop``), or mended first
        (``repair``), as ``violations`` says; :attr:`report` counts them by rule. Under a privacy
        budget they are always left out, and no ``seed`` is taken. ``progress`` is told how far
        training is: a :class:`~synthtab.generate.train.Progress`, and for several tables before it
        the table's name, its number, and how many there are.

        Raises DataError where the data do not fit the columns, RuleViolationError as above, and
        InfeasibleError where the rules contradict each other.
        """
        if isinstance(self._engine, OneTable):
            data = self._its_own(data)
        if isinstance(self._engine, WholeModel) and isinstance(data, pd.DataFrame):
            if len(self.model.tables) > 1:
                raise UsageError(
                    "the model has several tables: fit it with a mapping of tables to DataFrames"
                )
            data = {self.model.tables[0].name: data}
        if self.private:
            how = violations or "drop"
            self._engine.fit(data, violations=how, seed=seed, progress=progress)  # type: ignore[arg-type]
        else:
            how = violations or "error"
            self._engine.fit(data, violations=how, seed=seed or 0, progress=progress)
        return self

    def rules_only(self) -> Synthesizer:
        """Get ready to draw rows from the rules and hints alone, without any data; return self.

        Raises InfeasibleError where the rules contradict each other.
        """
        self._engine.rules_only()
        return self

    @overload
    def sample(
        self,
        n: int,
        *,
        mode: Mode | None = None,
        seed: int | None = None,
        rounds: int | None = None,
        progress: Callable[..., None] | None = None,
    ) -> pd.DataFrame: ...

    @overload
    def sample(
        self,
        *,
        scale: float | Mapping[str, int] = 1.0,
        mode: Mode | None = None,
        seed: int | None = None,
        rounds: int | None = None,
        progress: Callable[..., None] | None = None,
    ) -> dict[str, pd.DataFrame]: ...

    def sample(
        self,
        n: int | None = None,
        *,
        scale: float | Mapping[str, int] | None = None,
        mode: Mode | None = None,
        seed: int | None = None,
        rounds: int | None = None,
        progress: Callable[..., None] | None = None,
    ) -> pd.DataFrame | dict[str, pd.DataFrame]:
        """Return ``n`` synthetic rows of the one table, or all tables at a ``scale``.

        A scale multiplies the numbers of real rows, or gives numbers of rows by table. Without a
        ``seed`` every call gives other rows. In every mode but ``free`` and ``grammar`` no hard
        rule is broken. In the mode ``feedback`` a pretrained model writes its rows again that break
        rules, told why, at most ``rounds`` times each (3 where None). Raises InfeasibleError,
        naming the rules, where so many rows cannot be had; UsageError for ``rounds`` in another
        mode, and for ``feedback`` where no pretrained model writes the rows.
        """
        got = self.sample_report(
            n, scale=scale, mode=mode, seed=seed, rounds=rounds, progress=progress
        )
        if isinstance(got, Sample):
            return got.frame if n is not None else {self.table.name: got.frame}
        return dict(got.frames) if n is None else got.frames[self.model.tables[0].name]

    def sample_report(
        self,
        n: int | None = None,
        *,
        scale: float | Mapping[str, int] | None = None,
        mode: Mode | None = None,
        seed: int | None = None,
        rounds: int | None = None,
        progress: Callable[..., None] | None = None,
    ) -> Any:
        """Return rows with the counts behind them: a Sample of one table, or a WholeSample."""
        if n is not None and scale is not None:
            raise UsageError("give a number of rows or a scale, not both")
        if isinstance(self._engine, OneTable):
            rows = n if n is not None else self._engine.rows_at(1.0 if scale is None else scale)
            return self._engine.sample_report(
                rows, mode=mode, seed=seed, rounds=rounds, progress=progress
            )
        if rounds is not None:
            raise UsageError(
                "rounds of correction are held in the mode 'feedback', of one table that a "
                "pretrained model writes; leave them out"
            )
        if n is not None:
            if len(self.model.tables) > 1:
                raise UsageError(
                    f"the model has several tables: {n} rows of which? give scale={{'table': {n}}}"
                )
            scale = {self.model.tables[0].name: n}
        return self._engine.sample_report(
            1.0 if scale is None else scale, mode=mode or "solver", seed=seed, progress=progress
        )

    def refine(
        self,
        n: int,
        data: Any = None,
        *,
        rounds: int = 3,
        mode: Mode | None = None,
        seed: int | None = None,
        holdout: Any = None,
        candidates: float | None = None,
        progress: RoundProgress | None = None,
    ) -> Refined:
        """Return ``n`` synthetic rows whose pairs of columns are nearer to the real ones.

        In each of up to ``rounds`` rounds several times ``n`` valid rows are proposed
        (``candidates`` for each row, 4 unless said, and 20,000 in all at least), and those are
        chosen that together have the marginals of ``data``, the real rows that the model was
        fitted on, as far as these can be told from chance; then the model learns more about the
        columns that are off. The rows of the best round are returned, with every round's scores. No
        rule is broken, and this Synthesizer stays as it is. Of real rows that were held out of the
        fit, ``holdout``, every round is told how far it is, which decides nothing. ``progress`` is
        told a stage of the work, and the share of it that is done.

        Under a privacy budget no data are given: the targets are marginals that the budget has paid
        for. Raises UsageError where that is not so, for several tables or rules across rows, and
        for numbers below 1; DataError where the data do not fit; InfeasibleError as :meth:`sample`.
        """
        if not isinstance(self._engine, OneTable):
            raise UsageError(
                "refinement chooses among rows of one table whose rules are about single rows; "
                + (
                    "this model has several tables"
                    if len(self.model.tables) > 1
                    else f"table `{self.model.tables[0].name}` has rules across rows, which a "
                    "choice among its rows could break"
                )
            )
        return refine(
            self._engine,
            n,
            self._its_own(data),
            rounds=rounds,
            mode=mode,
            seed=seed,
            progress=progress,
            holdout=self._its_own(holdout),
            candidates=candidates,
        )

    def log_likelihood(self, rows: Batch) -> NDArray[np.float64] | None:
        """Return how likely the model of one table finds each row (log, nats), for audits.

        None where it cannot tell, as of a small network with free text. Raises UsageError for
        several tables.
        """
        return log_likelihood(self._one("log_likelihood").generator, rows)

    def with_model(self, model: Model) -> Synthesizer:
        """Return a copy that decodes under other rules over the same columns: no new training."""
        return self._of(self._one("with_model").with_model(model))

    def save(self, path: str | Path) -> None:
        """Save to a directory (JSON and safetensors), replacing a model that is there."""
        self._engine.save(path)

    @classmethod
    def load(cls, path: str | Path) -> Synthesizer:
        """Load a saved model; SavedModelError says what is wrong where it cannot be."""
        kind = read_manifest(path).get("kind")
        if kind == "private":
            from synthtab.privatetable import PrivateTable  # dp-accounting, an extra

            return cls._of(PrivateTable.load(path))
        if kind == "private-whole":
            from synthtab.privatewhole import PrivateWhole  # dp-accounting, an extra

            return cls._of(PrivateWhole.load(path))
        return cls._of(WholeModel.load(path) if kind == "whole" else OneTable.load(path))

    def _its_own(self, data: Any) -> Any:
        """Return the data of the one table, where they are given by table."""
        if not isinstance(data, Mapping):
            return data
        if set(data) != {self.table.name}:
            raise UsageError(
                f"the model has one table, `{self.table.name}`; data were given for "
                + (", ".join(f"`{n}`" for n in data) or "none")
            )
        return data[self.table.name]

    def _one(self, what: str) -> OneTable:
        if not isinstance(self._engine, OneTable):
            raise UsageError(
                f"{what} is for a model of one table whose rules are about single rows"
            )
        return self._engine


def _private(
    model: Model,
    privacy: Privacy,
    config: GeneratorConfig | None,
    generator: Pretrained | None,
    budget_s: float,
) -> Engine:
    """Return what learns a model under a privacy budget. Raises UsageError where it cannot."""
    if needs_whole(model) and len(model.tables) == 1:
        raise UsageError(
            f"table `{model.tables[0].name}` has rules across rows; under a privacy budget a "
            "single table is learned whose rules are about single rows: leave the others out, or "
            "declare the table whose rows are protected, and that this one refers to"
        )
    try:
        from synthtab.privatetable import PrivateTable  # dp-accounting, an extra
        from synthtab.privatewhole import PrivateWhole  # dp-accounting, an extra
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a privacy budget needs {error.name}: pip install 'synthtab[privacy]'"
        ) from error
    if len(model.tables) > 1:
        return PrivateWhole(model, privacy, config=config, solver_budget_s=budget_s)
    return PrivateTable(
        model, privacy, config=config, generator=generator, solver_budget_s=budget_s
    )


def refuse_several(model: Model) -> None:
    """Raise UsageError where a pretrained model cannot write the rows of a model's tables."""
    if needs_whole(model):
        raise UsageError(
            "a pretrained model writes the rows of one table whose rules are about single rows; "
            f"this model has {'several tables' if len(model.tables) > 1 else 'rules across rows'}: "
            "leave the generator out, for small networks of the tables' own"
        )


def needs_whole(model: Model) -> bool:
    """Say whether tables have to be written together: several, or with rules across rows."""
    if len(model.tables) > 1:
        return True
    return any(rule.share is None for rule in model.tables[0].table_rules)

"""The models that ``synthtab audit`` fits: with canaries, as shadows, on neighbouring tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from secrets import randbelow

import numpy as np

from synthtab.batch import Batch, concat
from synthtab.cli import common
from synthtab.errors import UsageError
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.train import Progress, ProgressHook
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.privacy.audit.bounds import Bound
from synthtab.privacy.audit.canaries import POOL, Fitted, LearnModel, canary_bound, rare_rows
from synthtab.privacy.audit.membership import Membership
from synthtab.privacy.audit.neighbours import case_of, neighbouring_bounds
from synthtab.privacy.audit.report import AuditReport
from synthtab.privacy.audit.shadow import shadow_attack
from synthtab.privacy.settings import Privacy
from synthtab.schema import TextType

Learner = Callable[[Model, Privacy | None, int, ProgressHook], LearnModel]
"""Makes what fits rows: of a model of one table, the privacy (None for none), how many rows are
drawn, whatever canaries there were, and a hook that is told how far each fit is."""
NEIGHBOURING = 300
"""So many rows, and one more, are the neighbouring tables."""


@dataclass(frozen=True)
class Models:
    """How many models of each kind are fitted, and how.

    ``runs`` with ``canaries``, each there ``copies`` times; ``shadows``; ``neighbour_runs`` on each
    of two neighbouring tables. ``learned`` is how many training rows they are fitted on at most,
    all where it is 0. ``delta`` is that of the bounds, also where there is no ``privacy``.
    """

    runs: int = 0
    canaries: int = 500
    copies: int = 1
    shadows: int = 0
    neighbour_runs: int = 0
    learned: int = 0
    privacy: Privacy | None = None
    delta: float = 1e-6

    @property
    def kinds(self) -> int:
        """How many kinds of models are asked for."""
        return sum(map(bool, (self.runs, self.shadows, self.neighbour_runs)))


def with_models(
    model: Model,
    tables: tuple[Batch, Batch, Batch],
    report: AuditReport,
    models: Models,
    seed: int,
    share: float,
    update: common.Update,
    learner: Learner | None = None,
) -> AuditReport:
    """Return the report with what fitted models tell, each kind with a confidence ``share``.

    ``tables`` are training rows, hold-out and synthetic rows.
    """
    if len(model.tables) > 1:
        raise UsageError(
            "models are fitted of one table, and the rules file declares several: leave out "
            "--runs, --shadows and --neighbour-runs"
        )
    rng = np.random.default_rng(seed)
    train = tables[0]
    if models.learned:
        train = train.take(np.sort(rng.permutation(len(train))[: models.learned]))
    make = learner or pipeline
    bounds: tuple[Bound, ...] = ()
    membership: tuple[Membership, ...] = report.membership
    if models.neighbour_runs:
        bounds += _neighbours(model, train, models, share, update)
    if models.runs:
        stage = Stage("models with canaries", models.runs + 1, update)
        learn = stage.counted(make(model, models.privacy, len(train), stage.within))
        bounds += (_canaries(model, train, models, learn, share),)
    if models.shadows:
        stage = Stage("shadow models", models.shadows, update)
        learn = stage.counted(make(model, models.privacy, len(tables[2]), stage.within))
        membership += (_shadows(model.table(), tables, models, learn, seed, share),)
    privacy = models.privacy
    stated = None if privacy is None else (privacy.epsilon, privacy.delta)
    return replace(report, bounds=bounds, membership=membership, stated=stated)


class Stage:
    """Tells how much of several fits is done, from how much of each is."""

    def __init__(self, name: str, total: int, update: common.Update) -> None:
        self._name, self._total, self._update = name, total, update
        self._fits, self._most = 0, 0.0
        update(name, 0.0)

    def within(self, progress: Progress) -> None:
        """Take a fit's own progress into account; several trainings in one fit count as one."""
        self._tell(self._fits + min(1.0, progress.step / max(1, progress.total)))

    def counted(self, learn: LearnModel) -> LearnModel:
        """Return what learns and counts that it has."""

        def counting(rows: Batch) -> Fitted:
            made = learn(rows)
            self._fits += 1
            self._tell(self._fits)
            return made

        return counting

    def _tell(self, fits: float) -> None:
        self._most = max(self._most, min(1.0, fits / self._total))
        self._update(self._name, self._most)


def pipeline(model: Model, privacy: Privacy | None, draws: int, hook: ProgressHook) -> LearnModel:
    """Return what fits a model by the pipeline and draws rows; their number tells of no canary."""
    columns = model.table().columns

    def learn(rows: Batch) -> Fitted:
        frame = decode_frame(columns, rows)
        synthesizer = Synthesizer(model, privacy=privacy)
        if privacy is None:
            synthesizer.fit(frame, violations="drop", seed=randbelow(2**31), progress=hook)
        else:
            synthesizer.fit(frame, progress=hook)
        drawn = encode_frame(columns, synthesizer.sample(draws))
        return Fitted(drawn, synthesizer.log_likelihood)

    return learn


def spare_rows(model: Model) -> Callable[[int], Batch]:
    """Return what draws rows from the rules alone."""
    made = Synthesizer(model).rules_only()
    return lambda count: encode_frame(model.table().columns, made.sample(count))


def _canaries(
    model: Model, train: Batch, models: Models, learn: LearnModel, confidence: float
) -> Bound:
    columns, spare = model.table().columns, spare_rows(model)
    canaries = rare_rows(columns, spare(POOL * models.canaries), train, models.canaries)
    exchanged = models.privacy is not None and models.privacy.relation().kind == "replace"
    return canary_bound(
        learn,
        columns,
        train,
        canaries,
        models.runs,
        models.delta,
        confidence,
        copies=models.copies,
        spare=spare if exchanged else None,
    )


def _neighbours(
    model: Model, train: Batch, models: Models, confidence: float, update: common.Update
) -> tuple[Bound, ...]:
    assert models.privacy is not None
    update("neighbouring runs", 0.0)
    pool = spare_rows(model)(NEIGHBOURING)
    case = case_of(model.table(), train.take(np.arange(len(train))[:NEIGHBOURING]), pool)
    told = partial(update, "neighbouring runs")
    return neighbouring_bounds(case, models.privacy, models.neighbour_runs, confidence, told)


def _shadows(
    table: nodes.Table,
    tables: tuple[Batch, Batch, Batch],
    models: Models,
    learn: LearnModel,
    seed: int,
    confidence: float,
) -> Membership:
    train, holdout, synthetic = tables
    rng = np.random.default_rng(seed)
    count = min(len(train), max(1, len(holdout) // 3), models.learned or len(train))
    inside = train.take(rng.permutation(len(train))[:count])
    order = rng.permutation(len(holdout))
    outside, population = holdout.take(order[:count]), holdout.take(order[count:])
    texts = [c.name for c in table.columns if isinstance(c.type, TextType)]
    return shadow_attack(
        lambda rows: learn(rows).rows,
        table.columns,
        concat([inside, outside], texts),
        np.arange(2 * count) < count,
        synthetic,
        population,
        models.shadows,
        seed,
        confidence,
    )

"""An assessment as plain data: every figure beside its noise floor, with a confidence interval.

Nothing is computed here, but for the verdict. Whoever shows an assessment (a terminal, a page,
JSON) needs this module alone.

Conventions. A *share* is between 0 and 1. An interval is (low, high) at ``Assessment.confidence``.
A *noise floor* is what the same figure comes to between real rows and other real rows: no synthetic
rows can be expected to do better. Where a figure, its interval or its floor is not defined it is
None. All texts are plain: no markup.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from synthtab.assess.verdict import Verdict, judged

Interval = tuple[float, float]
Better = Literal["lower", "higher"]
Form = Literal["percent", "number"]

TITLES = {
    "shape": "shape error",
    "tv": "total variation",
    "kl": "KL divergence (nats)",
    "w1": "W1 (standard deviations)",
    "bigrams": "pairs of characters",
    "pair": "pair error",
    "correlation": "correlation error",
    "c2st": "two-sample AUC",
    "alpha_precision": "α-precision",
    "beta_recall": "β-recall",
    "copies": "exact copies",
    "children": "children per parent (W1 in means)",
    "steps": "pair error of a value and the next",
    "step_correlation": "difference of lag-1 correlations",
}
"""What a reader is told each score is, by its name."""


@dataclass(frozen=True)
class Score:
    """One figure. ``name`` is short and the same in every assessment; ``definition`` is a sentence.

    ``form`` says how it is shown: a share as a percentage, anything else as a number.
    """

    name: str
    value: float | None
    interval: Interval | None
    floor: float | None
    floor_interval: Interval | None
    better: Better
    definition: str
    form: Form = "number"


@dataclass(frozen=True)
class Histogram:
    """One column's distribution on both sides.

    ``kind`` is ``categories`` (enum, boolean), ``numbers``, ``dates`` (dates, datetimes) or
    ``lengths`` (text, by its number of characters). ``labels`` (bins,) names each bar.
    ``edges`` (bins + 1,) are the ends of the bins, rising: numbers in their own units, dates in
    days since 1970-01-01, with a fraction for a time of day; empty for categories. ``real`` and
    ``synthetic`` (bins,) are shares of all rows of a side, NULLs included, so that each side and
    its share of NULLs come to 1 together.
    """

    kind: Literal["categories", "numbers", "dates", "lengths"]
    labels: tuple[str, ...]
    edges: tuple[float, ...]
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    real_null: float
    synthetic_null: float


@dataclass(frozen=True)
class ColumnScores:
    """One column: its type in words, its figures, and the distributions they were taken from."""

    name: str
    type: str
    scores: tuple[Score, ...]
    histogram: Histogram

    def score(self, name: str) -> Score | None:
        """Return the figure of that name, None where this column has none."""
        return next((s for s in self.scores if s.name == name), None)


@dataclass(frozen=True)
class PairScore:
    """How far a pair of columns is from the real one, beside the floor.

    ``real`` and ``synthetic`` are the trends themselves (correlations), None for contingencies.
    """

    one: str
    other: str
    value: float
    floor: float | None
    real: float | None = None
    synthetic: float | None = None


@dataclass(frozen=True)
class Example:
    """A synthetic row that breaks a rule: its number from 1, and (name, value) of what counts."""

    row: int
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RuleScore:
    """One rule, or one column's declaration (``kind`` is ``column``).

    ``real`` and ``synthetic`` are the shares of rows that keep it, ``violated`` how many synthetic
    rows break it, ``interval`` that of the synthetic share among all rows such a generator draws.
    ``required`` is the share that a soft rule asks for, None for a hard one. ``text`` is the rule
    as it is written in a rules file, without its description; ``examples`` are the first synthetic
    rows that break it.
    """

    name: str
    kind: str
    description: str | None
    real: float
    synthetic: float
    interval: Interval
    violated: int
    required: float | None
    kept: bool
    text: str = ""
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Rules:
    """Compliance: shares of rows that keep every hard rule and declaration, then rule by rule.

    ``unchecked`` holds (rule, reason) of what could not be judged.
    """

    real: float
    synthetic: float
    interval: Interval
    violated: int
    rules: tuple[RuleScore, ...]
    unchecked: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Learner:
    """One kind of model, trained on real rows and on as many synthetic ones, tested on real rows.

    ``loss`` is the score on real less the score on synthetic rows, with its interval by paired
    bootstrap; ``floor`` is the difference between two models of this kind that are trained on
    disjoint halves of the real rows. A figure is None where the model could not be trained, and
    ``note`` says why.
    """

    name: str
    on_real: float | None
    on_real_interval: Interval | None
    on_synthetic: float | None
    on_synthetic_interval: Interval | None
    loss: float | None
    loss_interval: Interval | None
    floor: float | None
    note: str = ""


@dataclass(frozen=True)
class Utility:
    """What synthetic rows are good for: models trained on them, tested on real rows.

    ``metric`` is ``AUC`` (classification; 0.5 is chance) or ``R2`` (regression; 0 is the mean),
    ``tested_on`` a phrase that says which rows the models are tested on.
    """

    target: str
    task: Literal["classification", "regression"]
    metric: Literal["AUC", "R2"]
    train_rows: int
    test_rows: int
    tested_on: str
    learners: tuple[Learner, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attack:
    """One attack, or one measure of nearness.

    ``floor`` is what it comes to where real rows that nobody learned from take the place of the
    synthetic ones. ``found`` says whether it did better than chance (with the confidence of all
    attacks together).
    """

    name: str
    measure: str
    value: float
    interval: Interval | None
    floor: float | None
    ideal: float | None
    found: bool
    definition: str
    form: Form = "number"


@dataclass(frozen=True)
class Disclosure:
    """What attackers found: an audit's findings as rows, and its verdict as sentences."""

    train_rows: int
    holdout_rows: int
    synthetic_rows: int
    attacks: tuple[Attack, ...]
    found: bool
    verdict: tuple[str, ...]
    skipped: tuple[str, ...]
    confidence: float


@dataclass(frozen=True)
class Guarantee:
    """The privacy guarantee of the model that drew the rows.

    ``statement`` is a paragraph, ``ledger`` rows of text, the first one their heading.
    """

    statement: str
    epsilon: float
    delta: float
    ledger: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Left:
    """A part that was not assessed, and why."""

    part: str
    reason: str


@dataclass(frozen=True)
class Rows:
    """How many rows each side has; ``holdout`` is None where none was given.

    ``looked_at`` holds (part, rows): the most rows of a side that a part looked at, for parts that
    look at a sample where there are many.
    """

    real: int
    synthetic: int
    holdout: int | None
    looked_at: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Assessment:
    """Everything that was found out about one table's synthetic rows.

    ``overall`` are the table's figures (means over columns and pairs, and those of whole rows),
    ``pairs`` the contingency errors of pairs of columns and ``correlations`` the differences of
    their correlations, both from the worst down. ``notes`` say what a reader should know of how the
    figures came about (the hold-out equals the training rows, columns left out).
    ``date`` is what the caller gave, ``versions`` holds (package, version).
    """

    table: str
    date: str
    seed: int
    confidence: float
    versions: tuple[tuple[str, str], ...]
    rows: Rows
    overall: tuple[Score, ...]
    columns: tuple[ColumnScores, ...]
    pairs: tuple[PairScore, ...]
    correlations: tuple[PairScore, ...]
    rules: Rules | None
    utility: Utility | None
    disclosure: Disclosure | None
    guarantee: Guarantee | None
    left: tuple[Left, ...] = ()
    notes: tuple[str, ...] = ()

    def score(self, name: str) -> Score | None:
        """Return the table's figure of that name, None where it was not assessed."""
        return next((s for s in self.overall if s.name == name), None)

    def verdict(self) -> Verdict:
        """Return what all of it comes to, in plain words."""
        return judged(self)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, the verdict first."""
        return {"verdict": asdict(self.verdict()), **asdict(self)}


@dataclass(frozen=True)
class Relation:
    """The figures of one reference between tables, or of one sequence: ``name`` says which."""

    name: str
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Assessments:
    """One assessment for each table, and the figures of what links their rows."""

    tables: tuple[Assessment, ...]
    relations: tuple[Relation, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {
            "tables": [table.to_dict() for table in self.tables],
            "relations": [asdict(relation) for relation in self.relations],
        }

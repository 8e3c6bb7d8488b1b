"""One table's assessment: every part in turn, each within sizes that keep it short."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import version

import numpy as np

from synthtab.assess import boosted, disclosure, utility
from synthtab.assess.assessment import (
    Assessment,
    ColumnScores,
    Disclosure,
    Guarantee,
    Left,
    PairScore,
    Rows,
    Rules,
    Score,
    Utility,
)
from synthtab.assess.compliance import Compliance, compliance
from synthtab.assess.copies import copied, same_rows
from synthtab.assess.learners import Learn
from synthtab.assess.relations import meaningful
from synthtab.assess.rulescores import rule_scores
from synthtab.assess.scores import Sides, column_scores, halves, pair_scores
from synthtab.assess.wholerows import copies_score, precision_scores, two_sample_score
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.schema import TextType

_SECONDS = {
    "rules": 0.3,
    "columns": 1.5,
    "pairs": 1.0,
    "twosample": 3.0,
    "precision": 1.0,
    "copies": 0.3,
    "utility": 3.5,
    "bert": 30.0,
    "disclosure": 10.0,
}
"""How long parts take, about, for the forecast."""
PARTS = tuple(_SECONDS)
"""All parts, in the order they are assessed in."""
USUAL = tuple(p for p in PARTS if p != "bert")
"""Those that are assessed unless others are asked for."""
BOOSTED = ("twosample", "utility")
"""Parts that need XGBoost."""
_NO_HOLDOUT = "it takes real rows that nobody learned from; give a hold-out"
_NO_TARGET = "no target column was named"
_SAME = "the hold-out is the training rows; give real rows that nobody learned from"

Progress = Callable[[str, float], None]


def check_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """Return parts in their order, each once. Raises UsageError for one that is not known."""
    for part in parts:
        if part not in PARTS:
            near = get_close_matches(part, PARTS, n=1)
            hint = f"; is it {near[0]!r}?" if near else ""
            raise UsageError(f"there is no part {part!r}{hint} The parts: {', '.join(PARTS)}")
    return tuple(p for p in PARTS if p in parts)


def check_confidence(confidence: float) -> None:
    """Raise UsageError for a confidence that is none."""
    if not 0 < confidence < 1:
        raise UsageError(f"confidence {confidence}: it is between 0 and 1, 0.95 is usual")


def assess_table(
    table: nodes.Table,
    train: Batch,
    synthetic: Batch,
    holdout: Batch | None = None,
    target: str | None = None,
    seed: int = 0,
    parts: Sequence[str] | None = None,
    guarantee: Guarantee | None = None,
    progress: Progress | None = None,
    *,
    confidence: float = 0.95,
    date: str = "",
    kept: tuple[Compliance, Compliance] | None = None,
) -> Assessment:
    """Assess synthetic rows of a table against the real rows they were learned from.

    ``holdout`` are real rows of the same source that were not learned from: utility is tested on
    them, and disclosure is what sets training rows off from them, so that without them neither is
    assessed. ``target`` is the column that models are to tell. ``parts`` are some of PARTS; without
    it they are USUAL, and a part that needs a package which is not there is left out with the
    reason. ``kept`` is the compliance of both sides where rules need more than this table;
    ``date`` is put into the result as it is.

    Columns that only tell rows apart, or refer to other rows, are left out of everything but rules.
    Rows are capped in parts that would take long, which the result says.

    Raises UsageError for a side without rows, a hold-out of none among them, a confidence that is
    not between 0 and 1, a part that is not known, a target that is none, and where a part that was
    asked for needs a package that is missing.
    """
    if not len(train) or not len(synthetic):
        raise UsageError(
            f"table `{table.name}` has {len(train):,} real and {len(synthetic):,} synthetic rows; "
            "an assessment needs some of both"
        )
    check_confidence(confidence)
    asked = check_parts(USUAL if parts is None else parts)
    if target is not None:
        utility.check_target(table.columns, target)
    if holdout is not None:
        disclosure.check_holdout(holdout)
    work = _Work(table, train, synthetic, holdout, target, seed, confidence)
    asked = work.possible(asked, strict=parts is not None)
    total, done = sum(_SECONDS[p] for p in asked) or 1.0, 0.0
    for part in asked:
        share = _SECONDS[part] / total

        def said(within: float, done: float = done, share: float = share) -> None:
            if progress is not None:
                progress(f"assessing {table.name}", min(1.0, done + share * within))

        said(0.0)
        work.do(part, said, kept)
        done += share
        said(0.0, done)
    return work.result(asked, guarantee, date)


@dataclass
class _Work:
    """What is given, and what has been found so far."""

    table: nodes.Table
    train: Batch
    synthetic: Batch
    holdout: Batch | None
    target: str | None
    seed: int
    confidence: float
    overall: list[Score] = field(default_factory=list)
    columns: tuple[ColumnScores, ...] = ()
    pairs: tuple[PairScore, ...] = ()
    correlations: tuple[PairScore, ...] = ()
    rules: Rules | None = None
    utility: Utility | None = None
    disclosure: Disclosure | None = None
    left: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    looked_at: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.compared = meaningful(self.table)
        self.rng = np.random.default_rng(self.seed)
        self.sides = Sides.of(self.train, self.synthetic, self.rng)
        self.chance = halves(self.train, self.rng)
        self.same = self.holdout is not None and same_rows(
            self.table.columns, self.train, self.holdout
        )
        names = {c.name for c in self.compared}
        if keys := [c.name for c in self.table.columns if c.name not in names]:
            self.notes.append(
                f"columns that only tell rows apart or refer to other rows are not compared: "
                f"{', '.join(keys)}"
            )
        if not self.table.rules:
            self.notes.append("the table has no rules: only its columns' declarations are checked")
        if self.holdout is not None:
            self._look_at_holdout(self.holdout)

    def _look_at_holdout(self, holdout: Batch) -> None:
        if self.same:
            self.notes.append("the hold-out is the training rows, in whatever order")
            return
        shared = float(copied(self.compared, holdout, self.train).mean())
        usual = 0.0
        if self.chance is not None:
            usual = float(copied(self.compared, self.chance.one, self.chance.other).mean())
        if shared > 0.1 + 2 * usual:
            self.notes.append(
                f"{shared:.1%} of the hold-out are training rows to the cell, where of one half of "
                f"the training rows {usual:.1%} are among the other: were they learned from?"
            )

    def possible(self, asked: Sequence[str], strict: bool) -> tuple[str, ...]:
        """Return the parts that can be assessed; the others are left, with the reason."""
        reasons: dict[str, str] = {}
        if any(part in BOOSTED for part in asked):
            try:
                boosted.version()
            except UsageError as error:
                if strict:
                    raise
                reasons |= dict.fromkeys(BOOSTED, str(error))
        for part in ("utility", "bert", "disclosure"):
            if self.holdout is None:
                reasons[part] = _NO_HOLDOUT
            elif self.same:
                reasons[part] = _SAME
        for part in ("utility", "bert"):
            if self.target is None:
                reasons[part] = _NO_TARGET
        if len(self.compared) < 2:
            reasons["pairs"] = "there are fewer than two columns to compare"
        if not self.compared:
            only = "every column only tells rows apart or refers to other rows"
            reasons |= dict.fromkeys((p for p in PARTS if p != "rules"), only)
        self.left += [Left(part, reasons[part]) for part in asked if part in reasons]
        return tuple(part for part in asked if part not in reasons)

    def do(
        self,
        part: str,
        said: Callable[[float], None],
        kept: tuple[Compliance, Compliance] | None,
    ) -> None:
        """Assess one part; where its rows do not suffice it is left, with the reason."""
        try:
            if part == "rules":
                both = kept or (
                    compliance(self.table, self.train),
                    compliance(self.table, self.synthetic),
                )
                self.rules = rule_scores(*both, self.confidence, self.table)
            elif part == "disclosure":
                self._disclose(said)
            elif part in ("utility", "bert"):
                self._use(part)
            elif part in ("columns", "pairs"):
                self._compare(part, said)
            else:
                self._whole(part)
        except UsageError as error:
            self.left.append(Left(part, str(error)))

    def _compare(self, part: str, said: Callable[[float], None]) -> None:
        given = self.compared, self.sides, self.chance, self.confidence, said
        if part == "columns":
            means, self.columns = column_scores(*given)
        else:
            means, self.pairs, self.correlations = pair_scores(*given)
        self.overall += means

    def _whole(self, part: str) -> None:
        sides = self.compared, self.train, self.synthetic
        if part == "twosample":
            score, rows = two_sample_score(*sides, self.seed, self.confidence)
            self.overall.append(score)
            self.looked_at.append((part, rows))
        elif part == "precision":
            scores, rows = precision_scores(*sides, self.seed, self.confidence)
            self.overall += scores
            self.looked_at.append((part, 3 * rows))
        else:
            held = None if self.same else self.holdout
            self.overall.append(copies_score(*sides, held, self.seed, self.confidence))

    def _use(self, part: str) -> None:
        assert self.target is not None
        assert self.holdout is not None
        learners: dict[str, Learn] | None = None
        if part == "bert":
            from synthtab.assess.rowbert import small_bert  # torch, transformers

            learners = {"BERT": small_bert}
        names = {*(c.name for c in self.compared), self.target}
        found = utility.utility(
            [c for c in self.table.columns if c.name in names],
            self.target,
            self.train,
            self.synthetic,
            self.holdout,
            learners,
            self.seed,
            self.confidence,
        )
        if self.utility is None:
            self.utility = found
            self.looked_at.append(("utility", found.train_rows))
        else:
            together = (*self.utility.learners, *found.learners)
            self.utility = replace(self.utility, learners=together)

    def _disclose(self, said: Callable[[float], None]) -> None:
        assert self.holdout is not None
        # The target first: it is among the columns that are guessed.
        ordered = sorted(self.compared, key=lambda c: c.name != self.target)
        self.disclosure = disclosure.disclosure(
            ordered,
            self.train,
            self.holdout,
            self.synthetic,
            seed=self.seed,
            confidence=self.confidence,
            progress=said,
        )
        most = max(len(self.train), len(self.holdout), len(self.synthetic))
        if most > disclosure.ROWS:
            self.looked_at.append(("disclosure", disclosure.ROWS))

    def result(self, asked: Sequence[str], guarantee: Guarantee | None, date: str) -> Assessment:
        """Return all that was found."""
        if texts := [c.name for c in self.compared if isinstance(c.type, TextType)]:
            self.notes.append(
                "texts are compared by their length and pairs of characters, and are not learned "
                f"from: {', '.join(texts)}"
            )
        return Assessment(
            self.table.name,
            date,
            self.seed,
            self.confidence,
            _versions(asked),
            Rows(
                len(self.train),
                len(self.synthetic),
                None if self.holdout is None else len(self.holdout),
                tuple(self.looked_at),
            ),
            tuple(self.overall),
            self.columns,
            self.pairs,
            self.correlations,
            self.rules,
            self.utility,
            self.disclosure,
            guarantee,
            tuple(self.left),
            tuple(self.notes),
        )


def _versions(asked: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return what the figures were made with."""
    names = ["synthtab", "numpy", "scipy", "scikit-learn"]
    if "bert" in asked:
        names += ["torch", "transformers"]
    found = [("python", platform.python_version()), *((name, version(name)) for name in names)]
    if any(part in BOOSTED for part in asked):
        found.append(("xgboost", boosted.version()))
    return tuple(found)

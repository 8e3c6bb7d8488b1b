"""What rows are good for: models trained on them, tested on real rows that nobody learned from.

Each learner is trained on synthetic rows and on as many real ones ("train on synthetic, test on
real": Esteban, Hyland and Rätsch, "Real-valued (medical) time series generation with recurrent
conditional GANs", 2017), and tested on the same hold-out. The floor is the difference between two
models of its kind that are trained on the two halves of the real rows.

Classes are judged by the area under the ROC curve, the mean over the classes of the test rows, each
against the rest (several), or the one area (two); a class that training rows lack is given no
chance, and its area is 0.5. Numbers are judged by R2. Intervals are by bootstrap over the test
rows, the same draws for both models, and leave out what training again would change.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from synthtab.assess.assessment import Learner, Utility
from synthtab.assess.intervals import Floats, interval
from synthtab.assess.learners import Examples, Learn, Task, linear, trees
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.schema import BooleanType, Column, EnumType, TextType

ROWS = 8_000
"""Rows that a model is trained on."""
TESTED = 4_000
"""Rows that it is tested on."""
LEAST = 20
"""So many rows are needed to train on, and to test on."""
RARE = 5
"""Classes of fewer test rows are not judged."""
DRAWS = 100

LEARNERS: dict[str, Learn] = {"XGBoost": trees, "logistic regression": linear}


def check_target(columns: Sequence[Column], target: str) -> Column:
    """Return the column that is to be told.

    Raises UsageError naming near ones where there is none, and for text, which has no classes.
    """
    column = next((c for c in columns if c.name == target), None)
    if column is None:
        names = [c.name for c in columns]
        near = get_close_matches(target, names, n=3, cutoff=0.5)
        hint = f"; is it {' or '.join(repr(n) for n in near)}?" if near else ""
        raise UsageError(f"there is no column {target!r}{hint} The columns: {', '.join(names)}")
    if isinstance(column.type, TextType):
        raise UsageError(f"target {target!r} is text: name a number, a date, an enum or a boolean")
    return column


def utility(
    columns: Sequence[Column],
    target: str,
    train: Batch,
    synthetic: Batch,
    test: Batch,
    learners: dict[str, Learn] | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    rows: int = ROWS,
    tested: int = TESTED,
    classes: bool | None = None,
) -> Utility:
    """Train each learner on real and on synthetic rows, and test both on ``test``.

    Text columns are left out of what is told from. At most ``rows`` rows are trained on, ``tested``
    are tested on, drawn by ``seed``. ``classes`` says whether the target's values are classes;
    without it an enum's and a boolean's are, and those of a number that has no more than two.

    Raises UsageError for a target that is none (:func:`check_target`), where there is nothing to
    tell it from, where it is the same in all real rows, and where there are fewer than 20 rows with
    a target on a side.
    """
    column = check_target(columns, target)
    task, sides = _task(columns, column, (train, synthetic, test), classes)
    if not task.columns:
        raise UsageError(f"there is no column but text to tell {target!r} from")
    if len(sides[0].truth) and np.ptp(sides[0].truth) == 0:
        raise UsageError(f"there is nothing to tell: {target!r} is the same in all real rows")
    if min(map(len, (s.truth for s in sides))) < LEAST:
        counts = ", ".join(f"{len(s.truth):,}" for s in sides)
        raise UsageError(
            f"models need {LEAST} rows with a {target!r} on each side: there are {counts} (real, "
            "synthetic, hold-out)"
        )
    rng = np.random.default_rng(seed)
    size = min(rows, len(sides[0].truth), len(sides[1].truth))
    real, made, held = (
        side.take(rng.permutation(len(side.truth))[:most])
        for side, most in zip(sides, (size, size, tested), strict=True)
    )
    judged, notes = _judged(task, column, real, made, held)
    if task.classes is not None and len(judged) < 2:
        raise UsageError(
            f"there is nothing to tell: fewer than two values of {target!r} have {RARE} rows of "
            "the hold-out"
        )
    if task.classes is None and held.truth.std() == 0:
        raise UsageError(f"there is nothing to tell: {target!r} is the same in all of the hold-out")
    rows_drawn = np.concatenate(
        [
            np.arange(len(held.truth))[None, :],
            rng.integers(0, len(held.truth), (DRAWS, len(held.truth))),
        ]
    )
    middle = size // 2
    halves = real.take(np.arange(middle)), real.take(np.arange(middle, size))
    found = []
    for name, learn in (LEARNERS if learners is None else learners).items():
        scores = [learn(task, side, held.rows, seed) for side in (real, made, *halves)]
        draws = [
            np.array([metric(held.truth[d], s[d], judged) for d in rows_drawn]) for s in scores[:2]
        ]
        ends = [metric(held.truth, s, judged) for s in scores[2:]]
        low = 0.0 if task.classes is not None else float("-inf")
        lost = draws[0] - draws[1]
        found.append(
            Learner(
                _called(name, task),
                float(draws[0][0]),
                interval(draws[0], confidence, low, 1.0),
                float(draws[1][0]),
                interval(draws[1], confidence, low, 1.0),
                float(lost[0]),
                interval(lost, confidence, float("-inf")),
                abs(ends[0] - ends[1]),
            )
        )
    return Utility(
        target,
        "regression" if task.classes is None else "classification",
        "R2" if task.classes is None else "AUC",
        size,
        len(held.truth),
        "rows of the hold-out, which nobody learned from",
        tuple(found),
        notes,
    )


def _called(learner: str, task: Task) -> str:
    return "ridge regression" if learner == "logistic regression" and not task.classes else learner


def score(
    columns: Sequence[Column],
    train: Batch,
    test: Batch,
    target: str,
    *,
    classes: bool | None = None,
    seed: int = 0,
) -> float:
    """Return how well boosted trees that are trained on all of ``train`` do on all of ``test``.

    ``classes`` is as for :func:`utility`. Raises UsageError for a target that is none, and without
    XGBoost; a target of one class in ``test`` gives 0.5.
    """
    column = check_target(columns, target)
    task, (known, held) = _task(columns, column, (train, test), classes)
    judged, _ = _judged(task, column, known, known, held)
    if task.classes is not None and len(judged) < 2:
        return 0.5
    return metric(held.truth, trees(task, known, held.rows, seed), judged)


def metric(truth: Floats, scores: Floats, judged: NDArray[np.int64]) -> float:
    """Return the area under the ROC curve, the mean over ``judged`` classes, or R2 for none."""
    if not len(judged):
        rest = float(((truth - scores[:, 0]) ** 2).sum())
        whole = float(((truth - truth.mean()) ** 2).sum())
        return 1 - rest / whole if whole > 0 else 0.0
    # Of two classes one area is the other.
    areas = [_area(truth == k, scores[:, k]) for k in (judged[1:] if len(judged) == 2 else judged)]
    return float(np.mean(areas))


def _area(mine: NDArray[np.bool_], scores: Floats) -> float:
    count = int(mine.sum())
    if count in (0, len(mine)):
        return 0.5
    ranks = float(rankdata(scores)[mine].sum())
    return (ranks - count * (count + 1) / 2) / (count * (len(mine) - count))


def _task(
    columns: Sequence[Column], target: Column, sides: Sequence[Batch], classes: bool | None
) -> tuple[Task, list[Examples]]:
    """Return the task, and the sides' rows that have a target."""
    rest = tuple(c for c in columns if c.name != target.name and not isinstance(c.type, TextType))
    there = []
    for rows in sides:
        codes, nulls = rows.column(target.name)
        there.append((rows.take(~nulls), codes[~nulls]))
    values = np.unique(np.concatenate([there[0][1], there[-1][1]]))
    if classes is None:
        classes = isinstance(target.type, EnumType | BooleanType) or len(values) <= 2
    if not classes:
        centre = float(there[0][1].mean()) if len(there[0][1]) else 0.0
        return Task(rest, None), [
            Examples(b, np.asarray(codes - centre, dtype=np.float64)) for b, codes in there
        ]
    examples = []
    for rows, codes in there:
        place = np.searchsorted(values, codes)
        known = (place < len(values)) & (values[np.minimum(place, len(values) - 1)] == codes)
        examples.append(Examples(rows.take(known), place[known].astype(np.float64)))
    return Task(rest, len(values)), examples


def _judged(
    task: Task, target: Column, real: Examples, made: Examples, held: Examples
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the classes that are judged, and what there is to say of others."""
    if task.classes is None:
        return np.empty(0, dtype=np.int64), ()
    counts = np.bincount(held.truth.astype(np.int64), minlength=task.classes)
    judged = np.flatnonzero(counts >= RARE)
    notes = []
    if rare := int(((counts > 0) & (counts < RARE)).sum()):
        notes.append(f"{rare} values of {target.name} with fewer than {RARE} rows are not judged")
    for side, what in ((real, "real"), (made, "synthetic")):
        if lacking := len(np.setdiff1d(judged, side.truth.astype(np.int64))):
            notes.append(f"the {what} training rows lack {lacking} values of {target.name}")
    return judged, tuple(notes)

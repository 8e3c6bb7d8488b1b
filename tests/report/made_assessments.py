"""Assessments made up for tests of the page: of any width, whole or with parts left out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from synthtab.assess.assessment import (
    Assessment,
    Attack,
    ColumnScores,
    Disclosure,
    Example,
    Guarantee,
    Histogram,
    Learner,
    Left,
    PairScore,
    Rows,
    Rules,
    RuleScore,
    Score,
    Utility,
)

HOSTILE = "<script>alert('x')</script>&\"'"


def score(
    name: str, value: float, floor: float | None, *, form: str = "percent", better: str = "lower"
) -> Score:
    wide = 0.1 * abs(value)
    around = None if floor is None else (0.8 * floor, 1.2 * floor)
    said = f"what {name} means"
    return Score(name, value, (value - wide, value + wide), floor, around, better, said, form)


def numbers(rng: np.random.Generator, bins: int = 20, null: float = 0.0) -> Histogram:
    real, synthetic = (rng.dirichlet(np.full(bins, 3.0)) * (1 - null) for _ in range(2))
    edges = tuple(float(x) for x in np.linspace(0, 100, bins + 1))
    labels = tuple(f"{a:g} to {b:g}" for a, b in pairwise(edges))
    return Histogram("numbers", labels, edges, tuple(real), tuple(synthetic), null, null / 2)


def words(rng: np.random.Generator, levels: int) -> Histogram:
    real, synthetic = (rng.dirichlet(np.full(levels, 2.0)) for _ in range(2))
    labels = tuple(f"value {k}" for k in range(levels))
    return Histogram("categories", labels, (), tuple(real), tuple(synthetic), 0.0, 0.0)


def column(name: str, rng: np.random.Generator) -> ColumnScores:
    kind = int(rng.integers(3))
    shown = [numbers(rng), numbers(rng, null=0.2), words(rng, int(rng.integers(2, 15)))][kind]
    error = float(rng.uniform(0.001, 0.05))
    scores = [score("shape", error, 0.01)]
    if shown.kind == "numbers":
        scores.append(score("w1", 3 * error, 0.02, form="number"))
    return ColumnScores(name, "enum of words" if kind == 2 else "integer", tuple(scores), shown)


def rule(name: str, violated: int = 0, description: str | None = None) -> RuleScore:
    share = 1 - violated / 5_000
    between = (share - 0.001, min(1.0, share + 0.001))
    first = (Example(17, (("bonus", "9.50"), ("salary", "NULL"))),) if violated else ()
    return RuleScore(
        *(name, "row", description, 0.998, share, between, violated, None, not violated),
        *(f"rule {name}: bonus <= 0.30 * salary", first),
    )


def assessment(
    names: tuple[str, ...] = ("age", "income", "job", "hours"),
    *,
    table: str = "people",
    broken: int = 0,
    seed: int = 0,
) -> Assessment:
    """Return an assessment with every part there is."""
    rng = np.random.default_rng(seed)
    pairs = [
        PairScore(a, b, float(rng.gamma(2.0, 0.02)), 0.03)
        for at, a in enumerate(names)
        for b in names[at + 1 :]
    ]
    trends = [
        PairScore(p.one, p.other, p.value, 0.01, 0.5, 0.5 - p.value) for p in pairs[: len(names)]
    ]
    rules = (
        rule("adult", description="Employees are adults when hired"),
        *(rule(f"rule_{k}") for k in range(9)),
        rule("cap", broken, "A bonus is at most 30% of the salary"),
    )
    total = 1 - broken / 5_000
    learners = (
        Learner(
            "gradient boosting", 0.92, (0.91, 0.93), 0.91, (0.9, 0.92), 0.01, (0.0, 0.02), 0.01
        ),
        Learner("linear", 0.88, (0.87, 0.89), 0.86, (0.85, 0.87), 0.02, (0.01, 0.03), 0.01),
        Learner("nearest", None, None, None, None, None, None, None, "one class alone"),
    )
    attacks = (
        Attack("nearest row", "AUC", 0.51, (0.49, 0.53), 0.5, 0.5, False, "who is nearest"),
        Attack("copies", "share", 0.02, (0.01, 0.03), 0.02, None, False, "to the cell", "percent"),
    )
    return Assessment(
        table,
        "2026-01-02",
        7,
        0.95,
        (("synthtab", "0.1.0"), ("numpy", "2.4.6")),
        Rows(5_000, 5_000, 1_200, (("told apart", 2_000),)),
        (
            score("shape", 0.012, 0.01),
            score("pair", 0.03, 0.032),
            score("c2st", 0.53, 0.5, form="number"),
            score("beta_recall", 0.9, 0.92, form="number", better="higher"),
        ),
        tuple(column(name, rng) for name in names),
        tuple(sorted(pairs, key=lambda p: -p.value)),
        tuple(trends),
        Rules(0.99, total, (total - 0.001, 1.0), broken, rules, (("across", "needs a table"),)),
        Utility(
            "job", "classification", "AUC", 5_000, 1_200, "the hold-out", learners, ("a note",)
        ),
        Disclosure(
            *(5_000, 1_200, 5_000, attacks, False),
            *(("Nobody can be told.",), ("bounds: no runs",), 0.95),
        ),
        Guarantee(
            "This model is (1, 1e-06)-differentially private.",
            *(1.0, 1e-6),
            (
                ("mechanism", "reads", "why", "epsilon alone"),
                ("discrete Gaussian", "age, job", "a marginal", "0.4000"),
                ("discrete Gaussian", "hours", "a marginal", "0.3000"),
            ),
        ),
        notes=("A note on how it was measured.",),
    )


def bare(names: tuple[str, ...] = ("age",)) -> Assessment:
    """Return an assessment of little: no hold-out, rule, target, attack or guarantee."""
    rng = np.random.default_rng(0)
    return Assessment(
        *("people", "", 0, 0.95, (), Rows(10, 10, None)),
        (score("shape", 0.2, None),),
        tuple(column(name, rng) for name in names),
        *((), (), None, None, None, None),
        (
            Left("pairs", "there are fewer than two columns to compare"),
            Left("utility", "no target was named"),
            Left("disclosure", "no hold-out was given"),
        ),
    )

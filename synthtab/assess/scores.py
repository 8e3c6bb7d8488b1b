"""Figures of columns and pairs as scores: each with its interval, beside its noise floor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.assess import columns as single
from synthtab.assess.assessment import Better, ColumnScores, Form, Interval, PairScore, Score
from synthtab.assess.fidelity import random_halves
from synthtab.assess.histograms import histogram
from synthtab.assess.intervals import Floats, Resamples, interval
from synthtab.assess.trends import Trend, contingencies, correlations
from synthtab.batch import Batch
from synthtab.lang.format import format_type
from synthtab.schema import Column, EnumType

Progress = Callable[[float], None]

_FORMS: dict[str, Form] = {"shape": "percent", "tv": "percent", "bigrams": "percent"}
_MEANS = {
    "shape": "The mean over columns of the shape error: " + single.DEFINITIONS["shape"],
    "tv": "The mean over columns. " + single.DEFINITIONS["tv"],
    "kl": "The mean over columns. " + single.DEFINITIONS["kl"],
    "w1": "The mean over columns of numbers, dates and texts. " + single.DEFINITIONS["w1"],
}
PAIR = (
    "The mean over pairs of columns of the total variation of their contingency tables, numbers in "
    "20 quantile bins of the real column."
)
CORRELATION = (
    "The mean over pairs of numbers and dates of the difference of Pearson's correlations, from 0 "
    "to 2."
)


@dataclass(frozen=True)
class Sides:
    """Two tables that are compared, and the groups their rows are drawn again by."""

    one: Batch
    other: Batch
    first: Resamples
    second: Resamples

    @classmethod
    def of(cls, one: Batch, other: Batch, rng: np.random.Generator) -> Sides:
        """Deal the rows of both sides into groups; each has at least one."""
        return cls(one, other, Resamples.of(len(one), rng), Resamples.of(len(other), rng))


def halves(real: Batch, rng: np.random.Generator) -> Sides | None:
    """Return two disjoint random halves of real rows; None of a single row."""
    if len(real) < 2:
        return None
    return Sides.of(*random_halves(real, rng), rng)


def column_scores(
    columns: Sequence[Column],
    sides: Sides,
    chance: Sides | None,
    confidence: float,
    progress: Progress,
) -> tuple[tuple[Score, ...], tuple[ColumnScores, ...]]:
    """Return the means over columns, and the figures of each."""
    measured: list[single.Draws] = []
    usual: list[single.Draws] = []
    found = []
    for at, column in enumerate(columns):
        got = _measured(column, sides)
        floor = {} if chance is None else _measured(column, chance)
        measured.append(got)
        usual.append(floor)
        scores = tuple(
            score(name, draws, floor.get(name), confidence, single.DEFINITIONS[name], _form(name))
            for name, draws in got.items()
        )
        shown = histogram(column, sides.one, sides.other)
        found.append(ColumnScores(column.name, _type(column), scores, shown))
        progress((at + 1) / len(columns))
    overall = [
        score(name, draws, single.mean(usual, name), confidence, text, _form(name))
        for name, text in _MEANS.items()
        if (draws := single.mean(measured, name)) is not None
    ]
    return tuple(overall), tuple(found)


def pair_scores(
    columns: Sequence[Column],
    sides: Sides,
    chance: Sides | None,
    confidence: float,
    progress: Progress,
) -> tuple[tuple[Score, ...], tuple[PairScore, ...], tuple[PairScore, ...]]:
    """Return the means over pairs, and both kinds of trends, the worst first."""
    overall: list[Score] = []
    found: list[tuple[PairScore, ...]] = []
    kinds = (("pair", contingencies, PAIR), ("correlation", correlations, CORRELATION))
    for at, (name, trends, text) in enumerate(kinds):
        got, usual = (
            () if s is None else trends(columns, s.one, s.other, s.first, s.second)
            for s in (sides, chance)
        )
        progress((at + 1) / 2)
        found.append(_pairs(got, usual))
        if not got:
            continue
        floor = np.mean([t.draws for t in usual], axis=0) if usual else None
        draws = np.mean([t.draws for t in got], axis=0)
        form: Form = "percent" if name == "pair" else "number"
        overall.append(score(name, draws, floor, confidence, text, form))
    return tuple(overall), found[0], found[1]


def score(
    name: str,
    draws: Floats,
    floor: Floats | None,
    confidence: float,
    definition: str,
    form: Form = "number",
    better: Better = "lower",
) -> Score:
    """Return a figure from its draws and those of its floor; what is NaN is not defined."""
    value, around = _seen(draws, confidence, form)
    usual, about = (None, None) if floor is None else _seen(floor, confidence, form)
    return Score(name, value, around, usual, about, better, definition, form)


def _seen(draws: Floats, confidence: float, form: Form) -> tuple[float | None, Interval | None]:
    if not np.isfinite(draws[0]):
        return None, None
    high = 1.0 if form == "percent" else float("inf")
    return float(draws[0]), interval(draws, confidence, 0.0, high)


def _measured(column: Column, sides: Sides) -> single.Draws:
    return single.measure(column, sides.one, sides.other, sides.first, sides.second)


def _type(column: Column) -> str:
    if isinstance(column.type, EnumType):
        return f"enum of {len(column.type.values):,}"
    return format_type(column.type)


def _form(name: str) -> Form:
    return _FORMS.get(name, "number")


def _pairs(got: Sequence[Trend], usual: Sequence[Trend]) -> tuple[PairScore, ...]:
    floors = {(t.one, t.other): float(t.draws[0]) for t in usual}
    pairs = [
        PairScore(
            t.one, t.other, float(t.draws[0]), floors.get((t.one, t.other)), t.real, t.synthetic
        )
        for t in got
    ]
    return tuple(sorted(pairs, key=lambda p: (-p.value, p.one, p.other)))

"""The page's words: how figures are written, and what they are called in plain language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from synthtab.assess.assessment import TITLES, Form, Interval, Left, Score
from synthtab.schema import EPOCH

EM_DASH = "—"

LEVELS = {"good": "Good", "look": "Review", "bad": "Problem", "open": "Not assessed"}
"""What the levels of findings are called; ``open`` is what nobody looked at."""

NAMES = {
    "shape": "Single columns",
    "pair": "Pairs of columns",
    "tv": "Shares of values",
    "kl": "Shares of values, rare ones above all",
    "w1": "Distance of values",
    "bigrams": "Pairs of characters in texts",
    "correlation": "Correlations",
    "c2st": "Told apart by a classifier",
    "alpha_precision": "Plausibility",
    "beta_recall": "Coverage",
    "copies": "Exact copies of real rows",
    "children": "Children per parent",
    "steps": "A value and the next",
    "step_correlation": "Correlation of a value and the next",
}
"""Headings in place of the short names of scores; another name is shown as it is."""

PLAIN = {
    "shape": "How far the distribution of a single column is off, on average.",
    "tv": "The share of rows whose value would have to change for a column to match, on average.",
    "kl": "The same, but it counts most where values that real rows have are missing.",
    "w1": "How far values would have to move for a column to match, on average.",
    "bigrams": "How far the pairs of characters in texts are off.",
    "pair": "Whether two columns go together as in real rows: how far their joint distribution is "
    "off, on average.",
    "correlation": "By how much the correlation of two numbers differs, on average.",
    "c2st": "How well a learned model tells synthetic rows from real ones: 0.5 is guessing, 1 is "
    "never wrong.",
    "alpha_precision": "Whether synthetic rows lie where real ones lie: 1 is as often as they do.",
    "beta_recall": "Whether synthetic rows cover the variety of real ones: 1 is all of it.",
    "copies": "Synthetic rows that equal a real row in every cell. Where few different rows are "
    "possible, many do by chance.",
    "children": "Whether parents have as many children as real ones.",
    "steps": "Whether a value follows another as in real rows.",
    "step_correlation": "Whether neighbouring values are correlated as in real rows.",
}
"""What scores mean, in plain words. Their exact definitions stand at the end of the page."""

PARTS = {
    "rules": "the rules",
    "columns": "single columns",
    "pairs": "pairs of columns",
    "twosample": "whether a classifier tells the rows apart",
    "precision": "plausibility and coverage",
    "copies": "exact copies of real rows",
    "utility": "usefulness for training models",
    "bert": "usefulness for a small language model",
    "disclosure": "attacks on privacy",
}
"""What parts of an assessment are called; another name is shown as it is."""

KINDS = {
    "column": "declared type and range",
    "row": "within a row",
    "unique": "no repetition",
    "determines": "one column fixes another",
    "reference": "reference to another row",
    "no overlap": "intervals do not overlap",
    "pair": "between two rows",
}


def name(score: Score) -> str:
    """Return what a score is called."""
    return NAMES.get(score.name, score.name.replace("_", " "))


def plain(score: Score) -> str:
    """Return what a score means in plain words, and which way is better."""
    better = "Lower is better." if score.better == "lower" else "Higher is better."
    return f"{PLAIN.get(score.name, score.definition)} {better}"


def title(score: Score) -> str:
    """Return a score's name in the field."""
    return TITLES.get(score.name, score.name.replace("_", " ")).partition(" (")[0]


def part(of: str) -> str:
    """Return what a part of an assessment is called."""
    return PARTS.get(of, of)


def reason(left: Sequence[Left], *parts: str) -> str:
    """Return why a part was not assessed, as a sentence; empty where no reason is known."""
    found = next((e.reason for e in left if e.part in parts), "")
    return sentence(found)


def sentence(words: str) -> str:
    """Return words with a capital first, and a full stop at the end."""
    words = words.strip()
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}" if words else ""


def figure(value: float | None, form: Form = "number") -> str:
    """Return a figure; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return EM_DASH
    return percent(value) if form == "percent" else number(value)


def percent(value: float) -> str:
    """Return a share as a percentage with two places; an exact 0 or 1 stands out by having none."""
    if value in (0.0, 1.0):
        return f"{value:.0%}"
    shown = f"{value:.2%}"
    if shown in ("0.00%", "-0.00%"):
        return "< 0.01%" if value > 0 else "> -0.01%"
    return "> 99.99%" if shown == "100.00%" and value < 1 else shown


def number(value: float) -> str:
    """Return a number with three places, more where it is small."""
    if value == 0:
        return "0"
    if abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) >= 0.01 else f"{value:#.2g}"


def interval(bounds: Interval | None, form: Form = "number") -> str:
    """Return an interval in words; empty where there is none."""
    if bounds is None:
        return ""
    return f"{figure(bounds[0], form)} to {figure(bounds[1], form)}"


def with_interval(value: float | None, bounds: Interval | None, form: Form = "number") -> str:
    """Return a figure with its interval in brackets."""
    shown = figure(value, form)
    return f"{shown} ({interval(bounds, form)})" if bounds is not None else shown


def count(rows: int, what: str = "row") -> str:
    """Return a number of things, in the singular where it is one."""
    return f"{rows:,} {what}" + ("" if rows == 1 else "s")


def edge(value: float, kind: str, span: float) -> str:
    """Return the end of a bin: a number with as many places as ``span`` needs, or a date."""
    if kind == "dates":
        return _day(value, span)
    if value == round(value) and abs(value) < 1e15 and span >= 4:
        return f"{value:,.0f}"
    places = max(0, 2 - math.floor(math.log10(span))) if span > 0 else 3
    return f"{value:,.{min(places, 6)}f}"


def short(label: str, most: int) -> str:
    """Return a label cut to at most so many characters, with an ellipsis where it was cut."""
    return label if len(label) <= most else label[: max(1, most - 1)].rstrip() + "…"


def _day(value: float, span: float) -> str:
    try:
        day = EPOCH + timedelta(days=math.floor(value))
    except OverflowError:
        return f"day {value:,.0f}"
    if span > 5 * 365:
        return f"{day.year:04d}"
    if span > 2:
        return day.isoformat()
    minutes = round((value - math.floor(value)) * 24 * 60)
    return f"{day.isoformat()} {minutes // 60:02d}:{minutes % 60:02d}"

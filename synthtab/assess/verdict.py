"""What an assessment comes to, in plain words: a paragraph, and findings with a level.

Levels: ``good`` is as good as real rows would be, or kept in full; ``look`` is beyond what chance
explains, and may or may not matter; ``bad`` is what should not go on as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from synthtab.assess.assessment import Assessment, Learner, Score

Level = Literal["good", "look", "bad"]
About = Literal["rules", "fidelity", "utility", "disclosure"]
WORST_FIRST: tuple[Level, ...] = ("bad", "look", "good")

FAR = 0.10
"""A mean error per column or pair of more than this (and beyond the floor) is bad."""
TOLD = 0.80
"""Rows that a classifier tells from real ones with more than this AUC are bad."""
TWINS = 0.02
"""So far below chance, the whole interval of a classifier's AUC speaks of copies."""
LITTLE, LOSS = 0.01, 0.05
"""Models that lose less than the first of AUC, or R2, are good; more than the second is bad."""
LEAK = 0.1
"""An attack that succeeds by more than this beyond what is ideal is bad, and so are more copies of
training rows than a hold-out has; without a hold-out copies deserve a look."""


@dataclass(frozen=True)
class Finding:
    """One thing found: its level, the part of the assessment it is about, and a sentence."""

    level: Level
    about: About
    text: str


@dataclass(frozen=True)
class Verdict:
    """The level of the worst finding, a paragraph, and the findings, worst first.

    ``headline`` is the paragraph's first sentence.
    """

    level: Level
    paragraph: str
    findings: tuple[Finding, ...]
    headline: str = ""


def judged(assessment: Assessment) -> Verdict:
    """Return the verdict on an assessment."""
    found = [
        *_rules(assessment),
        *_fidelity(assessment),
        *_utility(assessment),
        *_disclosure(assessment),
    ]
    ordered = tuple(sorted(found, key=lambda f: WORST_FIRST.index(f.level)))
    level = ordered[0].level if ordered else "good"
    opening = {
        "good": "Nothing in these synthetic rows stands out against real ones.",
        "look": "These synthetic rows differ from real ones in places that deserve a look.",
        "bad": "These synthetic rows should not be used before what is bad in them is looked into.",
    }[level]
    if not found:
        opening = "Nothing was assessed."
    sentences = [opening, *(f.text for f in found)]
    sentences += [f"Not assessed: {left.part} ({left.reason})." for left in assessment.left]
    return Verdict(level, " ".join(sentences), ordered, opening)


def _rules(assessment: Assessment) -> Iterator[Finding]:
    rules = assessment.rules
    if rules is None:
        return
    broken = [r for r in rules.rules if not r.kept]
    if not broken and not rules.violated:
        what = "every rule that could be judged" if rules.unchecked else "every rule"
        if all(r.kind == "column" for r in rules.rules) and not rules.unchecked:
            what = "what their columns declare (the table has no rules)"
        yield Finding("good", "rules", f"All synthetic rows keep {what}.")
        return
    names = ", ".join(r.name for r in sorted(broken, key=lambda r: -r.violated)[:3])
    more = f" and {len(broken) - 3} more" if len(broken) > 3 else ""
    if rules.violated:
        yield Finding(
            "bad",
            "rules",
            f"{rules.violated:,} synthetic rows ({1 - rules.synthetic:.2%}) break a hard rule or a "
            f"declaration ({names}{more}); of the real rows {1 - rules.real:.2%} do.",
        )
        return
    chance = all(r.required is not None and r.interval[1] >= r.required for r in broken)
    text = f"Too few synthetic rows keep {names}{more}, which asks for a share of them"
    yield Finding(
        "look" if chance else "bad",
        "rules",
        f"{text}; so few are within chance." if chance else f"{text}.",
    )


def _fidelity(assessment: Assessment) -> Iterator[Finding]:
    for name, what in (("shape", "columns"), ("pair", "pairs of columns")):
        score = assessment.score(name)
        if score is None or score.value is None:
            continue
        floor = "" if score.floor is None else f" (between real rows: {score.floor:.2%})"
        far = score.value > FAR and not by_chance(score)
        level: Level = "good" if by_chance(score) else "bad" if far else "look"
        verb = "are as near to the real ones as chance allows" if level == "good" else "are off by"
        text = f"The {what} {verb}"
        text += f": {score.value:.2%}{floor}." if level == "good" else f" {score.value:.2%}{floor}."
        yield Finding(level, "fidelity", text)
    score = assessment.score("c2st")
    if score is not None and score.value is not None:
        if _misled(score):
            level, how = "look", "is misled by synthetic rows that repeat real ones"
        elif by_chance(score):
            level, how = "good", "cannot tell synthetic from real rows better than by chance"
        elif score.value > TOLD:
            level, how = "bad", "tells synthetic from real rows easily"
        else:
            level, how = "look", "tells synthetic from real rows somewhat better than by chance"
        yield Finding(level, "fidelity", f"A classifier {how}: AUC {score.value:.3f}.")
    for name, what in (
        ("alpha_precision", "Synthetic rows lie where real rows do less often than real rows"),
        ("beta_recall", "Parts of the real rows are hardly covered by synthetic ones"),
    ):
        score = assessment.score(name)
        if score is not None and score.value is not None and not by_chance(score):
            yield Finding(
                "look", "fidelity", f"{what}: {name.replace('_', '-')} {score.value:.3f}."
            )


def _utility(assessment: Assessment) -> Iterator[Finding]:
    utility = assessment.utility
    if utility is None:
        return
    known = [(item, item.loss) for item in utility.learners if item.loss is not None]
    if not known:
        return
    # Not the greatest loss alone: it may be chance where a smaller one, better known, is not.
    worst, _ = min(known, key=lambda found: (WORST_FIRST.index(_level_of(found[0])), -found[1]))
    text = (
        f"{worst.name} trained on synthetic rows reaches {utility.metric} "
        f"{worst.on_synthetic:.3f} for {utility.target}, on real rows {worst.on_real:.3f}"
    )
    why = ", a difference that chance explains" if _lost_by_chance(worst) else ""
    yield Finding(_level_of(worst), "utility", f"{text}{why}.")


def _level_of(learner: Learner) -> Level:
    loss = learner.loss or 0.0
    if _lost_by_chance(learner) or loss < LITTLE:
        return "good"
    return "bad" if loss > LOSS else "look"


def _lost_by_chance(learner: Learner) -> bool:
    """Say whether a loss may be no more than models trained on other real rows differ by."""
    least = learner.loss if learner.loss_interval is None else learner.loss_interval[0]
    return (least or 0.0) <= (learner.floor or 0.0)


def _disclosure(assessment: Assessment) -> Iterator[Finding]:
    disclosure = assessment.disclosure
    if disclosure is None:
        copies = assessment.score("copies")
        if copies is not None and copies.value is not None and not by_chance(copies):
            floor = f"{copies.floor:.2%}" if copies.floor is not None else "none"
            yield Finding(
                "look",
                "disclosure",
                f"{copies.value:.2%} of synthetic rows are real rows to the cell; of other real "
                f"rows {floor} are.",
            )
        return
    found = [a for a in disclosure.attacks if a.found]
    if not found:
        yield Finding(
            "good",
            "disclosure",
            "No attack found anything about single training rows, which is no proof that none can.",
        )
        return
    names = ", ".join(dict.fromkeys(a.name for a in found))
    if any(a.ideal is None or a.value > a.ideal + LEAK for a in found):
        yield Finding("bad", "disclosure", f"Attacks learned much of training rows: {names}.")
    else:
        text = f"Attacks learned little of training rows, but more than by chance: {names}."
        yield Finding("look", "disclosure", text)


def by_chance(score: Score) -> bool:
    """Say whether chance explains a figure: it is no worse than the floor, or intervals meet.

    Of a classifier's AUC what is far below the floor is no chance either: rows are repeated.
    """
    if score.value is None:
        return True
    if score.floor is None or _misled(score):
        return False
    sign = 1 if score.better == "lower" else -1
    if sign * (score.value - score.floor) <= 0:
        return True
    best = score.value if score.interval is None else score.interval[0 if sign > 0 else 1]
    worst = score.floor
    if score.floor_interval is not None:
        worst = score.floor_interval[1 if sign > 0 else 0]
    return sign * (best - worst) <= 0


def _misled(score: Score) -> bool:
    """Say whether a classifier is wrong more often than chance is, which takes repeated rows."""
    if score.name != "c2st" or score.interval is None:
        return False
    return score.interval[1] < (score.floor or 0.5) - TWINS

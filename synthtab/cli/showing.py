"""An assessment on a terminal: the verdict first, then every figure beside its noise floor."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from synthtab.assess.assessment import (
    TITLES,
    Assessment,
    Assessments,
    Disclosure,
    Form,
    Interval,
    PairScore,
    Relation,
    Rules,
    Score,
    Utility,
)
from synthtab.cli import common

WORST = 5
"""So many pairs of columns are shown, the worst."""
_MARKS = {"good": "[green]good[/]", "look": "[yellow]look[/]", "bad": "[bold red]bad [/]"}


def show(console: Console, assessments: Assessments) -> None:
    """Print assessments, table by table, and what links the tables."""
    several = len(assessments.tables) > 1
    for table in assessments.tables:
        if several:
            rows = table.rows
            title = f"{table.table}: {rows.real:,} real rows, {rows.synthetic:,} synthetic"
            console.print(f"\n[bold]{escape(title)}[/]", soft_wrap=True)
        show_table(console, table)
    _relations(console, assessments.relations)
    console.print(
        "\nThe noise floor is what the same figure comes to between random halves of the real rows."
    )


def show_table(console: Console, found: Assessment) -> None:
    """Print one table's assessment."""
    verdict = found.verdict()
    console.print(f"[bold]{escape(verdict.headline)}[/]", soft_wrap=True)
    for finding in verdict.findings:
        console.print(f"{_MARKS[finding.level]}  {escape(finding.text)}", soft_wrap=True)
    for left in found.left:
        line = f"not assessed: {left.part}: {left.reason}"
        console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)
    for note in found.notes:
        console.print(f"[dim]note: {escape(note)}[/]", soft_wrap=True)
    if found.rules is not None:
        _rules(console, found.rules)
    if found.overall:
        grid = _scores_grid(f"{found.confidence:.0%} interval")
        for score in found.overall:
            _score(grid, score)
        common.print_grid(console, "Distance from the real rows", grid)
    _columns(console, found)
    _pairs(console, "The pairs that are farthest off", found.pairs, "percent")
    _pairs(console, "The correlations that are farthest off", found.correlations, "number")
    if found.utility is not None:
        _utility(console, found.utility)
    if found.disclosure is not None:
        _disclosure(console, found.disclosure)
    if found.guarantee is not None:
        console.print("\n[bold]Privacy guarantee[/]")
        console.print(found.guarantee.statement, markup=False)


def _rules(console: Console, rules: Rules) -> None:
    grid = common.grid("rule", "real", "synthetic", "broken by", right=[1, 2, 3])
    for rule in rules.rules:
        grid.add_row(
            escape(rule.name),
            common.share(rule.real),
            common.share(rule.synthetic),
            f"{rule.violated:,}",
        )
    grid.add_section()
    grid.add_row(
        "all of them",
        common.share(rules.real),
        common.share(rules.synthetic),
        f"{rules.violated:,}",
    )
    common.print_grid(console, "Rules kept", grid)
    for name, reason in rules.unchecked:
        console.print(escape(f"not checked: {name}: {reason}"), soft_wrap=True)


def _columns(console: Console, found: Assessment) -> None:
    if not found.columns:
        return
    names = ("shape", "w1", "tv", "kl")
    heads = [x for name in names for x in (TITLES[name].partition(" (")[0], "floor")]
    grid = common.grid("column", *heads, right=range(1, 1 + len(heads)))
    for column in found.columns:
        cells = []
        for name in names:
            score = column.score(name)
            value = None if score is None else score.value
            floor = None if score is None else score.floor
            form: Form = "number" if score is None else score.form
            cells += [number(value, form), number(floor, form)]
        grid.add_row(escape(column.name), *cells)
    common.print_grid(console, "By column", grid)


def _pairs(console: Console, title: str, pairs: Sequence[PairScore], form: Form) -> None:
    if not pairs:
        return
    grid = common.grid("pair of columns", "measured", "noise floor", right=[1, 2])
    for pair in pairs[:WORST]:
        name = f"{pair.one}, {pair.other}"
        grid.add_row(escape(name), number(pair.value, form), number(pair.floor, form))
    common.print_grid(console, title, grid)


def _utility(console: Console, utility: Utility) -> None:
    grid = common.grid(
        "model",
        "on real",
        "on synthetic",
        "interval",
        "loss",
        "interval",
        "noise floor",
        right=range(1, 7),
    )
    for learner in utility.learners:
        grid.add_row(
            escape(learner.name),
            number(learner.on_real, "number"),
            number(learner.on_synthetic, "number"),
            between(learner.on_synthetic_interval, "number"),
            number(learner.loss, "number"),
            between(learner.loss_interval, "number"),
            number(learner.floor, "number"),
        )
    title = (
        f"{utility.metric} for {utility.target}: models trained on {utility.train_rows:,} rows, "
        f"tested on {utility.test_rows:,} {utility.tested_on}"
    )
    common.print_grid(console, title, grid)
    for note in utility.notes:
        console.print(escape(f"note: {note}"), soft_wrap=True)


def _disclosure(console: Console, found: Disclosure) -> None:
    grid = common.grid(
        "attack", "measure", "value", "interval", "noise floor", "found", right=[2, 3, 4]
    )
    for attack in found.attacks:
        grid.add_row(
            escape(attack.name),
            escape(attack.measure),
            number(attack.value, attack.form),
            between(attack.interval, attack.form),
            number(attack.floor, attack.form),
            "[bold red]yes[/]" if attack.found else "no",
        )
    common.print_grid(console, "Disclosure: what attackers learn of training rows", grid)
    for reason in found.skipped:
        console.print(escape(f"not tried: {reason}"), soft_wrap=True)
    for line in found.verdict:
        console.print(escape(line), soft_wrap=True)


def _relations(console: Console, relations: Sequence[Relation]) -> None:
    for relation in relations:
        grid = _scores_grid("interval")
        for score in relation.scores:
            _score(grid, score)
        common.print_grid(console, relation.name, grid)


def _scores_grid(interval: str) -> Grid:
    return common.grid("", "measured", interval, "noise floor", "is better", right=[1, 2, 3])


def _score(grid: Grid, score: Score) -> None:
    grid.add_row(
        escape(TITLES.get(score.name, score.name)),
        number(score.value, score.form),
        between(score.interval, score.form),
        number(score.floor, score.form),
        score.better,
    )


def number(value: float | None, form: Form) -> str:
    """Return a figure as text, nothing for None."""
    if value is None:
        return ""
    return f"{value:.3%}" if form == "percent" else f"{value:.4f}"


def between(interval: Interval | None, form: Form) -> str:
    """Return an interval as text, nothing for None."""
    if interval is None:
        return ""
    return f"{number(interval[0], form)} to {number(interval[1], form)}"

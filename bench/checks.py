"""How long ``rulecheck check`` takes for large models, and how much it decides."""

from __future__ import annotations

import random
import time

from bench.plans import OWN, PUBLISHED
from bench.report import Figure, Section, at_most, rules_file, seconds
from synthtab.lang.model import Model
from synthtab.solver.prove import examine

LIMIT_S = 10.0
COLUMNS, RULES = 60, 200


def run(seed: int) -> Section:
    """Check made-up models of 60 columns and 200 rules, and the rule sets there are."""
    figures = []
    for width in (6, 20, COLUMNS):
        model = Model.parse(large(seed, width))
        took, found = _timed(model)
        what = f"{COLUMNS} columns, {RULES} rules, in groups of {width} columns"
        headline = f"`rulecheck check` of {what}" if width == COLUMNS else ""
        figures.append(at_most(what, took, LIMIT_S, seconds, headline))
        figures.append(Figure(what + ": findings", found))
    for name in (*PUBLISHED, *OWN):
        took, found = _timed(Model.load(rules_file(name)))
        figures.append(Figure(name, f"{seconds(took)}, {found}"))
    return Section("Proving with `rulecheck check`", "python -m bench check", seed, figures)


def _timed(model: Model) -> tuple[float, str]:
    started = time.perf_counter()
    found = examine(model.tables, model.source, budget_s=LIMIT_S)
    took = time.perf_counter() - started
    opened = sum(d.code == "W303" for d in found)
    return took, f"{len(found) - opened} findings, {opened} tables not wholly decided"


def large(seed: int, width: int) -> str:
    """Return a model of 60 columns and 200 rules that some row keeps.

    Columns come in groups of ``width`` that share rules; every rule holds for one hidden row, so
    that the model is not contradictory.
    """
    rng = random.Random(seed)
    kinds = ["integer in 0 .. 1_000", "decimal(10, 2) in 0 .. 100_000", "enum('a', 'b', 'c', 'd')"]
    kind = [rng.choice(kinds) for _ in range(COLUMNS)]
    lines = [f"  c{k} {kind[k]}{' optional' if rng.random() < 0.2 else ''}" for k in range(COLUMNS)]
    hidden = [rng.randint(1, 999) if "enum" not in kind[k] else 0 for k in range(COLUMNS)]
    letters = [rng.choice("abcd") for _ in range(COLUMNS)]

    def fact(k: int, *, true: bool) -> str:
        """Return a condition on column k that the hidden row makes TRUE, or FALSE."""
        if "enum" in kind[k]:
            return f"c{k} {'=' if true else '!='} '{letters[k]}'"
        slack = rng.randint(0, 400)
        value = hidden[k] + slack if true else hidden[k] - 1 - slack
        return f"c{k} <= {value}"

    for number in range(RULES):
        start = rng.randrange(COLUMNS // width) * width
        group = list(range(start, start + width))
        numbers = [k for k in group if "enum" not in kind[k]]
        a, b, c = rng.choice(group), rng.choice(group), rng.choice(group)
        form = rng.randrange(4)
        if form == 0 and len(numbers) >= 2:
            x, y = rng.sample(numbers, 2)
            gap = hidden[y] - hidden[x] + rng.randint(0, 300)
            text = f"c{y} <= c{x} + {gap}"
        elif form == 1 and len(numbers) >= 3:
            some = rng.sample(numbers, 3)
            total = sum(hidden[k] for k in some) + rng.randint(0, 500)
            text = f"{' + '.join(f'c{k}' for k in some)} <= {total}"
        elif form == 2:
            text = f"when {fact(a, true=True)} then {fact(b, true=True)} or {fact(c, true=False)}"
        else:
            text = f"when {fact(a, true=False)} then {fact(b, true=rng.random() < 0.5)}"
        lines.append(f"  rule r{number}: {text}")
    return "table wide {\n" + "\n".join(lines) + "\n}\n"

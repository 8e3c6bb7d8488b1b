"""How long rules take to become a Plan, and whether it is exact."""

from __future__ import annotations

import time

from bench.report import Figure, Section, rules_file, seconds
from synthtab.lang.model import Model
from synthtab.solver.project import compile_plan

PUBLISHED = ("url_phishing", "heloc", "cervical_cancer", "kc_house")
OWN = ("adult", "rand_hie")
LIMIT_S = 10.0


def run(budget: float = LIMIT_S) -> Section:
    """Compile every rule set with the time budget of ``budget`` seconds a component."""
    figures = []
    for name in (*PUBLISHED, *OWN):
        table = Model.load(rules_file(name)).table()
        started = time.perf_counter()
        plan = compile_plan(table, budget_s=budget)
        took = time.perf_counter() - started
        inexact = [s.column for s in plan.steps if s.inexact is not None]
        state = "exact" if plan.exact else f"not exact for {', '.join(inexact)}"
        asked = f"exact, at most {seconds(LIMIT_S)}" if name in PUBLISHED else ""
        met = plan.exact and took <= LIMIT_S if name in PUBLISHED else None
        what = f"{name}: {len(table.columns)} columns, {len(table.row_rules)} rules"
        figures.append(Figure(what, f"{seconds(took)}, {state}", asked, met))
    return Section("Plans of the published rule sets", "python -m bench plans", None, figures)

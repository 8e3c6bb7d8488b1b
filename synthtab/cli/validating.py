"""The work behind ``rulecheck validate``: rows of one table or of several, judged and reported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.markup import escape

from synthtab.assess.compliance import Audit, Compliance, Listener, RuleCompliance, Values
from synthtab.atomic import atomic
from synthtab.cli import common
from synthtab.cli.datasets import Given
from synthtab.cli.explaining import First, explained
from synthtab.cli.failures import Failures
from synthtab.cli.sarif import sarif
from synthtab.errors import UsageError
from synthtab.lang.model import Model
from synthtab.solver.explanation import Explanation

ROWS_SHOWN = 5


@dataclass(frozen=True)
class Output:
    """How findings are told: as text or JSON, the files to write besides, rows to explain."""

    as_json: bool = False
    sarif: Path | None = None
    failures: Path | None = None
    explain: int | None = None


def validate(
    model: Model, rules_file: Path, data: Given, output: Output, ignore_extra: bool
) -> bool:
    """Print what rows break; return whether a rule is not kept."""
    if output.failures is not None and output.failures.suffix != ".parquet":
        raise UsageError(f"{output.failures}: the name must end in .parquet")
    for target in (output.failures, output.sarif):
        if target is not None:
            with atomic(target, commit=False):
                pass
    failures = Failures()
    first = First(output.explain or 0)
    told = [failures.add] if output.failures is not None else []
    told += [first.add] if first.listens else []
    audit = Audit(model.tables, tuple(data.sources), _all_of(told))
    with common.progress(output.as_json) as update:
        for name, source in data.sources.items():
            step = partial(update, f"checking {source.short}")
            columns = model.table(name).columns
            for batch in source.batches(columns, ignore_extra=ignore_extra, progress=step):
                audit.add(name, batch)
        results = audit.results()
        reasons: dict[str, list[Explanation]] = {}
        if output.explain is not None:
            chosen = first.chosen(results)
            reasons = explained(
                model, data.sources, results, chosen, update, ignore_extra=ignore_extra
            )
    if output.failures is not None:
        failures.write(output.failures)
    if output.sarif is not None:
        findings = sarif(model, rules_file, data.sources, results)
        log = json.dumps(findings, indent=2, ensure_ascii=False)
        with atomic(output.sarif) as temporary:
            temporary.write_text(log + "\n", encoding="utf-8")
    titles = {name: data.sources[name].name for name in results}
    if output.as_json:
        reports = [
            _as_dict(name, titles[name], found)
            | ({"explanations": [e.to_dict() for e in reasons[name]]} if reasons else {})
            for name, found in results.items()
        ]
        report = reports[0] if len(reports) == 1 else {"tables": reports}
        common.print_json(report | ({"absent": data.absent} if data.absent else {}))
    else:
        for name, found in results.items():
            print_compliance(f"{name}: {titles[name]}" if len(results) > 1 else titles[name], found)
            print_rows(found)
            for one in reasons.get(name, ()):
                common.print_text("\n" + one.text())
        for name in data.absent:
            common.stdout().print(escape(f"not read: there is no table `{name}`"))
    return any(found.broken for found in results.values())


def _all_of(listeners: Sequence[Listener]) -> Listener | None:
    """Return a listener that tells all of these; None where there are none."""
    if not listeners:
        return None

    def tell(table: str, rule: str, rows: NDArray[np.int64], values: Sequence[Values]) -> None:
        for listener in listeners:
            listener(table, rule, rows, values)

    return tell


def print_compliance(title: str, result: Compliance) -> None:
    """Print a table of all rules, and which were not checked."""
    console = common.stdout()
    grid = common.grid("rule", "broken by", "kept by", "first rows", right=[1, 2])
    for rule in result.rules:
        grid.add_row(*(escape(cell) for cell in _rule_cells(rule)))
    rows = "row" if result.rows == 1 else "rows"
    heading = f"{title}: {result.rows:,} {rows}, {result.valid:,} of them break nothing"
    common.print_grid(console, heading, grid)
    for left in result.unchecked:
        console.print(escape(f"not checked: {left.name}: {left.reason}"), soft_wrap=True)


def first_rows(rules: Sequence[RuleCompliance]) -> dict[int, tuple[list[RuleCompliance], Values]]:
    """Return the first rows that break any of the rules: which, and the values concerned."""
    found: dict[int, tuple[list[RuleCompliance], dict[str, object]]] = {}
    for rule in rules:
        for row, values in zip(rule.examples, rule.values, strict=True):
            broken, cells = found.setdefault(row, ([], {}))
            broken.append(rule)
            cells.update(values)
    return {row: found[row] for row in sorted(found)[:ROWS_SHOWN]}  # type: ignore[misc]


def print_rows(result: Compliance) -> None:
    """Show the first offending rows: what they break, and the cells concerned."""
    shown = first_rows([r for r in result.rules if r.violated])
    if not shown:
        return
    grid = common.grid("row", "breaks", "where", right=[0])
    for number, (broken, cells) in shown.items():
        where = ", ".join(f"{name} = {_cell(value)}" for name, value in cells.items())
        titles = "; ".join(
            r.name + (f" ({r.description})" if r.description else "") for r in broken
        )
        grid.add_row(str(number), escape(titles), escape(where))
    common.print_grid(common.stdout(), "The first of them", grid)


def _rule_cells(rule: RuleCompliance) -> tuple[str, str, str, str]:
    examples = ", ".join(str(row) for row in rule.examples)
    more = ", ..." if rule.violated > len(rule.examples) else ""
    kept = common.share(rule.share)
    if rule.required is not None:
        kept += f" (at least {common.share(float(rule.required))}: {'yes' if rule.kept else 'NO'})"
    return rule.name, f"{rule.violated:,}", kept, examples + more


def _cell(value: object) -> str:
    return "NULL" if value is None else str(value)


def _as_dict(table: str, data: str, result: Compliance) -> dict[str, object]:
    shown = first_rows([r for r in result.rules if r.violated])
    return {
        "table": table,
        "data": data,
        "rows": result.rows,
        "valid_rows": result.valid,
        "valid_share": result.share,
        "rules": [
            {
                "name": rule.name,
                "kind": rule.kind,
                "description": rule.description,
                "columns": list(rule.columns),
                "violated": rule.violated,
                "share": rule.share,
                "required_share": None if rule.required is None else float(rule.required),
                "kept": rule.kept,
                "first_rows": list(rule.examples),
                "values": [dict(v) for v in rule.values],
            }
            for rule in result.rules
        ],
        "unchecked": [{"name": u.name, "reason": u.reason} for u in result.unchecked],
        "first_rows": [{"row": row, **cells} for row, (_, cells) in shown.items()],
    }

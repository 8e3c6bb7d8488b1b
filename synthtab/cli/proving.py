"""The work behind ``rulecheck check``, ``diff`` and ``witness``: ask the solver, print."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape

from synthtab import files
from synthtab.cli import common
from synthtab.diagnostics import Diagnostic
from synthtab.errors import InfeasibleError, ModelError, UsageError
from synthtab.frames import decode_frame, encode_frame
from synthtab.ir.nodes import Table
from synthtab.lang.model import Model
from synthtab.lang.write import format_value
from synthtab.schema import Value
from synthtab.solver.diff import Cause, TableDiff, diff, overall
from synthtab.solver.prove import examine
from synthtab.solver.scope import BOUNDED, in_part, unexamined
from synthtab.solver.witness import Breaking, breaking, examples

Values = Mapping[str, Value | None]
# A grid of more columns than this is a list of `name = value` instead.
MAX_COLUMNS = 8
_WORDS = {
    "equivalent": "equivalent: the same rows are allowed",
    "stricter": "stricter: some rows are refused that were allowed",
    "looser": "looser: some rows are allowed that were refused",
    "neither": "neither stricter nor looser",
    "undecided": "undecided",
}


def check(file: Path, as_json: bool, budget: float, rows: Sequence[str]) -> bool:
    """Print the findings about a rules file; return whether there are errors among them.

    ``rows`` are numbers, of one table each (``line=100``) or one for each table taken alone.
    """
    asked = _numbers(rows)
    skipped: dict[str, str] = {}
    partly: list[str] = []
    try:
        model = Model.load(file)
    except ModelError as error:
        findings = list(error.diagnostics)
    else:
        for name in asked if isinstance(asked, dict) else ():
            model.table(name)
        proved = examine(model.tables, model.source, budget_s=budget, rows=asked)
        findings = sorted([*model.warnings, *proved], key=_place)
        skipped = dict(unexamined(model.tables))
        partly = in_part(model.tables)
    counts = {
        severity: sum(f.severity == severity for f in findings)
        for severity in ("error", "warning", "note")
    }
    if as_json:
        common.print_json(
            {
                "file": str(file),
                "findings": [f.to_dict() for f in findings],
                "examined_in_part": partly,
                "not_examined": [{"rule": n, "reason": why} for n, why in skipped.items()],
            }
        )
        return counts["error"] > 0
    console = common.stdout()
    common.print_findings(console, findings)
    if partly:
        words = f"examined in part ({BOUNDED}): {', '.join(partly)}"
        console.print(words, markup=False, soft_wrap=True)
    for reason in dict.fromkeys(skipped.values()):
        named = ", ".join(n for n, why in skipped.items() if why == reason)
        console.print(f"not examined, as {reason}: {named}", markup=False, soft_wrap=True)
    said = ", ".join(
        f"{number} {severity}{'' if number == 1 else 's'}"
        for severity, number in counts.items()
        if number or severity != "note"
    )
    console.print(f"{file}: {said}", soft_wrap=True)
    return counts["error"] > 0


def _numbers(rows: Sequence[str]) -> int | dict[str, int] | None:
    """Read the numbers of ``--rows``. Raises UsageError for what is none."""
    found: dict[str, int] = {}
    for text in rows:
        name, _, digits = text.rpartition("=")
        if not re.fullmatch(r"[0-9][0-9_]*", digits):
            raise UsageError(f"--rows {text}: give a number, or TABLE=NUMBER for some tables")
        if name in found or (found and "" in (name, *found)):
            raise UsageError("--rows: give one number, or TABLE=NUMBER once for each table")
        found[name] = int(digits)
    return found.get("", found or None)


def compare(old: Path, new: Path, as_json: bool, budget: float) -> bool:
    """Print how NEW differs from OLD; return whether it does, or may."""
    found = diff(Model.load(old).tables, Model.load(new).tables, budget_s=budget)
    verdict = overall(found)
    if as_json:
        tables = [_diff_dict(table) for table in found]
        common.print_json({"old": str(old), "new": str(new), "verdict": verdict, "tables": tables})
        return verdict != "equivalent"
    console = common.stdout()
    for table in found:
        console.print(f"[bold]table {escape(table.name)}:[/] {_WORDS[table.verdict]}")
        for change in table.changes:
            console.print(f"  {change}", markup=False, soft_wrap=True)
        _print_causes(console, "refused now, allowed before", "new or stricter", table.stricter)
        _print_causes(console, "allowed now, refused before", "dropped or looser", table.looser)
        for words in table.open:
            console.print(f"  not decided: {words}", markup=False, soft_wrap=True)
    console.print(f"{new} is {_WORDS[verdict]}", markup=False, soft_wrap=True)
    return verdict != "equivalent"


def witness(
    table: Table, n: int, each: bool, output: Path | None, as_json: bool, seed: int, budget: float
) -> bool:
    """Print example rows; return whether all that was asked for was found."""
    if output is not None:
        files.check_writable(output)
    lawful: list[Values] = []
    trouble = ""
    try:
        lawful = examples(table, n, seed=seed, budget_s=budget) if n else []
    except InfeasibleError as error:
        if not each:
            raise
        trouble = str(error)
    broken = breaking(table, seed=seed, budget_s=budget) if each else []
    if output is not None:
        _write(output, table, lawful, broken if each else None)
    looked = (*table.row_rules, *table.unique_rules)
    skipped = [f"{table.name}.{r.name}" for r in table.rules if r not in looked]
    if as_json:
        common.print_json(
            {
                "table": table.name,
                "rows": [plain_row(row) for row in lawful],
                **({"breaking": [_breaking_dict(b) for b in broken]} if each else {}),
                "not_examined": skipped,
                **({"problem": trouble} if trouble else {}),
            }
        )
        return not trouble
    console = common.stdout()
    if trouble:
        console.print(trouble, markup=False, soft_wrap=True)
    if lawful:
        _print_rows(console, f"{len(lawful)} rows of {table.name} that keep every rule", lawful)
    if each:
        _print_breaking(console, broken)
    _say_skipped(console, skipped)
    if output is not None:
        console.print(f"written: {output}", markup=False, soft_wrap=True)
    return not trouble


def _place(finding: Diagnostic) -> tuple[int, int, str]:
    span = finding.span
    return (span.line, span.column, finding.code) if span else (0, 0, finding.code)


def _say_skipped(console: Console, names: Sequence[str]) -> None:
    if names:
        console.print(
            f"not looked at: rules across rows and tables: {', '.join(names)}",
            markup=False,
            soft_wrap=True,
        )


def _print_causes(console: Console, title: str, which: str, causes: Sequence[Cause]) -> None:
    if not causes:
        return
    console.print(f"  {title}, because of what is {which}:")
    grid = common.grid("  because of", "for example")
    for cause in causes:
        rows = "\nbeside\n".join(_line(row) for row in cause.rows)
        grid.add_row(escape(f"  {cause.title}"), escape(rows or "(see above)"))
    console.print(grid)


def _print_rows(console: Console, title: str, rows: Sequence[Values]) -> None:
    names = list(rows[0])
    if len(names) > MAX_COLUMNS:
        grid = common.grid("", "row", right=[0])
        for number, row in enumerate(rows, 1):
            grid.add_row(str(number), escape(_line(row)))
    else:
        grid = common.grid(*map(escape, names))
        for row in rows:
            grid.add_row(*(escape(shown(row[name])) for name in names))
    common.print_grid(console, title, grid)


def _print_breaking(console: Console, broken: Sequence[Breaking]) -> None:
    grid = common.grid("rule", "a row that breaks it and no other")
    for one in broken:
        rows = "\nbeside\n".join(_line(row) for row in one.rows)
        grid.add_row(escape(one.rule), escape(one.reason or rows))
    common.print_grid(console, "For each rule", grid)


def _line(row: Values) -> str:
    return ", ".join(f"{name} = {shown(value)}" for name, value in row.items())


def shown(value: Value | None) -> str:
    """Return a value as the language writes it."""
    return "NULL" if value is None else format_value(value)


def plain_row(row: Values) -> dict[str, object]:
    """Return a row for JSON: numbers, booleans and strings as they are, all else as text."""
    return {
        name: value if value is None or isinstance(value, bool | int | str) else str(value)
        for name, value in row.items()
    }


def _diff_dict(table: TableDiff) -> dict[str, object]:
    def causes(found: Sequence[Cause]) -> list[dict[str, object]]:
        return [{"because": c.title, "rows": [plain_row(r) for r in c.rows]} for c in found]

    return {
        "table": table.name,
        "verdict": table.verdict,
        "changes": list(table.changes),
        "refused_now": causes(table.stricter),
        "allowed_now": causes(table.looser),
        "not_decided": list(table.open),
    }


def _breaking_dict(one: Breaking) -> dict[str, object]:
    return {"rule": one.rule, "rows": [plain_row(r) for r in one.rows], "reason": one.reason}


def _write(
    path: Path, table: Table, lawful: Sequence[Values], broken: Sequence[Breaking] | None
) -> None:
    rows = [*lawful, *(row for one in broken or () for row in one.rows)]
    names = list(table.column_names)
    made = pd.DataFrame([[row[n] for n in names] for row in rows], columns=names, dtype=object)
    frame = decode_frame(table.columns, encode_frame(table.columns, made))
    if broken is not None:
        label = "breaks"
        while label in names:
            label += "_"
        breaks = [None] * len(lawful) + [one.rule for one in broken for _ in one.rows]
        frame[label] = pd.Series(breaks, dtype="str")
    files.write_frame(path, frame, table.columns)

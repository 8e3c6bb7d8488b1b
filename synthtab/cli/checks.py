"""The work behind ``rulecheck``'s commands: read, ask the backends, print."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
from rich.markup import escape

from synthtab import files
from synthtab.assess.compliance import RuleCompliance, compliance
from synthtab.atomic import atomic
from synthtab.backends.grammar import json_schema, row_regex
from synthtab.backends.smt import SmtBackend
from synthtab.backends.sqlscript import script
from synthtab.cli import common
from synthtab.errors import UsageError
from synthtab.frames import decode_frame
from synthtab.ir.nodes import Table
from synthtab.lang.model import Model
from synthtab.solver.project import compile_plan
from synthtab.solver.repair import repair as repair_rows


def compiled(model: Model, name: str | None, target: str, dialect: str | None = None) -> str:
    """Return rules in another form: regex, json-schema or smt2 of a table, sql of all of them.

    ``dialect`` is for sql only: duckdb (without it), postgresql or sqlite.
    """
    if target == "sql":
        wanted = None if name is None else [model.table(name).name]
        return script(model.tables, wanted, dialect or "duckdb")
    if dialect is not None:
        raise UsageError(f"--dialect {dialect} is for --to sql; {target} has no dialects")
    table = model.table(name)
    match target:
        case "regex":
            return row_regex(table)
        case "json-schema":
            return json.dumps(json_schema(table), indent=2, ensure_ascii=False)
        case "smt2":
            left = [f"; left out, being about several rows: {r.name}" for r in table.table_rules]
            return "\n".join([*left, SmtBackend(table).smt2()])
    raise UsageError(f"unknown target {target!r}")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


def repair(table: Table, data: Path, output: Path, seed: int, as_json: bool) -> bool:
    """Mend a file's rows and write them; return whether rows are left that break rules."""
    files.check_writable(output)
    with common.progress(as_json) as update:
        batch = files.read_batch(
            data, table.columns, progress=partial(update, f"reading {data.name}")
        )

        def counted(done: int, total: int) -> None:
            update("repairing", done / total)

        before = compliance(table, batch)
        mended = repair_rows(table, batch, rng=np.random.default_rng(seed), progress=counted)
    after = compliance(table, mended.batch)
    left = after.broken
    if after.unchecked:
        names = ", ".join(u.name for u in after.unchecked)
        raise UsageError(f"rules of several tables cannot be repaired or checked here: {names}")
    if not left:
        files.write_frame(output, decode_frame(table.columns, mended.batch), table.columns)
    report = {
        "data": str(data),
        "rows": after.rows,
        "rows_broken": before.rows - before.valid,
        "rows_changed": int(mended.changed.any(axis=1).sum()),
        "cells_changed": {
            name: int(count)
            for name, count in zip(batch.columns, mended.changed.sum(axis=0), strict=True)
            if count
        },
        "still_broken": {rule.name: rule.violated for rule in left},
        "written": None if left else str(output),
    }
    if as_json:
        common.print_json(report)
    else:
        _print_repair(report, left)
    return bool(left)


def plan(table: Table, order: str | None, as_json: bool, budget: float) -> None:
    """Print a table's Plan."""
    columns = _order(table, order) if order is not None else None
    made = compile_plan(table, order=columns, budget_s=budget)
    steps = made.describe()
    left = [r.name for r in table.table_rules]
    if as_json:
        common.print_json(
            {"table": table.name, "exact": made.exact, "steps": steps, "only_checked": left}
        )
        return
    console = common.stdout()
    grid = common.grid("", "column", "how", "given", "may hold", "rules", right=[0])
    for step in steps:
        note = "" if step["exact"] else f"\nnot exact: {step['reason']}"
        allowed = str(step["allowed"]) if step["how"] != "free" else "what its type and range allow"
        given, rules = step["given"], step["rules"]
        assert isinstance(given, list)
        assert isinstance(rules, list)
        grid.add_row(
            str(step["position"]),
            escape(str(step["column"])),
            str(step["how"]),
            escape(", ".join(given)),
            escape(allowed + note),
            escape(", ".join(rules)),
        )
    common.print_grid(console, f"Plan of {table.name}", grid)
    inexact = sum(not step["exact"] for step in steps)
    console.print(
        "\nExact: every row decoded in this order satisfies all row rules."
        if not inexact
        else f"\n{inexact} of {len(steps)} columns are not exact: their rows are checked, "
        "and repaired where they break a rule."
    )
    if left:
        console.print(escape(f"Only checked, not part of the plan: {', '.join(left)}"))


def _order(table: Table, text: str) -> tuple[str, ...]:
    """Read a list of all columns, separated by commas. Raises UsageError saying what is wrong."""
    names = tuple(part.strip() for part in text.split(","))
    missing = [n for n in table.column_names if n not in names]
    unknown = [n for n in names if n not in table.column_names]
    if missing or unknown or len(set(names)) != len(names):
        parts = [f"unknown: {', '.join(unknown)}"] if unknown else []
        parts += [f"missing: {', '.join(missing)}"] if missing else []
        parts += ["a column is named twice"] if len(set(names)) != len(names) else []
        raise UsageError(f"--order needs every column once; {'; '.join(parts)}")
    return names


def _print_repair(report: dict[str, object], left: tuple[RuleCompliance, ...]) -> None:
    console = common.stdout()
    cells = report["cells_changed"]
    assert isinstance(cells, dict)
    console.print(
        f"{report['rows']:,} rows, {report['rows_broken']:,} broken, "
        f"{report['rows_changed']:,} changed in {sum(cells.values()):,} cells"
    )
    for name, count in cells.items():
        console.print(f"  {escape(name)}: {count:,}")
    if left:
        console.print("not written: rows still break")
        for rule in left:
            console.print(f"  {escape(rule.name)}: {rule.violated:,} rows")
        if any(rule.kind not in ("row", "column") for rule in left):
            console.print("what is about several rows, such as a key, is not mended here")
    else:
        console.print(f"written: {escape(str(report['written']))}", soft_wrap=True)

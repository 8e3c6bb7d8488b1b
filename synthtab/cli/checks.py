"""The work behind ``rulecheck``'s commands: read, ask the backends, print."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from rich.markup import escape

from synthtab import files
from synthtab.assess.compliance import Compliance, RuleCompliance, Tally, compliance
from synthtab.atomic import atomic
from synthtab.backends.grammar import json_schema, row_regex
from synthtab.backends.smt import SmtBackend
from synthtab.backends.sql import SqlBackend
from synthtab.cli import common
from synthtab.errors import UsageError
from synthtab.frames import decode_frame
from synthtab.ir.nodes import Table
from synthtab.lang.model import Model
from synthtab.solver.project import compile_plan
from synthtab.solver.repair import repair as repair_rows

ROWS_SHOWN = 5


def compiled(table: Table, target: str) -> str:
    """Return a table's rules in another form: regex, json-schema, smt2 or sql."""
    match target:
        case "regex":
            return row_regex(table)
        case "json-schema":
            return json.dumps(json_schema(table), indent=2, ensure_ascii=False)
        case "smt2":
            return SmtBackend(table).smt2()
        case _:
            return SqlBackend(table).create_table()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


def inferred(data: Path, name: str | None) -> str:
    """Return a draft of a rules file for the table in a data file."""
    frame = files.read_frame(data)
    return Model.from_frame(frame, name or data.name.split(".")[0]).to_text()


def validate(table: Table, data: Path, as_json: bool, ignore_extra: bool) -> bool:
    """Print what a file breaks; return whether it breaks anything."""
    tally = Tally(table)
    shown: list[pd.DataFrame] = []
    rows = 0
    with common.progress(as_json) as update:
        step = partial(update, f"checking {data.name}")
        batches = files.iter_batches(data, table.columns, ignore_extra=ignore_extra, progress=step)
        for batch in batches:
            bad = np.flatnonzero(tally.add(batch))
            wanted = bad[: ROWS_SHOWN - sum(len(f) for f in shown)]
            if len(wanted):
                frame = decode_frame(table.columns, batch.take(wanted))
                shown.append(frame.set_index(pd.Index(wanted + rows + 1)))
            rows += len(batch)
    result = tally.result()
    first = pd.concat(shown) if shown else None
    if as_json:
        common.print_json({"data": str(data), **_as_dict(result), "first_rows": _records(first)})
    else:
        _print_compliance(str(data), result)
        if first is not None:
            _print_rows(first, result)
    return bool(result.broken)


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
    if as_json:
        common.print_json({"table": table.name, "exact": made.exact, "steps": steps})
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


def _as_dict(result: Compliance) -> dict[str, object]:
    return {
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
                "first_rows": list(rule.examples),
            }
            for rule in result.rules
        ],
    }


def _records(frame: pd.DataFrame | None) -> list[dict[str, object]]:
    if frame is None:
        return []
    return [
        {"row": int(number), **{k: None if pd.isna(v) else v for k, v in cells.items()}}
        for number, cells in zip(frame.index, frame.to_dict("records"), strict=True)
    ]


def _print_compliance(title: str, result: Compliance) -> None:
    console = common.stdout()
    grid = common.grid("rule", "broken by", "kept by", "first rows", right=[1, 2])
    for rule in result.rules:
        grid.add_row(*(escape(cell) for cell in _rule_cells(rule)))
    heading = f"{title}: {result.rows:,} rows, {result.valid:,} of them break nothing"
    common.print_grid(console, heading, grid)


def _rule_cells(rule: RuleCompliance) -> tuple[str, str, str, str]:
    examples = ", ".join(str(row) for row in rule.examples)
    more = ", ..." if rule.violated > len(rule.examples) else ""
    return rule.name, f"{rule.violated:,}", common.share(rule.share), examples + more


def _print_rows(frame: pd.DataFrame, result: Compliance) -> None:
    """Show the first offending rows: what they break, and the cells concerned."""
    console = common.stdout()
    grid = common.grid("row", "breaks", "where", right=[0])
    for number, cells in frame.iterrows():
        broken = [r for r in result.broken if number in r.examples]
        names = dict.fromkeys(name for rule in broken for name in rule.columns)
        where = ", ".join(f"{n} = {_cell(cells[n])}" for n in names)
        titles = "; ".join(
            r.name + (f" ({r.description})" if r.description else "") for r in broken
        )
        if broken:
            grid.add_row(str(number), escape(titles), escape(where))
    common.print_grid(console, "The first of them", grid)


def _title(rule: RuleCompliance) -> str:
    return f"{rule.name} ({rule.description})" if rule.description else rule.name


def _cell(value: object) -> str:
    return "NULL" if pd.isna(value) else str(value)


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
        if any(rule.kind == "unique" for rule in left):
            console.print("keys and unique rules are about several rows, which is not mended here")
    else:
        console.print(f"written: {escape(str(report['written']))}", soft_wrap=True)

"""What a repair did, told: each changed cell with its reasons, and what could not be mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from rich.markup import escape

from synthtab import files
from synthtab.assess.compliance import Compliance, Unchecked
from synthtab.cli import common
from synthtab.schema import Value
from synthtab.solver.mend import Change

CHANGES_SHOWN = 10
ROWS_SHOWN = 5
REPORT_COLUMNS = ("table", "row", "column", "old", "new", "rules")


@dataclass(frozen=True)
class Mending:
    """One table's share of a repair.

    ``before`` and ``after`` say how many rows break each rule, ``left`` which rows (from 1) still
    break one that is not kept, ``written`` where the table went, if anywhere.
    """

    table: str
    source: str
    before: Compliance
    after: Compliance
    changes: Sequence[Change]
    left: Mapping[str, Sequence[int]] = field(default_factory=dict)
    written: Path | None = None


def shown(value: Value | None) -> str | None:
    """Return a value as files write it, NULL as None."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def write_report(path: Path, changes: Sequence[Change]) -> None:
    """Write one row per changed cell to a CSV or Parquet file; an empty field is NULL.

    Rows are counted from 1; where several rules are the reason they are separated by ``; ``.
    """
    records = [
        (c.table, c.row + 1, c.column, shown(c.old), shown(c.new), "; ".join(c.rules))
        for c in changes
    ]
    frame = pd.DataFrame(records, columns=list(REPORT_COLUMNS))
    kinds = {name: "int64" if name == "row" else "str" for name in REPORT_COLUMNS}
    files.write_frame(path, frame.astype(kinds))


def as_dict(done: Sequence[Mending]) -> dict[str, object]:
    """Return everything about a repair as plain data: one table's facts, or a list of several."""
    tables = [_facts(one) for one in done]
    return {
        **(tables[0] if len(tables) == 1 else {"tables": tables}),
        "changes": [
            {
                "table": change.table,
                "row": change.row + 1,
                "column": change.column,
                "old": change.old,
                "new": change.new,
                "rules": list(change.rules),
            }
            for one in done
            for change in one.changes
        ],
        "left": [
            {"table": one.table, "rule": rule, "rows": list(rows)}
            for one in done
            for rule, rows in one.left.items()
        ],
    }


def print_mendings(done: Sequence[Mending], kept: Sequence[str] = ()) -> None:
    """Print what was changed and why, what is left, and what was not checked.

    ``kept`` names the columns that had to stay as they were, for the sake of rules not checked.
    """
    console = common.stdout()
    changes = [change for one in done for change in one.changes]
    several = len(done) > 1
    _print_summary(done)
    if changes:
        _print_changes(changes, several)
        _print_counts(done, several)
    _print_left(done, several)
    unchecked: list[Unchecked] = [u for one in done for u in one.after.unchecked]
    if unchecked:
        console.print()
    for rule in unchecked:
        console.print(escape(f"not checked: {rule.name}: {rule.reason}"), soft_wrap=True)
    if kept:
        names = ", ".join(kept)
        console.print(escape(f"not changed for their sake: {names}"), soft_wrap=True)


def _facts(one: Mending) -> dict[str, object]:
    return {
        "table": one.table,
        "data": one.source,
        "rows": one.before.rows,
        "rows_broken": _broken(one.before),
        "rows_changed": len({change.row for change in one.changes}),
        "cells_changed": dict(Counter(change.column for change in one.changes)),
        "cells_by_rule": dict(Counter(rule for change in one.changes for rule in change.rules)),
        "still_broken": {name: len(rows) for name, rows in one.left.items()},
        "unchecked": [{"name": u.name, "reason": u.reason} for u in one.after.unchecked],
        "written": None if one.written is None else str(one.written),
    }


def _broken(found: Compliance) -> int:
    return found.rows - found.valid


def _print_summary(done: Sequence[Mending]) -> None:
    grid = common.grid(
        "table",
        "rows",
        "broken",
        "cells changed",
        "in rows",
        "still broken",
        "file",
        right=[1, 2, 3, 4, 5],
    )
    for one in done:
        counts = [
            one.before.rows,
            _broken(one.before),
            len(one.changes),
            len({change.row for change in one.changes}),
            _broken(one.after),
        ]
        grid.add_row(escape(one.table), *(f"{n:,}" for n in counts), escape(one.source))
    common.print_grid(common.stdout(), "Repair", grid)


def _print_changes(changes: Sequence[Change], several: bool) -> None:
    names = ["table"] if several else []
    grid = common.grid(*names, "row", "column", "old", "new", "because of", right=[len(names)])
    for change in changes[:CHANGES_SHOWN]:
        cells = [change.table] if several else []
        cells += [f"{change.row + 1}", change.column, _cell(change.old), _cell(change.new)]
        grid.add_row(*map(escape, cells), escape(", ".join(change.rules)))
    more = len(changes) - CHANGES_SHOWN
    title = f"Changed cells, the first {CHANGES_SHOWN} of {len(changes):,}"
    common.print_grid(common.stdout(), title if more > 0 else "Changed cells", grid)


def _print_counts(done: Sequence[Mending], several: bool) -> None:
    """Print how many cells were changed because of each rule, and in each column."""
    rules: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    for one in done:
        prefix = f"{one.table}." if several else ""
        for change in one.changes:
            columns[prefix + change.column] += 1
            rules.update(change.rules)
    for what, counts in (("because of", rules), ("column", columns)):
        grid = common.grid(what, "cells", right=[1])
        for name, count in counts.most_common():
            grid.add_row(escape(name), f"{count:,}")
        title = "Changed cells by rule" if counts is rules else "Changed cells by column"
        common.print_grid(common.stdout(), title, grid)


def _print_left(done: Sequence[Mending], several: bool) -> None:
    if not any(one.left for one in done):
        return
    names = ["table"] if several else []
    grid = common.grid(*names, "rule", "rows", "which", right=[len(names) + 1])
    for one in done:
        for rule, rows in one.left.items():
            first = ", ".join(map(str, rows[:ROWS_SHOWN]))
            more = ", ..." if len(rows) > ROWS_SHOWN else ""
            cells = [one.table] if several else []
            grid.add_row(*map(escape, [*cells, rule, f"{len(rows):,}", first + more]))
    common.print_grid(common.stdout(), "Not mended, and left as it was", grid)


def _cell(value: Value | None) -> str:
    return shown(value) or ("NULL" if value is None else "''")

"""The work behind ``rulecheck validate --explain``: which rows to explain, and reading them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.assess.compliance import EXAMPLES_KEPT, Compliance, Values
from synthtab.cli import common
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.solver.explanation import Explainer, Explanation
from synthtab.solver.rowcells import cells_of
from synthtab.sources import Source

Numbers = Mapping[str, Sequence[int]]
"""Numbers of rows, from 1, by table."""


class First:
    """Keeps the first rows, from 1, that break each rule, as many as ``most``.

    An audit keeps a few itself. Only for more of them need it be listened to (``listens``), which
    costs it the values of every violation.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.listens = most > EXAMPLES_KEPT
        self.rows: dict[tuple[str, str], list[int]] = {}

    def add(self, table: str, rule: str, rows: NDArray[np.int64], values: Sequence[Values]) -> None:
        """Take the rows (from 1) that break a rule."""
        known = self.rows.setdefault((table, rule), [])
        known.extend(int(row) for row in rows[: self._most - len(known)])

    def chosen(self, results: Mapping[str, Compliance]) -> dict[str, list[int]]:
        """Return for each table the rows to explain: of as many different rules as can be."""
        return {name: self._of(name, found) for name, found in results.items()}

    def _of(self, table: str, found: Compliance) -> list[int]:
        queues: list[Sequence[int]] = [
            self.rows.get((table, rule.name), []) if self.listens else rule.examples
            for rule in found.broken
        ]
        picked: dict[int, None] = {}
        for at in range(self._most):
            for queue in queues:
                if at < len(queue) and len(picked) < self._most:
                    picked[queue[at]] = None
        return sorted(picked)


def explained(
    model: Model,
    sources: Mapping[str, Source],
    results: Mapping[str, Compliance],
    chosen: Numbers,
    update: common.Update,
    *,
    ignore_extra: bool,
) -> dict[str, list[Explanation]]:
    """Explain the chosen rows.

    All rows are read into memory only where a rule that looks at other rows is broken; else the
    chosen rows are read again.
    """
    tables = _judged(model, results)
    out: dict[str, list[Explanation]] = {name: [] for name in results}
    total, done = max(sum(map(len, chosen.values())), 1), 0

    def step() -> None:
        nonlocal done
        done += 1
        update("explaining", done / total)

    if _beyond_a_row(tables, results):
        batches = {
            name: source.whole(
                model.table(name).columns,
                partial(update, f"reading {source.short}"),
                ignore_extra=ignore_extra,
            )
            for name, source in sources.items()
        }
        explainer = Explainer(tables, batches)
        for name, numbers in chosen.items():
            for number in numbers:
                out[name].append(explainer.row(name, number - 1))
                step()
        return out
    explainer = Explainer(tables)
    for name, numbers in chosen.items():
        table = next(t for t in tables if t.name == name)
        for number, cells in _picked(table, sources[name], numbers, update, ignore_extra):
            out[name].append(explainer.alone(name, cells, number))
            step()
    return out


def _judged(model: Model, results: Mapping[str, Compliance]) -> list[nodes.Table]:
    """Return the tables given, without rules that were not checked, or allow these exceptions."""
    out = []
    for table in model.tables:
        if table.name in results:
            found = results[table.name]
            left = {u.name for u in found.unchecked}
            left |= {r.name for r in found.rules if r.required is not None and r.kept}
            out.append(replace(table, rules=tuple(r for r in table.rules if r.name not in left)))
    return out


def _beyond_a_row(tables: Sequence[nodes.Table], results: Mapping[str, Compliance]) -> bool:
    """Say whether a rule that looks at other rows is broken."""
    for table in tables:
        violated = {r.name for r in results[table.name].rules if r.violated}
        for rule in table.rules:
            alone = isinstance(rule, nodes.RowRule) and nodes.is_pure(rule.condition)
            if rule.name in violated and not alone:
                return True
    return False


def _picked(
    table: nodes.Table,
    source: Source,
    numbers: Sequence[int],
    update: common.Update,
    ignore_extra: bool,
) -> list[tuple[int, dict[str, Any]]]:
    """Read a table again and return the cells of the rows with these numbers."""
    out: list[tuple[int, dict[str, Any]]] = []
    if not numbers:
        return out
    before = 0
    progress = partial(update, f"reading {source.short}")
    for batch in source.batches(table.columns, ignore_extra=ignore_extra, progress=progress):
        here = [n for n in numbers if before < n <= before + len(batch)]
        out += [(n, cells_of(table, batch, n - 1 - before)) for n in here]
        before += len(batch)
        if before >= max(numbers):
            break
    return out

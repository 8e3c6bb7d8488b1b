"""Offers for cells that are to be the same as others: what the one holds, for the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from synthtab.backends.groups import Ids
from synthtab.ir import nodes
from synthtab.ir.references import follow
from synthtab.ir.walk import children
from synthtab.schema import ColumnType
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.likeness import alike
from synthtab.solver.mending.scene import Case, Scene


@dataclass(frozen=True)
class _Side:
    """The cell that each row of a case reads: -1 where it reads none."""

    table: int
    column: int
    rows: Ids
    kind: ColumnType


def offer_copies(scene: Scene) -> None:
    """Offer for ``a = b`` between cells, of any type, what the other side holds."""
    for case in scene.of(nodes.RowRule):
        assert isinstance(case.law.rule, nodes.RowRule)
        for node in _of_the_row(case.law.rule.condition):
            if isinstance(node, nodes.Compare) and node.op == "=":
                sides = [_side(scene, case, term) for term in (node.left, node.right)]
                if sides[0] is not None and sides[1] is not None:
                    _offer(scene, case, sides[0], sides[1])
                    _offer(scene, case, sides[1], sides[0])


def _of_the_row(node: nodes.Node) -> Iterator[nodes.Node]:
    """Yield a node and those below it that speak of the same row."""
    yield node
    if not isinstance(node, nodes.CONTEXT):
        for child in children(node):
            yield from _of_the_row(child)


def _side(scene: Scene, case: Case, term: nodes.Term) -> _Side | None:
    match term:
        case nodes.ColumnRef(name):
            table, rows = scene.table(case), case.rows
        case nodes.ParentRef(path, name):
            table, rows = scene.table(case), case.rows
            for step in follow(path, table, scene.sheets.by_name)[0]:
                places = scene.context.referred(table.name, step)
                there = np.flatnonzero(rows >= 0)
                found = np.full(len(rows), -1, np.int64)
                found[there] = places[rows[there]]
                rows = found
                table = scene.sheets.by_name[step.parent]
        case _:
            return None
    at = table.column_names.index(name)
    return _Side(scene.sheets.number[table.name], at, rows, table.columns[at].type)


def _offer(scene: Scene, case: Case, to: _Side, source: _Side) -> None:
    if not alike(to.kind, source.kind) or to.table in scene.frozen:
        return
    there = np.flatnonzero((to.rows >= 0) & (source.rows >= 0))
    there = there[~scene.sheets.nulls[source.table][source.rows[there], source.column]]
    codes = scene.sheets.codes[source.table][source.rows[there], source.column]
    scene.offers.cell(case.owners[there], to.table, to.rows[there], to.column, codes, o.DETERMINED)

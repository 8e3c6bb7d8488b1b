"""Offers for comparisons of amounts: the value of one cell that makes both sides meet.

An equality leaves a cell one value. An inequality leaves it a range: its edge is offered, and
beyond the edge the nearest of some values that the column holds, and slips of the old value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.groups import Ids
from synthtab.batch import Codes, Mask
from synthtab.ir import nodes
from synthtab.schema import ColumnType, DatetimeType, DateType, domain
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.likeness import is_ordered
from synthtab.solver.mending.scene import Case, Scene
from synthtab.solver.mending.slopes import Comparison, Slopes

DRAWS = 24
LARGEST = 1 << 61


def offer_amounts(scene: Scene) -> None:
    """Offer values for the cells that broken comparisons rest on."""
    for case in scene.of(nodes.RowRule):
        assert isinstance(case.law.rule, nodes.RowRule)
        table = scene.table(case).name
        for comparison in scene.differ.comparisons(table, case.law.rule.condition, case.rows):
            _offer(scene, case, comparison)


def _offer(scene: Scene, case: Case, comparison: Comparison) -> None:
    difference, small = _small(comparison)
    for slopes in comparison.slopes:
        table = scene.sheets.number[slopes.table]
        declared = scene.sheets.by_name[slopes.table]
        column = declared.column_names.index(slopes.column)
        kind = declared.columns[column].type
        if table in scene.frozen or not is_ordered(kind):
            continue
        codes, nulls = scene.cells(table, slopes.column)
        old = codes[slopes.row]
        usable = ~nulls[slopes.row] & small[slopes.owner] & (np.abs(old) < LARGEST)
        gap = difference[slopes.owner]
        for target, asked, hint in _targets(comparison.op, gap):
            chosen = np.flatnonzero(usable & asked)
            if not len(chosen):
                continue
            steps, exact = _steps(target[chosen] - gap[chosen], slopes.slope[chosen])
            at = chosen
            for step in steps:
                new = old[at] + step
                sure = np.where(exact, hint, max(hint, o.EDGE))
                owner = case.owners[slopes.owner[at]]
                scene.offers.cell(owner, table, slopes.row[at], column, new, sure)
            if hint == o.EDGE:
                limit = old[at] + steps[0]
                _beyond(scene, case, slopes, at, table, column, kind, old[at], limit)


def _targets(op: str, gap: Codes) -> Iterator[tuple[Codes, Mask, float]]:
    """Yield what a difference is to become, where, and how sure that is.

    A comparison that is broken is to hold; one that holds, to be broken: it may be a premise.
    """
    zero = np.zeros_like(gap)
    if op == "=":
        yield zero, gap != 0, o.DETERMINED
        yield zero + 1, gap == 0, o.ANY
        yield zero - 1, gap == 0, o.ANY
    elif op == "<=":
        yield zero, gap > 0, o.EDGE
        yield zero, gap < 0, o.NAMED  # as within abs(...), where the sides are to be near
        yield zero + 1, gap <= 0, o.ANY
    else:
        yield zero - 1, gap >= 0, o.EDGE
        yield zero, gap < 0, o.ANY


def _steps(wanted: Codes, slope: NDArray[np.float64]) -> tuple[list[Codes], Mask]:
    """Return by how much a cell has to change, rounded both ways, and where that is exact."""
    whole = (np.abs(slope) >= 1) & (slope == np.rint(slope)) & (np.abs(slope) < LARGEST)
    divisor = np.where(whole, slope, 1.0).astype(np.int64)
    low = np.where(whole, wanted // divisor, 0)
    rest = np.where(whole, wanted - low * divisor, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        rough = np.clip(np.rint(wanted / slope), -float(LARGEST), float(LARGEST))
    low = np.where(whole, low, rough.astype(np.int64))
    high = np.where(rest != 0, low + 1, low)
    # The side that oversteps comes first, as it satisfies an inequality.
    over = np.where((wanted > 0) == (slope > 0), high, low)
    under = np.where((wanted > 0) == (slope > 0), low, high)
    return [over, under], whole & (rest == 0)


def _beyond(
    scene: Scene,
    case: Case,
    slopes: Slopes,
    at: Ids,
    table: int,
    column: int,
    kind: ColumnType,
    old: Codes,
    limit: Codes,
) -> None:
    """Offer the nearest drawn values on the good side of an edge, and slips of the old value."""
    owner, row = case.owners[slopes.owner[at]], slopes.row[at]
    up = limit > old
    drawn = scene.drawn(table, column, (len(at), DRAWS))
    if drawn is not None:
        good = np.where(up[:, None], drawn >= limit[:, None], drawn <= limit[:, None])
        far = np.where(good, np.abs(drawn - limit[:, None]).astype(float), np.inf)
        for which in np.argsort(far, axis=1)[:, :3].T:
            new = drawn[np.arange(len(at)), which]
            fine = np.isfinite(far[np.arange(len(at)), which])
            scene.offers.cell(owner[fine], table, row[fine], column, new[fine], o.LIKELY)
    if isinstance(kind, DateType | DatetimeType):
        per_day = 1 if isinstance(kind, DateType) else 86_400 // kind.resolution
        slips = [old + sign * per_day * n for sign in (-1, 1) for n in (365, 366, 3652, 3653)]
    else:
        slips = [old * 10, old // 10, -old, old * 100, old // 100]
    declared = scene.sheets.tables[table].columns[column]
    lo, hi = domain(declared)
    for new in slips:
        fine = np.where(up, new >= limit, new <= limit) & (new >= lo) & (new <= hi)
        scene.offers.cell(owner[fine], table, row[fine], column, new[fine], o.LIKELY)


def _small(comparison: Comparison) -> tuple[Codes, Mask]:
    """Return the differences as int64, and where they are known and small enough."""
    raw: NDArray[Any] = comparison.difference
    if raw.dtype == object:
        fits = np.array([abs(int(v)) < LARGEST for v in raw], dtype=bool)
        made = np.array([int(v) if ok else 0 for v, ok in zip(raw, fits, strict=True)], np.int64)
        return made, fits & ~comparison.null
    values = raw.astype(np.int64)
    return values, (np.abs(values) < LARGEST) & ~comparison.null

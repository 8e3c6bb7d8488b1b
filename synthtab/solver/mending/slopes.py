"""By how much a comparison moves with each cell it rests on, for many rows at once.

The difference of a comparison's sides is taken apart as one would differentiate it: through sums,
products and the chosen branches of a case; then through the columns of the row's context, to the
cells of other rows: the parent's column, the row before, each term of a sum, the greatest of a
maximum. What a linear rule says of one cell with all others kept follows from that by one division.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.arrays import Evaluator
from synthtab.backends.context import Context, Values, known
from synthtab.backends.groups import Ids
from synthtab.batch import Mask
from synthtab.ir import core, nodes
from synthtab.ir.context import Definition, separate, simplified
from synthtab.ir.corewalk import descendants, variables
from synthtab.ir.lowered import Lowered
from synthtab.ir.normalise import lower, lower_term
from synthtab.ir.references import follow, link
from synthtab.ir.strings import StringTerm
from synthtab.schema import INT64_MAX

MOST_MEMBERS = 400
"""Of a figure over more rows than this, only those that break something are looked at."""


@dataclass(frozen=True)
class Slopes:
    """Cells that comparisons rest on, (S,) each.

    ``owner`` is the position of the row asked about, ``slope`` how much the difference grows when
    the cell's code grows by one.
    """

    owner: Ids
    table: str
    row: Ids
    column: str
    slope: NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """One comparison of a rule: ``difference op 0`` in each row asked about."""

    op: str
    difference: NDArray[Any]
    null: Mask
    slopes: tuple[Slopes, ...]


class Differ:
    """Takes rules apart in a context; ``suspect`` says of each table's rows what breaks rules."""

    def __init__(self, context: Context, suspect: Mapping[str, Mask]) -> None:
        self.context = context
        self.suspect = suspect
        self._before: dict[tuple[str, nodes.Previous], Ids] = {}
        self._members: dict[tuple[str, nodes.Aggregate], tuple[Ids, Ids, Ids]] = {}

    def comparisons(
        self, table: str, condition: nodes.Condition, rows: Ids
    ) -> Iterator[Comparison]:
        """Yield every comparison of numbers or times in a condition, for the given rows."""
        parts = separate(simplified(condition), self.context.tables[table], self.context.tables)
        hidden = self._hidden(table, parts.definitions)
        cond = lower(parts.node, parts.table, known(hidden))
        evaluator = Evaluator(self._env(table, rows, variables(cond), hidden), self.context.pool)
        seen = set()
        for node in descendants(cond):
            if not isinstance(node, core.Cmp) or (node.left, node.right) in seen:
                continue
            seen.add((node.left, node.right))
            left, no_left = evaluator.value(node.left)
            right, no_right = evaluator.value(node.right)
            difference = np.broadcast_to(_minus(left, right), rows.shape)
            null: Mask = np.zeros(len(rows), bool)
            for some in (no_left, no_right):
                if some is not None:
                    null = np.asarray(null | some, dtype=bool)
            found: list[Slopes] = []
            owner, one = np.arange(len(rows)), np.ones(len(rows))
            for term, sign in ((node.left, 1.0), (node.right, -1.0)):
                found += self._term(table, rows, owner, term, parts.definitions, hidden, one * sign)
            yield Comparison(node.op, difference, null, _merged(found))

    # Terms.

    def _term(
        self,
        table: str,
        rows: Ids,
        owner: Ids,
        term: core.Term,
        definitions: Mapping[str, Definition],
        hidden: Mapping[str, Values],
        factor: NDArray[np.float64],
    ) -> list[Slopes]:
        def go(inner: core.Term, by: NDArray[np.float64]) -> list[Slopes]:
            return self._term(table, rows, owner, inner, definitions, hidden, by)

        def value(inner: core.Term | core.Cond) -> Evaluator:
            env = self._env(table, rows, variables(inner), hidden)
            return Evaluator(env, self.context.pool)

        match term:
            case core.Var(name) if name in definitions:
                return self._beyond(table, rows, owner, definitions[name], factor)
            case core.Var(name):
                return [Slopes(owner, table, rows, name, factor)]
            case core.Sum(parts):
                return [s for c, part in parts for s in go(part, factor * c)]
            case core.Product(left, right):
                first = np.broadcast_to(value(left).value(left)[0], rows.shape).astype(float)
                second = np.broadcast_to(value(right).value(right)[0], rows.shape).astype(float)
                return go(left, factor * second) + go(right, factor * first)
            case core.Ite(branches, otherwise):
                found = []
                left_over = np.ones(len(rows), bool)
                for cond, branch in branches:
                    chosen = np.broadcast_to(value(cond).truth(cond)[0], rows.shape) & left_over
                    found += go(branch, factor * chosen)
                    left_over &= ~chosen
                return found + go(otherwise, factor * left_over)
            case core.FloorDiv(operand, divisor):
                return go(operand, factor / divisor)
            case core.AddMonths(base, _, _):
                return go(base, factor)
        return []

    def _beyond(
        self, table: str, rows: Ids, owner: Ids, what: Definition, factor: NDArray[np.float64]
    ) -> list[Slopes]:
        """Return the slopes of a column of the context."""
        match what:
            case nodes.ParentRef(path, column):
                there, name = rows, table
                for step in follow(path, self.context.tables[table], self.context.tables)[0]:
                    at = self.context.referred(name, step)
                    led = np.flatnonzero(there >= 0)
                    found = np.full(len(there), -1, np.int64)
                    found[led] = at[there[led]]
                    there = found
                    name = step.parent
                keep = there >= 0
                return [Slopes(owner[keep], name, there[keep], column, factor[keep])]
            case nodes.Previous(operand):
                before = self.before(table, what)[rows]
                keep = before >= 0
                return self._operand(table, before[keep], owner[keep], operand, factor[keep])
            case nodes.Aggregate("sum" | "min" | "max", operand) if operand is not None:
                home, at, members = self.members(table, what, rows)
                if what.function != "sum":
                    figure = self.context.column(table, what)
                    own = self.context.value(home, operand)
                    keep = own.codes[members] == figure.codes[rows[at]]
                    at, members = at[keep], members[keep]
                return self._operand(home, members, owner[at], operand, factor[at])
        return []

    def _operand(
        self, table: str, rows: Ids, owner: Ids, operand: nodes.Term, factor: NDArray[np.float64]
    ) -> list[Slopes]:
        parts = separate(simplified(operand), self.context.tables[table], self.context.tables)
        hidden = self._hidden(table, parts.definitions)
        found: Lowered = lower_term(parts.node, parts.table, known(hidden))
        if isinstance(found, StringTerm):
            return []
        return self._term(table, rows, owner, found.term, parts.definitions, hidden, factor)

    # Other rows.

    def before(self, table: str, what: nodes.Previous) -> Ids:
        """Return the row before each row; -1 where there is none."""
        key = (table, what)
        if key not in self._before:
            rows = self.context.ordered(table, what.per, what.order)
            ids = self.context.groups(table, what.per).ids[rows]
            same = ids[1:] == ids[:-1]
            before = np.full(self.context.rows(table), -1, np.int64)
            before[rows[1:][same]] = rows[:-1][same]
            self._before[key] = before
        return self._before[key]

    def members(self, table: str, what: nodes.Aggregate, rows: Ids) -> tuple[str, Ids, Ids]:
        """Return a figure's table, and its rows with the position in ``rows`` of who asks.

        Rows that do not count are left out.
        """
        home = table if what.of is None else what.of
        key = (table, what)
        if key not in self._members:
            self._members[key] = self._grouped(table, home, what)
        own, order, starts = self._members[key]
        ids = own[rows]
        known_ = ids >= 0
        first = np.where(known_, starts[ids], 0)
        sizes = np.where(known_, starts[ids + 1] - first, 0)
        if (sizes > MOST_MEMBERS).any():
            return home, *self._suspects(home, what, own, order, starts, rows)
        at = np.repeat(np.arange(len(rows)), sizes)
        ends = np.cumsum(sizes)
        flat = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(
            first - (ends - sizes), sizes
        )
        return home, at, order[flat]

    def _suspects(
        self, home: str, what: nodes.Aggregate, own: Ids, order: Ids, starts: Ids, rows: Ids
    ) -> tuple[Ids, Ids]:
        """Return members as :meth:`members`, in large groups the strangest that break something."""
        at, members = [], []
        wrong = self.suspect[home]
        far = np.zeros(len(wrong))
        if what.operand is not None and len(order):
            values = self.context.value(home, what.operand).codes.astype(float)
            far = -np.abs(values - np.median(values[order]))
        for k, group in enumerate(own[rows].tolist()):
            if group < 0:
                continue
            mine = order[starts[group] : starts[group + 1]]
            if len(mine) > MOST_MEMBERS:
                mine = mine[wrong[mine]]
                mine = mine[np.argsort(far[mine], kind="stable")][:MOST_MEMBERS]
            at.append(np.full(len(mine), k))
            members.append(mine)
            if sum(map(len, members)) > 100 * MOST_MEMBERS:
                break
        none = [np.empty(0, np.int64)]
        return np.concatenate(none + at), np.concatenate(none + members)

    def _grouped(self, table: str, home: str, what: nodes.Aggregate) -> tuple[Ids, Ids, Ids]:
        if what.of is None:
            groups = own = self.context.groups(table, what.per)
        else:
            rule = link(self.context.tables[home], self.context.tables[table], what.via)
            groups, own = self.context.shared_keys(home, rule)
        asked = groups.ids >= 0
        if what.where is not None:
            asked = asked & self.context.truth(home, what.where)[0]
        rows = np.flatnonzero(asked)
        order = rows[np.argsort(groups.ids[rows], kind="stable")]
        starts = np.searchsorted(groups.ids[order], np.arange(groups.count + 1))
        return own.ids, order, starts

    def _hidden(self, table: str, definitions: Mapping[str, Definition]) -> dict[str, Values]:
        return {n: self.context.column(table, what) for n, what in definitions.items()}

    def _env(
        self, table: str, rows: Ids, names: Sequence[str], hidden: Mapping[str, Values]
    ) -> dict[str, tuple[Any, Mask | None]]:
        batch = self.context.batches[table]
        env: dict[str, tuple[Any, Mask | None]] = {}
        for name in names:
            if name in hidden:
                codes, nulls = hidden[name].codes[rows], hidden[name].nulls[rows]
            else:
                own, absent = batch.column(name)
                codes, nulls = own[rows], absent[rows]
            env[name] = codes, nulls if nulls.any() else None
        return env


def _minus(left: Any, right: Any) -> NDArray[Any]:
    """Return the difference of codes: in Python's own integers where 64 bits might be too few."""
    sides = [np.asarray(side) for side in (left, right)]
    room = sum(
        max((abs(int(end)) for end in (side.min(), side.max())), default=0)
        for side in sides
        if side.size
    )
    if room > INT64_MAX:
        sides = [side.astype(object) for side in sides]
    return np.asarray(sides[0] - sides[1])


def _merged(found: list[Slopes]) -> tuple[Slopes, ...]:
    """Return slopes with those of one cell added up; cells that do not matter are left out."""
    by_column: dict[tuple[str, str], list[Slopes]] = {}
    for part in found:
        by_column.setdefault((part.table, part.column), []).append(part)
    made = []
    for (table, column), parts in by_column.items():
        owner = np.concatenate([p.owner for p in parts])
        row = np.concatenate([p.row for p in parts])
        slope = np.concatenate([p.slope for p in parts])
        if not len(row):
            continue
        width = np.int64(row.max()) + 1
        keys, place = np.unique(owner * width + row, return_inverse=True)
        total = np.bincount(place, weights=slope)
        keep = total != 0
        made.append(Slopes((keys // width)[keep], table, (keys % width)[keep], column, total[keep]))
    return tuple(made)

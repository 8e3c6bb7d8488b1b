"""Hidden columns of rules across rows and tables (ir/context.py), computed for whole tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.arrays import Evaluator, TextPool
from synthtab.backends.figures import figure
from synthtab.backends.groups import (
    Groups,
    Ids,
    Keys,
    factorize,
    one_pool,
    starts_of,
    together,
)
from synthtab.batch import Batch, Mask
from synthtab.errors import UsageError
from synthtab.ir import core, lowered, nodes, strings
from synthtab.ir.context import Definition, Position, Separated, separate, simplified
from synthtab.ir.corewalk import variables
from synthtab.ir.lowered import Days, Flag, Lowered, Number, Ticks
from synthtab.ir.normalise import lower, lower_term
from synthtab.ir.references import follow, link
from synthtab.ir.strings import EnumLeaf, StringTerm, TextLeaf
from synthtab.schema import INT64_MAX


@dataclass(frozen=True)
class Values:
    """One value per row: ``codes`` in the unit of ``like`` (whose term means nothing), ``nulls``.

    ``codes`` are int64, or Python ints where those are too small.
    """

    like: Lowered
    codes: NDArray[Any]
    nulls: Mask


class Context:
    """Tables with all their rows, and what any checked condition or term is in each of them.

    What was computed once is kept. A table that is asked about has to be among ``batches``.
    ``worlds`` numbers each row's world, (rows,) for every table: rows of different worlds know
    nothing of each other, so that many small sets of tables are judged at once.
    """

    def __init__(
        self,
        tables: Iterable[nodes.Table],
        batches: Mapping[str, Batch],
        worlds: Mapping[str, Ids] | None = None,
    ) -> None:
        self.tables = {t.name: t for t in tables}
        self.batches = one_pool(self.tables, batches)
        self.keys = Keys(self.batches)
        pool = next((b.pool for b in self.batches.values()), None)
        self.pool = TextPool(pool)
        self.worlds = worlds
        self._columns: dict[tuple[str, Definition], Values] = {}
        self._groups: dict[tuple[str, tuple[str, ...]], Groups] = {}
        self._orders: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Ids] = {}
        self._places: dict[tuple[str, nodes.ReferenceRule], Ids] = {}

    def rows(self, table: str) -> int:
        """Return the number of a table's rows."""
        return len(self.batches[table])

    def string(self, code: int) -> str:
        """Return the string that a code of a text column stands for."""
        return str(next(iter(self.batches.values())).pool[code])

    def truth(self, table: str, condition: nodes.Condition) -> tuple[Mask, Mask]:
        """Return where the condition is TRUE and where it is FALSE, (rows,) bool each."""
        parts = separate(simplified(condition), self.tables[table], self.tables)
        hidden = self._hidden(table, parts)
        cond = lower(parts.node, parts.table, known(hidden))
        evaluator = Evaluator(self._env(table, variables(cond), hidden), self.pool)
        true, false = evaluator.truth(cond)
        shape = (self.rows(table),)
        return np.broadcast_to(true, shape), np.broadcast_to(false, shape)

    def value(self, table: str, term: nodes.Term) -> Values:
        """Return a term's value in every row.

        Raises UsageError for a text that is put together: only a column holds one here.
        """
        parts = separate(simplified(term), self.tables[table], self.tables)
        hidden = self._hidden(table, parts)
        found = lower_term(parts.node, parts.table, known(hidden))
        if isinstance(found, StringTerm):
            what = found.cases[0][1]
            if len(found.cases) > 1 or isinstance(what, strings.Constant):
                raise UsageError("of texts, only a column can be counted or carried over")
            inner: core.Term = what.var
        else:
            inner = found.term
        evaluator = Evaluator(self._env(table, variables(inner), hidden), self.pool)
        codes, nulls = evaluator.value(inner)
        shape = (self.rows(table),)
        array = np.asarray(codes, dtype=None if _small(codes) else object)
        return Values(
            found,
            np.broadcast_to(array, shape),
            np.broadcast_to(np.asarray(False if nulls is None else nulls), shape),
        )

    def _env(
        self, table: str, names: Sequence[str], hidden: Mapping[str, Values]
    ) -> dict[str, tuple[Any, Mask | None]]:
        batch = self.batches[table]
        env: dict[str, tuple[Any, Mask | None]] = {}
        for name in names:
            if name in hidden:
                codes, nulls = hidden[name].codes, hidden[name].nulls
            else:
                codes, nulls = batch.column(name)
            env[name] = codes, nulls if nulls.any() else None
        return env

    def _hidden(self, table: str, parts: Separated) -> dict[str, Values]:
        return {name: self.column(table, what) for name, what in parts.definitions.items()}

    def column(self, table: str, what: Definition) -> Values:
        """Return a hidden column of a table."""
        key = (table, what)
        if key not in self._columns:
            self._columns[key] = self._computed(table, what)
        return self._columns[key]

    def _computed(self, table: str, what: Definition) -> Values:
        match what:
            case nodes.ParentRef(path, column):
                return self._of_parent(table, path, column)
            case nodes.Aggregate():
                return self._aggregate(table, what)
            case nodes.Previous(operand):
                return self._previous(table, operand, what.per, what.order)
            case nodes.GapFree(operand, start):
                return self._gap_free(table, operand, start, what.per)
            case Position():
                return self._position(table, what.per, what.order)
        raise TypeError(f"{type(what).__name__} is said by other constructs")

    # Groups and order.

    def groups(self, table: str, per: tuple[str, ...]) -> Groups:
        """Return the groups of rows that agree on ``per``, without rows that have a NULL there."""
        key = (table, per)
        if key not in self._groups:
            batch = self.batches[table]
            parts = [factorize(*batch.column(name)) for name in per]
            if self.worlds is not None:
                parts.insert(0, factorize(self.worlds[table]))
            self._groups[key] = together(parts, len(batch))
        return self._groups[key]

    def ordered(self, table: str, per: tuple[str, ...], order: tuple[str, ...]) -> Ids:
        """Return the rows that are in a group, group by group, each in its order."""
        key = (table, per, order)
        if key not in self._orders:
            ids = self.groups(table, per).ids
            keys: list[Any] = []
            for name in reversed(order):
                codes, nulls = self.batches[table].column(name)
                ranks = self.keys.ranks(self.tables[table].column(name), codes)
                keys += [np.where(nulls, 0, ranks), ~nulls]
            found = np.lexsort([*keys, ids])
            self._orders[key] = found[np.searchsorted(ids[found], 0) :]
        return self._orders[key]

    def referred(self, table: str, rule: nodes.ReferenceRule) -> Ids:
        """Return, per row, the first row of the parent it refers to; -1 where there is none."""
        key = (table, rule)
        if key not in self._places:
            child, parent = self.shared_keys(table, rule)
            first = np.full(child.count, -1, dtype=np.int64)
            present = np.flatnonzero(parent.ids >= 0)[::-1]
            first[parent.ids[present]] = present  # of equal ones, the earliest is written last
            some = child.ids >= 0
            places = np.full(len(child.ids), -1, dtype=np.int64)
            places[some] = first[child.ids[some]]
            self._places[key] = places
        return self._places[key]

    def shared_keys(self, table: str, rule: nodes.ReferenceRule) -> tuple[Groups, Groups]:
        """Return the rows of a table and of its parent, grouped alike by the values referred by."""
        child, parent = self.batches[table], self.batches[rule.parent]
        parts = []
        for own, other in zip(rule.columns, rule.parent_columns, strict=True):
            codes, nulls = child.column(own)
            others, more = parent.column(other)
            pair = self.keys.common(
                self.tables[table].column(own),
                codes,
                self.tables[rule.parent].column(other),
                others,
            )
            parts.append(factorize(np.concatenate(pair), np.concatenate([nulls, more])))
        if self.worlds is not None:
            apart = np.concatenate([self.worlds[table], self.worlds[rule.parent]])
            parts.insert(0, factorize(apart))
        both = together(parts, len(child) + len(parent))
        return (
            Groups(both.ids[: len(child)], both.count),
            Groups(both.ids[len(child) :], both.count),
        )

    # One kind of column after the other.

    def _of_parent(self, table: str, path: Sequence[str], column: str) -> Values:
        places = np.arange(self.rows(table))
        name = table
        for step in follow(path, self.tables[table], self.tables)[0]:
            there = self.referred(name, step)
            places = _picked(there, np.zeros(len(there), dtype=bool), places, -1)[0]
            name = step.parent
        like = lowered.column(self.tables[name].column(column))
        return Values(like, *_picked(*self.batches[name].column(column), places, 0))

    def _aggregate(self, table: str, what: nodes.Aggregate) -> Values:
        home = table if what.of is None else what.of
        if what.of is None:
            groups = own = self.groups(table, what.per)
        else:
            rule = link(self.tables[home], self.tables[table], what.via)
            groups, own = self.shared_keys(home, rule)
        asked = np.ones(self.rows(home), dtype=bool)
        if what.where is not None:
            asked = asked & self.truth(home, what.where)[0]
        like: Lowered = Number(core.Const(0))
        values = None
        if what.operand is not None:
            found = self.value(home, what.operand)
            like = like if what.function == "count" else found.like
            values, asked = found.codes, asked & ~found.nulls
        codes, nulls = figure(what.function, groups, values, asked, distinct=what.distinct)
        made, missing = _picked(codes, nulls, own.ids, 0)
        if what.of is not None and what.function == "count":
            missing = np.zeros(len(made), dtype=bool)
        return Values(like, made, missing)

    def _previous(
        self, table: str, operand: nodes.Term, per: tuple[str, ...], order: tuple[str, ...]
    ) -> Values:
        found = self.value(table, operand)
        rows = self.ordered(table, per, order)
        before = np.full(self.rows(table), -1, dtype=np.int64)
        ids = self.groups(table, per).ids[rows]
        same = ids[1:] == ids[:-1]
        before[rows[1:][same]] = rows[:-1][same]
        return Values(found.like, *_picked(found.codes, found.nulls, before, 0))

    def _position(self, table: str, per: tuple[str, ...], order: tuple[str, ...]) -> Values:
        rows = self.ordered(table, per, order)
        number = np.zeros(self.rows(table), dtype=np.int64)
        if len(rows):
            starts = starts_of(self.groups(table, per).ids[rows])
            lengths = np.diff([*starts, len(rows)])
            number[rows] = np.arange(len(rows)) - np.repeat(starts, lengths) + 1
        return Values(Number(core.Const(0)), number, number == 0)

    def _gap_free(
        self, table: str, operand: nodes.Term, start: int, per: tuple[str, ...]
    ) -> Values:
        found = self.value(table, operand)
        unit = found.like.denominator if isinstance(found.like, Number) else 1
        groups = self.groups(table, per)
        missing = found.nulls | (groups.ids < 0)
        rows = np.flatnonzero(~missing)
        numbers = factorize(found.codes[rows])
        both = together([Groups(groups.ids[rows], groups.count), numbers], len(rows))
        alone = np.bincount(both.ids, minlength=both.count)[both.ids] == 1
        codes = found.codes[rows]
        order = _lexsort([codes, groups.ids[rows]])
        ids, sorted_codes = groups.ids[rows][order], codes[order]
        follows = np.zeros(len(rows), dtype=bool)
        next_one = (ids[1:] == ids[:-1]) & (sorted_codes[1:] == sorted_codes[:-1] + unit)
        follows[order[1:]] = next_one.astype(bool)
        first = np.asarray(codes == start * unit, dtype=bool)
        later = np.asarray(codes > start * unit, dtype=bool)
        fine = np.zeros(self.rows(table), dtype=np.int64)
        fine[rows] = alone & (first | (later & follows))
        return Values(Flag(core.Const(0)), fine, missing)


def _lexsort(keys: Sequence[NDArray[Any]]) -> Ids:
    """Return the stable order by the last key first; keys of Python ints are ranked before."""
    plain = [np.unique(k, return_inverse=True)[1] if k.dtype == object else k for k in keys]
    return np.lexsort(plain)


def _picked(
    codes: NDArray[Any], nulls: Mask, places: Ids, missing: int
) -> tuple[NDArray[Any], Mask]:
    """Return what is at each place, (places,) codes and nulls; ``missing`` and NULL for -1."""
    gone = places < 0
    if not len(codes):
        return np.full(len(places), missing, dtype=np.int64), np.ones(len(places), dtype=bool)
    at = np.where(gone, 0, places)
    return np.where(gone, missing, codes[at]), gone | nulls[at]


def _small(codes: Any) -> bool:
    return not isinstance(codes, int) or abs(codes) <= INT64_MAX


def known(hidden: Mapping[str, Values]) -> dict[str, Lowered]:
    """Return what hidden columns lower to, by their names."""
    return {name: _named(values.like, core.Var(name)) for name, values in hidden.items()}


def _named(like: Lowered, var: core.Var) -> Lowered:
    """Return the value of a variable in the unit of another value."""
    match like:
        case Number(_, denominator):
            return Number(var, denominator)
        case Ticks(_, resolution):
            return Ticks(var, resolution)
        case Days():
            return Days(var)
        case Flag():
            return Flag(var)
    what = like.cases[0][1]
    return strings.leaf(EnumLeaf(var, what.values) if isinstance(what, EnumLeaf) else TextLeaf(var))

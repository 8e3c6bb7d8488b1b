"""One table's part of a fitted model: what its rows are written from, and by whom."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from synthtab.batch import Batch, Codes
from synthtab.errors import InfeasibleError
from synthtab.generate.generator import RowGenerator
from synthtab.generate.uniform import UniformGenerator
from synthtab.ir import nodes
from synthtab.ir.context import PREFIX
from synthtab.relational.children import Children
from synthtab.relational.company import There
from synthtab.relational.features import Symbols
from synthtab.relational.late import Late
from synthtab.relational.listing import Listing
from synthtab.relational.mapping import Dependency
from synthtab.relational.reading import (
    NUMBERS,
    Company,
    Pick,
    Read,
    Relative,
    Rows,
    cells,
    feature_cells,
    means_before,
    pick_names,
    read_name,
)
from synthtab.relational.structure import Deal
from synthtab.relational.view import View
from synthtab.schema import TextType
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan


@dataclass(frozen=True)
class TableModel:
    """A fitted table.

    ``written`` are the columns (own ones and numbers of children) that the generator writes after
    what it reads; ``plan`` masks them. ``rows`` is how many rows were learned from, ``exempt`` the
    share of them that broke each soft rule. ``dependencies`` have the values seen of each
    dependency, ``late`` how references that wait are chosen. ``children`` says, by the columns of
    ``view.counts``, how many children real rows had; ``deals`` the keys that come from a list, with
    the words that are dealt out.
    """

    view: View
    written: tuple[str, ...]
    reads: tuple[Read, ...]
    picks: tuple[Pick, ...]
    relatives: tuple[Relative, ...]
    plan: Plan
    generator: RowGenerator | UniformGenerator | None
    rows: int
    exempt: Mapping[str, float]
    listings: tuple[Listing, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    late: Mapping[nodes.ReferenceRule, Late] = field(default_factory=dict)
    children: Mapping[str, Children] = field(default_factory=dict)
    deals: tuple[Deal, ...] = ()

    @cached_property
    def exact(self) -> bool:
        """Whether the plan is exact for all that is written, texts aside."""
        return all(
            self.plan.step(c).inexact is None
            for c in self.written
            if not isinstance(self.view.table.column(c).type, TextType)
        )

    @property
    def relative(self) -> dict[str, Relative]:
        """The relative columns by name."""
        return {r.column: r for r in self.relatives}

    @cached_property
    def listed(self) -> dict[str, Listing]:
        """The listed columns by name."""
        return {one.column: one for one in self.listings}

    @property
    def given(self) -> tuple[str, ...]:
        """The columns a row begins with: what is read, and how further parents are picked."""
        reads = tuple(read_name(k) for k in range(len(self.reads)))
        return reads + tuple(n for k, pick in enumerate(self.picks) for n in pick_names(k, pick))


def symbols_of(read: Read, table: str, batch: Batch, around: Company, real: There) -> Symbols:
    """Return what is read of each of a table's rows (rows,); ``batch`` has the siblings before."""
    if read.kind in ("place", "size", "left"):
        left = around.size - around.place
        numbers = {"place": around.place, "size": around.size, "left": left}[read.kind]
        return NUMBERS.of(numbers, np.zeros(len(numbers), dtype=bool))
    if read.kind == "mean":
        return read.feature.of(*means_before(batch, read.feature.name, around))
    if read.kind == "dealt":
        return feature_cells(read.feature, batch, np.arange(len(batch)))
    if read.kind == "before":
        return feature_cells(read.feature, batch, around.before)
    rows = real.links.follow(table, around.links, read.steps)
    return feature_cells(read.feature, real.batch(read.steps[-1].parent), rows)


def base_of(
    relative: Relative, table: str, batch: Batch, around: Company, before: Rows, real: There
) -> Codes:
    """Return what a relative column is counted from, its row's own columns apart, (rows,) int64."""
    base = np.full(len(before), relative.fallback, dtype=np.int64)
    if relative.parent is not None:
        rows = real.links.follow(table, around.links, relative.steps)
        codes, nulls = cells(real.batch(relative.steps[-1].parent), relative.parent, rows)
        base = np.where(nulls, base, codes)
    if relative.before:
        codes, nulls = cells(batch, relative.column, before)
        base = np.where(nulls, base, codes)
    return base


def compile_view(
    view: View,
    ranges: Mapping[str, tuple[int, int]],
    written: Collection[str],
    budget_s: float,
    *,
    sizes: Mapping[str, int] | None = None,
    order: Sequence[str] | None = None,
) -> Plan:
    """Compile a view's rules; what is not ``written`` is known, or stands for what is to come.

    ``order`` fixes the order of what is written; otherwise it is chosen, with the numbers of values
    (``sizes``) if given. Raises InfeasibleError where no row at all keeps the rules.
    """
    names = view.table.column_names
    given = [c for c in names if c not in written and c not in view.rests]
    try:
        return compile_plan(
            view.table,
            domains=ranges,
            sizes=sizes,
            order=None if order is None else [*given, *order, *view.rests],
            given=given,
            last=view.rests,
            budget_s=budget_s,
        )
    except InfeasibleError as error:
        raise InfeasibleError(_as_declared(str(error))) from None


def _as_declared(text: str) -> str:
    """Return a message about a view's rules in the names of those that were declared."""
    hidden = re.sub(f"rule {PREFIX}[0-9]+", "what rows can come to by their ranges", text)
    return re.sub(r"(rule [\w.]+)'+", r"\1", hidden)

"""What one cell of a row may hold with the others kept, exactly, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Codes, Mask
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of
from synthtab.lang.format import format_type
from synthtab.lang.quoting import write_name, write_pattern
from synthtab.schema import (
    BooleanType,
    Column,
    EnumType,
    TextType,
    Value,
    decode_value,
    domain,
    type_domain,
)
from synthtab.solver.cells import ComponentRules, component_rules
from synthtab.solver.inquiry import Row
from synthtab.solver.report import value_of
from synthtab.solver.rowcells import batch_of

LISTED = 8
"""A choice of more values than this is told by ranges, or by what is left out."""
PIECES_SHOWN = 4
TRIED_FIRST, TRIED_AT_MOST = 16_000, 300_000
"""A domain of so many codes is tried value by value: before, or after, asking the formulas."""


@dataclass(frozen=True)
class Allowed:
    """The values a cell may hold.

    ``pieces`` are ranges, in order, both ends included, of which every ``stride``-th code counts;
    ``null`` says that NULL is allowed too. Where ``exact`` is False no more is known than what was
    found: no pieces, or some of the values.
    """

    column: Column
    pieces: tuple[tuple[int, int], ...]
    stride: int = 1
    null: bool = False
    exact: bool = True
    texts: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """The number of values, NULL among them."""
        codes = sum((hi - lo) // self.stride + 1 for lo, hi in self.pieces)
        return codes + len(self.texts) + self.null

    def has(self, cell: int | str | None) -> bool:
        """Say whether a cell is one of those known to be allowed."""
        if cell is None:
            return self.null
        if isinstance(cell, str):
            return cell in self.texts
        return any(lo <= cell <= hi and (cell - lo) % self.stride == 0 for lo, hi in self.pieces)

    def nearest(self, cell: int | str | None) -> int | str | None:
        """Return the allowed cell that is nearest to one; to 0 where it is NULL; None of none."""
        if self.texts:
            return self.texts[0]
        if not self.pieces:
            return None
        goal = cell if isinstance(cell, int) else 0
        best: list[int] = []
        for lo, hi in self.pieces:
            last = lo + (hi - lo) // self.stride * self.stride
            # In whole numbers: codes may be too large for a float.
            steps = (2 * (min(max(goal, lo), last) - lo) + self.stride) // (2 * self.stride)
            best.append(lo + steps * self.stride)
        return min(best, key=lambda code: abs(code - goal))

    def words(self) -> str:
        """Return the values in words: listed where they are few, else as ranges."""
        parts = [*self._parts(), *(["NULL"] if self.null else [])]
        text = _either(parts) or "no value that was found"
        return text if self.exact or not parts else f"{text}, for instance"

    def to_dict(self) -> dict[str, object]:
        """Return the values as plain data: listed where they are few, else ranges of both ends."""
        listed = self._listed()
        out: dict[str, object] = {"exact": self.exact, "null": self.null, "words": self.words()}
        if listed is not None:
            return out | {"values": listed}
        ends = [[self._value(lo), self._value(hi)] for lo, hi in self.pieces]
        return out | {"ranges": ends, "stride": self.stride}

    def _listed(self) -> list[Value] | None:
        if self.texts or not self.pieces:
            return list(self.texts)
        if self.count - self.null > LISTED:
            return None
        codes = [c for lo, hi in self.pieces for c in range(lo, hi + 1, self.stride)]
        return [self._value(code) for code in codes]

    def _parts(self) -> list[str]:
        if self.texts:
            return [value_of(self.column, text) for text in self.texts]
        if not self.pieces:
            return []
        lo, hi = domain(self.column)
        missing = hi - lo + 1 - (self.count - self.null)
        if missing == 0 and self.exact and hi - lo >= 2:
            return [f"any value {self._range(lo, hi)}".strip()]
        if self.count - self.null <= LISTED and not (
            0 < missing <= 2 and hi - lo > 4 and self._is_named()
        ):
            codes = [c for a, b in self.pieces for c in range(a, b + 1, self.stride)]
            return [value_of(self.column, code) for code in codes]
        inner = self._is_named() or len(self.pieces) > 1
        if self.stride == 1 and 0 < missing <= 3 and inner:
            left_out = [value_of(self.column, code) for code in _gaps(self.pieces, lo, hi)]
            named = _either(left_out, "and")
            return [f"anything {self._range(lo, hi)} but {named}".replace("  ", " ")]
        if self._is_named():
            first = [c for a, b in self.pieces for c in range(a, b + 1, self.stride)][:LISTED]
            rest = self.count - self.null - len(first)
            return [*(value_of(self.column, c) for c in first), f"{rest} others"]
        shown = [self._range(a, b) for a, b in self.pieces[:PIECES_SHOWN]]
        if self.stride > 1:
            shown = [f"{text} in steps of {self._step()}" for text in shown]
        more = len(self.pieces) - len(shown)
        return [*shown, f"{more} more ranges"] if more > 0 else shown

    def _is_named(self) -> bool:
        return isinstance(self.column.type, EnumType | BooleanType)

    def _range(self, lo: int, hi: int) -> str:
        """Return a range in words; nothing for all that the type has."""
        first, last = type_domain(self.column.type)
        if lo == hi:
            return value_of(self.column, lo)
        if self._is_named():
            return ""
        if lo <= first and hi >= last:
            return ""
        if lo <= first:
            return f"at most {value_of(self.column, hi)}"
        if hi >= last:
            return f"at least {value_of(self.column, lo)}"
        return f"between {value_of(self.column, lo)} and {value_of(self.column, hi)}"

    def _step(self) -> str:
        kind = self.column.type
        scale = getattr(kind, "scale", 0)
        return str(Decimal(self.stride).scaleb(-scale))

    def _value(self, code: int) -> Value:
        return decode_value(self.column.type, code)


def declared(column: Column) -> Allowed:
    """Return what a column's declaration allows; of a text nothing that could be listed."""
    if isinstance(column.type, TextType):
        return Allowed(column, (), null=column.optional, exact=False)
    return Allowed(column, (domain(column),), null=column.optional)


def declaration(column: Column) -> str:
    """Return a column's declaration in the manner of the rules language."""
    kind = format_type(column.type)
    out = f"{write_name(column.name)} {kind}"
    if not isinstance(column.type, TextType) and domain(column) != type_domain(column.type):
        lo, hi = domain(column)
        out += f" in {value_of(column, lo)} .. {value_of(column, hi)}"
    return out + (" optional" if column.optional else "")


def misfit(column: Column, cell: int | str | None) -> tuple[str, str]:
    """Return what of a column's declaration a cell does not keep: in general, and of this cell."""
    name = write_name(column.name)
    if cell is None:
        return f"{name} is not null", f"{name} (NULL) is not null"
    if isinstance(column.type, TextType) and isinstance(cell, str):
        kind = column.type
        if len(cell) > kind.max_length:
            tail = f"<= {kind.max_length}"
            return f"length({name}) {tail}", f"length({name}) ({len(cell)}) {tail}"
        tail = f"matching {write_pattern(kind.pattern or '')}"
        return f"{name} {tail}", f"{name} ({value_of(column, cell)}) {tail}"
    lo, hi = (value_of(column, code) for code in domain(column))
    return f"{name} in {lo} .. {hi}", f"{name} ({cell_text(column, cell)}) in {lo} .. {hi}"


def cell_text(column: Column, cell: int | str | None) -> str:
    """Return a cell as rules write it; a code that no value of the type has as its number."""
    lo, hi = type_domain(column.type)
    return value_of(column, cell) if not isinstance(cell, int) or lo <= cell <= hi else str(cell)


Formulas = dict[tuple[nodes.RowRule, ...], list[ComponentRules]]
"""What was compiled of sets of rules of one table, to be used again."""


def allowed(
    table: nodes.Table,
    rules: Sequence[nodes.RowRule],
    row: Row,
    column: str,
    formulas: Formulas,
) -> Allowed | None:
    """Return what a cell may hold so that a row keeps row rules, its other cells as they are.

    ``row`` has all columns that the rules read. None where it is not known: of texts, and where a
    wide column stands in terms that no formula can be solved for. Adds to ``formulas``.
    """
    declared_as = table.column(column)
    mine = tuple(r for r in rules if column in columns_of(r.condition))
    whole = declared(declared_as)
    if isinstance(declared_as.type, TextType):
        return None
    if not mine:
        return whole
    lo, hi = domain(declared_as)
    narrow = narrowed(table, mine, column)
    if hi - lo < TRIED_FIRST:
        return _tried(narrow, row, column, whole)
    if mine not in formulas:
        formulas[mine] = component_rules(narrow)
    for part in formulas[mine]:
        if column in part.columns and column in part.movable:
            batch = batch_of(narrow, [row])
            known = {c: batch.column(c) for c in part.columns}
            found = part.alone(column, known, batch.pool)
            pieces = [
                (int(a), int(b)) for a, b in zip(found.lo[0], found.hi[0], strict=True) if a <= b
            ]
            return replace(
                whole,
                pieces=tuple(sorted(pieces)),
                stride=found.stride,
                null=bool(found.null[0]) and declared_as.optional,
            )
    return _tried(narrow, row, column, whole) if hi - lo < TRIED_AT_MOST else None


def narrowed(table: nodes.Table, rules: Sequence[nodes.RowRule], *more: str) -> nodes.Table:
    """Return a table of the columns that some of its rules read, with these rules alone."""
    read = {c for r in rules for c in columns_of(r.condition)} | set(more)
    hard = tuple(replace(r, share=None) for r in rules)
    return nodes.Table(table.name, tuple(c for c in table.columns if c.name in read), hard)


def _tried(table: nodes.Table, row: Row, column: str, whole: Allowed) -> Allowed:
    """Try every value of the column."""
    codes, nulls = _candidates(whole)
    batch = batch_of(table, [{**row, column: None}]).take(np.zeros(len(codes), np.int64))
    at = batch.index(column)
    batch.codes[:, at], batch.nulls[:, at] = codes, nulls
    good = ~VectorBackend(table).violated(batch).any(axis=1)
    kept = codes[good & ~nulls]
    cuts = np.flatnonzero(np.diff(kept) != 1) + 1
    runs = [part for part in np.split(kept, cuts) if len(part)]
    pieces = tuple((int(part[0]), int(part[-1])) for part in runs)
    return replace(whole, pieces=pieces, null=bool((good & nulls).any()))


def _candidates(whole: Allowed) -> tuple[Codes, Mask]:
    lo, hi = whole.pieces[0]
    codes = np.arange(lo, hi + 1, dtype=np.int64)
    nulls = np.zeros(len(codes), bool)
    if whole.null:
        codes, nulls = np.append(codes, 0), np.append(nulls, True)
    return codes, nulls


def _gaps(pieces: Sequence[tuple[int, int]], lo: int, hi: int) -> list[int]:
    out: list[int] = []
    at = lo
    for first, last in pieces:
        out += range(at, first)
        at = last + 1
    return [*out, *range(at, hi + 1)]


def _either(parts: Sequence[str], word: str = "or") -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def outside(table: nodes.Table, row: Mapping[str, int | str | None]) -> list[str]:
    """Return the columns whose cell in a row is none that their declaration allows."""
    found = VectorBackend(replace(table, rules=())).out_of_domain(batch_of(table, [row]))
    return [c for at, c in enumerate(table.column_names) if found[0, at]]

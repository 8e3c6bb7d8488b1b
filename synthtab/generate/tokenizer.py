"""The layout of a row: which symbol stands at which position, and what it means.

Columns come in a given order, each with a fixed number of positions, and every position has symbols
of its own, numbered from 0 within the position and as tokens without overlap within the row. So no
value can be spelled in two ways, and the model's output layer need only be computed for the
position's own slice. An optional column has one more symbol in each of its positions: NULL in the
first, padding in the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes, Mask
from synthtab.errors import DataError
from synthtab.generate.places import Places, Symbols, places_of
from synthtab.generate.texts import Texts, texts_of
from synthtab.schema import Column, TextType
from synthtab.solver.feasible import EMPTY_HI, EMPTY_LO

BOS = 0


@dataclass(frozen=True)
class Cells:
    """Decoded cells of one column: codes and nulls (rows,), and which are no value at all.

    For text columns ``codes`` is all 0 and ``texts`` holds the strings ('' where null).
    """

    codes: Codes
    nulls: Mask
    malformed: Mask
    texts: NDArray[np.object_] | None = None


@dataclass(frozen=True)
class ColumnLayout:
    """One column's positions: ``first`` of the row's positions and on, written as ``places``.

    In each position the symbols of ``places`` come first; then, in an optional column, NULL (first
    position) or padding (later ones).
    """

    column: Column
    places: Places | Texts
    first: int

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many symbols each position has, NULL and padding included."""
        if isinstance(self.places, Texts):
            null = (1 if self.column.optional else 0,) + (0,) * (len(self.places.sizes) - 1)
            return tuple(n + x for n, x in zip(self.places.sizes, null, strict=True))
        return tuple(n + int(self.column.optional) for n in self.places.sizes)

    @property
    def null(self) -> int | None:
        """The symbol of NULL in the first position; None where the column is not optional."""
        return self.sizes[0] - 1 if self.column.optional else None

    def padding(self, position: int) -> int | None:
        """Return the symbol that says nothing more comes; None where there is no such symbol."""
        if isinstance(self.places, Texts):
            return self.places.end
        return self.places.sizes[position] if self.column.optional and position else None

    @cached_property
    def empty(self) -> tuple[int | None, ...]:
        """NULL and the padding after it; None where the column is not optional."""
        return (self.null, *(self.padding(k) for k in range(1, len(self.sizes))))

    def encode(self, codes: Codes, nulls: Mask, pool: NDArray[np.object_]) -> Symbols:
        """Return the symbols (rows, positions) of a column of a batch.

        Raises DataError where a code lies outside the layout's domain, or a cell is null in a
        column that is not optional.
        """
        if nulls.any() and not self.column.optional:
            raise DataError(
                f"column {self.column.name!r} is not optional, "
                f"but row {int(nulls.argmax())} is null"
            )
        if isinstance(self.places, Texts):
            strings = np.where(nulls, "", pool[np.where(nulls, 0, codes)] if len(pool) else "")
            out = self.places.encode(strings)
        else:
            lo, hi = self.places.lo, self.places.hi
            outside = ~nulls & ((codes < lo) | (codes > hi))
            if outside.any():
                row = int(outside.argmax())
                raise DataError(
                    f"column {self.column.name!r}: code {int(codes[row])} in row {row} lies "
                    f"outside {lo} .. {hi}, the range the generator is made for"
                )
            out = self.places.encode(np.where(nulls, lo, codes))
        if nulls.any():
            out[nulls] = [special for special in self.empty if special is not None]
        return out

    def decode(self, symbols: Symbols) -> Cells:
        """Return the cells (rows,) that symbols (rows, positions) stand for."""
        if self.null is None:
            nulls = np.zeros(len(symbols), dtype=bool)
        else:
            nulls = symbols[:, 0] == self.null
        if isinstance(self.places, Texts):
            values = np.where(nulls[:, None], self.places.end, symbols)
            texts, fits = self.places.decode(values)
            padded = (symbols[:, 1:] == self.places.end).all(axis=1)
            return Cells(np.zeros(len(symbols), np.int64), nulls, ~fits | (nulls & ~padded), texts)
        special = symbols == np.array(self.places.sizes)
        codes, fits = self.places.decode(np.where(special, 0, symbols))
        fits &= ~special.any(axis=1)
        codes = np.where(fits, codes, 0)
        return Cells(codes, nulls, np.where(nulls, ~special.all(axis=1), ~fits))

    def bounds(self, position: int, prefix: Symbols) -> tuple[Codes, Codes]:
        """Return the code interval (R, S) of each symbol; NULL and padding have an empty one.

        Of text, whose codes mean nothing before the value is whole, everything is possible.
        """
        rows, size = len(prefix), self.sizes[position]
        lo, hi = np.full((rows, size), EMPTY_LO), np.full((rows, size), EMPTY_HI)
        if isinstance(self.places, Texts):
            lo[:, : self.places.sizes[position]] = 0
            hi[:, : self.places.sizes[position]] = np.iinfo(np.int64).max
            return lo, hi
        plain = self.places.sizes[position]
        ended = (prefix == np.array(self.places.sizes[:position])).any(axis=1)
        lo[:, :plain], hi[:, :plain] = self.places.bounds(
            position, np.where(ended[:, None], 0, prefix)
        )
        lo[ended], hi[ended] = EMPTY_LO, EMPTY_HI
        return lo, hi


@dataclass(frozen=True)
class Layout:
    """The columns of a row in the order they are written."""

    columns: tuple[ColumnLayout, ...]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many symbols each position of the row has."""
        return tuple(n for column in self.columns for n in column.sizes)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The token of each position's symbol 0, and as a last entry the size of the vocabulary."""
        return np.cumsum([BOS + 1, *self.sizes], dtype=np.int64)

    @property
    def length(self) -> int:
        """How many positions a row has."""
        return len(self.sizes)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, the one before every row included."""
        return int(self.starts[-1])

    @cached_property
    def column_at(self) -> tuple[int, ...]:
        """The number of the column that each position belongs to."""
        return tuple(k for k, column in enumerate(self.columns) for _ in column.sizes)

    def encode(self, batch: Batch) -> Symbols:
        """Return the symbols (rows, positions) of a batch. Raises DataError as columns do."""
        parts = [c.encode(*batch.column(c.column.name), batch.pool) for c in self.columns]
        return np.concatenate(parts, axis=1)

    def within(self, batch: Batch) -> Mask:
        """Say which rows can be written as they are, but for their texts: what encode takes."""
        good = np.ones(len(batch), dtype=bool)
        for own in self.columns:
            codes, nulls = batch.column(own.column.name)
            good &= ~nulls | own.column.optional
            if not isinstance(own.places, Texts):
                good &= nulls | ((codes >= own.places.lo) & (codes <= own.places.hi))
        return good

    def decode(self, symbols: Symbols) -> tuple[Cells, ...]:
        """Return the cells of each column, in the layout's order."""
        return tuple(c.decode(symbols[:, c.first : c.first + len(c.sizes)]) for c in self.columns)


def make_layout(
    columns: Sequence[Column],
    order: Sequence[str],
    domains: Mapping[str, tuple[int, int]],
    batch: Batch,
) -> Layout:
    """Lay out the columns in ``order``; text columns take alphabet and length from the batch.

    ``domains`` gives the least and greatest code of every column that is not text. Raises DataError
    where a domain is empty.
    """
    by_name = {c.name: c for c in columns}
    out: list[ColumnLayout] = []
    first = 0
    for name in order:
        column = by_name[name]
        places: Places | Texts
        if isinstance(column.type, TextType):
            codes, nulls = batch.column(name)
            places = texts_of(column.type, batch.pool[np.unique(codes[~nulls])])
        else:
            lo, hi = domains[name]
            if lo > hi:
                raise DataError(f"column {name!r} can hold no value: {lo} .. {hi} is empty")
            places = places_of(column, lo, hi)
        out.append(ColumnLayout(column, places, first))
        first += len(places.sizes)
    return Layout(tuple(out))

"""Cells of raw text that are no values of their column: planted, and looked for at reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bench.planting import LEAST_ROWS, value
from bench.slips import TRIES, garbled
from synthtab.batch import Batch, Mask
from synthtab.codec import encode_arrays
from synthtab.ir import nodes
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    Value,
)

LETTERS = str.maketrans("0159", "OlSg")
"""Letters that are read as digits, and typed for them."""


@dataclass(frozen=True)
class RawCell:
    """A cell of a file as somebody wrote it: ``row`` from 0, ``text`` for what is ``truth``."""

    table: str
    row: int
    column: str
    text: str
    truth: int


def plant_wrong_types(
    tables: Sequence[nodes.Table],
    batches: Mapping[str, Batch],
    share: float,
    taken: Mapping[str, frozenset[int]],
    rng: np.random.Generator,
) -> tuple[RawCell, ...]:
    """Return wrong cells for ``share`` of the rows of every table, in rows that are not ``taken``.

    Any cell that is not NULL may be one, but for texts: every text is a value of its type.
    """
    found = []
    for table in tables:
        rows = batches[table.name]
        columns = [c for c in table.columns if not isinstance(c.type, TextType)]
        if len(rows) < LEAST_ROWS or not columns:
            continue
        free = [r for r in range(len(rows)) if r not in taken.get(table.name, frozenset())]
        chosen = rng.permutation(free)[: round(share * len(rows))]
        for row in np.sort(chosen):
            for at in rng.permutation(len(columns))[:TRIES]:
                column = columns[at]
                codes, nulls = rows.column(column.name)
                if nulls[row]:
                    continue
                right = value(table, rows, column.name, int(codes[row]))
                text = wrong_text(column, right, rng)
                found.append(RawCell(table.name, int(row), column.name, text, int(codes[row])))
                break
    return tuple(found)


def wrong_text(column: Column, right: Value, rng: np.random.Generator) -> str:
    """Return what is no value of the column: a slip of the value's text, or words for it.

    A number has a letter for a digit, a unit or words; a date is none of the calendar's, or is
    written another way round; an enum's word is not on the list.
    """
    match column.type:
        case IntegerType() | DecimalType():
            letters = str(right).translate(LETTERS)
            some = [f"{right} EUR", "n/a", f"about {right}", *([letters] * (letters != str(right)))]
            return str(rng.choice(some))
        case DateType() | DatetimeType():
            day, _, clock = str(right).partition(" ")
            year, month, number = day.split("-")
            after = f" {clock}" if clock else ""
            some = [
                f"{year}-02-30{after}",
                f"{year}-13-{number}{after}",
                f"{number}.{month}.{year}",
            ]
            return str(rng.choice(some))
        case BooleanType():
            return str(rng.choice(["maybe", "2", "-"]))
        case EnumType(values):
            made = garbled(str(right), rng)
            return made if made is not None and made not in values else f"{right} (other)"
    raise ValueError(f"every text is a value of column {column.name!r}")


def refused(
    table: nodes.Table, batch: Batch, cells: Sequence[RawCell]
) -> tuple[Mask, dict[str, int]]:
    """Say which cells reading refuses, (rows, columns) bool, once the batch is text with ``cells``.

    The columns that have such cells are written as text and read by the reader's own code. Returns
    besides how many cells it reports, by column.
    """
    columns = [c for c in table.columns if c.name in {cell.column for cell in cells}]
    if not columns:
        return np.zeros(batch.codes.shape, bool), {}
    arrays = []
    for column in columns:
        codes, nulls = batch.column(column.name)
        texts: list[str | None] = [
            None if null else _written(value(table, batch, column.name, int(code)))
            for code, null in zip(codes, nulls, strict=True)
        ]
        for cell in cells:
            if cell.column == column.name:
                texts[cell.row] = cell.text
        arrays.append(pa.array(texts, pa.large_string()))
    read, problems = encode_arrays(columns, arrays)
    found = np.zeros(batch.codes.shape, bool)
    for at, column in enumerate(columns):
        place = batch.index(column.name)
        there = ~batch.nulls[:, place]
        found[:, place] = read.nulls[:, at] & there
    return found, {p.column.name: p.count for p in problems}


def without(batch: Batch, cells: Mask) -> Batch:
    """Return the batch with NULL in these cells."""
    codes = np.where(cells, 0, batch.codes)
    return Batch(batch.columns, codes, batch.nulls | cells, batch.pool)


def _written(right: Value) -> str:
    return {True: "true", False: "false"}[right] if isinstance(right, bool) else str(right)

"""Real rows on their way into the vault: made to fit what is declared, each by itself.

What becomes of a row depends on this row and on public declarations alone, so that one row more or
less is one row more or less behind the door. Nothing that is said here, errors included, quotes a
value or a number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask
from synthtab.codec import encode_arrays
from synthtab.errors import DataError
from synthtab.frames import check_names, to_arrow
from synthtab.ir import nodes
from synthtab.privacy.grid import Axis, Cells, Grid
from synthtab.privacy.mechanisms import CountNoise
from synthtab.privacy.readers import CountCells
from synthtab.privacy.settings import Outside
from synthtab.privacy.vault import Vault
from synthtab.schema import TextType, domain
from synthtab.sources import Rows, Sources

OUTCOME = "outcome"
AS_IS, MOVED, DROPPED = 0, 1, 2
"""What becomes of a row: taken as it was, taken with numbers moved into their ranges, left out."""


@dataclass(frozen=True)
class Taken:
    """A table's rows as they go into the vault, and what became of every row that was read.

    ``rows`` keep all declarations and hard rules about single rows; ``outcomes`` has one column.
    """

    rows: Batch
    outcomes: Batch


def take_in(table: nodes.Table, rows: Rows, outside: Outside) -> Taken:
    """Read a table's rows so that they keep every declaration and every rule about one row.

    Numbers beyond their range move to its nearest end; cells that are no value of their type are
    NULL; rows that break a hard rule, or lack a value that is not optional, are left out. Under
    ``refuse`` any such row is an error that does not say which, nor how many. Raises DataError
    where columns are missing or extra.
    """
    name = f"the data of table `{table.name}`"
    frame = frame_of(table, rows, name)
    check_names(table.columns, [str(c) for c in frame.columns], name=name)
    raw, problems = encode_arrays(table.columns, [array_of(frame, c.name) for c in table.columns])
    codes, moved = raw.codes.copy(), np.zeros(len(raw), dtype=bool)
    for at, column in enumerate(table.columns):
        if not isinstance(column.type, TextType):
            lo, hi = domain(column)
            inside = np.where(raw.nulls[:, at], 0, np.clip(codes[:, at], lo, hi))
            moved |= (inside != codes[:, at]) & ~raw.nulls[:, at]
            codes[:, at] = inside
    batch = Batch(raw.columns, codes, raw.nulls, raw.pool)
    dropped = _unlawful(table, batch)
    if outside == "refuse" and (problems or moved.any() or dropped.any()):
        raise DataError(
            f"{name} have rows outside what the rules file declares, or that break its rules; "
            "under a privacy budget it is not said which: look with 'rulecheck validate' where the "
            "data may be seen, or take rows in with outside='clamp'"
        )
    outcome = np.where(dropped, DROPPED, np.where(moved, MOVED, AS_IS)).astype(np.int64)
    nulls = np.zeros((len(outcome), 1), dtype=np.bool_)
    outcomes = Batch((OUTCOME,), outcome[:, None], nulls, batch.pool[:0])
    return Taken(batch.take(~dropped), outcomes)


def outcomes_of(table: str) -> str:
    """Return the name under which a vault holds what became of a table's rows."""
    return f"{table}: rows read"


def count_outcomes(vault: Vault, table: str, noise: CountNoise) -> Cells:
    """Return how many rows were taken as they were, with values moved, and not at all; noisy."""
    codes = (AS_IS, MOVED, DROPPED)
    grid = Grid((Axis(OUTCOME, codes, codes, False),))
    why = "rows there are, and rows outside what is declared"
    return vault.release(CountCells(outcomes_of(table), grid, (OUTCOME,), noise, why))


def frame_of(table: nodes.Table, rows: Rows, name: str) -> pd.DataFrame:
    """Return rows as a frame; ``name`` is what an error calls them. It quotes nothing of them."""
    if isinstance(rows, pd.DataFrame):
        return rows
    try:
        with Sources() as sources:
            given = sources.one(str(rows), table.name) if isinstance(rows, str | Path) else rows
            return given.frame()
    except DataError:
        # What a reader of files has to say may quote a line, and so may its cause.
        raise DataError(
            f"{name} cannot be read; what is wrong may not be said under a privacy budget: look "
            "with 'rulecheck validate' where the data may be seen"
        ) from None


def array_of(frame: pd.DataFrame, column: str) -> pa.Array:
    """Return a column as one array; of mixed values, as texts."""
    at = [str(c) for c in frame.columns].index(column)
    return to_arrow(frame.iloc[:, at])


def _unlawful(table: nodes.Table, batch: Batch) -> Mask:
    """Say which rows break a declaration or a hard rule about single rows."""
    backend = VectorBackend(table)
    return np.asarray(
        backend.violated(batch).any(axis=1) | backend.out_of_domain(batch).any(axis=1)
    )

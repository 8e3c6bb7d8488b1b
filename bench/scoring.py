"""How good synthetic rows of a registered table are, in six figures, whoever made them.

valid         share of rows that DuckDB finds to keep every hard rule, declaration and key
shape, pair   distances from the training rows, means over columns and over pairs of columns
              (synthtab/assess/fidelity.py)
c2st          area under the ROC curve of boosted trees that tell rows from training rows
              (synthtab/assess/twosample.py): 0.5 where they cannot
utility       what boosted trees that learned from the rows are worth on held-out real rows: area
              under the ROC curve, or R2 (synthtab/assess/utility.py)
utility_real  the same of boosted trees that learned from the training rows

Cells that are no value of their column's type (a word no enum has, a number with too many digits)
make a row invalid; for the other figures they are NULL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.registry import Loaded
from synthtab.assess import twosample, utility
from synthtab.assess.fidelity import compare
from synthtab.backends.sqltables import SqlTables
from synthtab.batch import Batch, Codes, Mask
from synthtab.codec import encode_arrays
from synthtab.errors import DataError
from synthtab.frames import check_names, decode_frame, to_arrow
from synthtab.ir import nodes
from synthtab.privacy.audit.distances import nearer_to_training
from synthtab.privacy.audit.encoding import Encoder
from synthtab.schema import Column, TextType, decode_value

_NEAR = 5_000
"""Of more rows so many are looked at for how near they are to real ones."""


@dataclass(frozen=True)
class Scores:
    """Figures of rows; None where a figure is not defined, as a pair distance of one column.

    ``near`` is the share of rows that are nearer to a learned row than to any of as many held-out
    ones: a half where nothing was memorised.
    """

    valid: float
    shape: float | None
    pair: float | None
    c2st: float | None
    utility: float | None
    utility_real: float | None
    near: float | None = None


def scored(loaded: Loaded, frame: pd.DataFrame, seed: int = 0) -> Scores:
    """Score synthetic rows against the training rows (and, for utility, the held-out ones).

    Columns may come in any order. Raises DataError naming columns that are missing or not declared,
    and where there are no rows.
    """
    columns = loaded.table.columns
    batch, misfits = readable(columns, frame)
    if not len(batch):
        raise DataError(f"there are no rows of table {loaded.entry.name} to score")
    valid = 1.0 - float((misfits | broken(loaded.table, batch)).mean())
    distances = compare(columns, loaded.train, batch)
    return Scores(
        valid,
        distances.shape,
        distances.pair if distances.pairs else None,
        told_apart(loaded, batch, seed),
        worth(loaded, batch, seed),
        worth(loaded, loaded.train, seed),
        nearness(loaded, batch.take(~misfits), seed),
    )


def readable(columns: tuple[Column, ...], frame: pd.DataFrame) -> tuple[Batch, Mask]:
    """Return rows as codes, and which of them have a cell that is no value of its type.

    Such a cell is NULL in the batch. Raises DataError naming columns that are missing or not
    declared.
    """
    check_names(columns, [str(c) for c in frame.columns], name="the synthetic rows")
    by_name = {str(label): frame.iloc[:, at] for at, label in enumerate(frame.columns)}
    arrays = [to_arrow(by_name[c.name]) for c in columns]
    batch, _ = encode_arrays(columns, arrays)
    empty = np.stack([np.asarray(a.is_null()) for a in arrays], axis=1)
    return batch, np.asarray((batch.nulls & ~empty).any(axis=1))


def broken(table: nodes.Table, batch: Batch) -> Mask:
    """Return the rows (R,) that DuckDB finds to break a hard rule, a declaration or a key.

    Declarations are judged first, of columns that are free of them; the rules then of the rows that
    are left, so that the declared ranges bound the numbers DuckDB has to compute with.
    """
    free = replace(table, columns=tuple(_free(c) for c in table.columns), rules=())
    bad = _breaking(free, declarations(table.columns), batch)
    hard = [replace(r, name=f"rule {at}") for at, r in enumerate(_hard(table))]
    within = np.flatnonzero(~bad)
    bad[within] = _breaking(table, hard, batch.take(within))
    return bad


def _hard(table: nodes.Table) -> list[nodes.Rule]:
    return [r for r in table.rules if r.share is None]


def _breaking(table: nodes.Table, rules: Sequence[nodes.Rule], batch: Batch) -> Mask:
    bad = np.zeros(len(batch), dtype=bool)
    frame = decode_frame(table.columns, batch)
    for rows in SqlTables([table]).violated({table.name: frame}, {table.name: rules}).values():
        bad |= rows
    return bad


def declarations(columns: tuple[Column, ...]) -> tuple[nodes.RowRule, ...]:
    """Return what columns declare (no NULL, a range, a pattern, a length) as rules about a row."""
    found: list[nodes.Condition] = []
    for column in columns:
        term = nodes.ColumnRef(column.name)
        if not column.optional:
            found.append(nodes.Not(nodes.IsNull(term)))
        for end, op in ((column.lo, ">="), (column.hi, "<=")):
            if end is not None:
                value = decode_value(column.type, end)
                found.append(nodes.Compare(op, term, nodes.Literal(value)))  # type: ignore[arg-type]
        if isinstance(column.type, TextType):
            size = nodes.Literal(column.type.max_length)
            found.append(nodes.Compare("<=", nodes.Length(term), size))
            if column.type.pattern is not None:
                found.append(nodes.Matches(term, column.type.pattern))
    return tuple(nodes.RowRule(f"declared {at}", c) for at, c in enumerate(found))


def _free(column: Column) -> Column:
    """Return a column of the same type that declares nothing: it is what is judged."""
    return replace(column, optional=True, lo=None, hi=None)


def told_apart(loaded: Loaded, batch: Batch, seed: int = 0) -> float | None:
    """Return how well boosted trees tell rows from the training rows; None of too few rows."""
    if min(len(loaded.train), len(batch)) < twosample.LEAST:
        return None
    return twosample.two_sample(loaded.table.columns, loaded.train, batch, seed).auc


def nearness(loaded: Loaded, batch: Batch, seed: int = 0) -> float | None:
    """Return the share of rows that are nearer to learned than to held-out rows; ties count half.

    None where there are not two rows of each, or none to judge.
    """
    sides = [_some(side, seed) for side in (batch, loaded.train, loaded.holdout)]
    if not len(batch) or min(map(len, sides[1:])) < 2:
        return None
    encoder = Encoder.of(loaded.table.columns, loaded.train)
    dcr, _, _ = nearer_to_training(*(encoder.points(side) for side in sides), seed=seed)
    return dcr.share


def _some(batch: Batch, seed: int) -> Batch:
    """Return at most _NEAR rows, drawn at random."""
    if len(batch) <= _NEAR:
        return batch
    return batch.take(np.sort(np.random.default_rng(seed).permutation(len(batch))[:_NEAR]))


def worth(loaded: Loaded, batch: Batch, seed: int = 0) -> float | None:
    """Return what rows teach about the target; None where the task has none or there is too little.

    Rows that are all of one class teach nothing, which is 0.5. Fewer than two classes with five
    held-out rows each, or one number in all of them, tell nothing, which is None.
    """
    given = loaded.entry
    columns = loaded.table.columns
    others = [c for c in columns if c.name != given.target and not isinstance(c.type, TextType)]
    if given.target is None or given.task == "none" or not others:
        return None
    classes = given.task == "classification"
    held = np.unique(_known(loaded.holdout, given.target), return_counts=True)[1]
    some = held[held >= utility.RARE] if classes else held
    if len(some) < 2 or not len(_known(batch, given.target)):
        return None
    return utility.score(columns, batch, loaded.holdout, given.target, classes=classes, seed=seed)


def _known(batch: Batch, target: str) -> Codes:
    codes, nulls = batch.column(target)
    return codes[~nulls]

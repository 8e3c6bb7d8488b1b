"""Rows as Python values, as batches of codes, and as DataFrames."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synthtab import schema as s
from synthtab.batch import Batch


def to_batch(columns: tuple[s.Column, ...], records: list[dict[str, s.Value | None]]) -> Batch:
    """Encode rows of Python values."""
    shape = (len(records), len(columns))
    codes, nulls = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    pool: dict[str, int] = {}
    for i, record in enumerate(records):
        for j, column in enumerate(columns):
            value = record[column.name]
            if value is None:
                nulls[i, j] = True
            elif isinstance(column.type, s.TextType):
                codes[i, j] = pool.setdefault(str(value), len(pool))
            else:
                codes[i, j] = s.encode_value(column.type, value)
    strings = np.array([*pool, None], dtype=object)[:-1]
    return Batch(tuple(c.name for c in columns), codes, nulls, strings)


def to_records(columns: tuple[s.Column, ...], batch: Batch) -> list[dict[str, s.Value | None]]:
    """Decode a batch into rows of Python values."""
    out = []
    for i in range(len(batch)):
        record: dict[str, s.Value | None] = {}
        for j, column in enumerate(columns):
            code = int(batch.codes[i, j])
            text = isinstance(column.type, s.TextType)
            if batch.nulls[i, j]:
                record[column.name] = None
            else:
                record[column.name] = (
                    batch.pool[code] if text else s.decode_value(column.type, code)
                )
        out.append(record)
    return out


def to_frame(columns: tuple[s.Column, ...], batch: Batch) -> pd.DataFrame:
    """Decode a batch into a frame of Python objects."""
    records = to_records(columns, batch)
    return pd.DataFrame(
        {c.name: pd.Series([r[c.name] for r in records], dtype=object) for c in columns}
    )

"""Every violation as a row of a Parquet file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from synthtab.assess.compliance import Values
from synthtab.atomic import atomic

SCHEMA = pa.schema(
    [
        ("table", pa.string()),
        ("rule", pa.string()),
        ("row", pa.int64()),
        ("values", pa.string()),  # a JSON object of the columns that the rule speaks of
    ]
)
_CHUNK = 100_000


class Failures:
    """Gathers violations, and writes them when asked to."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []

    def add(self, table: str, rule: str, rows: NDArray[np.int64], values: Sequence[Values]) -> None:
        """Take the rows (from 1) that break a rule, with what they hold."""
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            texts = [
                json.dumps(dict(v), ensure_ascii=False, default=str)
                for v in values[start : start + _CHUNK]
            ]
            arrays = [
                pa.array([table] * len(part), pa.string()),
                pa.array([rule] * len(part), pa.string()),
                pa.array(part, pa.int64()),
                pa.array(texts, pa.string()),
            ]
            self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))

    def write(self, path: Path) -> None:
        """Write one row per violation; the file appears whole or not at all."""
        with atomic(path) as temporary:
            pq.write_table(pa.Table.from_batches(self._batches, SCHEMA), temporary)

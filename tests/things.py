"""Random tables of one source, for tests that compare tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synthtab.batch import Batch
from synthtab.frames import encode_frame
from synthtab.ir.nodes import Table
from synthtab.schema import BooleanType, Column, DateType, EnumType, IntegerType, TextType

COLUMNS = (
    Column("n", IntegerType(), True),
    Column("m", IntegerType()),
    Column("e", EnumType(("a", "b", "c")), True),
    Column("d", DateType(), True),
    Column("f", BooleanType()),
)
WITH_TEXT = (*COLUMNS, Column("t", TextType(9), True))
TABLE = Table("things", COLUMNS, ())


def rows(seed: int, count: int = 400, columns: tuple[Column, ...] = COLUMNS) -> Batch:
    """Draw rows where ``m`` and ``f`` depend on ``n``, and one cell in twenty is NULL."""
    return encode_frame(columns, frame(seed, count)[[c.name for c in columns]])


def frame(seed: int, count: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = rng.normal(50, 20, count).astype(int)
    found = pd.DataFrame(
        {
            "n": pd.array(n, "Int64"),
            "m": 2 * n + rng.integers(0, 30, count),
            "e": rng.choice(["a", "b", "c"], count, p=[0.6, 0.3, 0.1]),
            "d": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 99, count), "D"),
            "f": n + rng.normal(0, 10, count) > 50,
            "t": ["x" * k + "y" for k in rng.integers(0, 8, count)],
        }
    )
    for name in ("n", "e", "d", "t"):
        found.loc[rng.random(count) < 0.05, name] = None
    return found

"""A table of admissions, and a domain model small enough to be trained while a test waits."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from synthtab.batch import Batch
from synthtab.frames import encode_frame
from synthtab.generate.model import ModelConfig
from synthtab.generate.pretrain.domainmodel import DomainModel
from synthtab.generate.pretrain.schemamodel import SchemaModel
from synthtab.generate.pretrain.tables import RealTable
from synthtab.generate.pretrain.training import PretrainConfig, pretrain
from synthtab.generate.tokenizer import Layout, make_layout
from synthtab.lang.model import Model

TINY = ModelConfig(hidden=16, layers=1, heads=2, kv_heads=1, feed_forward=24)
RULES = """table admission {
  ward       enum('day', 'night', 'icu')
  days       integer in 0 .. 400
  cost       decimal(8, 2) in 0 .. 9_999
  since      date in 2020-01-01 .. 2021-12-31
  insured    boolean optional
  rule short: when ward = 'day' then days = 0
}
"""
MODEL = Model.parse(RULES)
COLUMNS = MODEL.table().columns
DOMAINS = {
    "ward": (0, 2),
    "days": (0, 400),
    "cost": (0, 999_900),
    "since": (18_262, 18_992),
    "insured": (0, 1),
}


def frame(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return lawful rows; the ward tells much of the days, the days of the cost."""
    random = np.random.default_rng(seed)
    ward = random.choice(["day", "night", "icu"], rows, p=[0.6, 0.3, 0.1])
    days = np.where(ward == "day", 0, random.integers(1, 60, rows))
    return pd.DataFrame(
        {
            "ward": ward,
            "days": days,
            "cost": np.round(100 + days * 20 + random.random(rows) * 50, 2),
            "since": pd.to_datetime("2020-01-01")
            + pd.to_timedelta(random.integers(0, 700, rows), "D"),
            "insured": pd.array(random.choice([True, False, None], rows), dtype="boolean"),
        }
    )


def admissions(rows: int, seed: int = 0) -> Batch:
    """Return the rows of :func:`frame` as a batch."""
    return encode_frame(COLUMNS, frame(rows, seed))


def layout_of(batch: Batch) -> Layout:
    """Return the layout of a table's rows, its columns in their order."""
    return make_layout(COLUMNS, [c.name for c in COLUMNS], DOMAINS, batch)


@cache
def domain_model() -> DomainModel:
    """Return a model that has seen such tables, if briefly."""
    network = SchemaModel(TINY)
    table = RealTable("admission", COLUMNS, admissions(600, seed=5))
    seen = pretrain(network, [table], PretrainConfig(steps=60, rows=32, learning_rate=1e-2), 0)
    assert np.isfinite(seen.named)
    return DomainModel("tiny", "admissions", network.eval(), "# tiny\n\nData: made in a test.\n")

"""Small vaults, neighbouring tables, and a bound on the log-ratio of what was seen of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from batches import to_batch
from scipy.stats import beta, chisquare

from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.privacy.channels import distances, even_axis
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.settings import Kind, Neighbours
from synthtab.privacy.vault import Vault
from synthtab.schema import Column, EnumType, IntegerType, Value

ALARM = 1e-6
"""How often a test about chance fails although all is well, at most."""

Row = dict[str, Value | None]


def table_of(*columns: Column, rules: Sequence[nodes.Rule] = ()) -> nodes.Table:
    return nodes.Table("t", columns, tuple(rules))


def vault_of(
    table: nodes.Table,
    rows: Sequence[Row] | Batch,
    epsilon: float = 1.0,
    delta: float = 1e-6,
    kind: Kind = "add-remove",
) -> Vault:
    batch = rows if isinstance(rows, Batch) else to_batch(table.columns, list(rows))
    return Vault({table.name: batch}, Ledger(epsilon, delta, Neighbours(kind)))


def assert_follows(seen: np.ndarray, probabilities: np.ndarray) -> None:
    """Chi-square of counts against a law; cells too small to count are put together."""
    expected = probabilities * seen.sum()
    small = expected < 10
    observed = np.append(seen[~small], seen[small].sum())
    wanted = np.append(expected[~small], expected[small].sum())
    if wanted[-1] < 10:
        observed = np.append(observed[:-2], observed[-2:].sum())
        wanted = np.append(wanted[:-2], wanted[-2:].sum())
    assert chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > ALARM


def least_epsilon(one: np.ndarray, two: np.ndarray) -> float:
    """Return an epsilon that counts of outcomes on neighbours prove, but for the false alarm.

    Clopper-Pearson bounds on each outcome's probabilities, the error spread over all of them.
    """
    error = ALARM / (4 * len(one))
    found = 0.0
    for first, second in ((one, two), (two, one)):
        total, other = first.sum(), second.sum()
        low = beta.ppf(error, first, total - first + 1)
        high = beta.ppf(1 - error, second + 1, other - second)
        ratio = np.nan_to_num(low, nan=0.0) / np.nan_to_num(high, nan=1.0)
        found = max(found, math.log(max(1.0, float(ratio.max()))))
    return found


def rules(text: str) -> nodes.Table:
    return Model.parse(text).table()


class Locked:
    """Rows that nobody may look at."""

    def __getattr__(self, name: str) -> None:
        raise AssertionError(f"{name} was looked at")

    def __len__(self) -> int:
        raise AssertionError("rows were counted")


def column_of(size: int, kind: str, optional: bool = False) -> Column:
    if kind == "number":
        return Column("x", IntegerType(), optional, 0, size - 1)
    return Column("x", EnumType(tuple(f"v{k}" for k in range(size))), optional)


def apart(size: int, kind: str, optional: bool = False) -> np.ndarray:
    column = column_of(size, kind, optional)
    return distances(column, even_axis(column), kind == "ordered")

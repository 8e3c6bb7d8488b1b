"""Made-up tables of any number of rows, columns and rules, whose rows keep every rule.

Columns come in groups of five: a kind, two bounds, an amount between them, a day. Rules tie the
columns of a group; asked for more, the next of nine templates goes round the groups again, so that
rules a column grow while the table stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthtab.batch import Batch
from synthtab.lang.model import Model

GROUP = 5
KINDS = ("a", "b", "c", "d")
CHANGED_DAY = 18_262
"""2020-01-01, as days since 1970-01-01."""

TEMPLATES = (
    "low{g} <= high{g}",
    "amount{g} <= high{g}",
    "when kind{g} = 'a' then low{g} <= 499",
    "when kind{g} = 'b' then amount{g} >= 10",
    "when kind{g} = 'c' then high{g} >= 100",
    "when kind{g} = 'd' then day{g} >= 2020-01-01",
    "high{g} - low{g} <= 1_000",
    "when low{g} > 899 then kind{g} != 'c'",
    "when amount{g} > 1_500 then high{g} - low{g} > 500",
)


@dataclass(frozen=True)
class Size:
    """How large a table is; columns in whole groups, at most 9 rules to a group."""

    rows: int
    columns: int
    rules: int

    def __post_init__(self) -> None:
        groups, over = divmod(self.columns, GROUP)
        if over or groups < 1 or not 0 <= self.rules <= groups * len(TEMPLATES) or self.rows < 1:
            raise ValueError(
                f"{self}: columns come in groups of {GROUP}, with at most {len(TEMPLATES)} rules "
                "to a group, and there is a row at least"
            )


def model(size: Size) -> Model:
    """Return the model of a table called ``made``."""
    groups = size.columns // GROUP
    lines = ["table made {"]
    for g in range(groups):
        lines += [
            f"  kind{g} enum({', '.join(map(repr, KINDS))})",
            f"  low{g} integer in 0 .. 999",
            f"  high{g} integer in 0 .. 1_999",
            f"  amount{g} decimal(6, 2) in 0 .. 1_999",
            f"  day{g} date in 2015-01-01 .. 2024-12-31",
        ]
    for at in range(size.rules):
        template = TEMPLATES[at // groups]
        lines.append(f"  rule r{at}: {template.format(g=at % groups)}")
    return Model.parse("\n".join([*lines, "}"]) + "\n")


def rows(size: Size, seed: int) -> Batch:
    """Return rows that keep all rules there can be; groups of columns go together."""
    rng = np.random.default_rng(seed)
    n = size.rows
    columns: list[str] = []
    codes: list[np.ndarray] = []
    mood = rng.random(n)
    for g in range(size.columns // GROUP):
        # A common cause, so that there is something to learn between groups.
        lean = 0.5 * (mood + rng.random(n))
        kind = np.minimum((4 * lean).astype(np.int64), 3)
        low = (rng.beta(2, 3, n) * np.array([499, 999, 899, 999])[kind]).astype(np.int64)
        high = low + np.minimum(rng.geometric(1 / 250, n), 1_000)
        high = np.maximum(high, np.array([0, 10, 100, 0])[kind])
        least = np.where(kind == 1, 1_000, 0)
        amount = least + (rng.beta(2, 2, n) * (100 * high - least)).astype(np.int64)
        amount = np.where((amount > 150_000) & (high - low <= 500), 150_000, amount)
        first = np.where(kind == 3, CHANGED_DAY, CHANGED_DAY - 5 * 365)
        day = first + (lean * 1_700).astype(np.int64)
        columns += [f"{name}{g}" for name in ("kind", "low", "high", "amount", "day")]
        codes += [kind, low, high, amount, day]
    matrix = np.stack(codes, axis=1).astype(np.int64)
    return Batch(tuple(columns), matrix, np.zeros(matrix.shape, bool), np.array([], object))


def broken(size: Size, seed: int) -> Batch:
    """Return rows each of which breaks the first rule: its bounds exchanged, or drawn in a row."""
    batch = rows(size, seed)
    low, high = batch.codes[:, 1].copy(), batch.codes[:, 2].copy()
    batch.codes[:, 1] = np.minimum(np.maximum(high, 1), 999)
    batch.codes[:, 2] = np.minimum(low, batch.codes[:, 1] - 1)
    return batch

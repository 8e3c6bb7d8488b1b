"""How often rows are written again before they are left to repair, and how long that may take."""

from __future__ import annotations

from dataclasses import dataclass

from synthtab.generate.generator import RowGenerator
from synthtab.relational.tablemodel import TableModel

TRIES = 8
"""How often a row that breaks a rule is written again before it is left to repair."""
DEAD_TRIES = 3
"""The same for a row of which the Plan left nothing: mostly its context is at fault."""
EVEN_TRIES = 64
"""The same where no network writes, which costs little and knows nothing."""
ANEW = 4
"""How often rows that could not be written are begun anew, with other further parents."""
LEAST = 0.5
"""The share of cells that are as small as they may be in later attempts: 1 goes with any sum."""
REPICKS = 60
"""How often further parents that do not go together are picked anew."""

REDRAWS = 60
"""How often rows are written again so that they have fewer children."""

MENDING_S = 120.0
"""How many seconds mending may take at least, where nobody says how many."""
MENDING_TIMES = 10.0
"""The same, as a multiple of the time that writing took: of more rows there is more to mend."""


def mending_time(writing_s: float) -> float:
    """Return how many seconds mending may take of rows that took so many to write."""
    return max(MENDING_S, MENDING_TIMES * writing_s)


@dataclass(frozen=True)
class Patience:
    """``tries`` for rows in all, ``dead`` for those of which the Plan leaves nothing."""

    tries: int
    dead: int


def patience(model: TableModel) -> Patience:
    """Return how often a table's rows are tried."""
    if isinstance(model.generator, RowGenerator):
        return Patience(TRIES, DEAD_TRIES)
    if model.exact:
        return Patience(EVEN_TRIES, DEAD_TRIES)
    # Where the Plan is not exact, it is as likely that other values of the row's own will do.
    return Patience(EVEN_TRIES, EVEN_TRIES // 4 if model.picks else EVEN_TRIES)

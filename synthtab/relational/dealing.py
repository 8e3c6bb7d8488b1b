"""Keys that come from a list: each word is dealt out once, before rows are written.

Children may be able to name only some rows of a table, by the words of their enums. Whoever makes
such keys up would make up none of these, and whoever draws them row by row would repeat them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from synthtab.batch import Mask
from synthtab.errors import InfeasibleError
from synthtab.ir import nodes
from synthtab.relational.features import Feature, Symbols
from synthtab.relational.page import Page, copied
from synthtab.relational.reading import Rows
from synthtab.relational.structure import Deal
from synthtab.schema import EnumType


def dealt_feature(deal: Deal, table: nodes.Table) -> Feature:
    """Return the key as it is read: a symbol per word, and one for any other text."""
    if isinstance(table.column(deal.column).type, EnumType):
        return Feature(deal.column, edges=tuple(range(len(deal.words))))
    return Feature(deal.column, words=deal.words)


def hand(deal: Deal, table: nodes.Table, rows: int, rng: np.random.Generator) -> Rows:
    """Return the number of the word each row gets, (rows,) int64; -1 for none.

    Rows that get one are drawn by lot. Raises InfeasibleError where an enum has fewer words than
    there are rows.
    """
    if isinstance(table.column(deal.column).type, EnumType) and rows > len(deal.words):
        raise InfeasibleError(
            f"rule {deal.rule!r} leaves column {deal.column!r} of table `{table.name}` only "
            f"{len(deal.words):,} different values, and {rows:,} rows were asked for"
        )
    words = rng.permutation(len(deal.words))[:rows]
    found = np.full(rows, -1, dtype=np.int64)
    found[rng.permutation(rows)[: len(words)]] = words
    return found


class Hands:
    """What the rows of one table have been dealt, by the column."""

    def __init__(
        self,
        deals: Sequence[Deal],
        table: nodes.Table,
        rows: int,
        rng: np.random.Generator,
        given: Mapping[str, Rows],
    ) -> None:
        """``given`` has what rows have been dealt before, by column (empty: nothing yet)."""
        self._deals = deals
        self._given = given or {deal.column: hand(deal, table, rows, rng) for deal in deals}

    def symbols(self, feature: Feature, rows: Rows) -> Symbols:
        """Return what is read of the key in some rows."""
        given = self._given[feature.name][rows]
        # Of text, the last symbol but that for NULL is any other text.
        return np.where(given < 0, len(feature.words), given)

    def put(self, page: Page, rows: Rows) -> None:
        """Put the words in place that some rows have been dealt."""
        for deal in self._deals:
            given = self._given[deal.column][rows]
            some = given >= 0
            strings = np.array([*deal.words, None], dtype=object)
            present = np.zeros(int(some.sum()), dtype=bool)
            page.set(rows[some], deal.column, (given[some], present), strings)

    def forged(self, page: Page, rows: Rows) -> Mask:
        """Say which of some rows hold a word of a list without having been dealt it."""
        forged = np.zeros(len(rows), dtype=bool)
        for deal in self._deals:
            if page.is_text(deal.column):
                words = np.array([text in deal.words for text in page.pool.array], dtype=bool)
                codes, nulls = copied(page.batch, deal.column, rows)
                forged |= words[codes] & ~nulls & (self._given[deal.column][rows] < 0)
        return forged

"""Choosing further parents for rows that are to be written, so that they may go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from synthtab.batch import Codes, Mask
from synthtab.generate.generator import RowGenerator
from synthtab.generate.guide import Given
from synthtab.generate.uniform import NULLS
from synthtab.ir import nodes
from synthtab.relational.among import apart
from synthtab.relational.company import There
from synthtab.relational.page import Page, copied, pooled, symbols_batch
from synthtab.relational.patience import REPICKS
from synthtab.relational.picking import others, pick, repeated, unlike
from synthtab.relational.reading import Rows, feature_cells, pick_names
from synthtab.relational.tablemodel import TableModel

SPARE = 0.9
"""The part of the rows that may do without a soft reference that do: some others get lost later."""


@dataclass(frozen=True)
class Siblings:
    """The number of each row among its siblings, from 1, and whether they come one by one."""

    place: Rows
    staged: bool


class Picker:
    """Picks rows of further parents, and keeps how many rows each may still get.

    ``links`` are where rows refer to, by reference; what is picked is put there. ``slots`` says how
    many rows each parent is to get (-1: none may).
    """

    def __init__(
        self,
        model: TableModel,
        slots: Mapping[nodes.ReferenceRule, Rows],
        there: There,
        links: dict[nodes.ReferenceRule, Rows],
        siblings: Siblings,
        rng: np.random.Generator,
    ) -> None:
        self._model, self._home = model, model.view.home
        self._planned, self._there, self._links = slots, there, links
        self._siblings, self._rng = siblings, rng
        self._slots = {rule: free.copy() for rule, free in slots.items()}
        self._apart = apart(self._home)

    def pick(self, rows: Rows, reads: dict[str, Codes], misplaced: Callable[[Rows], Mask]) -> None:
        """Pick further parents for rows; what they look like is added to what is read.

        ``misplaced`` says which of some rows may not have the parents that they have.
        """
        picks = self._model.picks
        if not picks:
            return
        drawn = self._looks(rows, reads)
        have = {
            one.reference: [feature_cells(f, parent, np.arange(len(parent))) for f in one.features]
            for one in picks
            for parent in [pooled(self._there.batch(one.reference.parent))]
        }
        flags: dict[nodes.ReferenceRule, Codes] = {}
        for k, one in enumerate(picks):
            names = pick_names(k, one)
            want = [drawn[n] for n in names[int(one.flag) :]]
            slots = self._slots[one.reference]
            picked = pick(len(rows), want, have[one.reference], slots, self._rng)
            flag = drawn[names[0]] if one.flag else np.ones(len(rows), np.int64)
            flags[one.reference] = self._few_strays(one.reference, flag)
            self._links[one.reference][rows] = np.where(flags[one.reference] == 1, picked, -1)
        self._fitting(rows, misplaced)
        for one in picks:
            picked = self._links[one.reference][rows]
            slots = self._slots[one.reference]
            np.subtract.at(slots, picked[picked >= 0], 1)
            slots[(slots < 0) & (self._planned[one.reference] >= 0)] = 0
        self._told(rows, reads, flags)

    def let_go(self, rows: Rows) -> None:
        """Let rows that are to get other parents leave room to others."""
        for reference, slots in self._slots.items():
            left = self._links[reference][rows]
            left = left[left >= 0]
            np.add.at(slots, left[slots[left] >= 0], 1)

    def _few_strays(self, reference: nodes.ReferenceRule, flag: Codes) -> Codes:
        """Have as many rows lead somewhere as a soft reference asks for at least."""
        if reference.share is None:
            return flag
        optional = any(self._home.table.column(c).optional for c in reference.columns)
        strays = np.flatnonzero((flag == 2) | ((flag == 0) & (not optional)))
        asked = int(((flag != 0) | (not optional)).sum())
        most = int(SPARE * float(1 - reference.share) * asked)
        lead = self._rng.permutation(strays)[: max(0, len(strays) - most)]
        made = flag.copy()
        made[lead] = 1
        return made

    def tell(self, rows: Rows, reads: dict[str, Codes], page: Page) -> None:
        """Add to what is read of rows that are written what the parents they have look like."""
        flags = {}
        for one in self._model.picks:
            if one.flag:
                lacks = [copied(page.batch, c, rows)[1] for c in one.reference.columns]
                nobody = np.where(np.any(lacks, axis=0), 0, 2)
                flags[one.reference] = np.where(self._links[one.reference][rows] >= 0, 1, nobody)
        self._told(rows, reads, flags)

    def _told(
        self,
        rows: Rows,
        reads: dict[str, Codes],
        flags: Mapping[nodes.ReferenceRule, Codes],
    ) -> None:
        for k, one in enumerate(self._model.picks):
            picked, names = self._links[one.reference][rows], pick_names(k, one)
            if one.flag:
                flag = flags[one.reference]
                reads[names[0]] = np.where(flag == 1, (picked >= 0).astype(np.int64), flag)
            parent = pooled(self._there.batch(one.reference.parent))
            for name, feature in zip(names[int(one.flag) :], one.features, strict=True):
                reads[name] = feature_cells(feature, parent, picked)

    def _looks(self, rows: Rows, reads: dict[str, Codes]) -> dict[str, Codes]:
        """Have the network say what further parents are to look like."""
        wanted = [n for k, one in enumerate(self._model.picks) for n in pick_names(k, one)]
        generator = self._model.generator
        if not isinstance(generator, RowGenerator):
            flags = [pick_names(k, one)[0] for k, one in enumerate(self._model.picks) if one.flag]
            return {f: (self._rng.random(len(rows)) >= NULLS).astype(np.int64) for f in flags}
        if not wanted:
            return {}
        found = generator.draw(
            len(rows),
            level="grammar",
            seed=int(self._rng.integers(0, 2**63)),
            given=Given(symbols_batch(reads, len(rows))),
            columns=len(reads) + len(wanted),
        )
        return {name: found.batch.column(name)[0] for name in wanted}

    def _fitting(self, rows: Rows, misplaced: Callable[[Rows], Mask]) -> None:
        """Pick others for rows that repeat a sibling's, or that no rule lets go together."""
        once = [set(rule.columns) for rule in self._home.distinct]
        for attempt in range(REPICKS):
            same = self._repeated(rows)
            wrong = np.asarray(same | misplaced(rows))
            if not wrong.any():
                return
            if attempt > REPICKS // 3 and not (wrong & ~same).any():
                # Chance finds what few are left no longer.
                self._separate(rows[wrong])
                continue
            for one in self._model.picks:
                links = self._links[one.reference]
                some = links[rows] >= 0
                slots = self._slots[one.reference]
                if attempt > REPICKS // 3 and set(one.reference.columns) not in once:
                    # Rather more children than planned than two rows of which one must not be.
                    slots = np.where(slots < 0, -1, len(rows))
                again, taken = rows[wrong & some], links[rows[~wrong & some]]
                links[again] = others(slots, taken, len(again), self._rng)

    def _separate(self, rows: Rows) -> None:
        """Give rows parents that no sibling of theirs has."""
        for lead, references in self._apart:
            slots = self._slots[references[0]]
            links = self._links[references[0]]
            links[rows] = unlike(rows, self._links[lead], links, slots, self._rng)

    def _repeated(self, rows: Rows) -> Mask:
        """Say which rows refer to the same rows as an earlier sibling, where they must not."""
        wrong = np.zeros(len(rows), dtype=bool)
        for lead, references in self._apart:
            links = [self._links[r] for r in (lead, *references)]
            wrong |= repeated(rows, self._siblings.place, links, self._siblings.staged)
        return wrong

"""Whom rows refer to where rules go by it: lawful for the row, with room for one more, no circles.

Rows that break a rule are each offered some rows of the parent, judged in one go in a twin of their
table, and take one that suits. Who is left without may refer to nobody, where that is lawful.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from synthtab.backends.tables import Checks
from synthtab.batch import Batch, Mask
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of, descendants
from synthtab.relational.reading import Rows, cells
from synthtab.relational.structure import conjuncts, may_lack

ROUNDS = 12
"""How often rows that break a rule by whom they refer to are offered others."""
OFFERS = 8
"""How many each is offered at first; twice as many each time."""
MOST = 400_000
"""How many offers are judged at once."""


@dataclass(frozen=True)
class Suiting:
    """A reference that is set when all rows are there, and the hard rules that go by it.

    ``rules`` are about single rows; ``most`` is how many rows may refer to one (None: any number).
    """

    table: nodes.Table
    reference: nodes.ReferenceRule
    rules: tuple[nodes.RowRule, ...]
    most: int | None

    def linked(self, batch: Batch, parents: Batch, chosen: Rows) -> Batch:
        """Return rows (R,) that refer to the rows ``chosen`` (R,) of the parent; -1 is nobody."""
        codes, nulls = batch.codes.copy(), batch.nulls.copy()
        pairs = zip(self.reference.columns, self.reference.parent_columns, strict=True)
        for own, other in pairs:
            at = batch.index(own)
            codes[:, at], nulls[:, at] = cells(parents, other, chosen)
        return Batch(batch.columns, codes, nulls, batch.pool)

    def settle(
        self,
        tables: Sequence[nodes.Table],
        batches: Mapping[str, Batch],
        chosen: Rows,
        rng: np.random.Generator,
    ) -> Batch:
        """Return the table's rows, those that would break a rule referring to others."""
        name = self.table.name
        own, parents = batches[name], batches[self.reference.parent]
        itself = self.reference.parent == name
        made = self.linked(own, parents, chosen)
        if not len(parents) or not len(own) or not (self.rules or self.most is not None):
            return made
        wrong = self._wrong(tables, batches, made, chosen)
        best, fewest = chosen, int(wrong.sum())
        for attempt in range(ROUNDS):
            if not wrong.any():
                return made
            there = {**batches, name: made}
            chosen = self._others(tables, there, chosen, wrong, OFFERS << attempt, rng)
            if itself:
                chosen = _without_circles(chosen, best)
            made = self.linked(own, parents, chosen)
            wrong = self._wrong(tables, batches, made, chosen)
            if wrong.sum() < fewest:
                best, fewest = chosen, int(wrong.sum())
        made = self.linked(own, parents, best)
        if not may_lack(self.table, self.reference):
            return made
        wrong = self._wrong(tables, batches, made, best)
        alone = np.where(wrong, -1, best)
        without = self.linked(own, parents, alone)
        lawful = wrong & ~self._wrong(tables, batches, without, alone)
        return self.linked(own, parents, np.where(lawful, -1, best))

    def _wrong(
        self,
        tables: Sequence[nodes.Table],
        batches: Mapping[str, Batch],
        made: Batch,
        chosen: Rows,
    ) -> Mask:
        """Say which rows break one of the rules, or are more than may refer to one row."""
        wrong = np.zeros(len(made), dtype=bool)
        checks = Checks(tables, {**batches, self.table.name: made})
        for rule in self.rules:
            wrong |= checks.violated(self.table.name, rule)
        if self.most is not None:
            some = np.flatnonzero((chosen >= 0) & ~wrong)
            wrong[some] = _numbers(chosen[some]) >= self.most
        return wrong

    def _others(
        self,
        tables: Sequence[nodes.Table],
        batches: Mapping[str, Batch],
        chosen: Rows,
        wrong: Mask,
        offers: int,
        rng: np.random.Generator,
    ) -> Rows:
        """Return whom rows refer to after those that are ``wrong`` took one offered to them."""
        own, parents = batches[self.table.name], batches[self.reference.parent]
        asking = np.flatnonzero(wrong)
        each = min(offers, len(parents), max(1, MOST // len(asking)))
        offered = rng.integers(len(parents), size=(len(asking), each))
        twin = replace(self.table, name=self.table.name + "'")
        rows = own.take(np.repeat(asking, each))
        judged = self.linked(rows, parents, offered.ravel())
        checks = Checks((*tables, twin), {**batches, twin.name: judged})
        lawful = np.ones(offered.size, dtype=bool)
        for rule in self.rules:
            lawful &= ~checks.violated(twin.name, rule)
        fits = lawful.reshape(offered.shape)
        if self.reference.parent == self.table.name:
            fits &= offered != asking[:, None]
        taken = chosen.copy()
        taken[asking] = -1
        if self.most is not None:
            held = np.bincount(taken[taken >= 0], minlength=len(parents))
            fits &= held[offered] < self.most
        first = fits.argmax(axis=1)
        suits = fits[np.arange(len(asking)), first]
        new = np.where(suits, offered[np.arange(len(asking)), first], chosen[asking])
        if self.most is not None:
            room = self.most - held[np.maximum(new, 0)]
            late = suits.copy()
            late[suits] = _numbers(new[suits]) >= room[suits]
            new = np.where(late, chosen[asking], new)
        taken[asking] = new
        return taken


def suiting(table: nodes.Table, reference: nodes.ReferenceRule) -> Suiting:
    """Return a reference that waits, with the hard rules that go by it."""
    rules: list[nodes.RowRule] = []
    most: int | None = None
    for rule in table.rules:
        if rule.share is not None:
            continue
        if isinstance(rule, nodes.UniqueRule):
            if rule.where is None and set(rule.columns) == set(reference.columns):
                most = 1 if most is None else min(most, 1)
        elif isinstance(rule, nodes.RowRule):
            if _goes_by(rule, reference):
                rules.append(rule)
            counted = _most(rule, reference)
            if counted is not None:
                most = counted if most is None else min(most, counted)
    return Suiting(table, reference, tuple(rules), most)


def _goes_by(rule: nodes.RowRule, reference: nodes.ReferenceRule) -> bool:
    """Say whether a rule of single rows speaks of whom a row refers to."""
    terms = list(descendants(rule.condition))
    beyond = [t for t in terms if isinstance(t, nodes.CONTEXT)]
    if not all(isinstance(t, nodes.ParentRef) for t in beyond):
        return False
    names = {*reference.columns, reference.parent}
    led = any(isinstance(t, nodes.ParentRef) and t.path[0] in names for t in terms)
    return led or bool(set(columns_of(rule.condition)) & set(reference.columns))


def _most(rule: nodes.RowRule, reference: nodes.ReferenceRule) -> int | None:
    """Return how many rows a rule such as ``count() per boss_id <= 12`` lets refer to one."""
    found = None
    for part in conjuncts(rule.condition):
        match part:
            case nodes.Compare(
                ("<=" | "<") as op,
                nodes.Aggregate("count", operand=None, distinct=False, where=None, of=None) as rows,
                nodes.Literal(int(number)),
            ) if set(rows.per) == set(reference.columns):
                most = number if op == "<=" else number - 1
                found = most if found is None else min(found, most)
    return found


def _numbers(values: Rows) -> Rows:
    """Return how many entries before each one hold the same value."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    out = np.empty_like(values)
    out[order] = np.arange(len(values)) - starts
    return out


def _without_circles(chosen: Rows, before: Rows) -> Rows:
    """Return whom rows refer to, with changes taken back where they would close a circle.

    There is none in ``before``.
    """
    made = chosen.copy()
    while True:
        step = made
        for _ in range(len(made).bit_length() + 1):
            step = np.where(step >= 0, step[step], -1)
        round_ = np.unique(step[step >= 0])
        changed = round_[made[round_] != before[round_]]
        if not len(changed):
            return made
        made[changed] = before[changed]

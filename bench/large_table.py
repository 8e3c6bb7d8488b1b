"""A table made up for measuring, with rows drawn from its rules alone: no data set is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench.language_cases import Case
from synthtab.batch import Batch
from synthtab.diagnostics import Source
from synthtab.frames import encode_frame
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.loading import Base
from synthtab.generate.language.material import material
from synthtab.generate.language.prompt import render
from synthtab.lang.model import Model
from synthtab.learnable import enforced
from synthtab.pipeline import Synthesizer
from synthtab.solver.project import compile_plan

RULES = """\
# Parcels of a mail-order house.
table parcel {
  code       text(9) matching /[A-Z]{2}-[0-9]{6}/
  ordered    date in 2021-01-01 .. 2024-12-31
  paid       date in 2021-01-01 .. 2025-06-30 optional
  sent       date in 2021-01-01 .. 2025-06-30 optional
  country    enum('Austria', 'Belgium', 'Denmark', 'France', 'Germany', 'Poland', 'Switzerland')
  currency   enum('EUR', 'CHF', 'DKK', 'PLN')
  express    boolean
  pieces     integer in 1 .. 400
  weight_g   integer in 5 .. 31_500
  price      decimal(8, 2) in 0.50 .. 99_999.00
  postage    decimal(5, 2) in 0.00 .. 99.00
  status     enum('open', 'paid', 'sent', 'returned')
  note       text(40) optional

  rule paid_later: paid >= ordered
  rule sent_later: sent >= ordered
  rule open_is_unpaid: status = 'open' iff paid is null
  rule sent_by_status: status in ('sent', 'returned') iff sent is not null
  rule swiss: country = 'Switzerland' iff currency = 'CHF'
  rule danish: country = 'Denmark' iff currency = 'DKK'
  rule polish: country = 'Poland' iff currency = 'PLN'
  rule heavy: when weight_g > 10_000 then express = false
  rule pieces_weigh: weight_g >= 5 * pieces
  rule postage_paid: when price < 100 then postage >= 2.50
  rule reasons: when status = 'returned' then note is not null
}
"""
NOTES = (
    "left with a neighbour",
    "wrong size, sent back",
    "damaged on the way",
    "gift, no invoice inside",
    "second attempt on Monday",
    "address incomplete",
)
"""Texts that stand in the last column, as rules alone say nothing of words."""


@dataclass(frozen=True)
class Parcels:
    """The table, its Plan, and lawful rows of it to show and to learn from."""

    case: Case
    source: Source | None

    @classmethod
    def of(cls, rows: int, seed: int) -> Parcels:
        """Draw so many rows of the rules; the same seed gives the same ones."""
        model = Model.parse(RULES)
        table = enforced(model.table())
        frame = Synthesizer(model).rules_only().sample(rows, seed=seed)
        random = np.random.default_rng(seed)
        words = random.choice(np.array(NOTES, dtype=object), len(frame))
        frame["note"] = frame["note"].where(frame["note"].isna(), words)
        drawn = encode_frame(table.columns, frame)
        return cls(Case(table.name, table, compile_plan(table), drawn), model.source)

    @property
    def rows(self) -> Batch:
        """The rows."""
        assert self.case.rows is not None
        return self.case.rows

    def generator(self, base: Base, examples: int) -> LanguageGenerator:
        """Return a generator whose prompt tells of the table and shows so many rows."""
        made = self.case.generator(base)
        shown = made.template.texts(self.rows.take(np.arange(examples)))
        by_name = {c.name: c for c in self.case.table.columns}
        written = [by_name[name] for name in self.case.plan.order]
        given = material(
            self.case.table, written, source=self.source, batch=self.rows, rows=tuple(shown)
        )
        return replace(made, prompt=render(given).text)

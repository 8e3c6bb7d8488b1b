"""What a language model is trained on here: text at hand, tables under prompts, and corrections.

Tables that language models are measured on are left out, so that what a model knows of them is what
it is told. A correction is a turn of :mod:`synthtab.feedback`: a row that breaks a rule as some of
its cells were put in from another row, the explanation, and the row as the explanation advises.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.adviser import Adviser
from bench.registry import Loaded, entries, load
from bench.scoring import broken
from synthtab.batch import Batch
from synthtab.feedback import feedback_rounds
from synthtab.generate.language.material import material
from synthtab.generate.language.prompt import render
from synthtab.generate.retrieval.rowtexts import row_texts

HELD_OUT = ("adult", "berka_loan", "german_credit", "stroke")
"""Tables that are measured on, and so are not trained on."""
WIDEST = 30
"""A table of more columns fills too much of what is read at a time."""
MOST_ROWS = 3_000
_LINES = 8
_CELLS = 2
_TRIES = 4
_ROOT = Path(__file__).parents[1]


def repository() -> list[str]:
    """Return the text that stands in this repository, and some numbers."""
    found = [
        path.read_text(encoding="utf-8")
        for pattern in ("docs/**/*.md", "rules/*.rules", "synthtab/**/*.py", "tests/**/*.py")
        for path in sorted(_ROOT.glob(pattern))
    ]
    rng = np.random.default_rng(0)
    numbers = [f'{{"n": {n}, "p": {n / 100:.2f}}}' for n in rng.integers(0, 10**6, 20_000)]
    return [*found, "\n".join(numbers)]


def tables() -> Iterator[Loaded]:
    """Yield the tables of the registry that are trained on."""
    for one in entries():
        if one.name not in HELD_OUT:
            loaded = load(one, 0, MOST_ROWS)
            if len(loaded.table.columns) <= WIDEST:
                yield loaded


def prompted(loaded: Loaded, documents: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield texts of a prompt (schema, rules, figures) and some rows of the table behind it."""
    rows, table = loaded.train, loaded.table
    whole = material(table, table.columns, source=loaded.model.source, batch=rows)
    prompt = render(whole).text
    short = render(material(table, table.columns)).text
    for number in range(documents):
        some = rows.take(rng.integers(0, len(rows), _LINES))
        lines = "\n".join(row_texts(table.columns, some))
        yield (short if number % 2 else prompt) + lines + "\n"


def corrections(loaded: Loaded, most: int, rng: np.random.Generator) -> list[str]:
    """Return turns in which a row of the table is corrected as advised, ``most`` at most."""
    bad = spoiled(loaded, most, rng)
    if not len(bad):
        return []
    writer = _Recorder()
    made = feedback_rounds(loaded.table, bad, writer, rounds=1, explain_s=0.5)
    good = made.valid.tolist()
    return [turn for turn, right in zip(writer.turns, good, strict=True) if right]


def spoiled(loaded: Loaded, most: int, rng: np.random.Generator) -> Batch:
    """Return rows of a table that break a rule, as one or two cells are another row's."""
    rows = loaded.train
    some = rows.take(rng.integers(0, len(rows), _TRIES * most))
    codes, nulls = some.codes.copy(), some.nulls.copy()
    for row in range(len(some)):
        other = int(rng.integers(len(rows)))
        for at in rng.integers(0, len(rows.columns), rng.integers(1, _CELLS + 1)):
            codes[row, at], nulls[row, at] = rows.codes[other, at], rows.nulls[other, at]
    mixed = Batch(some.columns, codes, nulls, some.pool)
    return mixed.take(np.flatnonzero(_row_broken(loaded, mixed))[:most])


def _row_broken(loaded: Loaded, batch: Batch) -> np.ndarray:
    """Say which rows break a rule about themselves, whatever keys they repeat."""
    return broken(replace(loaded.table, rules=loaded.table.row_rules), batch)


@dataclass
class _Recorder:
    """The adviser, and each turn it had: prompt and answer."""

    turns: list[str] = field(default_factory=list)
    _adviser: Adviser = field(default_factory=Adviser)

    def rewrite(self, prompts: Sequence[str]) -> list[str]:
        answers = self._adviser.rewrite(prompts)
        self.turns += [p + a + "\n" for p, a in zip(prompts, answers, strict=True)]
        return answers

    def tokens(self, text: str) -> int:
        return len(text)

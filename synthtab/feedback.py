"""Rows corrected in conversation: a model is told what is wrong with a row, and writes it again.

The validator's part of each turn is an :class:`~synthtab.solver.explanation.Explanation`; whoever
writes is behind the small protocol :class:`Rewriter`. Rules about one row are looked at, as in the
decoding modes; what is still broken in the end is told, never passed as valid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask
from synthtab.errors import UsageError
from synthtab.generate.rowjson import UnreadableRowError, read_row, write_row
from synthtab.ir import nodes
from synthtab.solver.explanation import Explainer, Explanation
from synthtab.solver.inquiry import Cell, Row
from synthtab.solver.rowcells import batch_of, cells_of

Ask = Callable[[Sequence[str]], Sequence[str]]
"""Takes prompts and returns the text that goes on from each."""
RowProgress = Callable[[int, int], None]

ROUNDS = 3
MOST_KNOWN = 10_000
EXPLAIN_S = 2.0
_AT_ONCE = 16
"""So many rows are asked about together, between two reports of how far it is."""


class Rewriter(Protocol):
    """Who writes rows again, such as a language model."""

    def rewrite(self, prompts: Sequence[str]) -> Sequence[str]:
        """Return the text that goes on from each prompt, one for each."""

    def tokens(self, text: str) -> int:
        """Return how many tokens a text is."""


@dataclass(frozen=True)
class Round:
    """One turn: rows asked about, answers that were no row, rows valid after it, and tokens."""

    asked: int
    unreadable: int
    valid: int
    prompt_tokens: int
    answer_tokens: int

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.answer_tokens


@dataclass(frozen=True)
class Corrected:
    """Rows after some rounds.

    ``batch`` has all rows in their order, ``valid`` (rows,) says which break no rule about one row
    and no declaration; ``changed`` (rows, columns) marks cells that differ from those given.
    ``valid_before`` is how many were valid at first.
    """

    batch: Batch
    valid: Mask
    changed: Mask
    valid_before: int
    rounds: tuple[Round, ...]

    @property
    def share(self) -> float:
        """The share of valid rows; 1 where there are no rows."""
        return float(self.valid.mean()) if len(self.valid) else 1.0

    @property
    def tokens(self) -> int:
        """All tokens read and written."""
        return sum(r.tokens for r in self.rounds)


class Talk:
    """A conversation about the rows of one table: who writes, and what has been explained before.

    A model repeats itself, so each row is explained once. ``rounds``, ``explain_s`` and
    ``preface`` are as of :func:`feedback_rounds`. Raises UsageError where ``rounds`` is below 1.
    """

    def __init__(
        self,
        table: nodes.Table,
        writer: Rewriter,
        *,
        rounds: int = ROUNDS,
        explain_s: float = EXPLAIN_S,
        preface: str = "",
    ) -> None:
        if rounds < 1:
            raise UsageError(f"{rounds} rounds of feedback were asked for; at least 1 can be held")
        # No single row has to keep a soft rule.
        hard = replace(table, rules=tuple(r for r in table.rules if r.share is None))
        self._explainer = Explainer([hard], budget_s=explain_s)
        self._table, self._writer, self._rounds, self._preface = table, writer, rounds, preface
        self._known: dict[tuple[Cell, ...], Explanation] = {}
        self._backend = VectorBackend(table)

    def correct(self, rows: Batch, progress: RowProgress | None = None) -> Corrected:
        """Have the rows that break rules written again; see :func:`feedback_rounds`."""
        table = self._table
        first = [cells_of(table, rows, at) for at in range(len(rows))]
        cells: list[Row] = [*first]
        refused: dict[int, str] = {}
        good = self._valid(rows)
        before = int(good.sum())
        held: list[Round] = []
        current, done = rows, 0
        while len(held) < self._rounds and not good.all():
            broken = np.flatnonzero(~good).tolist()
            prompts: list[str] = []
            texts: list[str] = []
            for start in range(0, len(broken), _AT_ONCE):
                some = broken[start : start + _AT_ONCE]
                prompts += [self._prompt(cells[at], refused.get(at, "")) for at in some]
                texts += _answers(self._writer.rewrite, prompts[start:])
                if progress is not None:
                    progress(done + len(texts), done + len(broken))
            done += len(broken)
            refused = {}
            for at, text in zip(broken, texts, strict=True):
                read = _read(table, text)
                if isinstance(read, UnreadableRowError):
                    refused[at] = str(read)
                else:
                    cells[at] = read
            current = batch_of(table, cells)
            good = self._valid(current)
            tokens = (sum(map(self._writer.tokens, some)) for some in (prompts, texts))
            held.append(Round(len(broken), len(refused), int(good.sum()), *tokens))
        differ = [
            [new[c] != old[c] for c in table.column_names]
            for new, old in zip(cells, first, strict=True)
        ]
        changed = np.array(differ, dtype=bool).reshape(len(rows), len(table.columns))
        return Corrected(current, good, changed, before, tuple(held))

    def _prompt(self, row: Row, refused: str) -> str:
        return self._preface + prompt(self._table, row, self._reason(row), refused)

    def _reason(self, row: Row) -> Explanation:
        """Return why a row is not valid."""
        key = tuple(row[c] for c in self._table.column_names)
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._explainer.alone(self._table.name, row)
        return self._known[key]

    def _valid(self, batch: Batch) -> Mask:
        bad = self._backend.violated(batch).any(axis=1)
        return np.asarray(~(bad | self._backend.out_of_domain(batch).any(axis=1)))


def feedback_rounds(
    table: nodes.Table,
    rows: Batch,
    writer: Rewriter,
    *,
    rounds: int = ROUNDS,
    explain_s: float = EXPLAIN_S,
    preface: str = "",
    progress: RowProgress | None = None,
) -> Corrected:
    """Have the rows of a table that break rules written again, at most ``rounds`` times each.

    ``explain_s`` bounds the time for one explanation, in seconds. ``preface`` comes before each
    prompt, such as a schema and examples. ``progress(done, total)`` counts the rows asked about,
    those of this round and of earlier ones. Raises UsageError where ``rounds`` is below 1, or the
    writer does not give one answer for each prompt.
    """
    talk = Talk(table, writer, rounds=rounds, explain_s=explain_s, preface=preface)
    return talk.correct(rows, progress)


def correct(
    table: nodes.Table, rows: Sequence[Row], explanations: Sequence[Explanation], ask: Ask
) -> list[Row | UnreadableRowError]:
    """Ask once for each row, with its explanation, and return the rows answered.

    Where an answer is no row, the error that says why stands in its place. Explanations may be of
    rules that look at other rows too. Raises UsageError where there is not one answer for each row.
    """
    prompts = [prompt(table, row, reason) for row, reason in zip(rows, explanations, strict=True)]
    return [_read(table, text) for text in _answers(ask, prompts)]


def prompt(table: nodes.Table, row: Row, reason: Explanation, refused: str = "") -> str:
    """Return what a model is told about a row; ``refused`` is why its last answer was no row."""
    again = f"Your last answer could not be read: {refused}.\n" if refused else ""
    return (
        f"This row of table {table.name} is not valid:\n{write_row(table.columns, row)}\n"
        f"{again}{reason.as_feedback()}\n"
        "Write the whole row again, corrected, as one JSON object with the same keys:\n"
    )


def _read(table: nodes.Table, text: str) -> Row | UnreadableRowError:
    try:
        return read_row(table.columns, text)
    except UnreadableRowError as error:
        return error


def _answers(ask: Ask, prompts: Sequence[str]) -> Sequence[str]:
    texts = ask(prompts)
    if len(texts) != len(prompts):
        raise UsageError(f"{len(prompts)} prompts were given, and {len(texts)} answers came back")
    return texts

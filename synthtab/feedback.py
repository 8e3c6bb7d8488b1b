"""Rows corrected in conversation: a model is told what is wrong with a row, and writes it again.

The validator's part of each turn is an :class:`~synthtab.solver.explanation.Explanation`; whoever
writes is behind the small protocol :class:`Rewriter`. Rules about one row are looked at, as in the
decoding modes; what is still broken in the end is told, never passed as valid.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask, concat
from synthtab.draw import RowSource
from synthtab.errors import InfeasibleError, UsageError
from synthtab.generate.guide import Level
from synthtab.generate.rowjson import UnreadableRowError, read_row, write_row
from synthtab.ir import nodes
from synthtab.schema import TextType
from synthtab.solver.explanation import Explainer, Explanation
from synthtab.solver.inquiry import Cell, Row
from synthtab.solver.rowcells import batch_of, cells_of

Ask = Callable[[Sequence[str]], Sequence[str]]
"""Takes prompts and returns the text that goes on from each."""
RowProgress = Callable[[int, int], None]

ROUNDS = 3
MOST_KNOWN = 10_000
EXPLAIN_S = 2.0
MOST_BARREN = 10
"""Draws in a row that may bring no row before that is an error."""


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
    over all rounds. Raises UsageError where ``rounds`` is below 1, or the writer does not give one
    answer for each prompt.
    """
    return _rounds(table, rows, writer, _Reasons(table, explain_s), rounds, preface, progress)


class _Reasons:
    """Explanations of a table's rows; a model repeats itself, so each row is explained once."""

    def __init__(self, table: nodes.Table, explain_s: float) -> None:
        # No single row has to keep a soft rule.
        hard = replace(table, rules=tuple(r for r in table.rules if r.share is None))
        self._explainer, self._table = Explainer([hard], budget_s=explain_s), table
        self._known: dict[tuple[Cell, ...], Explanation] = {}

    def of(self, row: Row) -> Explanation:
        """Return why a row is not valid."""
        key = tuple(row[c] for c in self._table.column_names)
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._explainer.alone(self._table.name, row)
        return self._known[key]


def _rounds(
    table: nodes.Table,
    rows: Batch,
    writer: Rewriter,
    why: _Reasons,
    rounds: int,
    preface: str = "",
    progress: RowProgress | None = None,
) -> Corrected:
    if rounds < 1:
        raise UsageError(f"{rounds} rounds of feedback were asked for; at least 1 can be held")
    first = [cells_of(table, rows, at) for at in range(len(rows))]
    cells: list[Row] = [*first]
    refused: dict[int, str] = {}
    backend = VectorBackend(table)
    good = _valid(backend, rows)
    before = int(good.sum())
    held: list[Round] = []
    current, asked_in_all = rows, 0
    for _ in range(rounds):
        broken = np.flatnonzero(~good).tolist()
        if not broken:
            break
        reasons = [why.of(cells[at]) for at in broken]
        prompts = [
            preface + prompt(table, cells[at], reason, refused.get(at, ""))
            for at, reason in zip(broken, reasons, strict=True)
        ]
        texts = _answers(writer.rewrite, prompts)
        refused = {}
        for at, text in zip(broken, texts, strict=True):
            read = _read(table, text)
            if isinstance(read, UnreadableRowError):
                refused[at] = str(read)
            else:
                cells[at] = read
        current = batch_of(table, cells)
        good = _valid(backend, current)
        held.append(
            Round(
                len(broken),
                len(refused),
                int(good.sum()),
                sum(map(writer.tokens, prompts)),
                sum(map(writer.tokens, texts)),
            )
        )
        asked_in_all += len(broken)
        if progress is not None:
            progress(asked_in_all, asked_in_all + int((~good).sum()))
    differ = [
        [new[c] != old[c] for c in table.column_names]
        for new, old in zip(cells, first, strict=True)
    ]
    changed = np.array(differ, dtype=bool).reshape(len(rows), len(table.columns))
    return Corrected(current, good, changed, before, tuple(held))


@dataclass(frozen=True)
class FeedbackCounts:
    """What became of every row drawn.

    ``drawn`` = ``returned`` + ``malformed`` (a cell that is no value of its type, or a text copied
    from a real row) + ``broken`` (still breaking a rule after all rounds) + ``duplicates`` (a
    unique rule) + ``surplus``. ``corrected`` rows are among those that were valid in the end.
    """

    asked: int
    returned: int
    drawn: int
    malformed: int
    corrected: int
    broken: int
    duplicates: int
    surplus: int
    rounds: tuple[Round, ...]
    seconds: float

    @property
    def tokens(self) -> int:
        """All tokens of the conversations, read and written; not those of drawing."""
        return sum(r.tokens for r in self.rounds)


def draw_corrected(
    table: nodes.Table,
    source: RowSource,
    writer: Rewriter,
    n: int,
    *,
    rounds: int = ROUNDS,
    level: Level = "grammar",
    explain_s: float = EXPLAIN_S,
    seed: int = 0,
) -> tuple[Batch, FeedbackCounts]:
    """Draw ``n`` rows that break no row rule and no unique rule, those that do corrected by talk.

    Rows are drawn without the Plan, at ``level``; what is still broken after ``rounds`` is thrown
    away and drawn anew. ``explain_s`` is as in :func:`feedback_rounds`. Raises InfeasibleError
    where MOST_BARREN draws in a row bring nothing, UsageError for n < 1.
    """
    if n < 1:
        raise UsageError(f"cannot sample {n} rows; ask for at least 1")
    started = time.perf_counter()
    tally = dict.fromkeys(("drawn", "malformed", "corrected", "broken", "duplicates"), 0)
    kept: list[Batch] = []
    held: list[Round] = []
    have = barren = 0
    seeds = np.random.SeedSequence(seed)
    why = _Reasons(table, explain_s)
    while have < n:
        want = n - have
        drawn = source.draw(want, level=level, seed=int(seeds.spawn(1)[0].generate_state(1)[0]))
        tally["drawn"] += want
        useless = drawn.malformed | drawn.copied
        tally["malformed"] += int(useless.sum())
        rows = drawn.batch.take(~useless).select(table.column_names)
        made = _rounds(table, rows, writer, why, rounds)
        held += made.rounds
        tally["broken"] += int((~made.valid).sum())
        tally["corrected"] += int(made.valid.sum()) - made.valid_before
        fresh = _distinct(table, kept, made.batch.take(made.valid))
        tally["duplicates"] += int(made.valid.sum()) - len(fresh)
        barren = 0 if len(fresh) else barren + 1
        kept.append(fresh)
        have += len(fresh)
        if have < n and barren == MOST_BARREN:
            said = ", ".join(f"{count:,} {name}" for name, count in tally.items() if count)
            raise InfeasibleError(
                f"asked for {n:,} rows of table {table.name!r} and found only {have:,} ({said}); "
                "ask for fewer rows, allow more rounds, or use a mode that masks by the rules"
            )
    batch = _stacked(table, kept)
    seconds = time.perf_counter() - started
    return batch.take(np.arange(n)), FeedbackCounts(
        asked=n, returned=n, surplus=have - n, rounds=tuple(held), seconds=seconds, **tally
    )


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


def _distinct(table: nodes.Table, kept: Sequence[Batch], batch: Batch) -> Batch:
    """Drop rows whose key an earlier row has."""
    backend = VectorBackend(table)
    for rule in table.unique_rules:
        pile = _stacked(table, [*kept, batch])
        batch = batch.take(~backend.duplicates(pile, rule)[len(pile) - len(batch) :])
    return batch


def _stacked(table: nodes.Table, batches: Sequence[Batch]) -> Batch:
    return concat(batches, [c.name for c in table.columns if isinstance(c.type, TextType)])


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


def _valid(backend: VectorBackend, batch: Batch) -> Mask:
    bad = backend.violated(batch).any(axis=1) | backend.out_of_domain(batch).any(axis=1)
    return np.asarray(~bad)

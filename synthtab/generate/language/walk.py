"""Drawing rows: column by column, a batch at a time.

All rows of a batch begin a column together. A row draws tokens until one ends its value, then waits
for the others; the token that ended it and the forced text that follows are read together, as one
chunk, before the next column begins. docs/architecture.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthtab.batch import Codes, Mask
from synthtab.errors import UsageError
from synthtab.generate.decode import RowProgress
from synthtab.generate.guide import Guide, asked
from synthtab.generate.language.batching import batch_rows
from synthtab.generate.language.bytewise import (
    AFTER,
    ByteMachine,
    byte_machine,
    loose_machine,
)
from synthtab.generate.language.copies import Copies
from synthtab.generate.language.loading import Base
from synthtab.generate.language.narrow import Cursor, allowed, narrower
from synthtab.generate.language.recall import TOKENS, Recall
from synthtab.generate.language.session import Session, Way, begin, fitting
from synthtab.generate.language.slots import Slot
from synthtab.generate.language.tables import TokenTable
from synthtab.generate.language.template import Template
from synthtab.generate.language.values import Strings, Walked, Written, assembled, read_values
from synthtab.generate.sampling import choices
from synthtab.generate.texts import Fingerprints
from synthtab.schema import TextType
from synthtab.solver.feasible import Feasible

Ints = NDArray[np.int64]

_LOOSEST = 4
"""A value written freely may have so many times the bytes of the longest that there should be."""
_SHORTEST = 32
"""Of values that are short anyway, so many bytes at least count as the longest."""
_AT_ONCE = 32
"""So many tokens of a row are read at a time: scores of all of a long text take much memory."""


class Tables:
    """The automata and token tables of a template's columns; made once, shared by all rows."""

    def __init__(self, template: Template) -> None:
        self._strict = {
            slot.column.name: TokenTable(byte_machine(slot), template.vocabulary)
            for slot in template.slots
        }
        self._slots = template.slots

    def strict(self, slot: Slot) -> TokenTable:
        """Return the table of what a column may hold."""
        return self._strict[slot.column.name]

    @cached_property
    def loose(self) -> dict[str, ByteMachine]:
        """The automata that cut values out of what is written freely."""
        return {slot.column.name: loose_machine(slot) for slot in self._slots}


@dataclass(frozen=True)
class Walk:
    """What to draw with: immutable, shared by all rows.

    ``prompt`` are the tokens before each row. ``free`` says that nothing is masked; ``guide`` is
    None below the level ``solver``. ``way`` is how the network reads on.
    ``fingerprints`` has those of the text columns whose training texts are not to be written again
    where tokens are masked. ``temperature`` is one for all columns, or a mapping. ``recall`` finds
    passages for each row by itself.
    """

    base: Base
    template: Template
    prompt: Ints
    tables: Tables
    free: bool
    way: Way
    guide: Guide | None
    temperature: float | Mapping[str, float]
    fingerprints: Mapping[str, Fingerprints]
    most_rows: int
    recall: Recall | None = None

    def draw(self, rows: int, random: torch.Generator, progress: RowProgress | None) -> Walked:
        """Draw rows; ``progress`` is told how many are done, of how many."""
        extra = 0 if self.recall is None else TOKENS
        size = batch_rows(
            self.base, self.template, len(self.prompt), self.way, self.most_rows, extra=extra
        )
        begun = begin(self.base, self.prompt, self.way)
        parts: list[Walked] = []
        for start in range(0, rows, size):
            own = min(size, rows - start)
            parts.append(self._batch(begun, own, random))
            if progress is not None:
                progress(min(start + size, rows), rows)
        return _together(parts)

    def _batch(self, begun: Session, rows: int, random: torch.Generator) -> Walked:
        """Write rows that begin where one has read the prompt."""
        session, state, slots = begun.fork(rows), _Batch.empty(rows), self.template.slots
        tails = [list(self.template.first)] * rows
        for number, slot in enumerate(slots):
            if self.recall is not None and number == self.recall.after:
                session = begun.fork(rows)
                tails = self._anew(self.recall, state, tails)
            logits = self._feed(session, state, *_right_aligned(tails))
            tails = self._column(slot, session, logits, state, random)
        return Walked(state.values, state.log_weight, state.dead)

    def _anew(self, recall: Recall, batch: _Batch, tails: list[list[int]]) -> list[list[int]]:
        """Return all that each row reads behind the prompt: its passages, and itself so far."""
        columns = [slot.column for slot in self.template.slots[: recall.after]]
        so_far = assembled(columns, Walked(batch.values, batch.log_weight, batch.dead), {}).batch
        found = recall.tokens(columns, so_far, self.base.vocabulary.encoded)
        parts = zip(found, batch.read, tails, strict=True)
        return [[*own, *row, *tail] for own, row, tail in parts]

    def _column(
        self,
        slot: Slot,
        session: Session,
        logits: Tensor,
        batch: _Batch,
        random: torch.Generator,
    ) -> list[list[int]]:
        """Write one column of every row; return what each row is to read next."""
        column = (
            _Free(self, slot, len(logits))
            if self.free
            else _Masked(self, slot, len(logits), self._feasible(slot, batch))
        )
        active = np.arange(len(logits))
        tails: list[list[int]] = [[] for _ in active]
        while True:
            own = torch.from_numpy(active).to(logits.device)
            tokens = column.draw(active, logits[own], batch, random)
            over = column.over(active)
            for row, token, done in zip(
                active.tolist(), tokens.tolist(), over.tolist(), strict=True
            ):
                if done:
                    ended = [token] if token >= 0 else []
                    tails[row] = [*ended, *slot.forced[column.rest(row)]]
            going = ~over
            if not going.any():
                break
            chunk = np.full((len(logits), 1), self.base.vocabulary.end, dtype=np.int64)
            real = np.zeros(chunk.shape, dtype=bool)
            chunk[active[going], 0], real[active[going], 0] = tokens[going], True
            active = active[going]
            logits = self._feed(session, batch, chunk, real)
        batch.put(slot, column.texts)
        return tails

    def _feed(self, session: Session, batch: _Batch, tokens: Ints, real: Mask) -> Tensor:
        """Let rows read on; one that outgrows what the network reads is dead, and reads no more.

        Raises UsageError where none is left.
        """
        batch.outgrown |= ~fitting(self.base, session, real)
        if batch.outgrown.all():
            raise UsageError(
                f"the model reads {self.base.positions:,} tokens, and no row ends within what the "
                f"prompt of {len(self.prompt):,} leaves of them: give a shorter prompt (fewer "
                "examples), or a model that reads more"
            )
        batch.dead |= batch.outgrown
        real = real & ~batch.outgrown[:, None]
        if self.recall is not None:
            for row, new, own in zip(batch.read, tokens, real, strict=True):
                row.extend(new[own].tolist())
        for start in range(0, tokens.shape[1], _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            logits = session.feed(tokens[:, part], real[:, part])
        return logits

    def heat(self, slot: Slot) -> float:
        """Return the temperature at which a column is written."""
        if isinstance(self.temperature, Mapping):
            return self.temperature.get(slot.column.name, 1.0)
        return self.temperature

    def _feasible(self, slot: Slot, batch: _Batch) -> Feasible | None:
        return asked(self.guide, slot.column.name, batch.known, batch.texts, len(batch.dead))


@dataclass
class _Batch:
    """What the rows of a batch have come to.

    ``read`` are each row's tokens behind the prompt, where they are to be read again.
    """

    values: dict[str, Written]
    known: dict[str, tuple[Codes, Mask]]
    texts: dict[str, Strings]
    log_weight: NDArray[np.float64]
    dead: Mask
    outgrown: Mask
    read: list[list[int]]

    @classmethod
    def empty(cls, rows: int) -> _Batch:
        dead, outgrown = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
        return cls({}, {}, {}, np.zeros(rows), dead, outgrown, [[] for _ in range(rows)])

    def put(self, slot: Slot, spelled: Sequence[bytes | None]) -> None:
        """Read a column's values of what rows have written; None where that is nothing."""
        written = read_values(slot, spelled)
        name = slot.column.name
        self.values[name] = written
        self.known[name] = (written.codes, written.nulls)
        if written.texts is not None:
            self.texts[name] = written.texts


class _Masked:
    """Rows within one column, of which only such tokens are drawn as its values may go on with."""

    def __init__(self, walk: Walk, slot: Slot, rows: int, feasible: Feasible | None) -> None:
        self._table = walk.tables.strict(slot)
        self._machine = self._table.machine
        self._slot, self._heat, self._walk = slot, walk.heat(slot), walk
        self._feasible = feasible
        self._narrow = None if feasible is None else narrower(slot, self._machine, feasible)
        self._cursor = Cursor.at(self._machine.start, rows)
        self._length = slot.length if isinstance(slot.column.type, TextType) else None
        prints = walk.fingerprints.get(slot.column.name)
        words = walk.base.vocabulary
        self._copies = None if prints is None else Copies(slot, self._machine, words, prints)
        self.texts: list[bytes | None] = [b""] * rows
        self._dead = np.zeros(rows, dtype=bool)

    def draw(self, active: Ints, logits: Tensor, batch: _Batch, random: torch.Generator) -> Ints:
        """Draw a token for each active row (-1 where there is none) and move on."""
        heated = logits if self._heat == 1.0 else logits / self._heat
        everything = heated.logsumexp(dim=1).double().cpu().numpy()
        cursor, tokens = self._cursor, np.full(len(active), -1, dtype=np.int64)
        for block in self._table.blocks(cursor.state[active]):
            own = active[block.rows]
            read = self._table.entries.take(block.index)
            mask = allowed(
                self._machine,
                self._narrow,
                self._feasible,
                cursor,
                replace(block, rows=own),
                read,
                self._length,
            )
            if self._copies is not None:
                written = [self.texts[row] for row in own.tolist()]
                mask = self._copies.without(mask, read, written)
            picked = _picked(heated, block.rows, read.token)
            options = choices(picked, mask, 1.0)
            some = ~options.dead if not mask.all() else np.ones(len(own), dtype=bool)
            at = options.draw(torch.arange(len(own)), random).numpy()
            at = np.where(some, np.minimum(at, mask.shape[1] - 1), 0)
            # Of everything that could be written, not only of what the automaton has entries for.
            share = picked.logsumexp(dim=1).double().numpy() - everything[block.rows]
            mass = options.log_mass + share
            batch.log_weight[own] += np.where(some, np.minimum(mass, 0.0), 0.0)
            index = np.broadcast_to(block.index, mask.shape)[np.arange(len(own)), at]
            chosen = self._table.entries.take(index)
            alive = np.flatnonzero(some)
            cursor.advance(own[alive], chosen.take(alive))
            tokens[block.rows[alive]] = chosen.token[alive]
            batch.dead[own[~some]] = True
            self._dead[own[~some]] = True
        spelled = self._walk.base.vocabulary.tokens
        for row, token in zip(active.tolist(), tokens.tolist(), strict=True):
            before = self.texts[row]
            self.texts[row] = None if token < 0 or before is None else before + spelled[token]
        return tokens

    def over(self, active: Ints) -> Mask:
        """Say which active rows have ended their value, or can write nothing."""
        ended = self._machine.zone[self._cursor.state[active]] == AFTER
        return np.asarray(ended | self._dead[active])

    def rest(self, row: int) -> int:
        """Return how many bytes of forced text a row that is over has still to read."""
        if self._dead[row]:
            return len(self._slot.after)
        return int(self._machine.rest[self._cursor.state[row]])


class _Free:
    """Rows within one column, of which any token is drawn; what is no value is told afterwards."""

    def __init__(self, walk: Walk, slot: Slot, rows: int) -> None:
        self._machine = walk.tables.loose[slot.column.name]
        self._slot, self._heat, self._walk = slot, walk.heat(slot), walk
        self._state = np.full(rows, self._machine.start)
        self._most = _LOOSEST * max(_SHORTEST, slot.longest)
        self.texts: list[bytes | None] = [b""] * rows

    def draw(self, active: Ints, logits: Tensor, batch: _Batch, random: torch.Generator) -> Ints:
        """Draw a token for each active row and move on."""
        del batch  # nothing is masked, so that nothing is owed
        options = choices(logits, None, self._heat)
        tokens = options.draw(torch.arange(len(active)), random).numpy()
        spelled = self._walk.base.vocabulary.tokens
        for row, token in zip(active.tolist(), tokens.tolist(), strict=True):
            new = spelled.get(token)
            before = self.texts[row]
            assert before is not None
            state = 0 if new is None else self._machine.follow(int(self._state[row]), new)
            if state == 0 or new is None or len(before) + len(new) > self._most:
                self._state[row], self.texts[row] = 0, None
            else:
                self._state[row], self.texts[row] = state, before + new
        return np.where(self._state[active] == 0, -1, tokens)

    def over(self, active: Ints) -> Mask:
        """Say which active rows have ended their value, or written what is none."""
        state = self._state[active]
        return np.asarray((self._machine.zone[state] == AFTER) | (state == 0))

    def rest(self, row: int) -> int:
        """Return how many bytes of forced text a row that is over has still to read."""
        state = int(self._state[row])
        return len(self._slot.after) if state == 0 else int(self._machine.rest[state])


def _picked(logits: Tensor, rows: Ints, tokens: Ints) -> Tensor:
    """Return the logits (r, w) of each row's tokens (r or 1, w), on the CPU.

    Only these leave a GPU: all of a large vocabulary would take longer than the network.
    """
    device = logits.device
    at = torch.from_numpy(rows).to(device)[:, None], torch.from_numpy(tokens).to(device)
    return logits[at].cpu()


def _right_aligned(tails: Sequence[Sequence[int]]) -> tuple[Ints, Mask]:
    """Return chunks (rows, n) that end together, and what of them is no padding."""
    width = max(1, *map(len, tails))
    tokens = np.zeros((len(tails), width), dtype=np.int64)
    real = np.zeros(tokens.shape, dtype=bool)
    for row, tail in enumerate(tails):
        if tail:
            tokens[row, width - len(tail) :], real[row, width - len(tail) :] = tail, True
    return tokens, real


def _together(parts: Sequence[Walked]) -> Walked:
    """Return the rows of all batches."""
    values = {}
    for name in parts[0].values:
        own = [part.values[name] for part in parts]
        texts = [w.texts for w in own if w.texts is not None]
        values[name] = Written(
            np.concatenate([w.codes for w in own]),
            np.concatenate([w.nulls for w in own]),
            np.concatenate([w.malformed for w in own]),
            np.concatenate(texts) if texts else None,
        )
    return Walked(
        values,
        np.concatenate([part.log_weight for part in parts]),
        np.concatenate([part.dead for part in parts]),
    )

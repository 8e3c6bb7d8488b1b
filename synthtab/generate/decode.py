"""Drawing rows: down the tree of prefixes, with what the automata and the guide allow.

Rows that have begun alike share a node: the network runs once per node, and each row draws its next
symbol from its node's distribution. Where there are more nodes than fit one batch, the rows are
dealt out in the order of their prefixes, so that a batch keeps what its rows share; where nearly
every row has a node of its own, nodes are no longer merged. docs/performance.md says what this
gains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthtab.batch import Codes, Mask
from synthtab.generate.automaton import ColumnAutomaton
from synthtab.generate.dealing import NODES, Part, deal
from synthtab.generate.guide import Guide, Known, pooled
from synthtab.generate.machine import States
from synthtab.generate.places import Choice, Symbols
from synthtab.generate.sampling import choices
from synthtab.generate.step import Cache, Stepper
from synthtab.generate.texts import Fingerprints
from synthtab.generate.tokenizer import ColumnLayout, Layout
from synthtab.solver.feasible import Feasible

WAVE = 65_536
HEATS = (1.0, 1.0, 1.3, 1.7, 2.2, 3.0)

Strings = NDArray[np.object_]
RowProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Walked:
    """Rows of symbols (rows, positions), their log-weights, and which met a dead end."""

    symbols: Symbols
    log_weight: NDArray[np.float64]
    dead: Mask


@dataclass(frozen=True)
class _Front:
    """Rows that have all come to one position, and the nodes they share.

    ``rows`` (n,) are their places in the result, ``node`` (n,) each one's node; the rest is per
    node. ``states`` and ``feasible`` are those of the column being written, None where nothing
    masks it; ``known`` and ``texts`` hold the finished columns, for the guide.
    """

    position: int
    rows: NDArray[np.int64]
    node: NDArray[np.int64]
    cache: Cache
    symbols: Symbols
    log_weight: NDArray[np.float64]
    dead: Mask
    states: States | None
    feasible: Feasible | None
    known: dict[str, tuple[Codes, Mask]]
    texts: dict[str, Strings]


@dataclass(frozen=True)
class Walk:
    """The network and the layout to draw with, and what masks: immutable, shared by all rows.

    ``automata`` is None at level ``free``, ``guide`` below ``solver``. ``fingerprints`` has those
    of the text columns whose training texts are not to be written again. ``given`` (rows, k) are
    the symbols each row begins with; ``context`` is what else the guide knows of each row, and
    ``context_texts`` the strings of its text columns. ``shown`` (entries, positions) are rows that
    serve as examples, and ``examples`` (rows, K) those before each row, by place. Only the first
    ``length`` positions are written.
    """

    layout: Layout
    stepper: Stepper
    automata: tuple[ColumnAutomaton, ...] | None = None
    guide: Guide | None = None
    temperature: float | Mapping[str, float] = 1.0
    fingerprints: Mapping[str, Fingerprints] = field(default_factory=dict)
    given: Symbols | None = None
    context: Known = field(default_factory=dict)
    context_texts: Mapping[str, Strings] = field(default_factory=dict)
    shown: Symbols | None = None
    examples: NDArray[np.int64] | None = None
    length: int | None = None

    @cached_property
    def _heads(self) -> NDArray[np.int64] | None:
        """What stands before each row (rows, K + given): examples by place, symbols; None if none.

        Rows with the same share a node.
        """
        parts = [part for part in (self.examples, self.given) if part is not None]
        return np.concatenate(parts, axis=1) if parts else None

    @property
    def _most(self) -> int:
        """The most nodes of one batch: fewer where each has examples to look back on."""
        return NODES if self.examples is None else max(1, NODES // (1 + self.examples.shape[1]))

    @property
    def _given(self) -> int:
        """How many positions are given."""
        return 0 if self.given is None else self.given.shape[1]

    @property
    def _apart(self) -> bool:
        """Whether each row has a context of its own, so that no two may share a node."""
        return self.guide is not None and bool(self.context)

    def draw(self, rows: int, random: torch.Generator, progress: RowProgress | None) -> Walked:
        """Draw rows; ``progress`` is told how many are done, of how many."""
        out = Walked(
            np.zeros((rows, self.layout.length), dtype=np.int64),
            np.zeros(rows),
            np.zeros(rows, dtype=bool),
        )
        done, length = 0, self.layout.length if self.length is None else self.length
        for wave in self._waves(rows):
            # A stack of fronts to be made: depth first, so that few caches are held at a time.
            waiting: list[Callable[[], _Front]] = [partial(self._root, wave)]
            while waiting:
                front = waiting.pop()()
                if front.position < length:
                    waiting.extend(self._step(front, random))
                    continue
                out.symbols[front.rows] = front.symbols[front.node]
                out.log_weight[front.rows] = front.log_weight[front.node]
                out.dead[front.rows] = front.dead[front.node]
                done += len(front.rows)
                if progress is not None:
                    progress(done, rows)
        return out

    def _step(self, front: _Front, random: torch.Generator) -> list[Callable[[], _Front]]:
        """Draw every row's next symbol; return what makes the fronts that follow."""
        nodes, position = len(front.symbols), front.position
        number, column, place = self._at(position)
        states, feasible = front.states, front.feasible
        if place == 0:
            states, feasible = self._begin(front, number, column)
        logits = self._logits(position, front.symbols, front.cache)
        prefix = front.symbols[:, column.first : position]
        allowed = self._allowed(number, place, prefix, states, feasible)
        options = choices(logits, allowed, self._heat(column))
        drawn = options.draw(torch.from_numpy(front.node), random).numpy()
        after = replace(
            front,
            position=position + 1,
            log_weight=front.log_weight + options.log_mass,
            dead=front.dead | options.dead,
            states=states,
            feasible=feasible,
        )
        # Rows that are to be given another text one by one must not share a node.
        separate = column.column.name in self.fingerprints
        parts = deal(front.node, drawn, nodes, logits.shape[1], separate, self._most)
        return [partial(self._follow, after, part, random) for part in reversed(parts)]

    def _heat(self, column: ColumnLayout) -> float:
        """Return the temperature at which a column is written."""
        if isinstance(self.temperature, Mapping):
            return self.temperature.get(column.column.name, 1.0)
        return self.temperature

    def _at(self, position: int) -> tuple[int, ColumnLayout, int]:
        """Return the number and the layout of the column at a position, and which of its places."""
        number = self.layout.column_at[position]
        column = self.layout.columns[number]
        return number, column, position - column.first

    def _waves(self, rows: int) -> list[NDArray[np.int64]]:
        """Return the rows that begin together: those that begin alike, few enough for one batch."""
        most = self._most if self._apart else WAVE
        if self._heads is None:
            return np.split(np.arange(rows), range(most, rows, most))
        prefix = np.unique(self._heads[:rows], axis=0, return_inverse=True)[1].reshape(-1)
        order = np.argsort(prefix, kind="stable")
        ordered, edges = prefix[order], [0]
        while edges[-1] < rows:
            beyond = int(np.searchsorted(ordered, ordered[edges[-1]] + self._most))
            edges.append(min(beyond, edges[-1] + most))
        return np.split(order, edges[1:-1])

    def _root(self, rows: NDArray[np.int64]) -> _Front:
        """Return the front where no row has begun, but for what is given.

        Rows that begin alike share a node; where there is a context, each has its own.
        """
        begun = np.zeros((len(rows), 0), np.int64) if self.given is None else self.given[rows]
        heads, node = begun[:1], np.zeros(len(rows), dtype=np.int64)
        if self._heads is not None:
            heads, node = np.unique(self._heads[rows], axis=0, return_inverse=True)
            node = node.reshape(-1)
        examples, prefixes = np.split(heads, [heads.shape[1] - self._given], axis=1)
        cache = Cache.empty(self.stepper, len(heads))
        before = None if self.shown is None else torch.from_numpy(self.shown[examples])
        self.stepper.begin(torch.from_numpy(prefixes), cache, before)
        if self._apart:
            cache = cache.take(torch.from_numpy(node), self._given)
            prefixes, node = begun, np.arange(len(rows))
        symbols = np.zeros((len(prefixes), self.layout.length), dtype=np.int64)
        symbols[:, : self._given] = prefixes
        known, texts = self._context_of(rows) if self._apart else ({}, {})
        for column in self.layout.columns if self.guide is not None else ():
            if column.first + len(column.sizes) <= self._given:
                known, texts = _decoded(column, symbols, known, texts)
        return _Front(
            position=self._given,
            rows=rows,
            node=node,
            cache=cache,
            symbols=symbols,
            log_weight=np.zeros(len(symbols)),
            dead=np.zeros(len(symbols), dtype=bool),
            states=None,
            feasible=None,
            known=known,
            texts=texts,
        )

    def _context_of(
        self, rows: NDArray[np.int64]
    ) -> tuple[dict[str, tuple[Codes, Mask]], dict[str, Strings]]:
        """Return what is known of each of some rows, none of which shares its node."""
        known = {name: (codes[rows], nulls[rows]) for name, (codes, nulls) in self.context.items()}
        return known, {name: strings[rows] for name, strings in self.context_texts.items()}

    def _begin(
        self, front: _Front, number: int, column: ColumnLayout
    ) -> tuple[States | None, Feasible | None]:
        """Return the states before a column's first place, and what the guide leaves of it."""
        nodes, states, feasible = len(front.symbols), None, None
        # A column of one place has nothing to follow: each of its symbols is a value.
        if self.automata is not None and not isinstance(column.places, Choice):
            states = self.automata[number].begin(nodes)
        name = column.column.name
        if self.guide is not None and self.guide.constrained(name):
            known, pool = pooled(front.known, front.texts)
            feasible = self.guide.feasible(name, known, pool)
        return states, feasible

    def _allowed(
        self,
        number: int,
        place: int,
        prefix: Symbols,
        states: States | None,
        feasible: Feasible | None,
    ) -> Mask | None:
        """Return which symbols (nodes, symbols) may come next; None for all."""
        column = self.layout.columns[number]
        allowed = None
        if states is not None and self.automata is not None:
            allowed = self.automata[number].allowed(place, states)
        if feasible is not None:
            met = feasible.meets(*column.bounds(place, prefix if place else prefix[:1]))
            if place == 0 and column.null is not None:
                met[:, column.null] = feasible.null
            elif (pad := column.padding(place)) is not None:
                # Whether a value may end here is the automaton's business.
                met[:, pad] = True
            allowed = met if allowed is None else allowed & met
        return allowed

    def _follow(self, front: _Front, part: Part, random: torch.Generator) -> _Front:
        """Return the front of a part, its cache and columns picked from the one before."""
        last = front.position - 1
        number, column, place = self._at(last)
        symbols, states, feasible, known, texts = (
            front.symbols,
            front.states,
            front.feasible,
            front.known,
            front.texts,
        )
        cache, log_weight, dead, parents = front.cache, front.log_weight, front.dead, part.parents
        if parents is not None:
            symbols, log_weight, dead = symbols[parents], log_weight[parents], dead[parents]
            cache = cache.take(torch.from_numpy(parents), front.position)
            states = None if states is None else states[parents]
            feasible = None if feasible is None else feasible.take(parents)
            known = {name: (c[parents], n[parents]) for name, (c, n) in known.items()}
            texts = {name: strings[parents] for name, strings in texts.items()}
        symbols[:, last] = part.chosen
        if states is not None and self.automata is not None:
            states = self.automata[number].advance(place, states, part.chosen)
        ended = place == len(column.sizes) - 1
        if ended and column.column.name in self.fingerprints:
            self._renew(number, cache, symbols, random)
        if ended and self.guide is not None:
            known, texts = _decoded(column, symbols, known, texts)
        rows = front.rows if part.rows is None else front.rows[part.rows]
        return _Front(
            position=front.position,
            rows=rows,
            node=part.node,
            cache=cache,
            symbols=symbols,
            log_weight=log_weight,
            dead=dead,
            states=states,
            feasible=feasible,
            known=known,
            texts=texts,
        )

    def _renew(self, number: int, cache: Cache, symbols: Symbols, random: torch.Generator) -> None:
        """Write, in place, other texts where a column just finished copies the training data.

        A few tries are made, at rising temperature; what is a copy even then is left as it is.
        Log-weights stay those of the first try.
        """
        column = self.layout.columns[number]
        start, end = column.first, column.first + len(column.sizes)
        prints = self.fingerprints[column.column.name]
        for heat in HEATS:
            cells = column.decode(symbols[:, start:end])
            assert cells.texts is not None
            copies = np.flatnonzero(prints.known(cells.texts) & ~cells.nulls)
            if not len(copies):
                return
            again = torch.from_numpy(copies)
            own, written = cache.take(again, start), symbols[copies]
            states = None if self.automata is None else self.automata[number].begin(len(copies))
            for place in range(end - start):
                logits = self._logits(start + place, written, own)
                allowed = self._allowed(
                    number, place, written[:, start : start + place], states, None
                )
                if place == 0 and column.null is not None:
                    # The share of nulls is to stay what it was.
                    allowed = np.ones(logits.shape, dtype=bool) if allowed is None else allowed
                    allowed[:, column.null] = False
                options = choices(logits, allowed, self._heat(column) * heat)
                chosen = options.draw(torch.arange(len(copies)), random).numpy()
                written[:, start + place] = chosen
                if states is not None and self.automata is not None:
                    states = self.automata[number].advance(place, states, chosen)
            symbols[copies] = written
            cache.put(again, own, start, end)

    def _logits(self, position: int, symbols: Symbols, cache: Cache) -> Tensor:
        """Return the network's logits (nodes, symbols) for a position."""
        if position:
            before = torch.from_numpy(symbols[:, position - 1])
        else:
            before = torch.zeros(len(symbols), dtype=torch.int64)
        return self.stepper.logits(position, before, cache)


def _decoded(
    column: ColumnLayout,
    symbols: Symbols,
    known: dict[str, tuple[Codes, Mask]],
    texts: dict[str, Strings],
) -> tuple[dict[str, tuple[Codes, Mask]], dict[str, Strings]]:
    """Return what is known with a column that is finished."""
    cells = column.decode(symbols[:, column.first : column.first + len(column.sizes)])
    known = known | {column.column.name: (cells.codes, cells.nulls)}
    if cells.texts is not None:
        texts = texts | {column.column.name: cells.texts}
    return known, texts

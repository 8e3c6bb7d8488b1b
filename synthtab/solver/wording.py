"""Strings for the text columns of a model of Z3, which knows them only as numbers and facts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import numpy as np
import z3

from synthtab.backends.smt import SmtBackend
from synthtab.ir import core, nodes
from synthtab.schema import TextType, Value, decode_value
from synthtab.solver.language import TooLargeError, shortest
from synthtab.solver.lemmas import Fact, fact_value, text_facts
from synthtab.solver.strings import Strings

# Strings tried for a cell, of each source.
TRIES = 40

Cells = dict[str, int | str | None]


class Wording:
    """Reads rows out of models of the inquiry over ``table``."""

    def __init__(self, table: nodes.Table, seed: int = 0) -> None:
        self._types = {c.name: c.type for c in table.columns if isinstance(c.type, TextType)}
        self._columns = table.column_names
        self._rng = np.random.default_rng(seed)
        self._sources: dict[tuple[str | None, int], Strings] = {}
        self._literals: dict[str, None] = {}
        self._optional = {c.name for c in table.columns if c.optional}
        self._values: dict[str, z3.ArithRef] = {}

    def hear(self, backend: SmtBackend) -> None:
        """Take note of the strings that rules name."""
        for hidden in backend.hidden:
            if isinstance(hidden.term, core.TextIs):
                self._literals[hidden.term.text] = None

    def row(self, backend: SmtBackend, model: z3.ModelRef, *, texts: bool = True) -> Cells | None:
        """Return the row a model describes; None where no strings are found that fit.

        Without ``texts`` the text columns are ``''``.
        """
        cells: Cells = {}
        alike: dict[int | str, list[str]] = {}
        for column in self._columns:
            if column in self._optional and z3.is_true(model.eval(backend.null(column))):
                cells[column] = None
                continue
            value = self._values.get(column)
            if value is None:
                value = self._values[column] = backend.value(column)
            code = _number(model, value, backend.ranges[column])
            cells[column] = code
            if column in self._types:
                # A code the model leaves open is that of a string of its own.
                free = not z3.is_int_value(model.eval(value))
                alike.setdefault(column if free else code, []).append(column)
                cells[column] = ""
        taken: set[str] = set()
        for columns in alike.values() if texts else ():
            text = self._string(backend, model, columns, taken)
            if text is None:
                return None
            taken.add(text)
            cells |= dict.fromkeys(columns, text)
        return cells

    def facts_of(self, backend: SmtBackend, model: z3.ModelRef) -> list[z3.BoolRef]:
        """Return what a model says about texts, as formulas."""
        return [
            backend.value(hidden.name) == model.eval(backend.value(hidden.name))
            for column in self._types
            for _, hidden in text_facts(backend, column)
            if z3.is_int_value(model.eval(backend.value(hidden.name)))
        ]

    def impossible(self, backend: SmtBackend, model: z3.ModelRef) -> list[z3.BoolRef]:
        """Return things a model says of one text column that are true of no string; [] if none."""
        for column, kind in self._types.items():
            said = [
                (fact, hidden, value.as_long())
                for fact, hidden in text_facts(backend, column)
                if z3.is_int_value(value := model.eval(backend.value(hidden.name)))
            ]
            facts = [(fact, value) for fact, _, value in said]
            try:
                if facts and _found([kind.pattern], facts, kind.max_length) is None:
                    return [backend.value(h.name) == v for _, h, v in said]
            except TooLargeError:
                continue
        return []

    def _string(
        self, backend: SmtBackend, model: z3.ModelRef, columns: list[str], taken: set[str]
    ) -> str | None:
        """Return a string of which everything is true that the model says about these columns."""
        wanted: list[tuple[Fact, int]] = []
        for column in columns:
            for fact, hidden in text_facts(backend, column):
                said = model.eval(backend.value(hidden.name))
                if z3.is_int_value(said):
                    wanted.append((fact, said.as_long()))
        kinds = [self._types[c] for c in columns]
        lengths = [v for f, v in wanted if isinstance(f, core.TextLength)]
        patterns = [
            *(f.pattern for f, v in wanted if isinstance(f, core.TextMatch) and v == 1),
            *(k.pattern for k in kinds),
        ]
        most = min(k.max_length for k in kinds)
        drawn = (
            self._source(pattern, most).draw(self._rng, lengths[0] if lengths else None)
            for _ in range(TRIES)
            for pattern in dict.fromkeys([*patterns, None])
        )
        declared = [self._source(k.pattern, k.max_length) for k in kinds if k.pattern is not None]
        for text in chain(self._literals, drawn):
            if (
                text is not None
                and text not in taken
                and len(text) <= most
                and all(s.has(text) for s in declared)
                and all(fact_value(fact, text) == value for fact, value in wanted)
            ):
                return text
        others = [*wanted, *((core.TextIs(core.Var(""), t), 0) for t in taken)]
        try:
            return _found([k.pattern for k in kinds], others, most)
        except TooLargeError:
            return None

    def _source(self, pattern: str | None, most: int) -> Strings:
        if (pattern, most) not in self._sources:
            self._sources[pattern, most] = Strings(pattern, most)
        return self._sources[pattern, most]


def _found(declared: list[str | None], facts: list[tuple[Fact, int]], most: int) -> str | None:
    """Return a string of which all facts are true; None where there is none."""
    lengths = {v for f, v in facts if isinstance(f, core.TextLength)}
    if len(lengths) > 1:
        return None
    patterns = [(p, True) for p in declared if p is not None]
    patterns += [(f.pattern, bool(v)) for f, v in facts if isinstance(f, core.TextMatch)]
    literals = [(f.text, bool(v)) for f, v in facts if isinstance(f, core.TextIs)]
    return shortest(patterns, literals, most, lengths.pop() if lengths else None)


def _number(model: z3.ModelRef, value: z3.ArithRef, domain: tuple[int, int]) -> int:
    """Return a number of a model; of one that does not matter, the value nearest 0."""
    found = model.eval(value)
    if z3.is_int_value(found):
        return int(found.as_long())
    return min(max(0, domain[0]), domain[1])


def decoded(row: Mapping[str, int | str | None], table: nodes.Table) -> dict[str, Value | None]:
    """Return a row's values as Python objects."""
    return {
        c.name: v if (v := row[c.name]) is None or isinstance(v, str) else decode_value(c.type, v)
        for c in table.columns
    }
